#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# tools/vm must tell a guest that failed from a command that failed.
set -u
cd "$(dirname "$0")/../.." || exit
. tests/lib/tap.sh
. tests/lib/end.sh

work=$(mktemp -d "${TMPDIR:-/tmp}/fother-vm-test.XXXXXX")
# shellcheck disable=SC2317 # the trap calls it
stop() {
	tools/vm stop --name t --dir "$work"
	rm -rf "$work"
}
at_end stop

# status COMMAND...: the exit status of tools/vm, and its messages in $work/err.
status() {
	tools/vm "$@" >"$work/out" 2>"$work/err"
	echo $?
}

is "$(status run -- sh -c 'printf "a  b\n"; exit 7')" 7 "the command's status"
is "$(cat "$work/out")" "a  b" "the command's output, and nothing else"
is "$(status run --no-module -- insmod /tests/mod/fth_test_warn.ko warn=1)" 125 "a WARN"
like "$(cat "$work/err")" "*WARNING: CPU*" "the message quotes the WARN"
is "$(status run --no-module -- insmod /tests/mod/fth_test_warn.ko oops=1)" 125 "an Oops"
is "$(status run --no-module --append loglevel=1 -- sh -c 'dmesg -n 1
	insmod /tests/mod/fth_test_warn.ko warn=1; true')" 125 "a WARN with a silent console"
is "$(status run --no-module --timeout 15 -- sleep 1000)" 124 "a hang"
is "$(status run --no-module -- reboot -f)" 125 "a missing end"
is "$(status run --no-module -- sh -c 'echo 0 0 0 >/dev/ttyS2; poweroff -f')" 125 \
	"an end with another nonce"
mkdir "$work/f1" "$work/f2"
echo one >"$work/f1/a"
echo two >"$work/f2/b"
is "$(status run --no-module --file "$work/f1:/f" --file "$work/f2:/f" --file "$work/f1/a:/x/y/z" \
	-- cat /f/a /f/b /x/y/z)" 0 "files and folders, two of them to one place"
is "$(tr '\n' ' ' <"$work/out")" "one two one " "they arrive as they are"
rm -r "$work/f1" "$work/f2"
is "$(status run --kernel 5.10 -- true)" 1 "a kernel that is not offered"
like "$(cat "$work/err")" "*'5.10' is not offered*" "the message says so"

is "$(status start --name t --dir "$work" --no-module)" 0 "start"
is "$(status start --name t --dir "$work")" 1 "start is refused where the guest runs"
is "$(status exec --name t --dir "$work" -- sh -c 'printf "a\000\377b"; exit 5')" 5 \
	"exec: the command's status"
is "$(od -An -tx1 "$work/out" | tr -d ' ')" 6100ff62 "exec: any byte of output"
is "$(status exec --name t --dir "$work" -- cat /sys/class/virtio-ports/vport0p1/name)" 0 \
	"the guest has a second port"
is "$(cat "$work/out")" org.fother.0 "and it is the channel"
is "$(status exec --name t --dir "$work" --timeout 2 -- sleep 1000)" 124 "exec: a hang"
is "$(status check --name t --dir "$work")" 0 "check: a healthy guest"
status exec --name t --dir "$work" -- sh -c 'dmesg -n 1
	insmod /tests/mod/fth_test_warn.ko warn=1' >/dev/null
is "$(status check --name t --dir "$work")" 125 "check: a WARN that the console did not show"
is "$(status stop --name t --dir "$work")" 0 "stop"
is "$(status check --name t --dir "$work")" 125 "check: a guest that is gone"
ok "nothing of it is left but the console log" test "$(ls "$work")" = "err
out
t.console"
done_testing
