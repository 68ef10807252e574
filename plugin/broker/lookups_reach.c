/*
 * lookups_reach.c -- which topics the events may have that who asks may read.
 *
 * Says rather too much than too little: each event is judged as well. A topic is known from a
 * channel's address where what stands in it is: the ids of the entities that belong to who asks,
 * its attributes, its name.
 */
#include <stdio.h>
#include <string.h>

#include "base/percent.h"
#include "broker/lookups_internal.h"

#define HEAD_MAX 512u           /* bytes of an address up to what is not known of it */
#define LAST "\xf4\x8f\xbf\xbf" /* a character that is in no topic, and above all others */

/* ---- the spots ----------------------------------------------------------------------------- */

/* Keeps two texts as one; NULL: there is no room. */
static const char *keep(struct lookups_reach *reach, const char *text, const char *more)
{
	size_t room = sizeof(reach->text) - reach->used;
	char *ret = reach->text + reach->used;
	int len = snprintf(ret, room, "%s%s", text, more);

	if (len < 0 || (size_t)len >= room)
		return NULL;
	reach->used += (size_t)len + 1;
	return ret;
}

static bool begins(const char *text, const char *with)
{
	return strncmp(text, with, strlen(with)) == 0;
}

static void take(struct lookups_reach *reach, const struct query_spot *spot)
{
	if (!spot->from || !spot->until || reach->few_count == QUERY_SPOTS_MAX)
		reach->is_all = true;
	else
		reach->few[reach->few_count++] = *spot;
}

/* Topics that begin with @head, or with @prefix where that is longer. */
static void add_range(struct lookups_reach *reach, const char *head, const char *prefix)
{
	struct query_spot spot = { .head = NULL };

	if (begins(prefix, head))
		head = prefix;
	else if (!begins(head, prefix))
		return;
	if (!head[0])
		reach->is_all = true;
	for (size_t i = 0; i < reach->few_count; i++) {
		const struct query_spot *other = &reach->few[i];

		if (!other->head && begins(head, other->from) && strstr(other->until, LAST))
			return; /* it has them already */
	}
	spot.from = keep(reach, head, "");
	spot.until = keep(reach, head, LAST);
	take(reach, &spot);
}

static void add_topic(struct lookups_reach *reach, const char *topic, const char *prefix)
{
	struct query_spot spot = { .head = NULL };

	if (!begins(topic, prefix))
		return;
	spot.from = keep(reach, topic, "");
	spot.until = keep(reach, topic, "\1");
	take(reach, &spot);
}

/* ---- addresses ----------------------------------------------------------------------------- */

/*
 * The address with what is known of its parameters, up to the first that is not; it ends there in
 * *rest. False: it is too long.
 */
static bool write_head(const struct contract_channel *channel, const char *const value[],
		       char ret[HEAD_MAX], const char **rest)
{
	const char *at = channel->address;
	size_t used = 0, i;

	while (*at) {
		size_t len = 1;
		const char *text = at;

		if (*at == '{') {
			for (i = 0; i < channel->param_count; i++) {
				len = strlen(channel->param[i].name);
				if (strncmp(at + 1, channel->param[i].name, len) == 0 &&
				    at[1 + len] == '}')
					break;
			}
			if (i == channel->param_count || !value[i])
				break;
			at += len + 1;
			text = value[i];
			len = strlen(text);
		}
		if (used + len >= HEAD_MAX)
			return false;
		memcpy(ret + used, text, len);
		used += len;
		at++;
	}
	ret[used] = '\0';
	*rest = at;
	return true;
}

/* Topics of the channel whose parameters have these values (NULL: any). */
static void add_known(struct lookups_reach *reach, const struct contract_channel *channel,
		      const char *const value[], const char *prefix)
{
	char head[HEAD_MAX];
	const char *rest;

	if (!write_head(channel, value, head, &rest))
		reach->is_all = true;
	else if (*rest)
		add_range(reach, head, prefix);
	else
		add_topic(reach, head, prefix);
}

/* ---- what belongs to who asks ---------------------------------------------------------------- */

static void add_attribute(struct lookup *lookup, const struct contract_channel *channel,
			  const char *name, size_t param, const char *prefix,
			  struct lookups_reach *reach)
{
	const struct access_principal *principal = lookup->who.principal;
	const char *value[CONTRACT_PARAMS_MAX] = { NULL };

	for (size_t i = 0; i < principal->attribute_count; i++) {
		const struct access_attribute *attribute = &principal->attribute[i];

		if (strcmp(attribute->name, name) != 0)
			continue;
		for (size_t k = 0; k < attribute->value_count; k++) {
			value[param] = attribute->value[k];
			add_known(reach, channel, value, prefix);
		}
	}
}

static void add_attributes(struct lookup *lookup, const struct contract_channel *channel,
			   const char *prefix, struct lookups_reach *reach)
{
	for (size_t i = 0; i < channel->param_count; i++)
		add_attribute(lookup, channel, channel->param[i].name, i, prefix, reach);
	for (size_t i = 0; i < channel->alias_count; i++)
		add_attribute(lookup, channel, channel->alias[i].name, channel->alias[i].param,
			      prefix, reach);
}

static void add_addressed(struct lookup *lookup, const struct contract_channel *channel,
			  const char *prefix, struct lookups_reach *reach)
{
	char level[CONTRACT_PARAMS_MAX][PERCENT_LEVEL_MAX + 1];
	const char *value[CONTRACT_PARAMS_MAX] = { NULL };
	bool is_own = false;

	for (size_t i = 0; i < channel->param_count; i++) {
		enum contract_own own = channel->param[i].own;

		if (own == CONTRACT_OWN_NONE)
			continue;
		if (percent_level(own == CONTRACT_OWN_PRINCIPAL ? lookup->who.principal->name
								: lookup->who.client_id,
				  level[i]) == 0)
			return; /* nothing is for it */
		value[i] = level[i];
		is_own = true;
	}
	if (is_own)
		add_known(reach, channel, value, prefix);
}

/* The same entities' topics are one spot, for what these have in common behind the id. */
static bool joins(struct lookups_reach *reach, const struct query_spot *spot)
{
	for (size_t i = 0; i < reach->few_count; i++) {
		struct query_spot *other = &reach->few[i];
		size_t len = 0;
		char tail[HEAD_MAX];

		if (!other->head || strcmp(other->head, spot->head) != 0 ||
		    strcmp(other->table, spot->table) != 0 || other->link_table != spot->link_table)
			continue;
		while (other->from[len] && other->from[len] == spot->from[len])
			len++;
		(void)snprintf(tail, sizeof(tail), "%.*s", (int)len, spot->from);
		other->from = keep(reach, tail, "");
		other->until = keep(reach, tail, LAST);
		reach->is_all |= !other->from || !other->until;
		return true;
	}
	return false;
}

/* Of its entities: those with its name, and those of which another's says whose they are. */
static void add_owned(struct lookup *lookup, const struct contract_channel *channel,
		      const char *prefix, struct lookups_reach *reach)
{
	const struct contract_mapping *mapping = channel->mapping;
	const struct entity *entity = mapping->entity;
	const char *const none[CONTRACT_PARAMS_MAX] = { NULL };
	const char *name = channel->param[mapping->param].name, *rest;
	struct query_spot spot = { .table = entity->table, .owner = lookup->who.principal->name };
	char head[HEAD_MAX], tail[HEAD_MAX];
	size_t len;

	if (!write_head(channel, none, head, &rest) || strncmp(rest + 1, name, strlen(name)) != 0 ||
	    rest[1 + strlen(name)] != '}') {
		add_known(reach, channel, none,
			  prefix); /* the id stands behind what is not known */
		return;
	}
	if (!begins(prefix, head) && !begins(head, prefix))
		return;
	rest += strlen(name) + 2;
	len = strcspn(rest, "{");
	(void)snprintf(tail, sizeof(tail), "%.*s", (int)len, rest);
	spot.head = keep(reach, head, "");
	spot.from = keep(reach, tail, "");
	spot.until = keep(reach, tail, rest[len] ? LAST : "\1");
	if (!spot.head || !spot.from || !spot.until) {
		reach->is_all = true;
		return;
	}
	if (!joins(reach, &spot))
		take(reach, &spot);
	if (!entity->owner_entity || entity->link_column < 0)
		return;
	spot.link_column = entity->column[entity->link_column].name;
	spot.link_table = entity->owner_entity->table;
	if (!joins(reach, &spot))
		take(reach, &spot);
}

/* ---- few or many ----------------------------------------------------------------------------- */

/* Has it more rows than are to be looked up? Of what belongs to somebody: does it own more? */
static bool is_many(struct lookup *lookup, const struct query_spot *spot, bool *ret)
{
	const struct query_filter owner = { "owner", QUERY_IS, spot->owner };
	const char *const column[] = { spot->head ? "owner" : "topic" };
	struct query_wanted wanted = { .table = "events",
				       .spot_count = 1,
				       .spot = spot,
				       .by = "topic",
				       .column_count = 1,
				       .column = column };

	if (spot->head) {
		wanted.table = spot->link_table ? spot->link_table : spot->table;
		wanted.filter = &owner;
		wanted.filter_count = 1;
		wanted.spot_count = 0;
		wanted.by = "owner";
	}
	return lookups_is_many(lookup, &wanted, ret);
}

/* A spot of entities becomes that of all such entities. */
static bool sort_spots(struct lookup *lookup, struct lookups_reach *reach)
{
	size_t count = reach->few_count;

	reach->few_count = 0;
	for (size_t i = 0; i < count; i++) {
		struct query_spot *spot = &reach->few[i];
		bool many;

		if (!is_many(lookup, spot, &many))
			return false;
		if (!many) {
			reach->few[reach->few_count++] = *spot;
			continue;
		}
		if (spot->head) {
			spot->from = spot->head;
			spot->until = keep(reach, spot->head, LAST);
			spot->head = NULL;
			reach->is_all |= !spot->until;
		}
		reach->many[reach->many_count++] = *spot;
	}
	return true;
}

bool lookups_find_reach(struct lookup *lookup, const char *prefix, struct lookups_reach *ret)
{
	const struct contract *contract = lookup->who.rules->contract;
	const char *const none[CONTRACT_PARAMS_MAX] = { NULL };
	bool has_all = true;

	*ret = (struct lookups_reach){ .is_all = gate_admits_unlisted(
					       lookup->who.rules, lookup->who.principal, false) };
	for (size_t i = 0; i < contract->channel_count && !ret->is_all; i++) {
		const struct contract_channel *channel = &contract->channel[i];
		enum gate_grant reach =
			gate_reach(&lookup->gate, lookup->who.principal, &lookup->asks, channel);

		has_all = has_all && reach == GATE_FULL;
		if (reach == GATE_FULL)
			add_known(ret, channel, none, prefix);
		if (reach != GATE_OWN)
			continue;
		add_addressed(lookup, channel, prefix, ret);
		add_attributes(lookup, channel, prefix, ret);
		if (channel->mapping)
			add_owned(lookup, channel, prefix, ret);
	}
	ret->is_all |= has_all;
	if (ret->is_all && prefix[0]) {
		ret->is_all = false;
		ret->few_count = ret->used = 0;
		add_range(ret, prefix, prefix);
	}
	if (!ret->is_all && !sort_spots(lookup, ret))
		return false;
	if (ret->is_all)
		ret->few_count = ret->many_count = 0;
	return true;
}
