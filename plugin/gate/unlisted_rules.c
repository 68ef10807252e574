/*
 * unlisted_rules.c -- topics that no channel has (x-unlisted): who may use them, and what of the
 * documents' limits holds there. What is on them is not looked at.
 */
#include <stdio.h>
#include <string.h>

#include "contract/topics.h"
#include "gate/judgement.h"

/* ---- which topics ----------------------------------------------------------------------- */

static bool is_below(const char *topic, size_t len, const char *level)
{
	size_t head = strlen(level);

	return len >= head && memcmp(topic, level, head) == 0 &&
	       (len == head || topic[head] == '/');
}

/* Can a topic, or those under a filter, be unlisted, whatever the channels are? */
static bool is_anybodys(const struct contract *contract, const char *topic, size_t len)
{
	return contract->unlisted.mode != CONTRACT_UNLISTED_REFUSE && len > 0 && topic[0] != '$' &&
	       !(contract->notices && is_below(topic, len, CONTRACT_NOTICES)) &&
	       !(contract->alerts && is_below(topic, len, CONTRACT_ALERTS));
}

/* Has the channel of @match, which the filter reaches, all topics of the filter? */
static bool has_all(const struct contract_match *match, void *ctx)
{
	const struct message *filter = ctx;
	const char *at = filter->topic, *end = at + filter->topic_len;
	const char *address = match->channel->address;

	for (;;) {
		const char *slash = memchr(at, '/', (size_t)(end - at));
		size_t len = (size_t)((slash ? slash : end) - at), level = strcspn(address, "/");

		if (address[0] == '#')
			return true;
		if (len == 1 && at[0] == '#')
			return false;
		if (len == 1 && at[0] == '+' && address[0] != '+' &&
		    (address[0] != '{' || strcspn(address, "}") + 1 != level))
			return false;
		if (!slash)
			return true; /* the address ends here, too, or in "/#" */
		if (address[level] == '\0')
			return false; /* not of a channel that is reached */
		at = slash + 1;
		address += level + 1;
	}
}

/* Has the filter some topic that no channel has? */
static bool reaches_unlisted(const struct judgement *j)
{
	const struct contract *contract = j->gate->rules->contract;
	struct message filter = j->request->message;

	filter.topic = topics_unshare(filter.topic, &filter.topic_len);
	return is_anybodys(contract, filter.topic, filter.topic_len) &&
	       topics_is_filter(filter.topic, filter.topic_len) &&
	       !topics_reach(contract->topics, filter.topic, filter.topic_len, has_all, &filter);
}

/* ---- who -------------------------------------------------------------------------------- */

static const struct contract_unlisted_way *way_of(const struct judgement *j)
{
	const struct contract_unlisted *unlisted = &j->gate->rules->contract->unlisted;

	return j->request->action == GATE_PUBLISH ? &unlisted->send : &unlisted->receive;
}

/* A role that is limited to values of a parameter (`where`) says nothing of these topics. */
bool unlisted_rules_admit(const struct contract_unlisted_way *way,
			  const struct access_principal *principal)
{
	struct access_held held;

	if (way->is_closed || (way->needs_entry && !principal->has_entry))
		return false;
	if (principal->rule_count == 0)
		return scopeset_covers(&principal->full, &way->scopes);
	access_hold(principal, NULL, 0, true, &held);
	return scopeset_covers(&held.full, &way->scopes);
}

static bool is_admitted(const struct judgement *j)
{
	return unlisted_rules_admit(way_of(j), j->principal);
}

bool unlisted_rules_topic(struct judgement *j)
{
	const struct contract *contract = j->gate->rules->contract;
	const struct message *message = &j->request->message;

	if (!is_anybodys(contract, message->topic, message->topic_len))
		return false;
	if (contract->unlisted.mode == CONTRACT_UNLISTED_PASS)
		return is_admitted(j);
	j->mode[CONTRACT_PERMISSION] = CONTRACT_OBSERVE;
	return false;
}

bool unlisted_rules_filter(const struct judgement *j, bool *is_observed)
{
	*is_observed = false;
	if (!reaches_unlisted(j))
		return false;
	if (j->gate->rules->contract->unlisted.mode == CONTRACT_UNLISTED_PASS)
		return is_admitted(j);
	*is_observed = true;
	return true;
}

bool unlisted_rules_swallows(const struct judgement *j)
{
	const struct contract *contract = j->gate->rules->contract;

	return contract->unlisted.mode == CONTRACT_UNLISTED_PASS &&
	       contract->defaults.mode[CONTRACT_PERMISSION] == CONTRACT_ENFORCE &&
	       !way_of(j)->is_closed && !is_admitted(j) && reaches_unlisted(j);
}

/* "; others need write:other": the scopes that way->scopes has, as far as there is room. */
static void say_scopes(const struct judgement *j, char *ret, size_t cap)
{
	const struct contract *contract = j->gate->rules->contract;
	size_t used = strlen(ret);

	for (size_t i = 0; i < contract->scope_count && used < cap; i++)
		if (scopeset_has(&way_of(j)->scopes, (unsigned)i))
			used += (size_t)snprintf(ret + used, cap - used, " %s", contract->scope[i]);
}

void unlisted_rules_why(const struct judgement *j, char ret[static UNLISTED_WHY_MAX])
{
	static const struct scopeset none;
	const struct contract *contract = j->gate->rules->contract;
	const struct contract_unlisted_way *way = way_of(j);
	const struct message *message = &j->request->message;
	size_t len = message->topic_len;
	const char *topic = topics_unshare(message->topic, &len);

	ret[0] = '\0';
	if (contract->unlisted.mode != CONTRACT_UNLISTED_PASS || !is_anybodys(contract, topic, len))
		return;
	if (way->is_closed)
		(void)snprintf(ret, UNLISTED_WHY_MAX, "; unlisted topics are not open to anybody");
	else if (way->needs_entry && !j->principal->has_entry)
		(void)snprintf(ret, UNLISTED_WHY_MAX,
			       "; unlisted topics are for users of the access file");
	else if (!scopeset_covers(&none, &way->scopes)) {
		(void)snprintf(ret, UNLISTED_WHY_MAX, "; unlisted topics need the scope");
		say_scopes(j, ret, UNLISTED_WHY_MAX);
	}
}

/* ---- limits ----------------------------------------------------------------------------- */

static bool check_size(struct judgement *j)
{
	size_t max = j->gate->rules->contract->unlisted.payload_max;

	return max == 0 || j->request->message.payload_len <= max ||
	       judgement_refuse(j, REASON_PAYLOAD_TOO_LARGE,
				"the payload has %zu bytes, unlisted topics take at most %zu",
				j->request->message.payload_len, max);
}

bool unlisted_rules_limits(struct judgement *j)
{
	const struct message *message = &j->request->message;

	if (!is_anybodys(j->gate->rules->contract, message->topic, message->topic_len))
		return true;
	return judgement_ask(j, GATE_STEP_LENGTH, message_rules_length) &&
	       judgement_ask(j, GATE_STEP_SIZE, check_size);
}
