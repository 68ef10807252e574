/*
 * Patterns run on one of two matchers: pattern_seq.c where the pattern is simple enough, else
 * PCRE2 with its JIT.
 *
 * A search that backtracks without end is cut off by the match limit. PCRE2 counts where it
 * branches, not the characters that a branch runs over: `^[a-z]*[a-z]*[0-9]$` may cost the
 * limit times the length, 9 ms for 30,000 letters. And a group that repeats more often than the
 * limit says is given up too, in a text that long. The JIT works on 32 KiB of the thread's own
 * stack first; a text that needs more gets a larger one, and where that is not enough (or the
 * machine has no JIT) the interpreter takes over under the same limits.
 */
#define PCRE2_CODE_UNIT_WIDTH 8
#include "schema/pattern.h"

#include <pcre2.h>
#include <stdlib.h>
#include <string.h>

#include "schema/pattern_ecma.h"
#include "schema/pattern_seq.h"

/* Branches of one search: some 30 microseconds of nothing else. */
#define MATCH_LIMIT 10000u
/* KiB of memory for the interpreter's frames. */
#define HEAP_LIMIT 4096u

#define JIT_STACK_MIN (32u << 10)
#define JIT_STACK_MAX (1u << 20)

/* What one search at a time needs. */
struct scratch {
	pcre2_match_data *match;
	pcre2_match_context *context;
	pcre2_jit_stack *stack; /* NULL until a text needs it */
};

struct pattern {
	bool is_seq;
	bool has_jit;
	bool is_claimed; /* the scratch is in use; atomic */
	struct seq seq;
	pcre2_general_context *memory;
	pcre2_code *code; /* NULL for a sequence */
	struct scratch scratch;
};

static void *take_memory(size_t size, void *unused)
{
	(void)unused;
	return malloc(size);
}

static void give_memory(void *memory, void *unused)
{
	(void)unused;
	free(memory);
}

static void scratch_clear(struct scratch *scratch)
{
	pcre2_match_data_free(scratch->match);
	pcre2_match_context_free(scratch->context);
	pcre2_jit_stack_free(scratch->stack);
}

/* False when out of memory; *scratch may be cleared then, too. */
static bool scratch_init(struct scratch *scratch, const struct pattern *pattern)
{
	memset(scratch, 0, sizeof(*scratch));
	scratch->match = pcre2_match_data_create(1, pattern->memory);
	scratch->context = pcre2_match_context_create(pattern->memory);
	if (!scratch->match || !scratch->context)
		return false;
	(void)pcre2_set_match_limit(scratch->context, MATCH_LIMIT);
	(void)pcre2_set_depth_limit(scratch->context, MATCH_LIMIT);
	(void)pcre2_set_heap_limit(scratch->context, HEAP_LIMIT);
	return true;
}

void pattern_free(struct pattern *pattern)
{
	if (!pattern)
		return;
	scratch_clear(&pattern->scratch);
	pcre2_code_free(pattern->code);
	pcre2_general_context_free(pattern->memory);
	free(pattern);
}

/* Compiles the translated source. */
static int compile_code(struct pattern *pattern, const char *text, size_t len, struct diag *diag)
{
	pcre2_compile_context *context = pcre2_compile_context_create(pattern->memory);
	PCRE2_UCHAR why[128];
	PCRE2_SIZE offset;
	int error;

	if (!context)
		return diag_nomem(diag);
	pattern->code = pcre2_compile((PCRE2_SPTR)text, len,
				      PCRE2_UTF | PCRE2_DOLLAR_ENDONLY | PCRE2_MATCH_UNSET_BACKREF |
					      PCRE2_NEVER_BACKSLASH_C,
				      &error, &offset, context);
	pcre2_compile_context_free(context);
	if (!pattern->code && error == PCRE2_ERROR_HEAP_FAILED)
		return diag_nomem(diag);
	if (!pattern->code) {
		(void)pcre2_get_error_message(error, why, sizeof(why));
		return diag_set(diag, ERR_INVALID, "PCRE2 cannot run it: %s", (const char *)why);
	}
	/* Without a JIT, for this pattern or this machine, the interpreter does. */
	pattern->has_jit = pcre2_jit_compile(pattern->code, PCRE2_JIT_COMPLETE) == 0;
	return 0;
}

static int compile(const char *source, size_t len, bool allow_seq, struct pattern **ret,
		   struct diag *diag)
{
	struct pattern *pattern;
	char *text = NULL;
	size_t text_len;
	int rc;

	if (len > PATTERN_MAX_BYTES)
		return diag_set(diag, ERR_LIMIT, "a pattern of %zu bytes; at most %u are allowed",
				len, PATTERN_MAX_BYTES);
	pattern = calloc(1, sizeof(*pattern));
	if (!pattern)
		return diag_nomem(diag);
	rc = ecma_translate(source, len, &text, &text_len, &pattern->seq, diag);
	if (rc)
		goto out;
	pattern->is_seq = allow_seq && seq_finish(&pattern->seq);
	if (!pattern->is_seq) {
		rc = ERR_NOMEM;
		pattern->memory = pcre2_general_context_create(take_memory, give_memory, NULL);
		if (pattern->memory)
			rc = compile_code(pattern, text, text_len, diag);
		if (!rc && !scratch_init(&pattern->scratch, pattern))
			rc = ERR_NOMEM;
		if (rc == ERR_NOMEM)
			(void)diag_nomem(diag);
	}
	if (rc)
		goto out;
	*ret = pattern;
	pattern = NULL; /* handed over */
out:
	if (rc && rc != ERR_NOMEM)
		diag_prefix(diag, "pattern \"%.*s\"", (int)(len < 100 ? len : 100), source);
	free(text);
	pattern_free(pattern);
	return rc;
}

int pattern_compile(const char *source, size_t len, struct pattern **ret, struct diag *diag)
{
	return compile(source, len, true, ret, diag);
}

int pattern_compile_plain(const char *source, size_t len, struct pattern **ret, struct diag *diag)
{
	return compile(source, len, false, ret, diag);
}

const struct seq *pattern_seq(const struct pattern *pattern)
{
	return pattern->is_seq ? &pattern->seq : NULL;
}

bool pattern_is_valid(const char *source, size_t len)
{
	return len <= PATTERN_MAX_BYTES && ecma_is_valid(source, len);
}

static int run_jit(const struct pattern *pattern, struct scratch *scratch, const char *text,
		   size_t len)
{
	int rc = pcre2_jit_match(pattern->code, (PCRE2_SPTR)text, len, 0, PCRE2_NO_UTF_CHECK,
				 scratch->match, scratch->context);

	if (rc != PCRE2_ERROR_JIT_STACKLIMIT || scratch->stack)
		return rc;
	scratch->stack = pcre2_jit_stack_create(JIT_STACK_MIN, JIT_STACK_MAX, pattern->memory);
	if (!scratch->stack)
		return rc;
	pcre2_jit_stack_assign(scratch->context, NULL, scratch->stack);
	return pcre2_jit_match(pattern->code, (PCRE2_SPTR)text, len, 0, PCRE2_NO_UTF_CHECK,
			       scratch->match, scratch->context);
}

static enum pattern_answer run(const struct pattern *pattern, struct scratch *scratch,
			       const char *text, size_t len)
{
	int rc = PCRE2_ERROR_JIT_STACKLIMIT;

	if (pattern->has_jit)
		rc = run_jit(pattern, scratch, text, len);
	if (rc == PCRE2_ERROR_JIT_STACKLIMIT)
		rc = pcre2_match(pattern->code, (PCRE2_SPTR)text, len, 0,
				 PCRE2_NO_UTF_CHECK | PCRE2_NO_JIT, scratch->match,
				 scratch->context);
	if (rc >= 0)
		return PATTERN_YES;
	/* Whatever else went wrong, memory included: it was not decided. */
	return rc == PCRE2_ERROR_NOMATCH ? PATTERN_NO : PATTERN_LIMIT;
}

/* A search while another thread has the pattern's scratch. */
static enum pattern_answer search_aside(const struct pattern *pattern, const char *text, size_t len)
{
	enum pattern_answer answer = PATTERN_LIMIT;
	struct scratch scratch;

	if (scratch_init(&scratch, pattern))
		answer = run(pattern, &scratch, text, len);
	scratch_clear(&scratch);
	return answer;
}

/* The scratch is the one part of a pattern that changes, and it has one user at a time. */
static enum pattern_answer search_pcre2(const struct pattern *pattern, const char *text, size_t len)
{
	struct pattern *shared = (struct pattern *)(uintptr_t)pattern;
	enum pattern_answer answer;

	if (__atomic_exchange_n(&shared->is_claimed, true, __ATOMIC_ACQUIRE))
		return search_aside(pattern, text, len);
	answer = run(pattern, &shared->scratch, text, len);
	__atomic_store_n(&shared->is_claimed, false, __ATOMIC_RELEASE);
	return answer;
}

enum pattern_answer pattern_search(const struct pattern *pattern, const char *text, size_t len)
{
	if (!pattern->is_seq)
		return search_pcre2(pattern, text, len);
	return seq_search(&pattern->seq, text, len) ? PATTERN_YES : PATTERN_NO;
}
