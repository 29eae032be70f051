/* SPDX-License-Identifier: GPL-2.0 */
/* Rollout events as bytes, for the journal. */
#ifndef FTH_CORE_JOURNAL_H
#define FTH_CORE_JOURNAL_H

#include "core/rollout.h"

#define FTH_JOURNAL_RECORD_MAX 1024u

/**
 * fth_journal_encode() - one event as bytes, version first
 * @event: any kind
 * @buffer: FTH_JOURNAL_RECORD_MAX bytes
 * Return: bytes written; 0 for an event that breaks a limit.
 */
uint32_t fth_journal_encode(const struct fth_rollout_event *event, uint8_t *buffer);

/**
 * fth_journal_decode() - and back
 * @data: a record
 * @length: its bytes
 * @ret_event: every byte is set, so that equal events compare equal
 * Return: 0 or -EBADMSG.
 */
int fth_journal_decode(const uint8_t *data, uint32_t length, struct fth_rollout_event *ret_event);

#endif /* FTH_CORE_JOURNAL_H */
