#include "gate/candidates.h"

#include <stdio.h>
#include <string.h>

#include "gate/kinds.h"

static void say(struct schema_error *error, const char *text)
{
	(void)snprintf(error->message, sizeof(error->message), "%s", text);
}

/* Why @message does not fit. */
static void explain(struct kinds *kinds, const struct contract_message *message,
		    struct schema_error *ret)
{
	const struct schema *schema = kinds_schema(kinds->j, message);
	const struct payload_value *view;

	if (kinds->j->request->message.payload_len == 0)
		say(ret, "has a payload, and this one is empty");
	else if (!schema)
		say(ret, "has no payload, and this one is not empty");
	else if (!(view = kinds_view(kinds, message)))
		say(ret, kinds->error.text);
	else
		(void)schema_explain_within(schema, view, SCHEMA_INVALID, ret, 1,
					    SCHEMA_MESSAGE_WORK / 4);
}

static void judge(struct kinds *kinds, const struct contract_message *message,
		  struct candidate *ret)
{
	*ret = (struct candidate){ .message = message };
	switch (kinds_fits(kinds, message)) {
	case KINDS_REST:
		ret->is_rest = true;
		/* fall through */
	case KINDS_YES:
		ret->is_fit = true;
		break;
	case KINDS_UNKNOWN:
		say(&ret->error, "is too costly to check");
		break;
	case KINDS_NO:
		explain(kinds, message, &ret->error);
		break;
	}
}

size_t candidates_list(struct gate *gate, const struct access_principal *principal,
		       const struct gate_request *request,
		       struct candidate ret[static CONTRACT_MESSAGES_MAX])
{
	struct decision unused = { .verdict = VERDICT_DENY };
	struct judgement j;
	struct kinds kinds;

	judgement_begin(&j, gate, principal, request, &unused);
	j.match = permission_channel(gate, request->message.topic, request->message.topic_len);
	if (request->action != GATE_PUBLISH || !j.match->channel ||
	    (!permission_scope(&j) &&
	     j.match->channel->mode[CONTRACT_PERMISSION] == CONTRACT_ENFORCE))
		return 0;
	kinds_collect(&kinds, &j);
	for (size_t i = 0; i < kinds.count; i++)
		judge(&kinds, kinds.message[i], &ret[i]);
	return kinds.count;
}
