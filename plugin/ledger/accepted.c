#include "ledger/accepted.h"

#include <stdlib.h>

int accepted_new(struct accepted **ret, struct diag *diag)
{
	*ret = calloc(1, sizeof(**ret));
	return *ret ? 0 : diag_nomem(diag);
}

void accepted_free(struct accepted *accepted)
{
	free(accepted);
}

bool accepted_has(const struct accepted *accepted, uint64_t sender, uint64_t digest,
		  uint64_t until_seq)
{
	unsigned place = sender % ACCEPTED_PLACES;
	uint64_t key = wordhash_mix(sender ^ WORDHASH_GOLDEN, digest);

	for (unsigned i = 0; i < ACCEPTED_KEPT; i++)
		if (accepted->message[place][i].key == key && accepted->message[place][i].seq &&
		    accepted->message[place][i].seq <= until_seq)
			return true;
	return false;
}
