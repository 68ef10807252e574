/*
 * explanation.h -- what petstorectl explain has to say: the request, the decision, and what was
 * looked at on the way.
 */
#ifndef PETSTORE_CTL_EXPLANATION_H
#define PETSTORE_CTL_EXPLANATION_H

#include <jansson.h>

#include "ctl/args.h"
#include "ctl/files.h"
#include "gate/candidates.h"
#include "report/notice.h"

/* What was asked, under which rules, and the answer. */
struct explanation {
	struct scene scene;
	struct gate_request request;
	const char *file; /* that the payload is in, as it is called; NULL: in none */
	struct message_properties properties;
	struct payload_pair user[ARGS_LIST_MAX];
	struct decision decision;
	size_t fault_count;
	struct schema_error fault[NOTICE_FAULTS_MAX];
	const struct access_principal *principal;
	size_t candidate_count; /* of a channel with several messages */
	struct candidate candidate[CONTRACT_MESSAGES_MAX];
};

/* Adds the message that it is, and of several operations or messages each, to the JSON @answer. */
void explanation_add(const struct explanation *explanation, json_t *answer);

/* Prints the decision's channel, which is there, with its operations and messages. */
void explanation_print(const struct explanation *explanation);

#endif
