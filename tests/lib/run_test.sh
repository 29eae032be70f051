#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# The runner must see every way in which a test can fail.
set -u
cd "$(dirname "$0")/../.." || exit
. tests/lib/tap.sh

work=$(mktemp -d "${TMPDIR:-/tmp}/fother-run-test.XXXXXX")
trap 'rm -rf "$work"' EXIT
export TMPDIR=$work

# judged KIND COMMAND: the runner's last line and exit status for one program.
judged() {
	local status=0

	printf '%s\n' "$2" >"$work/program.sh"
	printf 'case\t%s\t%s\tbash %s\n' "$1" "${3:-10}" "$work/program.sh" |
		tests/lib/run -l "$work" >"$work/out" 2>&1 || status=$?
	echo "$(tail -n 1 "$work/out") ($status)"
}

# shellcheck disable=SC2016 # the program expands it
end='echo "# end $TAP_NONCE"'
# shellcheck disable=SC2016 # the program expands it
lib='. "$TAP_LIB";'
is "$(judged tap "$lib pass a; pass b; done_testing")" "2 passed, 0 failed (0)" "a good program"
is "$(judged tap "$lib plan 2; pass a; pass b; done_testing")" "2 passed, 0 failed (0)" \
	"a good program with a plan first"
is "$(judged tap "$lib pass a; fail b; done_testing")" "1 passed, 1 failed (1)" "not ok"
is "$(judged tap "$lib plan 3; pass a; done_testing")" "1 passed, 1 failed (1)" "too few"
is "$(judged tap "$lib pass a; exit 0")" "1 passed, 2 failed (1)" "exit in the middle"
is "$(judged tap "echo ok 1; $end")" "1 passed, 1 failed (1)" "no plan"
is "$(judged tap "echo 1..1; echo ok 1; echo '# end 0123'")" "1 passed, 1 failed (1)" \
	"another nonce"
is "$(judged tap "echo 1..1; $end; echo ok 1")" "1 passed, 1 failed (1)" "an end too early"
is "$(judged tap "echo 1..1; echo ok 1; $end; echo bye")" "1 passed, 0 failed (0)" \
	"words of a clean-up after the end"
is "$(judged tap "echo 1..2; echo ok 1; echo ok 1; $end")" "2 passed, 1 failed (1)" \
	"a number twice"
is "$(judged tap "echo 1..1; echo 'ok 1 # SKIP no time'; $end")" "0 passed, 1 failed (1)" \
	"a skipped test is a failure"
is "$(judged tap "echo 1..1; echo ok 1; $end; exit 3")" "1 passed, 1 failed (1)" "exit status"
is "$(judged tap "echo 1..1; echo ok 1; $end; sleep 60" 1)" "1 passed, 1 failed (1)" "time-out"
is "$(judged tap "echo 'Bail out! why'")" "0 passed, 3 failed (1)" "Bail out!"
is "$(judged cmocka "echo 1..1; echo 'ok 1 - a'; echo 1..1; echo 'ok 1 - b'")" \
	"2 passed, 0 failed (0)" "two groups of cmocka"
is "$(judged cmocka "echo 1..2; echo 'ok 1 - a'; kill -SEGV \$\$")" "1 passed, 1 failed (1)" \
	"a crash after the first test"
is "$(judged plain true)" "1 passed, 0 failed (0)" "plain, good"
is "$(judged plain false)" "0 passed, 1 failed (1)" "plain, bad"
judged tap "$lib pass a; is found expected b; fail c; pass d; done_testing" >/dev/null
like "$(tail -n 6 "$work/out" | tr -s ' \n' ' ')" \
	"FAILED case 2 of 4, * s | not ok 2 - b | # found 'found' | # expected 'expected' | not ok 3 - c 2 passed, 2 failed " \
	"what failed stands at the end, with why"
is "$(tests/lib/run -l "$work" </dev/null 2>&1 | tail -n 1)" "0 passed, 1 failed" \
	"nothing tested is a failure"

# ---- what a program leaves behind -------------------------------------------------
# A stand-in for a guest: in a session of its own, with nothing but its command line to know it by.
cat >"$work/guest" <<'END'
#!/bin/bash
# As QEMU does it under libvirt: no environment, in the background, of nobody's session.
touch "$TMPDIR/console"
env -i setsid bash -c 'echo $$ >"$1"; exec tail -f "$0"' "$TMPDIR/console" "$1" >/dev/null 2>&1 &
until [ -s "$1" ]; do sleep 0.1; done
END
chmod 755 "$work/guest"
# shellcheck disable=SC2317 # ok calls it
# A process that nobody waited for yet has ended, too: it has no command line any more.
ended() { [ -s "$1" ] && ! grep -qs . "/proc/$(<"$1")/cmdline"; }

is "$(judged plain "$work/guest $work/pid1")" "1 passed, 0 failed (0)" "a program that leaves a guest behind"
ok "the guest is ended" ended "$work/pid1"
ok "and named" grep -q "left behind.*tail -f" "$work/case.log"
is "$(judged plain "$work/guest $work/pid2; sleep 600" 2)" "0 passed, 1 failed (1)" "one that hangs then"
ok "has its guest ended" ended "$work/pid2"

cat >"$work/cleaner" <<'END'
. tests/lib/end.sh
name=$1
clean_up() {
	echo begun
	kill -TERM $$ # the time-out's second signal, late
	sleep 1
	echo "$END_STATUS" >"$name.cleaned"
}
at_end clean_up
[ -z "${2:-}" ] || "$(dirname "$0")/guest" "$2"
sleep 600
END
is "$(judged plain "exec bash $work/cleaner $work/cut" 2)" "0 passed, 1 failed (1)" "a program is cut off"
is "$(cat "$work/cut.cleaned")" 143 "and cleans up to the end"
is "$(grep -c begun "$work/case.log")" 1 "once"

# The runner itself is ended.
printf 'case\tplain\t600\tbash %s %s\n' "$work/cleaner" "$work/ended $work/pid3" >"$work/list"
tests/lib/run -l "$work" <"$work/list" >"$work/out" 2>&1 &
runner=$!
eventually 60 "a program runs, with a guest" test -s "$work/pid3"
kill $runner
wait $runner
is $? 143 "the runner is ended"
is "$(cat "$work/ended.cleaned")" 143 "its program cleaned up"
ok "and the guest is gone" ended "$work/pid3"
is "$(find "$work" -name 'fth.*')" "" "no program's TMPDIR is left"

is "$(bash -c '. tests/lib/tap.sh; ok n false; exit 0' | head -n 1)" "not ok 1 - n" "ok can fail"
is "$(bash -c '. tests/lib/tap.sh; nok n true; exit 0' | head -n 1)" "not ok 1 - n" "nok can fail"
is "$(bash -c '. tests/lib/tap.sh; is a b n; exit 0' | head -n 1)" "not ok 1 - n" "is can fail"
is "$(bash -c '. tests/lib/tap.sh; like a "b*" n; exit 0' | head -n 1)" "not ok 1 - n" \
	"like can fail"
is "$(bash -c '. tests/lib/tap.sh; eventually 1 n false; exit 0' | head -n 1)" "not ok 1 - n" \
	"eventually can fail"
done_testing
