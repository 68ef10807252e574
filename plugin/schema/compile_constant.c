/*
 * Copies from the document what messages are compared with: names (into a hash table), numbers, and
 * the values of const and enum. The document may be freed before the program.
 */
#include <string.h>

#include "schema/compile.h"
#include "schema/jsonbig.h"
#include "schema/jsontext.h"
#include "schema/run.h"

/* ---- sets of names ----------------------------------------------------------------------- */

struct name_key compile_name(struct compiler *c, const char *text, size_t len)
{
	const char *copy = compile_text(c, text, len);

	return copy ? name_key(copy, len) : (struct name_key){ .text = NULL };
}

void compile_table_init(struct compiler *c, struct name_table *table, size_t count)
{
	size_t slots = 4;

	while (slots < 2 * count)
		slots *= 2;
	if (slots > UINT32_MAX)
		c->rc = diag_set(c->diag, ERR_LIMIT, "too many names in one schema");
	table->slots = compile_alloc(c, slots * sizeof(*table->slots));
	table->mask = (uint32_t)slots - 1;
}

struct name_slot *compile_table_add(struct compiler *c, struct name_table *table, const char *text,
				    size_t len)
{
	struct name_key key = name_key(text, len);
	uint32_t i = name_hash(&key) & table->mask;

	if (c->rc)
		return NULL;
	while (table->slots[i].key.text && !name_equal(&table->slots[i].key, &key))
		i = (i + 1) & table->mask;
	if (!table->slots[i].key.text) {
		table->slots[i].key = compile_name(c, text, len);
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

/* ---- numbers and values ------------------------------------------------------------------ */

const struct number *compile_number(struct filling *f, const char *keyword)
{
	const json_t *value = compile_keyword(f, keyword);
	struct number *ret = value ? compile_alloc(f->compiler, sizeof(*ret)) : NULL;
	const char *text;
	size_t len;

	if (!ret)
		return NULL;
	if (jsonbig_text(value, &text, &len)) {
		ret->kind = NUMBER_BIG;
		ret->big.len = len;
		ret->big.text = compile_text(f->compiler, text, len);
	} else if (json_is_integer(value)) {
		ret->kind = NUMBER_INT;
		ret->i = json_integer_value(value);
	} else {
		ret->kind = NUMBER_REAL;
		ret->d = json_real_value(value);
	}
	return f->compiler->rc == 0 ? ret : NULL;
}

/*
 * A text that a parser has read is what messages are compared with. It has the constants of all
 * steps, so that there is one parser whatever their number.
 */
void compile_constants(struct compiler *c)
{
	const struct payload_value *value = NULL;
	struct view_walk walk;
	struct diag why;

	if (c->rc || c->constant_count == 0)
		return;
	c->rc = jsontext_parse(c->constants, NULL, NULL, &c->schema->constants, &value, &why);
	if (c->rc)
		c->rc = c->rc == ERR_NOMEM ? diag_nomem(c->diag)
					   : document_fail(c->diag, c->rc, c->resources[0], "",
							   NULL, "const and enum: %s", why.text);
	if (c->rc)
		return;
	walk = view_walk(value);
	for (size_t i = 0; i < c->constant_count; i++)
		c->constant_steps[i]->constants = view_item(&walk);
}
