/* SPDX-License-Identifier: GPL-2.0 */
/* Requests to the API of the agent in this process. */
#ifndef FTH_TEST_AGENT_API_H
#define FTH_TEST_AGENT_API_H

#include <jansson.h>

/** af_ask() - one request while the loop turns; the answer's body, to be decref'd. */
json_t *af_ask(const char *method, const char *path, const char *body, int *ret_status);

/** af_get() - one GET that must succeed; to be decref'd. */
json_t *af_get(const char *path);

/** af_status_of() - the same, for its status alone. */
int af_status_of(const char *method, const char *path, const char *body);

/** af_verb() - the status of a POST to a rollout: "pause", "undo" ... */
int af_verb(int id, const char *word);

/** af_expect_text() - at "member.0.member" stands @text. */
void af_expect_text(const json_t *json, const char *path_to, const char *text);

#endif /* FTH_TEST_AGENT_API_H */
