# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
# A real libvirtd for tests, with folders of its own.
#
# The script must run in a mount namespace of its own (libvirt_namespace), in which
# libvirt's places are bound to a folder that the test removes.
#
#	. tests/lib/libvirt.sh		# tap.sh and fleet.sh with it
#	libvirt_namespace "$0"
#	libvirt_fleet NAME db-1 db-2	# libvirtd, and these domains booted in it
# shellcheck source=tests/lib/tap.sh
. tests/lib/tap.sh
# shellcheck source=tests/lib/fleet.sh
. tests/lib/fleet.sh

LIBVIRTD_PID=
LIBVIRT_DOMAINS=() # destroyed by libvirt_stop

# libvirt_namespace SCRIPT: start over in a mount namespace; returns inside of it.
libvirt_namespace() {
	if [ -z "${FTH_E2E_NAMESPACE:-}" ]; then
		FTH_E2E_NAMESPACE=1 exec unshare --mount --propagation private bash "$1"
	fi
}

# libvirt_start FOLDER: and wait until it answers.
libvirt_start() {
	local root=$1 pair
	for pair in etc:/etc/libvirt run:/run/libvirt lib:/var/lib/libvirt \
		cache:/var/cache/libvirt log:/var/log/libvirt; do
		mkdir -p "$root/${pair%%:*}" "${pair#*:}"
		mount --bind "$root/${pair%%:*}" "${pair#*:}" || return 1
	done
	echo 'auth_unix_rw = "none"' >"$root/etc/libvirtd.conf"
	cat >"$root/etc/qemu.conf" <<-'END'
		user = "root"
		group = "root"
		security_driver = "none"
		stdio_handler = "file"
		namespaces = []
		cgroup_controllers = []
		remember_owner = 0
	END
	libvirt_run "$root"
}

# libvirt_run FOLDER: libvirtd in the places of libvirt_start; again after libvirt_stop.
libvirt_run() {
	local root=$1
	# Its usual pid file is in /run, where another test's may be.
	libvirtd --timeout 0 --pid-file "$root/libvirtd.pid" >"$root/libvirtd.log" 2>&1 &
	LIBVIRTD_PID=$!
	export LIBVIRT_DEFAULT_URI=qemu:///system
	fleet_until "libvirtd to answer" virsh -q list
}

libvirt_stop() {
	local domain pid
	for domain in "${LIBVIRT_DOMAINS[@]}"; do
		virsh -q destroy "$domain" >/dev/null 2>&1 && continue
		# A signal may have ended libvirtd already, whose guests live on.
		read -r pid 2>/dev/null <"/run/libvirt/qemu/$domain.pid" && kill "$pid"
	done
	if [ -n "$LIBVIRTD_PID" ]; then
		kill "$LIBVIRTD_PID" 2>/dev/null
		wait "$LIBVIRTD_PID" 2>/dev/null
	fi
	LIBVIRTD_PID=
}

libvirt_clean_up() {
	libvirt_stop
	fleet_clean_up
}

# libvirt_domain_start DOMAIN: and wait until its init answers.
libvirt_domain_start() {
	virsh -q start "$1" >/dev/null && fleet_until "'$1' to boot" fleet_exec "$1" true
}

# libvirt_fleet NAME [DOMAIN]...: a fleet (tests/lib/fleet.sh) that the agent finds by a
# libvirtd of its own.  A function libvirt_defined DOMAIN, where there is one, is called
# between a domain's definition and its start.
libvirt_fleet() {
	local name=$1 domain
	shift
	LIBVIRT_DOMAINS+=("$@")
	fleet_init "$name"
	at_end libvirt_clean_up
	libvirt_start "$FLEET_DIR/libvirt"
	tap_result $? "libvirtd starts" || bail "no libvirtd"
	# shellcheck disable=SC2034 # of tests/lib/fleet.sh
	FLEET_INVENTORY=(-c qemu:///system)
	for domain; do
		tools/vm domain --name "$domain" --dir "$FLEET_DIR/vms" >"$FLEET_DIR/$domain.xml" &&
			virsh -q define "$FLEET_DIR/$domain.xml" >/dev/null &&
			{ ! declare -F libvirt_defined >/dev/null || libvirt_defined "$domain"; } &&
			libvirt_domain_start "$domain"
		tap_result $? "domain $domain boots" || bail "no fleet"
	done
}
