# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=sh
# 50 tasks sleep in the patched function, and nobody wakes them.  KIND: pipe or epoll.
# vm: --mem 512 --timeout 600
# shellcheck source=tests/bench/lib.sh
. /bench/lib.sh
case $KIND in
pipe) function=pipe_read ;;
epoll) function=do_epoll_wait ;;
esac

round() {
	bench_sleepers "$KIND" 50 bench_life "$root" /bench/bench_wrap.ko "func=$function" \
		enable disable gone unload |
		samples enable="enable.sleepers50.$KIND.${cpus}cpu" \
			switched="disable.sleepers50.$KIND.${cpus}cpu" eintr="eintr.sleepers50.$KIND"
}

# A timer of 15 s decides in-tree: once tells it.
engine intree
round
engine fother nudge-after=100ms
for _ in $(seq "$ROUNDS"); do
	round
done
