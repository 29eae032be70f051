/* SPDX-License-Identifier: GPL-2.0 */
/* What the API's files share; nobody else includes this. */
#ifndef FTH_APP_API_INTERNAL_H
#define FTH_APP_API_INTERNAL_H

#include "app/agent.h"

/** fth_api_refuse_writes() - answered with an error when the journal can't be written. */
bool fth_api_refuse_writes(struct fth_agent *agent, struct fth_http_request *request);

/** fth_api_fill_asker() - who asks, and @why as the request says. */
void fth_api_fill_asker(const struct fth_http_request *request, const char *why,
			struct fth_asker *ret_asker);

/** fth_api_take_asker() - the same of a body {} or {"why": ".."}; else answered, -EINVAL. */
int fth_api_take_asker(struct fth_http_request *request, struct fth_asker *ret_asker);

/* api_hand.c: what a person does to one VM, and what became of it */
void fth_api_post_vm(struct fth_agent *agent, struct fth_http_request *request, const char *rest);
void fth_api_post_allow(struct fth_agent *agent, struct fth_http_request *request);
void fth_api_get_blocks(struct fth_agent *agent, struct fth_http_request *request);
void fth_api_get_audit(struct fth_agent *agent, struct fth_http_request *request);

/* api_rollout.c */
void fth_api_post_rollouts(struct fth_agent *agent, struct fth_http_request *request);
void fth_api_get_rollouts(struct fth_agent *agent, struct fth_http_request *request);
void fth_api_rollout(struct fth_agent *agent, struct fth_http_request *request, const char *rest);
void fth_api_get_history(struct fth_agent *agent, struct fth_http_request *request,
			 const char *rest);

#endif /* FTH_APP_API_INTERNAL_H */
