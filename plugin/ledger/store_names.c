#include "ledger/store_names.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

static int check_columns(const struct entity *entity, struct diag *diag)
{
	if (entity->column_count > ENTITY_COLUMNS_MAX || entity->slot_count > ENTITY_SLOTS_MAX)
		return diag_set(diag, ERR_LIMIT, "table %s: more than %u columns or %u statuses",
				entity->table, ENTITY_COLUMNS_MAX, ENTITY_SLOTS_MAX);
	for (size_t i = 0; i < entity->column_count; i++) {
		const char *name = entity->column[i].name;

		if (!entity_is_name(name) || entity_is_own_column(name))
			return diag_set(diag, ERR_INVALID,
					"table %s: a column cannot be named '%s'", entity->table,
					name);
		for (size_t k = 0; k < i; k++)
			if (strcmp(name, entity->column[k].name) == 0)
				return diag_set(diag, ERR_INVALID, "table %s: column %s twice",
						entity->table, name);
	}
	return 0;
}

int store_check_plan(const struct entity_plan *plan, struct diag *diag)
{
	int rc;

	if (plan->entity_count > ENTITY_COUNT_MAX)
		return diag_set(diag, ERR_LIMIT, "more than %u entities", ENTITY_COUNT_MAX);
	for (size_t i = 0; i < plan->entity_count; i++) {
		const char *table = plan->entity[i].table;

		if (!entity_is_name(table) || entity_is_own_table(table))
			return diag_set(diag, ERR_INVALID, "a table cannot be named '%s'", table);
		for (size_t k = 0; k < i; k++)
			if (strcmp(table, plan->entity[k].table) == 0)
				return diag_set(diag, ERR_INVALID, "table %s twice", table);
		rc = check_columns(&plan->entity[i], diag);
		if (rc)
			return rc;
	}
	return 0;
}

void store_names_free(struct store_names *names)
{
	if (!names)
		return;
	arena_clear(&names->arena);
	free(names);
}

int store_mismatch(const char *path, const char *table, const char *column, const char *is,
		   const char *should, struct diag *diag)
{
	return diag_set(diag, ERR_INVALID,
			"%s: table %s: column %s is %s where the contract "
			"needs %s",
			path, table, column, is, should);
}

/* The column @name is there: which of the entity's it is, if any. */
static int take_column(const struct store_names *names, uint32_t number,
		       const struct entity *entity, struct store_numbers *ret, struct diag *diag)
{
	const struct store_name *name = &names->name[number];

	for (size_t i = 0; name->type && i < entity->column_count; i++) {
		const char *type = names->type_name(entity->column[i].type);

		if (strcmp(name->column, entity->column[i].name) != 0)
			continue;
		if (strcasecmp(name->type, type) != 0)
			return store_mismatch(names->path, name->table, name->column, name->type,
					      type, diag);
		ret->column[i] = number;
	}
	return 0;
}

int store_names_find(const struct store_names *names, const struct entity *entity,
		     struct store_numbers *ret, struct diag *diag)
{
	size_t missing = 0;
	int rc = 0;

	*ret = (struct store_numbers){ 0 };
	for (uint32_t i = 1; rc == 0 && names && i <= names->last; i++) {
		if (!names->name[i].table || strcmp(names->name[i].table, entity->table) != 0)
			continue;
		if (*names->name[i].column)
			rc = take_column(names, i, entity, ret, diag);
		else
			ret->table = i;
	}
	for (size_t i = 0; i < entity->column_count; i++)
		missing += ret->column[i] == 0;
	if (rc == 0 && ret->table && names->name[ret->table].columns + missing > STORE_COLUMNS_MAX)
		return diag_set(diag, ERR_LIMIT, "%s: table %s: more than %u columns", names->path,
				entity->table, STORE_COLUMNS_MAX);
	return rc;
}
