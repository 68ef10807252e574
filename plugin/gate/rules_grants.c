/*
 * rules_grants.c -- which grants of the access file admit to which operations of the contract.
 *
 * A grant is one side of an application, whole or by its operations (access/access.h). What is
 * worked out here is the other way round: for each operation of a party, the set of the grants that
 * admit to it. Operations that no grant names share the set of those that are whole.
 */
#include <stdlib.h>
#include <string.h>

#include "gate/rules_internal.h"

static bool is_named(const struct access_grant *grant, const char *name)
{
	for (size_t i = 0; i < grant->operation_count; i++)
		if (strcmp(grant->operation[i], name) == 0)
			return true;
	return false;
}

static bool is_side(const struct access_grant *grant, unsigned application, bool is_counterpart)
{
	return grant->application == application && grant->is_counterpart == is_counterpart;
}

/* The whole grants of each side of each application: two sets for each of them, or NULL. */
static struct grantset *find_whole(const struct rules *rules)
{
	struct grantset *whole = arena_take(&rules->parts->arena,
					    2 * rules->contract->application_count, sizeof(*whole));
	const struct access_grant *grant;

	for (unsigned i = 0; whole && (grant = access_grant(rules->access, i)); i++)
		if (grant->operation_count == 0)
			grantset_add(&whole[2 * grant->application + grant->is_counterpart], i);
	return whole;
}

/* The set of @operation: @whole, or one of its own where a grant names it. NULL: no memory. */
static const struct grantset *set_of(const struct rules *rules,
				     const struct contract_operation *operation,
				     const struct grantset *whole)
{
	bool is_counterpart = operation->party == CONTRACT_TALKS;
	const struct access_grant *grant;
	struct grantset *own = NULL;

	whole += 2 * operation->application + is_counterpart;
	for (unsigned i = 0; (grant = access_grant(rules->access, i)); i++) {
		if (!is_side(grant, operation->application, is_counterpart) ||
		    !is_named(grant, operation->name))
			continue;
		if (!own) {
			own = arena_take(&rules->parts->arena, 1, sizeof(*own));
			if (!own)
				return NULL;
			*own = *whole;
		}
		grantset_add(own, i);
	}
	return own ? own : whole;
}

static bool fill(const struct rules *rules, const struct contract_operation *operation,
		 size_t count, const struct grantset *whole, const struct grantset **ret)
{
	for (size_t i = 0; i < count; i++) {
		if (operation[i].party == CONTRACT_ANYBODY)
			continue;
		ret[operation[i].index] = set_of(rules, &operation[i], whole);
		if (!ret[operation[i].index])
			return false;
	}
	return true;
}

int rules_find_grants(struct rules *rules, struct diag *diag)
{
	const struct contract *contract = rules->contract;
	const struct grantset **admits, *whole;

	if (!rules->access || contract->party_count == 0)
		return 0;
	admits = arena_take(&rules->parts->arena, contract->party_count, sizeof(*admits));
	whole = find_whole(rules);
	if (!admits || !whole)
		return diag_nomem(diag);
	for (size_t i = 0; i < contract->channel_count; i++) {
		const struct contract_channel *channel = &contract->channel[i];

		if (!fill(rules, channel->send, channel->send_count, whole, admits) ||
		    !fill(rules, channel->receive, channel->receive_count, whole, admits))
			return diag_nomem(diag);
	}
	rules->admits = admits;
	return 0;
}
