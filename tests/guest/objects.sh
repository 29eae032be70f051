#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# Patches of modules that are there, come later, go and come again; callbacks in
# the in-tree core's order; relocations; modules while a transition is stuck.
# vm: --smp 2 --timeout 400
# kernels: 6.1 6.12
. "${TAP_LIB:-tests/lib/tap.sh}"
# shellcheck source=tests/lib/guest.sh
. "${TAP_LIB%/*}/guest.sh"
# shellcheck source=tests/lib/witness.sh
. "${TAP_LIB%/*}/witness.sh"

OBJ=fth_test_obj
POLICY='confirm-within=none deadline=none nudge-after=manual'
RACE_ROUNDS=15
IN="p1 pre_patch vmlinux;p1 pre_patch $OBJ;p1 post_patch vmlinux;p1 post_patch $OBJ;"
OUT="p1 pre_unpatch vmlinux;p1 pre_unpatch $OBJ;p1 post_unpatch vmlinux;p1 post_unpatch $OBJ;"
COMES="p1 pre_patch $OBJ;p1 post_patch $OBJ;"
GOES="p1 pre_unpatch $OBJ;p1 post_unpatch $OBJ;"

patched() { # PATCH TEXT: its module's object is, or isn't
	has "$PATCHES/$1/$OBJ/patched" "$2"
}

need $MOD/$OBJ.ko $MOD/${OBJ}2.ko $MOD/fth_test_nofilter.ko $MOD/fth_test_rela.ko /tests/fth_klprela
fother_in
witness_in 0
for name in fth_test_gen_p1 fth_test_gen_p2 fth_test_gen_p3 fth_test_rela; do
	ok "policy for $name" policy "$name $POLICY"
done

# The module is there before.
ok "the module loads" insmod $MOD/$OBJ.ko
is "$(generation $OBJ)" 0 "its function is the original"
apply fth_test_gen_p1 callbacks=1 module=$OBJ
is "$(generation $OBJ)" 1 "its function is replaced"
ok "sysfs says so" patched fth_test_gen_p1 1
is "$(cat "$P1/$OBJ/fth_obj_value,1/patched"),$(cat "$P1/$OBJ/fth_obj_value,1/transition")" 1,0 \
	"of the function too"
is "$(noted)" "$IN" "callbacks of the enable, in order"
ok "the module can be unloaded while it is patched" rmmod $OBJ
is "$(noted)" "$GOES" "callbacks of a module that goes"
ok "sysfs says that it is patched no more" patched fth_test_gen_p1 0
is "$(cat $P1/state)" soaking "the patch stays"
ok "the module loads again" insmod $MOD/$OBJ.ko
is "$(generation $OBJ)" 1 "its function is replaced again"
is "$(cat /sys/module/$OBJ/parameters/at_init)" 1 "it was before the module's init"
is "$(noted)" "$COMES" "callbacks of a module that comes"
revert fth_test_gen_p1
is "$(generation $OBJ)" 0 "its function is the original again"
is "$(noted)" "$OUT" "callbacks of the disable, in order"
ok "the module can be unloaded" rmmod $OBJ

# It comes later, fails in init, comes again.
apply fth_test_gen_p1 callbacks=1 module=$OBJ
is "$(noted)" "p1 pre_patch vmlinux;p1 post_patch vmlinux;" "a module that isn't there has no callbacks"
nok "its init fails" insmod $MOD/$OBJ.ko fail=1
like "$(noted)" "*$COMES$GOES" "callbacks of a module that comes and goes"
ok "it comes again" insmod $MOD/$OBJ.ko
is "$(generation $OBJ)" 1 "its function is replaced"
noted >/dev/null
ok "it goes" rmmod $OBJ
revert fth_test_gen_p1
noted >/dev/null

# Its init text is freed when it has started, and ftrace's sites with it.
apply fth_test_gen_p1 functions=none module=$OBJ module_function=fth_obj_init
nok "a module whose init function is to be replaced is refused" insmod $MOD/$OBJ.ko
ok "the log says why" said "'fth_obj_init' is init text of module '$OBJ'"
revert fth_test_gen_p1
dmesg -c >/dev/null

# A pre-patch callback that fails, at the enable.
ok "the module loads" insmod $MOD/$OBJ.ko
nok "an enable whose second pre_patch fails is refused" \
	insmod $MOD/fth_test_gen_p1.ko callbacks=1 module=$OBJ fail_pre=$OBJ
# insmod may try twice, by either system call.
like "$(noted)" "p1 pre_patch vmlinux;p1 pre_patch $OBJ fails;p1 post_unpatch vmlinux;*" \
	"the object before it gets a post_unpatch, it itself none"
ok "nothing is left of it" gone fth_test_gen_p1
is "$(generation $OBJ)" 0 "the function is the original"
ok "the module can be unloaded" rmmod $OBJ
noted >/dev/null

# The third patch of three fails for a module that comes.
apply fth_test_gen_p1 callbacks=1 module=$OBJ functions=none
apply fth_test_gen_p2 callbacks=1 module=$OBJ functions=none
apply fth_test_gen_p3 callbacks=1 module=$OBJ functions=none fail_pre=$OBJ
noted >/dev/null
nok "the module is refused" insmod $MOD/$OBJ.ko
first="p1 pre_patch $OBJ;p1 post_patch $OBJ;p2 pre_patch $OBJ;p2 post_patch $OBJ;p3 pre_patch $OBJ fails;"
back="p1 pre_unpatch $OBJ;p1 post_unpatch $OBJ;p2 pre_unpatch $OBJ;p2 post_unpatch $OBJ;"
found=$(noted)
like "$found" "$first*" "the patches before it were asked in order"
like "${found#"$first"}" "$back*" "and had it unpatched again, in order, with their callbacks"
ok "sysfs says so" patched fth_test_gen_p1 0
ok "the third one's callback won't fail any more" \
	write '' /sys/module/fth_test_gen_p3/parameters/fail_pre
ok "the module comes" insmod $MOD/$OBJ.ko
is "$(generation $OBJ)" 3 "the newest patch has its function"
revert fth_test_gen_p2
is "$(generation $OBJ)" 3 "still so without the second"
revert fth_test_gen_p3
is "$(generation $OBJ)" 1 "and the first without the third"
ok "the module goes" rmmod $OBJ
revert fth_test_gen_p1
noted >/dev/null

# An enable that is turned round; modules while it is stuck.
visitors 2 blocked 0 /tmp/blocked
blocking=$background
eventually 20 "two tasks stay inside" has_inside 2
ok "the patch loads" insmod $MOD/fth_test_gen_p1.ko callbacks=1 module=$OBJ
eventually 20 "it waits for them" holds $P1/pending fth_gen
ok "an unrelated module loads" insmod $MOD/${OBJ}2.ko
ok "and unloads" rmmod ${OBJ}2
ok "the module that it patches comes" insmod $MOD/$OBJ.ko
is "$(noted)" "p1 pre_patch vmlinux;p1 pre_patch $OBJ;" "in a transition there is no post_patch yet"
ok "it goes" rmmod $OBJ
is "$(noted)" "p1 post_unpatch $OBJ;" "in a transition there is no pre_unpatch"
ok "it comes again" insmod $MOD/$OBJ.ko
is "$(cat $P1/transition)" 1 "all that while the transition was stuck"
noted >/dev/null
ok "it is turned round" write 0 $P1/enabled
eventually 20 "and gone" gone fth_test_gen_p1
is "$(noted)" "p1 post_unpatch vmlinux;p1 post_unpatch $OBJ;" "no pre_unpatch after a reversed enable"
ok "it can be unloaded" rmmod fth_test_gen_p1
is "$(generation $OBJ)" 0 "the function is the original"
ok "the patch loads" insmod $MOD/fth_test_gen_p1.ko callbacks=1 module=$OBJ
eventually 20 "it waits for them" holds $P1/pending fth_gen
noted >/dev/null
release_visitors $blocking 0 "they leave"
eventually 20 "it is in force" has $P1/state soaking
is "$(noted)" "p1 post_patch vmlinux;p1 post_patch $OBJ;" "post_patch once all have switched"
is "$(generation $OBJ)" 1 "the function is replaced"

# Between the two, the patch before is asked to go while a callback takes its time.
HOLD=/sys/module/fth_test_log/parameters/hold
noted_is() { # LINES: nothing is forgotten
	[ "$(tr '\n' ';' </dev/fth_log)" = "$1" ]
}
visitors 2 blocked 0 /tmp/blocked
blocking=$background
eventually 20 "two tasks stay inside of it" has_inside 2
noted >/dev/null
ok "callbacks wait" write 1 $HOLD
background /tmp/insmod insmod $MOD/fth_test_gen_p3.ko callbacks=1 functions=b
eventually 20 "another patch waits in its callback" noted_is "p3 pre_patch vmlinux;"
ok "the patch before it is asked to go" write 0 $P1/enabled
ok "the callback ends" write 0 $HOLD
wait "$background"
nok "the other patch is refused" [ $? -eq 0 ]
ok "the log says why" said "'fth_test_gen_p3' refused: the transition of 'fth_test_gen_p1' runs"
is "$(noted)" "p3 pre_patch vmlinux;p3 post_unpatch vmlinux;p1 pre_unpatch vmlinux;p1 pre_unpatch $OBJ;" \
	"its callbacks are called in pairs"
ok "nothing is left of it" gone fth_test_gen_p3
is "$(cat $P1/transition)" 1 "the first one's transition still runs"
release_visitors $blocking 0 "they leave"
eventually 20 "it is gone" gone fth_test_gen_p1
ok "its module can be unloaded" rmmod fth_test_gen_p1
is "$(generation $OBJ)" 0 "the function is the original"

# A replacement's nops outlive the module of the patch that they are for.
ok "the patch before comes without a kernel function" \
	insmod $MOD/fth_test_gen_p1.ko functions=none module=$OBJ
eventually 20 "it is in force" has $P1/state soaking
visitors 2 blocked 0 /tmp/blocked
blocking=$background
eventually 20 "two tasks stay inside" has_inside 2
ok "a replacement loads" insmod $MOD/fth_test_gen_p2.ko functions=a replace=1
eventually 20 "it waits for them" holds $PATCHES/fth_test_gen_p2/pending fth_gen
ok "the patch before is reverted beside it" write 'fth_test_gen_p1 immediate' $S/revert
eventually 20 "it is gone" gone fth_test_gen_p1
ok "and its module" rmmod fth_test_gen_p1
ok "an unrelated module loads" insmod $MOD/${OBJ}2.ko
ok "and unloads" rmmod ${OBJ}2
ok "the module that was patched goes" rmmod $OBJ
ok "and comes" insmod $MOD/$OBJ.ko
is "$(generation $OBJ)" 0 "its function is the original"
release_visitors $blocking 0 "they leave"
eventually 20 "the replacement is in force" has $PATCHES/fth_test_gen_p2/state soaking
revert fth_test_gen_p2
ok "the patch before may come again" write fth_test_gen_p1 $S/allow
apply fth_test_gen_p1 callbacks=1 module=$OBJ
noted >/dev/null

# Replace: the new patch's callbacks only.
apply fth_test_gen_p2 callbacks=1 module=$OBJ replace=1
is "$(noted)" "p2 pre_patch vmlinux;p2 pre_patch $OBJ;p2 post_patch vmlinux;p2 post_patch $OBJ;" \
	"a replacement runs its own callbacks only"
eventually 20 "the replaced patch is gone" gone fth_test_gen_p1
ok "its module can be unloaded" rmmod fth_test_gen_p1
is "$(generation $OBJ)" 2 "the function is the replacement's"
revert fth_test_gen_p2
is "$(generation $OBJ)" 0 "the function is the original"
ok "the module can be unloaded" rmmod $OBJ
noted >/dev/null

# Livepatch relocations, also when the module comes a second time.
ok "a patch with relocations is made" \
	/tests/fth_klprela $MOD/fth_test_rela.ko /tmp/fth_test_rela.ko $OBJ fth_obj_secret
ok "it loads before its module" insmod /tmp/fth_test_rela.ko
eventually 20 "it is in force" has $PATCHES/fth_test_rela/state soaking
ok "the module comes" insmod $MOD/$OBJ.ko
is "$(generation $OBJ)" 1000 "the patch reads the module's static variable"
ok "which changes" write 1001 /sys/module/$OBJ/parameters/secret
is "$(generation $OBJ)" 1001 "and the patch sees it"
ok "the module goes" rmmod $OBJ
ok "something else comes" insmod $MOD/${OBJ}2.ko # so that it gets another place
ok "the module comes again" insmod $MOD/$OBJ.ko secret=2000
is "$(generation $OBJ)" 2000 "relocations were done anew"
ok "the module goes" rmmod $OBJ
ok "and comes" insmod $MOD/$OBJ.ko
is "$(generation $OBJ)" 1000 "and done anew again"
revert fth_test_rela
is "$(generation $OBJ)" 0 "the function is the original"
ok "the patch loads with its module there" insmod /tmp/fth_test_rela.ko
eventually 20 "it is in force" has $PATCHES/fth_test_rela/state soaking
is "$(generation $OBJ)" 1000 "relocations were done"
revert fth_test_rela
ok "the module goes" rmmod $OBJ
ok "the other one too" rmmod ${OBJ}2

# ftrace has no memory to take the module's sites out of its filter: they stay until
# it has, but no longer than the module.
unfiltered() { # it has none, or has some again
	write "$1" /sys/module/fth_test_nofilter/parameters/refuse
}
traced() { # the module's function
	grep -q '^fth_obj_value ' "$TRACED"
}
waits_to_go() { # NAME: the module does, until there is memory
	eventually 20 "$1: it waits" has /sys/module/$OBJ/initstate going
	ok "$1: an unrelated module loads" insmod $MOD/${OBJ}2.ko
	ok "$1: and unloads" rmmod ${OBJ}2
	is "$(cat /sys/module/$OBJ/initstate)" going "$1: it still waits"
	ok "$1: there is memory again" unfiltered 0
	wait "$background"
	is $? "$2" "$1: and it goes"
	nok "$1: no site is left" traced
}
ok "the filter can be refused memory" insmod $MOD/fth_test_nofilter.ko
ok "the module loads" insmod $MOD/$OBJ.ko
apply fth_test_gen_p1 module=$OBJ
ok "there is none" unfiltered 1
revert fth_test_gen_p1
is "$(generation $OBJ)" 0 "without it a patch is taken back"
ok "its sites stay traced" traced
ok "the log says so" said "stay traced for now though no patch uses them (-12)"
nok "no patch comes meanwhile" insmod $MOD/fth_test_gen_p1.ko module=$OBJ
ok "the log says why" said "'fth_test_gen_p1' refused: no memory to redirect its functions"
background /tmp/rmmod rmmod $OBJ
waits_to_go "a module whose patch is gone" 0
ok "the module loads" insmod $MOD/$OBJ.ko
apply fth_test_gen_p1 module=$OBJ
is "$(generation $OBJ)" 1 "a patch comes again"
ok "there is no memory" unfiltered 1
background /tmp/rmmod rmmod $OBJ
waits_to_go "a module with its patch" 0
apply fth_test_gen_p2 callbacks=1 module=$OBJ functions=none fail_pre=$OBJ
ok "there is no memory" unfiltered 1
background /tmp/insmod insmod $MOD/$OBJ.ko
eventually 20 "a module that is refused waits too" traced
eventually 20 "after its refusal" said "module '$OBJ' refused"
ok "there is memory again" unfiltered 0
wait "$background"
nok "it is refused" [ $? -eq 0 ]
nok "none of its sites is left" traced
revert fth_test_gen_p2
ok "the module loads" insmod $MOD/$OBJ.ko
is "$(generation $OBJ)" 1 "it is patched again"
revert fth_test_gen_p1
ok "the module can be unloaded" rmmod $OBJ
ok "the filter is left alone" rmmod fth_test_nofilter
noted >/dev/null

# The module comes and goes while transitions run.  Killed it would leave an insmod behind.
comes_and_goes() {
	until [ -e /tmp/race-over ]; do
		insmod $MOD/$OBJ.ko || exit 1
		case $(generation $OBJ) in
		0 | 1) ;;
		*) exit 2 ;;
		esac
		rmmod $OBJ || exit 3
	done
}
comes_and_goes &
racer=$!
visitors 4 mixed 1000 /tmp/visitors
visiting=$background
round=0
bad=0
while [ $round -lt $RACE_ROUNDS ]; do
	round=$((round + 1))
	insmod $MOD/fth_test_gen_p1.ko module=$OBJ callbacks=1 || bad=$((bad + 1))
	settle $P1/state soaking 1500 || bad=$((bad + 1))
	write 0 $P1/enabled || bad=$((bad + 1))
	settle_gone fth_test_gen_p1 1500 || bad=$((bad + 1))
	rmmod fth_test_gen_p1 || bad=$((bad + 1))
done
is $bad 0 "$RACE_ROUNDS transitions while the module came and went"
touch /tmp/race-over
wait $racer
is $? 0 "the module was never refused"
finish $visiting 143 "no visitor's call failed"
# Each pre_patch of the module has its post_unpatch, and each post_patch its pre_unpatch.
noted >/tmp/noted
pairs() { # CALLBACK
	tr ';' '\n' </tmp/noted | grep -c "p1 $1 $OBJ$"
}
is "$(pairs post_unpatch)" "$(pairs pre_patch)" "as many post_unpatch as pre_patch"
is "$(pairs pre_unpatch)" "$(pairs post_patch)" "as many pre_unpatch as post_patch"
ok "there were some" [ "$(pairs pre_patch)" -gt 0 ]

ok "no patch is left" [ -z "$(ls $PATCHES)" ]
witness_out
fother_out
done_testing
