// SPDX-License-Identifier: GPL-2.0
/*
 * Guests that obeyed another agent before: of another host, or of a later journal.
 *
 * DESIGN
 * A guest refuses an epoch older than the newest it saw, so of two agents the one that
 * began last is obeyed.  But epochs of two hosts know nothing of each other: a VM that is
 * migrated here brings the other host's, and one may be newer than the journal that this
 * agent began with.  So a guest that comes to us, by its inventory's word or at our start,
 * and says a newer epoch, is greeted again with one above that.  That one is the guest's
 * alone: what one guest says changes nothing for the others, and nobody is told twice.
 * The journal has it before the guest hears of it, so that the next agent of this journal
 * begins above it.
 *
 * A guest that obeyed us already and then names a newer epoch, over the same channel,
 * heard of an agent that took over from this one: that one is obeyed, and this one does
 * not try again.  So no two agents depose each other by turns, and a guest can make us
 * write no more often than its inventory tells of it.
 *
 * Epochs are seconds of the wall clock where they were made.  One that is further ahead
 * than clocks may be is not believed, or it would be carried on from host to host.
 */
#include "app/agent.h"
#include "io/channel.h"
#include "io/log.h"

uint64_t fth_guest_epoch(const struct fth_guest *guest)
{
	return guest->epoch > guest->agent->epoch ? guest->epoch : guest->agent->epoch;
}

static uint64_t newest_believed(const struct fth_guest *guest)
{
	return guest->agent->now_ms / 1000 + FTH_GUEST_EPOCH_AHEAD_S;
}

bool fth_epoch_take(struct fth_guest *guest, uint64_t epoch)
{
	uint64_t ours = fth_guest_epoch(guest), newest = newest_believed(guest);

	guest->told_epoch = epoch;
	if (epoch <= ours) {
		guest->obeys = true;
		return true;
	}
	if (guest->obeys) {
		fth_log(FTH_LOG_ERROR,
			"vm '%s': found epoch %llu of an agent that took over, expected ours, %llu: it refuses our commands; end this fotherd, or the other one and start this one anew",
			guest->name, (unsigned long long)epoch, (unsigned long long)ours);
		return true;
	}
	if (epoch < newest)
		return false;
	fth_log(FTH_LOG_ERROR,
		"vm '%s': found epoch %llu, expected less than %llu, a day ahead of this host's clock: it refuses our commands; set the clocks of both hosts right, or load the guest's fother module anew",
		guest->name, (unsigned long long)epoch, (unsigned long long)newest);
	return true;
}

/* Commands wait until its HELLO had the epoch, and that until the journal has it. */
void fth_epoch_turn(struct fth_guest *guest)
{
	struct fth_agent *agent = guest->agent;
	uint64_t epoch = guest->told_epoch + 1;

	if (!guest->channel || guest->obeys || guest->told_epoch <= fth_guest_epoch(guest) ||
	    guest->told_epoch >= newest_believed(guest) || !agent->store_ok)
		return;
	if (fth_store_keep_epoch(agent->store, epoch)) {
		fth_agent_fail_store(agent, fth_store_why(agent->store));
		return;
	}
	fth_agent_mark(agent);
	if (fth_agent_flush(agent))
		return;
	fth_log(FTH_LOG_NOTICE,
		"vm '%s': obeyed an agent of epoch %llu before, ours is %llu: greeted again with %llu",
		guest->name, (unsigned long long)guest->told_epoch,
		(unsigned long long)fth_guest_epoch(guest), (unsigned long long)epoch);
	guest->epoch = epoch;
	guest->obeys = true;
	fth_guest_reconnect(guest, "it is greeted with a newer epoch");
}

void fth_epoch_clear(struct fth_guest *guest)
{
	guest->obeys = false;
	guest->told_epoch = 0;
}
