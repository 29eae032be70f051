# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
# A real libvirtd for tests, with folders of its own.
#
# The script must run in a mount namespace of its own (libvirt_namespace), in which
# libvirt's places are bound to a folder that the test removes.  libvirt_start needs
# a function fleet_until (tests/lib/fleet.sh).
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
	libvirtd --timeout 0 >"$root/libvirtd.log" 2>&1 &
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
