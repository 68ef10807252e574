/*
 * lookups_rows.c -- listEntities: the rows of one kind, latest change first, page by page.
 *
 * Of few rows, which an index finds, the order is made by a sort; that of many comes from an index,
 * where one has it (lookups_changed.c), and they are read whole a batch at a time.
 */
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "broker/lookups_internal.h"
#include "report/rowjson.h"

struct entity_list {
	struct lookup *lookup;
	const struct entity *entity;
	struct lookups_view view;
	uint64_t needs; /* columns that the question is about */
	bool is_full;
	size_t seen;
	struct lookups_spot last;                /* the row that was looked at last; id "": none */
	struct lookups_spot at[LOOKUPS_AT_ONCE]; /* that are looked at together */
};

static bool on_row(const struct query_row *row, void *ctx)
{
	struct entity_list *list = ctx;
	struct lookups_spot at;
	uint64_t columns;

	list->seen++;
	if (!lookups_take_text(row, "id", at.id, sizeof(at.id)) ||
	    !lookups_take_text(row, "updated_at", at.time, sizeof(at.time)))
		return true; /* not the plugin's: nobody can go on behind it */
	if (list->last.id[0] && !lookups_is_behind(&at, &list->last))
		return true; /* it has changed meanwhile, and stands further in front */
	if (list->view.columns != GATE_WHOLE)
		lookups_learn(list->lookup, list->entity, row);
	if (lookups_may_see(list->lookup, list->entity, &list->view, at.id, &columns) &&
	    !(list->needs & ~columns) &&
	    !lookups_add_take(list->lookup, lookups_row(list->entity, row, columns))) {
		list->is_full = true;
		return false;
	}
	list->last = at;
	return true;
}

/* Rows that the principal could own: its attributes' values may be their ids. False: too many. */
static bool set_own(const struct lookup *lookup, const struct entity *entity,
		    const char *id[QUERY_OWN_IDS_MAX], struct query_own *ret)
{
	const struct access_principal *principal = lookup->who.principal;

	*ret = (struct query_own){ .owner = principal->name, .id = id };
	if (entity->owner_entity && entity->link_column >= 0) {
		ret->link_column = entity->column[entity->link_column].name;
		ret->link_table = entity->owner_entity->table;
	}
	for (size_t i = 0; i < principal->attribute_count; i++) {
		const struct access_attribute *attribute = &principal->attribute[i];

		if (attribute->value_count > QUERY_OWN_IDS_MAX - ret->id_count)
			return false;
		for (size_t k = 0; k < attribute->value_count; k++)
			id[ret->id_count++] = attribute->value[k];
	}
	return true;
}

/* "TIME ID", or that sealed, as it was given. False: it is none, which is said. */
static bool read_after(struct lookup *lookup, struct lookups_spot *ret)
{
	const char *after = lookup->members.after, *space;
	char text[SEAL_TEXT_MAX + 1];
	int64_t ms;

	if (!after)
		return true;
	if (seal_open(&lookup->lookups->seal, after, text))
		after = text;
	space = strchr(after, ' ');
	if (!space || !space[1] || (size_t)(space - after) >= sizeof(ret->time) ||
	    strlen(space + 1) > ENTITY_ID_MAX || !clock_parse(after, (size_t)(space - after), &ms))
		return lookups_fail(lookup, NULL, "after: is none that was given");
	memcpy(ret->time, after, (size_t)(space - after));
	ret->time[space - after] = '\0';
	(void)strcpy(ret->id, space + 1);
	return true;
}

static bool set_filters(struct lookup *lookup, const struct entity *entity,
			char end[ENTITY_ID_MAX + 2], struct query_filter *filter, size_t *count)
{
	const struct control_members *asked = &lookup->members;

	if (asked->status && entity->slot_count == 0)
		return lookups_fail(lookup, NULL, "%s has no status", entity->name);
	if (asked->status)
		filter[(*count)++] = (struct query_filter){ entity->column[entity->slot[0]].name,
							    QUERY_IS, asked->status };
	if (asked->owner)
		filter[(*count)++] = (struct query_filter){ "owner", QUERY_IS, asked->owner };
	if (asked->id && strlen(asked->id) > ENTITY_ID_MAX)
		return lookups_fail(lookup, NULL, "id: is longer than any");
	if (asked->id && asked->id[0])
		*count += lookups_range("id", asked->id, end, &filter[*count]);
	return true;
}

/*
 * Behind the row that was looked at last: one that may be withheld from who does not see all of
 * them. False: memory ran out.
 */
static bool set_next(const struct entity_list *list)
{
	struct lookup *lookup = list->lookup;
	char text[SEAL_TEXT_MAX + 1];

	(void)snprintf(text, sizeof(text), "%s %s", list->last.time, list->last.id);
	if (list->view.columns != GATE_WHOLE)
		return seal_close(&lookup->lookups->seal, text, lookup->next);
	(void)strcpy(lookup->next, text);
	return true;
}

/* Until the answer is full, all was looked at or it took long enough. */
static bool list_rows(struct entity_list *list, struct query_wanted *wanted)
{
	struct lookup *lookup = list->lookup;
	struct lookups_spot past;

	for (;;) {
		past = list->last;
		wanted->past[0] = past.id[0] ? past.time : NULL;
		wanted->past[1] = past.id;
		list->seen = 0;
		if (!lookups_read(lookup, wanted, on_row, list) || lookup->is_failed)
			return false;
		if (!list->is_full && list->seen < wanted->limit)
			return true; /* there are no more */
		if (list->is_full || lookups_is_enough(lookup))
			return set_next(list);
		wanted->limit = CONTROL_LIMIT_MAX;
	}
}

/* The same, where the order comes from an index: what is @wanted is looked at row for row. */
static bool list_changed(struct entity_list *list, struct query_wanted *wanted,
			 struct lookups_changed *changed)
{
	struct lookup *lookup = list->lookup;
	const char *id[LOOKUPS_AT_ONCE];
	struct query_list ids = { .column = "id", .text = id };
	size_t max = wanted->limit < LOOKUPS_AT_ONCE ? wanted->limit : LOOKUPS_AT_ONCE;

	wanted->list = &ids;
	wanted->by = "id";
	for (;; max = LOOKUPS_AT_ONCE) {
		if (!lookups_changed_next(changed, max, list->at, &ids.count))
			return false;
		if (ids.count == 0)
			return true; /* there are no more */
		for (size_t i = 0; i < ids.count; i++)
			id[i] = list->at[i].id;
		wanted->limit = ids.count;
		if (!lookups_read(lookup, wanted, on_row, list) || lookup->is_failed)
			return false;
		if (!list->is_full)
			list->last = list->at[ids.count - 1];
		if (list->is_full || (ids.count == max && lookups_is_enough(lookup)))
			return set_next(list);
	}
}

/* ---- by which index -------------------------------------------------------------------------- */

/* Are there many rows that @column's value, or its range, leaves? */
static bool is_many_of(struct entity_list *list, const char *table, const char *column,
		       size_t count, const struct query_filter *filter, bool *ret)
{
	const struct query_wanted wanted = { .table = table,
					     .filter_count = count,
					     .filter = filter,
					     .by = count > 0 ? column : NULL,
					     .column_count = 1,
					     .column = &column };

	return lookups_is_many(list->lookup, &wanted, ret);
}

/* Does it own many of them, or of what they belong to? */
static bool owns_many(struct entity_list *list, const struct query_own *own, bool *ret)
{
	const struct query_filter filter = { "owner", QUERY_IS, own->owner };

	if (!is_many_of(list, list->entity->table, "owner", 1, &filter, ret))
		return false;
	return *ret || !own->link_table ||
	       is_many_of(list, own->link_table, "owner", 1, &filter, ret);
}

/*
 * Few rows are found by an index, and sorted. *is_large: what is asked for leaves many. False: it
 * failed, which is said.
 */
static bool find_index(struct entity_list *list, struct query_wanted *wanted, bool *is_large)
{
	const struct entity *entity = list->entity;
	const char *status = entity->slot_count > 0 ? entity->column[entity->slot[0]].name : "";
	bool is_indexed = entity->slot_count > 0 && entity->column[entity->slot[0]].is_indexed;

	for (size_t i = 0, count = 1; i < wanted->filter_count; i += count) {
		const struct query_filter *filter = &wanted->filter[i];
		const char *column = filter->column;

		count = strcmp(column, "id") == 0 ? wanted->filter_count - i : 1;
		if (strcmp(column, status) == 0 && (!is_indexed || entity->is_timed[0]))
			continue;
		if (!is_many_of(list, entity->table, column, count, filter, is_large))
			return false;
		if (!*is_large) {
			wanted->by = column;
			return true;
		}
	}
	return is_many_of(list, entity->table, "owner", 0, NULL, is_large);
}

/* How the rows are found. *ret: in the order of their changes; NULL: by a sort. */
static bool choose_way(struct entity_list *list, struct query_wanted *wanted,
		       struct lookups_changed **ret)
{
	bool is_timed = list->entity->slot_count > 0 && list->entity->is_timed[0], is_large = true;

	if (wanted->own && !owns_many(list, wanted->own, &is_large))
		return false;
	if (wanted->own && (!is_large || !is_timed))
		return true;
	wanted->own = NULL; /* each row is judged as well */
	if (!find_index(list, wanted, &is_large))
		return false;
	if (is_large && is_timed)
		return lookups_changed_new(list->lookup, list->entity, &list->last, ret);
	if (is_large)
		wanted->by = "updated_at"; /* an index of what most rows have finds them late */
	return true;
}

json_t *lookups_list_rows(struct lookup *lookup, const struct entity *entity,
			  const struct lookups_view *view)
{
	struct query_filter filter[QUERY_FILTERS_MAX];
	char end[ENTITY_ID_MAX + 2];
	const char *ids[QUERY_OWN_IDS_MAX];
	struct query_own own;
	struct query_wanted wanted = { .table = entity->table,
				       .filter = filter,
				       .order = "updated_at",
				       .then = "id",
				       .is_descending = true,
				       .limit = lookup->limit + 1,
				       .text_max = LOOKUPS_TEXT_MAX + 1 };
	struct entity_list list = { .lookup = lookup, .entity = entity, .view = *view };
	struct lookups_changed *changed = NULL;
	bool is_listed;

	if (!read_after(lookup, &list.last) ||
	    !set_filters(lookup, entity, end, filter, &wanted.filter_count))
		return NULL;
	if (lookup->members.status)
		list.needs = UINT64_C(1) << entity->slot[0];
	/* With rules for some topics a row may be seen by its id alone. */
	if (view->grant != GATE_FULL && lookup->who.principal->rule_count == 0 &&
	    set_own(lookup, entity, ids, &own))
		wanted.own = &own;
	is_listed = choose_way(&list, &wanted, &changed) &&
		    (changed ? list_changed(&list, &wanted, changed) : list_rows(&list, &wanted));
	lookups_changed_free(changed);
	if (!is_listed)
		return NULL;
	return json_pack("{ss sO so}", "entity", entity->name, "rows", lookup->rows, "next",
			 lookup->next[0] ? json_string(lookup->next) : json_null());
}
