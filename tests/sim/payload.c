// SPDX-License-Identifier: GPL-2.0
/* The modules that rollouts bring, and the agent's cache of them. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "app/agent.h"
#include "sim.h"

#define RELEASE "6.1.0-sim"

static const uint8_t hashes[SIM_PAYLOADS][FTH_SHA256_SIZE] = {
	"the simulator's only payload ...",
	"and another module of its name .",
};
static bool cached[SIM_PAYLOADS + 1]; /* the agent's cache has it; the last is nobody's */

const uint8_t *sim_payload_sha256(uint32_t number)
{
	return hashes[number];
}

uint8_t sim_payload_number(const uint8_t *sha256)
{
	uint8_t number = 0;

	while (number < SIM_PAYLOADS && memcmp(hashes[number], sha256, FTH_SHA256_SIZE) != 0)
		number++;
	return number;
}

void sim_payload_init(void)
{
	memset(cached, 0, sizeof(cached));
}

static int make_payload(uint32_t number, struct fth_payload *ret_payload)
{
	struct fth_payload payload = { .size = sim_policy_payload_size() };

	payload.bytes = malloc(payload.size);
	if (!payload.bytes)
		return -ENOMEM;
	memset(payload.bytes, 'p' + (int)number, payload.size);
	memcpy(payload.sha256, hashes[number], FTH_SHA256_SIZE);
	snprintf(payload.name, sizeof(payload.name), "%s", SIM_PATCH);
	snprintf(payload.release, sizeof(payload.release), "%s", RELEASE);
	*ret_payload = payload;
	return 0;
}

int fth_payload_load(const char *path, const struct fth_rights *rights,
		     struct fth_payload *ret_payload, char *ret_error, size_t error_size)
{
	(void)rights;
	(void)ret_error;
	(void)error_size;
	return make_payload(strstr(path, "-2.ko") ? 1 : 0, ret_payload);
}

int fth_payload_load_signature(struct fth_payload *payload, const char *path,
			       const struct fth_rights *rights, char *ret_error, size_t error_size)
{
	(void)rights;
	(void)payload;
	(void)path;
	(void)ret_error;
	(void)error_size;
	return -ENOENT;
}

void fth_payload_free(struct fth_payload *payload)
{
	free(payload->bytes);
	free(payload->signature);
	payload->bytes = NULL;
	payload->signature = NULL;
}

int fth_payload_matches(const struct fth_payload *payload, const struct fth_policy *policy,
			char *ret_error, size_t error_size)
{
	(void)payload;
	(void)policy;
	(void)ret_error;
	(void)error_size;
	return 0;
}

int fth_payload_settle_model(const struct fth_payload *payload, struct fth_policy *policy,
			     char *ret_error, size_t error_size)
{
	(void)payload;
	(void)policy;
	(void)ret_error;
	(void)error_size;
	return 0;
}

int fth_cache_put(const char *state, const struct fth_payload *payload, uint64_t rollout)
{
	(void)state;
	(void)rollout;
	if (!sim_agent_call())
		return -EIO;
	if (sim.now_us < sim.disk_full_until_us)
		return -ENOSPC;
	cached[sim_payload_number(payload->sha256)] = true;
	return 0;
}

void fth_cache_drop(const char *state, const uint8_t *sha256, uint64_t rollout, bool is_last)
{
	(void)state;
	(void)rollout;
	if (is_last)
		cached[sim_payload_number(sha256)] = false;
}

bool fth_cache_without_journal(const char *state)
{
	(void)state;
	return false; /* what of the disk is lost, disk.c knows */
}

int fth_cache_probe(const char *state)
{
	(void)state;
	if (!sim_agent_call())
		return -EIO;
	return sim.now_us < sim.disk_full_until_us ? -ENOSPC : 0;
}

int fth_cache_load(const char *state, const uint8_t *sha256, uint64_t rollout,
		   struct fth_payload *ret_payload, char *ret_error, size_t error_size)
{
	(void)rollout;
	(void)state;
	if (cached[sim_payload_number(sha256)])
		return make_payload(sim_payload_number(sha256), ret_payload);
	snprintf(ret_error, error_size, "not in the cache");
	return -ENOENT;
}
