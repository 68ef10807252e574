/*
 * candidates.h -- what each message that a publish may be says of it: for petstorectl explain.
 */
#ifndef PETSTORE_GATE_CANDIDATES_H
#define PETSTORE_GATE_CANDIDATES_H

#include "access/access.h"
#include "gate/decision.h"

struct candidate {
	const struct contract_message *message;
	bool is_fit;
	bool is_rest;              /* it may be anything: it counts where no other fits */
	struct schema_error error; /* what is wrong; "" strings where nothing is */
};

/*
 * Writes the messages that count for @request, a publish, in the order in which they are asked;
 * returns how many. 0: the topic has no channel, or the principal may publish none. Ends the life
 * of what the gate's last decision points to.
 */
size_t candidates_list(struct gate *gate, const struct access_principal *principal,
		       const struct gate_request *request,
		       struct candidate ret[static CONTRACT_MESSAGES_MAX]);

#endif
