#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# The relay: the same frames as over the channel, through /dev/fother and fother-relay
# in one guest, against a host by hand (tests/e2e/peer.c).  The program killed,
# stopped and started again; its port unplugged; fother.ko replaced under it; a host that does
# not read, or sends garbage; and both ways in one guest.
# kernels: 6.1 6.12
# debug: yes
# timeout: 600
# shellcheck disable=SC2317,SC2016 # functions are called by ok; the guest expands
set -uo pipefail
cd "$(dirname "$0")/../.." || exit 1
# shellcheck source=tests/lib/tap.sh
. tests/lib/tap.sh
# shellcheck source=tests/lib/peer.sh
. tests/lib/peer.sh

FUZZ=10000 # messages
NONCE=4711 # odd, as all of these hosts are
CAP_RELAYED=$((1 << 31))

logged() { guest "grep -q '$1' /relay.log"; }
relay_start() { guest "fother-relay 2>>/relay.log >/dev/null </dev/null & echo"; }
relay_signal() { guest "kill -$1 \$(pidof fother-relay)"; }
relay_runs() { guest 'pidof fother-relay'; }
relay_is_gone() { ! relay_runs; }
can_remove() { guest 'rmmod fother'; }
load() { guest "insmod /lib/modules/$KREL/fother.ko $*"; }
relayed() { [ $((0x$(sed -n 's/.* caps=//p' <<<"$OUT" | tail -n 1) & CAP_RELAYED)) -ne 0 ]; }
not_relayed() { ! relayed; }
stops() { [ "$(guest "cut -d' ' -f3 /proc/\$(pidof fother-relay)/stat")" = T ]; }

# A patch that was just taken out may be in use still: APPLY is answered with busy then.
applies() { # LINE...
	peer "$@" >/dev/null
	! grep -q "^result [0-9]* busy " <<<"$OUT"
}

# applied NAME PATTERN LINE...: as says, of an APPLY that may have to wait.
applied() {
	local name=$1 pattern=$2
	shift 2
	eventually "$WAIT_S" "$name: not busy" applies "$@"
	like "$OUT" "$pattern" "$name"
}

plug() { add_port "$1" shared "$2" relay org.fother.relay; } # ID NUMBER

test_device() {
	is "$(guest 'stat -c %a /dev/fother')" 600 "/dev/fother is root's alone"
	ok "who may write but is no administrator" guest "echo 'root::0:0::/:/bin/sh' >/etc/passwd &&
		echo 'user::1000:1000::/:/bin/sh' >>/etc/passwd && chmod 666 /dev/fother"
	like "$(guest "su user -c 'cat /dev/fother' 2>&1")" "*not permitted*" "may not open it"
	ok "the relay starts" relay_start
	eventually "$WAIT_S" "it opens the device" logged "device .* is open"
	eventually "$WAIT_S" "and the port" logged "port .* is open"
	like "$(guest 'cat /dev/fother 2>&1')" "*busy*" "a second program is refused"
	is "$(guest 'cat /proc/$(pidof fother-relay)/oom_score_adj')" -1000 "the OOM killer passes it over"
	nok "all its memory is locked" guest 'grep -q "VmLck:.* 0 kB" /proc/$(pidof fother-relay)/status'
}

test_commands() {
	says "HELLO is answered" "*ack release=$KREL *" "hello 3"
	ok "as a relayed session" relayed
	is "$(counter transport)" relay "which sysfs tells"
	says "a payload is staged" "*result 10 ok payload staged*" hello "stage 10 3 $NAME $MODULE"
	says "and applied" "*result 11 ok*patch $NAME soaking*" hello "apply 11 3 $NAME $MODULE"
	ok "the guest runs the patch" is_patched
	says "a repeated APPLY is answered from memory" "*result 11 ok*" \
		hello "apply 11 3 $NAME $MODULE"
	says "it is confirmed" "*result 12 ok*patch $NAME applied*" hello "confirm 12 3 $NAME"
	says "and reversed" "*result 13 ok*patch $NAME staged*" hello "reverse 13 3 $NAME"
	ok "the guest runs the original" is_original
	applied "it is applied again, unconfirmed" "*result 14 ok*" \
		hello "apply 14 3 $NAME $MODULE 1000"
	eventually "$WAIT_S" "it reverts" is_original
	says "which the next session is told" "*event 4 $NAME *event 2 $NAME *" hello heartbeat
	ok "and blocks it until it is allowed" guest "echo $NAME >/sys/kernel/fother/allow"
}

test_killed() {
	applied "a patch is applied" "*result 20 ok*" hello "apply 20 3 $NAME $MODULE"
	ok "the relay is killed" relay_signal KILL
	eventually "$WAIT_S" "the session ends" counter_is session down
	ok "the patch stays" is_patched
	ok "the relay starts again" relay_start
	says "and the guest answers what it answered" "*ack*patch $NAME soaking*result 20 ok*" \
		hello "apply 20 3 $NAME $MODULE"
	ok "it is killed once more" relay_signal KILL
	eventually "$WAIT_S" "and gone" relay_is_gone
	ok "an unconfirmed patch can be taken back without it" guest \
		"echo 0 >/sys/kernel/fother/patches/$NAME/enabled"
	eventually "$WAIT_S" "the guest runs the original" is_original
	ok "the relay starts again" relay_start
	says "and says what is" "*ack*result 21 ok*patch $NAME staged*" hello "query 21"
}

# Whatever the program does, the engine goes on.
test_stopped() {
	local held=fth_test_sleep
	ok "a thread sleeps in a function" guest \
		"insmod /tests/mod/fth_test_sleeper.ko uninterruptible=1"
	says "APPLY for it does not end" "*$held applying*" hello \
		"stage 30 5 $held $TESTS/$held.ko" "apply 31 5 $held $TESTS/$held.ko -" "progress 31"
	ok "the relay is stopped" relay_signal STOP
	eventually "$WAIT_S" "and stands" stops
	ok "the transition is turned round by hand" guest \
		"echo 0 >/sys/kernel/fother/patches/$held/enabled"
	ok "the thread goes" guest "rmmod fth_test_sleeper"
	ok "the relay goes on" relay_signal CONT
	says "and the end of it all is told" "*ack*result 31 *" hello \
		"apply 31 5 $held $TESTS/$held.ko"
	says "nothing is left" "*result 32 ok*" hello "query 32"
	like "$OUT" "*$held staged*" "but the payload"
}

test_broken_bytes() {
	peer_broken_bytes
	says "nor one after the other" "*ack*ack*ack*ack*" hello cut close open hello cut close \
		open hello cut close open hello
	says "random messages do no harm" "*ack*heartbeat*" hello "fuzz $FUZZ 1" heartbeat
}

test_host_does_not_read() {
	peer_does_not_read
	ok "the relay waits without working" guest 'pid=$(pidof fother-relay)
		set -- $(cat /proc/$pid/stat); before=$((${14} + ${15})); sleep 2
		set -- $(cat /proc/$pid/stat); [ $((${14} + ${15} - before)) -lt 20 ]'
}

test_replug() {
	ok "the port is unplugged" qmp device_del '{"id":"port0"}'
	eventually "$WAIT_S" "the relay sees that" logged "port is gone"
	eventually "$WAIT_S" "it is plugged again, elsewhere" plug port1 5
	says "and the guest answers" "*ack*" hello
	ok "through the relay" relayed
}

test_module_replaced() {
	nok "fother.ko is held while the relay has the device" can_remove
	ok "the relay lets go" relay_signal HUP
	eventually 4 "fother.ko can be removed" can_remove
	ok "the device is gone with it" guest '! [ -e /dev/fother ]'
	ok "another one is loaded" load port_name=none
	ok "the same relay greets again" greets
	ok "and was not started again" relay_runs
	ok "the relay ends" relay_signal TERM
	eventually "$WAIT_S" "by itself" relay_is_gone
	ok "fother.ko is removed" can_remove
	ok "the relay starts first" relay_start
	eventually "$WAIT_S" "and waits" guest "tail -n 3 /relay.log | grep -q 'No such'"
	ok "fother.ko comes later" load port_name=none
	ok "and answers" greets
}

test_both() {
	ok "the relay lets go" relay_signal HUP
	eventually 4 "fother.ko is removed" can_remove
	ok "and loaded with both ways" load
	SOCKET=$DEDICATED
	says "HELLO over the channel" "*ack*" hello
	ok "is answered there" not_relayed
	SOCKET=$RELAY
	says "HELLO over the relay takes over" "*ack*result 60 ok*" hello "query 60"
	ok "and is answered there" relayed
	is "$(counter takeovers)" 1 "the take-over is counted"
	says "a payload goes over the relay" "*result 61 ok*" hello "stage 61 6 $NAME $MODULE"
	SOCKET=$DEDICATED
	applied "and is applied over the channel" "*ack*result 62 ok*$NAME soaking*" hello \
		"apply 62 6 $NAME $MODULE"
	ok "the relay is killed" relay_signal KILL
	eventually "$WAIT_S" "and gone" relay_is_gone
	is "$(counter session)" open "the session of the channel goes on"
	ok "the relay starts again" relay_start
	SOCKET=$RELAY
	says "the answer is remembered over the relay too" "*ack*result 62 ok*" hello \
		"apply 62 6 $NAME $MODULE" "reverse 63 6 $NAME"
	ok "the guest runs the original" is_original
	SOCKET=$DEDICATED
	says "and the channel has the last word" "*ack*heartbeat*" hello heartbeat
	ok "as it says" not_relayed
}

# Who knows its number has not the session: that is of the way that its HELLO came by.
test_foreign_way() {
	local before
	SOCKET=$RELAY
	begin_host
	echo "hello 7 $NONCE" >&7
	eventually "$WAIT_S" "the relay's host has a session" counter_is transport relay
	before=$(counter stale)
	SOCKET=$DEDICATED
	says "a rival on the channel has its number" "*flood 1 sent*" "session $NONCE" "flood 1"
	eventually "$WAIT_S" "and is not heard" counter_above stale "$before"
	echo heartbeat >&7
	eventually "$WAIT_S" "the relay's host is" has_line '^heartbeat'
	nok "and has no answer to the rival" has_line '^result'
	kill_host
}

# The session changes hands while a transition runs, from either side, with the host
# before still there: whoever said HELLO last is answered, and nothing begins twice.
test_both_in_transition() {
	local held=fth_test_sleep before
	ok "a thread sleeps in a function" guest \
		"insmod /tests/mod/fth_test_sleeper.ko uninterruptible=1"
	SOCKET=$DEDICATED
	begin_host
	printf '%s\n' "stage 70 7 $held $TESTS/$held.ko" "apply 71 7 $held $TESTS/$held.ko -" \
		"progress 71" >&7
	eventually "$WAIT_S" "the channel's host has a transition" has_line "^progress 71 $held applying"
	before=$(counter takeovers)
	SOCKET=$RELAY
	says "the relay's host takes the session, and sees it" \
		"*ack*$held applying*progress 71 *result 72 ok*$held applying*" \
		hello "apply 71 7 $held $TESTS/$held.ko -" "progress 71" "query 72"
	ok "which is counted" counter_is takeovers $((before + 1))
	before=$(counter stale)
	echo "reverse 73 7 $held -" >&7
	eventually "$WAIT_S" "a command of the host before is not heard" counter_above stale "$before"
	says "the transition goes on" "*result 74 ok*$held applying*" hello "query 74"
	: >"$DIR/peer.out"
	printf '%s\n' hello "query 75" >&7
	eventually "$WAIT_S" "it says HELLO, and has the session back" \
		has_line "^patch $held applying"
	for _ in 1 2 3 4 5; do
		printf '%s\n' hello hello hello >&7
		peer hello >/dev/null
	done
	tap_result $? "both say HELLO at the same time, round after round"
	: >"$DIR/peer.out"
	printf '%s\n' hello "query 76" >&7
	eventually "$WAIT_S" "who says it last is answered" has_line "^result 76 ok"
	says "the relay's host turns the transition round" "*result 77 ok*$held staged*" \
		hello "reverse 77 7 $held"
	: >"$DIR/peer.out"
	printf '%s\n' hello "reverse 77 7 $held" "apply 71 7 $held $TESTS/$held.ko" >&7
	eventually "$WAIT_S" "what it was answered is answered over the channel too" \
		has_line "^result 77 ok"
	eventually "$WAIT_S" "and so is what the channel's host had asked for" \
		has_line "^result 71 reversed"
	kill_host
	ok "the thread goes" guest "rmmod fth_test_sleeper"
	is "$(guest "dmesg | grep -c \"patch '$held' .*in force\"")" 0 "it never was in force"
}

peer_init relay
RELAY=$DIR/relay.sock
DEDICATED=$SOCKET
SOCKET=$RELAY
make -s "$BUILD/guest/fother-relay" >&2 || bail "can't build '$BUILD/guest/fother-relay'"
peer_guest --smp 2 --module-args port_name=none \
	--file "$BUILD/guest/fother-relay:/bin/fother-relay" \
	--qemu-arg -chardev --qemu-arg "socket,id=relay,path=$RELAY,server=on,wait=off" \
	--qemu-arg -device --qemu-arg virtio-serial-pci,id=shared,max_ports=31 \
	--qemu-arg -device \
	--qemu-arg virtserialport,bus=shared.0,nr=3,chardev=relay,id=port0,name=org.fother.relay
test_device
test_commands
test_killed
test_stopped
test_broken_bytes
test_host_does_not_read
test_replug
test_module_replaced
test_both
test_both_in_transition
test_foreign_way
peer_well
done_testing
