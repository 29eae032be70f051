// SPDX-License-Identifier: GPL-2.0
/* A new rollout: policy and module are checked, kept, and journalled as one. */
#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "app/agent.h"
#include "io/log.h"
#include "io/loop.h"
#include "io/policy_yaml.h"
#include "io/rights.h"
#include "io/signature.h"

#define ROSTER_SPARE 64u /* VMs that may join, beside as many again */

/* What is collected on the way; freed as a whole unless it is taken. */
struct draft {
	struct fth_agent *agent;
	const char *path;
	const struct fth_asker *asker;
	char *text;
	size_t text_size;
	struct fth_policy *policy;
	struct fth_payload payload;
	uint32_t selected;
	uint32_t other_kernel;
	uint32_t blocked;
	const struct fth_guest *other_guest;
	const struct fth_live *in_way;
	const struct fth_guest *in_way_guest;
	struct fth_create_error *error;
};

static void drop_draft(struct draft *draft)
{
	free(draft->text);
	free(draft->policy);
	fth_payload_free(&draft->payload);
}

__attribute__((format(printf, 4, 5))) static int refuse(struct draft *draft, int status,
							const char *code, const char *format, ...)
{
	va_list args;

	draft->error->status = status;
	draft->error->code = code;
	va_start(args, format);
	vsnprintf(draft->error->message, sizeof(draft->error->message), format, args);
	va_end(args);
	return -EINVAL;
}

/* @error of what opened a file: it is the policy's fault but where the agent has no such rights. */
static int refuse_file(struct draft *draft, int error, const char *why)
{
	bool is_ours = error == -EPERM;

	return refuse(draft, is_ours ? 500 : 400, is_ours ? "internal" : "policy", "%s", why);
}

static int read_policy(struct draft *draft)
{
	char why[FTH_RIGHTS_WHY_MAX], message[sizeof(draft->error->message)];
	struct stat info;
	ssize_t length;
	int fd;

	draft->text = malloc(FTH_POLICY_FILE_MAX + 1);
	draft->policy = malloc(sizeof(*draft->policy));
	if (!draft->text || !draft->policy)
		return refuse(draft, 500, "internal", "out of memory");
	fd = fth_rights_open(draft->asker->rights, draft->path, why, sizeof(why));
	if (fd < 0) {
		snprintf(message, sizeof(message), "policy '%s': %s", draft->path, why);
		return refuse_file(draft, fd, message);
	}
	length = fstat(fd, &info) ? -1 : 0;
	if (!length && !S_ISREG(info.st_mode)) {
		errno = S_ISDIR(info.st_mode) ? EISDIR : EINVAL;
		length = -1;
	}
	if (!length)
		length = read(fd, draft->text, FTH_POLICY_FILE_MAX + 1);
	if (length < 0)
		refuse(draft, 400, "policy", "policy '%s': %s", draft->path, strerror(errno));
	close(fd);
	if (length < 0)
		return -EINVAL;
	draft->text_size = (size_t)length;
	return 0;
}

/* A guest would refuse it; the canaries need not find that out. */
static int check_signature(struct draft *draft)
{
	const struct fth_payload *payload = &draft->payload;
	const struct fth_span bytes = { payload->signature, payload->signature_size };
	char why[FTH_SIGNATURE_ERROR_MAX];
	struct fth_signature signature;

	if (!payload->signature)
		return 0;
	if (!fth_signature_read(bytes, &signature, why, sizeof(why)) &&
	    !fth_signature_matches(&signature, draft->policy->name, payload->sha256, NULL, why,
				   sizeof(why)))
		return 0;
	return refuse(draft, 400, "policy", "signature '%s': %s", draft->policy->signature, why);
}

/* A program runs as the agent does, that is as root: who names one must be it already. */
static int check_health(struct draft *draft)
{
	const struct fth_policy *policy = draft->policy;
	const char *key = policy->command_count ? "health.command" : "health.wave-command";

	if ((policy->command_count || policy->wave_command_count) && draft->asker->uid &&
	    draft->asker->uid != geteuid())
		return refuse(
			draft, 403, "policy",
			"%s: key '%s': a program of the agent's own rights may be named by root only; found user %u; use health.http, or start the rollout as root",
			draft->path, key, (unsigned int)draft->asker->uid);
	if (policy->health_host && !draft->agent->libvirt)
		return refuse(
			draft, 400, "policy",
			"%s: key 'health.host': no hypervisor can be asked: this agent runs without --connect",
			draft->path);
	return 0;
}

static int check_policy(struct draft *draft)
{
	const struct fth_rights *rights = draft->asker->rights;
	char why[FTH_POLICY_ERROR_MAX];
	int error;

	if (draft->text_size > FTH_POLICY_FILE_MAX)
		return refuse(draft, 400, "policy", "policy '%s': longer than %u bytes",
			      draft->path, FTH_POLICY_FILE_MAX);
	if (fth_policy_yaml_parse(draft->text, draft->text_size, draft->path, draft->policy, why,
				  sizeof(why)))
		return refuse(draft, 400, "policy", "%s", why);
	if (check_health(draft))
		return -EINVAL;
	error = fth_payload_load(draft->policy->file, rights, &draft->payload, why, sizeof(why));
	if (!error)
		error = fth_payload_matches(&draft->payload, draft->policy, why, sizeof(why));
	if (!error)
		error = fth_payload_settle_model(&draft->payload, draft->policy, why, sizeof(why));
	if (!error && draft->policy->signature[0])
		error = fth_payload_load_signature(&draft->payload, draft->policy->signature,
						   rights, why, sizeof(why));
	if (error)
		return refuse_file(draft, error, why);
	return check_signature(draft);
}

/* Moving a guest in two rollouts at once would only make them wait for each other. */
static bool is_moving(const struct fth_live *live)
{
	uint8_t phase = live->rollout->phase;

	return fth_live_is_told(live) && phase != FTH_RO_COMPLETE && phase != FTH_RO_REVERSED &&
	       phase != FTH_RO_STUCK && phase != FTH_RO_ABORTED;
}

static void look_at(struct fth_guest *guest, void *context)
{
	struct draft *draft = context;
	const struct fth_binding *binding;
	char why[FTH_WHY_MAX];

	if (!guest->present || !fth_guest_selected(guest, draft->policy))
		return;
	draft->selected++;
	draft->blocked += fth_store_is_blocked(draft->agent->store, guest->name,
					       draft->payload.sha256, draft->policy->name, why,
					       sizeof(why));
	if (guest->known && strcmp(guest->release, draft->payload.release) != 0) {
		draft->other_kernel++;
		draft->other_guest = guest;
	}
	for (binding = guest->bindings; binding; binding = binding->next) {
		if (!is_moving(binding->live))
			continue;
		draft->in_way = binding->live;
		draft->in_way_guest = guest;
	}
}

/* A VM that is still to be taken back and could return: a new rollout would forget it. */
static const struct fth_rollout_vm *still_stuck(const struct fth_live *live)
{
	const struct fth_rollout *rollout = live->rollout;
	const struct fth_guest *guest;
	uint32_t i;

	for (i = 0; rollout->phase == FTH_RO_STUCK && i < rollout->vm_count; i++) {
		if (!rollout->vms[i].touched && !rollout->vms[i].op)
			continue;
		guest = fth_guest_find(live->agent, rollout->vms[i].name);
		if (guest && guest->present)
			return &rollout->vms[i];
	}
	return NULL;
}

static int check_name(struct draft *draft, const struct fth_live *live)
{
	const struct fth_rollout *rollout = live->rollout;
	const struct fth_rollout_vm *vm;
	char why[FTH_POLICY_ERROR_MAX];

	if (live->superseded || strcmp(rollout->policy.name, draft->policy->name) != 0 ||
	    rollout->phase == FTH_RO_REVERSED)
		return 0;
	if (rollout->phase != FTH_RO_STUCK) {
		if (!fth_create_check_follows(live, draft->policy, &draft->payload, why,
					      sizeof(why)))
			return 0;
		return refuse(draft, 409, "conflict", "rollout %llu of patch '%s' is %s; %s",
			      (unsigned long long)rollout->id, rollout->policy.name,
			      fth_rollout_phase_name(rollout->phase), why);
	}
	vm = still_stuck(live);
	if (!vm)
		return 0;
	return refuse(
		draft, 409, "conflict",
		"rollout %llu of patch '%s' is stuck on its way back: vm '%s' may still run it (%s); "
		"wait until it is back, or reboot it, or take it out of the inventory: another "
		"rollout would forget it",
		(unsigned long long)rollout->id, rollout->policy.name, vm->name, vm->why);
}

/* What was recalled goes nowhere until somebody allows it. */
static int check_recall(struct draft *draft)
{
	char why[FTH_WHY_MAX];

	if (!fth_store_is_recalled(draft->agent->store, draft->payload.sha256, why, sizeof(why)))
		return 0;
	return refuse(
		draft, 409, "conflict",
		"module '%s' is blocked in the whole fleet: %s; build a better one, or lift that "
		"with 'fother allow %s --fleet'",
		draft->policy->file, why, draft->policy->name);
}

static int check_fleet(struct draft *draft)
{
	char why[FTH_POLICY_ERROR_MAX];
	uint32_t i;

	for (i = 0; i < draft->agent->live_count; i++)
		if (check_name(draft, draft->agent->lives[i]))
			return -EINVAL;
	fth_guest_each(draft->agent, look_at, draft);
	if (draft->in_way)
		return refuse(
			draft, 409, "conflict",
			"vm '%s' is being moved by rollout %llu of patch '%s', which is %s; wait for its end",
			draft->in_way_guest->name, (unsigned long long)draft->in_way->rollout->id,
			draft->in_way->rollout->policy.name,
			fth_rollout_phase_name(draft->in_way->rollout->phase));
	if (!draft->selected) {
		fth_create_why_none(draft->agent, draft->policy, why, sizeof(why));
		return refuse(
			draft, 409, "conflict",
			"policy '%s' selects none of the %u VMs known: %s; see 'fother vm list'",
			draft->path, draft->agent->guest_count, why);
	}
	if (draft->blocked == draft->selected)
		return refuse(
			draft, 409, "conflict",
			"module '%s' is blocked in all %u VMs selected: they reverted it in emergency, see 'fother blocks'; 'fother allow %s --all' lifts that",
			draft->policy->file, draft->selected, draft->policy->name);
	if (draft->other_kernel == draft->selected)
		return refuse(
			draft, 400, "policy",
			"module '%s' is for kernel '%s', but none of the %u VMs selected runs it (vm '%s' runs '%s'); build it for their kernel",
			draft->policy->file, draft->payload.release, draft->selected,
			draft->other_guest->name, draft->other_guest->release);
	if (fth_create_check_canaries(draft->agent, draft->policy, &draft->payload, why,
				      sizeof(why)))
		return refuse(draft, 400, "policy", "%s: %s", draft->path, why);
	return 0;
}

/* Other kernels than the module's own are none of the policy's from here on. */
static void narrow(struct draft *draft)
{
	struct fth_policy *policy = draft->policy;

	memset(&policy->kernels, 0, sizeof(policy->kernels));
	policy->kernels.count = 1;
	strcpy(policy->kernels.entries[0].text, draft->payload.release);
	policy->has_sha256 = true;
	memcpy(policy->sha256, draft->payload.sha256, FTH_SHA256_SIZE);
}

static int add_row(struct draft *draft, struct fth_live *live)
{
	struct fth_store_rollout row = {
		.id = live->rollout->id,
		.seed = live->rollout->seed,
		.created_ms = draft->agent->now_ms,
		.vm_max = live->rollout->vm_max,
		.path = draft->path,
		.text = { (const uint8_t *)draft->text, (uint32_t)draft->text_size },
		.release = draft->payload.release,
		.leave = draft->policy->guest.leave,
		.switches = draft->policy->guest.switches,
	};

	memcpy(row.sha256, draft->payload.sha256, FTH_SHA256_SIZE);
	return fth_store_add_rollout(draft->agent->store, &row);
}

/* VMs that are gone with a patch that was to be taken back: a person shall know. */
static int note_forgotten(const struct draft *draft, const struct fth_live *live)
{
	const struct fth_rollout *old = live->rollout;
	struct fth_store_history row = {
		.at_ms = draft->agent->now_ms,
		.rollout = old->id,
		.patch = old->policy.name,
		.kind = "vm",
		.what = "forgotten",
		.why = "away while the rollout was stuck on its way back, and a newer one of the "
		       "patch began",
		.who = "",
	};
	uint32_t i;
	int error = 0;

	/* One that was recalled goes on to take them back, unless this is its payload again. */
	if (live->superseded || old->phase != FTH_RO_STUCK ||
	    strcmp(old->policy.name, draft->policy->name) != 0 ||
	    (old->recalled && memcmp(old->policy.sha256, draft->policy->sha256, FTH_SHA256_SIZE)))
		return 0;
	for (i = 0; !error && i < old->vm_count; i++) {
		if (!old->vms[i].touched && !old->vms[i].op)
			continue;
		row.vm = old->vms[i].name;
		fth_log(FTH_LOG_WARNING,
			"rollout %llu of '%s': vm '%s' may still run it: it is away, and a newer rollout begins",
			(unsigned long long)old->id, old->policy.name, row.vm);
		error = fth_store_add_history(draft->agent->store, &row);
	}
	return error;
}

struct roster {
	struct fth_live *live;
	int error;
};

static void add_present(struct fth_guest *guest, void *context)
{
	struct roster *roster = context;

	if (!roster->error && guest->present)
		roster->error = fth_live_add_guest(roster->live, guest);
}

static void add_seen(struct fth_guest *guest, void *context)
{
	struct roster *roster = context;
	struct fth_binding *binding;

	for (binding = guest->bindings; binding; binding = binding->next)
		if (binding->live == roster->live && guest->open && guest->known && !roster->error)
			roster->error = fth_guest_feed_seen(guest, binding, false);
}

static int run_events(const struct draft *draft, struct fth_live *live)
{
	struct fth_rollout_event begin = { .kind = FTH_RE_BEGIN };
	struct roster roster = { live, 0 };

	begin.uid = draft->asker->uid;
	snprintf(begin.who, sizeof(begin.who), "%s", draft->asker->who);
	snprintf(begin.why, sizeof(begin.why), "%s", draft->asker->why);
	fth_guest_each(live->agent, add_present, &roster);
	if (!roster.error)
		roster.error = fth_live_step(live, &begin);
	if (!roster.error)
		fth_guest_each(live->agent, add_seen, &roster);
	return roster.error;
}

/* All of it is one transaction; a failure takes @live out of the agent again. */
static int enlist(struct draft *draft, struct fth_live *live)
{
	struct fth_agent *agent = draft->agent;
	uint32_t i;
	int error;

	error = fth_agent_flush(agent); /* others' events don't hang on ours */
	if (!error)
		error = add_row(draft, live);
	for (i = 0; !error && i < agent->live_count; i++)
		error = note_forgotten(draft, agent->lives[i]);
	if (error) {
		fth_agent_fail_store(agent, fth_store_why(agent->store));
		return error;
	}
	live->synced = true;
	agent->lives[agent->live_count++] = live;
	fth_live_rank(agent);
	error = run_events(draft, live);
	if (!error) {
		fth_agent_mark(agent);
		error = fth_agent_flush(agent);
	}
	if (error && !live->stored) {
		fth_store_rollback(agent->store);
		agent->live_count--;
		fth_live_rank(agent);
	}
	return error;
}

static struct fth_live *make(struct draft *draft)
{
	uint32_t vm_max = 2 * draft->selected + ROSTER_SPARE;
	struct fth_live *live;
	uint64_t id;

	if (fth_store_next_rollout(draft->agent->store, &id))
		return NULL;
	if (vm_max > FTH_ROLLOUT_VMS_MAX)
		vm_max = FTH_ROLLOUT_VMS_MAX;
	live = fth_live_new(draft->agent, id, fth_loop_random(), vm_max, draft->policy,
			    draft->path);
	if (!live)
		return NULL;
	live->payload = draft->payload;
	memset(&draft->payload, 0, sizeof(draft->payload));
	return live;
}

struct fth_live *fth_create_rollout(struct fth_agent *agent, const char *path,
				    const struct fth_asker *asker,
				    struct fth_create_error *ret_error)
{
	__attribute__((cleanup(drop_draft))) struct draft draft = {
		.agent = agent,
		.path = path,
		.asker = asker,
		.error = ret_error,
	};
	struct fth_live *live;
	int error;

	/* Without them it would be the agent's that hold. */
	assert(asker->rights && asker->rights->uid == asker->uid);
	if (read_policy(&draft) || check_policy(&draft) || check_recall(&draft) ||
	    check_fleet(&draft))
		return NULL;
	if (agent->live_count == FTH_AGENT_LIVE_MAX) {
		refuse(&draft, 409, "conflict",
		       "the journal holds %u rollouts, as many as it may; one that a newer rollout "
		       "of its patch followed leaves it after fotherd's --keep-rollouts days",
		       agent->live_count);
		return NULL;
	}
	narrow(&draft);
	fth_agent_now(agent);
	/* The row needs the payload's release, so it is copied, not moved, below. */
	live = make(&draft);
	if (!live) {
		refuse(&draft, 507, "store", "no new rollout: %s", fth_store_why(agent->store));
		return NULL;
	}
	error = fth_cache_put(agent->state_folder, &live->payload, live->rollout->id);
	if (error) {
		fth_agent_fail_store(agent, strerror(-error));
		refuse(&draft, 507, "store",
		       "the journal's folder '%s' can't hold a copy of '%s': %s; nothing was started",
		       agent->state_folder, draft.policy->file, strerror(-error));
		fth_live_free(live);
		return NULL;
	}
	memcpy(draft.payload.sha256, live->payload.sha256, FTH_SHA256_SIZE);
	strcpy(draft.payload.release, live->payload.release);
	if (enlist(&draft, live)) {
		refuse(&draft, 507, "store",
		       "the journal can't be written: %s; nothing was started",
		       agent->store_ok ? "out of memory" : agent->store_why);
		fth_live_free(live);
		return NULL;
	}
	return live;
}
