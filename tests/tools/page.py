#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0
#
# Check a page of cachefsctl report.
#
# usage: page.py PAGE STATUS [POINTS]
#
# PAGE is whole and needs nothing from elsewhere.  It has all mounts, problems and numbers
# of STATUS, the JSON of "cachefsctl status".  It is as wide as a phone, and dark if the
# reader's other pages are dark.  Each line of a picture has POINTS points, all inside the
# picture, and numbers and times beside it.
import html.parser, json, re, sys

VOID = "meta", "br", "path"
KNOWN = ("html head meta title style body h1 h2 p b br div span table tr th td svg path "
	 "polyline").split()
KNOWN_ATTRIBUTES = ("class charset colspan content d lang name points preserveaspectratio "
		    "viewbox").split()

class Page(html.parser.HTMLParser):
	def __init__(self):
		super().__init__()
		self.open = []
		self.text = []
		self.lines = []
		self.divs = []
		self.within = {}
		self.rows = {}
		self.name = None

	def handle_starttag(self, tag, attributes):
		assert tag in KNOWN, tag
		for name, value in attributes:
			assert name in KNOWN_ATTRIBUTES, name
			if (tag, name) == ("div", "class"):
				self.divs.append(value)
		if tag == "polyline":
			self.lines.append(dict(attributes)["points"])
		elif tag not in VOID:
			self.open.append(tag)

	def handle_startendtag(self, tag, attributes):
		self.handle_starttag(tag, attributes)

	def handle_endtag(self, tag):
		assert self.open and self.open.pop() == tag, tag

	def handle_data(self, data):
		self.text.append(data)
		if self.open[-1:] == ["th"]:
			self.name = data
		elif self.open[-2:] == ["div", "span"]:
			self.within.setdefault(self.divs[-1], []).append(data)
		elif self.open[-1:] == ["td"] and self.name:
			self.rows[self.name] = data
			self.name = None

with open(sys.argv[1]) as file:
	content = file.read()
assert content.startswith("<!DOCTYPE html>")
assert not re.search(r"https?:|url\(|@import", content), "something from elsewhere"
page = Page()
page.feed(content)
page.close()
assert not page.open, page.open
text = "".join(page.text)

assert '<meta name="viewport" content="width=device-width' in content, "no page for a phone"
style = content[:content.index("</style>")]
assert "prefers-color-scheme: dark" in style, "no dark page"
assert set(re.findall(r"var\((--\w+)\)", style)) == set(re.findall(r"(--\w+):", style))
assert not re.search(r"#[0-9a-f]{3}", style.split("\nbody", 1)[1]), "a colour for light only"
assert content.count("<th>Mount</th>") == page.divs.count("wide"), "a cut table"

with open(sys.argv[2]) as file:
	status = json.load(file)
assert status["module"]["kernel"] in text
for mount in status["mounts"]:
	assert mount["target"] in text and mount["source"] in text, mount
for problem in status["problems"]:
	for key in "about", "what", "advice":
		assert problem[key] in text, problem
assert ("Nothing is wrong." in text) == all(problem["level"] == "note"
					     for problem in status["problems"])
for cache in status["caches"]:
	stats = cache["stats"]
	read = stats["hit_bytes"] + stats["miss_bytes"]
	assert page.rows["State"] == cache["state"], page.rows
	assert page.rows["From the cache"] == f"{100 * stats['hit_bytes'] / read:.1f}%", page.rows
	errors = ", ".join(str(stats[name]) for name in
			   ("read_errors", "write_errors", "checksum_errors"))
	assert page.rows["Errors: read, write, checksum"] == errors, page.rows

if len(sys.argv) > 3:
	assert len(page.lines) == 4, page.lines
	for line in page.lines:
		points = [tuple(map(float, point.split(","))) for point in line.split()]
		assert len(points) == int(sys.argv[3]), points
		assert all(0 <= x <= 800 and 0 <= y <= 160 for x, y in points), points
		assert points == sorted(points, key=lambda point: point[0]), points
	for numbers in page.within["y"][:3], page.within["y"][3:]:
		assert len(numbers) == 3 and numbers[2] == "0", numbers
		assert all(re.fullmatch(r"[\d.]+[BKMGT]/s", number) for number in numbers[:2])
	for times in page.within["x"][:3], page.within["x"][3:]:
		assert len(times) == 3, times
		assert all(re.fullmatch(r"\d\d-\d\d \d\d:\d\d", time) for time in times), times
else:
	assert not page.lines and not page.within
