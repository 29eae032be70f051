// SPDX-License-Identifier: GPL-2.0
/* What a guest says of itself: taken over, and turned into rollouts' events. */
#include <stdlib.h>

#include "app/agent.h"

/* A guest's text is shown to people: only printable ASCII of it. */
void fth_guest_span_text(char *text, size_t size, struct fth_span span)
{
	size_t i, length = span.length < size ? span.length : size - 1;

	for (i = 0; i < length; i++)
		text[i] = span.data[i] < ' ' || span.data[i] > '~' ? '?' : (char)span.data[i];
	text[length] = '\0';
}

static void take_patch(struct fth_guest_patch *patch, const struct fth_patch_info *info)
{
	memset(patch, 0, sizeof(*patch));
	fth_guest_span_text(patch->name, sizeof(patch->name), info->name);
	patch->has_sha256 = info->sha256.length == FTH_SHA256_SIZE;
	if (patch->has_sha256)
		memcpy(patch->sha256, info->sha256.data, FTH_SHA256_SIZE);
	patch->state = info->state;
	patch->flags = info->flags;
	patch->functions = info->functions;
	patch->hits = info->hits;
	patch->pending = info->pending;
	patch->confirm_left_ms = info->confirm_left_ms;
	if (strcmp(fth_model_name(info->leave, info->switches), "?") != 0) {
		patch->leave = info->leave;
		patch->switches = info->switches;
	}
}

int fth_guest_take_patches(struct fth_guest *guest, const struct fth_patch_info *patches,
			   uint32_t count)
{
	struct fth_guest_patch *room = NULL;
	uint32_t i;

	if (count) {
		room = malloc(sizeof(*room) * count);
		if (!room)
			return -ENOMEM;
	}
	for (i = 0; i < count; i++)
		take_patch(&room[i], &patches[i]);
	free(guest->patches);
	guest->patches = room;
	guest->patch_count = count;
	guest->patches_ms = guest->agent->now_ms;
	return 0;
}

int fth_guest_take_ack(struct fth_guest *guest, const struct fth_msg_hello_ack *ack)
{
	int error = fth_guest_take_patches(guest, ack->patches, ack->patch_count);

	if (error)
		return error;
	guest->has_uuid = ack->vm_uuid.length == FTH_UUID_SIZE;
	if (guest->has_uuid)
		memcpy(guest->uuid, ack->vm_uuid.data, FTH_UUID_SIZE);
	memset(guest->boot_id, 0, FTH_UUID_SIZE);
	if (ack->boot_id.length == FTH_UUID_SIZE)
		memcpy(guest->boot_id, ack->boot_id.data, FTH_UUID_SIZE);
	guest->build_id_size = ack->build_id.length < FTH_BUILD_ID_MAX ? ack->build_id.length
								       : FTH_BUILD_ID_MAX;
	if (guest->build_id_size)
		memcpy(guest->build_id, ack->build_id.data, guest->build_id_size);
	fth_guest_span_text(guest->release, sizeof(guest->release), ack->release);
	fth_guest_span_text(guest->engine, sizeof(guest->engine), ack->engine);
	guest->capabilities = ack->capabilities;
	guest->uptime_ms = ack->uptime_ms;
	guest->taint = ack->taint;
	guest->vcpus = ack->vcpus;
	guest->known = true;
	guest->remembered = true;
	return 0;
}

const struct fth_guest_patch *fth_guest_patch(const struct fth_guest *guest, const char *name)
{
	uint32_t i;

	for (i = 0; i < guest->patch_count; i++)
		if (!strcmp(guest->patches[i].name, name))
			return &guest->patches[i];
	return NULL;
}

static void fill_state(const struct fth_guest *guest, const struct fth_live *live,
		       struct fth_rollout_event *event)
{
	const struct fth_guest_patch *patch = fth_guest_patch(guest, live->rollout->policy.name);

	strcpy(event->vm, guest->name);
	event->taint = guest->taint;
	event->guest_state = patch ? patch->state : FTH_LC_ABSENT;
	event->sha256_matches =
		patch && patch->has_sha256 &&
		!memcmp(patch->sha256, live->rollout->policy.sha256, FTH_SHA256_SIZE);
	event->effect = event->sha256_matches && patch->hits;
}

void fth_guest_fill_seen(struct fth_guest *guest, const struct fth_live *live,
			 struct fth_rollout_event *event)
{
	const struct fth_live *in_way = fth_live_in_way(live, guest);

	memset(event, 0, sizeof(*event));
	event->kind = FTH_RE_SEEN;
	fill_state(guest, live, event);
	event->op_id = in_way ? in_way->rollout->id : 0;
	event->capabilities = guest->capabilities;
	memcpy(event->boot_id, guest->boot_id, FTH_UUID_SIZE);
	strcpy(event->release, guest->release);
	fth_incident_fill(guest->agent, guest->name, live, event);
}

void fth_guest_fill_result(const struct fth_guest *guest, const struct fth_live *live,
			   const struct fth_msg_result *result, struct fth_rollout_event *event)
{
	memset(event, 0, sizeof(*event));
	event->kind = FTH_RE_RESULT;
	fill_state(guest, live, event);
	event->code = result->code;
	fth_guest_span_text(event->why, sizeof(event->why), result->detail);
}
