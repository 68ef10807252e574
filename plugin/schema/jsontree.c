/*
 * The text is known to be JSON, so nothing is checked twice: where a value begins its first byte
 * says what it is, and each bracket has its other one. A container is made part of the tree before
 * it is filled. So the root owns all there is when something fails, and names that occur twice are
 * found in the order of the text.
 */
#include "schema/jsontree.h"

#include <float.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/ascii.h"
#include "base/eightbytes.h"
#include "base/utf8.h"
#include "schema/jsonspan.h"
#include "schema/payload_backend.h"

struct tree {
	const char *text;
	size_t len;
	size_t at;
	const struct jsonscan_big *big; /* the next one */
	size_t big_left;
	struct payload_error *error;
};

static bool fail_nomem(struct tree *t)
{
	payload_report(t->error, PAYLOAD_NOMEM, 0, "out of memory");
	return false;
}

/* Within brackets: the last one ends it. */
static inline char skip_space(struct tree *t)
{
	while (t->text[t->at] == ' ' || t->text[t->at] == '\t' || t->text[t->at] == '\n' ||
	       t->text[t->at] == '\r')
		t->at++;
	return t->text[t->at];
}

/* ---- strings ----------------------------------------------------------------------------- */

struct tree_string {
	const char *text; /* in the message, or @owned */
	size_t len;
	char *owned; /* NULL where the string has no escapes */
};

/* The next quote or backslash. A byte that is 0 behind the XOR borrows, and had no top bit. */
static inline size_t special_from(const struct tree *t, size_t at)
{
	uint64_t word, quotes, slashes, found;

	for (; t->len - at >= sizeof(word); at += sizeof(word)) {
		word = eightbytes_read(t->text + at);
		quotes = word ^ eightbytes_of('"');
		slashes = word ^ eightbytes_of('\\');
		found = (((quotes - eightbytes_of(1)) & ~quotes) |
			 ((slashes - eightbytes_of(1)) & ~slashes)) &
			eightbytes_of(0x80);
		if (found)
			return at + eightbytes_first(found);
	}
	while (t->text[at] != '"' && t->text[at] != '\\')
		at++;
	return at;
}

static uint32_t unit_at(const char *at)
{
	uint32_t unit = 0;

	for (int i = 0; i < 4; i++)
		unit = unit << 4 | (uint32_t)ascii_hex(at[i]);
	return unit;
}

/* Writes the character of the escape at @at, a backslash, to *to; returns what is behind it. */
static const char *unescape(const char *at, char **to)
{
	static const char names[] = "bfnrt", codes[] = "\b\f\n\r\t";
	const char *name = memchr(names, at[1], sizeof(names) - 1);
	uint32_t code;

	if (at[1] != 'u') {
		*(*to)++ = name ? codes[name - names] : at[1];
		return at + 2;
	}
	code = unit_at(at + 2);
	at += 6;
	if (code >= 0xd800 && code < 0xe000) {
		code = 0x10000 + ((code - 0xd800) << 10) + (unit_at(at + 2) - 0xdc00);
		at += 6;
	}
	*to = utf8_write(*to, code);
	return at;
}

/* No escape is shorter than its character. */
static __attribute__((noinline)) bool read_escaped(struct tree *t, size_t start,
						   struct tree_string *ret)
{
	size_t end = jsonspan_end(t->text, t->len, start);
	const char *at = t->text + start;
	char *to = malloc(end - start);

	ret->text = ret->owned = to;
	if (!to)
		return fail_nomem(t);
	while (at < t->text + end) {
		if (*at == '\\')
			at = unescape(at, &to);
		else
			*to++ = *at++;
	}
	ret->len = (size_t)(to - ret->owned);
	t->at = end + 1;
	return true;
}

/* At the opening quote; moves behind the closing one. The caller frees ret->owned. */
static inline bool read_string(struct tree *t, struct tree_string *ret)
{
	size_t start = t->at + 1;
	size_t end = special_from(t, start);

	if (t->text[end] != '"')
		return read_escaped(t, start, ret);
	*ret = (struct tree_string){ t->text + start, end - start, NULL };
	t->at = end + 1;
	return true;
}

static json_t *string_new(struct tree *t)
{
	struct tree_string piece;
	json_t *value;

	if (!read_string(t, &piece))
		return NULL;
	value = json_stringn_nocheck(piece.text, piece.len);
	free(piece.owned);
	return value;
}

/* ---- numbers ----------------------------------------------------------------------------- */

/* New reference to a number that is kept as its text. */
static json_t *big_new(struct tree *t)
{
	const struct jsonscan_big *big = t->big++;
	char *copy = malloc(big->len + 1);
	json_t *value = NULL;

	if (copy) {
		copy[0] = (char)JSONTREE_BIG_MARK;
		memcpy(copy + 1, t->text + big->offset, big->len);
		value = json_stringn_nocheck(copy, big->len + 1);
	}
	free(copy);
	t->big_left--;
	t->at += big->len;
	return value;
}

/* Doubles hold whole numbers of so many digits, and these powers of ten, exactly. */
#define EXACT_DIGITS 15u

/* Behind the digits before the point, where the number that begins at @start is no whole one. */
static json_t *real_new(struct tree *t, size_t start, uint64_t digits)
{
	static const double powers[EXACT_DIGITS + 1] = { 1e0,  1e1,  1e2,  1e3, 1e4,  1e5,
							 1e6,  1e7,  1e8,  1e9, 1e10, 1e11,
							 1e12, 1e13, 1e14, 1e15 };
	size_t point = t->at;
	size_t end = point;
	double value;

	while (end < t->len && (ascii_is_digit(t->text[end]) || memchr("+-.eE", t->text[end], 5)))
		end++;
	t->at = end;
	/* A sign counts as a digit here. Of two exact numbers the quotient is the nearest double.
	 */
	if (FLT_EVAL_METHOD != 0 || end - start > EXACT_DIGITS + 1 || t->text[point] != '.')
		return json_loadb(t->text + start, end - start, JSON_DECODE_ANY, NULL);
	for (size_t at = point + 1; at < end; at++) {
		if (!ascii_is_digit(t->text[at]))
			return json_loadb(t->text + start, end - start, JSON_DECODE_ANY, NULL);
		digits = digits * 10 + (uint64_t)(t->text[at] - '0');
	}
	value = (double)digits / powers[end - point - 1];
	return json_real(t->text[start] == '-' ? -value : value);
}

/* At the sign or the first digit. */
static json_t *number_new(struct tree *t)
{
	size_t start = t->at;
	bool is_negative = t->text[start] == '-';
	uint64_t digits = 0;

	if (t->big_left > 0 && t->big->offset == start)
		return big_new(t);
	t->at += is_negative;
	for (; t->at < t->len && ascii_is_digit(t->text[t->at]); t->at++)
		digits = digits * 10 + (uint64_t)(t->text[t->at] - '0');
	if (t->at < t->len && (t->text[t->at] == '.' || (t->text[t->at] | 0x20) == 'e'))
		return real_new(t, start, digits);
	return json_integer((json_int_t)(is_negative ? 0 - digits : digits));
}

/* ---- values ------------------------------------------------------------------------------ */

/* The value here, whole, or a container that is still empty, at its bracket. NULL: no memory. */
static inline json_t *value_new(struct tree *t, char first)
{
	switch (first) {
	case '"':
		return string_new(t);
	case '{':
		return json_object();
	case '[':
		return json_array();
	case 't':
		t->at += 4;
		return json_true();
	case 'f':
		t->at += 5;
		return json_false();
	case 'n':
		t->at += 4;
		return json_null();
	default:
		return number_new(t);
	}
}

static bool fill(struct tree *t, json_t *container);

/* At a member's name; @count is how many there are with this one. */
static bool add_member(struct tree *t, json_t *object, size_t count)
{
	size_t start = t->at;
	struct tree_string name;
	json_t *value;
	char first;
	bool is_kept;

	if (!read_string(t, &name))
		return false;
	(void)skip_space(t);
	t->at++; /* the colon */
	first = skip_space(t);
	value = value_new(t, first);
	/* Takes the reference even where it fails, and fails where there is no value. */
	is_kept = json_object_setn_new_nocheck(object, name.text, name.len, value) == 0;
	free(name.owned);
	if (!is_kept)
		return fail_nomem(t);
	if (json_object_size(object) != count) {
		payload_report(t->error, PAYLOAD_DUPLICATE, start, "a member name occurs twice");
		return false;
	}
	return (first != '{' && first != '[') || fill(t, value);
}

static bool add_item(struct tree *t, json_t *array, char first)
{
	json_t *value = value_new(t, first);

	if (json_array_append_new(array, value) != 0)
		return fail_nomem(t);
	return (first != '{' && first != '[') || fill(t, value);
}

/* At the opening bracket. Recursion is as deep as the text, which the scan has bounded. */
static bool fill(struct tree *t, json_t *container)
{
	bool is_object = json_is_object(container);
	char first;

	t->at++;
	first = skip_space(t);
	for (size_t count = 1; first != '}' && first != ']'; count++) {
		if (is_object ? !add_member(t, container, count) : !add_item(t, container, first))
			return false;
		first = skip_space(t);
		if (first == ',') {
			t->at++;
			first = skip_space(t);
		}
	}
	t->at++;
	return true;
}

json_t *jsontree_new(const char *text, size_t len, const struct jsonscan_big *big, size_t big_count,
		     struct payload_error *error)
{
	struct tree t = { text, len, 0, big, big_count, error };
	char first = skip_space(&t);
	json_t *root = value_new(&t, first);

	if (!root)
		(void)fail_nomem(&t);
	else if ((first == '{' || first == '[') && !fill(&t, root)) {
		json_decref(root);
		root = NULL;
	}
	return root;
}
