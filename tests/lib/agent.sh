# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
# One agent without any guest, for tests on the host, after tap.sh.
#	agent_init NAME			# $work, which goes at the end with the agent
#	agent_start [OPTION]...		# $agent; its log is $work/log
# shellcheck source=tests/lib/end.sh
. tests/lib/end.sh

AGENT_BIN=$(realpath "${BUILD:-build}")/host
agent=

agent_clean_up() {
	[ -z "$agent" ] || kill "$agent" 2>/dev/null
	rm -rf "$work"
}

agent_init() { # NAME
	work=$(mktemp -d "${TMPDIR:-/tmp}/fother-$1.XXXXXX")
	export FOTHER_SOCKET=$work/api.sock
	at_end agent_clean_up
	mkdir "$work/vms"
}

# agent_start [OPTION]...: with an inventory of no VM unless options name one.
agent_start() {
	[ $# -gt 0 ] || set -- --sockets "$work/vms"
	"$AGENT_BIN/fotherd" "$@" --state "$work/state" --api "$FOTHER_SOCKET" 2>"$work/log" &
	agent=$!
}
