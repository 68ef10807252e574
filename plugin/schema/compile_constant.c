/*
 * What messages are compared with: names in a hash table, numbers, and the values of const and
 * enum, copied from the document, which need not outlive the program.
 */
#include <string.h>

#include "schema/compile.h"
#include "schema/jsonbig.h"
#include "schema/run.h"

/* ---- sets of names ----------------------------------------------------------------------- */

int compile_name(struct compiler *c, const char *text, size_t len, struct name_key *ret)
{
	const char *copy = arena_text(&c->schema->arena, text, len);

	if (!copy)
		return diag_nomem(c->diag);
	*ret = name_key(copy, len);
	return 0;
}

int compile_table_init(struct compiler *c, struct name_table *table, size_t count)
{
	size_t slots = 4;

	while (slots < 2 * count)
		slots *= 2;
	if (slots > UINT32_MAX)
		return diag_set(c->diag, ERR_LIMIT, "too many names in one schema");
	table->slots = compile_alloc(c, slots * sizeof(*table->slots));
	table->mask = (uint32_t)slots - 1;
	return table->slots ? 0 : ERR_NOMEM;
}

struct name_slot *compile_table_add(struct compiler *c, struct name_table *table, const char *text,
				    size_t len)
{
	struct name_key key = name_key(text, len);
	uint32_t i = name_hash(&key) & table->mask;

	while (table->slots[i].key.text && !name_equal(&table->slots[i].key, &key))
		i = (i + 1) & table->mask;
	if (!table->slots[i].key.text) {
		if (compile_name(c, text, len, &table->slots[i].key) != 0)
			return NULL;
		if (!table->first)
			table->first = table->last = &table->slots[i];
		table->last->next = &table->slots[i];
		table->slots[i].next = table->first;
		table->last = &table->slots[i];
		table->count++;
	}
	return &table->slots[i];
}

/* Slots that a look-up may see for a unit; mostly it sees one or two. */
#define SLOTS_A_UNIT 8u

void compile_table_finish(struct name_table *table)
{
	size_t run = 0;
	size_t longest = 0;
	size_t bytes = 0;

	for (uint32_t i = 0; i <= 2 * table->mask + 1; i++) { /* a run may go on at the beginning */
		const struct name_key *key = &table->slots[i & table->mask].key;

		run = key->text ? run + 1 : 0;
		longest = run > longest ? run : longest;
		bytes = key->text && key->len > bytes ? key->len : bytes;
	}
	table->find_units = 1 + (uint32_t)(longest / SLOTS_A_UNIT * (1 + bytes / RUN_BYTES_A_UNIT) +
					   bytes / RUN_BYTES_A_UNIT / 4);
}

/* ---- constants --------------------------------------------------------------------------- */

int compile_number(struct compiler *c, const json_t *value, struct number *ret)
{
	const char *text;
	size_t len;

	if (jsonbig_text(value, &text, &len)) {
		ret->kind = NUMBER_BIG;
		ret->big.len = len;
		ret->big.text = arena_text(&c->schema->arena, text, len);
		return ret->big.text ? 0 : diag_nomem(c->diag);
	}
	if (json_is_integer(value)) {
		ret->kind = NUMBER_INT;
		ret->i = json_integer_value(value);
	} else {
		ret->kind = NUMBER_REAL;
		ret->d = json_real_value(value);
	}
	return 0;
}

static int compile_array(struct compiler *c, const json_t *array, unsigned depth,
			 struct constant *ret)
{
	struct constant *children =
		compile_alloc(c, json_array_size(array) * sizeof(struct constant));
	size_t index;
	json_t *item;
	int rc = children ? 0 : ERR_NOMEM;

	json_array_foreach(array, index, item) {
		if (rc == 0)
			rc = compile_constant(c, item, depth + 1, &children[index]);
	}
	ret->kind = VIEW_ARRAY;
	ret->len = json_array_size(array);
	ret->children = children;
	return rc;
}

static int compile_object(struct compiler *c, json_t *object, unsigned depth, struct constant *ret)
{
	size_t count = json_object_size(object);
	struct constant *children = compile_alloc(c, count * sizeof(struct constant));
	struct name_key *names = compile_alloc(c, count * sizeof(struct name_key));
	size_t i = 0;
	const char *name;
	json_t *member;
	int rc = children && names ? 0 : ERR_NOMEM;

	json_object_foreach(object, name, member) {
		if (rc == 0)
			rc = compile_name(c, name, strlen(name), &names[i]);
		if (rc == 0)
			rc = compile_constant(c, member, depth + 1, &children[i]);
		i++;
	}
	ret->kind = VIEW_OBJECT;
	ret->len = count;
	ret->children = children;
	ret->names = names;
	return rc;
}

static int compile_text(struct compiler *c, const json_t *value, struct constant *ret)
{
	const char *text;
	size_t len;

	if (jsonbig_text(value, &text, &len)) {
		ret->kind = VIEW_NUMBER;
		return compile_number(c, value, &ret->number);
	}
	ret->kind = VIEW_STRING;
	ret->len = json_string_length(value);
	ret->text = arena_text(&c->schema->arena, json_string_value(value), ret->len);
	return ret->text ? 0 : diag_nomem(c->diag);
}

int compile_constant(struct compiler *c, const json_t *value, unsigned depth, struct constant *ret)
{
	if (depth > PAYLOAD_MAX_DEPTH)
		return diag_set(c->diag, ERR_LIMIT, "is nested deeper than %u levels",
				PAYLOAD_MAX_DEPTH);
	switch (json_typeof(value)) {
	case JSON_OBJECT:
		return compile_object(c, (json_t *)(uintptr_t)value, depth, ret);
	case JSON_ARRAY:
		return compile_array(c, value, depth, ret);
	case JSON_STRING:
		return compile_text(c, value, ret);
	case JSON_INTEGER:
	case JSON_REAL:
		ret->kind = VIEW_NUMBER;
		return compile_number(c, value, &ret->number);
	case JSON_TRUE:
		ret->kind = VIEW_TRUE;
		break;
	case JSON_FALSE:
		ret->kind = VIEW_FALSE;
		break;
	case JSON_NULL:
		ret->kind = VIEW_NULL;
		break;
	}
	return 0;
}
