#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0
#
# Run a command on a terminal with COLUMNS columns and ROWS rows, and print the screen at
# the end, as such a terminal shows it: long lines go on in the next row, and too many
# rows push the first rows out.
#
# usage: terminal.py COLUMNS ROWS COMMAND...
#
# BUSY="FILE=STEP ..." adds STEP to the number in each FILE before each look of the
# command.  The command is ended when the screen matches LAST, a regular expression.
import fcntl, os, pty, re, struct, sys, termios, time

class Terminal:
	def __init__(self, columns, rows):
		self.columns, self.rows = columns, rows
		self.clear()

	def clear(self):
		self.lines, self.row, self.column = [""], 0, 0

	def put(self, c):
		if self.column == self.columns:
			self.newline()
		line = self.lines[self.row].ljust(self.column)
		self.lines[self.row] = line[:self.column] + c + line[self.column + 1:]
		self.column += 1

	def newline(self):
		self.row, self.column = self.row + 1, 0
		if self.row == len(self.lines):
			self.lines.append("")
		if len(self.lines) > self.rows:
			del self.lines[0]
			self.row -= 1

	def feed(self, text):
		for part in re.findall(r"\x1b\[H\x1b\[J|\x1b\[K|.", text, re.S):
			if part == "\x1b[H\x1b[J":
				self.clear()
			elif part == "\x1b[K":
				self.lines[self.row] = self.lines[self.row][:self.column]
			elif part == "\r":
				self.column = 0
			elif part == "\n":
				self.newline()
			else:
				self.put(part)

	def text(self):
		return "".join(line.rstrip() + "\n" for line in self.lines).rstrip("\n") + "\n"

def add(busy):
	for path, step in busy:
		with open(path) as file:
			number = int(file.read())
		with open(path + ".new", "w") as file:
			file.write(f"{number + int(step)}\n")
		os.replace(path + ".new", path)

columns, rows = map(int, sys.argv[1:3])
busy = [item.rsplit("=", 1) for item in os.environ.get("BUSY", "").split()]
last = os.environ.get("LAST")
ready, sized = os.pipe()
pid, fd = pty.fork()
if not pid:
	os.read(ready, 1)
	os.execvp(sys.argv[3], sys.argv[3:])
fcntl.ioctl(fd, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
os.write(sized, b".")
terminal = Terminal(columns, rows)
data = b""
began = time.monotonic()
while time.monotonic() < began + 120:
	try:
		some = os.read(fd, 65536)
	except OSError:
		break
	if not some:
		break
	data += some
	terminal.clear()
	terminal.feed(data.decode(errors="replace"))
	if last and re.search(last, terminal.text(), re.M):
		break
	add(busy)
os.close(fd)
os.waitpid(pid, 0)
sys.stdout.write(terminal.text())
