# shellcheck shell=sh
# SPDX-License-Identifier: GPL-2.0
# Witnesses of consistency: tasks that visit a patched set all the time, and
# what they must not have seen (tests/guest/mod/fth_test_gen.c); after guest.sh.

GEN=fth_test_gen
GEN_KNOBS=/sys/module/$GEN/parameters
P1=$PATCHES/fth_test_gen_p1
EPOCH=/tmp/epoch # in a file, as a test point may run in a subshell

count() { # NAME
	sed -n "s/^$1=//p" /dev/fth_gen
}

counts() { # NAME...: on one line
	for name; do
		printf '%s=%s ' "$name" "$(count "$name")"
	done
}

has_inside() { # LEAST: so many are inside the set
	[ "$(count inside)" -ge "$1" ]
}

seen() { # NAME: its count is not 0
	[ "$(count "$1")" -ne 0 ]
}

# is_reached: has any task seen the target of this epoch?
is_reached() {
	[ "$(count reached)" -eq "$(cat $EPOCH)" ]
}

# next_epoch: the next transition goes the other way.
next_epoch() {
	echo $(($(cat $EPOCH) + 1)) >$EPOCH
	cat $EPOCH >$GEN_KNOBS/epoch
}

# turn TEXT: turn the running transition round; what happens meanwhile isn't judged.
turn() {
	echo 0 >$GEN_KNOBS/epoch
	write "$1" "$P1/enabled" || return
	next_epoch
}

witness_in() { # KTHREADS
	echo 0 >$EPOCH
	ok "the log of test modules loads" insmod "$MOD/fth_test_log.ko"
	ok "the witness loads" insmod "$MOD/$GEN.ko" kthreads="$1"
}

witness_out() {
	eventually 20 "the witness unloads" rmmod $GEN
	ok "the log of test modules unloads" rmmod fth_test_log
}

visitors() { # THREADS KIND STAY_US FILE: leaves the pid in $background
	background "$4" /tests/fth_gen "$1" "$2" "$3"
	eventually 30 "$1 tasks visit ($2)" has "$4" ready
}

release_visitors() { # PID STATUS NAME: those that are held go on, and end
	echo 1 >$GEN_KNOBS/release
	wait "$1"
	is $? "$2" "$3"
	echo 0 >$GEN_KNOBS/release
}

# up: the patch comes, while tasks visit.  Without a test point.
up() {
	next_epoch
	insmod "$MOD/fth_test_gen_p1.ko" && settle "$P1/state" soaking 1500
}

# down: it leaves.
down() {
	next_epoch
	write 0 "$P1/enabled" && settle_gone fth_test_gen_p1 1500 && rmmod fth_test_gen_p1
}

# rounds COUNT: up and down, until one fails; leaves how many did not in $rounds_done.
rounds() {
	rounds_done=0
	while [ $rounds_done -lt "$1" ] && up && down; do
		rounds_done=$((rounds_done + 1))
	done
	# shellcheck disable=SC2034 # for the script
	export rounds_done
}

# What the test modules noted since the last time, on one line.
noted() {
	tr '\n' ';' </dev/fth_log
	echo >/dev/fth_log
}

# generation MODULE: of its function fth_obj_value()
generation() {
	cat "/sys/module/$1/parameters/value"
}
