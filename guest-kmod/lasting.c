// SPDX-License-Identifier: GPL-2.0
/*
 * What this boot remembers when the module is unloaded and loaded again.
 *
 * DESIGN
 * A patch that was taken back in emergency is refused until the next boot, not
 * until somebody updates this module, and a number that was used for one
 * emergency must not name another.  The kernel's shadow variables outlive
 * modules: one is attached to the first task, under a number of ours that
 * changes with the structure.
 */
#include "lasting.h"

#include <linux/livepatch.h>
#include <linux/sched/task.h>

#define LASTING_ID (0x66746800ul | FTH_LASTING_VERSION) /* "fth" */

static struct fth_lasting *lasting;

int fth_lasting_init(void)
{
	lasting = klp_shadow_get_or_alloc(&init_task, LASTING_ID, sizeof(*lasting), GFP_KERNEL,
					  NULL, NULL);
	return lasting ? 0 : -ENOMEM;
}

struct fth_lasting *fth_lasting(void)
{
	return lasting;
}
