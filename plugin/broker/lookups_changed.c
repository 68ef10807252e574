/*
 * lookups_changed.c -- entities of a large table, the latest change first.
 *
 * No index has all rows by their time, but that of a status has those of each status so. Their
 * times and ids are read status by status, some of each at a time, and merged. Who asks reads the
 * rows whole, a batch together, and looks then what else is asked of them.
 */
#include <stdlib.h>
#include <string.h>

#include "broker/lookups_internal.h"

#define RUNS_MAX (ENTITY_STATUSES_MAX + 1u) /* statuses, and none */
#define RUN_MAX 100u                        /* rows of a run that are read by one statement */

/* The rows of one status, those that were read and nobody has taken yet. */
struct changed_run {
	bool is_null;
	char status[ENTITY_STATUS_MAX + 1];
	size_t count, used;
	struct lookups_spot of[RUN_MAX];
	struct lookups_spot last; /* that was read; id "": there was none */
	bool is_over;             /* there are none behind those */
};

struct lookups_changed {
	struct lookup *lookup;
	const struct entity *entity;
	const char *column; /* of the status */
	size_t count;
	struct changed_run *run; /* owned */
};

void lookups_changed_free(struct lookups_changed *changed)
{
	if (!changed)
		return;
	free(changed->run);
	free(changed);
}

bool lookups_take_text(const struct query_row *row, const char *name, char *ret, size_t cap)
{
	const struct query_cell *cell = query_cell(row, name);

	if (!cell || cell->type != VALUE_TEXT || cell->len >= cap ||
	    memchr(cell->text, 0, cell->len))
		return false;
	memcpy(ret, cell->text, cell->len);
	ret[cell->len] = '\0';
	return true;
}

bool lookups_is_behind(const struct lookups_spot *a, const struct lookups_spot *b)
{
	int by_time = strcmp(a->time, b->time);

	return by_time < 0 || (by_time == 0 && strcmp(a->id, b->id) < 0);
}

/* ---- which statuses there are ---------------------------------------------------------------- */

struct status_reading {
	const char *column;
	char status[ENTITY_STATUS_MAX + 1];
	bool is_there, is_odd;
};

static bool on_status(const struct query_row *row, void *ctx)
{
	struct status_reading *reading = ctx;

	reading->is_there = true;
	reading->is_odd =
		!lookups_take_text(row, reading->column, reading->status, sizeof(reading->status));
	return false;
}

/* The first status above @reading->status in the index; "": the first of all. */
static bool read_status(struct lookups_changed *changed, struct status_reading *reading)
{
	char above[sizeof(reading->status)];
	const struct query_filter filter = { changed->column,
					     reading->status[0] ? QUERY_AFTER : QUERY_FROM, above };
	const struct query_wanted wanted = { .table = changed->entity->table,
					     .filter_count = 1,
					     .filter = &filter,
					     .order = changed->column,
					     .by = changed->column,
					     .limit = 1,
					     .column_count = 1,
					     .column = &changed->column };

	memcpy(above, reading->status, sizeof(above));
	reading->is_there = false;
	return lookups_read(changed->lookup, &wanted, on_status, reading);
}

static void add_run(struct lookups_changed *changed, const char *status,
		    const struct lookups_spot *after)
{
	struct changed_run *run = &changed->run[changed->count++];

	run->is_null = !status;
	(void)strcpy(run->status, status ? status : "");
	run->last = *after;
}

/* A run of each. *is_odd: there are too many, or some that no contract has. */
static bool find_runs(struct lookups_changed *changed, const struct lookups_spot *after,
		      bool *is_odd)
{
	struct status_reading reading = { .column = changed->column };

	add_run(changed, NULL, after);
	for (;;) {
		if (!read_status(changed, &reading))
			return false;
		if (!reading.is_there)
			return true;
		*is_odd = reading.is_odd || !reading.status[0] || changed->count == RUNS_MAX;
		if (*is_odd)
			return true;
		add_run(changed, reading.status, after);
	}
}

bool lookups_changed_new(struct lookup *lookup, const struct entity *entity,
			 const struct lookups_spot *after, struct lookups_changed **ret)
{
	const char *status = lookup->members.status;
	struct lookups_changed *changed = calloc(1, sizeof(*changed));
	bool is_odd = status && (!status[0] || strlen(status) > ENTITY_STATUS_MAX), is_found = true;

	*ret = NULL;
	if (changed)
		changed->run = calloc(RUNS_MAX, sizeof(*changed->run));
	if (!changed || !changed->run) {
		lookup->is_failed = true;
		lookups_changed_free(changed);
		return false;
	}
	changed->lookup = lookup;
	changed->entity = entity;
	changed->column = entity->column[entity->slot[0]].name;
	if (!status)
		is_found = find_runs(changed, after, &is_odd);
	else if (!is_odd)
		add_run(changed, status, after);
	if (is_found && !is_odd)
		*ret = changed;
	else
		lookups_changed_free(changed);
	return is_found;
}

/* ---- reading them ---------------------------------------------------------------------------- */

struct changed_reading {
	struct changed_run *run;
	size_t seen;
};

static bool on_spot(const struct query_row *row, void *ctx)
{
	struct changed_reading *reading = ctx;
	struct changed_run *run = reading->run;
	struct lookups_spot *at = &run->of[run->count];

	reading->seen++;
	if (!lookups_take_text(row, "id", at->id, sizeof(at->id)) ||
	    !lookups_take_text(row, "updated_at", at->time, sizeof(at->time)))
		return true; /* not the plugin's: nobody can go on behind it */
	run->last = *at;
	return ++run->count < RUN_MAX;
}

/* The next @max rows of the run. */
static bool read_run(struct lookups_changed *changed, struct changed_run *run, size_t max)
{
	static const char *const column[] = { "id", "updated_at" };
	const struct query_filter filter = { changed->column, run->is_null ? QUERY_NULL : QUERY_IS,
					     run->status };
	const struct lookups_spot past = run->last;
	struct changed_reading reading = { .run = run };
	struct query_wanted wanted = { .table = changed->entity->table,
				       .filter_count = 1,
				       .filter = &filter,
				       .order = "updated_at",
				       .then = "id",
				       .is_descending = true,
				       .limit = max,
				       .column_count = 2,
				       .column = column };

	if (past.id[0]) {
		wanted.past[0] = past.time;
		wanted.past[1] = past.id;
	}
	run->count = run->used = 0;
	if (!lookups_read(changed->lookup, &wanted, on_spot, &reading))
		return false;
	/* Where none of them can be gone on behind, there is no way on. */
	run->is_over = reading.seen < max || run->count == 0;
	return true;
}

bool lookups_changed_next(struct lookups_changed *changed, size_t max, struct lookups_spot *ret,
			  size_t *count)
{
	size_t at_once = max < RUN_MAX ? max : RUN_MAX;

	for (*count = 0; *count < max; (*count)++) {
		struct changed_run *first = NULL;

		for (size_t i = 0; i < changed->count; i++) {
			struct changed_run *run = &changed->run[i];

			if (run->used == run->count && !run->is_over &&
			    !read_run(changed, run, at_once))
				return false;
			if (run->used < run->count &&
			    (!first ||
			     lookups_is_behind(&first->of[first->used], &run->of[run->used])))
				first = run;
		}
		if (!first)
			return true;
		ret[*count] = first->of[first->used++];
	}
	return true;
}
