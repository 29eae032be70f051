#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# What `make install` leaves: complete, where systemd and the shells look, with units that
# systemd accepts; the agent tells a service manager when it is ready and when it ends.
# shellcheck disable=SC2317 # functions are called by ok and its like
set -u
cd "$(dirname "$0")/../.." || exit
. tests/lib/tap.sh
. tests/lib/agent.sh

EXPOSURE_MAX=32 # of systemd-analyze security, in tenths: what its unit leaves to the agent
RELEASE=6.1.0-1-amd64
WAIT_S=60

agent_init install

# installs WORD...: packaging/install, below $work/root.
installs() { DESTDIR=$work/root packaging/install "$@"; }
files() { (cd "$work/root" && find . -type f | sed 's/^\.//' | LC_ALL=C sort); }
has() { [ -s "$work/root$1" ]; }
told() { grep -q "$1" "$work/told"; }

# ---- the host ----------------------------------------------------------------
ok "what was built is installed" installs host
for file in sbin/fotherd bin/fother lib/systemd/system/fotherd.service lib/sysusers.d/fother.conf \
	share/man/man1/fother.1 share/man/man5/fother-policy.5 share/man/man8/fotherd.8 \
	share/bash-completion/completions/fother share/zsh/site-functions/_fother; do
	ok "$file is there" has "/usr/local/$file"
done
like "$("$work/root/usr/local/bin/fother" --help)" "usage: fother *" "fother runs"
is "$(sed -n 's/^ExecStart=\([^ ]*\).*/\1/p' "$work/root/usr/local/lib/systemd/system/fotherd.service")" \
	/usr/local/sbin/fotherd "the unit names the program where it is"
echo "FOTHERD_OPTIONS=mine" >"$work/root/etc/default/fotherd"
ok "it is installed again" installs host
is "$(<"$work/root/etc/default/fotherd")" "FOTHERD_OPTIONS=mine" "and keeps the configuration"
ok "it is taken away" installs host --remove
is "$(files)" /etc/default/fotherd "but for the configuration"
rm -r "$work/root"

# ---- the guest -----------------------------------------------------------------
mkdir -p "$work/build/guest/$RELEASE"
cp "$AGENT_BIN/fother" "$work/build/guest/$RELEASE/fother.ko" # an object with debug information
printf '#!/bin/sh\n' >"$work/build/guest/fother-relay"
ok "a guest's part is installed" env BUILD="$work/build" DESTDIR="$work/root" packaging/install \
	guest $RELEASE
ok "its module is where modprobe prefers it" has /lib/modules/$RELEASE/updates/fother.ko
nok "its debug information is left out" sh -c "readelf -S '$work/root/lib/modules/$RELEASE/updates/fother.ko' |
	grep -q debug_info"
ok "and is loaded at boot" grep -qx fother "$work/root/usr/local/lib/modules-load.d/fother.conf"
printf 'signature~Module signature appended~\n' >>"$work/build/guest/$RELEASE/fother.ko"
ok "one with a signature behind it is installed" env BUILD="$work/build" DESTDIR="$work/root" \
	packaging/install guest $RELEASE
ok "as it is: the signature is of all its bytes" cmp "$work/build/guest/$RELEASE/fother.ko" \
	"$work/root/lib/modules/$RELEASE/updates/fother.ko"
nok "without a release it is refused" installs guest
ok "it is taken away" installs guest $RELEASE --remove
is "$(files)" "" "wholly"

# ---- systemd -------------------------------------------------------------------
# A root in which a unit finds its program, what it runs beside it, and the machine's targets.
PREFIX=/usr installs host
BUILD=$work/build DESTDIR=$work/root PREFIX=/usr packaging/install guest $RELEASE
units=$work/root/usr/lib/systemd/system
cp /lib/systemd/system/*.target "$units"
install -D /bin/sh "$work/root/bin/sh"
verified() { systemd-analyze verify --root="$work/root" --man=no "$1" 2>&1 | grep -F "$(basename "$1")"; }
for unit in "$units"/*.service; do
	is "$(verified "$unit")" "" "systemd accepts $(basename "$unit")"
done
sed 's/^ProtectSystem=.*/ProtectSystem=maybe/' "$units/fotherd.service" >"$units/wrong.service"
like "$(verified "$units/wrong.service")" "*protect system value, ignoring: maybe*" "and would say what it does not accept"
ok "the agent's exposure is at most $EXPOSURE_MAX of 100" systemd-analyze security --no-pager \
	--offline=yes --root="$work/root" --threshold=$EXPOSURE_MAX "$units/fotherd.service"
sed -i '/^ProtectSystem\|^CapabilityBoundingSet\|^SystemCallFilter/d' "$units/wrong.service"
nok "which a unit with less around it exceeds" systemd-analyze security --no-pager \
	--offline=yes --root="$work/root" --threshold=$EXPOSURE_MAX "$units/wrong.service"

# ---- readiness -----------------------------------------------------------------
: >"$work/told"
socat -u "UNIX-RECV:$work/notify" "OPEN:$work/told,append" &
socat=$!
eventually $WAIT_S "somebody listens" test -S "$work/notify"
export NOTIFY_SOCKET=$work/notify
agent_start
eventually $WAIT_S "the agent says that it is ready" told READY=1
ok "and is: it answers" "$AGENT_BIN/fother" status
kill $agent
wait $agent
is $? 0 "it ends"
eventually $WAIT_S "and said so" told STOPPING=1
NOTIFY_SOCKET=nowhere
agent_start
eventually $WAIT_S "a socket that can't be told is logged" grep -q "'READY=1' could not be sent" "$work/log"
kill $agent $socat
agent=
done_testing
