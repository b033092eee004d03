#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""Turn the results of kunit.py into one line for each case.

usage: kunit-report.py RESULTS.json KERNEL.log "CASE..."

The results come from kunit.py's own parser.  The kernel's log says why a case failed or
was skipped, and whether the kernel complained about anything.  Each CASE must be among
the results.
"""

import json
import re
import sys

BAD = re.compile(
    r'BUG:|WARNING:|UBSAN:|KASAN:|KCSAN:|Oops|Call Trace|Kernel panic'
    r'|possible (circular|recursive)|inconsistent lock|suspicious RCU'
    r'|bad unlock balance|invalid wait context|lock held when returning'
    r'|sleeping function|scheduling while atomic|blocked for more than'
    r'|unreferenced object|kmemleak: \d+ new|ODEBUG|refcount_t'
    r'|general protection|detected stalls|soft lockup|slab error')
END = 'leaks looked for'

# A case's result in the log: indented by its depth, behind the console's time.
RESULT = re.compile(r'^(\s+)(not )?ok \d+ (.*)$')
SUBTEST = re.compile(r'^(\s+)# Subtest: (\S+)')


def name_of(words):
    """Return a name of one word, without the "# SKIP why" that may follow it."""
    return re.sub(r'\s+', '_', words.split(' # ')[0].strip())


def cases_of(group, path=()):
    """Yield (name, status) of each case."""
    for sub in group['sub_groups']:
        yield from cases_of(sub, path + (sub['name'],))
    for case in group['test_cases']:
        yield '.'.join(name_of(part) for part in path + (case['name'],)), \
            case['status']


def read_log(path):
    """Return why cases failed or were skipped, the complaints, and if the log ends."""
    why, bad, notes, path_now, ended = {}, [], [], [], False
    with open(path, errors='replace') as log:
        for line in log:
            line = re.sub(r'^\[ *[\d.]+\](\[ *[TC]\d+\])? ?', '', line.rstrip())
            subtest = SUBTEST.match(line)
            result = RESULT.match(line)
            if line == END:
                ended = True
            elif subtest:
                depth = len(subtest.group(1)) // 4
                path_now = path_now[:depth - 1] + [subtest.group(2)]
                notes = []
            elif result:
                depth = len(result.group(1)) // 4
                name = '.'.join(path_now[:depth] + [name_of(result.group(3))])
                if result.group(2):
                    why[name] = ' '.join(notes)
                elif '# SKIP' in line:
                    why[name] = line.split('# SKIP', 1)[1].strip()
                path_now = path_now[:depth]
                notes = []
            elif BAD.search(line):
                bad.append(f'{line.strip()} (after {".".join(path_now)})')
            elif '# ' in line or line.startswith('        '):
                if len(notes) < 8 and not re.match(r'\s*(KTAP|\d+\.\.\d+|#.*:'
                                                   r' pass:\d)', line):
                    notes.append(line.strip().lstrip('# '))
    return why, bad, ended


def main():
    results, log, wanted = sys.argv[1], sys.argv[2], sys.argv[3].split()
    with open(results) as file:
        cases = list(cases_of(json.load(file)))
    why, bad, ended = read_log(log)
    failed = 0

    def not_ok(text):
        nonlocal failed
        failed += 1
        print(f'not ok kunit {text}')

    ran = 0
    for name, status in cases:
        reason = why.get(name, '')
        if status == 'PASS':
            print(f'ok kunit {name}')
            ran += 1
        elif status == 'SKIP':
            print(f'skip kunit {name} - {reason or "no reason given"}')
        else:
            not_ok(f'{name} - {reason or status.lower()}')
            ran += 1
    known = {part for name, _ in cases for part in name.split('.')}
    lost = [name for name in wanted if name not in known]
    if lost or not ran:
        not_ok(f'all cases - {ran} ran, not among them: {" ".join(lost)}')
    else:
        print('ok kunit all cases')
    if bad:
        not_ok(f'kernel log - {len(bad)} complaints')
        for line in bad[:40]:
            print(f'# {line}')
    elif not ended:
        not_ok('kernel log - the kernel died before its end')
    else:
        print('ok kunit kernel log')
    return 1 if failed else 0


if __name__ == '__main__':
    sys.exit(main())
