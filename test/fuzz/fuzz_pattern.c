/*
 * A regular expression, a NUL, and a text. What compiles is valid, and the matcher that was
 * chosen says what PCRE2 alone says; PCRE2 must take whatever the translation makes, but for
 * what it is known not to run.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "schema/jsonscan.h"
#include "schema/pattern.h"
#include "schema/pattern_seq.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool ok)
{
	if (!ok)
		abort();
}

/* The engine only ever hands over what a JSON parser has checked. */
static bool is_utf8(const char *text, size_t len)
{
	struct jsonscan scan;
	char *json = malloc(len + 2);
	bool ok;

	must(json != NULL);
	json[0] = '"';
	for (size_t i = 0; i < len; i++) /* only bytes beyond ASCII matter */
		json[i + 1] = (char)(text[i] & 0x80 ? text[i] : 'a');
	json[len + 1] = '"';
	ok = jsonscan_run(json, len + 2, 1, NULL, 0, &scan);
	free(json);
	return ok;
}

/* PCRE2's own limits, which a valid pattern may meet. */
static bool is_excused(const struct diag *diag)
{
	static const char *const words[] = { "lookbehind", "too large", "too big",
					     "too long",   "too many",  "unknown property" };

	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		if (strstr(diag->text, words[i]))
			return true;
	return false;
}

static enum pattern_answer search(const struct pattern *pattern, const char *text, size_t len)
{
	int64_t work = PATTERN_MAX_WORK;

	return pattern_search(pattern, text, len, &work);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *source = (const char *)data;
	const char *end = size ? memchr(source, '\0', size) : NULL;
	size_t len = end ? (size_t)(end - source) : size;
	const char *text = end ? end + 1 : "";
	size_t text_len = end ? size - len - 1 : 0;
	struct pattern *chosen = NULL, *plain = NULL;
	struct diag diag;
	int rc;

	if (len > 200 || !is_utf8(source, len) || !is_utf8(text, text_len))
		return 0;
	diag_init(&diag);
	rc = pattern_compile(source, len, &chosen, &diag);
	must((rc != ERR_SYNTAX) == pattern_is_valid(source, len));
	must(rc == 0 || rc == ERR_SYNTAX || (rc == ERR_INVALID && is_excused(&diag)));
	if (rc == 0 && pattern_compile_plain(source, len, &plain, &diag) == 0) {
		enum pattern_answer a = search(chosen, text, text_len);
		enum pattern_answer b = search(plain, text, text_len);

		must(a == b || b == PATTERN_LIMIT);
		must(search(plain, text, text_len) == b);
	}
	pattern_free(chosen);
	pattern_free(plain);
	return 0;
}
