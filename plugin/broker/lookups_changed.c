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
	struct lookups_spot last; /* that was read; id "": all of its time were; time "": none */
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

static const char *const spot_columns[] = { "id", "updated_at" };

/*
 * An import gives one time to all that it brings, and the index has no order among these. Of the
 * next rows only the last can be of such a crowd: the others are fewer than were asked for.
 */
struct changed_crowd {
	bool is_there, is_many;
	char time[64];
};

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

static bool on_time(const struct query_row *row, void *ctx)
{
	struct changed_crowd *crowd = ctx;

	crowd->is_there = true;
	if (!lookups_take_text(row, "updated_at", crowd->time, sizeof(crowd->time)))
		crowd->time[0] = '\0';
	return true;
}

static struct query_filter status_of(const struct lookups_changed *changed,
				     const struct changed_run *run)
{
	return (struct query_filter){ changed->column, run->is_null ? QUERY_NULL : QUERY_IS,
				      run->status };
}

/* The time of the last of the next @max rows, by the index alone, and whether many have it. */
static bool find_crowd(struct lookups_changed *changed, const struct changed_run *run, size_t max,
		       struct changed_crowd *ret)
{
	static const char *const column[] = { "updated_at" };
	const struct query_filter filter[] = {
		status_of(changed, run),
		{ "updated_at", run->last.id[0] ? QUERY_UNTIL : QUERY_BELOW, run->last.time }
	};
	const struct query_filter same[] = { filter[0], { "updated_at", QUERY_IS, ret->time } };
	struct query_wanted wanted = { .table = changed->entity->table,
				       .filter_count = run->last.time[0] ? 2 : 1,
				       .filter = filter,
				       .order = "updated_at",
				       .is_descending = true,
				       .limit = max,
				       .column_count = 1,
				       .column = column };

	*ret = (struct changed_crowd){ .is_there = false };
	if (!lookups_read(changed->lookup, &wanted, on_time, ret))
		return false;
	if (!ret->time[0])
		return true;
	wanted.filter_count = 2;
	wanted.filter = same;
	wanted.order = NULL;
	return lookups_is_many(changed->lookup, &wanted, &ret->is_many);
}

/* The next rows of the run, with times above @crowd's where many have that. */
static bool read_ordered(struct lookups_changed *changed, struct changed_run *run, size_t max,
			 const struct changed_crowd *crowd)
{
	const struct query_filter filter[] = { status_of(changed, run),
					       { "updated_at", QUERY_AFTER, crowd->time } };
	const struct lookups_spot past = run->last;
	struct changed_reading reading = { .run = run };
	struct query_wanted wanted = { .table = changed->entity->table,
				       .filter_count = crowd->is_many ? 2 : 1,
				       .filter = filter,
				       .order = "updated_at",
				       .then = "id",
				       .is_descending = true,
				       .limit = max,
				       .column_count = 2,
				       .column = spot_columns };

	if (past.time[0]) {
		wanted.past[0] = past.time;
		wanted.past[1] = past.id;
	}
	if (!lookups_read(changed->lookup, &wanted, on_spot, &reading))
		return false;
	/* Where none of them can be gone on behind, there is no way on. */
	if (!crowd->is_many)
		run->is_over = reading.seen < max || run->count == 0;
	return true;
}

/* The next rows of those with the crowd's time: by their ids, since a sort would read them all. */
static bool read_crowd(struct lookups_changed *changed, struct changed_run *run, size_t max,
		       const struct changed_crowd *crowd)
{
	const struct lookups_spot past = run->last;
	bool is_within = past.id[0] && strcmp(past.time, crowd->time) == 0;
	const struct query_filter filter[] = { status_of(changed, run),
					       { "updated_at", QUERY_IS, crowd->time },
					       { "id", QUERY_BELOW, past.id } };
	struct changed_reading reading = { .run = run };
	const struct query_wanted wanted = { .table = changed->entity->table,
					     .filter_count = is_within ? 3 : 2,
					     .filter = filter,
					     .order = "id",
					     .by = "id",
					     .is_through = true,
					     .is_descending = true,
					     .limit = max,
					     .column_count = 2,
					     .column = spot_columns };

	if (!lookups_read(changed->lookup, &wanted, on_spot, &reading))
		return false;
	if (reading.seen < max) {
		memcpy(run->last.time, crowd->time, sizeof(crowd->time));
		run->last.id[0] = '\0';
	}
	return true;
}

/* The next rows of the run, @max at most, and one at least unless there are none. */
static bool read_run(struct lookups_changed *changed, struct changed_run *run, size_t max)
{
	struct changed_crowd crowd;

	run->count = run->used = 0;
	while (run->count == 0 && !run->is_over) {
		if (!find_crowd(changed, run, max, &crowd))
			return false;
		run->is_over = !crowd.is_there;
		if (crowd.is_there && !read_ordered(changed, run, max, &crowd))
			return false;
		if (run->count == 0 && crowd.is_many && !read_crowd(changed, run, max, &crowd))
			return false;
	}
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
