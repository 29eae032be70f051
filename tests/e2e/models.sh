#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# Two VMs and consistency models: an in-time rollout that a stuck task holds up
# is explained, reversed and halted, and goes through once the task is gone; the
# model that a module names holds; nudge and force by hand.  A deadline that was
# missed is tried again as often as any passing refusal, so it takes a while.
# shellcheck disable=SC2317 # functions are called by ok and its like
set -uo pipefail
cd "$(dirname "$0")/../.." || exit 1
# shellcheck source=tests/lib/tap.sh
. tests/lib/tap.sh
# shellcheck source=tests/lib/fleet.sh
. tests/lib/fleet.sh

WAIT_S=120
VMS=(web-1 web-2)
HELD=fth_test_sleep    # patches the function in which a thread of ...
HOLDER=fth_test_sleeper # ... this module sleeps for ever
DEMO=fother_demo_cmdline

# write_policy NAME MODULE LINE...: a policy for one canary, then the rest.
write_policy() {
	local name=$1 module=$2
	shift 2
	{
		printf 'version: 1\npatch: {name: %s, file: %s.ko}\n' "$module" "$module"
		printf 'rollout:\n  canary: [web-1]\n  waves: [1, 100%%]\n  soak: 1s\n'
		printf '  failures: {max: 0, then: pause}\n'
		printf '%s\n' "$@"
	} >"$FLEET_DIR/$name.yaml"
}

start() { "$FOTHER" rollout start "${@:2}" "$FLEET_DIR/$1.yaml"; }
rollout() { fleet_rollout "$1" "$(fleet_last_rollout)"; }
vm_of_rollout() { rollout "vms[] | select(.name == \"$1\") | $2"; }
reverse_last() { "$FOTHER" rollout reverse --wait "$(fleet_last_rollout)"; }
phase_is() { [ "$(rollout phase)" = "$1" ]; }

# file_of VM PATCH FILE: of the patch's folder in that guest.
file_of() { fleet_exec "$1" cat "/sys/kernel/fother/patches/$2/$3"; }
file_is() { [ "$(file_of "$1" "$2" "$3")" = "$4" ]; }
lacks_patch() { fleet_exec "$1" test ! -d "/sys/kernel/fother/patches/$2"; }
explains() { "$FOTHER" explain "$1" | grep -q "$2"; }
shows() { "$FOTHER" rollout status | grep -q "$1"; }

waits_for_effect() { vm_of_rollout "$1" .why | grep -q 'no call ran the new code'; }

hold_up() { fleet_exec "$1" insmod "/modules/$HOLDER.ko" uninterruptible=1; }
let_go() { fleet_exec "$1" rmmod "$HOLDER"; }

# What the guest is told to keep off stacks reaches it: here it has no such function.
test_extend_set() {
	write_policy unknown $DEMO 'consistency: {extend-set: [no_such_function]}'
	nok "a set with a function that no guest has is not as wished" start unknown --wait
	like "$(vm_of_rollout web-1 .why)" "*no_such_function*" "and web-1 says which"
	ok "nothing is left of it" reverse_last
}

# A thread that no nudge moves sleeps in the function, and the rest is as it was.
test_stuck() {
	local why
	write_policy in-time $HELD 'consistency: {flags: [in-time]}' 'freeze: {use: never}' \
		'transition: {deadline: 6s, on-deadline: reverse}' 'nudge: {after: 200ms, every: 1s}'
	ok "a thread of web-1 sleeps in the function" hold_up web-1
	ok "the rollout begins" start in-time || return
	is "$(rollout model.name),$(rollout model_from)" "in-time,policy" "it has its policy's model"
	eventually $WAIT_S "explain names the thread" \
		explains web-1 'fth_sleeper .*io_schedule_timeout'
	eventually $WAIT_S "and says the patch's state, model and how many are pending" \
		explains web-1 "patch '$HELD': applying, in-time, [1-9][0-9]* pending"
	eventually $WAIT_S "PROGRESS tells the rollout the same" \
		vm_of_rollout web-1 '.transition.stragglers[].comm | select(. == "fth_sleeper")'
	eventually $WAIT_S "which its table shows" \
		shows 'web-1 .*task.* left: fth_sleeper.*io_schedule_timeout'
	eventually $WAIT_S "the guest's model is that" \
		file_is web-1 $HELD model "leave=patched-set switch=kernel"
	nok "and so does the wait for its end: it is not as wished" \
		"$FOTHER" rollout status --wait
	is "$(rollout phase)" paused "the deadline halted it"
	why=$(vm_of_rollout web-1 .why)
	like "$why" "*deadline*" "for a reason that is told: $why"
	ok "web-1 is as before" lacks_patch web-1 $HELD
	is "$(vm_of_rollout web-2 .state)" waiting "web-2 was never touched"
	ok "nor has it the patch" lacks_patch web-2 $HELD
}

test_unstuck() {
	local vm
	ok "the thread goes" let_go web-1
	ok "the halted rollout is taken back" reverse_last
	ok "a new one goes through" start in-time --wait
	for vm in "${VMS[@]}"; do
		is "$(file_of "$vm" $HELD state)" applied "$vm has it"
		is "$(file_of "$vm" $HELD model)" "leave=patched-set switch=kernel" \
			"$vm switched at one instant"
	done
	ok "explain has nothing to explain" explains web-1 'no task holds'
	is "$("$FOTHER" vm show web-1 --json |
		jq -r '.patches[] | "\(.state) \(.model.name) \(.pending)"')" "applied in-time 0" \
		"the agent knows its model too"
	ok "it is taken back" reverse_last
}

# name_model MODULE WORDS: a copy that names its own model.
name_model() {
	local ko=$FLEET_DIR/$1.ko
	objcopy --dump-section .modinfo="$FLEET_DIR/modinfo" "$FLEET_EXAMPLES/$1.ko" "$ko" &&
		printf 'fother_consistency=%s\0' "$2" >>"$FLEET_DIR/modinfo" &&
		objcopy --update-section .modinfo="$FLEET_DIR/modinfo" "$ko"
}

test_module_names_it() {
	local message
	ok "a module names both flags" name_model $DEMO in-thread,in-time
	write_policy silent $DEMO 'health: {guest: [oops, warn, effect]}'
	write_policy weak $DEMO 'consistency: {flags: [in-time]}'
	like "$("$FOTHER" policy check "$FLEET_DIR/silent.yaml")" \
		"*model: in-thread,in-time*as the module says*" "policy check says so"
	message=$(start weak 2>&1)
	is "$?" 2 "a policy that is weaker is refused"
	like "$message" "*'in-time'*'in-thread,in-time'*" "with both models: $message"
	ok "one that is silent is taken" start silent
	is "$(rollout model_from)" module "by the module's model"
	eventually $WAIT_S "patched, it waits for the new code to run" waits_for_effect web-1
	nok "and is not confirmed before" file_is web-1 $DEMO state applied
	ok "which a read does" fleet_looks patched web-1
	eventually $WAIT_S "then the other one is patched" waits_for_effect web-2
	ok "and read" fleet_looks patched web-2
	ok "it goes through" "$FOTHER" rollout status --wait
	ok "every guest is patched" fleet_looks patched "${VMS[@]}"
	is "$(file_of web-2 $DEMO model)" "leave=kernel switch=kernel" "which the guests were told"
	ok "it is taken back" reverse_last
	ok "every guest is as before" fleet_looks original "${VMS[@]}"
}

# Last: what was forced stays until the next boot.
test_by_hand() {
	write_policy patient $HELD 'transition: {deadline: 10m, on-deadline: wait}' \
		'nudge: {after: manual}'
	ok "a thread of web-1 sleeps in the function again" hold_up web-1
	ok "the rollout begins" start patient || return
	eventually $WAIT_S "explain names the thread" explains web-1 'fth_sleeper'
	ok "nudge by hand" "$FOTHER" vm nudge web-1 $HELD --why "a try"
	ok "which moves no such thread" explains web-1 'fth_sleeper'
	nok "force wants --yes" "$FOTHER" vm force web-1 $HELD
	is "$(file_of web-1 $HELD transition)" 1 "and nothing came of that"
	ok "force by hand" "$FOTHER" vm force web-1 $HELD --yes --why "no time"
	ok "the rollout goes on" "$FOTHER" rollout status --wait
	is "$(rollout phase)" complete "to its end"
	is "$("$FOTHER" vm show web-1 --json | jq '.patches[].forced')" true "the guest says it is forced"
	nok "there is nothing to force any more" "$FOTHER" vm force web-1 $HELD --yes
	is "$("$FOTHER" vm audit --json | jq -r '.[] | "\(.command) \(.result) \(.why)"' | head -2)" \
		"nudge ok a try"$'\n'"force ok no time" "the journal has both"
	ok "the thread goes" let_go web-1
}

fleet_init models
fleet_boot "${VMS[@]}"
tap_result $? "two VMs boot" || bail "no fleet"
fleet_exec web-1 sh -c 'echo 0 >/proc/sys/kernel/hung_task_timeout_secs'
fleet_agent_start
tap_result $? "the agent starts" || bail "no agent"
ok "every guest greets the agent" \
	fleet_until "all guests to greet" fleet_open "${#VMS[@]}"
install -m 644 "$FLEET_BUILD/guest/$FLEET_KREL/tests/$HELD.ko" "$FLEET_DIR/"
install -m 644 "$FLEET_EXAMPLES/$DEMO.ko" "$FLEET_DIR/"
test_extend_set
test_stuck
test_unstuck
test_module_names_it
test_by_hand
for vm in "${VMS[@]}"; do
	ok "guest $vm is well" tools/vm check --dir "$FLEET_DIR/vms" --name "$vm"
done
done_testing
