/*
 * init_learn.h -- petstorectl init --learn: a contract from recorded messages.
 */
#ifndef PETSTORE_CTL_INIT_LEARN_H
#define PETSTORE_CTL_INIT_LEARN_H

#include "ctl/args.h"
#include "ctl/ctl.h"

struct init_learn_args {
	struct args_list recording;
	const char *out;      /* the folder */
	const char *contract; /* that is widened; NULL: the one in the folder, if there is one */
	const char *title;    /* of a new one */
};

/* Writes the contract, and an access.json where publishers are known and there is none. Returns an
 * enum ctl_status. */
int init_learn(struct ctl_call *call, const struct init_learn_args *args);

#endif
