#include "ledger/adoption.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "ledger/fileuser.h"
#include "ledger/journal.h"
#include "ledger/ledger.h"
#include "ledger/ledger_internal.h"
#include "ledger/record.h"
#include "ledger/store.h"

#define PATIENCE_MS 5000
#define CACHE_MIB 256u /* for the pages of a million entities */
/* Of the ledger that only opens and closes. */
#define BATCH_ROWS 1000u
#define BATCH_MS 50u

struct adoption {
	struct ledger_place place;
	char *path; /* what messages call the database */
	char *ring;
	const struct entity_plan *plan;
	struct journal *journal; /* for its lock */
	struct store *store;
	struct store_reader *reader; /* sees what was there before */
	struct ledger_entity *entity;
	uint64_t seed, seq; /* the last number that was given */
	int64_t now_ms;
	bool is_begun;
	struct state_facts facts;
	/* The texts of what the store has collected and not written yet. */
	char *room;
	size_t used;
};

/* ---- opening ------------------------------------------------------------------------------- */

static int fail_in_use(const char *path, struct diag *diag)
{
	return diag_set(
		diag, ERR_BUSY,
		"%s: in use: stop the broker first, and start it again afterwards; or let it "
		"adopt what it observes (\"x-mode\")",
		path);
}

/* All that a start of the broker makes and mends: what it leaves is a database that is complete. */
static int start_and_stop(struct adoption *a, const struct adoption_journal *journal,
			  struct diag *diag)
{
	struct ledger_options options = { .path = a->place.database,
					  .broker = a->place.broker,
					  .journal = a->place.journal,
					  .journal_bytes = journal->bytes,
					  .journal_bytes_max = journal->bytes_max,
					  .batch_rows = BATCH_ROWS,
					  .batch_ms = BATCH_MS,
					  .cache_entities = STATE_ENTITIES_MIN };
	struct ledger *ledger = NULL;
	int rc = ledger_open(&options, a->plan, &ledger, diag);

	if (rc == 0)
		a->seed = ledger_seed(ledger);
	ledger_close(ledger);
	return rc == ERR_BUSY ? fail_in_use(a->path, diag) : rc;
}

/* From here on no broker can begin to use it. */
static int lock(struct adoption *a, struct diag *diag)
{
	char *real = a->place.journal ? NULL : realpath(a->path, NULL);
	int rc;

	if (!real && !a->place.journal)
		return diag_set(diag, ERR_IO, "%s: %s", a->path, strerror(errno));
	rc = ledger_name_journal(&a->place, real, &a->ring, diag);
	free(real);
	if (rc)
		return rc;
	rc = journal_open(a->ring, &a->journal, diag);
	return rc == ERR_BUSY ? fail_in_use(a->path, diag) : rc;
}

/* The plan's entities with the numbers of their tables and columns. */
static int find_numbers(struct adoption *a, struct diag *diag)
{
	struct store_names *names = NULL;
	int rc = store_names_load(a->store, &names, diag);

	a->entity = calloc(a->plan->entity_count + 1, sizeof(*a->entity));
	if (rc == 0 && !a->entity)
		rc = diag_nomem(diag);
	for (size_t i = 0; rc == 0 && i < a->plan->entity_count; i++) {
		const struct entity *entity = &a->plan->entity[i];
		struct ledger_entity *ret = &a->entity[i];

		ret->entity = entity;
		rc = store_names_find(names, entity, &ret->number, diag);
		for (size_t k = 0; k < entity->slot_count; k++)
			ret->remembered |= UINT64_C(1) << entity->slot[k];
		if (entity->link_column >= 0)
			ret->remembered |= UINT64_C(1) << entity->link_column;
	}
	store_names_free(names);
	return rc;
}

static int open_store(struct adoption *a, struct diag *diag)
{
	const struct store_place place = { .place = a->place.database, .broker = a->place.broker };
	int rc = store_open(&place, PATIENCE_MS, &a->store, diag);

	if (rc == 0)
		rc = store_upgrade(a->store, diag);
	if (rc == 0)
		rc = store_set_cache(a->store, CACHE_MIB, diag);
	if (rc == 0)
		rc = find_numbers(a, diag);
	if (rc == 0)
		/* Of a server it waits as a person does, and not as the broker's thread. */
		rc = store_reader_open(&place, store_is_shared(place.place), &a->reader, diag);
	if (rc)
		return rc;
	store_reader_use(a->reader, a->plan);
	rc = store_begin(a->store, &a->seq, diag);
	a->is_begun = rc == 0;
	return rc;
}

int adoption_open(const struct ledger_place *place, const struct adoption_journal *journal,
		  const struct entity_plan *plan, struct adoption **ret, struct diag *diag)
{
	struct adoption *a = calloc(1, sizeof(*a));
	char shown[STORE_SHOWN_MAX];
	int rc;

	if (!a)
		return diag_nomem(diag);
	a->plan = plan;
	a->now_ms = clock_unix_ms();
	a->place = *place;
	a->path = strdup(store_shown(place->database, shown));
	a->room = malloc(ADOPTION_RECORD_MAX); /* the system gives what is written to only */
	rc = a->path && a->room ? 0 : diag_nomem(diag);
	/* What is made is the journal, and, where it is a file, the database. */
	if (rc == 0)
		rc = fileuser_check(place->journal ? place->journal : place->database, "import",
				    diag);
	if (rc == 0)
		rc = store_check_alone(place->database, diag);
	if (rc == ERR_BUSY)
		rc = fail_in_use(a->path, diag);
	if (rc == 0)
		rc = start_and_stop(a, journal, diag);
	if (rc == 0)
		rc = lock(a, diag);
	if (rc == 0)
		rc = open_store(a, diag);
	if (rc) {
		adoption_close(a);
		return rc;
	}
	*ret = a;
	return 0;
}

uint64_t adoption_seed(const struct adoption *a)
{
	return a->seed;
}

/* ---- entities ------------------------------------------------------------------------------ */

int adoption_find(struct adoption *a, unsigned entity, const char *id, size_t id_len,
		  struct ledger_state *ret, struct diag *diag)
{
	int rc = store_reader_find(a->reader, entity, id, id_len, &a->facts, diag);

	if (rc)
		return rc;
	ret->is_known = a->facts.is_known;
	ret->owner = a->facts.owner;
	ret->link = a->facts.link;
	for (size_t i = 0; i < ENTITY_SLOTS_MAX; i++)
		ret->status[i] = a->facts.status[i];
	ret->revision = a->facts.revision;
	return 0;
}

/* The text at @at, copied to the room, where it stays until the store has written it. */
static void keep(struct adoption *a, const char **text, size_t len)
{
	char *copy = a->room + a->used;

	if (len > 0)
		memcpy(copy, *text, len);
	a->used += len;
	*text = *text ? copy : NULL;
}

static void keep_all(struct adoption *a, struct record *record)
{
	struct record_text *text[] = { &record->id,        &record->owner,     &record->topic,
				       &record->publisher, &record->client_id, &record->payload,
				       &record->kind,      &record->properties };

	for (size_t i = 0; i < sizeof(text) / sizeof(text[0]); i++)
		keep(a, &text[i]->text, text[i]->len);
	for (size_t i = 0; i < record->value_count; i++)
		if (record->value[i].type == VALUE_TEXT)
			keep(a, &record->value[i].text, record->value[i].len);
}

int adoption_add(struct adoption *a, const struct ledger_write *write, struct diag *diag)
{
	struct value value[ENTITY_COLUMNS_MAX];
	struct record record = { .value = value };
	int rc = ledger_fill_record(a->entity, write, &record, diag);

	if (rc)
		return rc;
	record.is_adopted = true;
	record.received_ms = a->now_ms;
	if (record_bytes(&record) > ADOPTION_RECORD_MAX)
		return diag_set(diag, ERR_LIMIT, "more than %zu bytes", ADOPTION_RECORD_MAX);
	if (record_bytes(&record) > ADOPTION_RECORD_MAX - a->used) {
		rc = store_flush(a->store, diag);
		a->used = 0;
	}
	if (rc)
		return rc;
	keep_all(a, &record);
	return store_apply(a->store, ++a->seq, &record, diag);
}

int adoption_commit(struct adoption *a, struct diag *diag)
{
	int rc = store_commit(a->store, a->seq, diag);

	a->is_begun = rc != 0;
	return rc;
}

void adoption_close(struct adoption *a)
{
	if (!a)
		return;
	if (a->is_begun)
		store_rollback(a->store);
	store_reader_close(a->reader);
	store_close(a->store);
	journal_close(a->journal);
	free(a->entity);
	free(a->room);
	free(a->ring);
	free(a->path);
	free(a);
}
