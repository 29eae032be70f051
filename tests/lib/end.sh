# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
# What a script started goes when it ends, whatever ends it.
#
#	at_end my_clean_up	# a function; the last one said holds
#
# It runs once, in the shell that said it (a child that is killed before it has become another
# program still has its traps), and no second signal cuts it short: a time-out's signal comes to the
# script and again to its process group.  $END_STATUS is the status that the script ends with.
END_STATUS=0
END_CLEAN_UP=:
END_PID=

end_clean_up() {
	END_STATUS=$?
	trap - EXIT
	trap '' HUP INT TERM
	[ "$BASHPID" != "$END_PID" ] || "$END_CLEAN_UP"
	exit "$END_STATUS"
}

at_end() { # FUNCTION
	END_CLEAN_UP=$1
	END_PID=$BASHPID
	trap end_clean_up EXIT
	trap 'exit 129' HUP
	trap 'exit 130' INT
	trap 'exit 143' TERM
}
