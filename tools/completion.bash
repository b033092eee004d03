# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
#
# bash completion of cachefsctl

_cachefsctl()
{
	local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD - 1]}
	local verb=${COMP_WORDS[1]-} words="" kind=""

	COMPREPLY=()
	if [ "$COMP_CWORD" = 1 ]; then
		words="status top attach detach reload format wipe warm cached why evict pin
			doctor metrics report dump --help --version --sysroot"
		mapfile -t COMPREPLY < <(compgen -W "$words" -- "$cur")
		return
	fi
	case $verb:$prev in
	warm:-f|warm:--files|doctor:-F|doctor:--file|report:-H|report:--history|report:-o|\
	report:--output)
		mapfile -t COMPREPLY < <(compgen -f -- "$cur")
		return ;;
	warm:-j|warm:--jobs|warm:-l|warm:--limit|top:-d|top:--delay|top:-n|top:--iterations|\
	format:-L|format:--label)
		return ;;
	esac
	case $verb in
	status)		words="--bytes --check --json" ;;
	top)		words="--delay --iterations --batch" ;;
	attach)		words="--boot --create --dry-run" kind=device ;;
	detach)		words="--if-attached --wait" kind=device ;;
	reload)		words="--dry-run" ;;
	format)		words="--label --force --dry-run" kind=device ;;
	wipe)		words="--data --force --dry-run" kind=device ;;
	warm)		words="--jobs --limit --files --one-file-system --quiet" kind=file ;;
	cached)		words="--recursive --one-file-system --bytes --json" kind=file ;;
	why)		words="--json" kind=file ;;
	evict)		words="--recursive --one-file-system --quiet" kind=file ;;
	pin)		words="add remove list run --json --quiet"
			[ "$COMP_CWORD" = 2 ] || kind="file" ;;
	doctor)		words="--file" kind=mount ;;
	report)		words="--history --output" ;;
	dump)		words="--regions --extents --verify --json --udev" kind=device ;;
	esac
	case $cur:$kind in
	-*)		;;
	*:device)	words=$(lsblk -pnro name 2>/dev/null) ;;
	*:mount)	words=$(findmnt -nrt nfs,nfs4,cifs,smb3,9p -o target 2>/dev/null) ;;
	*:file)		mapfile -t COMPREPLY < <(compgen -f -- "$cur")
			return ;;
	esac
	[ "${cur#-}" = "$cur" ] || words+=" --help"
	mapfile -t COMPREPLY < <(compgen -W "$words" -- "$cur")
}

complete -o filenames -F _cachefsctl cachefsctl
