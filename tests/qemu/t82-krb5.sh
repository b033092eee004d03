#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# Mounts with sec=krb5, krb5i and krb5p are cached as any other mount, and data that one
# flavour stored is there for the next one.  NFS itself decides who may read: a user
# without a ticket, or without permission, gets no byte, cached or not.
#
# bed: --smp 1 --disk-size cache:256M --disk-size srv:256M
# run: all:debug sleeps
#
# shellcheck source-path=SCRIPTDIR disable=SC2119

set -eu
# shellcheck source=lib.sh
. /bed/lib.sh

realm=CACHEFS.TEST
names=(server.cachefs.test client.cachefs.test)

# --- a KDC with both hosts and two users; bob never has a ticket

kdc_start()
{
	cat >> /etc/hosts <<-END
	$server ${names[0]}
	$client ${names[1]}
	END
	hostname "${names[1]}"
	cat > /etc/krb5.conf <<-END
	[libdefaults]
		default_realm = $realm
		dns_lookup_kdc = false
		dns_canonicalize_hostname = false
		rdns = false
	[realms]
		$realm = {
			kdc = 127.0.0.1
		}
	[domain_realm]
		.cachefs.test = $realm
	END
	cat > /etc/idmapd.conf <<-END
	[General]
	Domain = cachefs.test
	Local-Realms = $realm
	END
	mkdir -p /etc/krb5kdc /var/lib/krb5kdc
	rm -f /etc/krb5kdc/kdc.conf
	kdb5_util create -s -r "$realm" -P master
	kadmin.local -q "addprinc -randkey nfs/${names[0]}"
	kadmin.local -q "addprinc -randkey nfs/${names[1]}"
	kadmin.local -q "ktadd nfs/${names[0]} nfs/${names[1]}"
	for user in alice carol; do
		kadmin.local -q "addprinc -pw $user $user"
	done
	krb5kdc
	for user in alice bob carol; do
		useradd -M "$user"
	done
	for user in alice carol; do
		as "$user" kinit "$user" <<< "$user"
	done
}

as()		# USER COMMAND...
{
	local user=$1

	shift
	setpriv --reuid "$user" --regid "$user" --clear-groups -- "$@"
}

tree_sum_as()	# USER
{
	as "$1" bash -c "$(declare -f tree_sum); tree_sum $MNT"
}

mount_sec()	# FLAVOUR [OPTION]
{
	what="sec=$1${2:+,$2}"
	mount -t nfs -o "${2:-fsc},vers=4.2,sec=$1" \
		"${names[0]}:$export_dir" "$MNT" || return
	check "$what: it is mounted so" grep -q "^[^ ]* $MNT .*sec=$1," \
		/proc/mounts
}

# Whether a process has a file open whose name ends with END.  Both daemons of RPCSEC_GSS
# return before they listen.  A request of the kernel that nobody listens to is denied.
is_open()	# END
{
	local link

	for link in /proc/[0-9]*/fd/*; do
		[[ $(readlink "$link") != *"$1" ]] || return 0
	done
	return 1
}

# Print the error that cat gives to a user who may not read a file.
refused()	# USER FILE
{
	as "$1" cat "$MNT/$2" 2>&1 >/dev/null | sed 's/.*: //'
}

nfs_server_start
load auth_rpcgss rpcsec_gss_krb5
kdc_start >/run/kdc.log 2>&1 || t_die "no KDC: $(tail -n 5 /run/kdc.log)"
cat > /etc/exports <<-END
$export_dir *(rw,async,no_subtree_check,insecure,fsid=$export_fsid,sec=sys:krb5:krb5i:krb5p)
END
srv_exec exportfs -ra
srv_exec rpc.svcgssd -p "nfs/${names[0]}@$realm"
wait_for 60 is_open /auth.rpcsec.init/channel || t_die "rpc.svcgssd does not listen"
mkdir -p /run/rpc_pipefs
mount -t rpc_pipefs rpc_pipefs /run/rpc_pipefs
rpc.gssd
# The kernel has a pipe by which it sees whether rpc.gssd is there.
wait_for 60 is_open /gssd/clntXX/gssd || t_die "rpc.gssd does not listen"

fill "$export_dir/large" 1000001 1
fill_many "$export_dir/small" 8 5000 2
fill "$export_dir/private" 10000 3
chown alice "$export_dir/private"
chmod 600 "$export_dir/private"
wanted=$(tree_sum "$export_dir")
cachefs_load

mount_sec krb5
check_equal "$what: the right bytes" "$wanted" "$(tree_sum_as alice)"
check_range "$what: from the server" 1 1000000 "$(rpc_reads)"
settle
umount "$MNT"
for flavour in krb5 krb5i krb5p; do
	drop_caches
	if ! mount_sec "$flavour"; then
		# The server of stable Linux 6.1 begins to decode decrypted data with the
		# words before the data, and the client gets EIO.
		! mount_sec "$flavour" nofsc || t_die "no mount with a cache"
		t_skip "sec=$flavour" "this kernel's server does not know how"
		continue
	fi
	check_equal "$what, cached: the right bytes" "$wanted" \
		"$(tree_sum_as alice)"
	# Also from the page cache.
	check_equal "$what, cached: nobody without a ticket reads it" \
		"Permission denied" "$(refused bob large)"
	check_equal "$what, cached: nor with one but without permission" \
		"Permission denied" "$(refused carol private)"
	check_equal "$what: no READ" 0 "$(rpc_reads)"
	umount "$MNT"
done
drop_caches
mount_sec krb5 nofsc
check_equal "$what: without a cache it is the same without a ticket" \
	"Permission denied" "$(refused bob large)"
check_equal "$what: and without permission" \
	"Permission denied" "$(refused carol private)"
umount "$MNT"
drop_caches
mount_sec sys
check_equal "$what, cached: the right bytes" "$wanted" "$(tree_sum_as alice)"
check_equal "$what: no READ" 0 "$(rpc_reads)"
check_equal "$what, cached: not without permission" \
	"Permission denied" "$(refused carol private)"
umount "$MNT"
cachefs_unload
