/*
 * access_grants.c -- `is`, `talksTo` and `operations` of a role: which applications it is, which it
 * is the counterpart of, and for which of their operations.
 */
#include "access/access_internal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/suggest.h"

#define LISTED_BYTES 200u /* of the names that a fault lists */

/* One role's three lists while they are read. */
struct grants_of_role {
	const struct config *is, *talks_to, *operations;
	const char **operation; /* copies, sorted */
	size_t operation_count;
};

/* ---- what there is, for people ---------------------------------------------------------- */

/* Names that may be meant, and all of them. */
struct hint {
	struct suggest near;
	char all[LISTED_BYTES];
	size_t used;
};

static void hint_add(struct hint *hint, const char *name)
{
	int n;

	suggest_add_name(&hint->near, name);
	if (hint->used >= sizeof(hint->all)) /* one before did not fit */
		return;
	n = snprintf(hint->all + hint->used, sizeof(hint->all) - hint->used, "%s\"%s\"",
		     hint->used ? ", " : "; there is ", name);
	if (n < 0 || (size_t)n >= sizeof(hint->all) - hint->used) {
		hint->all[hint->used] = '\0';
		hint->used = sizeof(hint->all);
	} else {
		hint->used += (size_t)n;
	}
}

/* "; did you mean ...?", or what there is as far as it fits. */
static const char *hint_text(struct hint *hint)
{
	const char *near = suggest_text(&hint->near);

	return near[0] ? near : hint->all;
}

static void hint_operations(const struct access_offer *offer, unsigned application,
			    struct hint *hint)
{
	const char *name;

	for (size_t i = 0;
	     offer->operation && (name = offer->operation(offer->ctx, application, i)); i++)
		hint_add(hint, name);
}

static bool refuse_application(struct access_reader *reader, const struct config *at, int answer)
{
	const struct access_offer *offer = reader->offer;
	struct hint hint = { .near = suggest_begin(at->text) };
	const char *name;

	if (answer == ACCESS_APPLICATION_TWO)
		return config_fail(
			&reader->report, at, NULL, ERR_INVALID,
			"several documents have the title \"%s\": name the one by its id",
			at->text);
	for (size_t i = 0; offer->application && (name = offer->application(offer->ctx, i)); i++)
		hint_add(&hint, name);
	return config_fail(&reader->report, at, NULL, ERR_INVALID,
			   "no document describes the application \"%s\"%s", at->text,
			   hint_text(&hint));
}

/* ---- operations ------------------------------------------------------------------------- */

static bool has_operation(const struct access_offer *offer, int application, const char *name)
{
	return application >= 0 && offer->has_operation &&
	       offer->has_operation(offer->ctx, (unsigned)application, name);
}

static int find_application(const struct access_offer *offer, const struct config *at)
{
	const char *name = config_string(at);

	return name && offer->find_application ? offer->find_application(offer->ctx, name)
					       : ACCESS_APPLICATION_NONE;
}

/* Has one of the role's applications this operation? Unknown applications have faults already. */
static bool is_operation(struct access_reader *reader, const struct grants_of_role *role,
			 const struct config *at)
{
	const struct config *const lists[] = { role->is, role->talks_to };
	const struct access_offer *offer = reader->offer;
	struct hint hint = { .near = suggest_begin(at->text) };
	bool is_unknown = false;

	for (size_t i = 0; i < 2; i++) {
		config_foreach_item(application, lists[i]) {
			int number = find_application(offer, application);

			if (has_operation(offer, number, at->text))
				return true;
			if (number >= 0)
				hint_operations(offer, (unsigned)number, &hint);
			is_unknown |= number < 0;
		}
	}
	return is_unknown || config_fail(&reader->report, at, NULL, ERR_INVALID,
					 "the role's applications have no operation \"%s\"%s",
					 at->text, hint_text(&hint));
}

static int compare_names(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static void read_operations(struct access_reader *reader, struct grants_of_role *role)
{
	const struct config *list = role->operations;

	if (!list || list->kind != CONFIG_ARRAY)
		return;
	if (!role->is && !role->talks_to)
		(void)config_fail(
			&reader->report, list, NULL, ERR_INVALID,
			"expected `is` or `talksTo` beside it, for whose operations these "
			"are");
	if (list->count == 0)
		(void)config_fail(&reader->report, list, NULL, ERR_INVALID,
				  "expected an operation's name");
	role->operation =
		access_room(reader, list, ACCESS_LIST_MAX, "operations", sizeof(*role->operation));
	if (!role->operation)
		return;
	config_foreach_item(at, list) {
		const char *name = NULL;

		if (!config_string(at))
			(void)config_fail(&reader->report, at, NULL, ERR_INVALID,
					  "expected an operation's name");
		else if (!(role->is || role->talks_to) || is_operation(reader, role, at))
			name = access_copy(reader, at->text, at->count);
		if (name)
			role->operation[role->operation_count++] = name;
	}
}

/* ---- grants ----------------------------------------------------------------------------- */

static bool is_same(const struct access_grant *a, const struct access_grant *b)
{
	if (a->application != b->application || a->is_counterpart != b->is_counterpart ||
	    a->operation_count != b->operation_count)
		return false;
	for (size_t i = 0; i < a->operation_count; i++)
		if (strcmp(a->operation[i], b->operation[i]) != 0)
			return false;
	return true;
}

/* Adds the number of @grant, which is a new one where no role before gives the same. */
static void add_grant(struct access_reader *reader, const struct config *at,
		      const struct access_grant *grant, struct grantset *ret)
{
	struct access *access = reader->access;
	unsigned number = 0;

	if (!access->grant)
		access->grant = access_take(reader, GRANTS_MAX, sizeof(*access->grant));
	if (!access->grant)
		return;
	while (number < access->grant_count && !is_same(&access->grant[number], grant))
		number++;
	if (number == GRANTS_MAX) {
		(void)config_fail(&reader->report, at, NULL, ERR_LIMIT,
				  "the roles give more than %u different grants", GRANTS_MAX);
		return;
	}
	if (number == access->grant_count)
		access->grant[access->grant_count++] = *grant;
	grantset_add(ret, number);
}

/* Of the role's operations those of @application; false, and a fault, where there are none. */
static bool choose_operations(struct access_reader *reader, const struct config *at,
			      const struct grants_of_role *role, struct access_grant *grant)
{
	const char **chosen = access_take(reader, role->operation_count, sizeof(*chosen));

	if (!chosen)
		return false;
	for (size_t i = 0; i < role->operation_count; i++)
		if (has_operation(reader->offer, (int)grant->application, role->operation[i]))
			chosen[grant->operation_count++] = role->operation[i];
	grant->operation = chosen;
	return grant->operation_count > 0 ||
	       config_fail(&reader->report, at, NULL, ERR_INVALID,
			   "none of the role's `operations` is one of \"%s\"", at->text);
}

static bool is_repeated(const struct config *list, const struct config *at)
{
	for (const struct config *other = list->item; other < at; other++)
		if (config_is(other, at->text))
			return true;
	return false;
}

static void read_applications(struct access_reader *reader, const struct grants_of_role *role,
			      const struct config *list, struct grantset *ret)
{
	if (config_count(list) > 0 &&
	    !config_bound(&reader->report, list, 0, ACCESS_LIST_MAX, "applications"))
		return;
	config_foreach_item(at, list) {
		struct access_grant grant = { .is_counterpart = list == role->talks_to };
		int number = find_application(reader->offer, at);

		if (!config_string(at)) {
			(void)config_fail(&reader->report, at, NULL, ERR_INVALID,
					  "expected an application's id or title");
			continue;
		}
		if (number < 0) {
			(void)refuse_application(reader, at, number);
			continue;
		}
		if (is_repeated(list, at))
			(void)config_fail(&reader->report, at, NULL, ERR_INVALID,
					  "the application \"%s\" stands here twice", at->text);
		grant.application = (unsigned)number;
		/* What is wrong with the operations has been said. */
		if (role->operations &&
		    (role->operation_count == 0 || !choose_operations(reader, at, role, &grant)))
			continue;
		add_grant(reader, at, &grant, ret);
	}
}

void access_read_grants(struct access_reader *reader, const struct config *at, struct grantset *ret)
{
	struct grants_of_role role = { .is = config_member(at, "is"),
				       .talks_to = config_member(at, "talksTo"),
				       .operations = config_member(at, "operations") };
	unsigned faults = reader->report.count;

	read_operations(reader, &role);
	if (role.operation_count > 0 && reader->report.count == faults)
		qsort(role.operation, role.operation_count, sizeof(*role.operation), compare_names);
	for (size_t i = 1; reader->report.count == faults && i < role.operation_count; i++)
		if (strcmp(role.operation[i - 1], role.operation[i]) == 0)
			(void)config_fail(&reader->report, role.operations, NULL, ERR_INVALID,
					  "the operation \"%s\" stands here twice",
					  role.operation[i]);
	read_applications(reader, &role, role.is, ret);
	read_applications(reader, &role, role.talks_to, ret);
}
