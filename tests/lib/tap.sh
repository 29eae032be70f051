# shellcheck shell=sh
# SPDX-License-Identifier: GPL-2.0
# TAP for shell tests, in the guest (busybox sh) and on the host (sh, bash).
#
# Use:
#	. "${TAP_LIB:-tests/lib/tap.sh}"	# the runner sets TAP_LIB, in guests too
#	plan 4					# or none, and done_testing at the end
#	ok "module loads" insmod fother.ko	# a command that must succeed
#	nok "twice is refused" insmod fother.ko	# a command that must fail
#	is "$(cat f)" "expected" "text of f"	# found, expected, name
#	like "$text" "*part*" "name"		# shell pattern
#	eventually 10 "switched" test ! -e f	# retried each 0.1 s for 10 s at most,
#						# times TAP_SLOWER where that is set
#	diag "something to know"		# a comment line
#	done_testing				# prints the plan and the end
#
# Each prints one line `ok N - name` or `not ok N - name` (why follows as
# comments) and returns 0 or 1, so that `ok ... || bail "why"` can end a test.
# done_testing must be the last call: it prints the end mark, with the nonce
# that the runner gave in TAP_NONCE, and exits 1 if anything failed.  A test that
# ends without it is a failure, whatever it printed; an `exit` in the middle too.

TAP_COUNT=0
TAP_FAILED=0
TAP_PLAN=

plan() {
	TAP_PLAN=$1
	echo "1..$1"
}

diag() {
	printf '%s\n' "$*" | sed 's/^/# /'
}

tap_result() { # 0|1 NAME
	TAP_COUNT=$((TAP_COUNT + 1))
	if [ "$1" -eq 0 ]; then
		echo "ok $TAP_COUNT - $2"
		return 0
	fi
	TAP_FAILED=$((TAP_FAILED + 1))
	echo "not ok $TAP_COUNT - $2"
	return 1
}

pass() {
	tap_result 0 "$1"
}

fail() {
	tap_result 1 "$1"
}

ok() { # NAME COMMAND...
	tap_name=$1
	shift
	if tap_out=$("$@" 2>&1); then
		tap_result 0 "$tap_name"
	else
		tap_rc=$?
		tap_result 1 "$tap_name" || :
		diag "'$*' exited with $tap_rc"
		[ -z "$tap_out" ] || diag "$tap_out"
		return 1
	fi
}

nok() { # NAME COMMAND...
	tap_name=$1
	shift
	if tap_out=$("$@" 2>&1); then
		tap_result 1 "$tap_name" || :
		diag "'$*' succeeded, and should have failed"
		[ -z "$tap_out" ] || diag "$tap_out"
		return 1
	fi
	tap_result 0 "$tap_name"
}

is() { # FOUND EXPECTED NAME
	if [ "$1" = "$2" ]; then
		tap_result 0 "$3"
		return
	fi
	tap_result 1 "$3" || :
	diag "found    '$1'"
	diag "expected '$2'"
	return 1
}

like() { # TEXT PATTERN NAME
	# shellcheck disable=SC2254 # it is a pattern
	case $1 in
	$2)
		tap_result 0 "$3"
		return
		;;
	esac
	tap_result 1 "$3" || :
	diag "found   '$1'"
	diag "pattern '$2'"
	return 1
}

eventually() { # SECONDS NAME COMMAND...
	tap_end=$(($(date +%s) + $1 * ${TAP_SLOWER:-1}))
	tap_name=$2
	shift 2
	while ! "$@" >/dev/null 2>&1; do
		if [ "$(date +%s)" -ge "$tap_end" ]; then
			tap_result 1 "$tap_name" || :
			diag "'$*' did not succeed in time"
			return 1
		fi
		sleep 0.1
	done
	tap_result 0 "$tap_name"
}

bail() {
	echo "Bail out! $*"
	exit 1
}

done_testing() {
	if [ -z "$TAP_PLAN" ]; then
		echo "1..$TAP_COUNT"
	elif [ "$TAP_PLAN" -ne "$TAP_COUNT" ]; then
		diag "planned $TAP_PLAN tests, ran $TAP_COUNT"
		TAP_FAILED=$((TAP_FAILED + 1))
	fi
	echo "# end ${TAP_NONCE:-none}"
	[ "$TAP_FAILED" -eq 0 ] || exit 1
	exit 0
}
