/*
 * rules_access.c -- what the contract offers to the access file, and the access object made of
 * both.
 */
#include <string.h>

#include "contract/topics.h"
#include "gate/rules_internal.h"

/* ---- applications ------------------------------------------------------------------------ */

static int find_application(const void *ctx, const char *name)
{
	return contract_application(ctx, name);
}

static bool has_operation(const void *ctx, unsigned application, const char *name)
{
	return contract_has_operation(ctx, application, name);
}

static const char *application(const void *ctx, size_t number)
{
	const struct contract *contract = ctx;

	return number < contract->application_count ? contract->application[number].name : NULL;
}

static const char *operation(const void *ctx, unsigned number, size_t i)
{
	const struct contract_application *its =
		&((const struct contract *)ctx)->application[number];

	return i < its->operation_count ? its->operation[i] : NULL;
}

/* ---- parameters and scopes --------------------------------------------------------------- */

static bool has_param(const void *ctx, const char *name)
{
	const struct contract *contract = ctx;

	for (size_t i = 0; i < contract->channel_count; i++) {
		const struct contract_channel *channel = &contract->channel[i];

		for (size_t p = 0; p < channel->param_count; p++)
			if (strcmp(channel->param[p].name, name) == 0)
				return true;
		for (size_t a = 0; a < channel->alias_count; a++)
			if (strcmp(channel->alias[a].name, name) == 0)
				return true;
	}
	return false;
}

static bool is_any(const struct contract_match *match, void *ctx)
{
	(void)match;
	(void)ctx;
	return true;
}

static bool has_topic(const void *ctx, const char *filter)
{
	const struct contract *contract = ctx;

	return topics_reach(contract->topics, filter, strlen(filter), is_any, NULL);
}

static void add_scopes(const struct contract_operation *operation, size_t count,
		       struct scopeset *set)
{
	for (size_t o = 0; o < count; o++)
		for (size_t i = 0; i < operation[o].alternative_count; i++)
			scopeset_merge(set, &operation[o].alternative[i].scopes);
}

static void add_step_scopes(const struct contract_transitions *machine, struct scopeset *set)
{
	for (size_t i = 0; machine->scope && i < (machine->count + 1) * machine->count; i++)
		if (machine->scope[i])
			scopeset_add(set, machine->scope[i] - 1u);
}

/*
 * Scopes that only put a status right, or are for unlisted topics: held for one's own they are good
 * for nothing.
 */
static struct scopeset find_whole(const struct contract *contract)
{
	struct scopeset whole = contract->unlisted.send.scopes, others = { 0 };

	scopeset_merge(&whole, &contract->unlisted.receive.scopes);
	for (size_t i = 0; i < contract->channel_count; i++) {
		const struct contract_channel *channel = &contract->channel[i];
		const struct contract_transitions *machine =
			channel->mapping ? channel->mapping->transitions : NULL;

		add_scopes(channel->send, channel->send_count, &others);
		add_scopes(channel->receive, channel->receive_count, &others);
		if (!machine)
			continue;
		add_step_scopes(machine, &others);
		if (machine->correct >= 0)
			scopeset_add(&whole, (unsigned)machine->correct);
	}
	scopeset_remove(&whole, &others);
	return whole;
}

int rules_load_access(struct rules *rules, const struct access_file *file, struct diag *diag)
{
	const struct scopeset whole = find_whole(rules->contract);
	const struct access_offer offer = { .name = rules->contract->scope,
					    .count = rules->contract->scope_count,
					    .ctx = rules->contract,
					    .has_param = has_param,
					    .has_topic = has_topic,
					    .whole = &whole,
					    .find_application = find_application,
					    .has_operation = has_operation,
					    .application = application,
					    .operation = operation };
	const char *text;
	int rc = access_build(file, &offer, &rules->access, rules->parts->errors, diag);

	for (size_t i = 0; rc == 0 && (text = access_warning(rules->access, i)); i++)
		rules_add_warning(rules, text);
	return rc ? rc : rules_find_grants(rules, diag);
}
