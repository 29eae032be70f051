# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=sh
# A patch is taken back while no process of the guest runs but the one that asks for it:
# fother's emergency revert beside the in-tree disable, 50 sleepers among the stopped.
# vm: --mem 512 --timeout 3000
# shellcheck source=tests/bench/lib.sh
. /bench/lib.sh
TIMES=$((ROUNDS * 20)) # of each engine: enough for a 99th percentile
TURN=10 # of one engine before the other's turn
NAME=fother_demo_cmdline

# once FILE TEXT: one life
once() {
	life $NAME '' enable "shows=$effect" >/dev/null
	bench_sleepers idle 50 bench_stopped "$root/$NAME" "$1" "$2" "$effect" |
		samples switched=revert.nouserspace.p50 switched=revert.nouserspace.p99
	life $NAME '' unload
}

for _ in $(seq $((TIMES / TURN))); do
	engine intree
	for _ in $(seq $TURN); do
		once "$root/$NAME/enabled" 0
	done
	engine fother
	for _ in $(seq $TURN); do
		once /sys/kernel/fother/revert 1
		# What was reverted in emergency is blocked.
		echo $NAME >/sys/kernel/fother/allow
	done
done
