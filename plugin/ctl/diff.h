/*
 * diff.h -- what petstorectl diff compares, and what its files share.
 */
#ifndef PETSTORE_CTL_DIFF_H
#define PETSTORE_CTL_DIFF_H

#include "contract/contract.h"
#include "ctl/change_list.h"
#include "ctl/files.h"

struct diff {
	struct scene from, to;
	struct change_list change;
	const char *address;                      /* of the channel that is compared */
	const struct contract_channel *old, *new; /* the channel; NULL: it is not there */
};

/* Adds a row about messages of the channel. */
#define DIFF_ADD(diff, is_allowed, what, ...)                                                      \
	change_list_add(&(diff)->change, is_allowed, NULL, what, (diff)->address, __VA_ARGS__)

/*
 * The payloads' schemas of a channel that is in both, keyword by keyword; by the messages' examples
 * where that says too little.
 */
void diff_payloads(struct diff *diff);

#endif
