#include "ledger/ledger.h"

#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "ledger/backlog.h"
#include "ledger/carry.h"
#include "ledger/census.h"
#include "ledger/enroll.h"
#include "ledger/journal.h"
#include "ledger/record.h"
#include "ledger/state.h"
#include "ledger/store.h"
#include "ledger/unload.h"
#include "ledger/view.h"
#include "ledger/writer.h"

#define OPEN_PATIENCE_MS 5000 /* waits for other processes' locks at start */
#define WRITE_PATIENCE_MS 100 /* and for a batch; it is tried again */
#define REPLAN_PATIENCE_MS 2000
#define CLOSE_PATIENCE_MS 10000
#define MARKS 64u
#define LOST_EVERY_MS 10000
#define SYNC_EVERY_MS 500 /* what "process" durability risks when the power fails, halved */
#define WAL_BYTES_MAX ((uint64_t)1 << 30)

struct ledger {
	char *path; /* without symbolic links */
	char *journal_path;
	struct store *store; /* the writer's, once it runs */
	struct journal *journal;
	struct store_reader *reader;
	struct state *state;
	struct view *view; /* of a ledger that only looks, which has nothing else */
	struct writer *writer;
	struct carry carry;      /* the writer's, once it runs */
	int64_t sync_at_ns;      /* likewise */
	struct unload unload;    /* likewise */
	struct backlog *backlog; /* of refusals */
	uint64_t lost;           /* refusals that the last line about it knew of */
	int64_t lost_told_ns;
	size_t entity_count;
	struct store_entity *entity;
	uint64_t last_seq;
	uint64_t hits; /* of looks in memory */
	uint64_t misses;
	_Atomic uint64_t errors; /* of the writer's batches */
	struct {
		uint64_t seq; /* the last record at that time */
		int64_t ns;
	} mark[MARKS]; /* to tell how old the oldest record is: a ring, see ledger_facts() */
	unsigned marks;
	bool is_full;    /* the journal was, and is not half empty again */
	bool is_stalled; /* the writer's thread hangs */
	uint64_t rounds; /* when they last changed */
	int64_t rounds_ns;

	struct census *census;      /* which ids the database may have */
	struct enroll enroll;       /* the writer's thread */
	struct state_facts scratch; /* of an entity that memory has no room for */
	bool has_news;
	struct diag news;
};

/* ---- opening ----------------------------------------------------------------------------- */

static int find_paths(struct ledger *l, const char *path, struct diag *diag)
{
	l->path = realpath(path, NULL);
	if (!l->path)
		return diag_set(diag, ERR_IO, "%s: cannot resolve the path", path);
	if (asprintf(&l->journal_path, "%s-journal.ring", l->path) < 0) {
		l->journal_path = NULL;
		return diag_nomem(diag);
	}
	return 0;
}

static void tell(struct ledger *l, const struct diag *line)
{
	l->news = *line;
	l->has_news = true;
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

static void report_cut(struct ledger *l, uint64_t seq)
{
	struct diag line;

	(void)diag_set(&line, 0, "%s: write %llu was not whole: it and what followed are cut",
		       l->journal_path, (unsigned long long)seq);
	tell(l, &line);
}

/* Replays what the database has not seen. Afterwards the journal is empty and fits. */
static int adopt_journal(struct ledger *l, size_t bytes, struct diag *diag)
{
	struct store_facts store;
	struct journal_facts journal = { 0 };
	int rc = store_inspect(l->store, &store, diag);

	if (rc)
		return rc;
	l->last_seq = store.applied_seq;
	if (!journal_is_blank(l->journal)) {
		journal_inspect(l->journal, &journal);
		rc = check_origin(l, &journal, &store, diag);
		if (rc)
			return rc;
		do
			rc = carry_batch(&l->carry, &l->last_seq, diag);
		while (rc == 1);
		if (rc)
			return rc;
		if (journal.damaged_seq)
			report_cut(l, journal.damaged_seq);
	}
	if (journal.bytes == journal_size(bytes) && journal.next_seq == l->last_seq + 1 &&
	    memcmp(journal.identity, store.identity, sizeof(store.identity)) == 0)
		return 0;
	/* A journal that is ahead of an old copy of the database: no number is used twice. */
	if (journal.next_seq > l->last_seq + 1)
		l->last_seq = journal.next_seq - 1;
	return journal_format(l->journal, bytes, store.identity, l->last_seq + 1, diag);
}

/* The lock on the journal comes before any change of the database. */
static int open_files(struct ledger *l, const struct ledger_options *options, struct diag *diag)
{
	int rc = store_open(options->path, OPEN_PATIENCE_MS, &l->store, diag);

	if (rc == 0)
		rc = find_paths(l, options->path, diag);
	if (rc == 0)
		rc = journal_open(l->journal_path, &l->journal, diag);
	if (rc == 0)
		rc = store_upgrade(l->store, diag);
	if (rc)
		return rc;
	l->carry = (struct carry){
		.journal = l->journal,
		.store = l->store,
		.limits = { options->events_keep_rows, options->events_keep_days,
			    options->refusals_keep_rows, options->refusals_keep_days },
		.batch_rows = options->batch_rows ? options->batch_rows : 1,
		.wal_bytes_max = WAL_BYTES_MAX,
	};
	carry_init(&l->carry);
	l->unload = (struct unload){ .backlog = l->backlog,
				     .store = l->store,
				     .limits = l->carry.limits };
	return adopt_journal(l, options->journal_bytes, diag);
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

/* ---- the writer's work ------------------------------------------------------------------- */

static int on_carry(void *ctx, uint64_t *applied, struct diag *diag)
{
	struct ledger *l = ctx;
	int rc = carry_batch(&l->carry, applied, diag);

	if (rc < 0)
		atomic_fetch_add(&l->errors, 1);
	return rc;
}

static int on_tend(void *ctx, struct diag *diag)
{
	struct ledger *l = ctx;
	int64_t now = clock_mono_ns();
	int rc;

	unload_batch(&l->unload, false);
	enroll_round(&l->enroll);
	journal_prefault(l->journal);
	if (now < l->sync_at_ns)
		return 0;
	rc = journal_sync(l->journal, diag);
	l->sync_at_ns = rc ? 0 : now + SYNC_EVERY_MS * INT64_C(1000000);
	return rc;
}

int ledger_open(const struct ledger_options *options, const struct ledger_plan *plan,
		struct ledger **ret, struct diag *diag)
{
	struct ledger *l = calloc(1, sizeof(*l));
	size_t entities = options->cache_entities;
	int rc;

	if (!l)
		return diag_nomem(diag);
	if (entities < STATE_ENTITIES_MIN)
		entities = STATE_ENTITIES_MIN;
	if (entities > STATE_ENTITIES_MAX)
		entities = STATE_ENTITIES_MAX;
	rc = backlog_new(&l->backlog, diag);
	if (rc == 0)
		rc = open_files(l, options, diag);
	if (rc == 0)
		rc = open_plan(l, plan, &l->entity, &l->reader, diag);
	if (rc == 0)
		rc = state_new(entities, &l->state, diag);
	if (rc == 0)
		rc = census_new(&l->census, diag);
	if (rc)
		goto out;
	l->enroll = (struct enroll){ .census = l->census, .store = l->store };
	enroll_begin(&l->enroll, l->entity, plan->entity_count);
	l->entity_count = plan->entity_count;
	l->rounds_ns = clock_mono_ns();
	store_set_patience(l->store, WRITE_PATIENCE_MS);
	rc = writer_start(&(struct writer_ops){ on_carry, on_tend, l }, options->batch_ms,
			  l->last_seq, &l->writer, diag);
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
	if (l->writer)
		unload_batch(&l->unload, true); /* the thread is gone: its work is ours */
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
	free(l->journal_path);
	free(l->path);
	free(l);
}

int ledger_replan(struct ledger *l, const struct ledger_plan *plan, struct diag *diag)
{
	struct store_entity *entity = NULL;
	struct store_reader *reader = NULL;
	int rc = ledger_flush(l, REPLAN_PATIENCE_MS, diag);

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
	return 0;
}

/* ---- looking ----------------------------------------------------------------------------- */

static void settle(const struct ledger *l)
{
	state_settle(l->state, writer_applied(l->writer));
}

static int check_entity(const struct ledger *l, unsigned entity, const char *id, size_t id_len,
			struct diag *diag)
{
	if (entity >= l->entity_count)
		return diag_set(diag, ERR_INVALID, "the plan has no entity %u", entity);
	if (id_len == 0 || id_len > LEDGER_ID_MAX || memchr(id, '\0', id_len))
		return diag_set(diag, ERR_LIMIT, "an id has 1 to %u bytes, none of them 0",
				LEDGER_ID_MAX);
	return 0;
}

/* *is_kept false: *ret is the scratch place, since all of memory is pinned. */
static int find_facts(struct ledger *l, unsigned entity, const char *id, size_t id_len,
		      struct state_facts **ret, bool *is_kept, struct diag *diag)
{
	uint32_t table = l->entity[entity].table;
	struct state_facts *facts;
	int rc;

	settle(l);
	*is_kept = true;
	*ret = state_find(l->state, table, id, id_len);
	if (*ret) {
		l->hits++;
		return 0;
	}
	facts = state_add(l->state, table, id, id_len);
	*is_kept = facts != NULL;
	*ret = facts ? facts : &l->scratch;
	if (census_is_new(l->census, table, id, id_len)) {
		memset(*ret, 0, sizeof(**ret));
		l->hits++;
		return 0;
	}
	l->misses++;
	rc = store_reader_find(l->reader, entity, id, id_len, *ret, diag);
	if (rc && facts)
		state_drop(l->state, facts);
	return rc;
}

int ledger_look(struct ledger *l, unsigned entity, const char *id, size_t id_len,
		struct ledger_state *ret, struct diag *diag)
{
	struct state_facts *facts;
	bool is_kept;
	int rc;

	if (l->view)
		return view_look(l->view, entity, id, id_len, ret, diag);
	rc = check_entity(l, entity, id, id_len, diag);
	if (rc == 0)
		rc = find_facts(l, entity, id, id_len, &facts, &is_kept, diag);
	if (rc)
		return rc;
	ret->is_known = facts->is_known;
	ret->owner = facts->owner;
	ret->link = facts->link;
	for (size_t i = 0; i < LEDGER_SLOTS_MAX; i++)
		ret->status[i] = facts->status[i];
	ret->revision = facts->revision;
	return 0;
}

int ledger_standing(struct ledger *l, unsigned entity, unsigned slot, const char *status,
		    int64_t before_ms, unsigned limit,
		    void (*visit)(const struct ledger_stood *stood, void *ctx), void *ctx,
		    struct diag *diag)
{
	if (entity >= l->entity_count || slot >= l->entity[entity].slot_count ||
	    !l->entity[entity].is_timed[slot])
		return diag_set(diag, ERR_INVALID, "the plan has no such timed status");
	return store_reader_standing(l->reader, entity, slot, status, before_ms, limit, visit, ctx,
				     diag);
}

/* ---- keeping ----------------------------------------------------------------------------- */

/* Once full, the journal takes writes again when half of it is free. */
static bool is_full(const struct ledger *l)
{
	return l->is_full && journal_is_half_full(l->journal);
}

bool ledger_is_ready(const struct ledger *l, size_t bytes)
{
	if (l->view)
		return true;
	if (writer_is_troubled(l->writer) || l->is_stalled || is_full(l))
		return false;
	settle(l);
	/* The columns' values come out of the payload: they are there twice at most. */
	return state_has_room(l->state) &&
	       journal_has_room(l->journal, 2 * bytes + RECORD_OVERHEAD + LEDGER_OWNER_MAX);
}

static int fail_full(struct ledger *l, struct diag *diag)
{
	(void)diag_set(diag, ERR_BUSY, "%s: full: writes come faster than the database takes them",
		       l->journal_path);
	if (!l->is_full && diag)
		tell(l, diag);
	l->is_full = true;
	writer_kick(l->writer);
	return ERR_BUSY;
}

static void watch_journal(struct ledger *l)
{
	struct diag line;

	if (!l->is_full || journal_is_half_full(l->journal))
		return;
	l->is_full = false;
	(void)diag_set(&line, 0, "%s: has room again", l->journal_path);
	tell(l, &line);
}

static int check_ready(struct ledger *l, struct diag *diag)
{
	watch_journal(l);
	if (writer_is_troubled(l->writer))
		return diag_set(diag, ERR_IO, "%s: the database takes no writes", l->path);
	if (l->is_stalled)
		return diag_set(diag, ERR_IO, "%s: the writer hangs", l->path);
	return is_full(l) ? fail_full(l, diag) : 0;
}

/* A value as its column's type; false: it is not one. */
static bool convert(const struct ledger_value *from, enum ledger_type type,
		    struct record_value *ret)
{
	*ret = (struct record_value){ .type = from->type,
				      .integer = from->integer,
				      .real = from->real };
	if (from->type == LEDGER_TEXT) {
		ret->text = from->text;
		ret->len = from->len;
	}
	if (from->type == type || from->type == LEDGER_NULL)
		return true;
	if (type == LEDGER_REAL && from->type == LEDGER_INTEGER) {
		ret->type = LEDGER_REAL;
		ret->real = (double)from->integer;
		return true;
	}
	/* 5.0 is an integer in JSON Schema's eyes. */
	if (type == LEDGER_INTEGER && from->type == LEDGER_REAL && from->real >= -0x1p53 &&
	    from->real <= 0x1p53 && from->real == (double)(int64_t)from->real) {
		ret->type = LEDGER_INTEGER;
		ret->integer = (int64_t)from->real;
		return true;
	}
	return false;
}

/* Text that is also kept in memory must fit there, whole and without a NUL. */
static int check_kept(const char *what, const char *text, size_t len, size_t max, struct diag *diag)
{
	if (len > max)
		return diag_set(diag, ERR_LIMIT, "%s is longer than %zu bytes", what, max);
	if (len > 0 && memchr(text, '\0', len))
		return diag_set(diag, ERR_INVALID, "%s holds a NUL", what);
	return 0;
}

static int fill_value(const struct store_entity *entity, const struct ledger_value *from,
		      struct record_value *ret, struct diag *diag)
{
	if (from->column >= entity->column_count)
		return diag_set(diag, ERR_INVALID, "the entity has no column %u", from->column);
	if (!convert(from, entity->column[from->column].type, ret))
		return diag_set(diag, ERR_INVALID, "a value is not of its column's type");
	ret->column = entity->column[from->column].number;
	if (ret->type != LEDGER_TEXT)
		return 0;
	if ((int)from->column == entity->link_column)
		return check_kept("a link", from->text, from->len, LEDGER_ID_MAX, diag);
	for (size_t i = 0; i < entity->slot_count; i++)
		if (from->column == entity->slot[i])
			return check_kept("a status", from->text, from->len, LEDGER_STATUS_MAX,
					  diag);
	return 0;
}

static int fill_entity(const struct ledger *l, const struct ledger_write *write, struct record *ret,
		       struct diag *diag)
{
	const struct store_entity *entity = &l->entity[write->entity];
	int rc = check_kept("the owner", write->owner, write->owner ? write->owner_len : 0,
			    LEDGER_OWNER_MAX, diag);

	ret->table = entity->table;
	ret->id = (struct record_text){ write->id, write->id_len };
	if (write->owner)
		ret->owner = (struct record_text){ write->owner, write->owner_len };
	if (write->value_count > LEDGER_COLUMNS_MAX)
		return diag_set(diag, ERR_LIMIT, "more than %u values", LEDGER_COLUMNS_MAX);
	ret->value_count = write->value_count;
	for (size_t i = 0; rc == 0 && i < write->value_count; i++)
		rc = fill_value(entity, &write->value[i], &ret->value[i], diag);
	return rc;
}

static struct record_text text_of(const char *text)
{
	return (struct record_text){ text, text ? strlen(text) : 0 };
}

/* value[] beyond value_count stays as it is: clearing it would cost more than the append. */
static int fill_record(const struct ledger *l, const struct ledger_write *write, struct record *ret,
		       struct diag *diag)
{
	const struct record_text none = { NULL, 0 };
	int rc = 0;

	ret->table = 0;
	ret->is_unrecorded = write->is_unrecorded;
	ret->is_retained = write->is_retained;
	ret->is_will = write->is_will;
	ret->qos = write->qos;
	ret->received_ms = write->received_ms;
	ret->id = none;
	ret->owner = none;
	ret->topic = (struct record_text){ write->topic, write->topic_len };
	ret->publisher = text_of(write->publisher);
	ret->client_id = text_of(write->client_id);
	ret->payload = (struct record_text){ write->payload, write->payload_len };
	ret->value_count = 0;
	if (write->entity != LEDGER_NO_ENTITY)
		rc = fill_entity(l, write, ret, diag);
	return rc ? rc : record_check(ret, diag);
}

/* An owner that stands need not be written again: its index would be for nothing. */
static void drop_known_owner(const struct state_facts *facts, struct record *record)
{
	const struct record_text *owner = &record->owner;

	if (owner->text && facts->is_known && strlen(facts->owner) == owner->len &&
	    memcmp(facts->owner, owner->text, owner->len) == 0)
		record->owner = (struct record_text){ NULL, 0 };
}

/* Into the journal; the call that makes an accepted publish last. */
static int append(struct ledger *l, const struct record *record, bool is_power, struct diag *diag)
{
	size_t bytes = record_bytes(record);
	void *body = journal_reserve(l->journal, bytes);

	if (!body) {
		if (bytes > journal_record_max(l->journal))
			return diag_set(diag, ERR_LIMIT, "%s: a write of %zu bytes is too large",
					l->journal_path, bytes);
		return fail_full(l, diag);
	}
	record_encode(record, body);
	return journal_commit(l->journal, is_power, &l->last_seq, diag);
}

static void copy_text(char *ret, const struct record_value *value)
{
	size_t len = value->type == LEDGER_TEXT ? value->len : 0;

	if (len > 0)
		memcpy(ret, value->text, len);
	ret[len] = '\0';
}

static void move_on(const struct store_entity *entity, const struct ledger_write *write,
		    const struct record *record, struct state_facts *facts)
{
	facts->is_known = true;
	facts->revision++;
	if (record->owner.text) {
		memcpy(facts->owner, record->owner.text, record->owner.len);
		facts->owner[record->owner.len] = '\0';
	}
	for (size_t i = 0; i < record->value_count; i++) {
		unsigned column = write->value[i].column;

		if ((int)column == entity->link_column)
			copy_text(facts->link, &record->value[i]);
		for (size_t k = 0; k < entity->slot_count; k++)
			if (column == entity->slot[k])
				copy_text(facts->status[k], &record->value[i]);
	}
}

/* The writer need not wait for its time when there is a batch, or little room. */
static void kick_if_due(struct ledger *l)
{
	if (l->last_seq - writer_applied(l->writer) >= l->carry.batch_rows ||
	    journal_is_half_full(l->journal))
		writer_kick(l->writer);
}

int ledger_commit(struct ledger *l, const struct ledger_write *write, struct diag *diag)
{
	bool has_entity = write->entity != LEDGER_NO_ENTITY;
	struct state_facts *facts = NULL;
	struct record record;
	bool is_kept = true;
	int rc = check_ready(l, diag);

	if (rc == 0 && has_entity)
		rc = check_entity(l, write->entity, write->id, write->id_len, diag);
	if (rc == 0)
		rc = fill_record(l, write, &record, diag);
	if (rc == 0 && has_entity)
		rc = find_facts(l, write->entity, write->id, write->id_len, &facts, &is_kept, diag);
	if (rc == 0 && !is_kept)
		rc = diag_set(diag, ERR_BUSY, "%s: too many entities wait for the database",
			      l->path);
	if (rc == 0 && facts)
		drop_known_owner(facts, &record);
	if (rc == 0)
		rc = append(l, &record, write->is_power, diag);
	if (rc)
		return rc;
	if (facts) {
		if (!facts->is_known)
			census_add(l->census, l->entity[write->entity].table, write->id,
				   write->id_len);
		move_on(&l->entity[write->entity], write, &record, facts);
		state_pin(l->state, facts, l->last_seq);
	}
	kick_if_due(l);
	return 0;
}

/* ---- the trouble, and its end ------------------------------------------------------------ */

/* A writer in the middle of a system call that never ends can't say so itself. */
static void watch_writer(struct ledger *l)
{
	int64_t now = clock_mono_ns();
	uint64_t rounds = writer_rounds(l->writer);
	bool is_stalled =
		rounds == l->rounds && now - l->rounds_ns > WRITER_STALL_MS * INT64_C(1000000);
	struct diag line;

	if (rounds != l->rounds) {
		l->rounds = rounds;
		l->rounds_ns = now;
	}
	if (is_stalled == l->is_stalled)
		return;
	l->is_stalled = is_stalled;
	(void)diag_set(&line, 0, "%s: %s", l->path,
		       is_stalled ? "the writer hangs: the store takes no writes"
				  : "the writer works again");
	tell(l, &line);
}

/* Lost refusals are told together, once in a while. */
static void watch_backlog(struct ledger *l)
{
	int64_t now = clock_mono_ns();
	uint64_t lost = backlog_lost(l->backlog);
	struct diag line;

	if (lost == l->lost || now - l->lost_told_ns < LOST_EVERY_MS * INT64_C(1000000))
		return;
	(void)diag_set(&line, 0, "%s: table refusals: %llu more came than it took", l->path,
		       (unsigned long long)(lost - l->lost));
	l->lost = lost;
	l->lost_told_ns = now;
	tell(l, &line);
}

void ledger_refuse(struct ledger *l, const struct refusal *refusal)
{
	(void)backlog_put(l->backlog, refusal); /* what finds no room is counted there */
}

void ledger_alert(struct ledger *l, const struct alertrow *alert)
{
	(void)backlog_put_alert(l->backlog, alert); /* as above */
}

/*
 * Each call leaves a mark: which record was the last then. The oldest mark that the database
 * has not come to says since when records wait.
 */
static int64_t oldest_ns(struct ledger *l, uint64_t applied, int64_t now_ns)
{
	unsigned kept = 0;

	for (unsigned i = 0; i < l->marks; i++)
		if (l->mark[i].seq > applied)
			l->mark[kept++] = l->mark[i];
	l->marks = kept;
	if (l->last_seq > applied && (kept == 0 || l->mark[kept - 1].seq < l->last_seq)) {
		if (kept == MARKS) /* the newest gives way: the oldest is what is asked for */
			kept--;
		l->mark[kept].seq = l->last_seq;
		l->mark[kept].ns = now_ns;
		l->marks = kept + 1;
	}
	return l->marks > 0 ? l->mark[0].ns : now_ns;
}

void ledger_facts(struct ledger *l, struct ledger_facts *ret)
{
	uint64_t applied = writer_applied(l->writer);
	int64_t now_ns = clock_mono_ns();

	*ret = (struct ledger_facts){
		.state_hits = l->hits,
		.state_misses = l->misses,
		.journal_bytes = journal_bytes(l->journal),
		.journal_used = journal_used(l->journal),
		.journal_records = l->last_seq > applied ? l->last_seq - applied : 0,
		.journal_age_ms = (now_ns - oldest_ns(l, applied, now_ns)) / 1000000,
		.store_errors = atomic_load(&l->errors),
		.refusals_lost = backlog_lost(l->backlog),
		.batch_records = &l->carry.batch_records,
		.batch_ns = &l->carry.batch_ns,
	};
}

bool ledger_news(struct ledger *l, struct diag *ret)
{
	if (!l->has_news)
		watch_backlog(l);
	if (!l->has_news)
		watch_journal(l);
	if (!l->has_news)
		watch_writer(l);
	if (l->has_news) {
		*ret = l->news;
		l->has_news = false;
		return true;
	}
	return writer_news(l->writer, ret);
}

int ledger_flush(struct ledger *l, unsigned timeout_ms, struct diag *diag)
{
	const struct timespec moment = { .tv_nsec = 500000 };
	int64_t until = clock_mono_ns() + timeout_ms * INT64_C(1000000);

	while (writer_applied(l->writer) < l->last_seq) {
		if (clock_mono_ns() > until)
			return diag_set(diag, ERR_BUSY,
					"%s: the database did not take all writes in %u ms",
					l->path, timeout_ms);
		writer_kick(l->writer);
		(void)nanosleep(&moment, NULL);
	}
	return 0;
}
