// SPDX-License-Identifier: GPL-2.0
/*
 * How much of the journal one guest may fill.
 *
 * DESIGN
 * Nobody can be recalled when the journal's disk is full, and its events are never
 * trimmed while their rollout lives.  So each word of a guest that became an event is
 * counted: greetings, ends of sessions, heartbeats, answers, also to ops of ours, since an
 * answer may lead to the next op.  One is forgiven in FTH_QUOTA_EVERY_MS.  Who has used up
 * FTH_QUOTA_MAX is not listened to for a while, each time longer, and is out of reach to
 * its rollouts meanwhile: what they believe of it never grows stale unnoticed, and
 * nothing is judged healthy that isn't heard.  An honest guest comes nowhere near.
 *
 * This stands before the journal, so a replay knows nothing of it; after a restart all
 * begin anew.  How many rollouts hear of one word is not the guest's to say, and is not
 * counted.
 */
#include "app/agent.h"
#include "io/channel.h"
#include "io/log.h"

static void forgive(struct fth_guest *guest, uint64_t now_ms)
{
	uint64_t words;

	if (now_ms < guest->quota_ms)
		return; /* it is held, or just was */
	words = (now_ms - guest->quota_ms) / FTH_QUOTA_EVERY_MS;
	if (words < guest->quota_used) {
		guest->quota_used -= (uint32_t)words;
		guest->quota_ms += words * FTH_QUOTA_EVERY_MS;
		return;
	}
	guest->quota_used = 0;
	guest->quota_ms = now_ms;
	guest->held_ms = 0;
}

void fth_quota_count(struct fth_guest *guest, uint64_t events)
{
	if (guest->agent->events == events)
		return;
	forgive(guest, guest->agent->now_ms);
	if (++guest->quota_used >= FTH_QUOTA_MAX)
		guest->quota_over = true;
}

void fth_quota_hold(struct fth_guest *guest)
{
	uint64_t now_ms = guest->agent->now_ms;

	if (guest->channel && now_ms < guest->held_until_ms)
		fth_channel_hold(guest->channel, (uint32_t)(guest->held_until_ms - now_ms),
				 "not listened to");
}

/* Not from within a word of its: that one is still being read. */
void fth_quota_turn(struct fth_guest *guest)
{
	uint64_t now_ms = guest->agent->now_ms;

	if (!guest->quota_over)
		return;
	guest->held_ms = guest->held_ms ? 2 * guest->held_ms : FTH_QUOTA_HOLD_MIN_MS;
	if (guest->held_ms > FTH_QUOTA_HOLD_MAX_MS)
		guest->held_ms = FTH_QUOTA_HOLD_MAX_MS;
	guest->held_until_ms = now_ms + guest->held_ms;
	fth_log(FTH_LOG_WARNING,
		"vm '%s': not listened to for %u s: found that its words changed what rollouts know of it %u times, expected that to be rare (once in %u s, in the long run); look at its guest and at its channel",
		guest->name, guest->held_ms / 1000, guest->quota_used, FTH_QUOTA_EVERY_MS / 1000);
	fth_quota_hold(guest);
	guest->quota_over = false;
	guest->quota_used = FTH_QUOTA_MAX - FTH_QUOTA_BACK;
	guest->quota_ms = guest->held_until_ms;
}

void fth_quota_clear(struct fth_guest *guest)
{
	guest->quota_over = false;
	guest->quota_used = 0;
	guest->quota_ms = 0;
	guest->held_ms = 0;
	guest->held_until_ms = 0;
}
