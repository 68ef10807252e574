/*
 * diff.h -- what petstorectl diff compares, and those that compare it.
 *
 * Each adds to the list of what is now allowed or refused. Of a channel that is in both contracts,
 * @from is the old one's and @to the new one's.
 */
#ifndef PETSTORE_CTL_DIFF_H
#define PETSTORE_CTL_DIFF_H

#include "contract/contract.h"
#include "ctl/change_list.h"
#include "ctl/files.h"

struct diff {
	struct scene from;
	struct scene to;
	struct change_list change;
};

/* The steps between statuses: which are legal, who may take them, what may be said again. */
void diff_transitions(struct diff *diff, const struct contract_channel *from,
		      const struct contract_channel *to);

/* The payloads' schemas, keyword by keyword; by the messages' examples where that says too little.
 */
void diff_payloads(struct diff *diff, const struct contract_channel *from,
		   const struct contract_channel *to);

#endif
