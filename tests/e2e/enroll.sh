#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# fother enroll and unenroll over a real libvirtd: domains that are shut off, that
# run, that are transient; nothing else of them changes, and what can't work is
# refused with nothing changed.  At the end a guest that was never prepared is
# reached through fother-relay, and after a power cycle without it.
# timeout: 600
# shellcheck disable=SC2317,SC2016 # functions are called by ok; the guest expands
set -uo pipefail
cd "$(dirname "$0")/../.." || exit 1
# shellcheck source=tests/lib/libvirt.sh
. tests/lib/libvirt.sh
libvirt_namespace "$0"

WAIT_S=200
URN=urn:fother:enrolled:1
LIBVIRT_DOMAINS=(off-pc off-q35 busy bare temp console-1 vm-1)
CHANNEL="<channel type='unix'><target type='virtio' name='NAME'/>\
<address type='virtio-serial' controller='INDEX' bus='0' port='PORT'/></channel>"

# channel NAME CONTROLLER PORT: its element.
channel() {
	local text=${CHANNEL/NAME/$1}
	text=${text/INDEX/$2}
	echo "${text/PORT/$3}"
}

# domain NAME MACHINE [DEVICES]: a small domain without any system to boot.
domain() {
	cat >"$FLEET_DIR/$1.xml" <<-END
		<domain type='qemu'>
		  <name>$1</name>
		  <metadata><fother:vm xmlns:fother="urn:fother:1" group="eu-1"/></metadata>
		  <memory unit='MiB'>32</memory>
		  <vcpu>1</vcpu>
		  <os><type arch='x86_64' machine='$2'>hvm</type></os>
		  <devices>
		    <emulator>/usr/bin/qemu-system-x86_64</emulator>
		    <graphics type='vnc' passwd='secret' port='-1'/>
		    <memballoon model='none'/>
		    ${3:-}
		  </devices>
		</domain>
	END
}

define() {
	domain "$@"
	virsh -q undefine "$1" >/dev/null 2>&1
	virsh -q define "$FLEET_DIR/$1.xml" >/dev/null
}

definition() { virsh dumpxml --inactive --security-info "$1"; }
live() { virsh dumpxml "$1"; }
keep() { definition "$1" >"$FLEET_DIR/$1.kept"; }
as_kept() { definition "$1" | diff "$FLEET_DIR/$1.kept" -; }

# has WHICH DOMAIN XPATH: is there such a node in its definition or live XML?
has() { "$1" "$2" | xmllint --xpath "$3" - >/dev/null; }

has_not() { ! has "$@"; }

DEDICATED="//channel[@type='unix'][target/@name='org.fother.0'][address/@controller=\
//controller[@type='virtio-serial' and @ports='2']/@index]"
RELAY="//channel[@type='unix'][target/@name='org.fother.relay']"
RECORD="//*[local-name()='enrolled' and namespace-uri()='$URN']"

# run WANTED NAME VERB ARGUMENT...: exit code, output in $OUT and $ERR.
run() {
	local wanted=$1 name=$2 status
	shift 2
	OUT=$("$FOTHER" "$@" 2>"$FLEET_DIR/stderr")
	status=$?
	ERR=$(<"$FLEET_DIR/stderr")
	[ "$status" = "$wanted" ]
	tap_result $? "$name" || diag "exit $status, expected $wanted: $OUT $ERR"
}

# A libvirt that writes no metadata.
no_metadata() {
	[ -e "$FLEET_DIR/no_metadata.so" ] ||
		echo 'int virDomainSetMetadata(void) { return -1; }' |
		cc -shared -fPIC -o "$FLEET_DIR/no_metadata.so" -x c - || return
	LD_PRELOAD=$FLEET_DIR/no_metadata.so "$@"
}
run_any() { # VERB ARGUMENT...
	OUT=$("$FOTHER" "$@" 2>"$FLEET_DIR/stderr")
	STATUS=$?
	ERR=$(<"$FLEET_DIR/stderr")
}

json() { jq -r "$1" <<<"$OUT"; }

test_usage() {
	run 2 "no domain is a usage error" enroll
	run 2 "an unknown option too" enroll --fast off-pc
	run 0 "enroll has help" enroll --help
	like "$OUT" "*example: fother enroll*" "with an example"
	run 0 "unenroll too" unenroll --help
	like "$OUT" "*example: fother unenroll*" "with an example"
	run 2 "a domain that is not there" enroll nobody
	like "$ERR" "*domain 'nobody'*not found*virsh list*" "is named, with what to do"
	run 3 "a libvirt that does not answer" enroll -c "qemu+unix:///system?socket=/nowhere" off-pc
	like "$ERR" "*--connect*" "is told, with what to do"
	run 1 "a domain without virtio-serial is refused" enroll -c test:///default test
	like "$ERR" "*type 'test'*expected 'kvm' or 'qemu'*" "with what was found and expected"
}

test_shut_off() { # MACHINE
	local name=off-$1
	ok "$1: a domain is defined" define "$name" "$1"
	keep "$name"
	run 0 "$1: a dry run" enroll --dry-run "$name"
	like "$OUT" "*dry run*<controller type='virtio-serial' index='1' ports='2'/>*" \
		"$1: prints what it would change"
	ok "$1: and changes nothing" as_kept "$name"
	run 0 "$1: it is enrolled" enroll --json "$name"
	is "$(json '[.running, .now, .next, (.changes | length)] | @text')" \
		'[false,null,"dedicated",2]' "$1: and says what holds when"
	ok "$1: it has a channel on a controller of its own" has definition "$name" "$DEDICATED"
	ok "$1: its group and password stay" has definition "$name" \
		"/domain[metadata/*/@group='eu-1']/devices/graphics[@passwd='secret']"
	definition "$name" >"$FLEET_DIR/enrolled"
	run 0 "$1: once more is fine" enroll "$name"
	like "$OUT" "*enrolled already*" "$1: and says so"
	ok "$1: and changes nothing" diff "$FLEET_DIR/enrolled" <(definition "$name")
	run 0 "$1: its UUID will do" enroll "$(virsh domuuid "$name")"
	run 0 "$1: a dry run of unenroll" unenroll -n "$name"
	ok "$1: changes nothing" diff "$FLEET_DIR/enrolled" <(definition "$name")
	run 0 "$1: it is unenrolled" unenroll "$name"
	ok "$1: and is as it was, to the byte" as_kept "$name"
	run 0 "$1: once more is fine" unenroll "$name"
	ok "$1: and changes nothing" as_kept "$name"
}

# Where libvirt must add a PCI bridge for the controller, it goes with it.
test_bridges() {
	local i bridges=0 undone=0
	for i in 11 12 13 14; do
		virsh -q attach-device off-q35 --config \
			<(echo "<controller type='virtio-serial' index='$i'/>") >/dev/null
		# libvirt sorts what is plugged in otherwise than what it reads.
		definition off-q35 >"$FLEET_DIR/sorted"
		virsh -q define "$FLEET_DIR/sorted" >/dev/null
		keep off-q35
		no_metadata run_any enroll off-q35
		[[ $STATUS = 0 ]] || undone=$((undone + 1))
		[[ $STATUS = 0 ]] || ok "q35: what can't be recorded is not done" as_kept off-q35
		[[ $STATUS = 0 ]] || like "$ERR" "*record can't be written*left as it was*" "q35: and said"
		run 0 "q35: it is enrolled beside controller $i" enroll off-q35
		has definition off-q35 "${RECORD}[@pci]" && bridges=$((bridges + 1))
		run 0 "q35: and unenrolled" unenroll off-q35
		ok "q35: and is as it was" as_kept off-q35
	done
	ok "q35: bridges were needed, and went with it" test "$bridges" -gt 0
	is "$undone" "$bridges" "q35: and each needed a record of its own"
}

test_shared_by_others() {
	run 0 "it is enrolled again" enroll off-pc
	virsh -q attach-device off-pc --config <(channel org.example.agent 5 1) >/dev/null
	ok "somebody adds a channel elsewhere" has definition off-pc \
		"//channel[target/@name='org.example.agent']"
	run 0 "unenroll takes only ours" unenroll off-pc
	ok "and leaves theirs" has definition off-pc "//channel[target/@name='org.example.agent']"
	nok "ours is gone" has definition off-pc "$DEDICATED"
	nok "and its record" has definition off-pc "$RECORD"
}

test_refusals() {
	local serial="<controller type='virtio-serial' index='0'/>"
	define console-1 pc "$serial $(channel org.fother.0 0 1)"
	keep console-1
	run 1 "our port on a controller with room for others is refused" enroll console-1
	like "$ERR" "*controller 0 with 31 ports, expected*ports='2'*virsh edit*left as it was*" \
		"with what was found, expected, and what to do"
	ok "and left alone" as_kept console-1
	run 1 "unenroll does not take what enroll did not make" unenroll console-1
	ok "nor touches it" as_kept console-1
	define console-1 pc "$serial <controller type='virtio-serial' index='1' ports='2'/>
		$(channel org.fother.0 1 1)
		<console type='pty'><target type='virtio'/>
		<address type='virtio-serial' controller='1' bus='0' port='0'/></console>"
	keep console-1
	run 1 "a foreign port on our controller is refused" enroll console-1
	like "$ERR" "*shares virtio-serial controller 1 with 1 other*" "and named"
	ok "and left alone" as_kept console-1
	define console-1 pc "$serial <channel type='pty'><target type='virtio' name='org.fother.0'/></channel>"
	keep console-1
	run 1 "a channel that is no socket is refused" enroll console-1
	like "$ERR" "*not of type 'unix'*" "and named"
	ok "and left alone" as_kept console-1
	define console-1 pc "<controller type='virtio-serial' index='1' ports='2'/>$(channel org.fother.0 1 1)"
	run 0 "one that was made by hand and works is taken as it is" enroll console-1
	like "$OUT" "*enrolled already*" "and it says so"
	run 1 "but unenroll does not take it" unenroll console-1
	ok "it stays" has definition console-1 "$DEDICATED"
}

test_running() {
	define busy pc "<controller type='virtio-serial' index='0'/>$(channel org.example.agent 0 1)"
	keep busy
	ok "a domain with another's channel runs" virsh -q start busy
	run 0 "a dry run" enroll --dry-run --json busy
	is "$(json '[.now, .next, (.changes | map(.where) | unique)] | @text')" \
		'["relay","dedicated",["definition","running"]]' "tells both changes"
	nok "and makes none" has live busy "$RELAY"
	run 0 "it is enrolled" enroll busy
	like "$OUT" "*now: relay*fother-relay*next power cycle*dedicated*" "and says what holds when"
	ok "the relay's port is plugged in" has live busy "$RELAY"
	ok "on the controller that is there" has live busy \
		"//channel[target/@name='org.fother.relay']/address[@controller='0' and @port='2']"
	nok "but not in its definition" has definition busy "$RELAY"
	ok "which has the dedicated one" has definition busy "$DEDICATED"
	virsh dumpxml busy >"$FLEET_DIR/live"
	run 0 "once more is fine" enroll busy
	ok "and changes nothing" diff "$FLEET_DIR/live" <(live busy)
	run 0 "it is unenrolled" unenroll busy
	eventually $WAIT_S "the relay's port is unplugged" has_not live busy "$RELAY"
	ok "the other channel stays" has live busy "//channel[target/@name='org.example.agent']"
	ok "its definition is as it was" as_kept busy
	nok "no record is left in the running one" has live busy "$RECORD"
	run 0 "it is enrolled once more" enroll busy
	virsh -q destroy busy
	ok "after a power cycle" virsh -q start busy
	run 0 "it is enrolled already" enroll --json busy
	is "$(json '[.now, .next, .changes] | @text')" '["dedicated","dedicated",[]]' \
		"with the dedicated channel"
	run 0 "unenrolled, it keeps that" unenroll --json busy
	is "$(json '[.now, .next] | @text')" '["dedicated","none"]' "until its next power cycle"
	ok "in the running one" has live busy "$DEDICATED"
	virsh -q destroy busy
	ok "its definition is as it was" as_kept busy
}

# A saved machine comes back as it was, whatever its definition says by now.
test_saved() {
	ok "a domain runs" virsh -q start busy
	ok "and is saved" virsh -q managedsave busy
	run 0 "it is enrolled" enroll busy
	like "$OUT" "*does not run*note: It was saved*" "and told when that takes effect"
	ok "it is restored" virsh -q start busy
	nok "without the channel" has live busy "$DEDICATED"
	run 0 "it is enrolled now" enroll --json busy
	is "$(json '[.now, .next, (.changes | length)] | @text')" '["relay","dedicated",1]' \
		"through a relay"
	run 0 "and unenrolled" unenroll busy
	virsh -q destroy busy
	ok "its definition is as it was" as_kept busy
}

test_no_way_now() {
	define bare pc "<controller type='usb' model='none'/>"
	ok "a domain without virtio-serial runs" virsh -q start bare
	run 1 "it is enrolled, and can't be reached now" enroll bare
	like "$OUT" "*now: no channel: it has no virtio-serial controller*dedicated*" "and says so"
	ok "its definition has the channel" has definition bare "$DEDICATED"
	virsh -q destroy bare
	domain temp pc "<controller type='virtio-serial' index='0'/>"
	ok "a transient domain runs" virsh -q create "$FLEET_DIR/temp.xml"
	run 0 "it gets the relay's port" enroll --json temp
	is "$(json '[.persistent, .now, .next] | @text')" '[false,"relay","none"]' "and nothing else"
	run 0 "and loses it" unenroll temp
	nok "it is unplugged" has live temp "$RELAY"
	virsh -q destroy temp
	domain temp pc
	ok "another one without a controller" virsh -q create "$FLEET_DIR/temp.xml"
	virsh dumpxml temp >"$FLEET_DIR/live"
	run 1 "is refused" enroll temp
	like "$ERR" "*refused*no virtio-serial controller*left as it was*" "with the reason"
	ok "and left alone" diff "$FLEET_DIR/live" <(live temp)
	virsh -q destroy temp
}

ready() { virsh -q start vm-1 >/dev/null && fleet_until "'vm-1' to boot" fleet_exec vm-1 true; }
capable() { "$FOTHER" vm show vm-1 --json | jq -e '.capabilities | index("relay")' >/dev/null; }
incapable() { ! capable; }

# A guest that nobody prepared, from no channel to the relay's to its own.
test_guest() {
	tools/vm domain --name vm-1 --dir "$FLEET_DIR/vms" --file "$BUILD/guest/fother-relay:/bin/fother-relay" \
		>"$FLEET_DIR/vm-1.full"
	sed "/<controller type='virtio-serial' index='1'/,/<\/channel>/d" "$FLEET_DIR/vm-1.full" \
		>"$FLEET_DIR/vm-1.xml"
	virsh -q define "$FLEET_DIR/vm-1.xml" >/dev/null
	keep vm-1
	ok "a guest without a channel of ours boots" ready || return
	FLEET_INVENTORY=(-c qemu:///system)
	fleet_agent_start
	tap_result $? "the agent starts"
	ok "it has no session" fleet_open 0
	ok "the relay starts in the guest, and waits for its port" fleet_exec vm-1 \
		sh -c 'fother-relay >/relay.log 2>&1 &'
	run 0 "the running guest is enrolled" enroll vm-1
	ok "the agent has a session through the relay" \
		fleet_until "the guest to greet" fleet_open 1
	ok "and knows that it is one" capable
	fleet_agent_stop
	fleet_agent_start
	tap_result $? "the agent starts anew"
	ok "and has the session again" fleet_until "the guest to greet" fleet_open 1
	ok "still through the relay" capable
	is "$("$FOTHER" vm show vm-1 --json | jq .relayed)" true "as libvirt says too"
	ok "a power cycle" virsh -q destroy vm-1
	ok "the guest boots again" ready
	fleet_agent_stop
	fleet_agent_start
	tap_result $? "the agent starts anew"
	ok "and has a session without a relay" fleet_until "the guest to greet" fleet_open 1
	ok "and knows that too" incapable
	channel org.fother.relay 0 1 >"$FLEET_DIR/channel"
	ok "a relay's port beside it" virsh -q attach-device vm-1 --live "$FLEET_DIR/channel"
	fleet_agent_stop
	fleet_agent_start
	ok "is not what the agent takes" fleet_until "the guest to greet" fleet_open 1
	is "$("$FOTHER" vm show vm-1 --json | jq .relayed)" false "it prefers the dedicated one"
	ok "the guest is well" tools/vm check --dir "$FLEET_DIR/vms" --name vm-1
	run 0 "it is unenrolled" unenroll vm-1
	ok "and defined as it was" as_kept vm-1
}

BUILD=${BUILD:-build}
libvirt_fleet enroll
test_usage
test_shut_off pc
test_shut_off q35
test_bridges
test_shared_by_others
test_refusals
test_running
test_saved
test_no_way_now
test_guest
done_testing
