#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# Ask what the kernel has.  Each file in DIRECTORY is one question, written twice.  One
# variant compiles if the kernel has the feature.  The other variant, with ABSENT defined,
# compiles if the kernel lacks it.  Exactly one of the two must compile.  Anything else,
# such as a missing header or a flag that the compiler does not know, is no answer.
#
# usage: probe.sh DIRECTORY COMPILER [FLAG...]
#
# Prints a word for each question: NAME in capitals for yes, nothing for no,
# "failed:NAME" when there was no answer.  The compiler's errors for the first of these
# go to stderr.
# The last word is "asked".

dir=$1
shift
words=$(mktemp -d) || exit
trap 'rm -rf "$words"' EXIT HUP INT TERM

# Leave the compiler's output in FILE, and make FILE.yes if there was no error.  With
# -fms-extensions the members of a struct in a struct are members of both.
ask()		# FILE COMPILER [FLAG...]
{
	out=$1
	shift
	"$@" -fms-extensions -fsyntax-only >"$out" 2>&1 && : > "$out.yes"
}

for file in "$dir"/*.c; do
	name=${file##*/}
	name=${name%.c}
	ask "$words/$name.has" "$@" "$file" &
	ask "$words/$name.lacks" "$@" -DABSENT "$file" &
	wait
done
said=""
for file in "$dir"/*.c; do
	name=${file##*/}
	name=${name%.c}
	has=$words/$name.has lacks=$words/$name.lacks
	if [ -e "$has.yes" ] && [ ! -e "$lacks.yes" ]; then
		echo "$name" | tr '[:lower:]' '[:upper:]'
	elif [ -e "$has.yes" ] || [ ! -e "$lacks.yes" ]; then
		echo "failed:$name"
		[ "$said" ] || grep -h error "$has" "$lacks" | head -n 4 >&2
		said=1
	fi
done
echo asked
