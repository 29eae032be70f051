#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# What a person, a script, a disk or a guest may do wrong: a clear error each
# time, nothing lost, and the fleet goes on.
# shellcheck disable=SC2317 # functions are called by ok and its like
set -uo pipefail
cd "$(dirname "$0")/../.." || exit 1
if [ -z "${FTH_E2E_NAMESPACE:-}" ]; then
	# A disk of our own can be full without anybody else noticing.
	FTH_E2E_NAMESPACE=1 exec unshare --mount --propagation private bash "$0"
fi
# shellcheck source=tests/lib/tap.sh
. tests/lib/tap.sh
# shellcheck source=tests/lib/fleet.sh
. tests/lib/fleet.sh

VMS=(web-1 web-2)
NAME=fother_demo_cmdline
STATE_KIB=2048

# policy FILE NAME MODULE [YAML-LINES]: a policy in $FLEET_DIR.
policy() {
	cat >"$FLEET_DIR/$1" <<-END
		version: 1
		patch:
		  name: $2
		  file: $3
		rollout:
		  waves: [100%]
		  soak: 1s
		  failures: {max: 0, inconclusive: 0, then: reverse}
		${4:-}
	END
}


start() { "$FOTHER" rollout start --wait "$FLEET_DIR/$1"; }
http() { curl -s -o "$FLEET_DIR/answer" -w '%{http_code}' --unix-socket "$FOTHER_SOCKET" "$@"; }
agent_well() { kill -0 "$FLEET_AGENT_PID" && "$FOTHER" vm list >/dev/null; }

unmount() {
	fleet_agent_stop
	umount "$FLEET_DIR/state"
	fleet_clean_up
}

fleet_init bad
is "$("$FOTHER" status >/dev/null 2>&1; echo $?)" 3 "no agent: exit status 3"

mkdir -p "$FLEET_DIR/state"
mount -t tmpfs -o "size=${STATE_KIB}k" tmpfs "$FLEET_DIR/state"
at_end unmount
fleet_boot "${VMS[@]}"
tap_result $? "two VMs boot" || bail "no fleet"
fleet_agent_start
tap_result $? "the agent starts" || bail "no agent"
ok "every guest greets the agent" fleet_until "guests to greet" fleet_open 2
fleet_policy "$NAME"
MODULES=$FLEET_BUILD/guest/$FLEET_KREL/tests

# A policy with an unknown key
policy key.yaml "$NAME" "$NAME.ko" "rolout: {soak: 5m}"
message=$("$FOTHER" policy check "$FLEET_DIR/key.yaml" 2>&1)
is $? 2 "unknown key: exit status"
like "$message" "*key.yaml:9:1: *rolout*" "unknown key: file, line, column, key"
message=$(start key.yaml 2>&1)
is $? 2 "unknown key: a rollout is refused too"
like "$message" "*key.yaml:9:1: *rolout*" "by the same message"

# A module that is not what the policy says
policy hash.yaml "$NAME" "$NAME.ko"
sed -i "/file:/a\\  sha256: $(printf 'ab%.0s' {1..32})" "$FLEET_DIR/hash.yaml"
message=$(start hash.yaml 2>&1)
is $? 2 "wrong SHA-256: exit status"
like "$message" "*SHA-256*expected*abab*" "wrong SHA-256: found and expected"

sed "s/vermagic=$FLEET_KREL/vermagic=${FLEET_KREL/6.1/6.9}/" "$FLEET_DIR/$NAME.ko" \
	>"$FLEET_DIR/other.ko"
policy kernel.yaml "$NAME" other.ko
message=$(start kernel.yaml 2>&1)
is $? 2 "a module for another kernel: exit status"
like "$message" "*6.9*$FLEET_KREL*" "a module for another kernel: found and expected"
ok "no guest was touched" fleet_looks original "${VMS[@]}"

install -m 644 "$MODULES/fth_test_unknown_symbol.ko" "$FLEET_DIR/"
policy symbol.yaml fth_test_unknown_symbol fth_test_unknown_symbol.ko
message=$(start symbol.yaml 2>&1)
is $? 1 "an unknown function: exit status"
like "$("$FOTHER" rollout status)" "*fth_no_such_function*" "an unknown function: says which"
ok "the module is not left loaded" fleet_exec web-1 \
	sh -c "! grep -q '^fth_test_unknown_symbol ' /proc/modules"

# Requests that are none
is "$(http -X POST -d 'hello' http://fother/v1/rollouts)" 400 "not JSON: 400"
like "$(jq -r .error.message "$FLEET_DIR/answer")" "*JSON*" "not JSON: says so"
is "$(http -X POST -d '{"policy": 7}' http://fother/v1/rollouts)" 400 "a number for a path: 400"
is "$(http -X POST -d '{}' http://fother/v1/rollouts/999/reverse)" 404 "no such rollout: 404"
is "$(http -X DELETE http://fother/v1/vms)" 405 "no such method: 405"
is "$(http http://fother/v2/vms)" 404 "no such path: 404"
head -c 4194304 /dev/zero | tr '\0' '[' >"$FLEET_DIR/big"
like "$(http -X POST --data-binary "@$FLEET_DIR/big" http://fother/v1/rollouts)" "4??" \
	"4 MiB of brackets are refused"
ok "the agent is well after all this" agent_well

# A full disk under the journal
dd if=/dev/zero of="$FLEET_DIR/state/filler" bs=1k 2>/dev/null
message=$(start "$NAME.yaml" 2>&1)
is $? 1 "a full disk: new work is refused"
like "$message" "*journal*" "and it says why"
nok "status says so too" "$FOTHER" status
ok "no guest was touched meanwhile" fleet_looks original "${VMS[@]}"
rm "$FLEET_DIR/state/filler"
eventually 60 "with room again it is well by itself" "$FOTHER" status
ok "and the rollout completes" start "$NAME.yaml"
ok "every guest is patched" fleet_looks patched "${VMS[@]}"
ok "it is reversed" "$FOTHER" rollout reverse --wait "$(fleet_last_rollout)"

# A VM that vanishes in the middle
sed -i 's/soak: .*/soak: 5s/; s/inconclusive: 0/inconclusive: 1/' "$FLEET_DIR/$NAME.yaml"
ok "another rollout starts" "$FOTHER" rollout start "$FLEET_DIR/$NAME.yaml"
canary=$("$FOTHER" rollout status --json | jq -r '.vms[] | select(.wave == 0).name')
other=web-1
[ "$canary" != web-1 ] || other=web-2
eventually 120 "the canary is patched" fleet_looks patched "$canary"
ok "VM $other vanishes" tools/vm stop --dir "$FLEET_DIR/vms" --name "$other"
eventually 60 "the agent sees it" fleet_open 1
eventually 120 "it is deferred, not failed" sh -c \
	"$FOTHER rollout status --json | jq -e '.counts.deferred == 1 and .counts.failed == 0'"
ok "the rest can be reversed" "$FOTHER" rollout reverse --wait "$(fleet_last_rollout)"
ok "and is" fleet_looks original "$canary"
ok "guest $canary is well" tools/vm check --dir "$FLEET_DIR/vms" --name "$canary"
done_testing
