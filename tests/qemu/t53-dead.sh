#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# A server that does not answer any more delays only its own readers.  Data from another
# server is stored, however many of these readers wait.
#
# bed: --smp 1 --disk-size cache:256M --disk-size srv:256M --timeout 400
# run: 6.1 all:debug
#
# shellcheck source-path=SCRIPTDIR disable=SC2119

set -eu
# shellcheck source=lib.sh
. /bed/lib.sh

readers=200
bytes=131072	# that each of them reads

nfs_server_start
fill "$export_dir/file" 4M 1
fill_many "$export_dir/files" $readers $bytes 2

# The same files from another server.
nfs_server_v3
other_server_start dead

cachefs_load
dir=$(cachefs_dir)
# Two thirds of the bytes that the readers ask for.
echo $((readers * bytes * 2 / 3)) > "$dir/max_in_flight_bytes"
nfs_mount
mkdir /mnt/dead
mount -t nfs -o "$other_options,actimeo=3600" "$other_server:$export_dir" /mnt/dead ||
	t_die "no mount of the second server: $(cat /run/other.log)"

# All files are open before the server dies.  Their data is compared when the server is
# back.
cat > /run/readers.py <<'END'
import os, sys, threading
names = sorted(os.listdir("/mnt/dead/files"))
files = [os.open("/mnt/dead/files/" + name, os.O_RDONLY) for name in names]
size, right = int(sys.argv[1]), []

def read(i):
    data = b""
    while len(data) < size:
        data += os.pread(files[i], size - len(data), len(data))
    with open("/srv/export/files/" + names[i], "rb") as file:
        right.append(file.read() == data)

print("open", flush=True)
sys.stdin.readline()
threads = [threading.Thread(target=read, args=(i,)) for i in range(len(files))]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
print(sum(right), flush=True)
END
mkfifo /run/go
python3 /run/readers.py $bytes < /run/go > /run/readers &
reader=$!
exec 6> /run/go
wait_for 120 grep -q open /run/readers || t_die "the files cannot be opened"
tc qdisc add dev nfs-dead root netem loss 100%
before=$(cachefs_stat miss_bytes)
echo >&6
all_wait()
{
	[ $(($(cachefs_stat miss_bytes) - before)) -ge $((readers * bytes)) ]
}
check "$readers readers wait for a server that does not answer" \
	wait_for 120 all_wait

stored=$(cachefs_stat stored_bytes)
check "another server's file: the bytes" cmp "$export_dir/file" "$MNT/file"
settle
check_equal "and all of it is stored" $((4 << 20)) \
	$(($(cachefs_stat stored_bytes) - stored))
nfs_umount
nfs_mount
reads=$(rpc_reads)
check "read again: the bytes" cmp "$export_dir/file" "$MNT/file"
check_equal "from the cache" "$reads" "$(rpc_reads)"
check "meanwhile nobody else has got an answer" kill -0 $reader

# TCP tries again less and less often.
tc qdisc del dev nfs-dead root
wait_for 900 grep -q '^[0-9]' /run/readers || t_die "the readers go on waiting"
check_equal "when the server answers again the readers have the right bytes" \
	$readers "$(tail -n 1 /run/readers)"
wait $reader
umount /mnt/dead
nfs_umount
cachefs_unload
