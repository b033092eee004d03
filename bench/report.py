#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""Print tables of the results of bench/guest.sh: report.py FILE."""
import statistics
import sys

FIELDS = ("seconds", "cpu", "bytes", "reads", "read", "written")


def load(path):
    """(workload, mode) -> list of results; mode -> list of KiB; modes that died."""
    results, memory, died = {}, {}, []
    for line in open(path, encoding="utf-8"):
        words = line.split()
        if words[:1] == ["result"]:
            values = dict(zip(FIELDS, map(float, words[3:])))
            results.setdefault((words[2], words[1]), []).append(values)
        elif words[:1] == ["memory"]:
            memory.setdefault(words[1], []).append(int(words[2]))
        elif words[:1] == ["died"]:
            died.append(words[1])
    return results, memory, died


def spread(values, form):
    """Median, and minimum to maximum if there are several values."""
    text = form % statistics.median(values)
    if len(values) > 1:
        text += " (%s-%s)" % (form % min(values), form % max(values))
    return text


def table(title, rows, columns, cell):
    widths = [max(len(row) for row in rows)] + [max(
        [len(column)] + [len(cell(row, column)) for row in rows])
        for column in columns]
    print(title + "\n")
    for line in ([[""] + columns, ["-" * width for width in widths]] +
                 [[row] + [cell(row, column) for column in columns]
                  for row in rows]):
        print("| " + " | ".join(text.ljust(width) for text, width
                                in zip(line, widths)) + " |")
    print()


def main():
    results, memory, died = load(sys.argv[1])
    rows = list(dict.fromkeys(workload for workload, _ in results))
    columns = list(dict.fromkeys(mode for _, mode in results))

    def per_run(field):
        def cell(row, column):
            runs = results.get((row, column), [])
            return spread([run[field] for run in runs], "%.0f") if runs else ""
        return cell

    def speed(row, column):
        runs = results.get((row, column), [])
        return spread([run["bytes"] / run["seconds"] / 1e6
                       for run in runs if run["seconds"]], "%.1f") if runs else ""

    def cpu(row, column):
        runs = results.get((row, column), [])
        return spread([run["cpu"] for run in runs], "%.2f") if runs else ""

    table("MB/s", rows, columns, speed)
    table("Processor seconds", rows, columns, cpu)
    table("READ requests", rows, columns, per_run("reads"))
    table("Sectors read from the cache's disk", rows, columns, per_run("read"))
    table("Sectors written to it", rows, columns, per_run("written"))
    table("Kernel memory more than before, caches dropped, KiB",
          ["memory"], columns,
          lambda _, column: spread(memory[column], "%d"))
    for mode in sorted(set(died)):
        print("The daemon of %s died %d times; those rounds were repeated."
              % (mode, died.count(mode)))


main()
