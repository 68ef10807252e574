/*
 * ledger_retained.h -- what is retained on which topic, as far as the database knows.
 *
 * A row of the table retained follows each accepted write of a retained message, in the transaction
 * of its event. What the journal still has is not seen: whoever asks compares the numbers. Each
 * call is one indexed read, on the broker's thread: for rare occasions.
 */
#ifndef PETSTORE_LEDGER_RETAINED_H
#define PETSTORE_LEDGER_RETAINED_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/diag.h"
#include "ledger/ledger.h"

/* Borrowed for the visit. */
struct ledger_retained {
	const char *topic;
	size_t topic_len;
	const void *payload;
	size_t payload_len; /* 0: it was cleared */
	unsigned qos;
	bool is_retained;
	const void *properties; /* as on the wire */
	size_t properties_len;
};

typedef void ledger_retained_visit(const struct ledger_retained *row, void *ctx);

/* Is it open, so that the database can be asked? */
bool ledger_is_open(struct ledger *ledger);

/* The numbers of the last accepted write, and of the last that the database has; 0: not open. */
uint64_t ledger_last(struct ledger *ledger);
uint64_t ledger_arrived(struct ledger *ledger);

/* Somebody waits for what was accepted: the database is not to wait for a full batch. */
void ledger_hurry(struct ledger *ledger);

/*
 * Visits the row of @topic. 0: there is none; 1: it was visited; ERR_BUSY, ERR_IO: the database
 * can't be asked now.
 */
int ledger_retained_find(struct ledger *ledger, const char *topic, size_t topic_len,
			 ledger_retained_visit *visit, void *ctx, struct diag *diag);

/* As the last, for the newest event of @topic, which need not be retained; properties are not kept.
 */
int ledger_event_find(struct ledger *ledger, const char *topic, size_t topic_len,
		      ledger_retained_visit *visit, void *ctx, struct diag *diag);

/*
 * Visits up to @limit rows whose topics come after @topic (@topic_len 0: from the first), in the
 * order of their bytes. 1: there may be more; 0: those were the last; or as above.
 */
int ledger_retained_next(struct ledger *ledger, const char *topic, size_t topic_len, unsigned limit,
			 ledger_retained_visit *visit, void *ctx, struct diag *diag);

#endif
