# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
#
# Sourced by 45-tools: a real Prometheus reads what "cachefsctl metrics" prints.

# Prometheus has each number of the file, and no other number of cachefs.
check_scrape()
{
	local prometheus

	if ! prometheus=$(type -P prometheus); then
		echo "skip tools a scrape - no prometheus (make bed)"
		return
	fi
	tree healthy
	mkdir "$tmp/served" "$tmp/scrape"
	ends "metrics: a file for Prometheus" 0 '' sys metrics --output "$tmp/served/cachefs.prom"
	grep -c '^cachefs_' "$tmp/served/cachefs.prom" > "$tmp/numbers"
	ends "Prometheus scrapes the file" 0 '' python3 tests/tools/scrape.py "$prometheus" \
		"$tmp/served/cachefs.prom" "$tmp/scrape" \
		'cachefs_hit_bytes_total{uuid="b5f1a1c0-1111-4222-8333-444455556666"}' \
		'count({__name__=~"cachefs_.*"})' 'min(up)'
	cp "$tmp/out" "$tmp/answers"
	ends "and has the bytes that came from the cache" 0 '^9000000000$' \
		sed -n 1p "$tmp/answers"
	ends "and has all numbers" 0 "^$(cat "$tmp/numbers")\$" sed -n 2p "$tmp/answers"
	ends "and found no fault in them" 0 '^1$' sed -n 3p "$tmp/answers"
}
