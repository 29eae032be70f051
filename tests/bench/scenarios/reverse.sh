# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=sh
# 50 tasks hold a transition up, and after 3 s it is turned round.
# vm: --mem 512 --timeout 600
# shellcheck source=tests/bench/lib.sh
. /bench/lib.sh

for _ in $(seq "$ROUNDS"); do
	for who in intree fother; do
		engine "$who" nudge-after=manual
		bench_sleepers pipe 50 bench_life "$root" /bench/bench_wrap.ko func=pipe_read \
			load pause=3000 stuck disable gone unload |
			samples switched=reverse.sleepers50
	done
done
