#include "gate/unique.h"

#include <string.h>

#include "base/wordhash.h"

/* What kind of value it is counts, too: "1" and 1 are two. False: of no kind that can be compared.
 */
static bool add_value(uint64_t *hash, const struct payload_value *value)
{
	const char *text;
	int64_t integer;
	double real;
	size_t len;
	bool truth;

	if (!value)
		return false;
	if (payload_string(value, &text, &len)) {
		*hash = wordhash(*hash ^ 's', text, len);
	} else if (payload_integer(value, &integer)) {
		*hash = wordhash(*hash ^ 'i', &integer, sizeof(integer));
	} else if (payload_number(value, &real)) {
		*hash = wordhash(*hash ^ 'r', &real, sizeof(real));
	} else if (payload_boolean(value, &truth)) {
		*hash = wordhash(*hash ^ 'b', truth ? "1" : "0", 1);
	} else {
		return false;
	}
	return true;
}

bool unique_is_said(struct judgement *j)
{
	const struct contract_channel *channel = j->match->channel;
	const char *name = j->principal->name;
	uint64_t hash;

	j->unique = 0;
	if (!j->payload || !j->gate->ledger)
		return false;
	hash = wordhash(ledger_seed(j->gate->ledger), name, strlen(name));
	hash = wordhash(hash, j->request->message.topic, j->request->message.topic_len);
	for (unsigned i = 0; i < channel->unique_count; i++)
		if (!add_value(&hash, payload_member(j->payload, channel->unique[i].member,
						     channel->unique[i].len)))
			return false;
	j->unique = hash ? hash : 1;
	return ledger_has_unique(j->gate->ledger, name, j->unique);
}
