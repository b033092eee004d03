#compdef cachefsctl
# SPDX-License-Identifier: GPL-2.0
#
# zsh completion of cachefsctl

local -a verbs
local context state state_descr line
typeset -A opt_args

verbs=(
	'status:show the cache, each mount, and what is wrong'
	'top:show the same live, with rates'
	'attach:put a cache into service'
	'detach:take the cache out of service'
	'reload:change the module while file systems stay mounted'
	'format:make an empty cache on a device'
	'wipe:take a cache from a device'
	'warm:read files so that they are cached'
	'cached:show how much of files is cached'
	'why:say why a file is not cached'
	'evict:let go of what is cached of files'
	'pin:keep files in the cache'
	'doctor:check step by step whether a mount is cached'
	'bench:measure a disk, and a server beside it'
	'metrics:print the numbers for Prometheus'
	'report:make a page of HTML of all that'
	'dump:show what is on the disk of a cache'
)

_arguments -C \
	'--sysroot[read /proc and /sys below this directory]:directory:_directories' \
	'(- *)'{-h,--help}'[display help]' \
	'(- *)'{-V,--version}'[display the version]' \
	'1:verb:->verb' '*::argument:->argument'

case $state in
verb)
	_describe verb verbs
	;;
argument)
	case $words[1] in
	status)
		_arguments {-b,--bytes}'[print bytes]' \
			{-c,--check}'[print only what is wrong, and fail if something is]' \
			{-J,--json}'[print JSON]' {-h,--help}'[display help]'
		;;
	top)
		_arguments {-d,--delay}'[time between two looks]:seconds' \
			{-n,--iterations}'[end after so many]:number' \
			{-b,--batch}'[do not clear the screen]' {-h,--help}'[display help]'
		;;
	attach)
		_arguments {-B,--boot}'[attach what /etc/cachefs.conf says]' \
			{-c,--create}'[make a cache on a blank device]' \
			{-n,--dry-run}'[only say what would be done]' \
			{-h,--help}'[display help]' '1:device:_files'
		;;
	detach)
		_arguments {-i,--if-attached}'[no error if none is attached]' \
			{-w,--wait}'[wait no longer]:seconds:' \
			{-h,--help}'[display help]' '1:device:_files'
		;;
	reload)
		_arguments {-n,--dry-run}'[only say what would be done]' \
			{-h,--help}'[display help]'
		;;
	format)
		_arguments {-L,--label}'[a name]:label' {-f,--force}'[overwrite anything]' \
			{-n,--dry-run}'[only say what would be lost]' \
			{-h,--help}'[display help]' '1:device:_files'
		;;
	wipe)
		_arguments {-d,--data}'[overwrite all of it]' {-f,--force}'[whatever is there]' \
			{-n,--dry-run}'[only say what would be lost]' \
			{-h,--help}'[display help]' '1:device:_files'
		;;
	warm)
		_arguments {-j,--jobs}'[pieces at a time]:number' \
			{-l,--limit}'[bytes per second]:rate' \
			{-f,--files}'[read names from a file]:list:_files' \
			{-x,--one-file-system}'[stay on the file system]' \
			{-q,--quiet}'[print nothing]' {-h,--help}'[display help]' '*:path:_files'
		;;
	cached)
		_arguments {-r,--recursive}'[sum up files below directories]' \
			{-x,--one-file-system}'[stay on the file system]' \
			{-b,--bytes}'[print bytes]' {-J,--json}'[print JSON]' \
			{-h,--help}'[display help]' '*:path:_files'
		;;
	why)
		_arguments {-J,--json}'[print JSON]' {-h,--help}'[display help]' \
			'*:file:_files'
		;;
	evict)
		_arguments {-r,--recursive}'[all files below directories]' \
			{-x,--one-file-system}'[stay on the file system]' \
			{-q,--quiet}'[print nothing]' {-h,--help}'[display help]' '*:path:_files'
		;;
	pin)
		_arguments {-J,--json}'[list: print JSON]' \
			{-q,--quiet}'[run: print nothing]' {-h,--help}'[display help]' \
			'1:action:(add remove list run)' '*:path:_files'
		;;
	doctor)
		_arguments {-F,--file}'[the file to read]:file:_files' \
			{-h,--help}'[display help]' '1:mount:_directories'
		;;
	bench)
		_arguments {-t,--time}'[time for each measurement]:seconds:' \
			{-w,--write}'[also write to the device]' {-J,--json}'[print JSON]' \
			{-h,--help}'[display help]' '1:device:_files' '2:file:_files'
		;;
	metrics)
		_arguments {-o,--output}'[write the numbers to this file]:file:_files' \
			{-h,--help}'[display help]'
		;;
	report)
		_arguments {-H,--history}'[add a line to this file]:file:_files' \
			{-o,--output}'[write the page to this file]:file:_files' \
			{-h,--help}'[display help]'
		;;
	dump)
		_arguments {-r,--regions}'[list regions]' {-e,--extents}'[list extents]' \
			{-v,--verify}'[verify the data]' {-J,--json}'[print JSON]' \
			{-u,--udev}'[print lines for udev]' {-h,--help}'[display help]' \
			'1:device:_files'
		;;
	esac
	;;
esac
