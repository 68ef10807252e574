#include "ledger/batch.h"

#include <stdlib.h>
#include <string.h>

#include "base/random.h"
#include "base/wordhash.h"
#include "ledger/batch_internal.h"

int batch_new(struct batch **ret, struct diag *diag)
{
	struct batch *b = calloc(1, sizeof(*b));
	int rc = b ? random_bytes(&b->seed, sizeof(b->seed), diag) : diag_nomem(diag);

	if (rc) {
		free(b);
		return rc;
	}
	*ret = b;
	return 0;
}

void batch_free(struct batch *b)
{
	free(b);
}

bool batch_has_room(const struct batch *b, size_t columns)
{
	return b->rows < BATCH_ROWS_MAX && b->values + columns <= BATCH_VALUES_MAX;
}

static bool is_special(const struct record *record)
{
	return record->is_will || record->is_correction || record->is_adopted ||
	       record->is_taken_over || record->unique != 0 || record->peer.len > 0;
}

/*
 * clock_print(), which costs as much as a tenth of a row, once a second; the milliseconds are
 * the three digits before the Z. Borrowed until the next call.
 */
static const char *print_time(struct batch *b, int64_t ms)
{
	char *digits = b->time + strlen("2026-11-21T03:35:00.");

	if (b->time[0] == '\0' || ms < 0 || ms / 1000 != b->time_ms / 1000) {
		b->time_ms = ms;
		return clock_print(ms, b->time);
	}
	digits[0] = (char)('0' + ms % 1000 / 100);
	digits[1] = (char)('0' + ms % 100 / 10);
	digits[2] = (char)('0' + ms % 10);
	return b->time;
}

struct batch_row *batch_add(struct batch *b, uint64_t seq, const struct record *record)
{
	struct batch_row *row = &b->row[b->rows++];

	row->seq = seq;
	memcpy(row->time, print_time(b, record->received_ms), sizeof(row->time));
	row->record = *record;
	row->record.value = NULL;
	row->record.value_count = 0;
	row->is_superseded = false;
	b->is_special = b->is_special || is_special(record);
	return row;
}

bool batch_is_empty(const struct batch *b)
{
	return b->rows == 0;
}

bool batch_is_plain(const struct batch *b)
{
	return !b->is_special;
}

void batch_clear(struct batch *b)
{
	for (size_t i = 0; i < b->entities; i++)
		b->by_id[b->entity[i].place] = NULL;
	for (size_t i = 0; i < b->rows && b->retained > 0; i++)
		if (b->row[i].record.is_retained)
			b->by_topic[b->row[i].place] = NULL;
	b->rows = b->entities = b->values = b->retained = 0;
	b->is_special = false;
	batch_show(b, BATCH_EVENTS, NULL);
}

static bool is_same(const struct record_text *a, const struct record_text *b)
{
	return a->len == b->len && memcmp(a->text, b->text, a->len) == 0;
}

static uint32_t place_of(const struct batch *b, uint32_t salt, const struct record_text *text)
{
	return (uint32_t)wordhash(b->seed + salt, text->text, text->len) % BATCH_PLACES;
}

struct batch_entity *batch_entity(struct batch *b, uint32_t table, const struct record_text *id)
{
	uint32_t place = place_of(b, table, id);
	struct batch_entity *entity;

	for (; (entity = b->by_id[place]) != NULL; place = (place + 1) % BATCH_PLACES)
		if (entity->table == table && is_same(&entity->id, id))
			return entity;
	entity = &b->entity[b->entities];
	*entity = (struct batch_entity){
		.table = table, .id = *id, .place = place, .index = (uint32_t)b->entities
	};
	b->by_id[place] = b->sorted[b->entities++] = entity;
	return entity;
}

static unsigned rank_of(uint64_t columns, uint64_t bit)
{
	return (unsigned)__builtin_popcountll(columns & (bit - 1));
}

/* Room for the values of the columns @more as well; those that the entity has keep their order. */
static void widen(struct batch *b, struct batch_entity *entity, uint64_t more)
{
	uint64_t had = entity->columns, all = had | more;
	const struct value *from = entity->value;

	entity->columns = all;
	entity->value = &b->value[b->values];
	b->values += (size_t)__builtin_popcountll(all);
	for (uint64_t left = had; left; left &= left - 1)
		entity->value[rank_of(all, left & -left)] = *from++;
}

void batch_set(struct batch *b, struct batch_entity *entity, uint64_t columns,
	       const struct value *const *value)
{
	if (columns & ~entity->columns)
		widen(b, entity, columns);
	for (uint64_t left = columns; left; left &= left - 1)
		entity->value[rank_of(entity->columns, left & -left)] =
			*value[__builtin_ctzll(left)];
}

static int compare(const void *a, const void *b)
{
	const struct batch_entity *const *one = a, *const *other = b;
	const struct record_text *x = &(*one)->id, *y = &(*other)->id;
	int order;

	if ((*one)->table != (*other)->table)
		return (*one)->table < (*other)->table ? -1 : 1;
	order = memcmp(x->text, y->text, x->len < y->len ? x->len : y->len);
	return order ? order : (x->len > y->len) - (x->len < y->len);
}

struct batch_entity *const *batch_sorted(struct batch *b, size_t *ret_count)
{
	qsort(b->sorted, b->entities, sizeof(b->sorted[0]), compare);
	*ret_count = b->entities;
	return b->sorted;
}

/* Of so many steps through a batch, evenly spread, so many at least lead to a later id. */
#define RISING_STEPS 32u
#define RISING_MIN 24u

/*
 * Ids that begin with a time rise, but for some that overtake each other: they lie near each other
 * in the database as they came, and to sort them costs more than it saves. Few are quickly sorted.
 */
static bool is_rising(const struct batch *b)
{
	size_t stride = b->entities / (RISING_STEPS + 1);
	unsigned rising = 0;

	for (size_t i = 0; i < RISING_STEPS && stride > 0; i++)
		rising += compare(&b->sorted[i * stride], &b->sorted[(i + 1) * stride]) < 0;
	return rising >= RISING_MIN;
}

struct batch_entity *const *batch_nearby(struct batch *b, size_t *ret_count)
{
	if (!is_rising(b))
		return batch_sorted(b, ret_count);
	*ret_count = b->entities;
	return b->sorted;
}

void batch_retain(struct batch *b, struct batch_row *row)
{
	uint32_t place = place_of(b, 0, &row->record.topic);

	while (b->by_topic[place] &&
	       !is_same(&b->by_topic[place]->record.topic, &row->record.topic))
		place = (place + 1) % BATCH_PLACES;
	if (b->by_topic[place])
		b->by_topic[place]->is_superseded = true;
	b->by_topic[place] = row;
	row->place = place;
	b->retained++;
}

bool batch_has_retained(const struct batch *b)
{
	return b->retained > 0;
}

void batch_show(struct batch *b, enum batch_shown shown, const struct batch_list *list)
{
	b->shown = shown;
	b->first = list ? list->first : NULL;
	b->at_entity = NULL;
	b->at_row = NULL;
}

uint64_t batch_seq(const struct batch *b)
{
	if (b->at_entity)
		return b->at_entity->last->seq;
	return b->at_row ? b->at_row->seq : 0;
}
