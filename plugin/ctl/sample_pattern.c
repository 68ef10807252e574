#include "ctl/sample_pattern.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "schema/pattern.h"
#include "schema/pattern_ecma.h"

#define STEPS_MAX 10000u /* parts that are written, also such as have no text */

/* The text while it is made. */
struct pattern_text {
	const struct dfa_source *source;
	char *text;
	size_t len, cap;
	size_t more; /* rounds of each repetition beside those that must be */
	unsigned left;
};

static bool has(const struct seq_class *set, char c)
{
	return set->ascii[(unsigned char)c / 64] >> ((unsigned char)c % 64) & 1;
}

/* A letter or digit rather than what a shell or a topic may take for something else. */
static bool write_one(struct pattern_text *w, const struct seq_class *set)
{
	const char *plain =
		"a1A-_bcdefghijklmnopqrstuvwxyz023456789BCDEFGHIJKLMNOPQRSTUVWXYZ.:,@= ";
	char c = '!';

	if (w->len + 1 >= w->cap)
		return false;
	while (*plain && !has(set, *plain))
		plain++;
	while (!*plain && c <= '~' && !has(set, c))
		c++;
	if (!*plain && c > '~')
		return false;
	w->text[w->len++] = *plain ? *plain : c;
	return true;
}

static bool write_part(struct pattern_text *w, size_t end);

/* The first @count of the parts that stand one behind the other, the last of which ends at @end. */
static bool write_first(struct pattern_text *w, size_t end, uint32_t of, uint32_t count)
{
	for (; of > count; of--)
		end -= w->source->ops[end - 1].size;
	return (count == 1 ||
		write_first(w, end - w->source->ops[end - 1].size, count - 1, count - 1)) &&
	       write_part(w, end);
}

static bool write_rounds(struct pattern_text *w, const struct dfa_op *repeat, size_t end)
{
	size_t rounds = repeat->min + w->more;

	if (rounds > repeat->max)
		rounds = repeat->max;
	for (size_t i = 0; i < rounds; i++)
		if (!write_part(w, end))
			return false;
	return true;
}

/* The part whose last op is the one before @end. */
static bool write_part(struct pattern_text *w, size_t end)
{
	const struct dfa_op *op = &w->source->ops[end - 1];

	if (w->left == 0)
		return false;
	w->left--;
	switch (op->kind) {
	case DFA_CLASS:
		return write_one(w, &op->set);
	case DFA_CAT:
		return write_first(w, end - 1, op->count, op->count);
	case DFA_ALT:
		return write_first(w, end - 1, op->count, 1);
	case DFA_REPEAT:
		return write_rounds(w, op, end - 1);
	case DFA_EMPTY:
	case DFA_START:
	case DFA_END:
		break;
	}
	return true;
}

static bool write_text(const struct dfa_source *source, size_t least, char *ret, size_t cap)
{
	struct pattern_text w = { .source = source, .text = ret, .cap = cap, .left = STEPS_MAX };
	bool is_ok = write_part(&w, source->used);

	if (is_ok && w.len < least) {
		w = (struct pattern_text){ .source = source,
					   .text = ret,
					   .cap = cap,
					   .more = least - w.len,
					   .left = STEPS_MAX };
		is_ok = write_part(&w, source->used);
	}
	ret[w.len] = '\0';
	return is_ok && w.len >= least;
}

bool sample_pattern(const char *pattern, size_t least, char *ret, size_t cap)
{
	struct ecma_result result = { .parts = malloc(sizeof(*result.parts)) };
	bool is_ok = result.parts && cap > 0 &&
		     ecma_translate(pattern, strlen(pattern), &result, NULL) == 0 &&
		     result.parts->is_possible && result.parts->used > 0 &&
		     write_text(result.parts, least, ret, cap) &&
		     sample_pattern_takes(pattern, ret);

	free(result.text);
	free(result.parts);
	return is_ok;
}

bool sample_pattern_takes(const char *pattern, const char *text)
{
	struct pattern *compiled = NULL;
	int64_t work = PATTERN_MAX_WORK;
	bool is_taken = pattern_compile(pattern, strlen(pattern), &compiled, NULL) == 0 &&
			pattern_search(compiled, text, strlen(text), &work) == PATTERN_YES;

	pattern_free(compiled);
	return is_taken;
}
