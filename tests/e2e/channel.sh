#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# The channel of one guest against a host by hand (tests/e2e/peer.c): commands and
# their memory, broken input, a host that goes or does not read, the controller
# unplugged, the module unloaded, the stock driver before and after it.
# kernels: 6.1 6.12
# debug: yes
# shellcheck disable=SC2317 # functions are called by ok and its like
set -uo pipefail
cd "$(dirname "$0")/../.." || exit 1
# shellcheck source=tests/lib/tap.sh
. tests/lib/tap.sh
# shellcheck source=tests/lib/peer.sh
. tests/lib/peer.sh

UUID=6ba7b810-9dad-11d1-80b4-00c04fd430c8
OTHER=fother_demo_version
OTHER_MODULE=$BUILD/guest/$KREL/examples/$OTHER.ko
OTHER_KREL=5${KREL#?}
FUZZ=20000 # messages

module_gone() { guest "! grep -q '^$NAME ' /proc/modules"; }
stock_has_port() { guest 'grep -qx org.fother.0 /sys/class/virtio-ports/*/name'; }
test_hello() {
	says "HELLO is answered with what the guest is" \
		"ack release=$KREL vcpus=2 epoch=3 uuid=$UUID boot=????????-* build=20 caps=*" "hello 3"
	says "a heartbeat is echoed" "*heartbeat*" hello heartbeat
	is "$(counter session)" open "the session is open in sysfs"
}

test_stage() {
	says "a payload is staged" "*result 10 ok payload staged*$NAME staged*" \
		hello "stage 10 3 $NAME $MODULE"
	says "a repeated STAGE is answered from memory" "*result 10 ok payload staged*" \
		hello "stage 10 3 $NAME $MODULE"
	says "the same payload again is there already" "*result 11 ok payload was staged already*" \
		hello "stage 11 3 $NAME $MODULE"
	says "an op id of another command is refused" "*result 10 malformed *op id 10 was stage*" \
		hello "unstage 10 3 $NAME"
	says "QUERY lists it" "*result 12 ok*patch $NAME staged*" hello "query 12"
	says "UNSTAGE of another payload of its name does nothing" \
		"*result 93 no_patch *unstage '$NAME' refused: *is not SHA-256*$NAME staged*" \
		hello "unstage 93 3 $NAME $OTHER_MODULE"
	says "UNSTAGE drops it" "*result 13 ok*" hello "unstage 13 3 $NAME $MODULE"
	says "UNSTAGE of nothing says so" "*result 14 no_patch *'$NAME'*" hello "unstage 14 3 $NAME"
}

test_bad_payloads() {
	sed "s/vermagic=$KREL/vermagic=$OTHER_KREL/" "$MODULE" >"$DIR/other.ko"
	sed 's/livepatch=Y/livepatch=N/' "$MODULE" >"$DIR/plain.ko"
	head -c $(($(stat -c %s "$MODULE") / 2)) "$MODULE" >"$DIR/short.ko"
	seq 5000 >"$DIR/text.ko"
	LC_ALL=C sed "s/$NAME\x00/all$(printf '\\x00%.0s' {3..19})/g" "$MODULE" >"$DIR/all.ko"
	says "a wrong hash is refused" "*result 20 bad_hash *expected*dropped*" \
		hello "stage 20 3 $NAME $MODULE hash"
	says "a chunk out of order is refused" "*result 21 bad_offset *expected 8192*" \
		hello "stage 21 3 $NAME $MODULE skip"
	says "its op id may begin again" "*result 21 ok payload staged*" \
		hello "stage 21 3 $NAME $MODULE" "unstage 29 3 $NAME"
	says "a module for another kernel is refused" \
		"*result 22 wrong_kernel *is for '$OTHER_KREL*', this kernel is '$KREL'*" \
		hello "stage 22 3 $NAME $DIR/other.ko"
	says "a module that is no livepatch is refused" "*result 23 malformed *livepatch=Y*" \
		hello "stage 23 3 $NAME $DIR/plain.ko"
	says "a module cut short is refused" "*result 24 malformed *ELF*" \
		hello "stage 24 3 $NAME $DIR/short.ko"
	says "a text is refused" "*result 25 malformed *ELF*" hello "stage 25 3 $NAME $DIR/text.ko"
	says "a module of another name is refused" "*result 26 malformed *calls itself '$NAME'*" \
		hello "stage 26 3 another_name $MODULE"
	says "a name that stands for every patch is staged" "*result 90 ok *" \
		hello "stage 90 3 all $DIR/all.ko"
	says "and never applied" "*result 91 malformed *stands for every patch*result 92 ok*" \
		hello "apply 91 3 all $DIR/all.ko" "unstage 92 3 all"
	says "APPLY of what is not staged is refused" "*result 28 no_patch *staged*" \
		hello "apply 28 3 $NAME $MODULE"
}

test_gone_in_the_middle() {
	says "half a payload is left behind" "*ack*" hello "stage 30 3 $NAME $MODULE half"
	says "and is no payload" "*result 31 ok*" hello "query 31"
	nok "not listed either" grep -q "patch" <<<"$OUT"
	says "the next session begins anew" "*result 30 ok payload staged*" \
		hello "stage 30 3 $NAME $MODULE"
	says "what is staged already displaces half a payload, too" \
		"*result 33 ok payload was staged already*result 32 bad_offset *begin again at 0*" \
		hello "stage 32 3 $OTHER $OTHER_MODULE half" "stage 33 3 $NAME $MODULE" \
		"stage 32 3 $OTHER $OTHER_MODULE rest"
}

test_apply() {
	says "APPLY comes to soaking" "*result 40 ok*patch $NAME soaking*" \
		hello "apply 40 4 $NAME $MODULE"
	ok "the guest runs the patch" is_patched
	says "a repeated APPLY is answered from memory" "*result 40 ok*" \
		hello "apply 40 4 $NAME $MODULE"
	says "another APPLY is refused" "*result 41 wrong_state *" hello "apply 41 4 $NAME $MODULE"
	says "an older epoch is refused" "*result 42 stale_epoch *epoch 3, newest seen is 4*" \
		hello "reverse 42 3 $NAME"
	says "HELLO tells the newest epoch" "*epoch=4 *$NAME soaking*" "hello 2"
	says "CONFIRM of another payload of its name does nothing" \
		"*result 94 no_patch *is not SHA-256*$NAME soaking*" \
		hello "confirm 94 4 $NAME $OTHER_MODULE"
	says "CONFIRM makes it applied" "*result 43 ok*patch $NAME applied*" \
		hello "confirm 43 4 $NAME $MODULE"
	says "neither REVERSE nor REVERT of another payload takes it back" \
		"*result 95 no_patch *result 96 no_patch *patch $NAME applied*" \
		hello "reverse 95 4 $NAME $OTHER_MODULE" "revert 96 4 $NAME $OTHER_MODULE"
	says "UNSTAGE is refused meanwhile" "*result 44 wrong_state *applied*" \
		hello "unstage 44 4 $NAME"
	nok "fother can't be unloaded meanwhile" guest "rmmod fother"
	says "REVERSE comes to staged" "*result 45 ok*patch $NAME staged*" \
		hello "reverse 45 4 $NAME $MODULE"
	ok "the guest runs the original" is_original
	eventually "$WAIT_S" "and the module goes" module_gone
	says "a repeated REVERSE is answered from memory" "*result 45 ok*" \
		hello "reverse 45 4 $NAME"
	says "another REVERSE is refused" "*result 46 wrong_state *staged, not applied*" \
		hello "reverse 46 4 $NAME"
	says "it can be applied again, and reverts unconfirmed with events" \
		"*result 47 ok*event 4 $NAME * trigger=1 *event 2 $NAME staged * trigger=1 *" \
		hello "apply 47 4 $NAME $MODULE 1000" event event
	ok "the guest runs the original again" is_original
	eventually "$WAIT_S" "and the module goes again" module_gone
	says "the next session hears of it again" "*ack*event 4 $NAME *event 2 $NAME *" \
		hello event event
	says "and so does who says HELLO again, as the answer may be lost" \
		"*ack*event 4 *event 2 *ack*event 4 *event 2 *" \
		"hello 4 99" event event "hello 4 99" event event
	says "it is blocked until it is allowed" "*result 48 blocked *result 49 ok *" \
		hello "apply 48 4 $NAME $MODULE" "allow 49 4 $NAME"
}

# A kernel thread that no nudge can wake sleeps in the function to be patched.  What comes last may be
# answered first, as old code is in force: what waits for the end is asked for once more.
test_held_up() {
	local held=fth_test_sleep
	ok "a thread sleeps" guest "insmod /tests/mod/fth_test_sleeper.ko uninterruptible=1"
	says "a payload for its function and another are staged" "*result 60 ok*result 61 ok*" \
		hello "stage 60 5 $held $TESTS/$held.ko" "stage 61 5 $NAME $MODULE"
	says "APPLY does not end" "*$held applying*" hello \
		"apply 62 5 $held $TESTS/$held.ko -" "progress 62" "query 63" \
		"apply 62 5 $held $TESTS/$held.ko -" "progress 62" \
		"apply 64 5 $NAME $MODULE" "nudge 68 5 $held" "reverse 65 5 $held -" \
		"reverse 69 5 $held" "reverse 65 5 $held" "apply 62 5 $held $TESTS/$held.ko" "query 66"
	like "$OUT" "*straggler * fth_sleeper in *io_schedule_timeout* next *" "QUERY says who holds it up"
	like "$OUT" "*patch $held applying *model=default pending=1*" \
		"and under which model how many do"
	like "$OUT" "*progress 62 $held applying *pending=1*" "so does PROGRESS"
	like "$OUT" "*result 63 *progress 62 *" "a repeated APPLY is answered with PROGRESS"
	like "$OUT" "*result 64 busy *" "another APPLY is answered with busy"
	like "$OUT" "*result 68 ok *" "NUDGE is done"
	like "$OUT" "*result 65 ok *" "REVERSE turns it round"
	like "$OUT" "*result 69 ok *" "another REVERSE joins it, and turns nothing"
	like "$OUT" "*result 62 reversed *" "and ends the APPLY"
	like "${OUT##*result 66}" "*$held staged*" "which leaves a payload"
	says "busy was not remembered" "*result 64 ok*$NAME soaking*result 67 ok*" \
		hello "apply 64 5 $NAME $MODULE" "reverse 67 5 $NAME"
	ok "the thread goes" guest "rmmod fth_test_sleeper"
}

test_suspend() {
	guest '(sleep 1; echo mem >/sys/power/state) >/dev/null 2>&1 &'
	eventually "$WAIT_S" "the guest sleeps" is_status suspended
	ok "it is woken" qmp system_wakeup
	ok "and answers" greets
}

test_broken_bytes() {
	local before
	peer_broken_bytes
	before=$(counter malformed)
	says "a command without its fields is answered" "*result 50 malformed *required*" \
		hello "bad 50"
	ok "and counted" counter_above malformed "$before"
}

test_random_messages() {
	says "random messages do no harm" "*ack*heartbeat*" \
		hello "fuzz $FUZZ 1" heartbeat
	says "nor do their op ids" "*ack*result 200 ok*" hello "query 200"
}

unstaged() { [[ $(peer hello "unstage $1 6 $NAME $MODULE") == *"result $1 ok"* ]]; } # OP

# reload HOW [PARAMETER]: a patch's module goes after its REVERSE was answered.
reload() {
	eventually "$WAIT_S" "fother goes" guest "rmmod fother"
	ok "and is loaded $1" guest "insmod /lib/modules/$KREL/fother.ko ${2:-}"
}

# A loader that takes its time, tries to write what it loads, or is not there.
test_loader() {
	ok "a slow loader is made" guest "printf '%s\\n' '#!/bin/sh' \
		'for i in 1 2 3 4 5; do test -e /go || sleep 1; done' \
		'echo x >>/proc/self/fd/0 && exit 9' \
		'exec /sbin/insmod \$1' >/slow && chmod 755 /slow"
	reload "with it" insmod_path=/slow
	says "the link lives while the module is loaded" \
		"*heartbeat*result 71 ok*$NAME staged*result 72 busy*result 70 ok*$NAME soaking*" \
		hello "stage 73 6 $NAME $MODULE" "apply 70 6 $NAME $MODULE -" heartbeat "query 71" \
		"reverse 72 6 $NAME" "result 70"
	ok "the loader could not write the module, and the guest runs it" is_patched
	says "it is taken out by another program" "*result 74 ok*" hello "reverse 74 6 $NAME"
	reload "with no program that unloads" rmmod_path=/none
	says "a module that is still there keeps its payload" \
		"*result 76 ok*result 77 ok*$NAME staged*result 78 busy *still in the kernel*" \
		hello "stage 73 6 $NAME $MODULE" "apply 76 6 $NAME $MODULE" "reverse 77 6 $NAME" \
		"unstage 78 6 $NAME"
	eventually "$WAIT_S" "it is taken out by hand" guest "rmmod $NAME"
	eventually "$WAIT_S" "and its payload can be dropped" unstaged 78
	guest "printf '%s\\n' '#!/bin/sh' 'test ! -e /not-now && exec /sbin/rmmod \$1' >/later &&
		chmod 755 /later && touch /not-now && dmesg -c >/dev/null"
	reload "with a program that can't unload for a while" rmmod_path=/later
	says "what it could not unload keeps its payload" \
		"*result 97 ok*result 98 ok*$NAME staged*result 99 busy *" \
		hello "stage 73 6 $NAME $MODULE" "apply 97 6 $NAME $MODULE" "reverse 98 6 $NAME" \
		"unstage 99 6 $NAME"
	eventually "$WAIT_S" "it gives up" guest "dmesg | grep -q \"'$NAME': reverted, but its module stays loaded\""
	ok "it can again" guest "rm /not-now"
	eventually "$WAIT_S" "and does, where the module is in the way" unstaged 99
	guest "printf '%s\\n' '#!/bin/sh' 'exec /sbin/insmod /tests/examples/$OTHER.ko' >/wrong &&
		chmod 755 /wrong"
	reload "with a loader that brings another module" insmod_path=/wrong
	says "it is refused for what it is" \
		"*result 79 malformed *'$OTHER' refused: the host announced '$NAME'*" \
		hello "stage 73 6 $NAME $MODULE" "apply 79 6 $NAME $MODULE"
	reload "with no loader" insmod_path=/none
	says "APPLY says so" "*result 75 load_failed *'/none'*" hello \
		"stage 73 6 $NAME $MODULE" "apply 75 6 $NAME $MODULE"
	reload "as before"
}

# A patch that no host sent stands where the staged payload's would.
test_by_hand() {
	says "a payload is staged" "*result 80 ok*" hello "stage 80 6 $NAME $MODULE"
	ok "its module is loaded by hand" guest \
		"echo $NAME confirm-within=none >/sys/kernel/fother/policy && insmod /tests/examples/$NAME.ko"
	eventually "$WAIT_S" "and patches the guest" is_patched
	says "REVERSE of the payload means another one" "*result 81 no_patch *is not SHA-256*" \
		hello "reverse 81 6 $NAME $MODULE"
	says "UNSTAGE of it is refused, as the patch is in the way" "*result 82 wrong_state *" \
		hello "unstage 82 6 $NAME $MODULE"
	says "REVERSE by name takes it back" "*result 83 ok*" hello "reverse 83 6 $NAME"
	eventually "$WAIT_S" "its module goes by hand" guest "! grep -q '^$NAME ' /proc/modules || rmmod $NAME"
	says "then the payload is dropped" "*result 84 ok*" hello "unstage 84 6 $NAME $MODULE"
	says "and nothing is left" "*result 85 ok*" hello "query 85"
	nok "of it" grep -q "$NAME" <<<"$OUT"
}

test_hotplug() {
	ok "the controller is unplugged" qmp device_del '{"id":"fotherbus0"}'
	eventually "$WAIT_S" "the guest lets go of it" is_unbound
	eventually "$WAIT_S" "and QEMU too" add_controller fotherbus0 2
	ok "a port is added later" add_port port0 fotherbus0 1 fother0 org.fother.0
	eventually "$WAIT_S" "the guest finds it" is_bound
	ok "and answers" greets
	ok "the port alone is unplugged" qmp device_del '{"id":"port0"}'
	eventually "$WAIT_S" "the session ends" counter_is session down
	eventually "$WAIT_S" "it is plugged again" add_port port1 fotherbus0 1 fother0 org.fother.0
	ok "and answers" greets
}

test_stock_driver() {
	ok "fother is unloaded" guest "rmmod fother"
	eventually "$WAIT_S" "the stock driver has the port" stock_has_port
	ok "fother is loaded again" guest "insmod /lib/modules/$KREL/fother.ko selftest=1"
	ok "and answers" greets
	nok "the stock driver has no port of ours" stock_has_port
}

test_no_stock_driver() {
	ok "both are unloaded" guest "rmmod fother && rmmod virtio_console"
	ok "fother comes without the stock driver" guest "insmod /lib/modules/$KREL/fother.ko"
	ok "and answers" greets
	ok "the stock driver comes later" guest \
		"insmod /lib/modules/$KREL/kernel/drivers/char/virtio_console.ko"
	ok "fother still answers" greets
	ok "fother goes" guest "rmmod fother"
	eventually "$WAIT_S" "the stock driver has the port again" stock_has_port
}

test_shared_controller() {
	ok "the port goes" qmp device_del '{"id":"port1"}'
	ok "a large controller comes" add_controller shared 8
	eventually "$WAIT_S" "with our port" add_port port2 shared 1 fother0 org.fother.0
	ok "fother is loaded" guest "insmod /lib/modules/$KREL/fother.ko"
	eventually "$WAIT_S" "it refuses the controller" \
		guest "dmesg | grep -q \"controller refused: port 'org.fother.0' shares it\""
	ok "which stays with the stock driver" stock_has_port
	ok "fother goes" guest "rmmod fother"
	is "$(guest "dmesg | grep -c 'controller refused'")" 1 "it said so once"
}

peer_init channel
peer_guest --smp 2 --uuid $UUID
test_hello
test_stage
test_bad_payloads
test_gone_in_the_middle
test_apply
test_held_up
test_broken_bytes
test_random_messages
test_loader
test_by_hand
peer_does_not_read
test_suspend
test_hotplug
test_stock_driver
if guest "grep -q '^virtio_console ' /proc/modules"; then
	test_no_stock_driver # some kernels have it built in
else
	ok "fother goes" guest "rmmod fother"
fi
test_shared_controller
peer_well
done_testing
