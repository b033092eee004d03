# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
#
# For tests/user/mutants and tests/mutants-kernel: break one place in a copy of the
# sources, and count the results.
#
# With --dry-run as the first argument each of the two scripts only checks that all
# places are in the sources, each exactly once.  Nothing is built.

passed=0
mutants_failed=0
dry=""
if [ "${1:-}" = --dry-run ]; then
	dry=1
	shift
fi
only=("$@")
copy=""		# where sources are broken
broken=""	# the file that is

wanted()	# NAME
{
	local name

	[ ${#only[@]} -gt 0 ] || return 0
	for name in "${only[@]}"; do
		# shellcheck disable=SC2053 # a glob
		[[ $1 != $name ]] || return 0
	done
	return 1
}

# Replace the only match of OLD, a fixed string, by NEW.  Without NEW nothing changes.
# Print the error: no match, or more than one.
break_at()	# FILE OLD [NEW]
{
	OLD=$2 NEW=${3-$2} perl -0777 -e '
		open(my $in, "<", $ARGV[0]) or print("there is no $ARGV[0]"), exit;
		my $text = <$in>;
		my $n = () = $text =~ /\Q$ENV{OLD}\E/g;
		print("the code to break is not there"), exit if !$n;
		print("the code to break is there $n times"), exit if $n > 1;
		exit if $ENV{OLD} eq $ENV{NEW};
		substr($text, index($text, $ENV{OLD}), length($ENV{OLD})) = $ENV{NEW};
		open(my $out, ">", $ARGV[0]) or die;
		print $out $text' "$1"
}

# Make a copy of SOURCES to break.
copy_sources()	# DIR SOURCES...
{
	[ -z "$dry" ] || return 0
	copy=$1
	shift
	mkdir -p "$copy"
	(cd "$copy" && rm -rf "$@")
	cp -r "$@" "$copy"
}

# Mend the broken file.  make compares times: the copy is newer than its object.
mend()
{
	[ -z "$broken" ] || cp "$broken" "$copy/$broken"
	broken=""
}

# Break a place.  Return false if that fails, or if this is a dry run.
break_copy()	# NAME FILE OLD NEW
{
	local why

	mend
	if [ "$3" = "$4" ]; then
		lives "$1" "nothing is broken"
		return 1
	elif [ "$dry" ]; then
		why=$(break_at "$2" "$3")
	else
		broken=$2
		why=$(break_at "$copy/$2" "$3" "$4")
	fi
	if [ "$why" ]; then
		lives "$1" "$2: $why"
		return 1
	fi
	[ -z "$dry" ] || passed=$((passed + 1))
	[ -z "$dry" ]
}

killed()	# NAME BY
{
	echo "ok mutant $1 - caught by $2"
	passed=$((passed + 1))
}

lives()		# NAME WHY
{
	echo "not ok mutant $1 - $2"
	mutants_failed=$((mutants_failed + 1))
}

summary()	# sets the exit status
{
	echo "$((passed + mutants_failed)) mutants: $passed passed, $mutants_failed failed"
	[ "$passed" != 0 ] && [ "$mutants_failed" = 0 ]
}
