#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# Power cuts: QEMU is killed while the cache is being filled, with files open,
# and while it wraps; the next boot attaches, serves no wrong byte, and has what
# was cached some seconds before.
#
# shellcheck source-path=SCRIPTDIR

set -eu
# shellcheck source=host.sh
. "$(dirname "$0")/host.sh"

new_disk cache 64M
new_disk srv 512M
in_guest <<'END'
nfs_server_start
for i in 1 2 3; do fill "$export_dir/f$i" 8M "$i"; done
fill "$export_dir/large" 100M 9
tree_sum "$export_dir" > "$export_dir/.sum"
sync
cachefs_load
cachefs_unload
check "prepared" true
END

for cut in 1 2 3 4; do
	# The file is held open, then the power goes at another moment each time.
	in_guest --cut-at 'CUT NOW' <<END
nfs_server_start
cachefs_load
nfs_mount
exec 5< "\$MNT/f1"
cat <&5 > /dev/null
settle
sleep 7
if [ $cut -gt 2 ]; then cat "\$MNT/large" > /dev/null & sleep 0.$((cut * 2)); fi
cat "\$MNT/f2" > /dev/null &
[ $cut != 1 ] || wait \$!
echo CUT NOW
sleep 60
END
	in_guest <<END
nfs_server_start
cachefs_load
nfs_mount
wanted=\$(cat "\$MNT/f1" | xxhsum -q -H2)
if [ $cut -le 2 ]; then
	check_equal "cut $cut: what was cached of an open file is warm" 0 "\$(rpc_reads)"
fi
check_equal "cut $cut: the right bytes of the open file" "\$(xxhsum -q -H2 < "\$export_dir/f1")" "\$wanted"
for file in f2 f3 large; do
	check_equal "cut $cut: the right bytes of \$file" "\$(xxhsum -q -H2 < "\$export_dir/\$file")" "\$(xxhsum -q -H2 < "\$MNT/\$file")"
done
nfs_umount
cachefs_unload
END
done
