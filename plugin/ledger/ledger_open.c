/*
 * ledger_open.c -- opening and closing, and what the writer's thread does in between.
 *
 * The broker may start while the database is locked or the disk is full: the writer's thread opens
 * the rest when it can (see struct ledger).
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/random.h"
#include "ledger/ledger_internal.h"
#include "ledger/pg_watch.h"

#define OPEN_PATIENCE_MS 5000  /* waits for other processes' locks at start */
#define LATER_PATIENCE_MS 1000 /* where opening may be put off */
#define WRITE_PATIENCE_MS 100  /* and for a batch; it is tried again */
#define CLOSE_PATIENCE_MS 10000
#define AWAY_PATIENCE_MS                                                                           \
	1000                  /* the same where a shared database is away: the journal has it all  \
			       */
#define RECORD_USUAL_MIN 256u /* bytes of a record that is about an entity */
#define WAL_BYTES_MAX ((uint64_t)1 << 30)

/* ---- opening ----------------------------------------------------------------------------- */

static int name_journal(const struct ledger *l, const char *path, char **ret, struct diag *diag)
{
	const struct ledger_place place = { l->database, l->broker, l->asked_journal };

	return ledger_name_journal(&place, path, ret, diag);
}

static int find_paths(struct ledger *l, struct diag *diag)
{
	l->path = l->is_shared ? strdup(l->asked_path) : realpath(l->asked_path, NULL);
	if (!l->path)
		return diag_set(diag, ERR_IO, "%s: cannot resolve the path", l->asked_path);
	return name_journal(l, l->path, &l->journal_path, diag);
}

/* The plan's tables, what is known of them, and a reader. */
static int open_plan(struct ledger *l, struct ledger_opened *ret, struct diag *diag)
{
	int rc = ledger_make_plan(l, &ret->known, diag);

	if (rc)
		return rc;
	ret->number = l->making->number;
	rc = store_reader_open(&l->place, false, &ret->reader, diag);
	if (rc == 0 && l->is_shared)
		rc = ledger_step_open(l, ret->reader, diag);
	if (rc) {
		store_reader_close(ret->reader);
		ret->reader = NULL;
		store_names_free(ret->known);
	}
	return rc;
}

/* Locked, no room, or files that belong to others: it may pass, or be put right. */
static bool may_pass(const struct ledger *l, int rc)
{
	return rc == ERR_BUSY || rc == ERR_IO || l->is_pair_wrong;
}

/* A file that has something in it. */
static bool is_filled(const char *path)
{
	struct stat st;

	return lstat(path, &st) == 0 && S_ISREG(st.st_mode) && st.st_size > 0;
}

/* Do database and journal belong together? Before either is opened or made. */
static int check_database(struct ledger *l, struct diag *diag)
{
	struct stat st;
	char *ring;
	int rc;

	if (l->is_shared || stat(l->asked_path, &st) == 0 || errno != ENOENT)
		return 0;
	rc = name_journal(l, l->asked_path, &ring, diag);
	if (rc)
		return rc;
	l->is_pair_wrong = l->journal || is_filled(ring);
	if (l->is_pair_wrong)
		rc = diag_set(diag, ERR_INVALID,
			      "%s: is missing, and its journal is there: put the database back, or "
			      "remove %s, too, to begin with an empty one",
			      l->asked_path, ring);
	free(ring);
	return rc;
}

/* The same; *may_make: the database needs none that is there. */
static int check_journal(struct ledger *l, bool *may_make, struct diag *diag)
{
	struct store_facts facts;
	struct stat st;
	int rc;

	*may_make = false;
	if (!l->store || lstat(l->journal_path, &st) == 0)
		return 0;
	rc = store_peek(l->store, &facts, diag);
	*may_make = rc == 0 && facts.ring != STORE_RING_IN_USE;
	if (rc || *may_make)
		return rc;
	l->is_pair_wrong = true;
	return diag_set(diag, ERR_INVALID,
			"%s: is missing, though %s is in use with a journal (another "
			"broker's?): " LEDGER_GO_ON,
			l->journal_path, l->path);
}

/* And before the database is changed. */
static int check_new(struct ledger *l, struct diag *diag)
{
	struct journal_facts journal;
	struct store_facts store;
	int rc;

	if (journal_is_blank(l->journal))
		return 0;
	journal_inspect(l->journal, &journal);
	rc = store_peek(l->store, &store, diag);
	if (rc || !store.is_new ||
	    (journal.next_seq == 1 && journal_noted(l->journal, JOURNAL_NOTE_KEPT) == 0))
		return rc;
	l->is_pair_wrong = true;
	return diag_set(diag, ERR_INVALID,
			"%s: is empty, and its journal is at write %llu: put the database back, or "
			"remove %s, too, to begin with an empty one",
			l->path, (unsigned long long)journal.next_seq, l->journal_path);
}

/* None is made where the one that the database is in use with is missing, or may be. */
static int open_journal(struct ledger *l, struct diag *diag)
{
	bool may_make = false;
	int rc = check_journal(l, &may_make, diag);
	struct stat st;

	if (rc)
		return rc;
	/* A link that leads nowhere is there as well: it is refused when it is opened. */
	if (!may_make && lstat(l->journal_path, &st) != 0) {
		if (!l->store)
			return 0; /* the database can't be asked: it is locked */
		return diag_set(diag, ERR_IO, "%s: went while it was looked at", l->journal_path);
	}
	return journal_open(l->journal_path, &l->journal, diag);
}

/* A server lets the writer's thread wait: the journal must reach the disk meanwhile. */
static void on_store_wait(void *ctx)
{
	struct ledger *l = ctx;

	if (atomic_load(&l->is_open))
		ledger_tend_journal(l);
}

/*
 * Opens the files, after checking whose they are and that no other process has them. On failure
 * *may_wait says whether the failure may pass; one that can't must not be put off.
 */
static int open_files(struct ledger *l, unsigned busy_ms, bool *may_wait, struct diag *diag)
{
	int rc = l->store ? 0 : check_database(l, diag);
	int journal_rc = 0;
	struct diag journal_diag;

	if (rc == 0 && !l->store)
		rc = store_open(&l->place, busy_ms, &l->store, diag);
	if (rc == 0)
		store_set_on_wait(l->store, on_store_wait, l);
	*may_wait = may_pass(l, rc);
	if (rc && (!*may_wait || l->is_pair_wrong))
		return rc;
	if (!l->path && find_paths(l, rc ? NULL : diag) != 0) {
		*may_wait = false; /* the file is not even there */
		return rc ? rc : ERR_IO;
	}
	/* The lock on the journal comes before any change of the database. */
	if (!l->journal)
		journal_rc = open_journal(l, &journal_diag);
	if (journal_rc == 0)
		return rc;
	*may_wait = journal_rc == ERR_IO || l->is_pair_wrong;
	*diag = journal_diag;
	return journal_rc;
}

/* All of it, or as far as it goes: what is done already is not done again. */
static int open_all(struct ledger *l, unsigned busy_ms, bool *may_wait, struct diag *diag)
{
	struct ledger_opened opened = { 0 };
	int rc = open_files(l, busy_ms, may_wait, diag);

	if (rc)
		return rc;
	l->replay.journal = l->journal;
	l->replay.store = l->idfilter_fill.store = l->store;
	store_set_patience(l->store, busy_ms);
	rc = check_new(l, diag);
	if (rc == 0)
		rc = store_look(l->store, &l->making->entities, diag);
	if (rc == 0)
		rc = store_upgrade(l->store, diag);
	if (rc == 0 && l->begins_anew)
		rc = store_check_anew(l->store, diag);
	if (rc == 0 && l->is_shared) /* which steps there are, for those of the journal */
		rc = store_plan(l->store, &l->making->entities, diag);
	if (rc == 0)
		rc = ledger_adopt_journal(l, &opened, diag);
	if (rc == 0)
		rc = store_load_unique(l->store, opened.seed, &l->unique, diag);
	if (rc == 0)
		rc = open_plan(l, &opened, diag);
	*may_wait = may_pass(l, rc);
	if (rc)
		return rc;
	l->begins_anew = false;
	if (l->is_put_back && !l->opening_line.text[0])
		(void)diag_set(&l->opening_line, 0,
			       "%s: was removed while it was in use; it was put back with all "
			       "that it held",
			       l->journal_path);
	l->is_put_back = false;
	store_set_patience(l->store, WRITE_PATIENCE_MS);
	free(l->making);
	l->making = NULL;
	l->opened = opened;
	atomic_store_explicit(&l->is_open, true, memory_order_release);
	return 0;
}

/* ---- the writer's work ------------------------------------------------------------------- */

/* Beside the work, so that what was opened is seen before it is said to be. */
static int open_later(struct ledger *l, uint64_t *applied, struct diag *diag)
{
	bool may_wait;
	int rc;

	rc = ledger_prepare(l, diag);
	if (rc)
		return rc;
	ledger_take_plan(l);
	rc = open_all(l, WRITE_PATIENCE_MS, &may_wait, diag);
	if (rc == 0)
		*applied = l->opened.last_seq;
	return rc;
}

static int on_replay(void *ctx, uint64_t *applied, struct diag *diag)
{
	struct ledger *l = ctx;
	int rc = atomic_load(&l->is_open) ? 0 : open_later(l, applied, diag);

	if (rc == 0)
		ledger_tell_store(l);
	if (rc == 0 && l->is_mark_due)
		rc = ledger_mark_journal(l, *applied, diag);
	if (rc == 0)
		rc = journal_is_broken(l->journal) ? ledger_repair(l, applied, diag)
						   : replay_batch(&l->replay, applied, diag);
	if (rc == REPLAY_WAITS)
		rc = WRITER_SOON;
	if (rc > 0)
		pressure_release(&l->pressure);
	if (rc > 0 && l->others.watch)
		pg_watch_carried(l->others.watch);
	if (rc >= 0)
		return rc;
	if (rc == ERR_BUSY && replay_is_held(&l->replay))
		return WRITER_HELD;
	if (atomic_load(&l->ending.is_over))
		return WRITER_OVER;
	atomic_fetch_add(&l->errors, 1);
	if (atomic_load(&l->is_open))
		ledger_shut_where_wrong(l);
	return rc;
}

static void on_tend(void *ctx, struct diag *line)
{
	struct ledger *l = ctx;

	if (!atomic_load(&l->is_open))
		return;
	replay_flush(&l->replay, false);
	if (age_line(&l->replay.age, line) || replay_line(&l->replay, line))
		diag_prefix(line, "%s", l->path);
	else
		(void)(store_line(l->store, line) ||
		       ledger_step_line(l, line)); /* or there is none */
	ledger_take_plan(l);
	ledger_make_tables(l);
	idfilter_fill_round(&l->idfilter_fill);
	ledger_tend_journal(l);
	state_prefault(l->state);
}

/* ---- opening and closing ------------------------------------------------------------------ */

static void set_up(struct ledger *l, const struct ledger_options *options)
{
	l->journal_bytes = options->journal_bytes;
	l->journal_bytes_max = options->journal_bytes_max;
	l->replay = (struct replay){
		.limits = { options->events_keep_rows, options->events_keep_days,
			    options->refusals_keep_rows, options->refusals_keep_days },
		.batch_rows = options->batch_rows ? options->batch_rows : 1,
		.is_shared = ledger_is_shared(options->path),
		.wal_bytes_max = options->wal_bytes_max ? options->wal_bytes_max : WAL_BYTES_MAX,
		.backlog = l->backlog,
	};
	if (l->replay.is_shared && l->replay.batch_rows > STORE_SHARED_ROWS)
		l->replay.batch_rows = STORE_SHARED_ROWS;
	replay_init(&l->replay);
	l->idfilter_fill.idfilter = l->idfilter;
	l->idfilter_fill.secret = l->secret;
}

/* What needs no file, in these two. */
static int make_plans(struct ledger *l, const struct entity_plan *plan, struct diag *diag)
{
	int rc = store_check_plan(plan, diag);

	if (rc)
		return rc;
	l->plan = ledger_plan_new(plan, 1);
	l->making = ledger_plan_new(plan, 1);
	l->entity = calloc(plan->entity_count + 1, sizeof(*l->entity));
	l->entity_count = plan->entity_count;
	return l->plan && l->making && l->entity ? 0 : diag_nomem(diag);
}

/* False: memory ran out. */
static bool copy(const char *text, char **ret)
{
	*ret = text ? strdup(text) : NULL;
	return !text || *ret;
}

static int copy_places(struct ledger *l, const struct ledger_options *options, struct diag *diag)
{
	char shown[STORE_SHOWN_MAX];

	if (!copy(options->path, &l->database) || !copy(options->broker, &l->broker) ||
	    !copy(options->journal, &l->asked_journal) ||
	    !copy(store_shown(options->path, shown), &l->asked_path))
		return diag_nomem(diag);
	l->place = (struct store_place){ .place = l->database,
					 .broker = l->broker,
					 .ending = &l->ending };
	l->is_shared = ledger_is_shared(l->database);
	l->strict_ms = options->strict_ms;
	return ledger_check_place(
		&(struct ledger_place){ l->database, l->broker, l->asked_journal }, diag);
}

static int make_rooms(struct ledger *l, const struct ledger_options *options, struct diag *diag)
{
	size_t entities = options->cache_entities;
	/* As many as a full journal may have records of, where those are short. */
	size_t waiting =
		journal_size(options->journal_bytes, options->journal_bytes_max) / RECORD_USUAL_MIN;
	int rc;

	if (entities < STATE_ENTITIES_MIN)
		entities = STATE_ENTITIES_MIN;
	if (entities > STATE_ENTITIES_MAX)
		entities = STATE_ENTITIES_MAX;
	rc = copy_places(l, options, diag);
	if (rc == 0)
		rc = backlog_new(&l->backlog, diag);
	if (rc == 0)
		rc = state_new(entities, waiting, &l->state, diag);
	if (rc == 0)
		rc = idfilter_new(&l->idfilter, diag);
	if (rc == 0)
		rc = random_bytes(l->secret, sizeof(l->secret), diag);
	if (rc == 0)
		set_up(l, options);
	return rc;
}

int ledger_open(const struct ledger_options *options, const struct entity_plan *plan,
		struct ledger **ret, struct diag *diag)
{
	struct ledger *l = calloc(1, sizeof(*l));
	unsigned busy_ms = options->may_open_later ? LATER_PATIENCE_MS : OPEN_PATIENCE_MS;
	bool may_wait = false;
	struct diag trouble;
	int rc;

	if (!l)
		return diag_nomem(diag);
	atomic_store(&l->has_let_go, true);
	pressure_begin(&l->pressure,
		       options->wait_ms < PRESSURE_MS_MAX ? options->wait_ms : PRESSURE_MS_MAX);
	diag_init(&trouble);
	rc = make_rooms(l, options, &trouble);
	if (rc == 0)
		rc = make_plans(l, plan, &trouble);
	if (rc == 0 && l->is_shared) /* before ids are read */
		rc = ledger_watch(l, &trouble);
	if (rc == 0)
		rc = open_all(l, busy_ms, &may_wait, &trouble);
	if (rc && !(may_wait && options->may_open_later)) {
		if (diag)
			*diag = trouble;
		goto out;
	}
	(void)ledger_catch_up(l);
	rc = writer_start(&(struct writer_ops){ on_replay, on_tend, l }, options->batch_ms,
			  l->last_seq, l->is_taken ? NULL : &trouble, &l->writer, diag);
	if (rc)
		goto out;
	*ret = l;
	l = NULL; /* handed over */
out:
	ledger_close(l);
	return rc;
}

int ledger_open_reader(const char *path, const struct entity_plan *plan, struct ledger **ret,
		       struct diag *diag)
{
	struct ledger *l = calloc(1, sizeof(*l));
	int rc;

	if (!l)
		return diag_nomem(diag);
	atomic_store(&l->has_let_go, true);
	pressure_begin(&l->pressure, 0);
	rc = store_reader_open(&(struct store_place){ .place = path }, true, &l->reader, diag);
	if (rc) {
		ledger_close(l);
		return rc;
	}
	store_reader_use(l->reader, plan);
	l->entity_count = plan->entity_count;
	l->is_reader = true;
	*ret = l;
	return 0;
}

static unsigned close_patience_ms(const struct ledger *l)
{
	bool is_away = l->is_shared && l->writer && writer_is_troubled(l->writer);

	return is_away ? AWAY_PATIENCE_MS : CLOSE_PATIENCE_MS;
}

void ledger_close(struct ledger *l)
{
	bool had_writer;

	if (!l)
		return;
	had_writer = l->writer != NULL;
	atomic_store(&l->ending.has_begun, true);
	if (had_writer)
		(void)ledger_catch_up(l); /* or the writer waits until this thread let go */
	if (l->is_taken)
		journal_leave(l->journal);
	writer_stop(l->writer, close_patience_ms(l));
	l->writer = NULL;
	pg_watch_free(l->others.watch); /* which the thread tells of its batches */
	l->others.watch = NULL;
	(void)ledger_catch_up(l); /* the thread is gone: what it opened is ours to close */
	if (had_writer && l->is_taken) {
		replay_flush(&l->replay, true);
		ledger_end_journal(l);
	}
	replay_drop_refusals(&l->replay);
	backlog_free(l->backlog);
	/* The reader first: the last connection to close empties the WAL, and must be able to. */
	store_reader_close(l->reader);
	store_close(l->store);
	journal_close(l->journal);
	state_free(l->state);
	idfilter_free(l->idfilter);
	ledger_clear_plans(l);
	pressure_end(&l->pressure);
	free(l->journal_path);
	free(l->path);
	free(l->asked_path);
	free(l->asked_journal);
	free(l->database);
	free(l->broker);
	free(l);
}
