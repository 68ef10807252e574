/*
 * view.c -- what may be seen: channels of the contract, and entities in the database, those of
 * which a channel's messages would be delivered.
 */
#include <string.h>

#include "gate/gate.h"
#include "gate/judgement.h"

/* A topic of the channel about the entity @id (NULL: any), its other levels open. */
static struct contract_match match_of(const struct contract_channel *channel, const char *id,
				      size_t len)
{
	struct contract_match ret = { .channel = channel };

	ret.param[channel->mapping->param] = (struct contract_span){ .text = id, .len = len };
	return ret;
}

static bool is_about(const struct contract_channel *channel, const struct entity *entity)
{
	return channel->mapping && channel->mapping->entity->index == entity->index &&
	       channel->receive_count > 0;
}

/* The least that is granted on all topics of @match, by the best of the channel's operations. */
static enum gate_grant grant_on(const struct judgement *j, const struct contract_match *match)
{
	const struct contract_channel *channel = match->channel;
	enum gate_grant best = GATE_NONE;

	if (permission_receive(j, match) == GATE_NONE)
		return GATE_NONE; /* also where it is on another server */
	for (size_t i = 0; i < channel->receive_count && best != GATE_FULL; i++) {
		enum gate_grant has = permission_grant_all(j, &channel->receive[i], match);

		if (has > best)
			best = has;
	}
	return best;
}

/* The columns that the channel's messages fill. */
static uint64_t columns_of(const struct contract_channel *channel)
{
	const struct contract_mapping *mapping = channel->mapping;
	uint64_t ret = 0;

	if (mapping->transitions)
		ret |= UINT64_C(1) << mapping->entity->slot[mapping->slot];
	for (size_t i = 0; i < mapping->fill_count; i++)
		ret |= UINT64_C(1) << mapping->fill[i].column;
	return ret;
}

static bool may_look(const struct access_principal *principal)
{
	return principal && !principal->is_disabled;
}

enum gate_grant gate_view(struct gate *gate, const struct access_principal *principal,
			  const struct gate_request *who, const struct entity *entity,
			  uint64_t *columns)
{
	const struct contract *contract = gate->rules->contract;
	struct decision decision = { .verdict = VERDICT_DENY };
	enum gate_grant best = GATE_NONE;
	bool is_whole = true;
	struct judgement j;

	*columns = 0;
	if (!may_look(principal))
		return GATE_NONE;
	judgement_begin(&j, gate, principal, who, &decision);
	for (size_t i = 0; i < contract->channel_count; i++) {
		const struct contract_channel *channel = &contract->channel[i];
		enum gate_grant has = GATE_FULL;
		struct contract_match match;

		if (!is_about(channel, entity))
			continue;
		match = match_of(channel, NULL, 0);
		if (grant_on(&j, &match) != GATE_FULL)
			has = permission_receive(&j, &match) != GATE_NONE ? GATE_OWN : GATE_NONE;
		if (has != GATE_NONE)
			*columns |= columns_of(channel);
		is_whole = is_whole && has == GATE_FULL;
		best = has > best ? has : best;
	}
	if (best != GATE_NONE && is_whole)
		*columns = GATE_WHOLE;
	return best;
}

bool gate_views(struct gate *gate, const struct access_principal *principal,
		const struct gate_request *who, const struct entity *entity, const char *id,
		size_t len, uint64_t *columns)
{
	const struct contract *contract = gate->rules->contract;
	struct decision decision = { .verdict = VERDICT_DENY };
	bool is_seen = false;
	struct judgement j;

	*columns = 0;
	if (!may_look(principal))
		return false;
	judgement_begin(&j, gate, principal, who, &decision);
	for (size_t i = 0; i < contract->channel_count; i++) {
		const struct contract_channel *channel = &contract->channel[i];
		struct contract_match match;
		enum gate_grant has;

		if (!is_about(channel, entity))
			continue;
		match = match_of(channel, id, len);
		has = grant_on(&j, &match);
		if (has != GATE_FULL && !(has == GATE_OWN && permission_is_own(&j, &match)))
			continue;
		is_seen = true;
		*columns |= columns_of(channel);
	}
	return is_seen;
}

bool gate_receives_all(struct gate *gate, const struct access_principal *principal,
		       const struct gate_request *who, const struct contract_channel *channel)
{
	const struct contract_match match = { .channel = channel };
	struct decision decision = { .verdict = VERDICT_DENY };
	struct judgement j;

	if (!may_look(principal) || channel->receive_count == 0)
		return false;
	judgement_begin(&j, gate, principal, who, &decision);
	return grant_on(&j, &match) == GATE_FULL;
}

static bool has_addressee(const struct contract_channel *channel)
{
	for (size_t i = 0; i < channel->param_count; i++)
		if (channel->param[i].own != CONTRACT_OWN_NONE)
			return true;
	return false;
}

enum gate_grant gate_may(const struct rules *rules, const struct access_principal *principal,
			 enum login_method method, const struct contract_channel *channel,
			 bool is_send)
{
	const struct contract_match open = { .channel = channel };
	size_t count = is_send ? channel->send_count : channel->receive_count;
	enum gate_grant has;

	if (count == 0)
		return GATE_NONE;
	if (channel->mode[CONTRACT_PERMISSION] != CONTRACT_ENFORCE)
		return GATE_FULL;
	has = gate_grant(rules, principal, method, is_send ? channel->send : channel->receive,
			 count, &open);
	return has == GATE_NONE && !is_send && has_addressee(channel) ? GATE_OWN : has;
}

bool gate_shows(const struct rules *rules, const struct access_principal *principal,
		enum login_method method, const struct contract_channel *channel)
{
	return gate_may(rules, principal, method, channel, true) != GATE_NONE ||
	       gate_may(rules, principal, method, channel, false) != GATE_NONE;
}

enum gate_grant gate_reach(struct gate *gate, const struct access_principal *principal,
			   const struct gate_request *who, const struct contract_channel *channel)
{
	const struct contract_match match = { .channel = channel };
	struct decision decision = { .verdict = VERDICT_DENY };
	enum gate_grant ret;
	struct judgement j;

	if (!may_look(principal) || channel->receive_count == 0)
		return GATE_NONE;
	if (gate_mode(gate, channel, CONTRACT_PERMISSION) != CONTRACT_ENFORCE)
		return GATE_FULL;
	judgement_begin(&j, gate, principal, who, &decision);
	ret = permission_receive(&j, &match);
	return ret == GATE_NONE && has_addressee(channel) ? GATE_OWN : ret;
}
