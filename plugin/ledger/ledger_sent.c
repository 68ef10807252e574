/* ledger_sent.c -- messages that were accepted before: asked about when one comes again. */
#include "ledger/ledger_inside.h"

void ledger_remember(struct ledger *l, uint64_t sender, uint64_t digest)
{
	/* Of its own number: whoever is connected now sees it as of its own connection. */
	if (!l->view && ledger_admit(l))
		accepted_add(l->accepted, sender, digest, l->last_seq + 1);
}

int ledger_was_accepted(struct ledger *l, const struct ledger_sent *sent, bool may_read,
			struct diag *diag)
{
	uint64_t until_seq = sent->until_seq;

	if (l->view)
		return 0;
	if (!ledger_admit(l))
		return ledger_fail_shut(l, diag);
	if (until_seq < l->opened_seq)
		until_seq = l->opened_seq; /* nobody was accepted anything before it was open */
	if (sent->sender && accepted_has(l->accepted, sent->sender, sent->digest, until_seq))
		return 1;
	return may_read ? store_reader_sent(l->reader, sent, until_seq, diag) : 0;
}

int ledger_newest(struct ledger *l, const char *topic, size_t topic_len,
		  void (*visit)(const void *payload, size_t len, void *ctx), void *ctx,
		  struct diag *diag)
{
	if (l->view)
		return 0;
	if (!ledger_admit(l))
		return ledger_fail_shut(l, diag);
	return store_reader_newest(l->reader, topic, topic_len, visit, ctx, diag);
}
