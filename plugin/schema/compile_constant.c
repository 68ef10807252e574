/*
 * What messages are compared with: names in a hash table, numbers, and the values of const and
 * enum, copied from the document, which need not outlive the program.
 */
#include <stdlib.h>

#include "schema/compile.h"
#include "schema/jsonbig.h"
#include "schema/jsontext.h"
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

/* ---- numbers and values
 * --------------------------------------------------------------------------- */

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

/*
 * A text that a parser has read is what messages are compared with. It has the constants of all
 * steps, so that there is one parser whatever their number.
 */
int compile_constants(struct compiler *c)
{
	struct schema *schema = c->schema;
	struct payload_limits limits = { .max_depth = PAYLOAD_MAX_DEPTH };
	struct payload_error error = { .fault = PAYLOAD_NOMEM };
	const struct payload_value *value = NULL;
	struct view_walk walk;
	char *text = NULL;
	int rc = 0;

	if (c->constant_count == 0)
		return 0;
	if (jsontext_write(c->constants, NULL, NULL, &text, &limits.max_bytes) != 0)
		return diag_nomem(c->diag);
	rc = payload_parser_new(&limits, &schema->constants, c->diag);
	if (rc == 0)
		value = payload_parse(schema->constants, text, limits.max_bytes, &error);
	if (rc == 0 && !value)
		rc = error.fault == PAYLOAD_NOMEM
			     ? diag_nomem(c->diag)
			     : diag_set(c->diag, ERR_LIMIT, "the values of const and enum: %s",
					error.text);
	if (rc == 0)
		walk = view_walk(value);
	for (size_t i = 0; rc == 0 && i < c->constant_count; i++)
		c->constant_steps[i]->constants = view_item(&walk);
	free(text);
	return rc;
}
