# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=sh
# What a call of a patched function costs, in instructions, the loop around it included.
# vm: --mem 512 --timeout 600
# shellcheck source=tests/bench/lib.sh
. /bench/lib.sh
CALLS=20000

# cost KIND old|new: of one call, and whose body must have run.  The sum of what an
# original returns is half the number of calls.
cost() {
	awk -v kind="$1" -v body="$2" '
		$1 == kind {
			if (body != ($4 == $3 / 2 ? "old" : "new")) {
				print "bench: not the " body " body ran" >"/dev/stderr"
				exit 1
			}
			print $2 / $3
			found = 1
		}
		END { if (!found) exit 1 }' /proc/bench_target
}

# least KIND old|new: of several runs, so one without an interrupt in it.
least() {
	for _ in 1 2 3 4 5 6 7; do
		echo "$1 $CALLS" >/proc/bench_target
		cost "$1" "$2"
	done | sort -n | head -n 1
}

for who in intree fother; do
	engine "$who" nudge-after=manual
	insmod /bench/bench_target.ko
	sample call.unpatched "$(least plain old)"
	life bench_leaf '' enable >/dev/null
	sample call.rest "$(least leaf new)"
	life bench_leaf '' disable gone unload >/dev/null
	# One task holds the transition up; this one has switched.
	hold 200000
	life bench_leaf '' load pause=2000 stuck
	sample call.transition "$(least leaf new)"
	life bench_leaf '' stuck
	release
	sample call.transition.straggler "$(cost hold old)"
	life bench_leaf '' settle disable gone unload >/dev/null
	rmmod bench_target
done
