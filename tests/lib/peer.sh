# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
# shellcheck disable=SC2034 # for the tests
# One guest against a host by hand (tests/e2e/peer.c); for tests on the host, after tap.sh.
#	peer_init NAME		# $DIR, which goes at the end with the guest
#	peer_guest [OPTION]...	# boots it: options of tools/vm start
#	says "HELLO is answered" "*ack *" hello		# lines of a host
#	guest 'COMMAND'
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
# Answers that a throttled host's socket, a relay on the way and the guest's queue can't hold.
PEER_FLOOD=40000

peer_clean_up() {
	tools/vm stop --dir "$DIR" --name vm >/dev/null 2>&1
	rm -rf "$DIR"
}

peer_init() { # NAME
	DIR=$(mktemp -d "${TMPDIR:-/tmp}/fother-$1.XXXXXX")
	SOCKET=$DIR/vm.sock
	QMP_SOCKET=$DIR/vm.qmp
	at_end peer_clean_up
	make -s "$PEER" >&2 || bail "can't build '$PEER'"
}

peer_guest() {
	tools/vm start --kernel "$KREL" --name vm --dir "$DIR" "$@" || bail "no guest"
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

guest() { tools/vm exec --dir "$DIR" --name vm --timeout "$WAIT_S" -- sh -c "$1"; }
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
