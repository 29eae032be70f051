/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Certificates of the guest's owner, given at build (make guest-kmod FOTHER_KEY=…).
 * tools/kmod puts trust_key.der beside this file; it is empty where none is given.
 */
	.section .rodata, "a"
	.globl fth_trust_built_in, fth_trust_built_in_end
fth_trust_built_in:
	.incbin "trust_key.der"
fth_trust_built_in_end:
	.section .note.GNU-stack, "", @progbits
