// SPDX-License-Identifier: GPL-2.0
/*
 * Payloads from the first chunk to UNSTAGE.
 *
 * DESIGN
 * Input: STAGE and UNSTAGE from dispatch.  Chunks come in order; a chunk out of
 * order costs its payload, and the host begins again.  Loading what is staged is
 * stage_load.c's.
 */
#include "stage.h"

#include <linux/err.h>
#include <linux/file.h>
#include <linux/fs.h>
#include <linux/slab.h>

#include "engine.h"
#include "main.h"
#include "trust.h"

struct fth_payload *fth_stage_find(struct fth_stage *stage, const char *name)
{
	struct fth_payload *payload;

	lockdep_assert_held(&stage->lock);
	list_for_each_entry(payload, &stage->payloads, link)
		if (!strcmp(payload->name, name))
			return payload;
	return NULL;
}

/*
 * A payload whose module may be in the kernel stays.  Where it could not be unloaded when its
 * patch went that is tried again, so that who is refused for it may succeed later.
 */
static bool is_busy(struct fth_stage *stage, struct fth_payload *payload)
{
	if (payload->loading || payload->unloading)
		return true;
	if (!fth_stage_in_kernel(payload))
		return false;
	fth_stage_unload_again(stage, payload);
	return true;
}

/* With stage.lock. */
static void drop(struct fth_stage *stage, struct fth_payload *payload)
{
	list_del(&payload->link);
	stage->count--;
	stage->bytes -= payload->size;
	fput(payload->file);
	kfree(payload);
}

u64 fth_stage_abandon(void)
{
	struct fth_partial *partial = &fth_guest.stage.partial;
	u64 op_id = partial->op_id;

	if (partial->file)
		fput(partial->file);
	memset(partial, 0, sizeof(*partial));
	return op_id;
}

/* Is a payload of @size welcome?  An older one of that name makes room. */
static int check_room(struct fth_stage *stage, const char *name, u32 size,
		      struct fth_report *report)
{
	struct fth_payload *older;
	u32 count, bytes;
	bool busy;

	mutex_lock(&stage->lock);
	older = fth_stage_find(stage, name);
	busy = older && is_busy(stage, older);
	count = stage->count - (older ? 1 : 0);
	bytes = stage->bytes - (older ? older->size : 0);
	mutex_unlock(&stage->lock);
	if (busy)
		return fth_report_set(report, FTH_E_BUSY, -EBUSY,
				      "stage '%s' refused: its module is being loaded or unloaded",
				      name);
	if (count == FTH_STAGE_PAYLOADS_MAX || size > FTH_STAGE_TOTAL_MAX - bytes)
		return fth_report_set(
			report, FTH_E_TOO_LARGE, -ENOSPC,
			"stage '%s' refused: %u payloads of %u bytes are staged, limits are %u and %u; unstage one",
			name, count, bytes, FTH_STAGE_PAYLOADS_MAX, FTH_STAGE_TOTAL_MAX);
	return 0;
}

static int begin(struct fth_stage *stage, u64 op_id, const char *name,
		 const struct fth_msg_stage *message, bool adopted, struct fth_report *report)
{
	struct fth_partial *partial = &stage->partial;
	struct file *file;
	int err;

	if (!message->size || message->size > FTH_MODULE_SIZE_MAX)
		return fth_report_set(report, FTH_E_TOO_LARGE, -EFBIG,
				      "stage '%s' refused: %u bytes, expected 1 to %u", name,
				      message->size, FTH_MODULE_SIZE_MAX);
	if (adopted)
		return fth_report_set(
			report, FTH_E_WRONG_STATE, -EEXIST,
			"stage '%s' refused: a patch of that name is in force; reverse it first",
			name);
	err = check_room(stage, name, message->size, report);
	if (err)
		return err;
	file = fth_stage_file_create(message->size);
	if (IS_ERR(file))
		return fth_report_set(report, FTH_E_NO_MEMORY, PTR_ERR(file),
				      "stage '%s' failed: no file for %u bytes (%ld)", name,
				      message->size, PTR_ERR(file));
	partial->file = file;
	partial->op_id = op_id;
	partial->size = message->size;
	strscpy(partial->name, name, sizeof(partial->name));
	memcpy(partial->sha256, message->sha256.data, FTH_SHA256_SIZE);
	return 0;
}

static struct fth_payload *payload_of(const struct fth_partial *partial, struct file *file)
{
	struct fth_payload *payload = kzalloc(sizeof(*payload), GFP_KERNEL);

	if (!payload)
		return NULL;
	fth_stage_load_init(payload);
	payload->file = file;
	payload->size = partial->size;
	strscpy(payload->name, partial->name, sizeof(payload->name));
	memcpy(payload->sha256, partial->sha256, sizeof(payload->sha256));
	return payload;
}

/* In the place of an older payload of that name.  Takes @file on 0 only. */
static int list_payload(struct fth_stage *stage, struct file *file, struct fth_report *report)
{
	struct fth_partial *partial = &stage->partial;
	struct fth_payload *older, *payload = payload_of(partial, file);
	bool busy;

	if (!payload)
		return fth_report_set(report, FTH_E_NO_MEMORY, -ENOMEM,
				      "stage '%s' failed: out of memory", partial->name);
	mutex_lock(&stage->lock);
	older = fth_stage_find(stage, payload->name);
	busy = older && is_busy(stage, older);
	if (!busy) {
		if (older)
			drop(stage, older);
		list_add_tail(&payload->link, &stage->payloads);
		stage->count++;
		stage->bytes += payload->size;
	}
	mutex_unlock(&stage->lock);
	if (!busy)
		return 0;
	kfree(payload);
	return fth_report_set(report, FTH_E_BUSY, -EBUSY,
			      "stage '%s' refused: its older module was loaded meanwhile",
			      partial->name);
}

/* The file is complete: seal, verify, list. */
static int finish(struct fth_stage *stage, struct fth_report *report)
{
	struct fth_partial *partial = &stage->partial;
	struct file *file = fth_stage_file_seal(partial->file);
	u8 sha256[FTH_SHA256_SIZE] = {};
	int err;

	partial->file = NULL;
	if (IS_ERR(file))
		return fth_report_set(report, FTH_E_INTERNAL, PTR_ERR(file),
				      "stage '%s' failed: its file can't be opened (%ld)",
				      partial->name, PTR_ERR(file));
	err = fth_stage_file_hash(file, partial->size, sha256);
	if (err)
		err = fth_report_set(report, FTH_E_INTERNAL, err,
				     "stage '%s' failed: its file can't be read (%d)",
				     partial->name, err);
	else if (memcmp(sha256, partial->sha256, sizeof(sha256)))
		err = fth_report_set(
			report, FTH_E_BAD_HASH, -EBADMSG,
			"stage '%s' refused: SHA-256 is '%*phN', expected '%*phN'; payload dropped",
			partial->name, FTH_SHA256_SIZE, sha256, FTH_SHA256_SIZE, partial->sha256);
	if (!err)
		err = fth_stage_file_check(file, partial->name, report);
	if (!err)
		err = list_payload(stage, file, report);
	if (!err)
		fth_trust_accept(partial->name, partial->trust_epoch);
	else
		fput(file);
	return err;
}

static bool is_staged(struct fth_stage *stage, const char *name, const u8 *sha256)
{
	struct fth_payload *payload;
	bool same;

	mutex_lock(&stage->lock);
	payload = fth_stage_find(stage, name);
	same = payload && !memcmp(payload->sha256, sha256, FTH_SHA256_SIZE);
	mutex_unlock(&stage->lock);
	return same;
}

static bool is_next(const struct fth_partial *partial, u64 op_id, const char *name,
		    const struct fth_msg_stage *message)
{
	return partial->file && partial->op_id == op_id && partial->done == message->offset &&
	       partial->size == message->size && !strcmp(partial->name, name) &&
	       !memcmp(partial->sha256, message->sha256.data, FTH_SHA256_SIZE);
}

static int append(struct fth_stage *stage, const struct fth_msg_stage *message,
		  struct fth_report *report)
{
	struct fth_partial *partial = &stage->partial;
	loff_t position = partial->done;
	ssize_t written;

	if (message->data.length > partial->size - partial->done)
		return fth_report_set(
			report, FTH_E_MALFORMED, -EFBIG,
			"stage '%s' refused: a chunk of %u bytes at %u leaves the payload of %u",
			partial->name, message->data.length, partial->done, partial->size);
	written = kernel_write(partial->file, message->data.data, message->data.length, &position);
	if (written != message->data.length)
		return fth_report_set(report, FTH_E_NO_MEMORY, -ENOMEM,
				      "stage '%s' failed: %u bytes could not be kept (%zd)",
				      partial->name, message->data.length, written);
	partial->done += written;
	return partial->done < partial->size ? -EINPROGRESS : finish(stage, report);
}

int fth_stage_chunk(u64 op_id, const char *name, const struct fth_msg_stage *message, bool adopted,
		    u32 *ret_done, struct fth_report *ret_report)
{
	struct fth_stage *stage = &fth_guest.stage;
	struct fth_partial *partial = &stage->partial;
	u64 trust_epoch = 0;
	int err = 0;

	if (!message->offset) {
		/* Even for one that is staged: a newer epoch may be accepted with it. */
		fth_stage_abandon();
		err = fth_trust_check(name, message->sha256.data, message->signature, &trust_epoch,
				      ret_report);
		if (!err && is_staged(stage, name, message->sha256.data)) {
			fth_trust_accept(name, trust_epoch);
			return fth_report_set(ret_report, FTH_E_OK, 0,
					      "payload was staged already");
		}
		if (!err)
			err = begin(stage, op_id, name, message, adopted, ret_report);
		partial->trust_epoch = trust_epoch;
	} else if (!is_next(partial, op_id, name, message)) {
		err = fth_report_set(ret_report, FTH_E_BAD_OFFSET, -ESTALE,
				     "stage '%s': chunk at %u, expected %u; begin again at 0", name,
				     message->offset, partial->op_id == op_id ? partial->done : 0);
		if (partial->op_id != op_id)
			return err;
	}
	if (!err)
		err = append(stage, message, ret_report);
	*ret_done = partial->done;
	if (err == -EINPROGRESS)
		return err;
	fth_stage_abandon();
	return err ?: fth_report_set(ret_report, FTH_E_OK, 0, "payload staged");
}

int fth_stage_drop(const char *name, struct fth_report *ret_report)
{
	struct fth_stage *stage = &fth_guest.stage;
	struct fth_payload *payload;
	int err = 0;

	mutex_lock(&stage->lock);
	payload = fth_stage_find(stage, name);
	if (!payload)
		err = fth_report_set(ret_report, FTH_E_NO_PATCH, -ENOENT,
				     "unstage '%s' refused: no such payload", name);
	else if (is_busy(stage, payload))
		err = fth_report_set(ret_report, FTH_E_BUSY, -EBUSY,
				     "unstage '%s' refused: its module is still in the kernel",
				     name);
	else
		drop(stage, payload);
	mutex_unlock(&stage->lock);
	return err;
}

bool fth_stage_holds(const char *name, bool *ret_loading)
{
	struct fth_stage *stage = &fth_guest.stage;
	struct fth_payload *payload;

	mutex_lock(&stage->lock);
	payload = fth_stage_find(stage, name);
	*ret_loading = payload && payload->loading;
	mutex_unlock(&stage->lock);
	return payload;
}

bool fth_stage_has_other(const char *name, const u8 *sha256)
{
	struct fth_stage *stage = &fth_guest.stage;
	struct fth_payload *payload;
	bool other;

	mutex_lock(&stage->lock);
	payload = fth_stage_find(stage, name);
	other = payload && memcmp(payload->sha256, sha256, FTH_SHA256_SIZE);
	mutex_unlock(&stage->lock);
	return other;
}

u32 fth_stage_list(struct fth_stage_entry *entries, u32 max)
{
	struct fth_stage *stage = &fth_guest.stage;
	struct fth_payload *payload;
	u32 count = 0;

	mutex_lock(&stage->lock);
	list_for_each_entry(payload, &stage->payloads, link) {
		if (count == max)
			break;
		strscpy(entries[count].name, payload->name, sizeof(entries[count].name));
		memcpy(entries[count++].sha256, payload->sha256, FTH_SHA256_SIZE);
	}
	mutex_unlock(&stage->lock);
	return count;
}

int fth_stage_init(void)
{
	struct fth_stage *stage = &fth_guest.stage;

	mutex_init(&stage->lock);
	INIT_LIST_HEAD(&stage->payloads);
	fth_stage_helper_init();
	stage->wq = alloc_ordered_workqueue("fother-loader", 0);
	return stage->wq ? 0 : -ENOMEM;
}

void fth_stage_stop(void)
{
	struct fth_stage *stage = &fth_guest.stage;

	mutex_lock(&stage->lock);
	stage->stopped = true;
	mutex_unlock(&stage->lock);
	destroy_workqueue(stage->wq);
	fth_stage_helper_exit();
}

void fth_stage_exit(void)
{
	struct fth_stage *stage = &fth_guest.stage;
	struct fth_payload *payload, *next;

	fth_stage_abandon();
	mutex_lock(&stage->lock);
	list_for_each_entry_safe(payload, next, &stage->payloads, link)
		drop(stage, payload);
	mutex_unlock(&stage->lock);
}
