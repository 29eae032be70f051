#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# timeout: 300
# One real fotherd and hundreds of emulated guests: all are patched and taken back, the
# cost of a VM does not grow with their number, and people can still read what goes on.
# Ratios only: no time is asserted.
# shellcheck disable=SC2317 # functions are called by ok and its like
set -uo pipefail
cd "$(dirname "$0")/../.." || exit 1
# shellcheck source=tests/lib/tap.sh
. tests/lib/tap.sh
# shellcheck source=tests/bench/agent/lib.sh
. tests/bench/agent/lib.sh

SMALL=100
LARGE=800
FACTOR=3	# a VM of the large fleet may cost so much more; 8 if each costs a pass
KIB_PER_VM=6.5	# 64 MiB for 10,000
TICKS=5		# resolution of the CPU's account, and of what else happens

declare -A cpu rss after

# on_terminal WIDTH COMMAND...: its output on a terminal
on_terminal() {
	local width=$1
	shift
	script -qec "stty cols $width; $*" /dev/null </dev/null | tr -d '\r'
}

longest_line() { LC_ALL=C.UTF-8 awk '{ if (length($0) > max) max = length($0) } END { print max + 0 }'; }

now_ms() { scale_count .ms; }

all_are() { scale_guests_are "($1) == $2 and .bad == 0 and .choked == 0"; }

# fleet N: out and back, and what that cost
fleet() {
	local vms=$1 before
	scale_guests "$vms"
	tap_result $? "$vms guests listen" || bail "no guests"
	scale_agent
	tap_result $? "the agent starts" || bail "no agent"
	ok "$vms sessions open" scale_until "sessions" scale_open "$vms"
	rss[$vms]=$(scale_kib VmRSS)
	before=$(scale_cpu)
	begun=$(now_ms)
	ok "the rollout begins" "$FOTHER" rollout start "$SCALE_DIR/bench.yaml"
	ok "every guest is patched, and confirmed" \
		scale_until "patched guests" all_are .applied "$vms"
	out_ms=$(($(now_ms) - begun))
	ok "the rollout completes" "$FOTHER" rollout status --wait
	[ "$vms" = "$SMALL" ] || people
	begun=$(now_ms)
	ok "it is taken back" "$FOTHER" rollout reverse 1
	ok "every guest is as before" scale_until "clean guests" all_are '.absent' "$vms"
	back_ms=$(($(now_ms) - begun))
	cpu[$vms]=$(($(scale_cpu) - before))
	ok "and the rollout says so" scale_until "the end" scale_phase_is reversed
	nok "a status of what was taken back is not as wished" "$FOTHER" rollout status
	after[$vms]=$(scale_kib VmRSS)
	echo "# $vms VMs: ${cpu[$vms]} ms of CPU, ${rss[$vms]} KiB, then ${after[$vms]}, $out_ms ms out, $back_ms ms back"
	scale_stop
}

people() {
	local text
	text=$("$FOTHER" rollout status)
	like "$text" "*more: *done; --all names them*" "a table of many VMs is folded"
	is "$("$FOTHER" rollout status --all | grep -c '^vm-')" "$LARGE" "--all names each"
	text=$(LC_ALL=C.UTF-8 TERM=xterm on_terminal 72 "$FOTHER" rollout status)
	like "$text" "*█*100 %*$LARGE of $LARGE VMs have it*" "a terminal has a bar"
	like "$text" "*├─ wave 4*more:*" "and waves, folded"
	like "$text" "*"$'\033[32m'"*" "in colours"
	text=$(LC_ALL=C NO_COLOR=1 TERM=xterm on_terminal 72 "$FOTHER" rollout status --all)
	nok "NO_COLOR has none" grep -q $'\033' <<<"$text"
	like "$text" "*###*|- wave 1*" "another locale has plain signs"
	is "$(grep -c -- '- + vm-\|- + vm-' <<<"$text")" "$LARGE" "--all names each there too"
	is "$(($(sed -n '/wave 1/,$p' <<<"$text" | longest_line) <= 72))" 1 "no line is wider than the terminal"
	completes
}

# completes: what bash offers behind some words
completes() {
	is "$(offer fother rollout sta)" "start status" "bash completes a verb"
	is "$(offer fother explain vm-00000)" \
		"$(printf 'vm-%06d ' {0..9} | sed 's/ $//')" "and names of VMs, as the agent knows them"
	is "$(offer fother rollout reverse '')" 1 "and ids of rollouts"
	is "$(offer fother rollout status --wa)" "--wait --watch" "and options"
	is "$(FOTHER_SOCKET=/nowhere offer fother explain '' 2>&1)" "" "without an agent it says nothing"
}

# offer WORD...: the completions of the last word
offer() {
	(
		# shellcheck source=packaging/completions/fother.bash
		. packaging/completions/fother.bash
		PATH=$(dirname "$FOTHER"):$PATH
		COMP_WORDS=("$@")
		COMP_CWORD=$(($# - 1))
		_fother
		echo "${COMPREPLY[*]}"
	)
}

limit_is_raised() {
	awk '/^Max open files/ { exit !($4 == $5) }' "/proc/$SCALE_AGENT_PID/limits"
}

scale_init
scale_policy 1s || bail "no module"
fleet "$SMALL"
fleet "$LARGE"
small=$(((cpu[$SMALL] + TICKS * 1000 / SCALE_TICKS) * 1000 / SMALL))
large=$((cpu[$LARGE] * 1000 / LARGE))
is "$((large <= FACTOR * small))" 1 \
	"a VM of $LARGE costs no more than $FACTOR times one of $SMALL (us: $large, $small)"
is "$(jq -n "(${rss[$LARGE]} - ${rss[$SMALL]}) / ($LARGE - $SMALL) <= $KIB_PER_VM")" true \
	"a connected VM takes at most $KIB_PER_VM KiB"
is "$(jq -n "(${after[$LARGE]} - ${after[$SMALL]}) / ($LARGE - $SMALL) <= $KIB_PER_VM")" true \
	"and one that was patched and taken back at most $KIB_PER_VM KiB"
is "$((back_ms * 2 <= out_ms))" 1 "going back is faster than going out"

# A limit of descriptors: raised as far as may be, and said where that is too low.
scale_guests 70
(ulimit -Sn 64 && exec "$FOTHERD" --sockets "$SCALE_DIR/vms" --state "$SCALE_DIR/soft" \
	--api "$FOTHER_SOCKET" 2>"$SCALE_DIR/fotherd.log") &
SCALE_AGENT_PID=$!
ok "a low soft limit of files is no matter" scale_until "70 sessions" scale_open 70
ok "it was raised" limit_is_raised
kill "$SCALE_AGENT_PID"
wait "$SCALE_AGENT_PID"
(ulimit -n 100 && exec "$FOTHERD" --sockets "$SCALE_DIR/vms" --state "$SCALE_DIR/hard" \
	--api "$FOTHER_SOCKET" 2>"$SCALE_DIR/fotherd.log") &
SCALE_AGENT_PID=$!
ok "with a low hard limit it starts" scale_until "an answer" "$FOTHER" status
like "$(cat "$SCALE_DIR/fotherd.log")" \
	"*limit of open files: found 100, * VMs need * at least;*raise the hard limit*" \
	"and says what it found, and what to do"
scale_stop
done_testing
