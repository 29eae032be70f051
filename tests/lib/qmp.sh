# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
# A guest's machine by its QEMU's monitor; for tests on the host, after tap.sh.
#	QMP_SOCKET=$DIR/vm.qmp
QMP_WAIT_S=$((90 * ${TAP_SLOWER:-1}))

# qmp COMMAND [ARGUMENTS]: prints the answer; fails when it is an error.
qmp() {
	local arguments=${2:-'{}'} line=
	coproc QMP { exec socat STDIO "UNIX-CONNECT:$QMP_SOCKET"; }
	local socat=$QMP_PID from=${QMP[0]} to=${QMP[1]}
	printf '%s\n' '{"execute":"qmp_capabilities"}' \
		"{\"execute\":\"$1\",\"arguments\":$arguments,\"id\":\"asked\"}" >&"$to"
	while read -r -t "$QMP_WAIT_S" -u "$from" line && [[ $line != *'"id": "asked"'* ]]; do :; done
	kill -KILL "$socat" 2>/dev/null # of SIGTERM it loses one in some thousand
	wait "$socat" 2>/dev/null
	echo "$line"
	[[ $line == *'"return"'* ]]
}

# machine_state CONSOLE: comments for who reads why a test failed: does it run, and where.
machine_state() {
	local cpu
	{
		qmp query-status
		qmp human-monitor-command '{"command-line":"info registers -a"}' |
			grep -o 'CPU#[0-9]*\|RIP=[0-9a-f]*[^\\]*'
		# What each CPU has of interrupts: one that is in service for ever keeps others out.
		for cpu in 0 1; do
			qmp human-monitor-command "{\"command-line\":\"info lapic $cpu\"}" |
				sed 's/\\t/ /g' | grep -o 'I[SR]R[^\\]*\|LVTT [^\\]*'
		done
		tail -n 20 "$1"
	} 2>&1 | tr -d '\r' | sed 's/^/# /'
}

# monitor COMMAND: of the human monitor, which is silent when it did it.
monitor() {
	local answer
	answer=$(qmp human-monitor-command "{\"command-line\":\"$1\"}")
	echo "$answer"
	[[ $answer == *'"return": ""'* ]]
}

is_status() { qmp query-status | grep -q "\"status\": \"$1\""; }
migrated() { qmp query-migrate | grep -q '"status": "completed"'; }

# A port that goes holds its chardev until QEMU is through with it, which the guest is
# not told: plugging is tried again.
add_controller() { # [ID [PORTS]]
	qmp device_add "{\"driver\":\"virtio-serial-pci\",\"id\":\"${1:-fotherbus0}\",
		\"max_ports\":${2:-2}}"
}
add_port() { # [ID [CONTROLLER [NUMBER [CHARDEV [NAME]]]]]
	qmp device_add "{\"driver\":\"virtserialport\",\"id\":\"${1:-port0}\",
		\"bus\":\"${2:-fotherbus0}.0\",\"nr\":${3:-1},\"chardev\":\"${4:-fother0}\",
		\"name\":\"${5:-org.fother.0}\"}"
}
