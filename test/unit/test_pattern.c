/*
 * Regular expressions: test/data/pattern/ecma.cases says what is one and what it finds; here
 * stand the bounds, and that the simple matcher and PCRE2 always agree.
 */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "cases.h"
#include "failalloc.h"
#include "schema/pattern.h"
#include "schema/pattern_seq.h"

static struct pattern *compile(const char *source)
{
	struct pattern *pattern = NULL;
	struct diag diag;

	diag_init(&diag);
	if (pattern_compile(source, strlen(source), &pattern, &diag))
		fail_msg("%s", diag.text);
	return pattern;
}

static enum pattern_answer search(const struct pattern *pattern, const char *text)
{
	int64_t work = PATTERN_MAX_WORK;

	return pattern_search(pattern, text, strlen(text), &work);
}

static enum pattern_answer search_exact(const struct pattern *pattern, const char *text, size_t len)
{
	int64_t work = PATTERN_MAX_WORK;

	return pattern_search(pattern, text, len, &work);
}

/* ---- what is a pattern and what it finds ------------------------------------------------ */

/* The pattern of the last "source" line, as chosen and by PCRE2 alone. */
struct pair {
	struct pattern *chosen;
	struct pattern *plain;
};

static void pair_clear(struct pair *pair)
{
	pattern_free(pair->chosen);
	pattern_free(pair->plain);
	memset(pair, 0, sizeof(*pair));
}

static bool decide_source(struct pair *pair, const struct cases_line *line)
{
	struct diag diag;

	pair_clear(pair);
	diag_init(&diag);
	return pattern_compile(line->text, line->len, &pair->chosen, &diag) == 0 &&
	       pattern_compile_plain(line->text, line->len, &pair->plain, &diag) == 0 &&
	       pattern_is_valid(line->text, line->len);
}

static bool decide_error(const struct cases_line *line)
{
	struct pattern *pattern = NULL;
	struct diag diag;
	bool ok;

	diag_init(&diag);
	ok = pattern_compile(line->text, line->len, &pattern, &diag) == ERR_SYNTAX && !pattern &&
	     strstr(diag.text, "at offset") && !pattern_is_valid(line->text, line->len);
	pattern_free(pattern);
	return ok;
}

static bool decide(void *ctx, const struct cases_line *line)
{
	struct pair *pair = ctx;
	enum pattern_answer want = strcmp(line->word, "yes") == 0 ? PATTERN_YES : PATTERN_NO;
	char *exact;
	bool ok;

	if (strcmp(line->word, "source") == 0)
		return decide_source(pair, line);
	if (strcmp(line->word, "error") == 0)
		return decide_error(line);
	if (!pair->chosen || !pair->plain)
		return false;
	if (strcmp(line->word, "own") == 0 || strcmp(line->word, "pcre2") == 0)
		return (pattern_seq(pair->chosen) != NULL) == (line->word[0] == 'o');
	if (want == PATTERN_NO && strcmp(line->word, "no") != 0)
		return false;
	exact = malloc(line->len ? line->len : 1); /* ASan sees a byte too far */
	memcpy(exact, line->text, line->len);
	ok = search_exact(pair->chosen, exact, line->len) == want &&
	     search_exact(pair->plain, exact, line->len) == want;
	free(exact);
	return ok;
}

static void test_pattern_search__decisions(void **state)
{
	struct pair pair = { NULL, NULL };

	(void)state;
	assert_int_equal(cases_run("test/data/pattern/ecma.cases", &pair, decide), 0);
	pair_clear(&pair);
}

static void test_pattern_compile__names_source_and_offset(void **state)
{
	struct pattern *pattern = NULL;
	struct diag diag;

	(void)state;
	diag_init(&diag);
	assert_int_equal(pattern_compile("ab\\a", 4, &pattern, &diag), ERR_SYNTAX);
	assert_string_equal(diag.text,
			    "pattern \"ab\\a\": at offset 2: ECMA-262 has no such escape");
	assert_null(pattern);
}

static void test_pattern_compile__what_pcre2_cannot_run_is_valid_but_no_pattern(void **state)
{
	static const char *const sources[] = { "(?<=a+)b", "(?:a|b){70000}",
					       "\\p{Changes_When_NFKC_Casefolded}" };
	struct pattern *pattern = NULL;
	struct diag diag;

	(void)state;
	for (size_t i = 0; i < sizeof(sources) / sizeof(sources[0]); i++) {
		diag_init(&diag);
		assert_true(pattern_is_valid(sources[i], strlen(sources[i])));
		assert_int_equal(pattern_compile(sources[i], strlen(sources[i]), &pattern, &diag),
				 ERR_INVALID);
		assert_non_null(strstr(diag.text, "PCRE2 cannot run it"));
		assert_null(pattern);
	}
}

static void test_pattern_compile__length_and_depth_are_bounded(void **state)
{
	char source[PATTERN_MAX_BYTES + 1];
	struct pattern *pattern = NULL;

	(void)state;
	memset(source, 'a', sizeof(source));
	assert_int_equal(pattern_compile(source, sizeof(source), &pattern, NULL), ERR_LIMIT);
	assert_false(pattern_is_valid(source, sizeof(source)));
	assert_int_equal(pattern_compile(source, PATTERN_MAX_BYTES, &pattern, NULL), 0);
	pattern_free(pattern);
	pattern = NULL;
	memset(source, '(', 200);
	memset(source + 200, ')', 200);
	assert_int_equal(pattern_compile(source, 400, &pattern, NULL), 0);
	pattern_free(pattern);
	pattern = NULL;
	memset(source, '(', 201);
	memset(source + 201, ')', 201);
	assert_int_equal(pattern_compile(source, 402, &pattern, NULL), ERR_SYNTAX);
	assert_null(pattern);
	pattern_free(NULL);
}

/* ---- bounds ----------------------------------------------------------------------------- */

/* The rest of a budget after a search; below 0 where it was used up. */
static int64_t rest_of(const struct pattern *pattern, const char *text, enum pattern_answer want)
{
	int64_t work = PATTERN_MAX_WORK;

	assert_int_equal(pattern_search(pattern, text, strlen(text), &work), want);
	assert_true(work < PATTERN_MAX_WORK);
	return work;
}

static void test_pattern_search__regular_patterns_take_linear_time(void **state)
{
	static const char *const sources[] = { "^(a+)+$",
					       "^(a|a)*$",
					       "^(?:a?){30}a{30}$",
					       "^([a-z]+)*[A-Z]$",
					       "(x+x+)+y$|(x+x+)+z",
					       "(?:a|b|c)*[0-9]",
					       "[a-y]*[a-z]*[0-9]{100}" };
	enum { LONG = 20000 };
	char *text = malloc(LONG + 1);

	(void)state;
	memset(text, 'a', LONG);
	text[LONG - 1] = '!';
	text[LONG] = '\0';
	for (size_t i = 0; i < sizeof(sources) / sizeof(sources[0]); i++) {
		struct pattern *pattern = compile(sources[i]);

		assert_true(pattern_is_linear(pattern));
		assert_true(rest_of(pattern, text, PATTERN_NO) > PATTERN_MAX_WORK - LONG);
		pattern_free(pattern);
	}
	free(text);
}

static void test_pattern_search__other_patterns_end_in_limit(void **state)
{
	static const char *const sources[] = { "^(?=a)(a+)+$",
					       "^(a+)+\\1$",
					       "(?:(?=(a+))a)*[bc]",
					       "(a+)+\\b[#?]",
					       "^(a*)(a*)(a*)\\1\\2\\3[bc]$",
					       "(?<!x)a{4000}[bc]" };
	enum { LONG = 20000 };
	char *text = malloc(LONG + 1);

	(void)state;
	memset(text, 'a', LONG);
	text[LONG - 1] = '!';
	text[LONG] = '\0';
	for (size_t i = 0; i < sizeof(sources) / sizeof(sources[0]); i++) {
		struct pattern *pattern = compile(sources[i]);

		assert_false(pattern_is_linear(pattern));
		assert_true(rest_of(pattern, text, PATTERN_LIMIT) < 0);
		assert_true(rest_of(pattern, "!", PATTERN_NO) > PATTERN_MAX_WORK - 100);
		pattern_free(pattern);
	}
	free(text);
}

/* The default stack of a JIT is 32 KiB: this needs more, and must still be answered. */
static void test_pattern_search__long_texts_get_a_larger_stack(void **state)
{
	enum { LONG = 12000 };
	struct pattern *pattern = compile("^(?!x)(a|b)*$");
	char *text = malloc(LONG + 1);

	(void)state;
	for (size_t i = 0; i < LONG; i++)
		text[i] = i % 3 ? 'a' : 'b';
	text[LONG] = '\0';
	assert_int_equal(search(pattern, text), PATTERN_YES);
	text[LONG - 1] = 'c';
	assert_int_equal(search(pattern, text), PATTERN_NO);
	/* And a short one after it. */
	assert_int_equal(search(pattern, "ab"), PATTERN_YES);
	assert_int_equal(search(pattern, "abc"), PATTERN_NO);
	free(text);
	pattern_free(pattern);
}

static void test_pattern_search__beyond_every_stack_is_never_accepted_wrongly(void **state)
{
	enum { LONG = 1000000 };
	struct pattern *pattern = compile("^(?!x)(a|b)*$");
	char *text = malloc(LONG);

	(void)state;
	memset(text, 'a', LONG);
	text[LONG - 1] = 'c';
	assert_int_not_equal(search_exact(pattern, text, LONG), PATTERN_YES);
	memset(text, 'a', LONG);
	assert_int_not_equal(search_exact(pattern, text, LONG), PATTERN_NO);
	free(text);
	pattern_free(pattern);
}

static void test_pattern_search__allocates_nothing(void **state)
{
	static const char *const sources[] = { "^[A-Z]{3}$", "^(?:EUR|USD|GBP)$", "\\p{Lu}{3}" };

	(void)state;
	for (size_t i = 0; i < sizeof(sources) / sizeof(sources[0]); i++) {
		struct pattern *pattern = compile(sources[i]);

		failalloc_start(1);
		for (int k = 0; k < 100; k++) {
			assert_int_equal(search(pattern, "EUR"), PATTERN_YES);
			assert_int_equal(search(pattern, "eu"), PATTERN_NO);
		}
		assert_false(failalloc_stop());
		assert_int_equal(failalloc_count(), 0);
		pattern_free(pattern);
	}
}

static void *search_often(void *pattern)
{
	for (int i = 0; i < 20000; i++) {
		if (search(pattern, i % 2 ? "xxaxx" : "xxbxx") !=
		    (i % 2 ? PATTERN_YES : PATTERN_NO))
			return pattern;
	}
	return NULL;
}

static void test_pattern_search__many_threads_share_a_pattern(void **state)
{
	struct pattern *pattern = compile("(x)a\\1");
	pthread_t thread[4];
	void *wrong;

	(void)state;
	for (size_t i = 0; i < 4; i++)
		assert_int_equal(pthread_create(&thread[i], NULL, search_often, pattern), 0);
	for (size_t i = 0; i < 4; i++) {
		assert_int_equal(pthread_join(thread[i], &wrong), 0);
		assert_null(wrong);
	}
	pattern_free(pattern);
}

static void test_pattern_compile__out_of_memory(void **state)
{
	static const char *const sources[] = { "^[A-Z]{3}$", "(a|\\p{L})+(?=b)\\1" };

	(void)state;
	for (size_t i = 0; i < sizeof(sources) / sizeof(sources[0]); i++) {
		for (size_t n = 1;; n++) {
			struct pattern *pattern = NULL;
			struct diag diag;
			int rc;

			diag_init(&diag);
			failalloc_start(n);
			rc = pattern_compile(sources[i], strlen(sources[i]), &pattern, &diag);
			if (!failalloc_stop()) {
				assert_int_equal(rc, 0);
				pattern_free(pattern);
				break;
			}
			/* The JIT's own memory is not ours to fail without: PCRE2 does without. */
			if (rc)
				assert_int_equal(rc, ERR_NOMEM);
			else
				assert_int_not_equal(search(pattern, "aab"), PATTERN_LIMIT);
			pattern_free(pattern);
		}
	}
}

/* ---- the simple matcher against PCRE2 --------------------------------------------------- */

static unsigned next_random(unsigned *seed)
{
	*seed = *seed * 1103515245u + 12345u;
	return *seed >> 16 & 0x7fff;
}

/* Joins random pieces; half of all patterns are anchored on both sides. */
static void random_join(unsigned *seed, const char *const *pieces, size_t count, unsigned max,
			char *ret)
{
	unsigned n = next_random(seed) % (max + 1);

	ret[0] = '\0';
	while (n-- > 0)
		strcat(ret, pieces[next_random(seed) % count]);
}

static void test_seq_search__agrees_with_pcre2(void **state)
{
	static const char *const atoms[] = { "a",     "b",   "\\.",    "[ab]",  "[^a]", ".",
					     "\\d",   "\\w", "[0-9-]", "\\W",   "[^]",  "[]",
					     "[b-c]", "x-",  "\\D",    "[^\\n]" };
	static const char *const counts[] = { "",  "",    "",      "*",      "+",
					      "?", "{2}", "{1,2}", "{0,3}?", "{2,}" };
	static const char *const chars[] = { "a",
					     "b",
					     "c",
					     ".",
					     "1",
					     "-",
					     "x",
					     "x-",
					     "\n",
					     "\xc3\xa4",
					     "\xe2\x80\xa8",
					     "\xf0\x9f\x90\xb2" };
	unsigned seed = 20261121, own = 0;

	(void)state;
	for (int round = 0; round < 6000; round++) {
		struct pair pair = { NULL, NULL };
		char source[256] = "", text[128], part[64];
		unsigned ends = next_random(&seed) % 4;

		strcpy(source, ends & 1 ? "^" : "");
		for (unsigned n = next_random(&seed) % 5; n > 0; n--) {
			random_join(&seed, atoms, sizeof(atoms) / sizeof(atoms[0]), 1, part);
			strcat(source, part);
			if (part[0])
				strcat(source, counts[next_random(&seed) % 10]);
		}
		strcat(source, ends & 2 ? "$" : "");
		pair.chosen = compile(source);
		assert_int_equal(pattern_compile_plain(source, strlen(source), &pair.plain, NULL),
				 0);
		own += pattern_seq(pair.chosen) != NULL;
		for (int k = 0; k < 20 && pattern_seq(pair.chosen); k++) {
			random_join(&seed, chars, sizeof(chars) / sizeof(chars[0]), 8, text);
			if (search(pair.chosen, text) != search(pair.plain, text))
				fail_msg("%s over \"%s\"", source, text);
		}
		pair_clear(&pair);
	}
	assert_true(own > 1000);
}

/* What is regular and no sequence has an automaton, which must find what PCRE2 finds. */
static void test_dfa_search__agrees_with_pcre2(void **state)
{
	static const char *const atoms[] = {
		"a",
		"[ab]",
		".",
		"(?:a|b)",
		"(?:a|)",
		"(?:ab|^a|b$)",
		"([ab]*)",
		"(?:^|b)",
		"(?:$|b)",
		"(?:a{2,3}|b)",
		"((a|bb)+x)",
		"(?<n>a|\\D)",
		"(?:\xc3\xa4|.)",
		"([^]x|[]|a)",
		"|",
		"^",
		"$",
		"()",
		"(?:|a|b|[^\\n]x)",
		"(a?){2,4}",
	};
	static const char *const counts[] = { "",    "",       "*",     "+",   "?",
					      "{2}", "{1,2}?", "{0,3}", "{2,}" };
	static const char *const chars[] = { "a", "a",  "b",        "b",
					     "x", "\n", "\xc3\xa4", "\xe2\x80\xa8" };
	unsigned seed = 20261128, own = 0;

	(void)state;
	for (int round = 0; round < 4000; round++) {
		struct pair pair = { NULL, NULL };
		char source[256] = "", text[128], part[64];

		for (unsigned n = next_random(&seed) % 5; n > 0; n--) {
			random_join(&seed, atoms, sizeof(atoms) / sizeof(atoms[0]), 1, part);
			if (strstr(part, "(?<n>") && strstr(source, "(?<n>"))
				continue;
			strcat(source, part);
			if (part[0] && strchr(")].a", part[strlen(part) - 1]))
				strcat(source, counts[next_random(&seed) % 9]);
		}
		pair.chosen = compile(source);
		assert_true(pattern_is_linear(pair.chosen) || strstr(source, "\xc3"));
		assert_int_equal(pattern_compile_plain(source, strlen(source), &pair.plain, NULL),
				 0);
		own += pattern_is_linear(pair.chosen) && !pattern_seq(pair.chosen);
		for (int k = 0; k < 20; k++) {
			random_join(&seed, chars, sizeof(chars) / sizeof(chars[0]), 8, text);
			if (search(pair.chosen, text) != search(pair.plain, text))
				fail_msg("%s over \"%s\"", source, text);
		}
		pattern_free(pair.chosen);
		pattern_free(pair.plain);
	}
	assert_true(own > 2000);
}

/* One class over all of a text, however long it is: a wrong character is seen at any place. */
static void test_seq_search__one_class_takes_all_or_nothing(void **state)
{
	enum { MIN = 2, MAX = 40 };
	struct pattern *pattern = compile("^[0-9a-f_-]{2,40}$");
	char text[MAX + 2];

	(void)state;
	assert_non_null(pattern_seq(pattern));
	for (size_t len = 0; len <= MAX + 1; len++) {
		memset(text, 'e', sizeof(text));
		assert_int_equal(search_exact(pattern, text, len),
				 len >= MIN && len <= MAX ? PATTERN_YES : PATTERN_NO);
		for (size_t i = 0; i < len; i++)
			for (const char *bad = "gG.\xc3\n"; *bad; bad++) {
				text[i] = *bad;
				assert_int_equal(search_exact(pattern, text, len), PATTERN_NO);
				text[i] = '-';
			}
	}
	pattern_free(pattern);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_pattern_search__decisions),
		cmocka_unit_test(test_pattern_compile__names_source_and_offset),
		cmocka_unit_test(
			test_pattern_compile__what_pcre2_cannot_run_is_valid_but_no_pattern),
		cmocka_unit_test(test_pattern_compile__length_and_depth_are_bounded),
		cmocka_unit_test(test_pattern_search__regular_patterns_take_linear_time),
		cmocka_unit_test(test_pattern_search__other_patterns_end_in_limit),
		cmocka_unit_test(test_pattern_search__long_texts_get_a_larger_stack),
		cmocka_unit_test(test_pattern_search__beyond_every_stack_is_never_accepted_wrongly),
		cmocka_unit_test(test_pattern_search__allocates_nothing),
		cmocka_unit_test(test_pattern_search__many_threads_share_a_pattern),
		cmocka_unit_test(test_pattern_compile__out_of_memory),
		cmocka_unit_test(test_seq_search__agrees_with_pcre2),
		cmocka_unit_test(test_dfa_search__agrees_with_pcre2),
		cmocka_unit_test(test_seq_search__one_class_takes_all_or_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
