#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# Payload trust in one guest against a host by hand (tests/e2e/peer.c): what its owner
# signed is accepted, and nothing else, each refusal with its own error.  Keys at load,
# a key at build, both; a kernel and its algorithms; thousands of broken signatures.
# kernels: 6.1 6.12
# debug: yes
# timeout: 900
# shellcheck disable=SC2317 # functions are called by ok and its like
set -uo pipefail
cd "$(dirname "$0")/../.." || exit 1
# shellcheck source=tests/lib/tap.sh
. tests/lib/tap.sh
# shellcheck source=tests/lib/peer.sh
. tests/lib/peer.sh

OTHER=fother_demo_version
UUID=6ba7b810-9dad-11d1-80b4-00c04fd430c8
OTHER_UUID=6ba7b810-9dad-11d1-80b4-00c04fd430c9
EXAMPLES=$BUILD/guest/$KREL/examples
FOTHER=$BUILD/host/fother
MUTATIONS=${MUTATIONS:-100} # of each signature; by hand also 1000, 2,000 in all
OP=100 # of the last command
SERIAL=4711

peer() { # LINE...: one connection; output in $OUT
	OUT=$(printf '%s\n' "$@" | "$PEER" "$SOCKET" 2>&1)
}

# stages WHAT PATTERN SIGNATURE [MODULE [NAME [HOW]]]: the answer to a STAGE matches.
stages() {
	OP=$((OP + 1))
	peer hello "sign ${3:--}" "stage $OP 1 ${5:-$NAME} ${4:-$MODULE} ${6:-ok}"
	like "$OUT" "*result $OP $2" "$1"
}

# A module that was loaded may go a moment later than its patch.
unstaged() {
	OP=$((OP + 1))
	peer hello "unstage $OP 1 ${1:-$NAME}"
	grep -q "^result $OP ok" <<<"$OUT"
}
unstage() { eventually "$WAIT_S" "(UNSTAGE)" unstaged "$@"; }

ko() { echo "/lib/modules/$KREL/fother.ko"; }
unload() { guest 'rmmod fother && dmesg -c >/dev/null'; }
# Not through a pipe: grep ends at the first match, and its writer would fail.
says() { guest dmesg >"$DIR/dmesg" && grep -q -- "$1" "$DIR/dmesg"; }
refuses() { ! guest "insmod $1" && guest '! grep -q ^fother /proc/modules'; }

# caps BIT: does HELLO_ACK have the capability?
caps() {
	peer hello
	[ $((0x$(sed -n 's/.*caps=\([0-9a-f]*\).*/\1/p' <<<"$OUT") >> $1 & 1)) -eq 1 ]
}
SIGNATURES=27 # FTH_CAP_*
SIGNED_ONLY=28

make_key() { # NAME CN OPTION...
	openssl req -x509 -nodes -days 3650 -subj "/O=fother/CN=$2" -keyout "$KEYS/$1.key" \
		-out "$KEYS/$1.pem" "${@:3}" &&
		openssl x509 -in "$KEYS/$1.pem" -outform DER -out "$KEYS/$1.der"
}

sign() { # KEY OUTPUT OPTION... MODULE
	"$FOTHER" sign --key "$KEYS/$1.key" --cert "$KEYS/$1.pem" -o "$DIR/$2" "${@:3}" >/dev/null
}

make_keys() {
	mkdir -p "$KEYS"
	ok "the owner makes a key" make_key owner owner -newkey rsa:2048 -set_serial $SERIAL
	ok "and a second one, its certificate by SHA-512" make_key second second -newkey rsa:4096 -sha512
	ok "and one on a curve" make_key curve curve -newkey ec -pkeyopt ec_paramgen_curve:prime256v1
	ok "and one on a larger curve" make_key curve384 curve384 -newkey ec \
		-pkeyopt ec_paramgen_curve:secp384r1
	ok "somebody else has one of the same name" make_key stranger owner -newkey rsa:2048
	ok "and one of the same name and number" make_key impostor owner -newkey rsa:2048 \
		-set_serial $SERIAL
	cat "$KEYS/owner.der" "$KEYS/second.der" >"$KEYS/both.der"
	cat "$KEYS/curve.der" "$KEYS/curve384.der" >"$KEYS/curves.der"
	head -c 500 "$KEYS/owner.der" >"$KEYS/cut.der"
	cat "$KEYS/owner.der" "$KEYS/cut.der" >"$KEYS/tail.der"
	for _ in 1 2 3 4 5 6 7 8 9; do cat "$KEYS/owner.der"; done >"$KEYS/nine.der"
	head -c 70000 /dev/zero >"$KEYS/huge.der"
}

sign_all() {
	local i crowd=(--vm "$UUID")

	ok "fother sign signs" sign owner good --epoch 1000 "$MODULE"
	ok "for this VM and another" sign owner mine --epoch 1000 --vm $OTHER_UUID --vm ${UUID^^} "$MODULE"
	ok "for another VM" sign owner theirs --epoch 1000 --vm $OTHER_UUID "$MODULE"
	ok "of an older epoch" sign owner old --epoch 999 "$MODULE"
	ok "of a newer one" sign owner new --epoch 1001 "$MODULE"
	ok "with the second key" sign second second --epoch 1001 "$MODULE"
	ok "with a stranger's key" sign stranger stranger --epoch 1001 "$MODULE"
	ok "with an impostor's key" sign impostor impostor --epoch 1001 "$MODULE"
	ok "of another patch" sign owner version --epoch 1 "$EXAMPLES/$OTHER.ko"
	for i in $(seq 127); do
		crowd+=(--vm "$(printf '00000000-0000-0000-0000-%012d' "$i")")
	done
	ok "for the most VMs there may be" sign second crowd --epoch 1001 "${crowd[@]}" "$MODULE"
	nok "and not for more" sign second crowd2 "${crowd[@]}" --vm $OTHER_UUID "$MODULE"
	ok "openssl verifies what was signed" openssl cms -verify -inform DER -in "$DIR/good" \
		-certfile "$KEYS/owner.pem" -CAfile "$KEYS/owner.pem" -purpose any -binary \
		-out "$DIR/manifest"
	is "$(cat "$DIR/manifest")" "fother-manifest 1
name=$NAME
sha256=$(sha256sum <"$MODULE" | cut -d' ' -f1)
epoch=1000" "and finds the manifest"
	ok "--verify says that it is the owner's" "$FOTHER" sign --verify --cert "$KEYS/owner.pem" \
		"$MODULE" "$DIR/good"
	nok "and that it isn't the other's" "$FOTHER" sign --verify --cert "$KEYS/stranger.pem" \
		"$MODULE" "$DIR/good"
	nok "nor of another payload" "$FOTHER" sign --verify --cert "$KEYS/owner.pem" \
		"$EXAMPLES/$OTHER.ko" "$DIR/good"
	nok "nor for another VM" "$FOTHER" sign --verify --cert "$KEYS/owner.pem" --vm $UUID \
		"$MODULE" "$DIR/theirs"
}

# by_openssl OUTPUT KEY OPTION...: as a person would sign $DIR/manifest.
by_openssl() {
	openssl cms -sign -in "$DIR/manifest" -binary -nodetach -noattr -nosmimecap -nocerts \
		-md sha256 -signer "$KEYS/$2.pem" -inkey "$KEYS/$2.key" -outform DER -out "$DIR/$1" \
		"${@:3}" 2>/dev/null
}

# A signature whose manifest was edited: one digit of the epoch, one of the hash.
tamper() {
	sed 's/epoch=1000/epoch=1009/' "$DIR/good" >"$DIR/edited"
	LC_ALL=C sed "s/name=$NAME/name=$OTHER/" "$DIR/good" >"$DIR/renamed"
	# Odd ones that the owner himself signed, by hand.
	sed 's/^name=.*/&x/' "$DIR/manifest" >"$DIR/manifest.name"
	printf 'vm=any\n' | cat "$DIR/manifest" - >"$DIR/manifest.vm"
	for odd in name vm; do
		openssl cms -sign -in "$DIR/manifest.$odd" -binary -nodetach -noattr -nosmimecap \
			-nocerts -md sha256 -signer "$KEYS/owner.pem" -inkey "$KEYS/owner.key" \
			-outform DER -out "$DIR/odd.$odd" 2>/dev/null
	done
	# The payload: a byte of its text, same length.
	LC_ALL=C sed 's/this has been live patched/this had been live patched/' "$MODULE" >"$DIR/payload.ko"
	head -c 3000 /dev/urandom >"$DIR/garbage"
	head -c 8192 /dev/zero | tr '\0' '0' >"$DIR/longest"
	head -c 8193 /dev/zero >"$DIR/oversized"
}

test_without_key() {
	ok "without a key the module loads" guest "insmod $(ko)"
	nok "and has no capability for signatures" caps $SIGNATURES
	stages "takes what is not signed" "ok *" ""
	unstage
	stages "does not look at signatures" "ok *" "$DIR/garbage"
	unstage
	ok "it unloads" unload
}

# What a guest's owner gets wrong keeps the module out, with a line that says why.
test_bad_keys() {
	ok "signatures required without a key: not loaded" refuses "$(ko) require_signature=1"
	ok "which it says" says 'require_signature is set and there is no key'
	ok "PEM: not loaded" refuses "$(ko) key_file=/keys/owner.pem"
	ok "which it says" says "no X.509 certificate in DER (openssl x509 -outform DER)"
	ok "no such file: not loaded" refuses "$(ko) key_file=/keys/none"
	ok "which it says" says "key_file '/keys/none' can't be read (-2)"
	ok "a huge file: not loaded" refuses "$(ko) key_file=/keys/huge.der"
	ok "which it says" says "key_file '/keys/huge.der' can't be read (-27)"
	ok "a certificate cut short: not loaded" refuses "$(ko) key_file=/keys/cut.der"
	ok "a second one cut short: not loaded" refuses "$(ko) key_file=/keys/tail.der"
	ok "which it says" says 'key 2 of key_file'
	ok "too many of them: not loaded" refuses "$(ko) key_file=/keys/nine.der"
	ok "which it says" says 'too many certificates'
	guest 'dmesg -c >/dev/null'
}

test_key_at_load() {
	ok "with key_file the module loads" guest "insmod $(ko) key_file=/keys/owner.der"
	ok "and names the key" says "signed by 'fother: owner.*(rsa)', of key_file"
	ok "HELLO_ACK says that it checks signatures" caps $SIGNATURES
	nok "and not that it wants them" caps $SIGNED_ONLY
	stages "not signed is taken" "ok *" ""
	unstage
	stages "well signed is taken" "ok payload staged*" "$DIR/good"
	stages "well signed, it is there already" "ok payload was staged already*" "$DIR/good"
	unstage
	stages "wrongly signed is refused all the same" "bad_signature *none of this guest's 1*" \
		"$DIR/stranger"
	ok "it unloads" unload
}

test_required() {
	ok "two keys, signatures required: it loads" \
		guest "insmod $(ko) key_file=/keys/both.der require_signature=1"
	ok "HELLO_ACK says both" caps $SIGNED_ONLY
	stages "not signed" "unsigned *not signed*fother sign*patch.signature*" ""
	stages "well signed" "ok payload staged*" "$DIR/good"
	unstage
	stages "for this VM among others" "ok *" "$DIR/mine"
	unstage
	stages "signed by OpenSSL alone" "ok *" "$DIR/openssl"
	unstage
	stages "signed by OpenSSL, by key id" "ok *" "$DIR/keyid"
	unstage
	stages "for another VM" "wrong_vm *for 1 VMs*'$UUID'*--vm*" "$DIR/theirs"
	stages "by a stranger of the same name" "bad_signature *none of this guest's 2*" "$DIR/stranger"
	stages "by an impostor" "bad_signature *does not belong to its manifest*" "$DIR/impostor"
	stages "manifest edited" "bad_signature *does not belong to its manifest*" "$DIR/edited"
	stages "name edited" "bad_signature *" "$DIR/renamed"
	stages "payload edited" "bad_signature *SHA-256 is '*', the signature is of '*'*" \
		"$DIR/good" "$DIR/payload.ko"
	stages "payload edited on its way" "bad_hash *" "$DIR/good" "$MODULE" $NAME tamper
	stages "another patch's signature" "bad_signature *is of a patch '$OTHER'*" "$DIR/version"
	stages "the owner's, of another name" "bad_signature *is of a patch '${NAME}x'*" "$DIR/odd.name"
	stages "the owner's, of no manifest" "bad_signature *lines 'vm='*" "$DIR/odd.vm"
	stages "garbage" "bad_signature *expected one CMS SignedData*" "$DIR/garbage"
	stages "as long as may be" "bad_signature *" "$DIR/longest"
	stages "longer than any" "malformed *" "$DIR/oversized"
	stages "with certificates" "bad_signature *-nocerts*" "$DIR/certs"
	stages "with attributes" "bad_signature *-noattr*" "$DIR/attributes"
	stages "detached" "bad_signature *-nodetach*" "$DIR/detached"
	stages "by SHA-512" "bad_signature *SHA-256*" "$DIR/sha512"
	stages "and after all that, well signed" "ok payload staged*" "$DIR/good"
}

# $NAME is staged with epoch 1000.
test_replay() {
	stages "an older epoch" "stale_signature *is 999, expected 1000 or newer*" "$DIR/old"
	stages "the same epoch" "ok *already*" "$DIR/good"
	unstage
	stages "an older epoch after UNSTAGE" "stale_signature *" "$DIR/old"
	stages "a newer epoch, not all of it" "bad_offset *" "$DIR/new" "$MODULE" $NAME skip
	stages "that was never whole does not count" "ok *" "$DIR/good"
	stages "a newer epoch of what is there" "ok *already*" "$DIR/new"
	stages "from then on counts" "stale_signature *is 1000, expected 1001*" "$DIR/good"
	stages "another patch has its own" "ok *" "$DIR/version" "$EXAMPLES/$OTHER.ko" $OTHER
	unstage $OTHER
	unstage
	stages "the second key's is taken" "ok *" "$DIR/second"
	unstage
	stages "for the most VMs" "ok *" "$DIR/crowd"
}

# The staged one is patched in and out as ever.
test_apply() {
	OP=$((OP + 2))
	peer hello "apply $OP 1 $NAME $MODULE 0"
	like "$OUT" "*result $OP ok*patch $NAME soaking*" "what was signed is applied"
	OP=$((OP + 1))
	peer hello "reverse $OP 1 $NAME"
	like "$OUT" "*result $OP ok*" "and taken back"
	unstage
	ok "by hand the guest's root loads what he likes" guest \
		"echo '$NAME' >/sys/kernel/fother/policy && insmod /tests/examples/$NAME.ko &&
		grep -q 'live patched' /proc/cmdline &&
		echo 0 >/sys/kernel/fother/patches/$NAME/enabled"
	eventually "$WAIT_S" "and unloads it" guest "rmmod $NAME; ! grep -q '^$NAME ' /proc/modules"
}

# mutate SIGNATURE KIND: none of many changed signatures is taken, or harms.
mutate() {
	OP=$((OP + 1))
	peer hello "sign $DIR/$1" "mutate $OP 1 $NAME $MODULE $MUTATIONS 42"
	OP=$((OP + MUTATIONS))
	like "$OUT" "*mutated $MUTATIONS bad_signature $MUTATIONS" \
		"$MUTATIONS times $2, changed in a few bytes: always bad_signature"
}

test_mutations() {
	mutate new "a signature of RSA"
	mutate keyid "one by key id"
	stages "and then well signed" "ok payload staged*" "$DIR/new"
	unstage
	ok "it unloads" unload
}

test_min_epoch() {
	ok "with min_epoch it loads" guest \
		"insmod $(ko) key_file=/keys/owner.der require_signature=1 min_epoch=1001"
	stages "what is older was never seen and is refused" "stale_signature *expected 1001*" "$DIR/good"
	stages "what is not, is taken" "ok *" "$DIR/new"
	unstage
	ok "it unloads" unload
}

# More names than are remembered: forgetting refuses more, never less.
test_many_names() {
	local i lines=(hello)

	ok "it loads once more" guest "insmod $(ko) key_file=/keys/owner.der require_signature=1"
	mkdir -p "$DIR/many"
	for i in $(seq 10 79); do
		sed "s/name=$NAME/name=${NAME%??}$i/" "$MODULE" >"$DIR/many/$i.ko"
		sign owner "many/$i" --epoch "20$i" "$DIR/many/$i.ko" || break
		lines+=("sign $DIR/many/$i" "stage $((OP + i)) 1 ${NAME%??}$i $DIR/many/$i.ko"
			"unstage $((OP + 100 + i)) 1 ${NAME%??}$i")
	done
	OP=$((OP + 300))
	peer "${lines[@]}"
	is "$(grep -c 'payload staged' <<<"$OUT")" 70 "70 patches are accepted one after the other"
	i=12 # epoch 2012, forgotten
	sign owner many/again --epoch 2011 "$DIR/many/$i.ko"
	stages "an older epoch of a forgotten one is refused" "stale_signature *" "$DIR/many/again" \
		"$DIR/many/$i.ko" "${NAME%??}$i"
	sign owner many/again --epoch 2078 "$DIR/many/79.ko"
	stages "and of one that is remembered" "stale_signature *expected 2079*" "$DIR/many/again" \
		"$DIR/many/79.ko" "${NAME%??}79"
	ok "it unloads" unload
}

# ECDSA is not in Debian's 6.1.
test_curves() {
	if [[ $KREL == 6.1.* ]]; then
		ok "a kernel without ECDSA does not load with such a key" \
			refuses "$(ko) key_file=/keys/curve.der"
		ok "which it says" says 'no algorithm for such a key'
		guest 'dmesg -c >/dev/null'
		return
	fi
	sign curve curve --epoch 5 "$MODULE"
	sign curve384 curve384 --epoch 5 "$MODULE"
	ok "with keys on curves it loads" guest "insmod $(ko) key_file=/keys/curves.der require_signature=1"
	stages "P-256" "ok *" "$DIR/curve"
	unstage
	stages "P-384" "ok *" "$DIR/curve384"
	unstage
	stages "RSA by no key of it" "bad_signature *none of this guest's 2*" "$DIR/new"
	mutate curve "a signature of ECDSA"
	ok "it unloads" unload
}

test_key_at_build() {
	ok "a module with a built-in key loads" guest \
		"insmod /built-in.ko key_file=/keys/second.der require_signature=1"
	ok "it names that key" says "signed by 'fother: owner.*', of the build"
	ok "and the one of the file" says "signed by 'fother: second.*', of key_file"
	stages "the built-in key's" "ok *" "$DIR/new"
	unstage
	stages "the file's" "ok *" "$DIR/second"
	unstage
	stages "not signed" "unsigned *2 keys*" ""
	ok "it unloads" unload
	ok "it needs no file" guest "insmod /built-in.ko require_signature=1"
	stages "the built-in key's" "ok *" "$DIR/new"
}

# A build of fother.ko in a folder of its own, from the same sources.
build_in() {
	PARTS=fother make -s guest-kmod KREL="$KREL" FOTHER_KEY="$KEYS/owner.der" BUILD="$DIR/build" &&
		strip -g -o "$DIR/built-in.ko" "$DIR/build/guest/$KREL/fother.ko"
}

peer_init trust
KEYS=$DIR/keys
make_keys
ok "a module with the owner's key builds" build_in
nok "one with a PEM file doesn't" make -s guest-kmod KREL="$KREL" FOTHER_KEY="$KEYS/owner.pem" \
	BUILD="$DIR/build"
peer_guest --no-module --uuid $UUID --file "$KEYS:/keys" --file "$DIR/built-in.ko:/built-in.ko"
sign_all
ok "OpenSSL alone signs the same" by_openssl openssl owner
ok "by key id too" by_openssl keyid owner -keyid
openssl cms -sign -in "$DIR/manifest" -binary -nodetach -noattr -nosmimecap -md sha256 \
	-signer "$KEYS/owner.pem" -inkey "$KEYS/owner.key" -outform DER -out "$DIR/certs"
openssl cms -sign -in "$DIR/manifest" -binary -nodetach -nosmimecap -nocerts -md sha256 \
	-signer "$KEYS/owner.pem" -inkey "$KEYS/owner.key" -outform DER -out "$DIR/attributes"
openssl cms -sign -in "$DIR/manifest" -binary -noattr -nosmimecap -nocerts -md sha256 \
	-signer "$KEYS/owner.pem" -inkey "$KEYS/owner.key" -outform DER -out "$DIR/detached"
by_openssl sha512 owner -md sha512
tamper
test_without_key
test_bad_keys
test_key_at_load
test_required
test_replay
test_apply
test_mutations
test_min_epoch
test_many_names
test_curves
test_key_at_build
peer_well
done_testing
