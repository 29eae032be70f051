#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# A command that crosses the end of another one's transition is answered with its own end;
# an emergency is told once, also to a host that had no room for it.  Gates in the guest
# (tests/guest/mod/fth_test_gate.c) hold its workers where two such things meet.
# kernels: 6.1 6.12
# debug: yes
# shellcheck disable=SC2317 # functions are called by ok and its like
set -uo pipefail
cd "$(dirname "$0")/../.." || exit 1
# shellcheck source=tests/lib/tap.sh
. tests/lib/tap.sh
# shellcheck source=tests/lib/peer.sh
. tests/lib/peer.sh

GATES=/sys/module/fth_test_gate/parameters
OTHER=fother_demo_version
OTHER_MODULE=$BUILD/guest/$KREL/examples/$OTHER.ko
SETTLED=fth_teller_settled  # the engine's worker tells of an end
TOLD=fth_dispatch_settled   # ... and whoever tells the host comes to it
ENABLE=fth_engine_enable    # a REVERSE is admitted, and turns nothing yet
RELEASE=fth_work_release    # what was replaced is let go
HELPER=fth_stage_helper_run # an APPLY is admitted, and nothing loaded yet

gates() { ok "gates in the guest" guest "insmod /tests/mod/fth_test_gate.ko at=$1"; }
no_gates() { ok "no gates any more" guest "rmmod fth_test_gate"; }
is_held() { guest "grep -qx $1 $GATES/held"; }
held() { eventually "$WAIT_S" "a worker waits at $1()" is_held "$1"; }
pass_on() { ok "it goes on, and the next one waits" guest "echo $1 >$GATES/pass"; }
open_gate() { ok "it goes on" guest "echo $1 >$GATES/open"; }

# told NAME PATTERN: whatever came is printed until a heartbeat is answered.
told() {
	echo heartbeat >&7
	eventually "$WAIT_S" "$1" has_line "$2"
}
# heard NAME: all orders given so far were carried out.
heard() {
	HEARTBEATS=$(grep -c '^heartbeat' "$DIR/peer.out")
	echo heartbeat >&7
	eventually "$WAIT_S" "$1" more_heartbeats
}
more_heartbeats() { [ "$(grep -c '^heartbeat' "$DIR/peer.out")" -gt "$HEARTBEATS" ]; }
count_lines() { grep -c "$1" "$DIR/peer.out"; }

end_host() {
	exec 7>&-
	wait "$HOST"
	is $? 0 "the host has heard all that it waited for"
	OUT=$(<"$DIR/peer.out")
}

# The end of the APPLY is being told when the REVERT comes, which is carried out next.
test_revert_meets_apply() {
	gates $SETTLED
	begin_host
	echo "apply 20 1 $NAME $MODULE -" >&7
	held $SETTLED
	eventually "$WAIT_S" "its loader is done" guest "! pidof insmod"
	printf '%s\n' "revert 21 1 $NAME -" "apply 22 1 $OTHER $OTHER_MODULE" >&7
	heard "a REVERT meets the end of its APPLY"
	open_gate $SETTLED
	echo "result 21" >&7
	end_host
	like "$OUT" "*result 20 ok *" "the APPLY has come to its end"
	like "$OUT" "*result 21 ok *$NAME staged*" "so has the REVERT, to its own"
	like "$OUT" "*result 22 busy *'$NAME' is to be reverted in emergency first; try again*" \
		"and nothing new was begun before it"
	is "$(count_lines '^result 21 ')" 1 "one answer each"
	ok "the guest runs the original" is_original
	no_gates
	says "it is allowed again" "*result 23 ok*" hello "allow 23 1 $NAME"
}

# The end of the APPLY comes between the admission of a REVERSE and its turn.
test_reverse_meets_apply() {
	gates $SETTLED,$TOLD,$ENABLE
	begin_host
	echo "apply 30 1 $NAME $MODULE -" >&7
	held $SETTLED
	echo "reverse 31 1 $NAME -" >&7
	held $ENABLE
	open_gate $SETTLED
	held $TOLD
	open_gate $ENABLE
	heard "the APPLY's end is told when the REVERSE has turned it round"
	open_gate $TOLD
	echo "result 31" >&7
	end_host
	like "$OUT" "*result 30 ok *" "the APPLY has come to its end"
	like "$OUT" "*result 31 ok *$NAME staged*" "so has the REVERSE, to its own"
	no_gates
}

# What was replaced is let go when the same patch is asked for again.
test_apply_meets_farewell() {
	local by=fth_test_gen_p2
	says "a patch is in force" "*result 40 ok*$NAME soaking*" hello "apply 40 1 $NAME $MODULE"
	gates $RELEASE,$SETTLED,$HELPER
	ok "policy of one that replaces it" guest "echo '$by confirm-within=none' >/sys/kernel/fother/policy"
	ok "it loads" guest "insmod /tests/mod/fth_test_log.ko && insmod /tests/mod/$by.ko replace=1"
	held $SETTLED
	held $RELEASE
	pass_on $SETTLED
	open_gate $RELEASE
	held $SETTLED
	begin_host
	echo "apply 41 1 $NAME $MODULE -" >&7
	held $HELPER
	open_gate $SETTLED
	told "what was replaced says farewell" "^event .* $NAME .*replaced"
	is "$(count_lines '^result 41 ')" 0 "which is no answer to an APPLY that has yet to begin"
	pass_on $HELPER # rmmod of what was in force before
	held $HELPER
	pass_on $HELPER # insmod
	echo "result 41" >&7
	eventually "$WAIT_S" "it is in force again" has_line "^result 41 ok "
	eventually "$WAIT_S" "its loader is done" guest "! pidof insmod"
	echo "apply 43 1 $OTHER $OTHER_MODULE -" >&7
	held $HELPER
	pass_on $HELPER
	echo "result 43" >&7
	end_host
	like "$OUT" "*result 43 ok *$OTHER soaking*" "and nobody has tried to unload its module for the farewell"
	no_gates
	says "both are taken back" "*result 44 ok*result 42 ok*" hello \
		"reverse 44 1 $OTHER" "reverse 42 1 $NAME"
	ok "so is the one between them" guest "echo 0 >/sys/kernel/fother/patches/$by/enabled"
	eventually "$WAIT_S" "... and unloaded" guest "rmmod $by fth_test_log"
	eventually "$WAIT_S" "no patch's module is left" guest "! grep -q '^fother_demo_' /proc/modules"
}

# A host that doesn't read while it happens, and reads on in the same session.
test_no_room_for_an_incident() {
	local dropped
	begin_host
	heard "it has heard what is known already"
	dropped=$(counter tx_dropped)
	echo "flood $PEER_FLOOD" >&7
	eventually "$WAIT_S" "then it does not read" counter_above tx_dropped "$dropped"
	ok "a patch is put in by hand" guest "echo '$OTHER confirm-within=none' >/sys/kernel/fother/policy &&
		insmod /tests/examples/$OTHER.ko"
	eventually "$WAIT_S" "it is in force" guest "grep -qx soaking /sys/kernel/fother/patches/$OTHER/state"
	ok "it is reverted in emergency" guest "echo $OTHER >/sys/kernel/fother/revert"
	eventually "$WAIT_S" "it is gone" guest "! test -e /sys/kernel/fother/patches/$OTHER"
	printf '%s\n' event event heartbeat >&7
	end_host
	like "$OUT" "*event 4 $OTHER *event 2 $OTHER *" "it hears of both ends once it reads"
	is "$(count_lines "^event 4 $OTHER "),$(count_lines "^event 2 $OTHER ")" 1,1 "and of each once"
}

peer_init ends
peer_guest --smp 2
says "payloads are staged" "*result 10 ok*result 11 ok*" \
	hello "stage 10 1 $NAME $MODULE" "stage 11 1 $OTHER $OTHER_MODULE"
test_revert_meets_apply
test_reverse_meets_apply
test_apply_meets_farewell
test_no_room_for_an_incident
peer_well
done_testing
