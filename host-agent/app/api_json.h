/* SPDX-License-Identifier: GPL-2.0 */
/* Snapshots of guests and rollouts as JSON; the shapes stand in docs/api.md. */
#ifndef FTH_APP_API_JSON_H
#define FTH_APP_API_JSON_H

#include <jansson.h>

#include "app/agent.h"

/* Each returns a new reference, or NULL without memory. */
json_t *fth_api_json_status(const struct fth_agent *agent);
json_t *fth_api_json_guest(const struct fth_guest *guest, bool with_incidents);
json_t *fth_api_json_block(const struct fth_store_block *block);
/* null when the journal can't be read */
json_t *fth_api_json_incidents(const struct fth_agent *agent, const char *vm);
json_t *fth_api_json_model(uint8_t leave, uint8_t switches); /* null for 0 */
json_t *fth_api_json_patches(const struct fth_guest *guest);
json_t *fth_api_json_stragglers(const struct fth_straggler_info *tasks, uint32_t count);
json_t *fth_api_json_transition(const struct fth_guest *guest); /* null for none */
json_t *fth_api_json_hand(const struct fth_store_hand *hand);
json_t *fth_api_json_live(const struct fth_live *live); /* without its VMs */
json_t *fth_api_json_live_vm(const struct fth_live *live, uint32_t vm_index);

#endif /* FTH_APP_API_JSON_H */
