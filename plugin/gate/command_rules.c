/*
 * command_rules.c -- the topics of the plugin's commands, which are for whoever is signed in,
 * whatever the contract says of them. Which of the commands it may give is asked when it gives one.
 */
#include <string.h>

#include "base/commands.h"
#include "gate/judgement.h"

static bool is_topic(const struct message *message, const char *topic)
{
	return message->topic_len == strlen(topic) &&
	       memcmp(message->topic, topic, message->topic_len) == 0;
}

/* A filter with wildcards, or a shared one, is asked of the contract. */
bool command_rules_admit(struct judgement *j)
{
	const struct message *message = &j->request->message;
	bool is_publish = j->request->action == GATE_PUBLISH;

	if (message->is_will || !access_may_ask(j->principal) ||
	    !is_topic(message, is_publish ? COMMANDS_TOPIC : COMMANDS_RESPONSE_TOPIC))
		return false;
	j->decision->asked |= 1u << GATE_STEP_TOPIC;
	if (is_publish) { /* as judge_publish() leaves it */
		j->decision->write.owner = NULL;
		j->decision->write.owner_len = 0;
		j->decision->write.value_count = 0;
	}
	return true;
}
