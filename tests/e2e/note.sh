#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# A note out of an oops and out of a panic reaches the host: also with interrupts
# off, in a softirq, and out of the middle of our own sending; and where it can't,
# the guest is told so and goes on.
# kernels: 6.1 6.12
# debug: yes
# timeout: 600
# shellcheck disable=SC2317 # functions are called by ok and its like
set -uo pipefail
cd "$(dirname "$0")/../.." || exit 1
# shellcheck source=tests/lib/tap.sh
. tests/lib/tap.sh
# shellcheck source=tests/lib/peer.sh
. tests/lib/peer.sh

FAULT=fth_test_note
BOOT_S=180
DYING_S=3 # a command that ends the guest is never answered
CONFIRM_MS=5000
# Answers at a time to a host that does not read: some batches fill its socket, two more have
# room in the ring.
BATCH=25
BATCHES_MAX=100
# What an oops of ours says of itself, and the panics; whose oopses they are is looked at, too.
PROVOKED='Oops: |kernel NULL pointer dereference|general protection fault, |KASAN: null-ptr-deref'
PROVOKED+='|Kernel panic - not syncing: (fth_test_note: as asked|Fatal exception in interrupt)'

answer() { guest "cat /sys/module/$FAULT/parameters/answer"; }
lives() { [ "$(guest 'echo yes')" = yes ]; }
boot_of() { sed -n 's/^ack .* boot=\([^ ]*\) .*/\1/p' | tail -n 1; }

# fault HOW [NOTE]: the next insmod brings it about, or the next sending.
fault() {
	guest "rmmod $FAULT 2>/dev/null; insmod /tests/mod/$FAULT.ko how=$1 note=${2:-1}" || :
}

# told NAME PATTERN: the host has a line like it.
told() {
	echo heartbeat >&7 # whatever came is printed until it is answered
	eventually "$WAIT_S" "$1" has_line "$2"
}

# hears PATTERN: by now, of what may come later than an answer.
hears() {
	echo heartbeat >&7
	has_line "$1"
}

# What fother finds by itself.
test_found() {
	begin_host
	fault oops 0
	told "the host is told of an oops as it happens" \
		'^event 3  absent .* trigger=2 incident=1 .* text=[1-9]'
	eventually "$WAIT_S" "and is answered afterwards" has_line '^heartbeat'
	is "$(counter notes_sent)" 1 "the guest knows that it was read"
	kill_host
	begin_host
	told "the next session hears of it again" '^event 3  absent .* trigger=2 incident=1 '
	kill_host
}

# A patch goes for it: the note tells of that, and nothing tells of it again.
test_told_once() {
	local by_hand=fother_demo_version
	ok "a patch that an oops reverts is put in by hand" guest \
		"echo '$by_hand revert-on=oops confirm-within=none' >/sys/kernel/fother/policy &&
		insmod /tests/examples/$by_hand.ko"
	eventually "$WAIT_S" "it is in force" guest \
		"grep -qx soaking /sys/kernel/fother/patches/$by_hand/state"
	begin_host
	fault oops 0
	eventually "$WAIT_S" "the host is told of its revert" hears "^event 2 $by_hand .* trigger=2 "
	is "$(grep -c "^event 4 $by_hand " "$DIR/peer.out")" 1 "that it began is told once"
	is "$(grep -c "^event 2 $by_hand " "$DIR/peer.out")" 1 "and so is that it is over"
	is "$(counter notes_sent)" 2 "the first of them by a note"
	kill_host
}

# oops HOW NAME: the note comes, the channel goes on.
oops() {
	begin_host
	fault "$1"
	told "the host has a note out of $2" "^event 3  absent $1 trigger=2 "
	eventually "$WAIT_S" "and is answered afterwards" has_line '^heartbeat'
	is "$(answer)" 0 "the guest knows that it was read"
	kill_host
}

test_oopses() {
	oops oops "an oops of a thread"
	oops irqoff "an oops with interrupts off"
}

notes() { echo $(($(counter notes_sent) + $(counter notes_lost))); }

# noted BEFORE: an oops with a note, read or not; of trouble one in a second is told.
noted() {
	fault oops 0
	[ "$(notes)" -gt "$1" ]
}

unread() { # COUNT
	local frames
	frames=$(counter rx_frames)
	echo "flood $1" >&7
	eventually "$WAIT_S" "$1 questions are heard" counter_above rx_frames $((frames + $1 - 1))
}

reads_again() {
	: >"$DIR/peer.out"
	printf '%s\n' drain heartbeat >&7
	eventually "$WAIT_S" "the host reads again" has_line '^heartbeat'
}

# In the ring is not yet with the host, which may never read it.  One that is lost may only
# have found the host slow; the second in a row was not read.
test_unread() {
	local batches=0 in_a_row=0 lost sent
	begin_host
	while [ $batches -lt $BATCHES_MAX ] && [ $in_a_row -lt 2 ]; do
		batches=$((batches + 1))
		lost=$(counter notes_lost)
		unread $BATCH
		eventually "$WAIT_S" "there is a note behind $((batches * BATCH)) answers" noted "$(notes)"
		in_a_row=$((in_a_row + 1))
		counter_above notes_lost "$lost" || in_a_row=0
	done
	is $in_a_row 2 "those that were not read are counted as lost"
	reads_again
	unread $(((batches + 2) * BATCH)) # as many bytes as those with the notes among them, and more
	sent=$(counter notes_sent)
	eventually "$WAIT_S" "there is a note behind a few more" noted "$(notes)"
	is "$(counter notes_sent)" "$sent" "one that waits in the ring is not taken for read"
	reads_again
	kill_host
	oops oops "an oops, with a host that reads,"
}

# The lock is our own CPU's, and whoever holds it goes on: nothing may be sent.
test_warn_while_sending() {
	begin_host
	kill_host
	fault warn
	ok "a warning in the middle of our own sending does no harm" greets
	is "$(answer)" -16 "its note is refused as busy"
}

test_panic() { # HOW NAME NOTE
	local before after
	before=$(peer hello | boot_of)
	begin_host
	GUEST_S=$DYING_S fault "$1" "$3" >/dev/null
	told "the host has a note out of $2" '^event 3  absent .* trigger=10 '
	[ "$1" != held ] || ok "and one out of the oops before" has_line '^event 3 .* trigger=2 '
	kill_host
	eventually $BOOT_S "the guest has booted again" greets
	after=$(peer hello | boot_of)
	ok "and says so" test "$before" != "$after"
	debug_kernel begin "it begins anew"
}

# The worker that receives dies with all the locks of the way to the host.
test_receiver_dies() {
	begin_host
	fault send
	told "the host has a note out of an oops in our own sending" \
		'^event 3  absent send trigger=2 '
	is "$(answer)" 0 "the guest knows that it was read"
	kill_host
	says "another worker answers the next host" "*ack*heartbeat*" hello heartbeat
	says "and carries its commands out" "*result 10 ok*result 11 ok*$NAME soaking*" \
		hello "stage 10 1 $NAME $MODULE" "apply 11 1 $NAME $MODULE"
	ok "the guest runs the patch" is_patched
	begin_host
	fault send
	echo "revert 12 1 $NAME" >&7
	eventually "$WAIT_S" "while a revert is commanded it dies again" has_line '^event 3  absent send '
	kill_host
	says "which the next host hears the end of" "*ack*result 12 ok*$NAME staged*" \
		hello "revert 12 1 $NAME"
	ok "the guest runs the original" is_original
	is "$(guest 'rmmod fother 2>/dev/null || echo kept')" kept "a module in which a task died is kept"
}

# In the middle of a command, which may have had no effect.
test_command_dies() {
	begin_host
	fault allow
	echo "allow 30 1 $NAME -" >&7
	told "the host has a note out of an oops in a command" '^event 3  absent allow trigger=2 '
	kill_host
	says "the next host may ask the same again" "*ack*result 30 ok*" hello "allow 30 1 $NAME"
}

# The task that tells of what the engine does.
test_teller_dies() {
	says "the payload is allowed again" "*result 20 ok*" hello "allow 20 1 $NAME"
	eventually "$WAIT_S" "a patch that nobody confirms" applies 22 "$CONFIRM_MS"
	fault send
	eventually "$WAIT_S" "is reverted though nobody can be told" is_original
	eventually "$WAIT_S" "it was tried" test_answered
	says "the next host hears of it" "*ack*event 4 $NAME *event 2 $NAME *" hello heartbeat
	says "and can command" "*result 23 ok*" hello "allow 23 1 $NAME"
	eventually "$WAIT_S" "to apply it" applies 24
	says "and to revert it" "*result 25 ok*" hello "revert 25 1 $NAME"
	ok "the guest runs the original" is_original
}
# Busy, and asked again, while the module of the revert before is on its way out.
applies() { # OP [CONFIRM_MS]
	[[ $(peer hello "apply $1 1 $NAME $MODULE${2:+ $2}") == *"result $1 ok"*"$NAME soaking"* ]]
}
test_answered() { [ "$(answer)" = 0 ]; }

test_oops_in_ring() {
	begin_host
	fault ring
	echo heartbeat >&7 # never answered: the ring can't be trusted
	eventually "$WAIT_S" "a note out of an oops inside the ring is refused" test_refused
	ok "and the guest goes on" lives
	kill_host
	eventually "$WAIT_S" "the controller gets new rings, and a host its answer" greets
	ok "and another one" greets
	is "$(guest "dmesg | grep -c 'controller is bound anew'")" 1 "it was bound anew once"
}
test_refused() { [ "$(answer)" = -5 ]; }

# Of the oopses in the guest's log, what is not a fault of the test's module.
foreign_oopses() {
	tr -d '\r' <"$DIR/vm.console" | awk '
		/(Oops: |general protection fault, ).*\[#[0-9]+\]/ { of = $0; next }
		of && /RIP: / { if (!/\[fth_test_note\]/) print of, $0; of = "" }'
}

peer_init note
peer_guest --smp 2
# Lockdep is at work until the first oops.
test_warn_while_sending
debug_kernel end "so far it found nothing"
test_panic panic "a panic" 0
test_panic stuck "a panic beside a CPU that was sending" 0
test_found
test_told_once
test_oopses
test_unread
debug_kernel leaks "an oops leaks nothing"
test_command_dies
test_panic held "an oops in a softirq, which is a panic" 1
test_receiver_dies
test_teller_dies
debug_kernel leaks "nor do they"
# A ring that was lost is left as it was, with the frames in it.
test_oops_in_ring
peer_log_is_clean
is "$(foreign_oopses)" "" "all its oopses were the test's"
done_testing
