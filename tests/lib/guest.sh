# shellcheck shell=sh
# SPDX-License-Identifier: GPL-2.0
# What the tests of the engine inside a guest share; after tap.sh.
#
#	. "${TAP_LIB:-tests/lib/tap.sh}"
#	. "${TAP_LIB%/*}/guest.sh"
#	need $MOD/fth_test_pause.ko	# or the test ends here
#	fother_in			# loads it, remembers how ftrace was
#	...
#	fother_out			# unloads it; all must be as it was

S=/sys/kernel/fother
PATCHES=$S/patches
MOD=/tests/mod
TRACED=/sys/kernel/tracing/enabled_functions
export S PATCHES MOD TRACED
# shellcheck disable=SC2034 # for those who end a test in their own way
FAULT_TAINTS=0x42b0 # machine check, bad page, oops, WARN, soft lockup: none is a test's doing

need() { # FILE...
	for needed; do
		[ -s "$needed" ] || bail "no $needed: build the modules first"
	done
}

policy() {
	echo "$*" >$S/policy
}

has() { # FILE TEXT
	[ "$(cat "$1" 2>/dev/null)" = "$2" ]
}

holds() { # FILE PATTERN
	grep -q "$2" "$1" 2>/dev/null
}

lacks() { # FILE PATTERN: it is there and has none
	[ -e "$1" ] && ! grep -q "$2" "$1"
}

said() { # TEXT: is it in the log?
	dmesg | grep -qF "$1"
}

write() { # TEXT FILE
	echo "$1" >"$2"
}

gone() { # PATCH
	[ ! -e "$PATCHES/$1" ]
}

no_module() { # MODULE
	[ ! -e "/sys/module/$1" ]
}

state_of() { # PATCH
	cat "$PATCHES/$1/state" 2>/dev/null
}

# repeats N: of a test that repeats itself; fewer, but some, where TAP_SLOWER says
# that all takes longer: there it is other findings that are looked for.
repeats() {
	repeats=$(($1 / ${TAP_SLOWER:-1}))
	[ $repeats -ge 20 ] || repeats=20
	echo $repeats
}

# function_of NAME...: the first that this kernel has; some are inlined or renamed.
function_of() {
	for function; do
		grep -q " [tT] $function\$" /proc/kallsyms || continue
		echo "$function"
		return
	done
	return 1
}

# settle FILE TEXT TRIES: without a test point; 0.02 s between two looks.
settle() {
	tries=$(($3 * ${TAP_SLOWER:-1}))
	until has "$1" "$2"; do
		tries=$((tries - 1))
		[ $tries -gt 0 ] || return 1
		usleep 20000
	done
}

# settle_gone PATCH TRIES: the same for a patch that leaves.
settle_gone() {
	tries=$(($2 * ${TAP_SLOWER:-1}))
	until gone "$1"; do
		tries=$((tries - 1))
		[ $tries -gt 0 ] || return 1
		usleep 20000
	done
}

apply() { # PATCH [PARAMETER...]: loads it and waits until it is in force
	applied=$1
	shift
	ok "$applied loads" insmod "$MOD/$applied.ko" "$@" || return
	eventually 30 "$applied is in force" has "$PATCHES/$applied/state" soaking
}

revert() { # PATCH
	ok "$1 is asked to leave" write 0 "$PATCHES/$1/enabled"
	eventually 30 "$1 reverts" gone "$1"
	ok "$1 can be unloaded" rmmod "$1"
}

apply_under() { # FILE POLICY...: the same of any file, under a policy
	applied=$(basename "$1" .ko)
	file=$1
	shift
	ok "policy of $applied: $*" policy "$applied $*"
	ok "$applied loads" insmod "$file"
	eventually 30 "it is in force" has "$PATCHES/$applied/state" soaking
}

# held_up POLICY...: fth_test_sleep is loaded, and waits for a thread that nothing wakes
held_up() {
	ok "a kernel thread sleeps uninterruptibly" insmod $MOD/fth_test_sleeper.ko uninterruptible=1
	ok "policy for its function" policy "fth_test_sleep nudge-after=manual deadline=none $*"
	ok "the patch loads" insmod $MOD/fth_test_sleep.ko
	eventually 20 "it waits for the thread" holds $PATCHES/fth_test_sleep/pending 'fth_sleeper'
}

pausers() { # COUNT: leaves their parent's pid in $sleepers
	rm -f /tmp/ready
	/tests/fth_pausers "$1" >/tmp/ready &
	sleepers=$!
	eventually 20 "$1 tasks sleep in pause()" has /tmp/ready ready
}

end_pausers() {
	kill "$sleepers"
	wait "$sleepers" 2>/dev/null
	is $? 143 "no sleeper came back from pause()"
}

# What the tasks of fth_waits sleep in, for fth_test_wrap to replace.  Not all
# system calls stay on the stack, and ftrace can't get at uring's on every kernel.
wait_calls() {
	printf '%s,' __x64_sys_epoll_wait __x64_sys_epoll_pwait do_semtimedop \
		__x64_sys_rt_sigtimedwait __x64_sys_poll __x64_sys_futex __x64_sys_nanosleep \
		__sys_recvfrom __sys_sendto __sys_accept4 __sys_connect
	function_of pipe_read anon_pipe_read
}

# Its kinds; those that can have a time-out; those of them where EINTR shows
# after a signal without a handler, by what is known of their time-outs.
WAIT_SOCKETS='recv send accept connect'
WAIT_KNOWN='epoll epoll_pwait sem sigtimedwait uring'
WAIT_EINTR="$WAIT_KNOWN $WAIT_SOCKETS"
WAIT_TIMED="$WAIT_EINTR poll futex nanosleep"
WAIT_KINDS="$WAIT_TIMED semop pipe"
WAIT_WRAPPED=$(echo "$WAIT_KINDS" | sed 's/ uring//')
export WAIT_SOCKETS WAIT_KNOWN WAIT_EINTR WAIT_TIMED WAIT_KINDS WAIT_WRAPPED

waiters() { # COUNT TIMEOUT_MS KIND...: leaves the pid in $waiters
	background /tmp/waits /tests/fth_waits "$@"
	waiters=$background
	eventually 30 "$1 tasks wait" has /tmp/waits ready
}

end_waiters() {
	kill "$waiters"
	wait "$waiters"
	is "$(tail -n 1 /tmp/waits)" end "they told what they saw"
}

# waits_sum NAME [KIND...]: what they saw, over all kinds or those given.
waits_sum() {
	name=$1
	shift
	# shellcheck disable=SC2086 # words
	[ $# -gt 0 ] || set -- $WAIT_KINDS
	for kind; do
		sed -n "s/^$kind .*$name=\([0-9]*\).*/\1/p" /tmp/waits
	done | awk '{ total += $1 } END { print total + 0 }'
}

# unharmed [WHO]: nobody saw EINTR or came back for no reason.
unharmed() {
	is "$(waits_sum eintr),$(waits_sum failed)" 0,0 "${1:-none of them} saw EINTR or failed" ||
		diag "$(cat /tmp/waits)"
}

# background FILE COMMAND...: FILE gets its output; leaves the pid in $background.
background() {
	output=$1
	shift
	rm -f "$output"
	"$@" >"$output" 2>&1 &
	export background=$!
}

# finish PID STATUS NAME: ends it with SIGTERM; that must be how it takes it.
finish() {
	kill "$1" 2>/dev/null
	wait "$1" 2>/dev/null
	is $? "$2" "$3"
}

fother_in() { # FOTHER_KO may name another build of it
	traced_before=$(cat $TRACED)
	ok "fother loads" insmod "${FOTHER_KO:-/lib/modules/$(uname -r)/fother.ko}"
}

no_fault() {
	is "$(($(cat /proc/sys/kernel/tainted) & FAULT_TAINTS))" 0 "the kernel saw no fault"
}

fother_out() {
	eventually 30 "fother unloads" rmmod fother
	is "$(cat $TRACED)" "$traced_before" "ftrace is as it was"
	ok "sysfs is as it was" test ! -e $S
	is "$(lsmod | grep -c ^fth_)" 0 "no module of the tests is left"
	no_fault
}
