#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# The part of bench/scale that runs in a guest: several processors read hits of one file
# through NFS.  The disk of the cache is null_blk, which keeps its data in memory and takes
# no time.
#
# usage: scale-guest.sh MIB READERS...
#
# Prints a JSON object for each number of READERS, which read blocks of 4 KiB in random
# order, each reader in a part of the file of its own.
#
# shellcheck source-path=SCRIPTDIR/../tests/qemu disable=SC2119

set -eu
# shellcheck source=../tests/qemu/lib.sh
. /bed/lib.sh

mib=$1
shift
nfs_server_start
fill "$export_dir/big" "${mib}M" 1
modprobe null_blk nr_devices=1 gb=1 memory_backed=1 hw_queue_depth=256
load netfs fscache
insmod /bed/cachefs.ko
echo "/dev/nullb0 format force" > /sys/fs/cachefs/attach
nfs_mount
# A slow emulated disk must not send reads to the server.
echo 0 > "$(cachefs_dir)/read_bypass_ms"
dd if="$MNT/big" of=/dev/null bs=1M status=none
settle

read_hits()	# READERS: prints JSON of fio
{
	fio --name=hits --filename="$MNT/big" --readonly --rw=randread --bs=4k \
		--ioengine=psync --invalidate=0 --fadvise_hint=random --randseed=7 \
		--numjobs="$1" --thread --size=$((mib / $1))M \
		--offset_increment=$((mib / $1))M --group_reporting --output-format=json
}

for readers; do
	drop_caches
	asked=$(rpc_reads)
	hits=$(cachefs_stat hit_bytes)
	read_hits "$readers" > /run/fio.json
	asked=$(($(rpc_reads) - asked))
	check_equal "$readers readers: READs" 0 "$asked"
	python3 - "$readers" "$(nproc)" "$asked" \
		$(($(cachefs_stat hit_bytes) - hits)) /run/fio.json <<-'END'
		import json, sys
		readers, processors, asked, hits = map(int, sys.argv[1:5])
		read = json.load(open(sys.argv[5]))["jobs"][0]["read"]
		print(json.dumps({"bench": "guest", "processors": processors,
				  "readers": readers, "reads": read["total_ios"],
				  "reads_per_s": round(read["iops"]), "hit_bytes": hits,
				  "server_reads": asked}))
	END
done
nfs_umount
cachefs_unload
