/* SPDX-License-Identifier: GPL-2.0 */
/* What this boot remembers when the module is unloaded and loaded again. */
#ifndef FOTHER_GUEST_LASTING_H
#define FOTHER_GUEST_LASTING_H

#include <linux/atomic.h>
#include <linux/types.h>

#include "blocks.h"

#define FTH_LASTING_VERSION 1u /* changes with struct fth_lasting */

/**
 * struct fth_lasting - zero at first
 * @incidents: numbers given out; a host knows emergencies by (boot id, number)
 * @block_count: of @blocks
 * @blocks: refused until the next boot; under the engine's lock
 */
struct fth_lasting {
	atomic_t incidents;
	u32 block_count;
	struct fth_block blocks[FTH_BLOCKS_MAX];
};

/** fth_lasting_init() - find it, or begin.  Context: sleeps.  Return: 0, -ENOMEM. */
int fth_lasting_init(void);

/** fth_lasting() - after fth_lasting_init(); any context. */
struct fth_lasting *fth_lasting(void);

#endif /* FOTHER_GUEST_LASTING_H */
