#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# While all programs of a guest are held for a transition, its host is answered.
# kernels: 6.1 6.12
# debug: yes
# timeout: 420
# shellcheck disable=SC2317 # a trap calls it
set -uo pipefail
cd "$(dirname "$0")/../.." || exit 1
WAIT_S=120
# shellcheck source=tests/lib/tap.sh
. tests/lib/tap.sh
# shellcheck source=tests/lib/peer.sh
. tests/lib/peer.sh

PATCH=fth_test_gen_p1
# One task can't be frozen, so the stock freezer holds the others for as long as it is
# given: a third of the budget.
POLICY="$PATCH leave=kernel switch=kernel freeze-use=always freeze-way=kernel freeze-budget=9s \
freeze-attempts=1 on-deadline=reverse deadline=none confirm-within=none"
HELD_CS=250 # hundredths of a second that a program must have been held for
BEATS_S=40  # the host asks for that long at most

# Writes down from when to when it did not run, the longest time; of /proc/uptime.
# shellcheck disable=SC2016 # for the guest
PULSE='longest=0 last=0
while read -r up _ </proc/uptime; do
	up=${up%.*}${up#*.}
	gap=$((up - last))
	if [ $last -gt 0 ] && [ $gap -gt $longest ]; then
		longest=$gap
		echo "$last $up" >/tmp/gap
	fi
	last=$up
	usleep 10000
done'

# beats: the host asks again and again until the transition is over; also for what
# only the engine knows.
beats() {
	local end=$((SECONDS + $(limit $BEATS_S))) number=0
	echo hello
	while [ $SECONDS -lt $end ] && ! [ -e "$DIR/over" ]; do
		number=$((number + 1))
		echo "query $number"
		echo heartbeat
		sleep 0.05
	done
}

peer_init parked
peer_guest --smp 2
ok "the function to be patched is used" guest 'insmod /tests/mod/fth_test_log.ko &&
	insmod /tests/mod/fth_test_gen.ko'
ok "a program is in it, and nothing wakes it" guest '/tests/fth_gen 1 blocked 0 >/tmp/visitor 2>&1 &
	until grep -q ready /tmp/visitor; do usleep 10000; done'
ok "the policy says to freeze everybody" guest "echo '$POLICY' >/sys/kernel/fother/policy"
ok "a program looks at the clock" guest "($PULSE) >/dev/null 2>&1 &"
beats | "$PEER" "$DIR/vm.sock" >"$DIR/beats" 2>&1 &
asking=$!
eventually "$WAIT_S" "the host is answered" grep -q heartbeat "$DIR/beats"
ok "the patch comes" guest "insmod /tests/mod/$PATCH.ko"
eventually "$WAIT_S" "the freeze fails, and it is taken back" \
	guest "[ ! -e /sys/kernel/fother/patches/$PATCH ]"
: >"$DIR/over"
wait $asking
read -r from to <<<"$(guest 'cat /tmp/gap')"
diag "programs were held from $from to $to hundredths of a second"
ok "programs were held by the freeze" [ $((to - from)) -ge $HELD_CS ]
within=$(sed -n 's/.*heartbeat.*uptime=\([0-9]*\).*/\1/p' "$DIR/beats" |
	awk -v from="$from" -v to="$to" '$1 > from * 10 + 100 && $1 < to * 10 - 100' | wc -l)
ok "and the host was answered meanwhile, $within times" [ "$within" -ge 3 ]
peer_well
done_testing
