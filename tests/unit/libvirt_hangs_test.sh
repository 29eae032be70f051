#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# A libvirtd that accepts and never answers does not keep the agent from ending: it would be
# away for longer than guests wait for their host.
# shellcheck disable=SC2317 # functions are called by eventually
set -u
cd "$(dirname "$0")/../.." || exit
. tests/lib/tap.sh
. tests/lib/agent.sh

WAIT_S=60
ended() { ! kill -0 "$agent"; }
agent_init hangs
socat -u "UNIX-LISTEN:$work/libvirt.sock" "CREATE:$work/heard" &
socat=$!
eventually $WAIT_S "something listens as libvirtd" test -S "$work/libvirt.sock"
agent_start --connect "qemu+unix:///system?socket=$work/libvirt.sock"
eventually $WAIT_S "the agent asks it" test -s "$work/heard"
eventually $WAIT_S "and answers meanwhile" "$AGENT_BIN/fother" status
kill $agent
eventually $WAIT_S "it ends all the same" ended || kill -KILL $agent
wait $agent
is $? 0 "and well"
agent=
like "$(tail -n 1 "$work/log")" "*libvirt: no answer in * ms*" "it says why it took long"
ok "there is a journal" test -s "$work/state/journal.db"
nok "which was closed" test -e "$work/state/journal.db-wal"
kill $socat 2>/dev/null # where it has not ended with its only client
done_testing
