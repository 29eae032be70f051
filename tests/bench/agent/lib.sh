# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
# Emulated guests and a real fotherd on them: for tests/bench/agent/run and
# tests/e2e/agent_scale.sh.  Source it from the project's root.
#
# Waits are bounded only to end a hang, and say what they waited for.

# shellcheck source=tests/lib/end.sh
. tests/lib/end.sh

SCALE_WAIT_S=${SCALE_WAIT_S:-900}
SCALE_TICKS=$(getconf CLK_TCK)
SCALE_GUESTS_PID=
SCALE_AGENT_PID=
SCALE_FD=

# scale_init: make $SCALE_DIR; all that is started here ends with the script.
scale_init() {
	local bin
	bin=$(realpath "${BUILD:-build}")/host
	SCALE_DIR=$(mktemp -d "${TMPDIR:-/tmp}/fth-scale.XXXXXX")
	FOTHERD=$bin/fotherd
	FOTHER=$bin/fother
	SCALE_GUESTS=$bin/bench/guests
	export FOTHER_SOCKET=$SCALE_DIR/api.sock
	at_end scale_clean_up
}

scale_clean_up() {
	scale_stop
	if [ "$END_STATUS" != 0 ] && [ -s "$SCALE_DIR/fotherd.log" ]; then
		echo "--- the end of fotherd's log:" >&2
		grep -v 'session open' "$SCALE_DIR/fotherd.log" | tail -n 20 >&2
	fi
	rm -rf "$SCALE_DIR"
}

scale_stop() {
	local pid
	for pid in "$SCALE_AGENT_PID" "$SCALE_GUESTS_PID"; do
		[ -n "$pid" ] || continue
		kill "$pid" 2>/dev/null || :
		wait "$pid" 2>/dev/null || :
	done
	[ -z "$SCALE_FD" ] || exec {SCALE_FD}<&-
	SCALE_AGENT_PID=
	SCALE_GUESTS_PID=
	SCALE_FD=
}

# scale_guests N: N guests listen.  scale_guests 0: an empty folder.
scale_guests() {
	local line
	rm -rf "$SCALE_DIR/vms"
	mkdir "$SCALE_DIR/vms"
	[ "$1" != 0 ] || return 0
	rm -f "$SCALE_DIR/fifo"
	mkfifo "$SCALE_DIR/fifo"
	"$SCALE_GUESTS" --folder "$SCALE_DIR/vms" --count "$1" >"$SCALE_DIR/fifo" &
	SCALE_GUESTS_PID=$!
	exec {SCALE_FD}<"$SCALE_DIR/fifo"
	read -r -t "$SCALE_WAIT_S" -u "$SCALE_FD" line && [ "$line" = ready ]
}

# scale_agent: a fotherd with a journal of its own on these guests.
scale_agent() {
	rm -rf "$SCALE_DIR/state"
	"$FOTHERD" --sockets "$SCALE_DIR/vms" --state "$SCALE_DIR/state" --api "$FOTHER_SOCKET" \
		2>"$SCALE_DIR/fotherd.log" &
	SCALE_AGENT_PID=$!
	scale_until "fotherd to answer on its API socket" "$FOTHER" status
}

# scale_count [JQ]: what all guests have done and are in now, see tests/bench/agent/guests.c.
scale_count() {
	local line
	kill -USR1 "$SCALE_GUESTS_PID" && read -r -t 60 -u "$SCALE_FD" line || return 1
	jq -r "${1:-.}" <<<"$line"
}

# scale_until WHAT COMMAND...
scale_until() {
	local what=$1 end=$((SECONDS + SCALE_WAIT_S))
	shift
	until "$@" >/dev/null 2>&1; do
		if [ "$SECONDS" -ge "$end" ] || ! kill -0 "${SCALE_AGENT_PID:-$$}" 2>/dev/null; then
			echo "waited in vain for: $what" >&2
			return 1
		fi
		sleep 0.1
	done
}

# scale_guests_are JQ: a condition over the counters holds.
scale_guests_are() { [ "$(scale_count "$1")" = true ]; }

# scale_open N: N sessions are open, as the agent says.
scale_open() { [ "$("$FOTHER" status --json | jq .sessions_open)" = "$1" ]; }

# scale_cpu: ms of CPU that the agent has used; its resolution is a clock tick.
scale_cpu() {
	local fields
	read -r -a fields <"/proc/$SCALE_AGENT_PID/stat"
	echo $(((fields[13] + fields[14]) * 1000 / SCALE_TICKS))
}

# scale_kib FIELD: VmRSS, VmHWM, ... of the agent.
scale_kib() { awk -v field="$1:" '$1 == field { print $2 }' "/proc/$SCALE_AGENT_PID/status"; }

# scale_module FILE: an object with what a livepatch module says of itself, and 64 KiB of nothing.
scale_module() {
	local part=$SCALE_DIR/part
	printf 'livepatch=Y\0name=bench_patch\0vermagic=6.1.0-1-cloud-amd64 SMP mod_unload\0license=GPL\0' \
		>"$part.info"
	head -c 65536 /dev/zero >"$part.data"
	: >"$part.s"
	as -o "$part.o" "$part.s" &&
		objcopy --add-section ".modinfo=$part.info" --add-section ".rodata=$part.data" \
			"$part.o" "$1"
}

# scale_policy SOAK: all defaults but the soak.
scale_policy() {
	scale_module "$SCALE_DIR/bench_patch.ko" &&
		printf '%s\n' 'version: 1' 'patch: {name: bench_patch, file: bench_patch.ko}' \
			"rollout: {soak: $1}" >"$SCALE_DIR/bench.yaml"
}

# scale_phase: of the rollout, without asking for its VMs.
scale_phase() { "$FOTHER" rollout list --json | jq -r '.[-1].phase'; }
scale_phase_is() { [ "$(scale_phase)" = "$1" ]; }
