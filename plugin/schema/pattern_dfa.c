/*
 * A pattern becomes a graph of places (Thompson's construction, from its end to its beginning).
 * Each set of places that a text can lead to becomes a row of a table (the subset construction). A
 * match may begin anywhere, so every set contains the beginning of the pattern. A text matches as
 * soon as a set contains the end of the pattern.
 */
#include "schema/pattern_dfa.h"

#include <stdlib.h>
#include <string.h>

/* What a text is made of here: ASCII, what is beyond it, and two that `.` does not take. */
#define SYMBOL_BEYOND 128u
#define SYMBOL_SEPARATOR 129u
#define SYMBOLS 130u

#define SET_WORDS (DFA_MAX_PLACES / 64u)
#define ROWS_MAX (DFA_MAX_CELLS / 2u)

/* Rows that end a search; offsets of rows are what the cells hold. */
enum { ROW_DEAD, ROW_FOUND, ROW_FIRST };

struct dfa {
	uint16_t width;  /* cells of a row: kinds of symbols */
	uint16_t beyond; /* kinds of the symbols that are not ASCII */
	uint16_t separator;
	uint8_t kind[128];
	uint8_t *ends;    /* by row: is it a match where the text ends? */
	uint16_t cells[]; /* offset of the next row */
};

/* ---- reading ---------------------------------------------------------------------------- */

void dfa_source_init(struct dfa_source *source)
{
	source->is_possible = true;
	source->used = 0;
}

void dfa_refuse(struct dfa_source *source)
{
	if (source)
		source->is_possible = false;
}

static struct dfa_op *add(struct dfa_source *source, enum dfa_kind kind, uint32_t size)
{
	struct dfa_op *op;

	if (!source)
		return NULL;
	if (source->used == DFA_MAX_OPS)
		source->is_possible = false;
	if (!source->is_possible)
		return NULL;
	op = &source->ops[source->used++];
	op->kind = kind;
	op->size = size;
	return op;
}

void dfa_add(struct dfa_source *source, enum dfa_kind kind)
{
	(void)add(source, kind, 1);
}

void dfa_add_class(struct dfa_source *source, const struct seq_class *set)
{
	struct dfa_op *op;

	if (set->beyond == SEQ_BEYOND_SOME)
		dfa_refuse(source);
	op = add(source, DFA_CLASS, 1);
	if (op)
		op->set = *set;
}

void dfa_add_repeat(struct dfa_source *source, uint32_t min, uint32_t max)
{
	struct dfa_op *op;

	if (!source || !source->is_possible)
		return;
	op = add(source, DFA_REPEAT, source->ops[source->used - 1].size + 1);
	if (op) {
		op->min = min;
		op->max = max;
	}
}

void dfa_join(struct dfa_source *source, enum dfa_kind kind, uint32_t count)
{
	struct dfa_op *op;
	size_t behind;

	if (!source || !source->is_possible || count < 2)
		return;
	behind = source->used;
	for (uint32_t i = 0; i < count; i++)
		behind -= source->ops[behind - 1].size;
	op = add(source, kind, (uint32_t)(source->used - behind) + 1);
	if (op)
		op->count = count;
}

/* ---- places ----------------------------------------------------------------------------- */

#define PLACE_NONE UINT16_MAX

enum place_kind { PLACE_FOUND, PLACE_CLASS, PLACE_SPLIT, PLACE_START, PLACE_END };

struct dfa_place {
	enum place_kind kind;
	uint16_t next;
	uint16_t other;              /* of a split */
	const struct seq_class *set; /* of a class */
};

struct graph {
	const struct dfa_source *source;
	struct dfa_place places[DFA_MAX_PLACES];
	size_t count;
};

static uint16_t add_place(struct graph *graph, enum place_kind kind, uint16_t next)
{
	if (graph->count == DFA_MAX_PLACES || next == PLACE_NONE)
		return PLACE_NONE;
	graph->places[graph->count] = (struct dfa_place){ .kind = kind, .next = next };
	return (uint16_t)graph->count++;
}

static uint16_t add_split(struct graph *graph, uint16_t next, uint16_t other)
{
	uint16_t place = add_place(graph, PLACE_SPLIT, next);

	if (place == PLACE_NONE || other == PLACE_NONE)
		return PLACE_NONE;
	graph->places[place].other = other;
	return place;
}

/* Where op @i begins, so that it goes on at @next; PLACE_NONE where there is no room. */
static uint16_t build(struct graph *graph, size_t i, uint16_t next);

static uint16_t build_repeat(struct graph *graph, const struct dfa_op *op, size_t part,
			     uint16_t next)
{
	uint16_t at = next;

	if (op->max == SEQ_UNBOUNDED) {
		at = add_split(graph, next, next);
		if (at != PLACE_NONE)
			graph->places[at].next = build(graph, part, at);
		if (at == PLACE_NONE || graph->places[at].next == PLACE_NONE)
			return PLACE_NONE;
	} else {
		for (uint32_t n = op->min; n < op->max && at != PLACE_NONE; n++)
			at = add_split(graph, build(graph, part, at), next);
	}
	for (uint32_t n = 0; n < op->min && at != PLACE_NONE; n++) {
		uint16_t before = at;

		at = build(graph, part, at);
		if (at == before)
			break; /* nothing, as often as one likes */
	}
	return at;
}

static uint16_t build_join(struct graph *graph, const struct dfa_op *op, size_t part, uint16_t next)
{
	uint16_t at = op->kind == DFA_CAT ? next : build(graph, part, next);

	for (uint32_t k = op->kind == DFA_CAT ? 0 : 1; k < op->count && at != PLACE_NONE; k++) {
		if (k > 0)
			part -= graph->source->ops[part].size;
		at = op->kind == DFA_CAT ? build(graph, part, at)
					 : add_split(graph, build(graph, part, next), at);
	}
	return at;
}

static uint16_t build(struct graph *graph, size_t i, uint16_t next)
{
	const struct dfa_op *op = &graph->source->ops[i];
	uint16_t place;

	if (next == PLACE_NONE)
		return PLACE_NONE;
	switch (op->kind) {
	case DFA_CLASS:
		place = add_place(graph, PLACE_CLASS, next);
		if (place != PLACE_NONE)
			graph->places[place].set = &op->set;
		return place;
	case DFA_START:
		return add_place(graph, PLACE_START, next);
	case DFA_END:
		return add_place(graph, PLACE_END, next);
	case DFA_REPEAT:
		return build_repeat(graph, op, i - 1, next);
	case DFA_CAT:
	case DFA_ALT:
		return build_join(graph, op, i - 1, next);
	case DFA_EMPTY:
		break;
	}
	return next;
}

/* ---- kinds of symbols ------------------------------------------------------------------- */

static bool holds(const struct seq_class *set, unsigned symbol)
{
	if (symbol < 128)
		return set->ascii[symbol / 64] >> (symbol % 64) & 1;
	return set->beyond == SEQ_BEYOND_ALL ||
	       (set->beyond == SEQ_BEYOND_DOT && symbol == SYMBOL_BEYOND);
}

/* Gives those symbols of each kind that @set holds a new kind, where it does not hold them all. */
static unsigned split_kinds(const struct seq_class *set, uint8_t kind[SYMBOLS], unsigned count)
{
	uint8_t all[SYMBOLS] = { 0 }, in[SYMBOLS] = { 0 }, other[SYMBOLS] = { 0 };
	unsigned before = count;

	for (unsigned s = 0; s < SYMBOLS; s++) {
		all[kind[s]]++;
		in[kind[s]] = (uint8_t)(in[kind[s]] + holds(set, s));
	}
	for (unsigned k = 0; k < before; k++)
		if (in[k] > 0 && in[k] < all[k])
			other[k] = (uint8_t)count++;
	for (unsigned s = 0; s < SYMBOLS; s++)
		if (holds(set, s) && other[kind[s]] > 0)
			kind[s] = other[kind[s]];
	return count;
}

/* Symbols that are in the same classes get one number. Returns how many numbers there are. */
static unsigned number_kinds(const struct graph *graph, uint8_t kind[SYMBOLS])
{
	unsigned count = 1;

	memset(kind, 0, SYMBOLS);
	for (size_t i = 0; i < graph->count; i++)
		if (graph->places[i].kind == PLACE_CLASS)
			count = split_kinds(graph->places[i].set, kind, count);
	return count;
}

/* ---- rows ------------------------------------------------------------------------------- */

struct set {
	uint64_t bits[SET_WORDS];
};

struct rows {
	const struct graph *graph;
	uint16_t start; /* place */
	uint8_t kind[SYMBOLS];
	uint8_t sample[SYMBOLS]; /* a symbol of each kind */
	unsigned width;
	struct set *sets; /* by row, from ROW_FIRST on */
	uint32_t *hashes;
	uint8_t *ends;
	uint16_t *cells;
	size_t count;
	size_t max;
};

static bool has_place(const struct set *set, uint16_t place)
{
	return set->bits[place / 64] >> (place % 64) & 1;
}

/* Adds a place and all that it leads to without a character. True where that is the end. */
static bool reach(const struct graph *graph, struct set *set, uint16_t place, bool at_start,
		  bool at_end)
{
	uint16_t stack[2 * DFA_MAX_PLACES];
	size_t depth = 0;
	bool found = false;

	stack[depth++] = place;
	while (depth > 0) {
		const struct dfa_place *p;

		place = stack[--depth];
		p = &graph->places[place];
		if (has_place(set, place))
			continue;
		set->bits[place / 64] |= UINT64_C(1) << (place % 64);
		found |= p->kind == PLACE_FOUND;
		if (p->kind == PLACE_SPLIT || (p->kind == PLACE_START && at_start) ||
		    (p->kind == PLACE_END && at_end))
			stack[depth++] = p->next;
		if (p->kind == PLACE_SPLIT)
			stack[depth++] = p->other;
	}
	return found;
}

/* Would the text be matched, if it ended here? */
static bool is_end(const struct rows *rows, const struct set *set, bool at_start)
{
	struct set beyond = { { 0 } };
	bool found = false;

	for (uint16_t i = 0; i < rows->graph->count && !found; i++)
		if (has_place(set, i) && rows->graph->places[i].kind == PLACE_END)
			found = reach(rows->graph, &beyond, rows->graph->places[i].next, at_start,
				      true);
	return found;
}

static uint32_t hash_set(const struct set *set)
{
	uint64_t hash = 0;

	for (size_t i = 0; i < SET_WORDS; i++)
		hash = (hash ^ set->bits[i]) * UINT64_C(0x9e3779b97f4a7c15);
	return (uint32_t)(hash >> 32);
}

/* The row of @set, new or found; rows->max where there is no room. */
static size_t find_row(struct rows *rows, const struct set *set, bool at_start)
{
	uint32_t hash = hash_set(set);

	/* The first row is of no other text than the empty one. */
	for (size_t row = ROW_FIRST + 1; row < rows->count; row++)
		if (rows->hashes[row] == hash && memcmp(&rows->sets[row], set, sizeof(*set)) == 0)
			return row;
	if (rows->count == rows->max)
		return rows->max;
	rows->sets[rows->count] = *set;
	rows->hashes[rows->count] = hash;
	rows->ends[rows->count] = is_end(rows, set, at_start);
	return rows->count++;
}

/* Can a place of @set ever be left by a character, or be an end? */
static bool is_dead(const struct graph *graph, const struct set *set)
{
	for (uint16_t i = 0; i < graph->count; i++)
		if (has_place(set, i) &&
		    (graph->places[i].kind == PLACE_CLASS || graph->places[i].kind == PLACE_END))
			return false;
	return true;
}

/* Where a symbol of kind @k leads from @row; rows->max where there is no room. */
static size_t next_row(struct rows *rows, size_t row, unsigned k)
{
	const struct graph *graph = rows->graph;
	struct set set = { { 0 } };

	for (uint16_t i = 0; i < graph->count; i++) {
		const struct dfa_place *p = &graph->places[i];

		if (p->kind == PLACE_CLASS && has_place(&rows->sets[row], i) &&
		    holds(p->set, rows->sample[k]) && reach(graph, &set, p->next, false, false))
			return ROW_FOUND;
	}
	if (reach(graph, &set, rows->start, false, false))
		return ROW_FOUND;
	return is_dead(graph, &set) ? ROW_DEAD : find_row(rows, &set, false);
}

/* True where all rows and cells are known within the bounds. */
static bool fill(struct rows *rows)
{
	struct set set = { { 0 } };

	if (reach(rows->graph, &set, rows->start, true, false)) {
		rows->ends[ROW_FIRST] = true; /* whatever the text is */
		rows->count = ROW_FIRST + 1;
		for (unsigned k = 0; k < rows->width; k++)
			rows->cells[ROW_FIRST * rows->width + k] =
				(uint16_t)(ROW_FOUND * rows->width);
		return true;
	}
	(void)find_row(rows, &set, true);
	for (size_t row = ROW_FIRST; row < rows->count; row++) {
		for (unsigned k = 0; k < rows->width; k++) {
			size_t next = next_row(rows, row, k);

			if (next == rows->max)
				return false;
			rows->cells[row * rows->width + k] = (uint16_t)(next * rows->width);
		}
	}
	return true;
}

static struct dfa *finish(const struct rows *rows)
{
	size_t cells = rows->count * rows->width;
	struct dfa *dfa = malloc(sizeof(*dfa) + cells * sizeof(*dfa->cells) + rows->count);

	if (!dfa)
		return NULL;
	dfa->width = (uint16_t)rows->width;
	memcpy(dfa->kind, rows->kind, sizeof(dfa->kind));
	dfa->beyond = rows->kind[SYMBOL_BEYOND];
	dfa->separator = rows->kind[SYMBOL_SEPARATOR];
	memcpy(dfa->cells, rows->cells, cells * sizeof(*dfa->cells));
	dfa->ends = (uint8_t *)(dfa->cells + cells);
	memcpy(dfa->ends, rows->ends, rows->count);
	return dfa;
}

static bool make_rows(const struct graph *graph, uint16_t start, struct dfa **ret)
{
	struct rows rows = { .graph = graph, .start = start, .count = ROW_FIRST };
	bool ok = false;

	rows.width = number_kinds(graph, rows.kind);
	for (unsigned s = 0; s < SYMBOLS; s++)
		rows.sample[rows.kind[s]] = (uint8_t)s;
	rows.max = DFA_MAX_CELLS / rows.width;
	if (rows.max > ROWS_MAX)
		rows.max = ROWS_MAX;
	rows.sets = malloc(rows.max * sizeof(*rows.sets));
	rows.hashes = malloc(rows.max * sizeof(*rows.hashes));
	rows.ends = calloc(rows.max, 1);
	rows.cells = calloc(rows.max * rows.width, sizeof(*rows.cells));
	if (rows.sets && rows.hashes && rows.ends && rows.cells) {
		rows.ends[ROW_FOUND] = true;
		ok = true;
		if (fill(&rows)) {
			*ret = finish(&rows);
			ok = *ret != NULL;
		}
	}
	free(rows.sets);
	free(rows.hashes);
	free(rows.ends);
	free(rows.cells);
	return ok;
}

bool dfa_new(const struct dfa_source *source, struct dfa **ret)
{
	struct graph *graph;
	uint16_t start;
	bool ok = true;

	*ret = NULL;
	if (!source->is_possible || source->used == 0)
		return true;
	graph = malloc(sizeof(*graph));
	if (!graph)
		return false;
	graph->source = source;
	graph->count = 0;
	start = build(graph, source->used - 1, add_place(graph, PLACE_FOUND, 0));
	if (start != PLACE_NONE)
		ok = make_rows(graph, start, ret);
	free(graph);
	return ok;
}

void dfa_free(struct dfa *dfa)
{
	free(dfa);
}

/* ---- searching -------------------------------------------------------------------------- */

/* Steps over a character that is not ASCII; the kind of it. */
static unsigned take_beyond(const struct dfa *dfa, const unsigned char **at,
			    const unsigned char *end)
{
	const unsigned char *s = *at;
	size_t len = *s >= 0xf0 ? 4 : *s >= 0xe0 ? 3 : 2;

	*at = (size_t)(end - s) > len ? s + len : end;
	return len == 3 && *at - s == 3 && s[0] == 0xe2 && s[1] == 0x80 && (s[2] & 0xfe) == 0xa8
		       ? dfa->separator
		       : dfa->beyond;
}

bool dfa_search(const struct dfa *dfa, const char *text, size_t len, size_t *steps)
{
	const unsigned char *at = (const unsigned char *)text;
	const unsigned char *end = at + len;
	unsigned row = ROW_FIRST * dfa->width;
	unsigned last = ROW_FOUND * dfa->width;

	while (at < end && row > last)
		row = dfa->cells[row +
				 (*at < 0x80 ? dfa->kind[*at++] : take_beyond(dfa, &at, end))];
	*steps = (size_t)(at - (const unsigned char *)text);
	return dfa->ends[row / dfa->width];
}
