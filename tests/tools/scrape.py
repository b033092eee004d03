#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0
#
# Let a real Prometheus scrape a file of numbers, and print what Prometheus then answers to
# each query, one answer a line.
#
# usage: scrape.py PROMETHEUS FILE DIR QUERY...
#
# DIR is empty, and gets the data of Prometheus and its log.
import functools, http.server, json, os, socket, subprocess, sys, threading, time
import urllib.parse, urllib.request

SECONDS = 300	# the wait for an answer, at most

class Handler(http.server.SimpleHTTPRequestHandler):
	extensions_map = { "": "text/plain; version=0.0.4" }

	def log_message(self, *args):
		pass

def free_port():
	with socket.socket() as sock:
		sock.bind(("127.0.0.1", 0))
		return sock.getsockname()[1]

def answer(port, query):
	url = f"http://127.0.0.1:{port}/api/v1/query?" + urllib.parse.urlencode({"query": query})
	try:
		with urllib.request.urlopen(url, timeout=SECONDS) as reply:
			result = json.load(reply)["data"]["result"]
	except OSError:		# Prometheus does not listen yet
		return None
	return result[0]["value"][1] if result else None

def wait_for(process, port, query):
	end = time.monotonic() + SECONDS
	while time.monotonic() < end and process.poll() is None:
		value = answer(port, query)
		if value is not None:
			return value
		time.sleep(0.2)
	return "no answer"

program, file, work, *queries = sys.argv[1:]
# A proxy of the machine does not know this machine's ports.
urllib.request.install_opener(urllib.request.build_opener(urllib.request.ProxyHandler({})))
handler = functools.partial(Handler, directory=os.path.dirname(file))
server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
threading.Thread(target=server.serve_forever, daemon=True).start()
with open(f"{work}/prometheus.yml", "w") as config:
	config.write(f"""global:
  scrape_interval: 1s
scrape_configs:
- job_name: cachefs
  metrics_path: /{os.path.basename(file)}
  static_configs:
  - targets: ["127.0.0.1:{server.server_port}"]
""")
port = free_port()
with open(f"{work}/log", "w") as log:
	process = subprocess.Popen([program, f"--config.file={work}/prometheus.yml",
				    f"--storage.tsdb.path={work}/data",
				    f"--web.listen-address=127.0.0.1:{port}"],
				   stdout=log, stderr=log)
try:
	for query in queries:
		print(wait_for(process, port, query))
finally:
	process.terminate()
	process.wait()
	server.shutdown()
