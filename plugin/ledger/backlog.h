/*
 * backlog.h -- a queue of refusals and alerts for the store, which drops what has no room.
 *
 * A refusal needs no guarantee. The broker's thread puts a copy here and goes on; the writer's
 * thread takes all of them from time to time. What finds no room is counted and dropped, so that a
 * flood of refusals costs bounded memory and no waiting. Principals share the room
 * (base/portions.h); alerts have room of their own. How many were lost, and of whom, is added as
 * refusals with the action BACKLOG_SUMMARY.
 */
#ifndef PETSTORE_LEDGER_BACKLOG_H
#define PETSTORE_LEDGER_BACKLOG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/diag.h"
#include "base/alertrow.h"
#include "base/refusal.h"

#define BACKLOG_ITEMS_MAX 4096u
#define BACKLOG_BYTES_MAX ((size_t)4 << 20)
/* Longer topics and names are cut; the payload has been cut already. */
#define BACKLOG_TEXT_MAX 1024u
#define BACKLOG_ALERTS_MAX 512u
#define BACKLOG_SUMMARY "held-back"
/* Of letters, refusals with their whole message: bytes of one, and of all that wait. */
#define BACKLOG_LETTER_BYTES ((size_t)1 << 20)
#define BACKLOG_LETTERS_BYTES ((size_t)8 << 20)

struct backlog;

struct backlog_item {
	struct backlog_item *next;
	bool is_alert;
	bool is_resent; /* only the refusal's id, and message: what is noted of it */
	union {
		struct refusal refusal; /* its texts follow the item */
		struct alertrow alert;
	};
	size_t bytes;
};

int backlog_new(struct backlog **ret, struct diag *diag) MUST_CHECK;
void backlog_free(struct backlog *backlog); /* NULL is fine */

/* Copies @refusal; false: there was no room, and it is counted as lost. Any thread. */
bool backlog_put(struct backlog *backlog, const struct refusal *refusal);
bool backlog_put_alert(struct backlog *backlog, const struct alertrow *alert);
/* For store_resent(); false: memory ran out. There is always room: operators cause it. */
bool backlog_put_resent(struct backlog *backlog, const char *decision_id, const char *text);

/*
 * All there is, oldest first; NULL: nothing. The caller frees with backlog_drop(). What was lost is
 * summed up once a second, and where @is_last.
 */
struct backlog_item *backlog_take(struct backlog *backlog, bool is_last);
void backlog_drop(struct backlog_item *items); /* NULL is fine */

/* Is it filling up, so that backlog_take() should be called soon? */
bool backlog_is_pressing(struct backlog *backlog);

/* Counts @count more as lost. Any thread. */
void backlog_lose(struct backlog *backlog, uint64_t count);

/* How many were lost so far. */
uint64_t backlog_lost(struct backlog *backlog);

#endif
