#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
#
# Attach one image after the other that tests/user/hostile made, and read a file
# through each: it is refused for a reason, or harmless.
#
# usage: hostile.py IMAGES DISK FILE COPY
#
# IMAGES is what "hostile dump" printed, DISK what is behind /dev/loop0, FILE on
# an NFS mount with fsc, and COPY has the bytes that it must have.

import collections
import errno
import glob
import os
import struct
import sys

BLOCK = 4096
REASONS = {"EUCLEAN", "EOPNOTSUPP", "EMEDIUMTYPE"}


def images(stream, size):
    bases = [stream.read(size), stream.read(size)]
    while True:
        which = stream.read(1)
        if not which:
            return
        changes = []
        while True:
            block = struct.unpack("<I", stream.read(4))[0]
            if block == 0xFFFFFFFF:
                break
            changes.append((block, stream.read(BLOCK)))
        yield bases[which[0]], changes


def write(path, text):
    fd = os.open(path, os.O_WRONLY)
    try:
        os.write(fd, text.encode())
    finally:
        os.close(fd)


def read_anew(path):
    fd = os.open(path, os.O_RDONLY)
    try:
        os.posix_fadvise(fd, 0, 0, os.POSIX_FADV_DONTNEED)
        return os.read(fd, 1 << 24)
    finally:
        os.close(fd)


stream_name, disk, path, copy = sys.argv[1:]
wanted = open(copy, "rb").read()
count = collections.Counter()
fd = os.open(disk, os.O_RDWR)
size = os.fstat(fd).st_size
for number, (base, changes) in enumerate(images(open(stream_name, "rb"), size)):
    os.pwrite(fd, base, 0)
    for block, data in changes:
        os.pwrite(fd, data, block * BLOCK)
    try:
        write("/sys/fs/cachefs/attach", "/dev/loop0")
    except OSError as error:
        count[errno.errorcode[error.errno]] += 1
        continue
    count["attached"] += 1
    directory = os.path.dirname(glob.glob("/sys/fs/cachefs/*/state")[0])
    for _ in range(2):
        if read_anew(path) != wanted:
            print("image", number, "wrong bytes")
            count["wrong"] += 1
    if open(directory + "/state").read() != "active\n":
        print("image", number, open(directory + "/state").read())
        count["state"] += 1
    write(directory + "/detach", "1")
print(*(f"{key} {value}" for key, value in count.items()))
sys.exit(bool(set(count) - REASONS - {"attached"}))
