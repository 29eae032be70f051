#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# Three VMs over plain QEMU sockets: canary, the rest, and back; kill -9 of the
# agent at each step of an op; a patch beside the in-tree core; a function that
# the in-tree core owns.  Every verdict is looked up inside the guests.
# shellcheck disable=SC2317 # functions are called by ok and its like
set -uo pipefail
cd "$(dirname "$0")/../.." || exit 1
# shellcheck source=tests/lib/tap.sh
. tests/lib/tap.sh
# shellcheck source=tests/lib/fleet.sh
. tests/lib/fleet.sh

VMS=(web-1 web-2 web-3)
NAME=fother_demo_cmdline
OTHER=fother_demo_version
OWNER=fth_test_cmdline_owner

# How often the engine of a guest began to apply the patch, by its own log.
applied_times() {
	fleet_exec "$1" sh -c "dmesg | grep -c \"patch '$NAME' in force\""
}

applied_in_all() {
	local vm sum=0
	for vm in "${VMS[@]}"; do
		sum=$((sum + $(applied_times "$vm")))
	done
	echo "$sum"
}

modules_gone() {
	local vm
	for vm in "${VMS[@]}"; do
		fleet_exec "$vm" sh -c "! grep -q '^$NAME ' /proc/modules" || return 1
	done
}

start() { "$FOTHER" rollout start --wait "$FLEET_DIR/$NAME.yaml"; }
reverse_last() { "$FOTHER" rollout reverse --wait "$(fleet_last_rollout)"; }
phase_is() { [ "$(fleet_rollout phase "$(fleet_last_rollout)")" = "$1" ]; }

# The canary was patched, and soaked, before any other VM was touched.
canary_went_first() {
	fleet_rollout 'vms | (map(select(.wave == 0)) | length == 1) and
		(map(select(.wave == 0).since_ms)[0] <= (map(select(.wave > 0).since_ms) | min))' \
		"$(fleet_last_rollout)" | grep -qx true
}

# kill_at POINT N: a rollout goes on though the agent dies at its N-th POINT.
kill_at() {
	local point=$1 count=$2 before after
	before=$(applied_in_all)
	fleet_agent_stop
	FLEET_FAULT=(--fault "$point:$count")
	fleet_agent_start
	tap_result $? "the agent starts with a fault $point:$count"
	fleet_until "all guests to greet the agent" fleet_open "${#VMS[@]}"
	"$FOTHER" rollout start "$FLEET_DIR/$NAME.yaml" >/dev/null 2>&1
	wait "$FLEET_AGENT_PID"
	is "$?" 137 "the agent was killed at $point:$count"
	FLEET_AGENT_PID=
	FLEET_FAULT=()
	fleet_agent_start
	tap_result $? "it starts again"
	ok "and the rollout completes" \
		"$FOTHER" rollout status --wait "$(fleet_last_rollout)"
	ok "every guest is patched" fleet_looks patched "${VMS[@]}"
	after=$(applied_in_all)
	is "$((after - before))" "${#VMS[@]}" "each guest applied it exactly once"
	ok "and it can be taken back" reverse_last
	ok "every guest is as before" fleet_looks original "${VMS[@]}"
}

fleet_init sockets
fleet_boot "${VMS[@]}"
tap_result $? "three VMs boot" || bail "no fleet"
fleet_agent_start
tap_result $? "the agent starts" || bail "no agent"
ok "every guest greets the agent" \
	fleet_until "all guests to greet" fleet_open "${#VMS[@]}"
fleet_policy "$NAME"

# (a) out and back
ok "before: the guests are original" fleet_looks original "${VMS[@]}"
ok "the rollout completes" start
ok "the canary went first" canary_went_first
ok "every guest is patched" fleet_looks patched "${VMS[@]}"
ok "explain has nothing to explain" "$FOTHER" explain web-1
ok "it is reversed on request" reverse_last
ok "the phase is reversed" phase_is reversed
ok "every guest is original" fleet_looks original "${VMS[@]}"
ok "and the module is unloaded" modules_gone

# (c) kill -9
kill_at after-intent 2
kill_at after-send 2
kill_at after-result 2
# Greetings are committed too: the 8th commit is one in the middle of the rollout.
kill_at before-commit 8
kill_at after-commit 8

# (d) a module that no policy names goes to the in-tree core
ok "a second livepatch module loads in web-1" \
	fleet_exec web-1 insmod "/modules/$OTHER.ko"
ok "the in-tree core has it" \
	fleet_exec web-1 test -d "/sys/kernel/livepatch/$OTHER"
ok "fother rolls its own out beside it" start
ok "fother has its own" \
	fleet_exec web-1 test -d "/sys/kernel/fother/patches/$NAME"
ok "not the other" \
	fleet_exec web-1 test ! -d "/sys/kernel/fother/patches/$OTHER"
ok "both are in effect: fother's" fleet_looks patched web-1
ok "both are in effect: the in-tree core's" \
	fleet_exec web-1 grep -q "live patched" /proc/version
ok "fother's goes alone" reverse_last
ok "the in-tree core's stays" \
	fleet_exec web-1 grep -q "live patched" /proc/version

# (e) a function that the in-tree core owns already; one failure is allowed none
ok "a module that owns the function loads in web-2" \
	fleet_exec web-2 insmod "/modules/$OWNER.ko"
nok "the rollout is not as wished" start
why=$("$FOTHER" rollout status --json | jq -r '.vms[] | select(.name == "web-2").why')
like "$why" "*cmdline_proc_show*$OWNER*" "web-2 is refused, and it says by whom"
ok "web-2 still runs the owner's function" \
	fleet_exec web-2 grep -q "in-tree core owns this" /proc/cmdline
eventually 120 "the others were taken back" fleet_looks original web-1 web-3


# (f) What a spent budget took back goes nowhere until a person lifts that.
ok "the function's owner goes" fleet_exec web-2 sh -c \
	"echo 0 >/sys/kernel/livepatch/$OWNER/enabled"
eventually 60 "and is gone" fleet_exec web-2 sh -c "! [ -d /sys/kernel/livepatch/$OWNER ]"
eventually 60 "the recall is over" phase_is reversed
like "$("$FOTHER" rollout status)" "*VMs are back*blocked in the whole fleet*" "status says so"
message=$(start 2>&1)
is $? 1 "the payload is refused"
like "$message" "*blocked in the whole fleet: recalled by rollout*" "and the message says why"
ok "its block is lifted" "$FOTHER" allow "$NAME" --fleet --why "the owner is gone"

# (g) promote, abort, undo, and who did it
sed -i 's/soak: .*/soak: 1h/' "$FLEET_DIR/$NAME.yaml"
ok "a rollout with a soak of an hour starts" "$FOTHER" rollout start "$FLEET_DIR/$NAME.yaml"
soaking() { "$FOTHER" rollout status --json | jq -e ".counts.soaking == $1" >/dev/null; }
eventually 120 "its canary soaks" soaking 1
ok "it is promoted" "$FOTHER" rollout promote "$(fleet_last_rollout)" --why "seen enough"
eventually 120 "the rest soak" soaking 2
ok "it is aborted" "$FOTHER" rollout abort "$(fleet_last_rollout)" --why "lunch"
is "$(fleet_rollout phase "$(fleet_last_rollout)")" aborting "what soaks is watched on"
ok "every guest is patched" fleet_looks patched "${VMS[@]}"
ok "it is reversed" reverse_last
ok "every guest is original" fleet_looks original "${VMS[@]}"
is "$("$FOTHER" history --rollout "$(fleet_last_rollout)" --json |
	jq -r 'map(select(.kind == "verb") | "\(.what) \(.who) \(.why)") | join(",")')" \
	"start $(id -un) ,promote $(id -un) seen enough,abort $(id -un) lunch,reverse $(id -un) " \
	"its history says who asked for what, and why"
like "$("$FOTHER" history web-1)" "*apply*soaking*reverse*reversed*" "so does web-1's"

for vm in "${VMS[@]}"; do
	ok "guest $vm is well" tools/vm check --dir "$FLEET_DIR/vms" --name "$vm"
done
done_testing
