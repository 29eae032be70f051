# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=sh
# shellcheck disable=SC2034,SC3040 # the scenarios use them; busybox has pipefail
# What every scenario has: an engine, a patch's life, samples.  Sourced in the guest.
set -euo pipefail
export PATH="/bench:$PATH"

ROUNDS=${ROUNDS:-5} # of what is quick
cpus=$(nproc)
effect='/proc/cmdline:live patched' # of fother_demo_cmdline
engine=
root=

# Lines on the serial console cost time, in the caller; warnings still go there.
dmesg -n 5

# engine intree|fother [POLICY-KEY=VALUE...]: whose patches the next ones are, and what
# fother's policy says of them.  Its module is not even loaded for the in-tree core.
engine() {
	engine=$1
	shift
	case $engine in
	intree)
		[ ! -d /sys/kernel/fother ] || rmmod fother
		root=/sys/kernel/livepatch
		;;
	fother)
		[ -d /sys/kernel/fother ] || insmod "/lib/modules/$(uname -r)/fother.ko"
		echo "* confirm-within=none deadline=none $*" >/sys/kernel/fother/policy
		root=/sys/kernel/fother/patches
		;;
	*)
		echo "bench: no engine '$engine'" >&2
		return 1
		;;
	esac
}

# life MODULE PARAMETERS STEP...: see bench_life.c
life() {
	module=$1
	shift
	bench_life "$root" "/bench/$module.ko" "$@"
}

# samples WHAT=NAME...: lines "WHAT VALUE" of the input become samples of the result NAME,
# or of several, where WHAT stands several times.
samples() {
	awk -v engine="$engine" '
		BEGIN {
			for (i = 1; i < ARGC; i++) {
				split(ARGV[i], pair, "=")
				name[pair[1]] = name[pair[1]] " " pair[2]
			}
			ARGC = 1
		}
		$1 in name {
			count = split(name[$1], names, " ")
			for (i = 1; i <= count; i++)
				print "sample", names[i], engine, $2
		}' "$@"
}

# sample NAME VALUE
sample() {
	echo "sample $1 $engine $2"
}

# hold CALLS: a task sleeps in bench_target's patched function; sets holder.
hold() {
	echo "hold $1" >/proc/bench_target &
	holder=$!
	until grep -q bench_target_hold "/proc/$holder/stack"; do
		kill -0 "$holder"
		sleep 0.01
	done
}

release() {
	echo release >/proc/bench_target
	wait "$holder"
}
