#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# The manual pages: every key of the policies' schema, every command and option, and no
# complaint of the formatter.
set -uo pipefail
cd "$(dirname "$0")/../.." || exit 1
# shellcheck source=tests/lib/tap.sh
. tests/lib/tap.sh

bin=${BUILD:-build}/host

# schema_keys: full names of all keys, by what host-agent/io/policy_schema.c has
schema_keys() {
	awk '
	/^static const cyaml_schema_field_t/ { split($4, part, "["); list = part[1] }
	/^\};/ { list = "" }
	list && /\("/ {
		line = $0
		while (match(line, /[A-Z]+\("[^"]*"[^)]*\)/)) {
			call = substr(line, RSTART, RLENGTH)
			line = substr(line, RSTART + RLENGTH)
			kind = substr(call, 1, index(call, "(") - 1)
			split(call, word, "\"")
			under = call
			sub(/.*, */, "", under)
			sub(/\)$/, "", under)
			count++
			lists[count] = list
			keys[count] = word[2]
			unders[count] = kind ~ /^(SECTION|MAPPING)$/ ? under : ""
		}
	}
	function show(list, before,   i) {
		for (i = 1; i <= count; i++) {
			if (lists[i] != list)
				continue
			if (unders[i])
				show(unders[i], before keys[i] ".")
			else
				print before keys[i]
		}
	}
	END { show("root", "") }' host-agent/io/policy_schema.c
}

# missing_words PAGE WORD...: those that do not stand in the page, as a reader sees it
missing_words() {
	local page=$1 word text
	shift
	text=$(MANWIDTH=1000 man -l -E UTF-8 "$page" 2>/dev/null | col -b)
	for word; do
		grep -qF -e "$word" <<<"$text" || echo "$word"
	done
}

mapfile -t keys < <(schema_keys)
is "$((${#keys[@]} > 50))" 1 "the schema has keys (${#keys[@]})"
is "$(missing_words docs/fother-policy.5 "${keys[@]}")" "" "fother-policy(5) has each of them"
is "$(missing_words docs/fother-policy.5 rollout.no-such-key)" rollout.no-such-key "and is not taken to have others"
is "$(tools/policy-man | cmp - docs/fother-policy.5 2>&1)" "" \
	"it is what tools/policy-man makes of policies/README.md: run that again"

mapfile -t commands < <("$bin/fother" complete "")
is "$((${#commands[@]} > 5))" 1 "fother has commands"
is "$(missing_words docs/fother.1 "${commands[@]}")" "" "fother(1) has each of them"
mapfile -t options < <("$bin/fotherd" --help | grep -o -- '--[a-z-]*' | grep -vx -- --fault | sort -u)
is "$(missing_words docs/fotherd.8 "${options[@]}")" "" "fotherd(8) has each option"
mapfile -t options < <(for command in "${commands[@]}"; do
	"$bin/fother" "$command" --help
done | grep -o -- '--[a-z][a-z-]*' | sort -u)
is "$(missing_words docs/fother.1 "${options[@]}")" "" "and each option of theirs"
mapfile -t verbs < <("$bin/fother" rollout --help | sed -n 's/^\([a-z]\{4,\}\) .*/\1/p')
is "$(missing_words docs/fother.1 "${verbs[@]/#/rollout }")" "" "fother(1) has each verb of a rollout"

for page in docs/*.[158]; do
	is "$(LC_ALL=C.UTF-8 MANROFFSEQ='' MANWIDTH=80 man --warnings -E UTF-8 -l -Tutf8 -Z "$page" 2>&1 >/dev/null)" "" \
		"$page is formatted without a complaint"
done
done_testing
