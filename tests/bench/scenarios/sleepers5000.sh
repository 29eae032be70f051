# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=sh
# One function, while 5000 tasks sleep outside it; and how long the CPUs are stopped.
# vm: --mem 1024 --timeout 900
# shellcheck source=tests/bench/lib.sh
. /bench/lib.sh
TRACE=/sys/kernel/tracing

# What a stop of all CPUs takes, by function_graph, which traces that one function.
trace_stops() {
	echo multi_cpu_stop >"$TRACE/set_ftrace_filter"
	echo function_graph >"$TRACE/current_tracer"
	: >"$TRACE/trace"
}

# The longest one, in ms, since then.
longest_stop() {
	sed -n 's/.* \([0-9.]*\) us .*multi_cpu_stop.*/\1/p' "$TRACE/trace" | sort -n | tail -n 1 |
		awk '{ print $1 / 1000; found = 1 } END { exit !found }'
	echo nop >"$TRACE/current_tracer"
	: >"$TRACE/set_ftrace_filter"
}

for _ in 1 2 3; do
	for who in intree fother; do
		engine "$who"
		bench_sleepers idle 5000 bench_life "$root" /bench/fother_demo_cmdline.ko '' \
			enable disable gone unload |
			samples enable="enable.sleepers5000.1cpu" switched="disable.sleepers5000.1cpu"
	done
done
engine fother
for _ in 1 2 3; do
	trace_stops
	bench_sleepers idle 5000 bench_life "$root" /bench/fother_demo_cmdline.ko '' \
		enable disable gone unload >/dev/null
	sample stop.5000tasks "$(longest_stop)"
done
