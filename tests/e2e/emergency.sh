#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# Emergencies end to end: an agent that is killed or stopped, a guest that oopses, a
# guest whose userspace is dead.  What the guest does alone, what the host learns of
# it, and what it doesn't do again until somebody allows it.
#	bash tests/e2e/emergency.sh [dead_agent|host_loss|alone|stuck|oops]...
# timeout: 900
# shellcheck disable=SC2317 # functions are called by ok and its like
set -uo pipefail
cd "$(dirname "$0")/../.." || exit 1
# shellcheck source=tests/lib/tap.sh
. tests/lib/tap.sh
# shellcheck source=tests/lib/fleet.sh
. tests/lib/fleet.sh

WAIT_S=120
ALONE_S=100 # a guest waits so long for what the host is to do
DEMO=fother_demo_cmdline
TROUBLE=fth_test_trigger
TROUBLE_P=fth_test_trigger_p
HELD=fth_test_sleep    # patches the function in which a thread of ...
HOLDER=fth_test_sleeper # ... this module sleeps for ever

boot() {
	local vm
	for vm in "$@"; do
		tools/vm start --kernel 6.1 --dir "$FLEET_DIR/vms" --name "$vm" \
			--file "$FLEET_EXAMPLES:/modules" \
			--file "$FLEET_BUILD/guest/$FLEET_KREL/tests:/modules" \
			--file "$FLEET_BUILD/guest/programs:/programs" || return 1
		FLEET_VMS+=("$vm")
	done
}

# write_policy NAME MODULE VM LINE...: a policy that soaks for hours in one VM.
write_policy() {
	local name=$1 module=$2 vm=$3
	shift 3
	install -m 644 "$(find "$FLEET_BUILD/guest/$FLEET_KREL" -path '*obj*' -prune -o \
		-name "$module.ko" -print | head -n 1)" "$FLEET_DIR/$module.ko"
	{
		printf 'version: 1\npatch: {name: %s, file: %s.ko}\n' "$module" "$module"
		printf 'rollout:\n  select: {name: [%s]}\n  waves: [100%%]\n' "$vm"
		printf '%s\n' "$@"
	} >"$FLEET_DIR/$name.yaml"
}

start() { "$FOTHER" rollout start "${@:2}" "$FLEET_DIR/$1.yaml"; }
rollout() { fleet_rollout "$1" "$(fleet_last_rollout)"; }
why_of() { rollout "vms[] | select(.name == \"$1\").why"; }
vm_is() { [ "$(rollout "vms[] | select(.name == \"$1\").state")" = "$2" ]; }
phase_is() { [ "$(rollout phase)" = "$1" ]; }
of_vm() { "$FOTHER" vm show "$1" --json | jq -r "$2"; }
says() { grep -q "$2" <<<"$(why_of "$1")"; } # its status alone says that it is reversed
session_is() { [ "$(of_vm "$1" .session)" = "$2" ]; }
state_of() { fleet_exec "$1" cat "/sys/kernel/fother/patches/$2/state"; }
state_is() { [ "$(state_of "$1" "$2")" = "$3" ]; }
has_none() { [ "$(of_vm "$1" ".patches | length")" = 0 ]; }
unloaded() { ! fleet_exec "$1" grep -q "^$2 " /proc/modules; }
blocks() { "$FOTHER" blocks --json | jq -r "map(select(.vm == \"$1\")) | length"; }
blocks_are() { [ "$(blocks "$1")" = "$2" ]; }
trigger_of() { "$FOTHER" blocks --json | jq -r "map(select(.vm == \"$1\"))[0].trigger"; }
incidents() { of_vm "$1" ".incidents | map(select(.kind == \"$2\")) | length"; }
outlived() { [ "$(fleet_exec "$1" cut -d. -f1 /proc/uptime)" -ge "$2" ]; }

reverse_last() { "$FOTHER" rollout reverse --wait "$(fleet_last_rollout)"; }

kill_agent() {
	kill -9 "$FLEET_AGENT_PID"
	wait "$FLEET_AGENT_PID" 2>/dev/null
	FLEET_AGENT_PID=
}

# begin NAME VM: a rollout that soaks.
begin() {
	ok "rollout '$1' begins" start "$1"
	eventually "$WAIT_S" "$2 soaks" vm_is "$2" soaking
}

# allow_again PATCH VM: blocked, allowed, blocked no more; in the guest too.
allow_again() {
	is "$(blocks "$2")" 1 "$2 has one block"
	ok "it is lifted" "$FOTHER" allow "$1" --all --why "this test"
	eventually "$WAIT_S" "its guest knows" blocks_are "$2" 0
	is "$(fleet_exec "$2" cat /sys/kernel/fother/blocked)" "" "and refuses nothing any more"
	nok "what is not blocked is not allowed" "$FOTHER" allow "$1" --vm "$2"
}

# (a) Under confirm.within the agent that lives puts the end off; dead, it doesn't.
test_dead_agent() {
	local uptime
	write_policy confirm "$DEMO" web-1 '  soak: 1h' 'confirm: {within: 10s}'
	write_policy again "$DEMO" web-1 '  soak: 1s'
	begin confirm web-1
	uptime=$(fleet_exec web-1 cut -d. -f1 /proc/uptime)
	eventually "$WAIT_S" "longer than confirm.within passes" outlived web-1 $((uptime + 15))
	ok "web-1 still soaks: the agent lives" state_is web-1 "$DEMO" soaking
	kill_agent
	eventually "$WAIT_S" "the agent is killed: web-1 goes back alone" fleet_looks original web-1
	fleet_agent_start
	tap_result $? "the agent starts again"
	eventually "$WAIT_S" "it learns why" says web-1 'reverted in emergency: unconfirmed'
	eventually "$WAIT_S" "the rollout went back" phase_is reversed
	is "$(trigger_of web-1)" unconfirmed "the payload is blocked in web-1, and for what"
	is "$(incidents web-1 triggered),$(incidents web-1 reverted)" 1,1 "its journal has it once"
	nok "a rollout to web-1 alone is refused" start again
	allow_again "$DEMO" web-1
	ok "allowed, it goes through" start again --wait
	ok "web-1 is patched" fleet_looks patched web-1
	ok "and taken back as any" reverse_last
	ok "which blocks nothing" blocks_are web-1 0
}

# (b) An agent that stands still holds its sockets open, and says nothing.
test_host_loss() {
	write_policy loss "$DEMO" web-1 '  soak: 1h' 'confirm: {within: 2h}' \
		'revert: {on: [host-loss], host-loss-after: 6s}'
	begin loss web-1
	kill -STOP "$FLEET_AGENT_PID"
	eventually "$WAIT_S" "the agent stands still: web-1 goes back alone" fleet_looks original web-1
	kill -CONT "$FLEET_AGENT_PID"
	eventually "$WAIT_S" "it learns why" says web-1 'reverted in emergency: host-loss'
	eventually "$WAIT_S" "the rollout went back" phase_is reversed
	is "$(trigger_of web-1)" host-loss "the payload is blocked in web-1, and for what"
	allow_again "$DEMO" web-1
	# Once it is confirmed it stays.
	write_policy kept "$DEMO" web-1 '  soak: 1s' \
		'revert: {on: [host-loss], host-loss-after: 6s}'
	ok "the same, confirmed" start kept --wait
	kill_agent
	local uptime
	uptime=$(fleet_exec web-1 cut -d. -f1 /proc/uptime)
	eventually "$WAIT_S" "the host is lost for long" outlived web-1 $((uptime + 12))
	ok "web-1 is still patched" fleet_looks patched web-1
	fleet_agent_start
	tap_result $? "the agent starts again"
	eventually "$WAIT_S" "web-1 greets it" session_is web-1 open
	ok "and is taken back" reverse_last
}

# (c) An oops in the patched function of a soaking VM.
test_oops() {
	local report
	write_policy trouble "$TROUBLE_P" web-1 '  soak: 1h' 'confirm: {within: 2h}' \
		'revert: {on: [oops-in-patch, warn-in-patch]}'
	ok "the module to be patched loads" fleet_exec web-1 insmod "/modules/$TROUBLE.ko"
	begin trouble web-1
	fleet_exec web-1 sh -c "echo oops >/sys/module/$TROUBLE/parameters/inside"
	eventually "$WAIT_S" "the rollout has a reason" says web-1 'reverted in emergency: oops'
	eventually "$WAIT_S" "it went back" phase_is reversed
	like "$(rollout why)" "*1 VMs failed*" "because of its failures"
	like "$(why_of web-1)" "*fth_test_trigger*" "the patched function stands in the reason"
	report=$("$FOTHER" explain web-1)
	like "$report" "*emergency revert of '$TROUBLE_P' begins: oops*" "explain tells of it"
	is "$(of_vm web-1 '.incidents | map(select(.trigger == "oops"))[0].text | split("\n") | length >= 2')" true \
		"with lines of the kernel's own"
	eventually "$WAIT_S" "the guest has the old code" has_none web-1
	allow_again "$TROUBLE_P" web-1
}

# alone HOW VM PATCH WHAT COMMAND...: COMMAND while all other processes there are dead.
alone() {
	local how=$1 vm=$2 patch=$3 what=$4 mark output helper status
	shift 4
	mark="fother-e2e: alone $how $RANDOM"
	output=$FLEET_DIR/alone.out
	tools/vm exec --dir "$FLEET_DIR/vms" --name "$vm" --timeout $((ALONE_S + 60)) -- \
		/programs/fth_alone "$how" "/sys/kernel/fother/patches/$patch" "$ALONE_S" \
		/dev/ttyS0 "$mark" >"$output" 2>&1 & # the kernel's console, by hand
	helper=$!
	eventually "$WAIT_S" "$vm: userspace is gone ($how)" \
		grep -q "$mark" "$FLEET_DIR/vms/$vm.console"
	ok "$what works there" "$@"
	wait "$helper"
	status=$?
	is "$status,$(tail -n 1 "$output")" "0,gone" "the patch went meanwhile"
	eventually "$WAIT_S" "the old code is in force" fleet_looks original "$vm"
}

# (d) Userspace is dead: stopped whole, at the limit of threads, out of memory.
test_alone() {
	local how
	for how in stop forks memory; do
		write_policy "alone-$how" "$DEMO" web-2 '  soak: 1s'
		ok "web-2 is patched ($how)" start "alone-$how" --wait
		alone "$how" web-2 "$DEMO" "'vm revert'" "$FOTHER" vm revert web-2 "$DEMO"
		eventually "$WAIT_S" "the rollout knows" says web-2 'reverted in emergency: host'
		eventually "$WAIT_S" "its module is unloaded" unloaded web-2 "$DEMO"
		allow_again "$DEMO" web-2
		reverse_last >/dev/null 2>&1
		ok "web-2 is patched again ($how)" start "alone-$how" --wait
		alone "$how" web-2 "$DEMO" "'rollout reverse'" reverse_last
		is "$(blocks web-2)" 0 "which blocks nothing"
	done
}

# A task sleeps in the new code and nothing moves it: at once is the only way.
test_stuck() {
	write_policy stuck "$HELD" web-2 '  soak: 1s'
	ok "the patch is in force" start stuck --wait
	ok "a thread sleeps in it for good" fleet_exec web-2 insmod "/modules/$HOLDER.ko" uninterruptible=1
	ok "'vm revert --mode immediate' takes it back" \
		"$FOTHER" vm revert web-2 "$HELD" --mode immediate --why "nothing else helps"
	is "$(of_vm web-2 '.incidents | map(select(.kind == "reverted")) | last.mode')" immediate \
		"the guest says that it broke consistency"
	is "$("$FOTHER" vm audit --json | jq -r 'map(select(.command == "revert immediate")) | last.why')" \
		"nothing else helps" "who did it stands in the journal"
	ok "the thread goes" fleet_exec web-2 rmmod "$HOLDER"
	allow_again "$HELD" web-2
}

fleet_init emergency
boot web-1 web-2
tap_result $? "two VMs boot" || bail "no fleet"
fleet_agent_start
tap_result $? "the agent starts" || bail "no agent"
ok "every guest greets the agent" fleet_until "all guests to greet" fleet_open 2

[ $# -gt 0 ] || set -- dead_agent host_loss alone stuck oops
for part in "$@"; do
	"test_$part"
done
ok "web-2 is well" tools/vm check --dir "$FLEET_DIR/vms" --name web-2
done_testing
