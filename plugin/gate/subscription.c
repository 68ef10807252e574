/*
 * subscription.c -- may this filter be subscribed to?
 *
 * A filter is granted when the principal may read at least one channel that it can reach, or topics
 * that no channel has (x-unlisted), because each delivery is judged again. A shared filter
 * ("$share/group/filter") is granted only when the principal may read everything that it can reach:
 * the broker gives each message to one member of the group, and a message that this member may not
 * read would be lost to the group.
 */
#include "contract/topics.h"
#include "gate/judgement.h"

struct reach {
	struct judgement *j;
	const struct contract_channel *forbidden; /* one that was reached but is not readable */
	bool is_other;                            /* since it is someone else's */
	bool is_observed;                         /* one of those is only observed */
};

static bool has_wildcard(const struct contract_match *match)
{
	for (size_t i = 0; i < match->channel->param_count; i++)
		if (!match->param[i].text)
			return true;
	return false;
}

static bool is_readable(const struct contract_match *match, void *ctx)
{
	struct reach *reach = ctx;
	struct judgement *j = reach->j;
	enum contract_mode mode = match->channel->mode[CONTRACT_PERMISSION];
	enum gate_grant grant;

	if (match->channel->receive_count == 0)
		return false;
	grant = mode == CONTRACT_OFF ? GATE_FULL : permission_receive(j, match);
	/* A wildcard may reach what is one's own: each delivery is judged again. */
	if (grant == GATE_FULL ||
	    (grant == GATE_OWN && (has_wildcard(match) || permission_is_own(j, match))))
		return true;
	reach->forbidden = match->channel;
	reach->is_other = grant == GATE_OWN;
	reach->is_observed |= mode == CONTRACT_OBSERVE;
	return false;
}

static bool refuse_filter(struct judgement *j, const struct reach *reach)
{
	char why[UNLISTED_WHY_MAX];

	if (!reach->forbidden) {
		unlisted_rules_why(j, why);
		return judgement_refuse(j, REASON_FILTER_UNREACHABLE,
					"no channel of the contract lies under this filter%s", why);
	}
	j->decision->channel = reach->forbidden;
	if (reach->is_other)
		return judgement_refuse(j, REASON_NOT_OWNER,
					"%s may read only what belongs to it; this does not",
					j->principal->name);
	return permission_refuse(j, reach->forbidden->receive, reach->forbidden->receive_count);
}

/* A filter is granted when some channel it can reach is readable, or some unlisted topic. */
static bool is_granted(struct judgement *j)
{
	enum contract_mode mode = j->gate->rules->contract->defaults.mode[CONTRACT_PERMISSION];
	struct reach reach = { .j = j };
	bool is_reachable =
		topics_reach(j->gate->rules->contract->topics, j->request->message.topic,
			     j->request->message.topic_len, is_readable, &reach);
	bool is_observed, is_unlisted;

	j->decision->asked |= 1u << GATE_STEP_TOPIC;
	if (is_reachable || reach.forbidden)
		j->decision->asked |= 1u << GATE_STEP_SCOPE;
	/* A store that could not be asked does not matter here: deliveries are judged again. */
	if (is_reachable || (!reach.forbidden && mode == CONTRACT_OFF))
		return true;
	is_unlisted = unlisted_rules_filter(j, &is_observed);
	if (is_unlisted && !is_observed)
		return true;
	j->decision->failed |= 1u << (reach.forbidden ? GATE_STEP_SCOPE : GATE_STEP_TOPIC);
	(void)refuse_filter(j, &reach);
	is_observed |= reach.forbidden ? reach.is_observed : mode == CONTRACT_OBSERVE;
	return is_observed && judgement_observe(j);
}

/*
 * Would something that is published here, and that others may read, be refused to the principal?
 * Of a channel whose permissions are not enforced everything is delivered.
 */
static bool is_swallowed(const struct contract_match *match, void *ctx)
{
	struct reach *reach = ctx;

	if (match->channel->receive_count == 0 ||
	    match->channel->mode[CONTRACT_PERMISSION] != CONTRACT_ENFORCE)
		return false;
	for (size_t i = 0; i < match->channel->receive_count; i++)
		if (permission_grant_all(reach->j, &match->channel->receive[i], match) == GATE_FULL)
			return false;
	reach->forbidden = match->channel;
	return true;
}

static bool check_share_unlisted(struct judgement *j)
{
	if (!unlisted_rules_swallows(j))
		return true;
	j->decision->failed |= 1u << GATE_STEP_TOPIC;
	return judgement_refuse(j, REASON_SHARE_PARTIAL,
				"this shared filter reaches topics that no channel has, which %s "
				"may not read: it would take their messages from the group",
				j->principal->name);
}

static bool check_share(struct judgement *j)
{
	struct reach reach = { .j = j };

	if (!topics_reach(j->gate->rules->contract->topics, j->request->message.topic,
			  j->request->message.topic_len, is_swallowed, &reach))
		return check_share_unlisted(j);
	j->decision->channel = reach.forbidden;
	j->decision->failed |= 1u << GATE_STEP_SCOPE;
	return judgement_refuse(j, REASON_SHARE_PARTIAL,
				"this shared filter reaches channel %s, of which %s may not read "
				"every message: it would take them from the group",
				reach.forbidden->name, j->principal->name);
}

bool subscription_judge(struct judgement *j)
{
	return is_granted(j) &&
	       (!topics_is_shared(j->request->message.topic, j->request->message.topic_len) ||
		check_share(j));
}
