# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
#
# bash completion of cachefsctl

# Offer the words that begin with the typed text, quoted like the typed text.  Other users
# choose the names of devices and mount points: "compgen -W" would run commands in them.
_cachefsctl_words()	# WORD...
{
	local word quoted c

	for word; do
		printf -v quoted %q "$word"
		case $cur in
		\"*)	quoted=$word
			for c in \\ \" \$ \`; do
				quoted=${quoted//"$c"/"\\$c"}
			done
			quoted=\"$quoted\" ;;
		\'*)	quoted=\'${word//\'/"'\\''"}\' ;;
		esac
		if [[ $word = "$cur"* || $quoted = "$cur"* ]]; then
			COMPREPLY+=("$quoted")
		fi
	done
}

# Offer the names that a command prints in its raw format: one name a line, with \xNN for
# blanks, backslashes and the like.
_cachefsctl_raw()	# COMMAND...
{
	local lines i

	mapfile -t lines < <("$@" 2> /dev/null)
	for i in "${!lines[@]}"; do
		printf -v "lines[i]" %b "${lines[i]}"
	done
	_cachefsctl_words "${lines[@]}"
}

# Offer the names of files.  bash quotes them.
_cachefsctl_files()
{
	compopt -o filenames 2> /dev/null
	mapfile -t COMPREPLY < <(compgen -f -- "$cur")
}

_cachefsctl()
{
	local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD - 1]}
	local verb=${COMP_WORDS[1]-} kind="" words=()

	COMPREPLY=()
	if [ "$COMP_CWORD" = 1 ]; then
		_cachefsctl_words status top attach detach reload format wipe warm cached why \
			evict pin doctor bench metrics report dump --help --version --sysroot
		return
	fi
	case $verb:$prev in
	warm:-f|warm:--files|doctor:-F|doctor:--file|report:-H|report:--history|report:-o|\
	report:--output|metrics:-o|metrics:--output)
		_cachefsctl_files
		return ;;
	warm:-j|warm:--jobs|warm:-l|warm:--limit|top:-d|top:--delay|top:-n|top:--iterations|\
	format:-L|format:--label|bench:-t|bench:--time)
		return ;;
	esac
	case $verb in
	status)		words=(--bytes --check --json) ;;
	top)		words=(--delay --iterations --batch) ;;
	attach)		words=(--boot --create --dry-run) kind=device ;;
	detach)		words=(--if-attached --wait) kind=device ;;
	reload)		words=(--dry-run) ;;
	format)		words=(--label --force --dry-run) kind=device ;;
	wipe)		words=(--data --force --dry-run) kind=device ;;
	warm)		words=(--jobs --limit --files --one-file-system --quiet) kind=file ;;
	cached)		words=(--recursive --one-file-system --bytes --json) kind=file ;;
	why)		words=(--json) kind=file ;;
	evict)		words=(--recursive --one-file-system --quiet) kind=file ;;
	pin)		words=(add remove list run --json --quiet)
			[ "$COMP_CWORD" = 2 ] || kind="file" ;;
	doctor)		words=(--file) kind=mount ;;
	bench)		words=(--time --write --json) kind=device
			[[ $prev == bench || $prev == -* ]] || kind="file" ;;
	metrics)	words=(--output) ;;
	report)		words=(--history --output) ;;
	dump)		words=(--regions --extents --verify --json --udev) kind=device ;;
	esac
	case $cur:$kind in
	-*)		;;
	*:device)	_cachefsctl_raw lsblk -pnro name
			return ;;
	*:mount)	_cachefsctl_raw findmnt -nrt nfs,nfs4,cifs,smb3,9p -o target
			return ;;
	*:file)		_cachefsctl_files
			return ;;
	esac
	[ "${cur#-}" = "$cur" ] || words+=(--help)
	_cachefsctl_words "${words[@]}"
}

complete -F _cachefsctl cachefsctl
