/* SPDX-License-Identifier: GPL-2.0 */
/* The module's parameters and its one root structure. */
#ifndef FOTHER_GUEST_MAIN_H
#define FOTHER_GUEST_MAIN_H

#include "channel.h"
#include "dispatch.h"
#include "hostinfo.h"
#include "link.h"
#include "note.h"
#include "relay.h"
#include "rescue.h"
#include "robust.h"
#include "stage.h"
#include "teller.h"
#include "trust.h"

/**
 * struct fth_params - module parameters, constant after load
 * @port_name: virtio-serial port that carries the frames
 * @insmod_path: program that loads a staged module
 * @rmmod_path: program that unloads it
 * @key_file: certificates of keys that sign payloads; NULL = none
 * @require_signature: payloads of the host that are not signed are refused
 * @min_epoch: oldest epoch of a signature
 * @block: patches that are refused, by name; "all"
 * @sysrq_key: a letter; "0" = none
 * @selftest: run the golden vectors at load
 */
struct fth_params {
	char *port_name;
	char *insmod_path;
	char *rmmod_path;
	char *key_file;
	bool require_signature;
	unsigned long long min_epoch;
	char *block;
	char *sysrq_key;
	bool selftest;
};

/**
 * struct fth_guest - everything between the wire and the engine
 *
 * Order of locks, outermost first: link.receive_lock, the engine's (never held
 * when it calls us), dispatch.reply_lock, ops.lock, stage.lock, link.lock,
 * channel.tx_lock, relay.lock or teller.lock.  What a dead task held of the first
 * and of dispatch's and link's is given back (rescue.c).
 */
struct fth_guest {
	struct fth_params params;
	struct fth_robust robust;
	struct fth_rescue rescue;
	struct fth_hostinfo hostinfo;
	struct fth_channel channel;
	struct fth_link link;
	struct fth_note note;
	struct fth_relay relay;
	struct fth_dispatch dispatch;
	struct fth_teller teller;
	struct fth_stage stage;
	struct fth_trust trust;
};

extern struct fth_guest fth_guest;

#endif /* FOTHER_GUEST_MAIN_H */
