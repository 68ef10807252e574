/* ledger_commit.c -- keeps an accepted write: checks it, appends it, and remembers it. */
#include <string.h>

#include "base/clock.h"
#include "base/utf8.h"
#include "ledger/ledger_internal.h"
#include "ledger/record.h"

/* Once full, the journal takes writes again when half of it is free. */
static bool is_full(const struct ledger *l)
{
	return l->is_full && journal_is_half_full(l->journal);
}

/* The columns' values come out of the payload: they are there twice at most. */
static size_t record_most(size_t bytes)
{
	return 2 * bytes + RECORD_OVERHEAD + ENTITY_OWNER_MAX + LEDGER_PROPERTIES_MAX;
}

size_t ledger_journal_least(size_t payload_max)
{
	return journal_least(record_most(payload_max) + LEDGER_NAMES_ROOM);
}

static int fail_full(struct ledger *l, struct diag *diag)
{
	(void)diag_set(diag, ERR_BUSY, "%s: full: writes come faster than the database takes them",
		       l->journal_path);
	if (!l->is_full && diag)
		l->news = *diag;
	l->is_full = true;
	writer_wake(l->writer);
	return ERR_BUSY;
}

static int check_ready(struct ledger *l, bool is_power, struct diag *diag)
{
	if (!ledger_catch_up(l))
		return ledger_fail_closed(l, diag);
	if (!ledger_journal_is_whole(l))
		return diag_set(diag, ERR_IO, "%s: the journal is broken", l->journal_path);
	ledger_see_room(l);
	if (is_power && !ledger_takes_power(l))
		return diag_set(diag, ERR_IO, "%s: the disk's syncs fail or are too slow",
				l->journal_path);
	/* What waits for a shared database that is away is kept by the journal. */
	if (writer_is_troubled(l->writer) && (!l->is_shared || writer_is_stuck(l->writer)))
		return diag_set(diag, ERR_IO, "%s: the database takes no writes", l->path);
	if (l->is_stalled)
		return diag_set(diag, ERR_IO, "%s: the writer hangs", l->path);
	return is_full(l) ? fail_full(l, diag) : 0;
}

bool ledger_is_ready(struct ledger *l, size_t bytes, bool is_power)
{
	if (l->is_reader)
		return true;
	if (check_ready(l, is_power, NULL) != 0)
		return false;
	state_settle(l->state, writer_applied(l->writer));
	return state_has_room(l->state) && journal_has_room(l->journal, record_most(bytes));
}

void ledger_wait(struct ledger *l)
{
	if (l->has_all && !l->is_stalled && !writer_is_troubled(l->writer) &&
	    atomic_load_explicit(&l->is_open, memory_order_relaxed))
		pressure_wait(&l->pressure, l->journal);
}

void ledger_tick(struct ledger *l)
{
	pressure_tick(&l->pressure);
}

/* Makes the value one of its column's type; false: it can't be. */
static bool convert(struct value *value, enum value_type type)
{
	if (value->type == type || value->type == VALUE_NULL)
		return true;
	if (type == VALUE_REAL && value->type == VALUE_INTEGER)
		value->real = (double)value->integer;
	/* 5.0 is an integer in JSON Schema's eyes. */
	else if (type == VALUE_INTEGER && value->type == VALUE_REAL && value->real >= -0x1p53 &&
		 value->real <= 0x1p53 && value->real == (double)(int64_t)value->real)
		value->integer = (int64_t)value->real;
	else
		return false;
	value->type = type;
	return true;
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

static int fill_value(const struct ledger_entity *known, const struct value *from,
		      struct value *ret, struct diag *diag)
{
	const struct entity *entity = known->entity;

	if (from->column >= entity->column_count)
		return diag_set(diag, ERR_INVALID, "the entity has no column %u", from->column);
	*ret = *from;
	if (!convert(ret, entity->column[from->column].type))
		return diag_set(diag, ERR_INVALID, "a value is not of its column's type");
	ret->column = known->number.column[from->column];
	if (ret->column == 0)
		return diag_set(diag, ERR_BUSY, "a column is not there yet");
	if (ret->type != VALUE_TEXT || !ledger_remembers(known, from->column))
		return 0;
	if ((int)from->column == entity->link_column)
		return check_kept("a link", from->text, from->len, ENTITY_ID_MAX, diag);
	return check_kept("a status", from->text, from->len, ENTITY_STATUS_MAX, diag);
}

static int fill_entity(const struct ledger_entity *known, const struct ledger_write *write,
		       struct record *ret, struct diag *diag)
{
	int rc = check_kept("the owner", write->owner, write->owner ? write->owner_len : 0,
			    ENTITY_OWNER_MAX, diag);

	ret->table = known->number.table;
	ret->id = (struct record_text){ write->id, write->id_len };
	if (write->owner)
		ret->owner = (struct record_text){ write->owner, write->owner_len };
	if (write->value_count > ENTITY_COLUMNS_MAX)
		return diag_set(diag, ERR_LIMIT, "more than %u values", ENTITY_COLUMNS_MAX);
	ret->value_count = write->value_count;
	for (size_t i = 0; rc == 0 && i < write->value_count; i++)
		rc = fill_value(known, &write->value[i], &ret->value[i], diag);
	return rc;
}

static struct record_text text_of(const char *text)
{
	return (struct record_text){ text, text ? strlen(text) : 0 };
}

/* As much of a name as a record holds, in whole characters. */
static struct record_text cut_text(const char *name, size_t max)
{
	struct record_text ret = text_of(name);

	if (ret.len > max)
		ret.len = utf8_cut(name, max);
	return ret;
}

/* value[] beyond value_count stays as it is: clearing it would cost more than the append. */
int ledger_fill_record(const struct ledger_entity *entity, const struct ledger_write *write,
		       struct record *ret, struct diag *diag)
{
	const struct record_text none = { NULL, 0 };
	int rc = 0;

	ret->table = 0;
	ret->is_unrecorded = write->is_unrecorded;
	ret->is_retained = write->message.is_retained;
	ret->is_will = write->message.is_will;
	ret->is_correction = write->is_correction;
	ret->is_adopted = write->is_adopted;
	ret->is_taken_over = write->is_taken_over;
	ret->is_repeat = false;
	ret->qos = write->message.qos;
	ret->received_ms = write->received_ms;
	ret->digest = write->digest;
	ret->unique = write->unique;
	ret->revision = 0;
	ret->before_column = 0;
	ret->before = none;
	ret->id = none;
	ret->owner = none;
	ret->topic = (struct record_text){ write->message.topic, write->message.topic_len };
	ret->publisher = text_of(write->publisher);
	ret->client_id = text_of(write->client_id);
	ret->payload = (struct record_text){ write->message.payload, write->message.payload_len };
	ret->kind = cut_text(write->kind, LEDGER_KIND_MAX);
	ret->peer = cut_text(write->peer, LEDGER_PEER_MAX);
	ret->properties = (struct record_text){ write->properties, write->properties_len };
	ret->value_count = 0;
	if (write->entity != ENTITY_NONE)
		rc = fill_entity(&entity[write->entity], write, ret, diag);
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

/* The only wait of the broker's thread for the disk: how long it takes is kept an eye on. */
static __attribute__((noinline)) int commit_power(struct ledger *l, struct diag *diag)
{
	int64_t began_ns = clock_mono_ns();
	int rc = journal_commit(l->journal, true, &l->last_seq, diag);

	pace_add(&l->pace, began_ns, clock_mono_ns());
	if (rc)
		writer_wake(l->writer); /* which makes it good */
	return rc;
}

/* Into the journal; the call that makes an accepted publish last. */
static int append(struct ledger *l, const struct record *record, bool is_power, uint64_t *place,
		  struct diag *diag)
{
	size_t bytes = record_bytes(record);
	void *body = journal_reserve(l->journal, bytes);

	if (!body) {
		if (bytes > journal_record_max(l->journal))
			return diag_set(diag, ERR_LIMIT, "%s: a write of %zu bytes is too large",
					l->journal_path, bytes);
		return fail_full(l, diag);
	}
	*place = journal_place(l->journal);
	record_encode(record, body);
	return is_power ? commit_power(l, diag)
			: journal_commit(l->journal, false, &l->last_seq, diag);
}

static void copy_text(char *ret, const struct value *value)
{
	size_t len = value->type == VALUE_TEXT ? value->len : 0;

	if (len > 0)
		memcpy(ret, value->text, len);
	ret[len] = '\0';
}

static inline __attribute__((always_inline)) void move_on(const struct ledger_entity *known,
							  const struct ledger_write *write,
							  const struct record *record,
							  struct state_facts *facts)
{
	facts->is_known = true;
	facts->revision++;
	if (record->owner.text) {
		memcpy(facts->owner, record->owner.text, record->owner.len);
		facts->owner[record->owner.len] = '\0';
	}
	for (size_t i = 0; i < record->value_count; i++) {
		unsigned column = write->value[i].column;
		int slot;

		if (!ledger_remembers(known, column))
			continue;
		slot = entity_slot(known->entity, column);
		if ((int)column == known->entity->link_column)
			copy_text(facts->link, &record->value[i]);
		if (slot >= 0)
			copy_text(facts->status[slot], &record->value[i]);
	}
}

/* Out of line, so that ledger_commit() has a copy of its own without a call. */
__attribute__((noinline)) void ledger_move_on(const struct ledger_entity *known,
					      const struct ledger_write *write,
					      const struct record *record,
					      struct state_facts *facts)
{
	move_on(known, write, record, facts);
}

/* The writer need not wait for its time when there is a batch, or little room. */
static void wake_if_due(struct ledger *l)
{
	if (l->last_seq - writer_applied(l->writer) >= l->replay.batch_rows ||
	    journal_is_behind(l->journal))
		writer_wake(l->writer);
}

/* What is known in memory of a write that was kept; @facts NULL: it is of no entity. */
static void remember(struct ledger *l, const struct ledger_write *write,
		     const struct record *record, struct state_facts *facts, uint64_t place)
{
	if (__builtin_expect(l->others.watch != NULL, 0))
		l->others.kept = (struct others_kept){ (int64_t)l->last_seq, record->revision };
	if (write->unique)
		accepted_add(&l->unique,
			     wordhash(l->seed, record->publisher.text, record->publisher.len),
			     write->unique, l->last_seq);
	if (write->sender)
		accepted_add(&l->accepted, write->sender, write->digest, l->last_seq);
	if (!facts)
		return;
	if (!facts->is_known)
		idfilter_add(l->idfilter, &l->key);
	move_on(&l->entity[write->entity], write, record, facts);
	ledger_keep_last(facts, write, place);
	state_pin(l->state, facts, l->last_seq);
	if (__builtin_expect(l->is_shared, false))
		facts->seen_ms = ledger_seen_ms();
}

/* What the step was decided on, so that the batch can tell whether it still stands there. */
static __attribute__((cold, noinline)) void fill_before(const struct ledger_entity *known,
							const struct ledger_write *write,
							const struct state_facts *facts,
							struct record *record)
{
	for (size_t i = 0; i < write->value_count; i++) {
		int slot = entity_slot(known->entity, write->value[i].column);

		if (slot < 0)
			continue;
		record->before_column = record->value[i].column;
		record->before = text_of(facts->status[slot]);
		return;
	}
}

int ledger_commit(struct ledger *l, const struct ledger_write *write, struct diag *diag)
{
	struct state_facts *facts = NULL;
	struct value value[ENTITY_COLUMNS_MAX];
	struct record record; /* ledger_fill_record() sets all of it but this */
	uint64_t place = 0;
	int rc;

	if (__builtin_expect(write->is_strict, false) && l->is_shared)
		return ledger_step(l, write, diag);
	record.value = value;
	rc = check_ready(l, write->is_power, diag);
	if (rc == 0 && write->entity != ENTITY_NONE)
		rc = ledger_find_facts(l, write->entity, write->id, write->id_len, &facts, diag);
	if (rc == 0)
		rc = ledger_fill_record(l->entity, write, &record, diag);
	if (rc)
		return rc;
	if (facts == &l->scratch)
		return diag_set(diag, ERR_BUSY, "%s: too many entities wait for the database",
				l->path);
	if (facts) {
		drop_known_owner(facts, &record);
		record.revision = facts->revision + 1;
		if (__builtin_expect(l->is_shared, 0))
			fill_before(&l->entity[write->entity], write, facts, &record);
	} else if (__builtin_expect(l->is_shared, 0)) {
		record.is_repeat = write->is_unrecorded && write->mark != 0;
	}
	rc = append(l, &record, write->is_power, &place, diag);
	if (rc)
		return rc;
	remember(l, write, &record, facts, place);
	wake_if_due(l);
	return 0;
}
