/* ledger_retained.c -- what is retained on which topic, as far as the database knows. */
#include "ledger/ledger_internal.h"

bool ledger_is_open(struct ledger *l)
{
	return ledger_catch_up(l);
}

uint64_t ledger_last(struct ledger *l)
{
	return ledger_catch_up(l) ? l->last_seq : 0;
}

uint64_t ledger_arrived(struct ledger *l)
{
	return ledger_catch_up(l) ? writer_applied(l->writer) : 0;
}

void ledger_hurry(struct ledger *l)
{
	if (ledger_catch_up(l))
		writer_wake(l->writer);
}

int ledger_retained_find(struct ledger *l, const char *topic, size_t topic_len,
			 ledger_retained_visit *visit, void *ctx, struct diag *diag)
{
	if (!ledger_catch_up(l))
		return ledger_fail_closed(l, diag);
	return store_reader_retained(l->reader, topic, topic_len, visit, ctx, diag);
}

int ledger_event_find(struct ledger *l, const char *topic, size_t topic_len,
		      ledger_retained_visit *visit, void *ctx, struct diag *diag)
{
	if (!ledger_catch_up(l))
		return ledger_fail_closed(l, diag);
	return store_reader_event(l->reader, topic, topic_len, visit, ctx, diag);
}

int ledger_retained_next(struct ledger *l, const char *topic, size_t topic_len, unsigned limit,
			 ledger_retained_visit *visit, void *ctx, struct diag *diag)
{
	if (!ledger_catch_up(l))
		return ledger_fail_closed(l, diag);
	return store_reader_retained_next(l->reader, topic, topic_len, limit, visit, ctx, diag);
}
