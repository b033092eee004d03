#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
#
# Attach the images that tests/user/hostile made, one after the other, and read all files
# through each image.  An image must be refused for a reason, or be harmless.
#
# usage: hostile.py IMAGES DISK MOUNT COPY
#
# IMAGES is the output of "hostile dump" for /dev/disk/clean and /dev/disk/unclean.  DISK
# is the file behind /dev/loop0.  MOUNT is an NFS mount with fsc.  COPY is a directory
# with the right bytes of its files.
#
# Prints how many images were attached, through how many of them something was read
# ("warm"), and how many were refused with each error.

import collections
import errno
import glob
import os
import struct
import sys
import time

BLOCK = 4096
REASONS = {"EUCLEAN", "EOPNOTSUPP", "EMEDIUMTYPE"}


def images(stream):
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
        yield which[0], changes


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


stream_name, disk, mount, copy = sys.argv[1:]
wanted = {}
for where, _, names in os.walk(copy):
    for name in names:
        path = os.path.join(where, name)
        wanted[os.path.relpath(path, copy)] = open(path, "rb").read()
bases = [open("/dev/disk/" + name, "rb").read() for name in ("clean", "unclean")]
count = collections.Counter()
fd = os.open(disk, os.O_RDWR)
for number, (base, changes) in enumerate(images(open(stream_name, "rb"))):
    os.pwrite(fd, bases[base], 0)
    for block, data in changes:
        os.pwrite(fd, data, block * BLOCK)
    try:
        write("/sys/fs/cachefs/attach", "/dev/loop0")
    except OSError as error:
        count[errno.errorcode[error.errno]] += 1
        continue
    count["attached"] += 1
    directory = os.path.dirname(glob.glob("/sys/fs/cachefs/*/state")[0])
    for setting in ("max_in_flight_ms", "read_bypass_ms"):
        write(directory + "/" + setting, "0")
    while open(directory + "/recovered_percent").read() != "100\n" and \
          open(directory + "/state").read() != "failed\n":
        time.sleep(0.1)
    # The first round reads blocks of the image.  The second round may read blocks that
    # were stored in the first.
    for again in range(2):
        for path, content in wanted.items():
            if read_anew(os.path.join(mount, path)) != content:
                print("image", number, "wrong bytes", path)
                count["wrong"] += 1
        if not again and open(directory + "/stats/hit_bytes").read() != "0\n":
            count["warm"] += 1
    if open(directory + "/state").read() != "active\n":
        print("image", number, open(directory + "/state").read())
        count["state"] += 1
    write(directory + "/detach", "1")
print(*(f"{key} {value}" for key, value in count.items()))
sys.exit(bool(set(count) - REASONS - {"attached", "warm"}))
