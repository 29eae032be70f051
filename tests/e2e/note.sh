#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# A note out of an oops and out of a panic reaches the host: also with interrupts
# off, in a softirq, and out of the middle of our own sending; and where it can't,
# the guest is told so and goes on.
# kernels: 6.1 6.12
# shellcheck disable=SC2317 # functions are called by ok and its like
set -uo pipefail
cd "$(dirname "$0")/../.." || exit 1
# shellcheck source=tests/lib/tap.sh
. tests/lib/tap.sh

BUILD=${BUILD:-build}
KREL=${KREL:-$(tools/kernel release 6.1)}
PEER=$BUILD/host/e2e/peer
MODULE=fth_test_note
WAIT_S=60
BOOT_S=180
DYING_S=3 # a command that ends the guest is never answered
RC_TAINTED=125

DIR=$(mktemp -d "${TMPDIR:-/tmp}/fother-note.XXXXXX")
SOCKET=$DIR/vm.sock

clean_up() {
	tools/vm stop --dir "$DIR" --name vm >/dev/null 2>&1
	rm -rf "$DIR"
}
trap clean_up EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

peer() { printf '%s\n' "$@" | "$PEER" "$SOCKET" 2>&1; }
# A guest that has had its oops is tainted for ever; what it says counts.
guest() {
	tools/vm exec --dir "$DIR" --name vm --timeout "${GUEST_S:-$WAIT_S}" -- sh -c "$1" 2>"$DIR/exec.err"
	local status=$?
	[ $status -eq $RC_TAINTED ] && ! grep -q "is gone\|no answer" "$DIR/exec.err" && status=0
	return $status
}
answer() { guest "cat /sys/module/$MODULE/parameters/answer"; }
counter() { guest "cat /sys/kernel/fother/channel/$1"; }
lives() { [ "$(guest 'echo yes')" = yes ]; }
greets() { [[ $(peer hello) == *"ack release="* ]]; }
has_line() { grep -q "$1" "$DIR/peer.out"; }
boot_of() { sed -n 's/^ack .* boot=\([^ ]*\) .*/\1/p' | tail -n 1; }

# A host that takes its orders by and by, from descriptor 7.
begin_host() {
	HOSTS=$((${HOSTS:-0} + 1))
	mkfifo "$DIR/orders$HOSTS"
	: >"$DIR/peer.out"
	"$PEER" "$SOCKET" <"$DIR/orders$HOSTS" >"$DIR/peer.out" 2>&1 &
	HOST=$!
	exec 7>"$DIR/orders$HOSTS"
	echo hello >&7
	eventually $WAIT_S "a host is there" has_line '^ack '
}

end_host() {
	kill $HOST 2>/dev/null
	wait $HOST
	exec 7>&-
}

# fault HOW [NOTE]: the next insmod brings it about, or the next sending.
fault() {
	guest "rmmod $MODULE 2>/dev/null; insmod /tests/mod/$MODULE.ko how=$1 note=${2:-1}" || :
}

# told NAME PATTERN: the host has a line like it.
told() {
	echo heartbeat >&7 # whatever came is printed until it is answered
	eventually $WAIT_S "$1" has_line "$2"
}

# What fother finds by itself.
test_found() {
	begin_host
	fault oops 0
	told "the host is told of an oops as it happens" \
		'^event 3  absent .* trigger=2 incident=1 .* text=[1-9]'
	eventually $WAIT_S "and is answered afterwards" has_line '^heartbeat'
	is "$(counter notes_sent)" 1 "the guest knows that it was read"
	end_host
	begin_host
	told "the next session hears of it again" '^event 3  absent .* trigger=2 incident=1 '
	end_host
}

# oops HOW NAME: the note comes, the channel goes on.
oops() {
	begin_host
	fault "$1"
	told "the host has a note out of $2" "^event 3  absent $1 trigger=2 "
	eventually $WAIT_S "and is answered afterwards" has_line '^heartbeat'
	is "$(answer)" 0 "the guest knows that it was read"
	end_host
}

test_oopses() {
	oops oops "an oops of a thread"
	oops irqoff "an oops with interrupts off"
}

# The lock is our own CPU's, and whoever holds it goes on: nothing may be sent.
test_warn_while_sending() {
	begin_host
	end_host
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
	[ "$1" = panic ] || ok "and one out of the oops before" has_line '^event 3 .* trigger=2 '
	end_host
	eventually $BOOT_S "the guest has booted again" greets
	after=$(peer hello | boot_of)
	ok "and says so" test "$before" != "$after"
}

test_oops_while_sending() {
	begin_host
	fault send
	told "the host has a note out of an oops in our own sending" \
		'^event 3  absent send trigger=2 '
	is "$(answer)" 0 "the guest knows that it was read"
	ok "the guest goes on" lives
	end_host
}

test_oops_in_ring() {
	begin_host
	fault ring
	echo heartbeat >&7 # never answered: the ring can't be trusted
	eventually $WAIT_S "a note out of an oops inside the ring is refused" test_refused
	ok "and the guest goes on" lives
	end_host
}
test_refused() { [ "$(answer)" = -5 ]; }

reboot_guest() {
	GUEST_S=$DYING_S guest "echo b >/proc/sysrq-trigger" >/dev/null
	eventually $BOOT_S "a reboot brings the channel back" greets
}

make -s "$PEER" >&2 || bail "can't build '$PEER'"
tools/vm start --kernel "$KREL" --name vm --dir "$DIR" --smp 2 || bail "no guest"
test_found
test_warn_while_sending
test_oopses
test_panic panic "a panic" 0
test_panic held "an oops in a softirq, which is a panic" 1
test_oops_while_sending
reboot_guest
test_oops_in_ring
reboot_guest
done_testing
