# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
#
# For tests/user/mutants and tests/mutants-kernel: break one place in a copy of the
# sources, and count what becomes of it.

passed=0
mutants_failed=0
only=("$@")

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

# A match of OLD, a fixed string, becomes NEW; with N, the Nth match.
break_at()	# FILE OLD NEW [N]
{
	OLD=$2 NEW=$3 NTH=${4:-1} perl -0pi -e '
		my ($old, $new, $nth) = @ENV{qw(OLD NEW NTH)};
		my ($at, $n) = (0, 0);
		while (($at = index($_, $old, $at)) >= 0) {
			if (++$n == $nth) {
				substr($_, $at, length($old)) = $new;
				last;
			}
			$at++;
		}
		END { exit($n < $nth) }' "$1"
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
