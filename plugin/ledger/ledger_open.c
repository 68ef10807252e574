/*
 * ledger_open.c -- opening and closing, and what the writer's thread does in between.
 *
 * A database that is locked, or a disk that is full, need not keep the broker from starting:
 * the writer's thread opens the rest when it can (see struct ledger).
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/random.h"
#include "ledger/ledger_inside.h"

#define OPEN_PATIENCE_MS 5000  /* waits for other processes' locks at start */
#define LATER_PATIENCE_MS 1000 /* where opening may be put off */
#define WRITE_PATIENCE_MS 100  /* and for a batch; it is tried again */
#define REPLAN_PATIENCE_MS 2000
#define CLOSE_PATIENCE_MS 10000
#define SYNC_EVERY_MS 500 /* what "process" durability risks when the power fails, halved */
#define WAL_BYTES_MAX ((uint64_t)1 << 30)

/* ---- a plan of our own --------------------------------------------------------------------- */

/* One block: the plan, its entities, their columns, the names. */
static struct ledger_plan *plan_copy(const struct ledger_plan *from)
{
	size_t columns = 0, names = 0;
	struct ledger_plan *plan;
	struct ledger_entity *entity;
	struct ledger_column *column;
	char *name;

	for (size_t i = 0; i < from->entity_count; i++) {
		columns += from->entity[i].column_count;
		names += strlen(from->entity[i].table) + 1;
		for (size_t k = 0; k < from->entity[i].column_count; k++)
			names += strlen(from->entity[i].column[k].name) + 1;
	}
	plan = malloc(sizeof(*plan) + from->entity_count * sizeof(*entity) +
		      columns * sizeof(*column) + names);
	if (!plan)
		return NULL;
	entity = (struct ledger_entity *)(plan + 1);
	column = (struct ledger_column *)(entity + from->entity_count);
	name = (char *)(column + columns);
	*plan = (struct ledger_plan){ from->entity_count, entity };
	for (size_t i = 0; i < from->entity_count; i++, entity++) {
		*entity = from->entity[i];
		entity->table = name;
		name = stpcpy(name, from->entity[i].table) + 1;
		entity->column = column;
		for (size_t k = 0; k < entity->column_count; k++, column++) {
			*column = from->entity[i].column[k];
			column->name = name;
			name = stpcpy(name, from->entity[i].column[k].name) + 1;
		}
	}
	return plan;
}

/* ---- opening ----------------------------------------------------------------------------- */

static int find_paths(struct ledger *l, struct diag *diag)
{
	l->path = realpath(l->asked_path, NULL);
	if (!l->path)
		return diag_set(diag, ERR_IO, "%s: cannot resolve the path", l->asked_path);
	if (asprintf(&l->journal_path, "%s-journal.ring", l->path) < 0) {
		l->journal_path = NULL;
		return diag_nomem(diag);
	}
	return 0;
}

/* May what the journal holds go into this database? */
static int check_origin(struct ledger *l, const struct journal_facts *journal,
			const struct store_facts *store, struct diag *diag)
{
	unsigned long long count = journal->next_seq - journal->first_seq;

	if (count == 0)
		return 0;
	if (memcmp(journal->identity, store->identity, sizeof(store->identity)) != 0)
		return diag_set(diag, ERR_INVALID,
				"%s: holds %llu writes of another database than %s",
				l->journal_path, count, l->path);
	if (journal->first_seq > store->applied_seq + 1)
		return diag_set(diag, ERR_INVALID,
				"%s: begins at write %llu but %s ends at %llu: an older copy of "
				"the database?",
				l->journal_path, (unsigned long long)journal->first_seq, l->path,
				(unsigned long long)store->applied_seq);
	return 0;
}

/* Drawn at random when the database was made. */
static uint64_t seed_of(const unsigned char identity[STORE_IDENTITY])
{
	uint64_t seed;

	memcpy(&seed, identity, sizeof(seed));
	return seed ? seed : 1;
}

/*
 * Replays what the database has not seen. Afterwards the journal is empty and fits. Called
 * again after a failure it goes on where it was.
 */
static int adopt_journal(struct ledger *l, struct ledger_opened *ret, struct diag *diag)
{
	struct store_facts store;
	struct journal_facts journal = { 0 };
	int rc = store_inspect(l->store, &store, diag);

	if (rc)
		return rc;
	ret->last_seq = store.applied_seq;
	ret->seed = seed_of(store.identity);
	if (!journal_is_blank(l->journal)) {
		journal_inspect(l->journal, &journal);
		rc = check_origin(l, &journal, &store, diag);
		if (rc)
			return rc;
		do
			rc = carry_batch(&l->carry, &ret->last_seq, diag);
		while (rc == 1);
		if (rc)
			return rc;
		ret->damaged_seq = journal.damaged_seq;
	}
	if (journal.bytes == journal_size(l->journal_wanted) &&
	    journal.next_seq == ret->last_seq + 1 &&
	    memcmp(journal.identity, store.identity, sizeof(store.identity)) == 0)
		return 0;
	/* A journal that is ahead of an old copy of the database: no number is used twice. */
	if (journal.next_seq > ret->last_seq + 1)
		ret->last_seq = journal.next_seq - 1;
	return journal_format(l->journal, l->journal_wanted, store.identity, ret->last_seq + 1,
			      diag);
}

/* The plan's tables and a reader for them, all new. */
static int open_plan(struct ledger *l, const struct ledger_plan *plan, struct store_entity **entity,
		     struct store_reader **reader, struct diag *diag)
{
	struct store_entity *made = calloc(plan->entity_count + 1, sizeof(*made));
	int rc;

	if (!made)
		return diag_nomem(diag);
	rc = store_plan(l->store, plan, made, diag);
	if (rc == 0)
		rc = store_reader_open(l->store, made, plan->entity_count, reader, diag);
	if (rc) {
		free(made);
		return rc;
	}
	*entity = made;
	return 0;
}

/* Locked, or no room: it may pass. */
static bool may_pass(int rc)
{
	return rc == ERR_BUSY || rc == ERR_IO;
}

/*
 * Whose the files are, and that nobody else has them. What must not be put off fails here:
 * *may_wait says whether the failure may pass.
 */
static int open_files(struct ledger *l, unsigned busy_ms, bool *may_wait, struct diag *diag)
{
	int rc = l->store ? 0 : store_open(l->asked_path, busy_ms, &l->store, diag);
	int journal_rc = 0;
	struct diag journal_diag;

	*may_wait = may_pass(rc);
	if (rc && !*may_wait)
		return rc;
	if (!l->path && find_paths(l, rc ? NULL : diag) != 0) {
		*may_wait = false; /* the file is not even there */
		return rc ? rc : ERR_IO;
	}
	/* The lock on the journal comes before any change of the database. */
	if (!l->journal)
		journal_rc = journal_open(l->journal_path, &l->journal, &journal_diag);
	if (journal_rc == 0)
		return rc;
	*may_wait = journal_rc == ERR_IO;
	*diag = journal_diag;
	return journal_rc;
}

/* All of it, or as far as it goes: what is done already is not done again. */
static int open_all(struct ledger *l, unsigned busy_ms, const struct ledger_plan *plan,
		    bool *may_wait, struct diag *diag)
{
	struct ledger_opened opened = { .entity_count = plan->entity_count };
	int rc = open_files(l, busy_ms, may_wait, diag);

	if (rc)
		return rc;
	l->carry.journal = l->journal;
	l->carry.store = l->unload.store = l->store;
	store_set_patience(l->store, busy_ms);
	rc = store_upgrade(l->store, diag);
	if (rc == 0)
		rc = store_set_origin(l->store, l->origin, diag);
	if (rc == 0)
		rc = adopt_journal(l, &opened, diag);
	if (rc == 0)
		rc = open_plan(l, plan, &opened.entity, &opened.reader, diag);
	*may_wait = may_pass(rc);
	if (rc)
		return rc;
	store_set_patience(l->store, WRITE_PATIENCE_MS);
	l->enroll = (struct enroll){ .census = l->census, .store = l->store, .secret = l->secret };
	enroll_begin(&l->enroll, opened.entity, opened.entity_count);
	l->opened = opened;
	atomic_store_explicit(&l->is_open, true, memory_order_release);
	return 0;
}

bool ledger_admit(struct ledger *l)
{
	const struct ledger_opened *opened = &l->opened;
	struct diag line;

	if (l->is_admitted)
		return true;
	if (!atomic_load_explicit(&l->is_open, memory_order_acquire))
		return false;
	l->entity = opened->entity;
	l->entity_count = opened->entity_count;
	l->reader = opened->reader;
	l->last_seq = opened->last_seq;
	l->seed = opened->seed;
	l->is_admitted = true;
	free(l->plan);
	l->plan = NULL;
	if (opened->damaged_seq) {
		(void)diag_set(&line, 0,
			       "%s: write %llu was not whole: it and what followed are cut",
			       l->journal_path, (unsigned long long)opened->damaged_seq);
		ledger_tell(l, &line);
	}
	return true;
}

int ledger_fail_shut(const struct ledger *l, struct diag *diag)
{
	return diag_set(diag, ERR_IO, "%s: the database could not be opened yet", l->asked_path);
}

/* ---- the writer's work ------------------------------------------------------------------- */

/* Beside the work, so that what was opened is seen before it is said to be. */
static int open_later(struct ledger *l, uint64_t *applied, struct diag *diag)
{
	bool may_wait;
	int rc = open_all(l, WRITE_PATIENCE_MS, l->plan, &may_wait, diag);

	if (rc == 0)
		*applied = l->opened.last_seq;
	return rc;
}

static int on_carry(void *ctx, uint64_t *applied, struct diag *diag)
{
	struct ledger *l = ctx;
	int rc = atomic_load(&l->is_open) ? 0 : open_later(l, applied, diag);

	if (rc == 0)
		rc = carry_batch(&l->carry, applied, diag);
	if (rc < 0)
		atomic_fetch_add(&l->errors, 1);
	return rc;
}

static int on_tend(void *ctx, struct diag *diag)
{
	struct ledger *l = ctx;
	int64_t now = clock_mono_ns();
	int rc = 0;

	if (!atomic_load(&l->is_open))
		return 0;
	unload_batch(&l->unload, false);
	enroll_round(&l->enroll);
	if (now >= l->sync_at_ns) {
		rc = journal_sync(l->journal, diag);
		l->sync_at_ns = rc ? 0 : now + SYNC_EVERY_MS * INT64_C(1000000);
	}
	state_prefault(l->state);
	journal_prefault(l->journal); /* after the sync, which leaves its pages write-protected */
	return rc;
}

/* ---- the room's face --------------------------------------------------------------------- */

static void set_up(struct ledger *l, const struct ledger_options *options)
{
	l->journal_wanted = options->journal_bytes;
	l->carry = (struct carry){
		.limits = { options->events_keep_rows, options->events_keep_days,
			    options->refusals_keep_rows, options->refusals_keep_days },
		.batch_rows = options->batch_rows ? options->batch_rows : 1,
		.wal_bytes_max = WAL_BYTES_MAX,
	};
	carry_init(&l->carry);
	l->unload = (struct unload){ .backlog = l->backlog, .limits = l->carry.limits };
	l->rounds_ns = clock_mono_ns();
}

/* What needs no file. */
static int make_rooms(struct ledger *l, const struct ledger_options *options, struct diag *diag)
{
	size_t entities = options->cache_entities;
	int rc;

	if (entities < STATE_ENTITIES_MIN)
		entities = STATE_ENTITIES_MIN;
	if (entities > STATE_ENTITIES_MAX)
		entities = STATE_ENTITIES_MAX;
	l->asked_path = strdup(options->path);
	l->origin = options->origin ? strdup(options->origin) : NULL;
	if (!l->asked_path || (options->origin && !l->origin))
		return diag_nomem(diag);
	rc = backlog_new(&l->backlog, diag);
	if (rc == 0)
		rc = state_new(entities, &l->state, diag);
	if (rc == 0)
		rc = census_new(&l->census, diag);
	if (rc == 0)
		rc = random_bytes(l->secret, sizeof(l->secret), diag);
	if (rc == 0)
		set_up(l, options);
	return rc;
}

/* Keeps what opening later needs. */
static int put_off(struct ledger *l, const struct ledger_plan *plan, struct diag *diag)
{
	l->plan = plan_copy(plan);
	return l->plan ? 0 : diag_nomem(diag);
}

int ledger_open(const struct ledger_options *options, const struct ledger_plan *plan,
		struct ledger **ret, struct diag *diag)
{
	struct ledger *l = calloc(1, sizeof(*l));
	unsigned busy_ms = options->may_open_later ? LATER_PATIENCE_MS : OPEN_PATIENCE_MS;
	bool may_wait = false;
	struct diag trouble;
	int rc;

	if (!l)
		return diag_nomem(diag);
	diag_init(&trouble);
	rc = make_rooms(l, options, &trouble);
	if (rc == 0)
		rc = open_all(l, busy_ms, plan, &may_wait, &trouble);
	if (rc && may_wait && options->may_open_later)
		rc = put_off(l, plan, &trouble);
	if (rc) {
		if (diag)
			*diag = trouble;
		goto out;
	}
	(void)ledger_admit(l);
	rc = writer_start(&(struct writer_ops){ on_carry, on_tend, l }, options->batch_ms,
			  l->last_seq, l->is_admitted ? NULL : &trouble, &l->writer, diag);
	if (rc)
		goto out;
	*ret = l;
	l = NULL; /* handed over */
out:
	ledger_close(l);
	return rc;
}

int ledger_open_reader(const char *path, const struct ledger_plan *plan, struct ledger **ret,
		       struct diag *diag)
{
	struct ledger *l = calloc(1, sizeof(*l));
	int rc;

	if (!l)
		return diag_nomem(diag);
	rc = view_open(path, plan, &l->view, diag);
	if (rc) {
		ledger_close(l);
		return rc;
	}
	*ret = l;
	return 0;
}

void ledger_close(struct ledger *l)
{
	if (!l)
		return;
	writer_stop(l->writer, CLOSE_PATIENCE_MS);
	(void)ledger_admit(l); /* the thread is gone: what it opened is ours to close */
	if (l->writer && l->is_admitted)
		unload_batch(&l->unload, true);
	view_close(l->view);
	unload_clear(&l->unload);
	backlog_free(l->backlog);
	/* The reader first: the last connection to close empties the WAL, and must be able to. */
	store_reader_close(l->reader);
	store_close(l->store);
	journal_close(l->journal);
	state_free(l->state);
	census_free(l->census);
	free(l->entity);
	free(l->plan);
	free(l->journal_path);
	free(l->path);
	free(l->asked_path);
	free(l->origin);
	free(l);
}

/* 1: there is nothing to open any more; 0: the new plan is the one that will be opened. */
static int replan_shut(struct ledger *l, const struct ledger_plan *plan, struct diag *diag)
{
	struct ledger_plan *copy = plan_copy(plan);

	if (!copy)
		return diag_nomem(diag);
	if (!writer_pause(l->writer, REPLAN_PATIENCE_MS)) {
		free(copy);
		return diag_set(diag, ERR_BUSY, "%s: the writer is busy", l->asked_path);
	}
	if (ledger_admit(l)) { /* just now */
		writer_resume(l->writer);
		free(copy);
		return 1;
	}
	free(l->plan);
	l->plan = copy;
	writer_resume(l->writer);
	return 0;
}

int ledger_replan(struct ledger *l, const struct ledger_plan *plan, struct diag *diag)
{
	struct store_entity *entity = NULL;
	struct store_reader *reader = NULL;
	int rc = ledger_admit(l) ? 1 : replan_shut(l, plan, diag);

	if (rc <= 0)
		return rc;
	rc = ledger_flush(l, REPLAN_PATIENCE_MS, diag);
	if (rc)
		return rc;
	if (!writer_pause(l->writer, REPLAN_PATIENCE_MS))
		return diag_set(diag, ERR_BUSY, "%s: the writer is busy", l->path);
	store_set_patience(l->store, REPLAN_PATIENCE_MS);
	rc = open_plan(l, plan, &entity, &reader, diag);
	store_set_patience(l->store, WRITE_PATIENCE_MS);
	if (rc == 0)
		enroll_begin(&l->enroll, entity, plan->entity_count);
	writer_resume(l->writer);
	if (rc)
		return rc;
	store_reader_close(l->reader);
	free(l->entity);
	l->reader = reader;
	l->entity = entity;
	l->entity_count = plan->entity_count;
	/* Statuses are remembered by the old plan's order; all of them are in the database. */
	state_clear(l->state);
	l->key.len = 0; /* tables have other numbers now */
	return 0;
}
