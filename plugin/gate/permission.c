/*
 * permission.c -- may this principal do this on this topic? Channel, scopes, ownership.
 */
#include <stdio.h>
#include <string.h>

#include "base/percent.h"
#include "contract/topics.h"
#include "gate/gate.h"
#include "gate/judgement.h"

/* Bytes for the scopes or logins that a refusal lists. */
#define REFUSAL_NAMES 128u

/* ---- channel and permission ---------------------------------------------------------- */

const struct contract_match *permission_channel(struct gate *gate, const char *topic, size_t len)
{
	if (len > 0 && len == gate->memo_len && memcmp(topic, gate->memo_topic, len) == 0)
		return &gate->memo;
	gate->memo_len = 0;
	if (len <= sizeof(gate->memo_topic)) {
		/* The match points into its topic: match our copy, which stays. */
		memcpy(gate->memo_topic, topic, len);
		gate->memo_len = len;
		topic = gate->memo_topic;
	}
	gate->memo_base = topic;
	topics_find(gate->rules->contract->topics, topic, len, &gate->memo);
	return &gate->memo;
}

static bool has_port(const uint16_t *list, size_t count, uint16_t port)
{
	for (size_t i = 0; i < count; i++)
		if (list[i] == port)
			return true;
	return false;
}

static inline struct permission_login login_of(const struct judgement *j)
{
	const struct contract *contract = j->gate->rules->contract;
	struct permission_login ret = { .method = j->request->method };

	if (contract->has_port_security && contract_has_port(contract, j->request->port))
		ret.port = j->request->port;
	return ret;
}

/* Does a client that is connected like this meet what @alternative asks of that? */
static bool is_connected(const struct contract_alternative *alternative,
			 struct permission_login login)
{
	if (alternative->methods & CONTRACT_NOBODY)
		return false;
	if (alternative->port > 0 && login.port > 0 && alternative->port != login.port)
		return false;
	return alternative->methods == 0 || login.method == GATE_LOGIN_ANY ||
	       (alternative->methods >> login.method & 1);
}

static inline enum gate_grant operation_grant(const struct contract_operation *operation,
					      struct permission_login login,
					      const struct scopeset *full,
					      const struct scopeset *own)
{
	enum gate_grant best = GATE_NONE;

	if (operation->alternative_count == 0)
		return GATE_FULL;
	for (size_t i = 0; i < operation->alternative_count; i++) {
		const struct contract_alternative *alternative = &operation->alternative[i];
		struct scopeset both = *full;

		if (!is_connected(alternative, login))
			continue;
		if (scopeset_covers(full, &alternative->scopes))
			return GATE_FULL;
		scopeset_merge(&both, own);
		if (scopeset_covers(&both, &alternative->scopes))
			best = GATE_OWN;
	}
	return best;
}

#define PARAMS_MAX (CONTRACT_PARAMS_MAX + CONTRACT_ALIASES_MAX)

/* The parameters of @match's topic, as the access room has them, by all of their names. */
static inline size_t take_params(const struct contract_match *match,
				 struct access_param param[static PARAMS_MAX])
{
	const struct contract_channel *channel = match->channel;
	size_t count = channel->param_count;

	for (size_t i = 0; i < count; i++)
		param[i] = (struct access_param){ .name = channel->param[i].name,
						  .text = match->param[i].text,
						  .len = match->param[i].len };
	for (size_t i = 0; i < channel->alias_count; i++) {
		param[count] = param[channel->alias[i].param];
		param[count++].name = channel->alias[i].name;
	}
	return count;
}

/*
 * Is the operation one that a grant of the principal admits to? @is_some: as for access_hold().
 */
static __attribute__((noinline)) bool is_granted(const struct rules *rules,
						 const struct access_principal *principal,
						 const struct contract_operation *operation,
						 const struct contract_match *match, bool is_some)
{
	struct access_param param[PARAMS_MAX];
	struct grantset grants;
	size_t count;

	if (!principal->has_grants || !rules->admits)
		return false;
	if (principal->rule_count == 0)
		return grantset_meets(&principal->grants, rules->admits[operation->index]);
	count = take_params(match, param);
	access_hold_grants(principal, param, count, is_some, &grants);
	return grantset_meets(&grants, rules->admits[operation->index]);
}

/* What the principal has on @match's topic, where it is not the same on all. */
static inline struct access_held hold_on(const struct access_principal *principal,
					 const struct contract_match *match, bool is_some)
{
	struct access_param param[PARAMS_MAX];
	struct access_held held;
	size_t count = take_params(match, param);

	access_hold(principal, param, count, is_some, &held);
	return held;
}

static inline enum gate_grant grant(const struct rules *rules,
				    const struct access_principal *principal,
				    struct permission_login login,
				    const struct contract_operation *operation,
				    const struct contract_match *match, bool is_some)
{
	struct access_held held;

	if (operation->party != CONTRACT_ANYBODY &&
	    !is_granted(rules, principal, operation, match, is_some))
		return GATE_NONE;
	if (principal->rule_count == 0)
		return operation_grant(operation, login, &principal->full, &principal->own);
	held = hold_on(principal, match, is_some);
	return operation_grant(operation, login, &held.full, &held.own);
}

__attribute__((noinline)) enum gate_grant
permission_best(const struct rules *rules, const struct access_principal *principal,
		struct permission_login login, const struct contract_operation *operation,
		size_t count, const struct contract_match *match)
{
	enum gate_grant best = GATE_NONE;

	for (size_t i = 0; i < count && best != GATE_FULL; i++) {
		enum gate_grant has = grant(rules, principal, login, &operation[i], match, true);

		if (has > best)
			best = has;
	}
	return best;
}

enum gate_grant permission_grant_all(const struct judgement *j,
				     const struct contract_operation *operation,
				     const struct contract_match *match)
{
	return grant(j->gate->rules, j->principal, login_of(j), operation, match, false);
}

enum gate_grant permission_holds(const struct judgement *j, unsigned scope)
{
	const struct scopeset *full = &j->principal->full, *own = &j->principal->own;
	struct access_held held;

	if (j->principal->rule_count > 0) {
		held = hold_on(j->principal, j->match, true);
		full = &held.full;
		own = &held.own;
	}
	return scopeset_has(full, scope)  ? GATE_FULL
	       : scopeset_has(own, scope) ? GATE_OWN
					  : GATE_NONE;
}

/*
 * A wildcard in the place of an owner's level reaches its own as well, and each delivery is
 * judged again. It must be asked for by name, "refusals/+/+": that "#" of a client that may read
 * nothing else is refused says more than silence.
 */
static bool is_named(const struct judgement *j, const struct contract_channel *channel)
{
	size_t len = j->request->message.topic_len, head = strcspn(channel->address, "{");
	const char *filter = topics_unshare(j->request->message.topic, &len);

	while (head > 0 && channel->address[head - 1] != '/')
		head--; /* of "dev-{id}" no filter has a part */
	return len > head && memcmp(filter, channel->address, head) == 0;
}

/* What owns a level of the kind @own, for the client that asks; NULL: it has no such thing. */
static const char *owner_of(const struct judgement *j, enum contract_own own)
{
	return own == CONTRACT_OWN_PRINCIPAL ? j->principal->name : j->request->client_id;
}

/* Is what @match is about for the asking client alone? Its levels stand in the topic. */
static bool is_addressed(const struct judgement *j, const struct contract_match *match)
{
	bool is_own = false;

	for (size_t i = 0; i < match->channel->param_count; i++) {
		enum contract_own own = match->channel->param[i].own;
		const struct contract_span *span = &match->param[i];
		char level[PERCENT_LEVEL_MAX + 1];
		const char *owner;
		size_t len;

		if (own == CONTRACT_OWN_NONE)
			continue;
		owner = owner_of(j, own);
		len = owner ? percent_level(owner, level) : 0;
		if (len == 0 || (!span->text && !is_named(j, match->channel)))
			return false;
		if (span->text && (span->len != len || memcmp(span->text, level, len) != 0))
			return false;
		is_own = true;
	}
	return is_own;
}

/*
 * Is the client on a listener of the channel's servers? A port that no server of the document has,
 * such as one behind a forwarded port, says nothing.
 */
__attribute__((cold)) static bool is_served(const struct judgement *j,
					    const struct contract_channel *channel)
{
	const struct contract *contract = j->gate->rules->contract;
	uint16_t port = j->request->port;

	return port == 0 || has_port(channel->port, channel->port_count, port) ||
	       !contract_has_port(contract, port);
}

enum gate_grant permission_receive(const struct judgement *j, const struct contract_match *match)
{
	const struct contract_channel *channel = match->channel;
	enum gate_grant has =
		channel->receive_count == 1
			? grant(j->gate->rules, j->principal, login_of(j), channel->receive, match,
				true)
			: permission_best(j->gate->rules, j->principal, login_of(j),
					  channel->receive, channel->receive_count, match);

	if (channel->port_count > 0 && !is_served(j, channel))
		return GATE_NONE;
	return has != GATE_FULL && is_addressed(j, match) ? GATE_FULL : has;
}

/* Which of several operations admit the publish, and the best of them. */
__attribute__((noinline)) static enum gate_grant find_admitting(struct judgement *j)
{
	const struct contract_channel *channel = j->match->channel;
	const struct scopeset *full = &j->principal->full, *own = &j->principal->own;
	struct access_held held;

	if (j->principal->rule_count > 0) {
		held = hold_on(j->principal, j->match, true);
		full = &held.full;
		own = &held.own;
	}
	for (size_t i = 0; i < channel->send_count; i++) {
		const struct contract_operation *operation = &channel->send[i];
		enum gate_grant has = GATE_NONE;

		if (operation->party == CONTRACT_ANYBODY ||
		    is_granted(j->gate->rules, j->principal, operation, j->match, true))
			has = operation_grant(operation, login_of(j), full, own);

		if (has == GATE_FULL)
			j->admit_full |= UINT64_C(1) << i;
		else if (has == GATE_OWN)
			j->admit_own |= UINT64_C(1) << i;
	}
	return j->admit_full ? GATE_FULL : j->admit_own ? GATE_OWN : GATE_NONE;
}

static enum gate_grant may_send(struct judgement *j)
{
	const struct contract_operation *operation = j->match->channel->send;
	enum gate_grant has;

	if (j->match->channel->send_count > 1)
		return find_admitting(j);
	has = grant(j->gate->rules, j->principal, login_of(j), operation, j->match, true);
	if (has != GATE_NONE)
		j->operation = operation;
	return has;
}

bool permission_scope(struct judgement *j)
{
	const struct contract_channel *channel = j->match->channel;
	bool is_send = j->request->action == GATE_PUBLISH;
	size_t count = is_send ? channel->send_count : channel->receive_count;

	if (count == 0)
		return judgement_refuse(j, REASON_DIRECTION, "channel %s has no %s operation",
					channel->name, is_send ? "send" : "receive");
	if (channel->port_count > 0 && !is_served(j, channel))
		return judgement_refuse(j, REASON_SCOPE_MISSING,
					"channel %s is on other servers than that of port %u",
					channel->name, j->request->port);
	switch (is_send ? may_send(j) : permission_receive(j, j->match)) {
	case GATE_FULL:
		return true;
	case GATE_OWN:
		j->is_own_needed = true;
		return true;
	case GATE_NONE:
		break;
	}
	return permission_refuse(j, is_send ? channel->send : channel->receive, count);
}

static bool is_shown(void *ctx, const struct contract_channel *channel)
{
	const struct judgement *j = ctx;

	return gate_shows(j->gate->rules, j->principal, j->request->method, channel);
}

/*
 * Nothing is said of a delivery, so nothing is looked for. No channel is named that the command
 * "contract" withholds from the principal.
 */
__attribute__((cold, noinline)) static bool refuse_topic(struct judgement *j)
{
	const struct message *message = &j->request->message;
	const struct contract_channel *nearest;
	char why[UNLISTED_WHY_MAX];

	if (j->request->action == GATE_DELIVER)
		return judgement_refuse(j, REASON_TOPIC_UNKNOWN, "topic unknown");
	nearest = topics_nearest(j->gate->rules->contract->topics, message->topic,
				 message->topic_len, is_shown, j);
	unlisted_rules_why(j, why);
	return judgement_refuse(
		j, REASON_TOPIC_UNKNOWN, "no channel of the contract has this topic%s%s%s",
		nearest ? "; the nearest is " : "", nearest ? nearest->address : "", why);
}

bool permission_topic(struct judgement *j)
{
	return j->match->channel || unlisted_rules_topic(j) || refuse_topic(j);
}

/* Appends @word to @ret, behind @between where something is there; one that does not fit is left
 * out. */
static void append(char ret[static REFUSAL_NAMES], const char *between, const char *word)
{
	size_t used = strlen(ret);
	int n = snprintf(ret + used, REFUSAL_NAMES - used, "%s%s", used ? between : "", word);

	if (n < 0 || (size_t)n >= REFUSAL_NAMES - used)
		ret[used] = '\0';
}

/* @operation is one of the channel that the request, or its filter, is about. */
static const char *name_of(const struct judgement *j, const struct contract_operation *operation)
{
	return contract_operation_name(j->match->channel ? j->match->channel : j->decision->channel,
				       operation);
}

/* Refuses because @operation, which is the principal's by its grants, asks for more. */
static bool refuse_needs(struct judgement *j, const struct contract_operation *operation,
			 size_t count)
{
	static const struct contract_alternative nothing;
	const struct contract_alternative *needs =
		operation->alternative_count > 0 ? operation->alternative : &nothing;
	const struct contract *contract = j->gate->rules->contract;
	const char *name = name_of(j, operation);
	uint16_t port = login_of(j).port;
	char names[REFUSAL_NAMES] = "", methods[REFUSAL_NAMES] = "", other[80] = "";

	for (size_t i = 0; port > 0 && i < operation->alternative_count; i++)
		if (operation->alternative[i].port == 0 || operation->alternative[i].port == port) {
			needs = &operation->alternative[i]; /* of the client's listener */
			break;
		}
	for (size_t i = 0; i < contract->scope_count; i++)
		if (scopeset_has(&needs->scopes, (unsigned)i))
			append(names, " ", contract->scope[i]);
	for (unsigned method = 0; method <= LOGIN_BOTH; method++)
		if (!is_connected(needs, login_of(j)) &&
		    (login_methods_told(needs->methods) >> method & 1))
			append(methods, " or ", login_method_name((enum login_method)method));
	if (count > 1)
		(void)snprintf(other, sizeof(other), "; the channel's other %s not admit it either",
			       count > 2 ? "operations do" : "operation does");
	if (needs->methods & CONTRACT_NOBODY)
		return judgement_refuse(
			j, REASON_SCOPE_MISSING,
			"operation %s asks for a login that this broker does not have%s", name,
			other);
	if (methods[0])
		return judgement_refuse(j, REASON_SCOPE_MISSING,
					"operation %s needs a login by %s, which %s lacks%s", name,
					methods, j->principal->name, other);
	return judgement_refuse(j, REASON_SCOPE_MISSING,
				"operation %s needs the scope %s, which %s lacks%s", name, names,
				j->principal->name, other);
}

/* Is one of the operations granted to the principal on topics with other parameters? */
static bool is_granted_elsewhere(const struct judgement *j,
				 const struct contract_operation *operation, size_t count)
{
	const struct contract_match open = { .channel = j->match->channel ? j->match->channel
									  : j->decision->channel };

	for (size_t i = 0; i < count; i++)
		if (is_granted(j->gate->rules, j->principal, &operation[i], &open, true))
			return true;
	return false;
}

/* Refuses because the principal has none of the grants that @operation and the others ask for. */
static bool refuse_ungranted(struct judgement *j, const struct contract_operation *operation,
			     size_t count)
{
	const struct contract *contract = j->gate->rules->contract;
	char parties[REFUSAL_NAMES] = "";

	for (size_t i = 0; i < count; i++) {
		char party[REFUSAL_NAMES];

		(void)snprintf(party, sizeof(party), "%s \"%s\"",
			       operation[i].party == CONTRACT_IS ? "is" : "talks to",
			       contract->application[operation[i].application].name);
		if (!strstr(parties, party))
			append(parties, " or ", party);
	}
	return judgement_refuse(j, REASON_SCOPE_MISSING,
				"operation %s is for who %s: no role of %s says so%s",
				name_of(j, operation),
				parties[0] ? parties : "is another application", j->principal->name,
				is_granted_elsewhere(j, operation, count)
					? " of this topic (its \"where\" names others)"
					: "");
}

bool permission_refuse(struct judgement *j, const struct contract_operation *operation,
		       size_t count)
{
	/* Of a filter, every parameter is open. */
	const struct contract_match open = { .channel = j->decision->channel };
	const struct contract_match *match = j->match->channel ? j->match : &open;

	for (size_t i = 0; i < count && j->request->action != GATE_DELIVER; i++)
		if (operation[i].party == CONTRACT_ANYBODY ||
		    (operation[i].alternative_count > 0 &&
		     is_granted(j->gate->rules, j->principal, &operation[i], match, true)))
			return refuse_needs(j, &operation[i], count);
	return j->request->action == GATE_DELIVER
		       ? judgement_refuse(j, REASON_SCOPE_MISSING, "scope missing")
		       : refuse_ungranted(j, operation, count);
}

/* ---- ownership ----------------------------------------------------------------------- */

static bool is_attributed_as(const struct judgement *j, const char *name,
			     const struct contract_span *span)
{
	return span->text && access_attribute_has(j->principal, name, span->text, span->len);
}

static bool is_attributed(const struct judgement *j, const struct contract_match *match)
{
	const struct contract_channel *channel = match->channel;

	for (size_t i = 0; i < channel->param_count; i++)
		if (is_attributed_as(j, channel->param[i].name, &match->param[i]))
			return true;
	for (size_t i = 0; i < channel->alias_count; i++)
		if (is_attributed_as(j, channel->alias[i].name,
				     &match->param[channel->alias[i].param]))
			return true;
	return false;
}

/*
 * The owner of the entity that @match is about: its own, or that of the entity it links to.
 * *ret is "" where no owner is known. False: refused, the store can't be asked.
 */
static bool find_owner(struct judgement *j, const struct contract_match *match, const char **ret)
{
	const struct contract_mapping *mapping = match->channel->mapping;
	const struct contract_span *id = &match->param[mapping->param];
	struct ledger_state state;
	char link[ENTITY_ID_MAX + 1];

	*ret = "";
	if (!judgement_look(j, mapping->entity, id->text, id->len, &state))
		return false;
	if (!state.is_known)
		return true;
	*ret = state.owner;
	if (state.owner[0] || !mapping->entity->owner_entity || !state.link[0])
		return true;
	(void)snprintf(link, sizeof(link), "%s", state.link); /* the next look replaces it */
	if (!judgement_look(j, mapping->entity->owner_entity, link, strlen(link), &state))
		return false;
	*ret = state.is_known ? state.owner : "";
	return true;
}

bool permission_is_own(struct judgement *j, const struct contract_match *match)
{
	const struct contract_mapping *mapping = match->channel->mapping;
	const char *owner;

	if (is_attributed(j, match))
		return true;
	if (!mapping || !match->param[mapping->param].text)
		return false;
	return find_owner(j, match, &owner) && strcmp(owner, j->principal->name) == 0;
}

bool permission_own(struct judgement *j)
{
	if (!j->is_own_needed || permission_is_own(j, j->match))
		return true;
	if (j->decision->reason == REASON_STORE_UNAVAILABLE)
		return false;
	return judgement_refuse(j, REASON_NOT_OWNER,
				"%s may act only on what belongs to it; this does not",
				j->principal->name);
}
