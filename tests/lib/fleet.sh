# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
# A fleet of real VMs and a real agent, for tools/demo and tests/e2e.
#
# Source it from the project's root.  fleet_init makes a folder of its own and
# sees to it that everything started here is stopped and removed at the end.
# Waits are bounded only to end a hang, and say what they waited for.

# shellcheck source=tests/lib/end.sh
. tests/lib/end.sh

FLEET_WAIT_S=${FLEET_WAIT_S:-300}
FLEET_PATCHED_TEXT="this has been live patched"
FLEET_VMS=()
FLEET_AGENT_PID=
FLEET_FAULT=()

# fleet_init NAME: make $FLEET_DIR (vms/, state/, api.sock, fotherd.log).
fleet_init() {
	FLEET_DIR=$(mktemp -d "${TMPDIR:-/tmp}/fother-$1.XXXXXX")
	FLEET_KREL=${KREL:-$(tools/kernel release 6.1)}
	FLEET_BUILD=${BUILD:-build}
	FLEET_EXAMPLES=$FLEET_BUILD/guest/$FLEET_KREL/examples
	FOTHER=$(realpath "$FLEET_BUILD")/host/fother
	export FOTHER_SOCKET=$FLEET_DIR/api.sock
	mkdir -p "$FLEET_DIR/vms"
	FLEET_INVENTORY=(--sockets "$FLEET_DIR/vms")
	at_end fleet_clean_up
}

fleet_clean_up() {
	local vm
	fleet_agent_stop
	for vm in "${FLEET_VMS[@]}"; do
		tools/vm stop --dir "$FLEET_DIR/vms" --name "$vm" >/dev/null 2>&1 || :
	done
	if [ "$END_STATUS" != 0 ] && [ -s "$FLEET_DIR/fotherd.log" ]; then
		echo "--- the end of fotherd's log:" >&2
		tail -n 40 "$FLEET_DIR/fotherd.log" >&2
	fi
	rm -rf "$FLEET_DIR"
}

# fleet_boot VM...: boot guests with fother.ko loaded and a channel each; the
# example and test modules stand in /modules.
fleet_boot() {
	local vm
	for vm in "$@"; do
		FLEET_VMS+=("$vm") # first: it may be half booted when we are ended
		tools/vm start --kernel 6.1 --dir "$FLEET_DIR/vms" --name "$vm" \
			--file "$FLEET_EXAMPLES:/modules" \
			--file "$FLEET_BUILD/guest/$FLEET_KREL/tests:/modules" || return 1
	done
}

# fleet_agent_start: start fotherd with the options in FLEET_INVENTORY and
# FLEET_FAULT (both arrays).
fleet_agent_start() {
	"$FLEET_BUILD/host/fotherd" "${FLEET_INVENTORY[@]}" "${FLEET_FAULT[@]}" \
		--state "$FLEET_DIR/state" --api "$FOTHER_SOCKET" \
		2>>"$FLEET_DIR/fotherd.log" &
	FLEET_AGENT_PID=$!
	fleet_until "fotherd to answer on its API socket" "$FOTHER" status
}

fleet_agent_stop() {
	[ -n "$FLEET_AGENT_PID" ] || return 0
	kill "$FLEET_AGENT_PID" 2>/dev/null || :
	wait "$FLEET_AGENT_PID" 2>/dev/null || :
	FLEET_AGENT_PID=
}

# fleet_until WHAT COMMAND...: poll until COMMAND succeeds.
fleet_until() {
	local what=$1 end=$((SECONDS + FLEET_WAIT_S))
	shift
	until "$@" >/dev/null 2>&1; do
		if [ "$SECONDS" -ge "$end" ]; then
			echo "waited $FLEET_WAIT_S s in vain for: $what" >&2
			return 1
		fi
		sleep 0.2
	done
}

# fleet_open N: N guests have a session with the agent.
fleet_open() {
	[ "$("$FOTHER" vm list --json | jq '[.[] | select(.session == "open")] | length')" = "$1" ]
}

# fleet_exec VM COMMAND...: run a command inside a guest.
fleet_exec() { tools/vm exec --dir "$FLEET_DIR/vms" --name "$1" -- "${@:2}"; }

# fleet_look VM: "patched" or "original", as a program inside the guest sees.
fleet_look() {
	local text
	text=$(fleet_exec "$1" cat /proc/cmdline) || return 1
	if [ "$text" = "$FLEET_PATCHED_TEXT" ]; then
		echo patched
	else
		echo original
	fi
}

# fleet_looks STATE VM...: every one of them is in STATE.
fleet_looks() {
	local state=$1 vm
	shift
	for vm in "$@"; do
		[ "$(fleet_look "$vm")" = "$state" ] || return 1
	done
}

# fleet_policy NAME: put policies/NAME.yaml and its module into $FLEET_DIR.
fleet_policy() {
	install -m 644 "policies/$1.yaml" "$FLEET_EXAMPLES/$1.ko" "$FLEET_DIR/"
}

# fleet_rollout FIELD ID: one field of a rollout's JSON, e.g. phase.
fleet_rollout() { "$FOTHER" rollout status "$2" --json | jq -r ".$1"; }

# fleet_last_rollout: the newest rollout's id.
fleet_last_rollout() { "$FOTHER" rollout list --json | jq '[.[].id] | max'; }
