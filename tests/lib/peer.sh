# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
# shellcheck disable=SC2034 # for the tests
# One guest against a host by hand (tests/e2e/peer.c); for tests on the host, after tap.sh.
#	peer_init NAME		# $DIR, which goes at the end with the guest
#	peer_guest [OPTION]...	# boots it: options of tools/vm start
#	says "HELLO is answered" "*ack *" hello		# lines of a host
#	guest 'COMMAND'
#	peer_well		# tests: the guest's kernel complained of nothing
# On the debug kernel that asks for leaks and for lockdep, too; a WARN is a panic there.
# What a test makes the kernel complain of stands in PROVOKED (ERE), before peer_guest;
# then no WARN is a panic.
# PEER_CONSOLE: keep the console log there.  TAP_SLOWER: all limits are so many times longer.
# shellcheck source=tests/lib/end.sh
. tests/lib/end.sh
# shellcheck source=tests/lib/qmp.sh
. tests/lib/qmp.sh

NAME=fother_demo_cmdline
PATCHED="this has been live patched"
BUILD=${BUILD:-build}
KREL=${KREL:-$(tools/kernel release 6.1)}
MODULE=$BUILD/guest/$KREL/examples/$NAME.ko
TESTS=$BUILD/guest/$KREL/tests
PEER=$BUILD/host/e2e/peer
WAIT_S=${WAIT_S:-60}
PEER_BOOT_S=240
PROVOKED=${PROVOKED:-}
# Answers that a throttled host's socket, a relay on the way and the guest's queue can't hold.
PEER_FLOOD=40000

peer_clean_up() {
	if [ "$END_STATUS" != 0 ] && [ -e "$DIR/vm.console" ]; then
		QMP_WAIT_S=10 # a time-out leaves no more than a minute
		machine_state "$DIR/vm.console"
	fi
	tools/vm stop --dir "$DIR" --name vm >/dev/null 2>&1
	[ -z "${PEER_CONSOLE:-}" ] || cp "$DIR/vm.console" "$PEER_CONSOLE"
	rm -rf "$DIR"
}

peer_init() { # NAME
	DIR=$(mktemp -d "${TMPDIR:-/tmp}/fother-$1.XXXXXX")
	SOCKET=$DIR/vm.sock
	QMP_SOCKET=$DIR/vm.qmp
	at_end peer_clean_up
	make -s "$PEER" >&2 || bail "can't build '$PEER'"
}

# limit SECONDS: of what tap.sh does not wait for.
limit() { echo $(($1 * ${TAP_SLOWER:-1})); }
is_debug_kernel() { [[ $KREL == *-fother-debug-* ]]; }

peer_guest() {
	local more=()
	if is_debug_kernel; then
		more=(--file tests/lib/debug.sh:/tests/lib/debug.sh)
		[ -n "$PROVOKED" ] || more+=(--append panic_on_warn=1)
	fi
	tools/vm start --kernel "$KREL" --name vm --dir "$DIR" --timeout "$(limit $PEER_BOOT_S)" \
		"${more[@]}" "$@" || bail "no guest"
	debug_kernel begin "the debug kernel begins"
}

# debug_kernel VERB NAME: tests, if it is one: what tests/lib/debug.sh asks of it.
debug_kernel() {
	! is_debug_kernel || ok "$2" guest "TAP_SLOWER=${TAP_SLOWER:-1} sh /tests/lib/debug.sh $1"
}

# peer_well: the last test points.
peer_well() {
	debug_kernel end "the debug kernel found nothing"
	peer_log_is_clean
}
peer_log_is_clean() {
	ok "the guest's log is clean" tools/vm check --dir "$DIR" --name vm \
		--timeout "$(limit "$WAIT_S")" ${PROVOKED:+--expect-fault "$PROVOKED"}
}

# peer LINE...: one connection, one line for each command; output in $OUT too.
peer() {
	OUT=$(printf '%s\n' "$@" | "$PEER" "$SOCKET" 2>&1)
	local status=$?
	printf '%s\n' "$OUT"
	return $status
}

# says NAME PATTERN LINE...: what a peer prints matches.
says() {
	local name=$1 pattern=$2
	shift 2
	peer "$@" >/dev/null
	like "$OUT" "$pattern" "$name"
}

greets() { [[ $(peer hello) == *"ack release="* ]]; }

# begin_host: one that takes its orders by and by, from descriptor 7; what it prints is
# in $DIR/peer.out.
begin_host() {
	PEER_HOSTS=$((${PEER_HOSTS:-0} + 1))
	mkfifo "$DIR/orders$PEER_HOSTS"
	: >"$DIR/peer.out"
	"$PEER" "$SOCKET" <"$DIR/orders$PEER_HOSTS" >"$DIR/peer.out" 2>&1 &
	HOST=$!
	exec 7>"$DIR/orders$PEER_HOSTS"
	echo hello >&7
	eventually "$WAIT_S" "a host is there" has_line '^ack '
}
has_line() { grep -q "$1" "$DIR/peer.out"; }

kill_host() {
	kill "$HOST" 2>/dev/null
	wait "$HOST"
	exec 7>&-
}

guest() {
	tools/vm exec --dir "$DIR" --name vm --timeout "$(limit "${GUEST_S:-$WAIT_S}")" \
		${PROVOKED:+--expect-fault "$PROVOKED"} -- sh -c "$1"
}
counter() { guest "cat /sys/kernel/fother/channel/$1"; }
counter_above() { [ "$(counter "$1")" -gt "$2" ]; }
counter_is() { [ "$(counter "$1")" = "$2" ]; }
is_patched() { [ "$(guest 'cat /proc/cmdline')" = "$PATCHED" ]; }
is_original() { ! is_patched; }
is_bound() { [ "$(counter device)" != none ]; }
is_unbound() { counter_is device none; }

# peer_broken_bytes: tests; the session survives them, and they are counted.
peer_broken_bytes() {
	local before
	before=$(counter skipped_bytes)
	says "the session survives garbage" "*heartbeat*" hello "garbage 200000" heartbeat
	ok "which is counted" counter_above skipped_bytes "$before"
	before=$(counter bad_payloads)
	says "and a wrong checksum" "*heartbeat*" hello badcrc heartbeat
	ok "which is counted too" counter_above bad_payloads "$before"
	says "a frame cut off is no trouble for the next host" "*ack*ack*heartbeat*" \
		hello cut close open hello heartbeat
}

# peer_does_not_read: tests with a host that only sends.
peer_does_not_read() {
	local before
	before=$(counter tx_dropped)
	says "a host that does not read is heard all the same" "*flood $PEER_FLOOD sent*" \
		hello "flood $PEER_FLOOD"
	eventually "$WAIT_S" "what has no room is dropped and counted" counter_above tx_dropped "$before"
	says "and the next host is served" "*ack*result 51 ok*" hello "query 51"
}
