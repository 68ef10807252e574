#include "monitor/table.h"

#include <stdlib.h>
#include <string.h>

#define SET (TABLE_WAYS + 1) /* the last place of a set is the strangers' */
#define STRANGERS 1u

/*
 * The names stand apart from the records: the eight of a set, and the strangers' record's
 * beside them, are looked through without touching a record.
 */
struct table {
	size_t sets; /* a power of two */
	size_t size;
	size_t count;
	uint64_t evicted;
	uint64_t *id;          /* sets * TABLE_WAYS */
	unsigned char *record; /* sets * SET */
};

int table_new(size_t records, size_t size, struct table **ret, struct diag *diag)
{
	struct table *table;
	size_t sets = 1;

	if (records > TABLE_RECORDS_MAX)
		return diag_set(diag, ERR_LIMIT, "a table has %u records at most",
				TABLE_RECORDS_MAX);
	while (sets * TABLE_WAYS < records)
		sets *= 2;
	table = calloc(1, sizeof(*table));
	if (!table)
		return diag_nomem(diag);
	table->sets = sets;
	table->size = size;
	table->id = calloc(sets * TABLE_WAYS, sizeof(*table->id));
	table->record = calloc(sets * SET, size);
	if (!table->id || !table->record) {
		table_free(table);
		return diag_nomem(diag);
	}
	*ret = table;
	return 0;
}

void table_free(struct table *table)
{
	if (!table)
		return;
	free(table->id);
	free(table->record);
	free(table);
}

size_t table_memory(const struct table *table)
{
	return sizeof(*table) + table->sets * (TABLE_WAYS * sizeof(*table->id) + SET * table->size);
}

size_t table_count(const struct table *table)
{
	return table->count;
}

uint64_t table_evicted(const struct table *table)
{
	return table->evicted;
}

size_t table_places(const struct table *table)
{
	return table->sets * SET;
}

static void *record_at(const struct table *table, size_t set, size_t way)
{
	return table->record + (set * SET + way) * table->size;
}

uint32_t table_badness(const struct table_head *head, int64_t now_ns)
{
	int64_t halvings = (now_ns - head->bad_ns) / (TABLE_HALF_S * INT64_C(1000000000));

	if (halvings <= 0)
		return head->badness;
	return halvings >= 32 ? 0 : head->badness >> halvings;
}

void table_blame(struct table_head *head, uint32_t by, int64_t now_ns)
{
	uint32_t badness = table_badness(head, now_ns);

	head->badness = by > TABLE_BADNESS_MAX - badness ? TABLE_BADNESS_MAX : badness + by;
	head->bad_ns = now_ns;
}

/* Would @a be missed less than @b? */
static bool is_lesser(const struct table_head *a, const struct table_head *b, int64_t now_ns)
{
	uint32_t bad_a = table_badness(a, now_ns), bad_b = table_badness(b, now_ns);

	if (bad_a != bad_b)
		return bad_a < bad_b;
	if (a->is_live != b->is_live)
		return b->is_live;
	return a->seen_ns < b->seen_ns;
}

/* Records of @owner in the set; nobody in particular is each time somebody else. */
static unsigned owned(const struct table *table, size_t set, uint64_t owner)
{
	unsigned count = 0;

	for (size_t way = 0; owner && way < TABLE_WAYS; way++)
		count += ((const struct table_head *)record_at(table, set, way))->owner == owner;
	return count;
}

/* Of a full set: whose records may give way to a newcomer of @owner, and why. */
struct choice {
	uint64_t owner; /* only theirs, where @is_own */
	unsigned most;  /* only of those who have so many, where that is more than one */
	bool is_own;    /* no owner has more than the newcomer's */
	bool is_excess; /* they have more than the newcomer's: being bad keeps none */
};

static struct choice weigh(const struct table *table, size_t set, uint64_t owner)
{
	struct choice choice = { .owner = owner, .most = 1 };
	unsigned mine = owned(table, set, owner);

	for (size_t way = 0; way < TABLE_WAYS; way++) {
		const struct table_head *head = record_at(table, set, way);
		unsigned count = owned(table, set, head->owner);

		if (count > choice.most)
			choice.most = count;
	}
	choice.is_own = mine >= choice.most;
	choice.is_excess = choice.most > 1 && !choice.is_own;
	return choice;
}

static bool may_go(const struct table *table, size_t set, const struct table_head *head,
		   const struct choice *choice, int64_t now_ns)
{
	if (head->is_held)
		return false;
	if (choice->is_own && head->owner != choice->owner)
		return false;
	if (choice->is_excess)
		return owned(table, set, head->owner) == choice->most;
	return table_badness(head, now_ns) <= TABLE_BAD;
}

/* The way that a newcomer of @owner gets, or the strangers'. */
static size_t choose(const struct table *table, size_t set, uint64_t owner, int64_t now_ns)
{
	const uint64_t *id = table->id + set * TABLE_WAYS;
	const struct table_head *least = NULL;
	struct choice choice;
	size_t chosen = TABLE_WAYS;

	for (size_t way = 0; way < TABLE_WAYS; way++)
		if (id[way] == 0)
			return way;
	choice = weigh(table, set, owner);
	for (size_t way = 0; way < TABLE_WAYS; way++) {
		const struct table_head *head = record_at(table, set, way);

		if (!may_go(table, set, head, &choice, now_ns))
			continue;
		if (!least || is_lesser(head, least, now_ns)) {
			least = head;
			chosen = way;
		}
	}
	return chosen;
}

static void *make(struct table *table, size_t set, size_t way, uint64_t id, uint64_t owner,
		  int64_t now_ns)
{
	struct table_head *head = record_at(table, set, way);

	memset(head, 0, table->size);
	*head = (struct table_head){ .id = id,
				     .owner = owner,
				     .seen_ns = now_ns,
				     .bad_ns = now_ns,
				     .is_strangers = way == TABLE_WAYS };
	if (way < TABLE_WAYS)
		table->id[set * TABLE_WAYS + way] = id;
	return head;
}

static size_t set_of(const struct table *table, uint64_t id)
{
	return (size_t)(id >> 32) & (table->sets - 1);
}

void *table_find(const struct table *table, uint64_t id)
{
	size_t set = set_of(table, id);
	const uint64_t *ids = table->id + set * TABLE_WAYS;

	for (size_t way = 0; way < TABLE_WAYS; way++)
		if (ids[way] == id)
			return record_at(table, set, way);
	return NULL;
}

void *table_take(struct table *table, uint64_t id, uint64_t owner, int64_t now_ns,
		 void (*gone)(void *record, void *ctx), void *ctx, bool *is_new)
{
	struct table_head *head = table_find(table, id);
	size_t set = set_of(table, id);
	size_t way;

	*is_new = false;
	if (!head) {
		way = choose(table, set, owner, now_ns);
		head = record_at(table, set, way);
		if (way == TABLE_WAYS && head->id) {
			head->seen_ns = now_ns;
			return head;
		}
		*is_new = true;
		if (head->id == 0) {
			table->count++;
		} else {
			table->evicted++;
			if (gone)
				gone(head, ctx);
		}
		return make(table, set, way, way == TABLE_WAYS ? STRANGERS : id, owner, now_ns);
	}
	head->seen_ns = now_ns;
	return head;
}

void table_walk(struct table *table, size_t *at, size_t count,
		void (*visit)(void *record, void *ctx), void *ctx)
{
	size_t places = table_places(table);

	for (; count > 0; count--) {
		struct table_head *head;

		*at = *at < places ? *at : 0;
		/* A place without a name is passed over without a look at its record's memory. */
		if (*at % SET == TABLE_WAYS || table->id[*at / SET * TABLE_WAYS + *at % SET]) {
			head = (struct table_head *)(void *)(table->record + *at * table->size);
			if (head->id)
				visit(head, ctx);
		}
		++*at;
	}
}
