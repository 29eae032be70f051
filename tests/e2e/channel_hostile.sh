#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# A host that breaks the protocol, is of another version, dies in the middle of a
# frame, or has a rival on its socket; and one that stops reading and goes on.
# kernels: 6.1 6.12
# debug: yes
# shellcheck disable=SC2317 # functions are called by ok and its like
set -uo pipefail
cd "$(dirname "$0")/../.." || exit 1
# shellcheck source=tests/lib/tap.sh
. tests/lib/tap.sh
# shellcheck source=tests/lib/peer.sh
. tests/lib/peer.sh

GARBAGE_B=10000000
# Answers that a host's socket and the guest's queue can't hold.
FLOOD=40000
# What a host's socket and the ring hold, of frames as small; the queue holds many times as much.
STALE_MAX=2000
QUEUED_MIN=5000

# grew COUNTER BEFORE BY: exactly.
grew() { is "$(($(counter "$1") - $2))" "$3" "$1 grew by $3"; }

test_garbage() {
	local before
	before=$(counter skipped_bytes)
	says "a HELLO behind $GARBAGE_B bytes of garbage is answered" "*ack*heartbeat*" \
		"garbage $GARBAGE_B" hello heartbeat
	ok "all of it was passed over" \
		test "$(($(counter skipped_bytes) - before))" -ge $((GARBAGE_B - 100))
}

test_cuts() {
	says "a frame cut at each of its bytes is no trouble for the next host" \
		"*cut [1-9]* times*" hello cuts
}

test_skew() {
	local bad stale
	bad=$(counter bad_headers)
	says "a frame of a version to come costs nothing but itself" "*heartbeat*" \
		hello "skew version 1" heartbeat
	grew bad_headers "$bad" 1
	says "so does one with flags" "*heartbeat*" hello "skew flags 1" heartbeat
	grew bad_headers "$bad" 2
	stale=$(counter stale)
	says "one of another session" "*heartbeat*" hello "skew session 1" heartbeat
	grew stale "$stale" 1
	says "and one that only guests send" "*heartbeat*" hello "skew guest 1" heartbeat
	grew stale "$stale" 2
	says "a command to come is answered as malformed" \
		"*result 2 malformed *type: not known*heartbeat*" \
		hello "skew type 2" "result 2" heartbeat
	says "a field to come is skipped" "*result 3 no_patch *" \
		hello "skew tag 3" "result 3"
	says "but not one that must be understood" "*result 4 malformed *" \
		hello "skew critical 4" "result 4"
	says "a HELLO with a field to come is answered" "*ack*ack*heartbeat*" \
		hello "skewhello tag" heartbeat
	says "one with a field that must be understood is not, and the next one is" \
		"*ack*ack*heartbeat*" hello "skewhello critical" hello heartbeat
}

# The host ends by itself, once it has done what it was told.
end_host() {
	exec 7>&-
	wait "$HOST"
}

# QEMU has one client at a time; the others wait, and their bytes with them.
test_second_client() {
	local second
	begin_host
	printf '%s\n' hello heartbeat | "$PEER" "$SOCKET" >"$DIR/second.out" 2>&1 7>&- &
	second=$!
	printf '%s\n' heartbeat "query 9" >&7
	eventually "$WAIT_S" "it is served while a second one waits" \
		has_line '^result 9 ok'
	is "$(cat "$DIR/second.out")" "" "which hears nothing"
	end_host
	wait $second
	like "$(<"$DIR/second.out")" "*ack *heartbeat*" "and has its turn afterwards"
	# One that waited and died leaves a HELLO behind, of a session that nobody has.
	begin_host
	printf '%s\n' hello heartbeat | "$PEER" "$SOCKET" >/dev/null 2>&1 7>&- &
	second=$!
	printf '%s\n' heartbeat "query 10" >&7
	eventually "$WAIT_S" "it is served while a rival waits" \
		has_line '^result 10 ok'
	kill $second
	wait $second
	end_host
	says "a rival that died does no harm afterwards" "*ack*heartbeat*" hello heartbeat
}

# Nothing wakes the guest but the host: a wake-up that is lost would stay so.
test_reads_late() {
	local round dropped had frames
	for round in 1 2 3; do
		begin_host
		dropped=$(counter tx_dropped)
		frames=$(counter rx_frames)
		echo "flood $FLOOD" >&7
		eventually "$WAIT_S" "what has no room is dropped, round $round" counter_above tx_dropped "$dropped"
		eventually "$WAIT_S" "all of it is heard" counter_above rx_frames $((frames + FLOOD - 1))
		printf '%s\n' drain heartbeat >&7
		end_host
		like "$(<"$DIR/peer.out")" "*flood $FLOOD sent*drained [1-9]*heartbeat*" \
			"a host that reads late has the rest, and is answered"
		had=$(($(sed -n 's/^drained //p' "$DIR/peer.out") + $(grep -c '^result ' "$DIR/peer.out")))
		is "$((had + $(counter tx_dropped) - dropped))" $FLOOD "and no answer is missing but what is counted"
		ok "as many as ever were kept for it" test "$had" -gt $QUEUED_MIN
	done
	says "one that goes without reading costs the next one nothing" \
		"*flood *ack*result 11 ok*" hello "flood $FLOOD" close open hello "query 11"
}

# What waits to be sent is of the session before: the next one need not wait for it, nor
# does it fill the queue for good.
test_says_hello_anew() {
	local round frames stale
	begin_host
	for round in 1 2 3; do
		frames=$(counter rx_frames)
		echo "flood $FLOOD" >&7
		eventually "$WAIT_S" "nothing is read of a flood, round $round" \
			counter_above rx_frames $((frames + FLOOD - 1))
		: >"$DIR/peer.out"
		printf '%s\n' hello heartbeat stale >&7
		eventually "$WAIT_S" "HELLO on the same connection is answered" has_line '^stale '
		stale=$(sed -n 's/^stale //p' "$DIR/peer.out")
		diag "$stale frames of sessions before came in $round rounds"
		ok "what the queue held did not" test "$stale" -lt $((round * STALE_MAX))
	done
	end_host
}

peer_init hostile
peer_guest --smp 2
test_skew
test_cuts
test_garbage
test_second_client
test_says_hello_anew
test_reads_late
peer_well
done_testing
