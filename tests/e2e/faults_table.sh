#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# The fault table: each fault in each stage of a patch's life, with a real agent.  In
# every cell: no revert is lost, nothing is applied twice, and what the agent believes
# at the end is what the guest's own files say.  Without arguments: the faults that spare
# the machine; those that befall it are tests/e2e/faults_machine.sh, which may run beside.
#	[KREL=RELEASE] bash tests/e2e/faults_table.sh [FAULT]...	# of a guest kernel; else 6.1
# timeout: 1200
# shellcheck disable=SC2317 # functions are called by ok and its like
set -uo pipefail
cd "$(dirname "$0")/../.." || exit 1
# shellcheck source=tests/lib/tap.sh
. tests/lib/tap.sh
# shellcheck source=tests/lib/fleet.sh
. tests/lib/fleet.sh
# shellcheck source=tests/lib/qmp.sh
. tests/lib/qmp.sh

WAIT_S=120
STOPPED_S=4
DEMO=fother_demo_cmdline
HELD=fth_test_sleep     # patches the function in which a thread of ...
HOLDER=fth_test_sleeper # ... this module sleeps for ever
VM=web-1 # the only one
FAULTS="agent_killed agent_restarted paused userspace_stopped oops"
STAGES="before in_transition soaking applied reverting"

guest() { tools/vm exec --dir "$FLEET_DIR/vms" --name "$VM" --timeout $WAIT_S -- sh -c "$1" 2>/dev/null; }
guest_says() { [ "$(guest "$1")" = "$2" ]; }
rollout() { fleet_rollout "$1" "$(fleet_last_rollout)"; }
vm_state() { rollout "vms[] | select(.name == \"$VM\").state"; }
vm_is() { [ "$(vm_state)" = "$1" ]; }
phase_is() { [ "$(rollout phase)" = "$1" ]; }
session_is() { [ "$("$FOTHER" vm show "$VM" --json | jq -r .session)" = "$1" ]; }
session_is_not() { ! session_is "$1"; }

# ---- the machine

is_unbound() { guest_says 'cat /sys/kernel/fother/channel/device' none; }
qemu_is_gone() { ! kill -0 "$1" 2>/dev/null; }

# ---- faults: each leaves a guest that runs, and an agent

agent_killed() {
	kill -9 "$FLEET_AGENT_PID"
	wait "$FLEET_AGENT_PID" 2>/dev/null
	FLEET_AGENT_PID=
	fleet_agent_start
}
agent_restarted() { # it closes its sockets and opens them again
	fleet_agent_stop
	fleet_agent_start
}
paused() { # for longer than the agent waits for a word
	qmp stop >/dev/null && fleet_until "its session to close" session_is_not open &&
		qmp cont >/dev/null
}
saved() {
	local command pid
	pid=$(<"$FLEET_DIR/vms/$VM.pid")
	mapfile -d '' command <"/proc/$pid/cmdline"
	rm -f "$FLEET_DIR/vm.state"
	qmp migrate "{\"uri\":\"exec:cat >$FLEET_DIR/vm.state\"}" >/dev/null &&
		fleet_until "the machine to be saved" migrated || return 1
	qmp quit >/dev/null
	fleet_until "its QEMU to end" qemu_is_gone "$pid" || return 1
	rm -f "$FLEET_DIR/vms/$VM".{sock,qmp,exec}
	"${command[@]}" -incoming "exec:cat $FLEET_DIR/vm.state" &&
		fleet_until "the machine to run again" is_status running
}
snapshot() { # back to a moment that the agent has seen, behind its back
	monitor "savevm here" && sleep 3 && monitor "loadvm here"
}
suspended() {
	guest '(sleep 1; echo mem >/sys/power/state) >/dev/null 2>&1 &'
	fleet_until "the guest to sleep" is_status suspended && qmp system_wakeup >/dev/null
}
replugged() {
	qmp device_del '{"id":"fotherbus0"}' >/dev/null
	fleet_until "the guest to let go" is_unbound &&
		fleet_until "another controller" add_controller && fleet_until "our port" add_port
}
userspace_stopped() { # it says that what it waited for is still there
	[ "$(guest "/programs/fth_alone stop /proc/version $STOPPED_S")" = "still there" ]
}
oops() {
	guest 'echo oops >/sys/module/fth_test_trigger/parameters/outside'
	fleet_until "its incident" has_incident
}
has_incident() {
	"$FOTHER" vm show "$VM" --json | jq -e --argjson n "$INCIDENTS" '.incidents | length > $n' >/dev/null
}
count_incidents() { "$FOTHER" vm show "$VM" --json | jq '.incidents | length'; }

# ---- stages: each brings the patch there, and afterwards to its end

write_policy() { # NAME MODULE LINE...
	local module=$2
	install -m 644 "$(find "$FLEET_BUILD/guest/$FLEET_KREL" -path '*obj*' -prune -o \
		-name "$module.ko" -print | head -n 1)" "$FLEET_DIR/$module.ko"
	{
		printf 'version: 1\npatch: {name: %s, file: %s.ko}\n' "$module" "$module"
		printf 'transition: {deadline: none}\nrevert: {on: [oops]}\nconfirm: {within: 2h}\n'
		printf 'rollout:\n  waves: [100%%]\n  failures: {max: 0, then: reverse}\n'
		printf '%s\n' "${@:3}"
	} >"$FLEET_DIR/$1.yaml"
}
start() { "$FOTHER" rollout start "${@:2}" "$FLEET_DIR/$1.yaml" >/dev/null; }
reverse() { "$FOTHER" rollout reverse "$(fleet_last_rollout)" >/dev/null; }
hold() { guest "insmod /modules/$HOLDER.ko uninterruptible=1"; }
let_go() { guest "rmmod $HOLDER"; }
is_pending() { guest_says "cat /sys/kernel/fother/patches/$HELD/state" "$1"; }
in_force() { guest "dmesg | grep -c \"patch '$1' in force\""; }

to_before() { PATCH=$DEMO; }
from_before() {
	start quick &&
		fleet_until "the confirmation" vm_is "done"
}
to_in_transition() {
	PATCH=$HELD
	hold
	start held && fleet_until "the transition" is_pending applying
}
from_in_transition() {
	let_go
	[ "$1" = oops ] || fleet_until "the end of the transition" vm_is "done"
}
to_soaking() {
	PATCH=$DEMO
	start long && fleet_until "the soak" vm_is soaking
}
from_soaking() { [ "$1" = oops ] || { [ "$(vm_state)" = soaking ] && fleet_looks patched "$VM"; }; }
to_applied() {
	PATCH=$DEMO
	start quick && fleet_until "the confirmation" vm_is "done"
}
from_applied() { [ "$1" = oops ] || { vm_is "done" && fleet_looks patched "$VM"; }; }
to_reverting() {
	PATCH=$HELD
	start held && fleet_until "the confirmation" vm_is "done"
	hold
	reverse && fleet_until "the revert" is_pending reverting
}
from_reverting() { let_go || [ "$1" = oops ]; } # tools/vm says that such a guest failed

# What the agent believes is what the guest's own files say.
truth() {
	local patch text
	for patch in $(guest 'ls /sys/kernel/fother/patches'); do
		text+="$patch $(guest "cat /sys/kernel/fother/patches/$patch/state") "
	done
	echo "${text-}"
}
belief() {
	"$FOTHER" vm show "$VM" --json |
		jq -r '[.patches[] | select(.state != "staged") | .name + " " + .state + " "] | add // ""'
}
agree() { [ "$(truth)" = "$(belief)" ]; }
is_blocked() { "$FOTHER" blocks --json | jq -e 'length > 0' >/dev/null; }
is_not_blocked() { ! is_blocked; }

cell() { # FAULT STAGE
	local fault=$1 stage=$2 before expected=1 blocks=0
	INCIDENTS=$(count_incidents)
	diag "$fault, $stage"
	"to_$stage" "$fault"
	tap_result $? "$fault, $stage: the patch is there" || return
	before=$(in_force "$PATCH")
	[ "$stage" = before ] || [ "$stage" = in_transition ] || expected=0
	"$fault"
	tap_result $? "$fault, $stage: it happens" || return
	eventually $WAIT_S "$fault, $stage: the session is open" session_is open
	"from_$stage" "$fault"
	tap_result $? "$fault, $stage: it goes on from there"
	if [ "$fault" = oops ]; then
		case $stage in
		in_transition) blocks=1 expected=0 ;;
		soaking | applied) blocks=1 ;;
		esac
	fi
	is "$(($(in_force "$PATCH") - before))" $expected "$fault, $stage: applied as often as asked"
	phase_is reversed || phase_is reversing || reverse
	eventually $WAIT_S "$fault, $stage: it is taken back" phase_is reversed
	eventually $WAIT_S "$fault, $stage: agent and guest agree" agree
	is "$(truth)" "" "$fault, $stage: nothing is left in force"
	is "$("$FOTHER" blocks --json | jq 'map(select(.vm != "")) | length')" $blocks \
		"$fault, $stage: blocked or not"
	# A rollout that went back for its failures has recalled the payload, too.
	"$FOTHER" allow "$PATCH" --all >/dev/null 2>&1
	eventually $WAIT_S "$fault, $stage: and allowed again" is_not_blocked
}

fleet_init faults
QMP_SOCKET=$FLEET_DIR/vms/$VM.qmp
qemu-img create -q -f qcow2 "$FLEET_DIR/snapshots" 1G || bail "no disk for snapshots"
tools/vm start --kernel "$FLEET_KREL" --dir "$FLEET_DIR/vms" --name "$VM" \
	--file "$FLEET_EXAMPLES:/modules" --file "$FLEET_BUILD/guest/$FLEET_KREL/tests:/modules" \
	--file "$FLEET_BUILD/guest/programs:/programs" --qemu-arg -drive \
	--qemu-arg "file=$FLEET_DIR/snapshots,format=qcow2,if=none,id=snapshots" || bail "no guest"
FLEET_VMS+=("$VM")
fleet_agent_start || bail "no agent"
ok "the guest greets the agent" fleet_until "it to greet" fleet_open 1
ok "the module with trouble in it loads" guest 'insmod /modules/fth_test_trigger.ko'
write_policy quick $DEMO '  soak: 1s'
write_policy long $DEMO '  soak: 1h'
write_policy held $HELD '  soak: 1s'
# shellcheck disable=SC2086 # words
[ $# -gt 0 ] || set -- $FAULTS
for fault in "$@"; do
	for stage in ${FAULT_STAGES:-$STAGES}; do
		cell "$fault" "$stage"
	done
done
done_testing
