/*
 * peer_rules.c -- what comes over a bridge: what a peer may never publish, the state of its own
 * bridge, and what is taken over as its broker decided it.
 *
 * A peer is the user of a bridge. Its messages are those of many clients of another broker. Where a
 * role of it trusts the topic (`trust` in access.json), that broker has decided: topic, scope,
 * size, schema and ids are asked for as of anybody, but not whose entity it is, who takes the step,
 * whether the contract has it, QoS or retain.
 */
#include <stdio.h>
#include <string.h>

#include "gate/judgement.h"

#define STATE_BEGIN "$SYS/broker/connection/"
#define STATE_END "/state"

/* Does the topic begin with the level @level, or is it that? */
static bool begins(const struct message *message, const char *level)
{
	size_t len = strlen(level);

	return message->topic_len >= len && memcmp(message->topic, level, len) == 0 &&
	       (message->topic_len == len || message->topic[len] == '/');
}

/*
 * Mosquitto's bridges publish "1" on $SYS/broker/connection/ID/state of the other broker, with a
 * last will that says "0"; ID is the client id that they have there.
 */
static bool is_own_state(const struct gate_request *request)
{
	const struct message *message = &request->message;
	const size_t begin = sizeof(STATE_BEGIN) - 1, end = sizeof(STATE_END) - 1;
	size_t len = request->client_id ? strlen(request->client_id) : 0;
	const char *payload = message->payload;

	return len > 0 && message->topic_len == begin + len + end &&
	       memcmp(message->topic, STATE_BEGIN, begin) == 0 &&
	       memcmp(message->topic + begin, request->client_id, len) == 0 &&
	       memcmp(message->topic + begin + len, STATE_END, end) == 0 &&
	       message->payload_len == 1 && (payload[0] == '0' || payload[0] == '1');
}

/* Whatever the contract's modes: what the plugin says by itself is said by nobody else. */
static bool forbid(struct judgement *j, enum reason reason, const char *why)
{
	j->decision->failed |= 1u << GATE_STEP_TOPIC;
	return judgement_refuse(j, reason, "%s", why);
}

bool peer_rules_begin(struct judgement *j, bool *is_done)
{
	const struct message *message = &j->request->message;
	const struct contract *contract = j->gate->rules->contract;

	*is_done = true;
	j->decision->is_peer = true;
	j->decision->asked |= 1u << GATE_STEP_TOPIC;
	if (message->topic_len > 0 && message->topic[0] == '$') {
		if (is_own_state(j->request))
			return true;
		return forbid(j, REASON_DIRECTION,
			      "of topics that begin with '$' a peer may publish only the state of "
			      "its bridge: $SYS/broker/connection/, its client id, /state");
	}
	if ((contract->notices && begins(message, CONTRACT_NOTICES)) ||
	    (contract->alerts && begins(message, CONTRACT_ALERTS))) {
		j->decision->is_echo = true;
		return forbid(j, REASON_DIRECTION, "the plugin alone publishes there");
	}
	*is_done = false;
	j->is_trusted = access_trusts(j->principal, message->topic, message->topic_len);
	return true;
}

/* Was it said before, and something else since? Where that can't be found out: no. */
static bool is_old(const struct judgement *j)
{
	const struct message *message = &j->request->message;
	struct ledger_resend_query said = { .topic = message->topic,
					    .topic_len = message->topic_len };

	if (!j->gate->ledger)
		return false;
	said.digest = message_digest(message, ledger_seed(j->gate->ledger));
	said.until_seq = ledger_last(j->gate->ledger);
	return ledger_was_accepted(j->gate->ledger, &said, true, NULL) == 1;
}

bool peer_rules_step(struct judgement *j)
{
	const struct contract_transitions *machine = j->mapping->transitions;
	const char *from = j->from < 0 ? "" : machine->status[j->from];

	if (j->to < 0)
		return judgement_refuse(j, REASON_TRANSITION_ILLEGAL,
					"\"%.*s\" is not a status of %s",
					j->status_len > 80 ? 80 : (int)j->status_len, j->status,
					j->mapping->entity->name);
	if (j->from < 0 || ((machine->next[j->from] >> j->to) & 1) || !is_old(j))
		return true;
	(void)snprintf(j->decision->current_status, sizeof(j->decision->current_status), "%s",
		       from);
	judgement_point_member(j, j->mapping->status_member.name, "transition");
	return judgement_refuse(j, REASON_OVERTAKEN,
				"%s is %s: %s was said before that, in the same words",
				j->mapping->entity->name, from, machine->status[j->to]);
}
