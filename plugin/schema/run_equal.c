/*
 * Equality of values, and uniqueItems. The items of a small array are compared pair by pair. For a
 * large array there is a hash table of a fixed size in the scratch area. If it cannot hold all
 * items, several passes are made, each over a part of them. So the cost stays near n.
 */
#include "base/wordhash.h"
#include "schema/run.h"

/* Pairs of this many items cost no more than a table. */
#define PAIRS_MAX 16u

#define TABLE_SLOTS 1024u
#define TABLE_FILL 512u /* items that are meant to be in the table at a time */
#define TABLE_WORDS (TABLE_SLOTS + TABLE_SLOTS / 2)

/* Pays for a number that is no plain one; two plain ones are compared at once. */
static void pay_number(struct run *run, const struct number *number)
{
	if (number->kind != NUMBER_INT && number->kind != NUMBER_REAL)
		(void)run_charge_number(run, number);
}

static bool equal_numbers(struct run *run, const struct payload_value *a, uint32_t kind_a,
			  const struct payload_value *b, uint32_t kind_b)
{
	struct number number_a;
	struct number number_b;

	view_number(a, kind_a, &number_a);
	view_number(b, kind_b, &number_b);
	pay_number(run, &number_a);
	pay_number(run, &number_b);
	return number_compare(&number_a, &number_b) == 0;
}

static bool equal_strings(struct run *run, const struct payload_value *a,
			  const struct payload_value *b)
{
	size_t len_a;
	size_t len_b;
	const char *text_a = view_string(a, &len_a);
	const char *text_b = view_string(b, &len_b);

	if (len_a != len_b)
		return false;
	run_pay(run, len_a / RUN_BYTES_A_UNIT);
	return memcmp(text_a, text_b, len_a) == 0;
}

static bool equal_arrays(struct run *run, const struct payload_value *a,
			 const struct payload_value *b)
{
	struct view_walk walk_a = view_walk(a);
	struct view_walk walk_b = view_walk(b);
	const struct payload_value *item;

	if (view_size(a) != view_size(b))
		return false;
	while ((item = view_item(&walk_a)))
		if (!run_equal(run, item, view_item(&walk_b)))
			return false;
	return true;
}

static bool equal_objects(struct run *run, const struct payload_value *a,
			  const struct payload_value *b)
{
	struct view_walk walk = view_walk(a);
	const struct payload_value *member;
	const char *name;
	size_t len;

	if (view_size(a) != view_size(b))
		return false;
	while ((member = view_member(&walk, &name, &len))) {
		const struct payload_value *other = payload_member(b, name, len);

		/* Finding a member may mean looking at all of them. */
		if (!run_charge(run, view_size(b)) || !other || !run_equal(run, member, other))
			return false;
	}
	return true;
}

bool run_equal(struct run *run, const struct payload_value *a, const struct payload_value *b)
{
	uint32_t kind_a = view_kind(a);
	uint32_t kind_b = view_kind(b);

	if (!run_charge(run, 1))
		return false;
	if (kind_a & VIEW_NUMBER)
		return (kind_b & VIEW_NUMBER) && equal_numbers(run, a, kind_a, b, kind_b);
	if (kind_a & VIEW_STRING)
		return (kind_b & VIEW_STRING) && equal_strings(run, a, b);
	if (kind_a & VIEW_OBJECT) /* a message's root may be of a kind of its own */
		return (kind_b & VIEW_OBJECT) && equal_objects(run, a, b);
	if (kind_a != kind_b)
		return false;
	return !(kind_a & VIEW_ARRAY) || equal_arrays(run, a, b);
}

/* ---- uniqueItems ------------------------------------------------------------------------- */

/* Items that were chosen to have the same hash cost no more than those that fill the table. */
static uint64_t mix(uint64_t hash)
{
	return wordhash_mix(hash ^ WORDHASH_GOLDEN, WORDHASH_FACTOR);
}

static uint64_t hash_value(struct run *run, const struct payload_value *value)
{
	struct view_walk walk;
	const struct payload_value *child;
	uint32_t kind = view_kind(value);
	struct number number;
	const char *text;
	size_t len;
	uint64_t hash = kind;

	(void)run_charge(run, 1); /* the caller looks at the limit */
	if (kind & VIEW_NUMBER) {
		view_number(value, kind, &number);
		if (number.kind != NUMBER_INT) /* a large real is hashed by its digits, too */
			(void)run_charge_number(run, &number);
		return mix(number_hash(&number));
	}
	if (kind & VIEW_STRING) {
		text = view_string(value, &len);
		run_pay(run, len / 16);
		return wordhash(0, text, len);
	}
	if (!(kind & (VIEW_ARRAY | VIEW_OBJECT)))
		return mix(hash);
	walk = view_walk(value);
	if (kind & VIEW_ARRAY) {
		while ((child = view_item(&walk)))
			hash = mix(hash * 31 + hash_value(run, child));
		return hash;
	}
	while ((child = view_member(&walk, &text, &len))) { /* in any order: a sum */
		run_pay(run, 1 + len / 16);
		hash += mix(wordhash(0, text, len) ^ (hash_value(run, child) << 1));
	}
	return mix(hash);
}

static bool unique_pairs(struct run *run, const struct payload_value *array)
{
	struct view_walk outer = view_walk(array);
	const struct payload_value *item;

	while ((item = view_item(&outer))) {
		struct view_walk inner = outer;
		const struct payload_value *later;

		while ((later = view_item(&inner)))
			if (run_equal(run, item, later))
				return false;
	}
	return run->limit == RUN_WITHIN_LIMITS;
}

struct item_table {
	uint64_t *items; /* TABLE_SLOTS pointers as numbers, 0 where empty */
	char *tags;      /* TABLE_SLOTS times the upper half of the hash */
	size_t used;
};

static bool has_tag(const struct item_table *table, size_t slot, uint32_t tag)
{
	return memcmp(table->tags + slot * sizeof(tag), &tag, sizeof(tag)) == 0;
}

/* False where an equal item is in the table, or where a limit was hit. */
static bool table_add(struct run *run, struct item_table *table, const struct payload_value *item,
		      uint64_t hash)
{
	uint32_t tag = (uint32_t)(hash >> 32);
	size_t i = hash % TABLE_SLOTS;

	if (++table->used >= TABLE_SLOTS) /* far from even: items chosen to collide */
		return run_fail_limit(run, RUN_WORK);
	for (; table->items[i]; i = (i + 1) % TABLE_SLOTS) {
		const struct payload_value *other =
			(const struct payload_value *)(uintptr_t)table->items[i];

		if (!run_charge(run, 1) || (has_tag(table, i, tag) && run_equal(run, other, item)))
			return false;
	}
	table->items[i] = (uintptr_t)item;
	memcpy(table->tags + i * sizeof(tag), &tag, sizeof(tag));
	return true;
}

static bool unique_pass(struct run *run, const struct payload_value *array, uint64_t *words,
			uint64_t pass, uint64_t passes)
{
	struct item_table table = { words, (char *)(words + TABLE_SLOTS), 0 };
	struct view_walk walk = view_walk(array);
	const struct payload_value *item;

	memset(words, 0, TABLE_SLOTS * sizeof(*words));
	run_pay(run, TABLE_SLOTS / 32);
	while ((item = view_item(&walk))) {
		uint64_t hash = hash_value(run, item);

		if (run->limit)
			return false;
		if ((hash >> 20) % passes == pass && !table_add(run, &table, item, hash))
			return false;
	}
	return true;
}

bool run_unique(struct run *run, const struct payload_value *array)
{
	size_t count = view_size(array);
	uint64_t passes = count / TABLE_FILL + 1;
	uint64_t *words = run->scratch + run->scratch_used;
	bool is_unique = true;

	_Static_assert(sizeof(void *) <= sizeof(uint64_t), "a pointer fits a word");
	if (count <= PAIRS_MAX)
		return unique_pairs(run, array);
	if (TABLE_WORDS > RUN_SCRATCH_WORDS - run->scratch_used)
		return run_fail_limit(run, RUN_SCRATCH);
	run->scratch_used += TABLE_WORDS;
	for (uint64_t pass = 0; is_unique && pass < passes; pass++)
		is_unique = unique_pass(run, array, words, pass, passes);
	run->scratch_used -= TABLE_WORDS;
	return is_unique;
}
