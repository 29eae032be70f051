#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# What an operator does with fotherd under systemd.  Runs in the machine that
# tests/systemd/boot makes, with what `make install` left below ./root.
# shellcheck disable=SC2317,SC2016 # functions are called by ok; other shells expand
set -u
. tests/lib/tap.sh

WAIT_S=300
PATCH=bench_patch
DEFAULTS=/etc/default/fotherd
TAP_NONCE=$(<nonce)
export LANG=C.UTF-8

# as USER COMMAND: its output and status in one line
as() { su - "$1" -c "$2" 2>&1 | tr '\n' ' '; echo "(${PIPESTATUS[0]})"; }
unit() { systemctl show fotherd -p "$1" --value; }
options() { echo "FOTHERD_OPTIONS=\"$*\"" >$DEFAULTS; }
session_is() { [ "$(fother vm show "$1" --json | jq -r .session)" = "$2" ]; }
open_are() { [ "$(fother status --json | jq .sessions_open)" = "$1" ]; }
phase_is() { [ "$(fother rollout status --json | jq -r .phase)" = "$1" ]; }
probed() { pgrep -f "$probe" >/dev/null; }
unprobed() { ! probed; }
is_other() { [ "$(unit MainPID)" != 0 ] && [ "$(unit MainPID)" != "$1" ] && fother status; }
connected() { journalctl -u fotherd -o cat | tail -n 3 | grep -q 'connected$'; }

# A machine that is emulated on a busy one must not look like daemons that hang.
mkdir -p /etc/systemd/system.conf.d
printf '[Manager]\nDefaultTimeoutStartSec=%s\nDefaultTimeoutStopSec=%s\n' $WAIT_S $WAIT_S \
	>/etc/systemd/system.conf.d/slow.conf
systemctl daemon-reexec

# ---- installed -----------------------------------------------------------------
cp -a root/. /
systemd-sysusers
ok "the group is there" getent group fother
usermod -aG fother member
systemctl daemon-reload
is "$(systemd-analyze verify fotherd.service 2>&1)" "" "systemd has nothing to say of the unit"
ok "it is found below /usr/local, and enabled" systemctl -q enable fotherd
for page in fother fotherd fother-policy; do
	ok "man finds $page" man -w $page
done
like "$(bash -ic '. /usr/share/bash-completion/bash_completion; _completion_loader fother
	complete -p fother' 2>/dev/null)" "*_fother fother" "bash finds the completion"
is "$(zsh -fic 'autoload -U compinit; compinit -u; echo ${_comps[fother]}' 2>/dev/null)" _fother \
	"zsh finds the completion"

# ---- started -------------------------------------------------------------------
ok "it starts, as it comes" systemctl start fotherd
ok "and answers at once" fother status
is "$(stat -c '%a %U:%G' /run/fother/api.sock)" "660 root:fother" "its socket is the group's"
is "$(stat -c '%a %U' /var/lib/fother)" "700 root" "its state is root's"
like "$(as member 'fother status')" "*journal: ok*(0)" "a member of the group may use it"
like "$(as stranger 'fother status')" "*this user may not use*(3)" "a stranger not, and is told why"
is "$(unit LimitNOFILE)" "$(awk '/^Max open files/ { print $4 }' "/proc/$(unit MainPID)/limits")" \
	"it may have as many files as the unit says"

# ---- libvirt ---------------------------------------------------------------------
cat >domain.xml <<-'END'
	<domain type='qemu'>
	  <name>dom-1</name>
	  <memory unit='MiB'>64</memory>
	  <os><type arch='x86_64' machine='pc'>hvm</type></os>
	  <devices>
	    <emulator>/usr/bin/qemu-system-x86_64</emulator>
	    <controller type='virtio-serial' index='1' ports='2'/>
	    <channel type='unix'>
	      <target type='virtio' name='org.fother.0'/>
	      <address type='virtio-serial' controller='1' bus='0' port='1'/>
	    </channel>
	    <memballoon model='none'/>
	  </devices>
	</domain>
END
ok "a domain starts" sh -c 'virsh -q define domain.xml && virsh -q start dom-1'
eventually $WAIT_S "the agent finds it and opens its socket, which is of QEMU's user" \
	session_is dom-1 greeting
ok "libvirtd is started again" systemctl restart libvirtd
eventually $WAIT_S "the agent finds it again" connected
virsh -q destroy dom-1
virsh -q undefine dom-1

# ---- a rollout -------------------------------------------------------------------
mkdir /run/fother/vms
systemd-run -q --unit=guests "$PWD/guests" --folder /run/fother/vms --count 3
options --sockets /run/fother/vms --group fother
ok "it is started again with other options" systemctl restart fotherd
eventually $WAIT_S "it has sessions" open_are 3
home=/home/member/fleet
probe=$home/probe
mkdir $home
cp $PATCH.ko $home/
# What checks of operators do.
cat >$probe <<-'END'
	#!/bin/bash
	set -e
	file=$(mktemp)
	rm "$file"
	ping -c 1 127.0.0.1
	getent hosts localhost
	ssh -V
	virsh -q -c qemu:///system list
	[ ! -e /tmp/slow ] || sleep 1000
END
chmod 755 $probe
printf '%s\n' 'version: 1' "patch: {name: $PATCH, file: $PATCH.ko}" 'rollout: {soak: 1s}' >$home/plain.yaml
{
	cat $home/plain.yaml
	printf '%s\n' 'health:' "  command: [$probe, '{vm}']" '  timeout: 10m'
} >$home/probed.yaml
chown -R member: $home
chmod 700 /home/member
like "$(as member 'fother rollout start --wait fleet/plain.yaml')" "*complete*(0)" \
	"a member rolls out from a home that only he may read"
like "$(as member 'fother rollout reverse --wait 1')" "*reversed*(0)" "and back"
like "$(as member 'fother rollout start /etc/shadow')" \
	"*can't be opened with the rights of user 'member', who asks: Permission denied*(2)" \
	"but not from a file that is root's alone"
ok "checks of the operator find what they need" fother rollout start --wait $home/probed.yaml
ok "and back" fother rollout reverse --wait 2
cp -r $home /tmp/fleet
ok "so do policies in /tmp" fother rollout start --wait /tmp/fleet/plain.yaml
ok "and back" fother rollout reverse --wait 3

# ---- its end, in several ways ----------------------------------------------------
touch /tmp/slow
ok "a rollout starts whose check takes its time" fother rollout start $home/probed.yaml
eventually $WAIT_S "the check is under way" probed
before=$(unit MainPID)
kill -KILL "$before"
eventually $WAIT_S "the agent is killed, and started again" is_other "$before"
is "$(unit NRestarts)" 1 "by systemd"
eventually $WAIT_S "the check is made again" probed
ok "it is restarted in the middle of that" systemctl restart fotherd
eventually $WAIT_S "the check is made again" probed
ok "it is stopped" systemctl stop fotherd
ok "the check went with it" unprobed
is "$(systemctl is-active fotherd)" inactive "and stays stopped"
ok "guests' sockets are left where they were" test -S /run/fother/vms/vm-000000.sock
like "$(as member 'fother status')" "*no agent answers*start fotherd*(3)" "a member is told"
rm /tmp/slow
ok "it is started" systemctl start fotherd
eventually $WAIT_S "the rollout completes: no end of a check was a verdict" phase_is complete
before=$(unit MainPID)
kill -HUP "$before"
eventually $WAIT_S "a SIGHUP, which means nothing to it, is no end for good" is_other "$before"
nok "there is nothing to reload" systemctl reload fotherd
ok "reload-or-restart restarts" systemctl reload-or-restart fotherd

# ---- it can't start --------------------------------------------------------------
cp $DEFAULTS kept
options --no-such-option
nok "wrong options: it does not start" systemctl restart fotherd
is "$(systemctl is-active fotherd)/$(unit NRestarts)" failed/0 "nor again"
options --sockets /run/fother/vms --group no-such-group
nok "a group that is not there: it does not start" systemctl restart fotherd
like "$(journalctl -u fotherd -o cat -n 20 | tr '\n' ' ')" "*no-such-group': no such group; 'groupadd*" \
	"and says what to do"
groupadd no-such-group
eventually $WAIT_S "but again and again: it runs once the group is there" fother status
cp kept $DEFAULTS
ok "it is started as before" systemctl restart fotherd
ok "its journal is as it was" phase_is complete
is "$(systemctl --failed --no-legend --plain | grep fother)" "" "nothing of it failed"
done_testing
