#include "contract/level.h"

#include <string.h>

#include "base/utf8.h"

/* ---- reading ---------------------------------------------------------------------------- */

static bool is_char(const struct level *level, char c)
{
	return level->len == 1 && level->text[0] == c;
}

static enum level_kind kind_of(const struct level *level)
{
	if (is_char(level, '+'))
		return LEVEL_ANY;
	if (is_char(level, '#'))
		return LEVEL_REST;
	if (level->params == 0)
		return LEVEL_TEXT;
	return level->params == 1 && level->head == 0 && level->tail == 0 ? LEVEL_PARAM
									  : LEVEL_PARTS;
}

/* The parameter that begins at @at or behind it: where its "{" is, and its "}" in *ret_end; or
 * NULL. */
static const char *next_param(const char *at, const char *end, const char **ret_end)
{
	const char *open = memchr(at, '{', (size_t)(end - at));
	const char *close = open ? memchr(open, '}', (size_t)(end - open)) : NULL;

	*ret_end = close;
	return close ? open : NULL;
}

void level_read(const char **address, struct level *ret)
{
	const char *text = *address;
	size_t len = strcspn(text, "/");
	const char *end = text + len, *at = text, *open, *close;

	*ret = (struct level){ .text = text, .len = (uint32_t)len };
	for (; (open = next_param(at, end, &close)); at = close + 1) {
		if (ret->params == 0)
			ret->head = (uint16_t)(open - text);
		if (ret->params < UINT8_MAX)
			ret->params++;
	}
	ret->tail = ret->params > 0 ? (uint16_t)(end - at) : 0;
	ret->kind = (uint8_t)kind_of(ret);
	*address = *end ? end + 1 : NULL;
}

static bool is_name(const char *name, size_t len)
{
	static const char letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
				      "0123456789_-";

	return len > 0 && strspn(name, letters) >= len;
}

static const char *braces_fault(const struct level *level)
{
	const char *end = level->text + level->len, *at = level->text, *open, *close;

	for (; (open = next_param(at, end, &close)); at = close + 1) {
		if (memchr(at, '}', (size_t)(open - at)))
			break;
		if (!is_name(open + 1, (size_t)(close - open - 1)))
			return "a parameter whose name is not letters, digits, - and _";
	}
	if (memchr(at, '{', (size_t)(end - at)) || memchr(at, '}', (size_t)(end - at)))
		return "a { without its }, or a } without its {";
	return NULL;
}

const char *level_fault(const struct level *level)
{
	if (level->kind == LEVEL_ANY || level->kind == LEVEL_REST)
		return NULL;
	for (size_t i = 0; i < level->len; i++) {
		unsigned char c = (unsigned char)level->text[i];

		if (c == '+' || c == '#')
			return "a + or # that is not a whole level: no topic has one, and what "
			       "varies within a level is a parameter, like dev-{id}";
		/* Mosquitto refuses topics with them. */
		if (c < 0x20 || c == 0x7f)
			return "a control character";
	}
	return braces_fault(level);
}

/* ---- a topic's level --------------------------------------------------------------------- */

/* Bits, to be ORed over a text. "+", "#" and U+0000 are in no topic. */
enum byte_kind { BYTE_PLAIN = 1, BYTE_HIGH = 2, BYTE_STRANGE = 4 };

/* clang-format off */
static const unsigned char kinds[256] = {
	[0] = BYTE_STRANGE, [1 ... '"'] = BYTE_PLAIN, ['#'] = BYTE_STRANGE,
	['$' ... '*'] = BYTE_PLAIN, ['+'] = BYTE_STRANGE, [',' ... 127] = BYTE_PLAIN,
	[128 ... 255] = BYTE_HIGH,
};
/* clang-format on */

bool level_is_utf8(const char *text, size_t len)
{
	const unsigned char *at = (const unsigned char *)text;

	while (len > 0) {
		size_t n = utf8_length(at, len);

		if (n == 0)
			return false;
		at += n;
		len -= n;
	}
	return true;
}

bool level_is_topic(const char *text, size_t len)
{
	const unsigned char *at = (const unsigned char *)text;
	unsigned seen = 0;
	size_t left = len;

	for (; left >= 4; at += 4, left -= 4)
		seen |= (unsigned)kinds[at[0]] | kinds[at[1]] | kinds[at[2]] | kinds[at[3]];
	for (; left > 0; at++, left--)
		seen |= kinds[*at];
	if ((seen & ~(unsigned)BYTE_PLAIN) == 0)
		return true;
	return !(seen & BYTE_STRANGE) && level_is_utf8(text, len);
}

bool level_match(const struct level *level, const char *text, size_t len, struct contract_span *ret)
{
	const char *lit = level->text + level->head;
	const char *lit_end = level->text + level->len - level->tail;
	const char *at = text + level->head, *end = text + len - level->tail;

	if (len < (size_t)level->head + level->tail + level->params ||
	    memcmp(text, level->text, level->head) != 0 || memcmp(end, lit_end, level->tail) != 0)
		return false;
	for (;; ret++) {
		const char *close = memchr(lit, '}', (size_t)(lit_end - lit));
		const char *next, *stop;
		size_t gap;

		*ret = (struct contract_span){ at, (size_t)(end - at) };
		if (at >= end || close + 1 == lit_end)
			return at < end;
		lit = close + 1;
		next = memchr(lit, '{', (size_t)(lit_end - lit));
		gap = (size_t)(next - lit);
		stop = at + utf8_length((const unsigned char *)at, (size_t)(end - at));
		if (gap > 0)
			stop = memmem(stop, (size_t)(end - stop), lit, gap);
		if (!stop)
			return false;
		ret->len = (size_t)(stop - at);
		at = stop + gap;
		lit = next;
	}
}

/* ---- two levels of addresses -------------------------------------------------------------- */

#define TOKEN_END 512
#define TOKEN_PARAM 256

/* The byte at *@at, TOKEN_PARAM for a whole "{name}", or TOKEN_END; moves *@at behind it. */
static int next_token(const char **at, const char *end)
{
	const char *close;

	if (*at == end)
		return TOKEN_END;
	if (**at != '{' || !(close = memchr(*at, '}', (size_t)(end - *at))))
		return (unsigned char)*(*at)++;
	*at = close + 1;
	return TOKEN_PARAM;
}

/* The first tokens in which both differ; equal where they do not. */
static void differ(const struct level *a, const struct level *b, int *ret_a, int *ret_b)
{
	const char *at = a->text, *other = b->text;

	do {
		*ret_a = next_token(&at, a->text + a->len);
		*ret_b = next_token(&other, b->text + b->len);
	} while (*ret_a == *ret_b && *ret_a != TOKEN_END);
}

int level_compare(const struct level *a, const struct level *b)
{
	int of_a, of_b;

	if (a->kind != b->kind)
		return a->kind < b->kind ? -1 : 1;
	differ(a, b, &of_a, &of_b);
	return of_a - of_b;
}

/* Both are LEVEL_PARTS: what lies between is found wherever there is room for it. */
static bool parts_overlap(const struct level *a, const struct level *b)
{
	size_t head = a->head < b->head ? a->head : b->head;
	size_t tail = a->tail < b->tail ? a->tail : b->tail;

	return memcmp(a->text, b->text, head) == 0 &&
	       memcmp(a->text + a->len - tail, b->text + b->len - tail, tail) == 0;
}

bool level_overlaps(const struct level *a, const struct level *b)
{
	struct contract_span ignored[CONTRACT_PARAMS_MAX];

	if (a->kind > b->kind)
		return level_overlaps(b, a);
	if (a->kind == LEVEL_PARTS)
		return b->kind != LEVEL_PARTS || parts_overlap(a, b);
	if (a->kind != LEVEL_TEXT)
		return true;
	if (b->kind == LEVEL_TEXT)
		return a->len == b->len && memcmp(a->text, b->text, a->len) == 0;
	if (b->kind == LEVEL_PARTS)
		return level_match(b, a->text, a->len, ignored);
	return b->kind != LEVEL_PARAM || a->len > 0;
}

bool level_is_tie(const struct level *a, const struct level *b)
{
	int of_a, of_b;

	if (a->kind != LEVEL_PARTS || b->kind != LEVEL_PARTS || !parts_overlap(a, b))
		return false;
	differ(a, b, &of_a, &of_b);
	return of_a != of_b && of_a < TOKEN_PARAM && of_b < TOKEN_PARAM;
}

bool level_is_beaten(const char *address, const char *other)
{
	int order = 0;

	while (address && other) {
		struct level ours, theirs;

		level_read(&address, &ours);
		level_read(&other, &theirs);
		if (!level_overlaps(&ours, &theirs))
			return false;
		if (order == 0)
			order = level_compare(&theirs, &ours);
		if (ours.kind == LEVEL_REST || theirs.kind == LEVEL_REST)
			return order < 0;
	}
	return !address && !other && order < 0;
}
