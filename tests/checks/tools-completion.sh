# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
#
# The checks of completion.bash, for the part of 45-tools that is called "words".
# 45-tools has the functions and variables that are used here.
#
# shellcheck disable=SC2154

# bash completes the typed words, where "~" stands for the Tab key.  Then bash runs the
# line, which prints its words.  The names of devices and mount points are one word each,
# and no part of them is run.
completes()	# NAME TYPED WORD...
{
	local name=$1 typed=$2

	shift 2
	cat > "$tmp/keys" <<-END
		. tools/completion.bash
		. "$tmp/names"
		cachefsctl $typed
	END
	tr '~' '\t' < "$tmp/keys" > "$tmp/typed"
	rm -f "$tmp/words"
	TERM=dumb timeout 120 bash --norc --noprofile -i < "$tmp/typed" > "$tmp/out" 2>&1 || true
	if printf '%s\n' "$@" | cmp -s - "$tmp/words"; then
		result "bash completes $name" 0
	else
		result "bash completes $name" 1 "$(tail -n 3 "$tmp/out" | tr -cd ' -\176\n' | tr '\n' ';')"
	fi
}

check_completion()
{
	local quote names=$tmp/names ran=$tmp/ran

	mkdir -p "$tmp/files"
	# The output of lsblk and findmnt, except for a name that they would print in
	# another way.
	cat > "$names" <<-END
		lsblk() { cat "$names.raw"; }
		findmnt() { cat "$names.raw"; }
		cachefsctl() { printf '%s\n' "\$@" > "$tmp/words"; }
	END
	cat > "$names.raw" <<-END
		/a\\x20b"c'
		/c\\x5cx41
		/d\$(touch\${IFS}$ran)
		/e\`touch\${IFS}$ran\`
		/f;touch\\x20$ran
		/g*
		/h\\xc3\\xbc
	END
	for quote in "" \" \'; do
		completes "a blank and quotes: $quote" "doctor $quote/a~" doctor "/a b\"c'"
		completes "a backslash: $quote" "doctor $quote/c~" doctor '/c\x41'
		completes "a dollar: $quote" "doctor $quote/d~" doctor "/d\$(touch\${IFS}$ran)"
		completes "a backtick: $quote" "doctor $quote/e~" doctor "/e\`touch\${IFS}$ran\`"
	done
	completes "a dollar: a device" "attach /d~" attach "/d\$(touch\${IFS}$ran)"
	completes "a blank and quotes: a device" "attach /a~" attach "/a b\"c'"
	completes "a semicolon" "doctor /f~" doctor "/f;touch $ran"
	completes "a star" "doctor /g~" doctor '/g*'
	completes "UTF-8" "doctor /h~" doctor '/hü'
	completes "what is quoted already" 'doctor /a\ ~' doctor "/a b\"c'"
	: > "$tmp/files/a\$(touch \${IFS}file)"
	completes "a file" "pin add $tmp/files/~" pin add "$tmp/files/a\$(touch \${IFS}file)"
	ends "and nothing was run" 2 '' ls "$ran"
}
