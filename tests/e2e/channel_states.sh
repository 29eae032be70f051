#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# What may befall a virtual machine, each while nothing is patched, while a
# transition is held up, and while a patch soaks: the session comes back, the host
# hears the state, and a command that is repeated is answered from memory.
# kernels: 6.1 6.12
# debug: yes
# timeout: 900
# shellcheck disable=SC2317 # functions are called by ok and its like
set -uo pipefail
cd "$(dirname "$0")/../.." || exit 1
WAIT_S=90
# shellcheck source=tests/lib/tap.sh
. tests/lib/tap.sh
# shellcheck source=tests/lib/peer.sh
. tests/lib/peer.sh

HELD=fth_test_sleep
HELD_MODULE=$TESTS/$HELD.ko
HELD_FOR_MS=600000 # a guest on the debug kernel needs 30 s to resume
REPLUGS=10
OP=100 # the next command

# What befalls it.  Each leaves a guest that runs and whose socket is there.

stop_and_cont() {
	ok "  it is stopped" qmp stop
	ok "  and continued" qmp cont
}

suspend() {
	guest '(sleep 1; echo mem >/sys/power/state) >/dev/null 2>&1 &'
	eventually "$WAIT_S" "  it sleeps" is_status suspended
	ok "  and is woken" qmp system_wakeup
}

# A command that is busy, since a module is still being unloaded, is not remembered.
goes_on() { [[ $(peer hello "$MEANWHILE") == *"result "*" ok"* ]]; }

# Back to a moment that the host has seen, behind its back.
snapshot() {
	ok "  a snapshot is taken" monitor "savevm here"
	eventually "$WAIT_S" "  the host goes on" goes_on
	ok "  and the guest goes back to it" monitor "loadvm here"
}

# The same QEMU once more; only what it says of itself is told anew.
migrate() {
	local command
	mapfile -d '' command <"/proc/$(<"$DIR/vm.pid")/cmdline"
	rm -f "$DIR/vm.state"
	ok "  it is written to a file" qmp migrate "{\"uri\":\"exec:cat >$DIR/vm.state\"}"
	eventually "$WAIT_S" "  completely" migrated
	qmp quit >/dev/null
	eventually "$WAIT_S" "  its QEMU ends" qemu_is_gone
	rm -f "$DIR"/vm.{sock,qmp,exec}
	ok "  another one reads it" \
		"${command[@]}" -incoming "exec:cat $DIR/vm.state"
	eventually "$WAIT_S" "  and runs" is_status running
}
qemu_is_gone() { ! [ -e "$DIR/vm.pid" ] || ! kill -0 "$(<"$DIR/vm.pid")" 2>/dev/null; }

replug() {
	ok "  the controller is unplugged" qmp device_del '{"id":"fotherbus0"}'
	eventually "$WAIT_S" "  the guest lets go of it" is_unbound
	eventually "$WAIT_S" "  and has another one" add_controller
	eventually "$WAIT_S" "  with our port" add_port
}

befall() { # WHAT STATE [COMMAND of the host that is undone]
	MEANWHILE=${3:-query 1}
	diag "$1, $2"
	"$1"
	eventually "$WAIT_S" "  a host is answered" greets
}

# The three states that a guest may be in meanwhile.

idle() {
	befall "$1" "idle" "unstage $((OP += 1)) 1 $NAME"
	says "  with a payload" "*$NAME staged*" hello
	nok "  and no patch" grep -q applying <<<"$OUT"
	says "  what was answered is answered from memory" "*result 10 ok payload staged*" \
		hello "stage 10 1 $NAME $MODULE"
}

held_up() {
	local apply=$((OP += 1)) other=$((OP += 1))
	ok "  a thread sleeps" guest "insmod /tests/mod/fth_test_sleeper.ko uninterruptible=1"
	says "  a transition waits for it" "*$HELD applying*" \
		hello "apply $apply 1 $HELD $HELD_MODULE - $HELD_FOR_MS" "progress $apply"
	befall "$1" "in a transition"
	says "  it is under way, and a repeated APPLY joins it" "*patch $HELD applying*progress $apply *" \
		hello "apply $apply 1 $HELD $HELD_MODULE - $HELD_FOR_MS" "progress $apply"
	says "  nothing else begins" "*result $other busy *" hello "apply $other 1 $NAME $MODULE"
	ok "  the thread goes" guest "rmmod fth_test_sleeper"
	eventually "$WAIT_S" "  the transition ends" ends_soaking "$apply"
	says "  the patch is taken back" "*result $((OP += 1)) ok*$HELD staged*" \
		hello "reverse $OP 1 $HELD"
}
ends_soaking() {
	[[ $(peer hello "apply $1 1 $HELD $HELD_MODULE - $HELD_FOR_MS" "result $1") == *"result $1 ok"* ]]
}

soaking() {
	local apply=$((OP += 1)) confirm=$((OP += 1)) reverse=$((OP += 1))
	says "  a patch soaks" "*result $apply ok*$NAME soaking*" hello "apply $apply 1 $NAME $MODULE"
	befall "$1" "soaking" "confirm $confirm 1 $NAME"
	says "  it does so still, and a repeated APPLY is answered from memory" \
		"*patch $NAME soaking*result $apply ok*" hello "apply $apply 1 $NAME $MODULE"
	ok "  the guest runs it" is_patched
	says "  it is confirmed" "*result $confirm ok*$NAME applied*" hello "confirm $confirm 1 $NAME"
	says "  and taken back" "*result $reverse ok*$NAME staged*" hello "reverse $reverse 1 $NAME"
	ok "  the guest runs the original" is_original
}

# The stock driver of 6.12 frees what it never allocated when its controller goes while
# it greets a new port (an oops in remove_vqs(), also in a guest that never had fother).
# There only ours is bound in a storm.
stock_driver() { # 0 | 1: may it be bound to what is plugged
	[[ $KREL == 6.1.* ]] || guest "echo $1 >/sys/bus/virtio/drivers_autoprobe"
}

# A guest that is slow to empty the slot may empty it twice, the next controller with it.
storm_unplugs() {
	local answer
	answer=$(qmp device_del '{"id":"fotherbus0"}') || [[ $answer == *DeviceNotFound* ]]
}
bound_with_port() {
	add_controller fotherbus0 >/dev/null
	add_port port0 >/dev/null
	is_bound
}

# The controller goes while the guest looks for it, is probing it, or has it.
test_replug_storm() {
	local round
	diag "unplugged at any time"
	ok "for our driver" stock_driver 0
	ok "the controller is unplugged" qmp device_del '{"id":"fotherbus0"}'
	eventually "$WAIT_S" "the guest lets go of it" is_unbound
	for ((round = 1; round <= REPLUGS; round++)); do
		eventually "$WAIT_S" "round $round: plugged" add_controller
		[ $((round % 2)) -eq 0 ] || add_port port0 >/dev/null
		ok "unplugged" storm_unplugs
	done
	ok "for any driver" stock_driver 1
	eventually "$WAIT_S" "it is plugged for good" add_controller
	eventually "$WAIT_S" "with our port" bound_with_port
	eventually "$WAIT_S" "and a host is answered" greets
}

peer_init states
qemu-img create -q -f qcow2 "$DIR/snapshots" 1G || bail "no disk for snapshots"
peer_guest --smp 2 --qemu-arg -drive \
	--qemu-arg "file=$DIR/snapshots,format=qcow2,if=none,id=snapshots"
says "payloads are staged" "*result 10 ok*result 11 ok*" \
	hello "stage 10 1 $NAME $MODULE" "stage 11 1 $HELD $HELD_MODULE"
for what in ${STATES:-stop_and_cont suspend snapshot replug migrate}; do
	idle "$what"
	held_up "$what"
	soaking "$what"
done
test_replug_storm
peer_well
done_testing
