# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
# What a script started goes when it ends, whatever ends it.
#
#	at_end my_clean_up	# a function; the last one said holds
#
# It runs once, and no second signal cuts it short: a time-out's signal comes to the
# script and again to its process group.  $END_STATUS is the status that the script ends with.
END_STATUS=0
END_CLEAN_UP=:

end_clean_up() {
	END_STATUS=$?
	trap - EXIT
	trap '' HUP INT TERM
	"$END_CLEAN_UP"
	exit "$END_STATUS"
}

at_end() { # FUNCTION
	END_CLEAN_UP=$1
	trap end_clean_up EXIT
	trap 'exit 129' HUP
	trap 'exit 130' INT
	trap 'exit 143' TERM
}
