#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0
#
# Read a page of FILE by a page fault, without readahead.  The page must be that of
# ORIGINAL.
#
# usage: fault.py FILE ORIGINAL OFFSET

import mmap
import sys

at = int(sys.argv[3])
with open(sys.argv[2], "rb") as file:
    file.seek(at)
    wanted = file.read(4096)
with open(sys.argv[1], "rb") as file:
    with mmap.mmap(file.fileno(), 0, prot=mmap.PROT_READ) as view:
        view.madvise(mmap.MADV_RANDOM)
        sys.exit(view[at:at + 4096] != wanted)
