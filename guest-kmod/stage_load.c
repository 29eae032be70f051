// SPDX-License-Identifier: GPL-2.0
/*
 * Staged payloads go into the kernel, and out of it.
 *
 * DESIGN
 * Input: APPLY from dispatch, and "the patch is gone" from the engine.  Output:
 * fth_teller_load_failed().  Loading runs on an ordered queue of its own, since
 * the guest's insmod may take as long as it likes.  What a patch does once it is
 * loaded is the engine's.
 */

#include <linux/delay.h>
#include <linux/module.h>

#include "compat/module.h"
#include "engine.h"
#include "main.h"
#include "stage.h"

#define LOADER_FILE "/proc/self/fd/0"

static void set_loaded(struct fth_payload *payload, bool loaded)
{
	mutex_lock(&fth_guest.stage.lock);
	payload->loaded = loaded;
	mutex_unlock(&fth_guest.stage.lock);
}

bool fth_stage_in_kernel(struct fth_payload *payload)
{
	if (payload->loaded && !fth_module_find(payload->name))
		payload->loaded = false;
	return payload->loaded;
}

static bool is_in_kernel(struct fth_payload *payload)
{
	bool is;

	mutex_lock(&fth_guest.stage.lock);
	is = fth_stage_in_kernel(payload);
	mutex_unlock(&fth_guest.stage.lock);
	return is;
}

/* A module may be referenced for a moment by somebody who looks at it. */
static int unload(struct fth_payload *payload)
{
	int status = 0, tries;

	for (tries = 0; tries < FTH_STAGE_UNLOAD_TRIES; tries++) {
		if (!is_in_kernel(payload))
			return 0;
		if (tries)
			msleep(FTH_STAGE_UNLOAD_WAIT_MS);
		status = fth_stage_helper_run(fth_guest.params.rmmod_path, payload->name, NULL);
	}
	if (!is_in_kernel(payload))
		return 0;
	/* An empty path succeeds, and runs nothing. */
	return status ?: -EIO;
}

static void explain_helper(const char *name, int status, struct fth_report *report)
{
	const char *path = fth_guest.params.insmod_path;

	if (status < 0)
		fth_report_set(report, status == -EBUSY ? FTH_E_BUSY : FTH_E_LOAD_FAILED, status,
			       "apply '%s' failed: '%s' can't be started (%d)", name, path, status);
	else if (status)
		fth_report_set(
			report, FTH_E_LOAD_FAILED, -EIO,
			"apply '%s' failed: '%s' ended with %s %d; see the guest's kernel log",
			name, path, status & 0x7f ? "signal" : "status",
			status & 0x7f ?: status >> 8);
	else
		fth_report_set(report, FTH_E_LOAD_FAILED, -EIO,
			       "apply '%s' failed: the module was loaded but enabled no patch",
			       name);
}

static int load(struct fth_payload *payload, struct fth_report *report)
{
	int status = unload(payload), err;

	if (status) {
		fth_engine_expect_end(report);
		/* No program can be started just now: in a suspend, say. */
		return fth_report_set(
			report, status == -EBUSY ? FTH_E_BUSY : FTH_E_LOAD_FAILED, -EBUSY,
			"apply '%s' failed: its module is still loaded and '%s' failed (%d)",
			payload->name, fth_guest.params.rmmod_path, status);
	}
	status = fth_stage_helper_run(fth_guest.params.insmod_path, LOADER_FILE, payload->file);
	err = fth_engine_expect_end(report);
	if (!status || !err)
		set_loaded(payload, true);
	if (err == -ENOENT)
		explain_helper(payload->name, status, report);
	if (err)
		unload(payload);
	return err;
}

static void run_load(struct work_struct *work)
{
	struct fth_payload *payload = container_of(work, struct fth_payload, load_work);
	struct fth_report report = {};
	int err = load(payload, &report);
	char name[FTH_NAME_MAX + 1];

	strscpy(name, payload->name, sizeof(name));
	/* From here on the payload may be dropped. */
	mutex_lock(&fth_guest.stage.lock);
	payload->loading = false;
	mutex_unlock(&fth_guest.stage.lock);
	if (err)
		fth_teller_load_failed(name, &report);
	/* Not the last instruction here, but fth_stage_stop() waits for it. */
	module_put(THIS_MODULE);
}

static void run_unload(struct work_struct *work)
{
	struct fth_payload *payload = container_of(work, struct fth_payload, unload_work);
	/* What was replaced says farewell late: it may have been applied anew. */
	bool anew = fth_engine_state(payload->name) != FTH_LC_ABSENT;
	int status = anew ? 0 : unload(payload);

	if (status)
		pr_warn("patch '%s': reverted, but its module stays loaded: '%s' failed (%d)\n",
			payload->name, fth_guest.params.rmmod_path, status);
	/* From here on the payload may be dropped. */
	mutex_lock(&fth_guest.stage.lock);
	payload->unloading = work_pending(work);
	mutex_unlock(&fth_guest.stage.lock);
}

/* Pin the payload for a load; with stage.lock only inside. */
static int pin(struct fth_stage *stage, const char *name, const u8 *sha256,
	       struct fth_payload **ret_payload, struct fth_report *report)
{
	struct fth_payload *payload;
	int err = 0;

	mutex_lock(&stage->lock);
	payload = fth_stage_find(stage, name);
	if (!payload || memcmp(payload->sha256, sha256, FTH_SHA256_SIZE))
		err = fth_report_set(
			report, FTH_E_NO_PATCH, -ENOENT,
			"apply '%s' refused: no payload with SHA-256 '%*phN' is staged", name,
			FTH_SHA256_SIZE, sha256);
	/* A fother on its way out must not leave the module to the in-tree core. */
	else if (payload->loading || !try_module_get(THIS_MODULE))
		err = fth_report_set(report, FTH_E_BUSY, -EBUSY,
				     "apply '%s' refused: it is being loaded, or fother unloaded",
				     name);
	else
		payload->loading = true;
	mutex_unlock(&stage->lock);
	if (!err)
		*ret_payload = payload;
	return err;
}

int fth_stage_load(const char *name, const u8 *sha256, const struct fth_guest_policy *policy,
		   struct fth_report *ret_report)
{
	struct fth_stage *stage = &fth_guest.stage;
	struct fth_payload *payload;
	int err = pin(stage, name, sha256, &payload, ret_report);

	if (err)
		return err;
	err = fth_engine_expect(name, policy, sha256, ret_report);
	if (!err) {
		queue_work(stage->wq, &payload->load_work);
		return 0;
	}
	mutex_lock(&stage->lock);
	payload->loading = false;
	mutex_unlock(&stage->lock);
	module_put(THIS_MODULE);
	return err;
}

static void queue_unload(struct fth_stage *stage, struct fth_payload *payload)
{
	if (stage->stopped)
		return;
	payload->unloading = true;
	queue_work(stage->wq, &payload->unload_work);
}

void fth_stage_unload(const char *name)
{
	struct fth_stage *stage = &fth_guest.stage;
	struct fth_payload *payload;

	mutex_lock(&stage->lock);
	payload = fth_stage_find(stage, name);
	if (payload && (payload->loading || payload->loaded))
		queue_unload(stage, payload);
	mutex_unlock(&stage->lock);
}

void fth_stage_unload_again(struct fth_stage *stage, struct fth_payload *payload)
{
	lockdep_assert_held(&stage->lock);
	if (!payload->loading && !payload->unloading)
		queue_unload(stage, payload);
}

void fth_stage_load_init(struct fth_payload *payload)
{
	INIT_WORK(&payload->load_work, run_load);
	INIT_WORK(&payload->unload_work, run_unload);
}
