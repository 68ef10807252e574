/*
 * Patterns run on one of three matchers: pattern_seq.c where the pattern is simple enough,
 * pattern_dfa.c where it is regular, else PCRE2 with its JIT.
 *
 * The time of the first two is linear in the text. PCRE2 backtracks. Its own match limit starts
 * anew at each offset of the text and does not count the characters that a branch runs over. So its
 * source has a callout at every position to which it may backtrack (pattern_ecma.c). Each callout
 * charges the most work that may have been done since the one before. The JIT first uses 32 KiB of
 * the thread's own stack. A text that needs more gets a larger stack. Where that is not enough, or
 * the machine has no JIT, the interpreter runs under the same limits.
 */
#define PCRE2_CODE_UNIT_WIDTH 8
#include "schema/pattern.h"

#include <pcre2.h>
#include <stdlib.h>
#include <string.h>

#include "schema/pattern_dfa.h"
#include "schema/pattern_ecma.h"
#include "schema/pattern_seq.h"

/* Characters that one unit of work pays for: of a sequence or an automaton, and of PCRE2. */
#define STEPS_A_UNIT 6u
#define REACH_A_UNIT 16u
/* What a call of PCRE2 and each of its calls to us cost, in units. */
#define SEARCH_UNITS 8
#define CALLOUT_UNITS 1
/* The last limit: the work is used up long before it. */
#define MATCH_LIMIT 10000000u
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
	struct dfa *dfa; /* NULL: a sequence, or PCRE2's */
	uint32_t reach;  /* see struct ecma_result */
	pcre2_general_context *memory;
	pcre2_code *code; /* NULL where it is not PCRE2's */
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
	dfa_free(pattern->dfa);
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

/* What PCRE2 has to know of the pattern. */
static int compile_plain(struct pattern *pattern, const struct ecma_result *result,
			 struct diag *diag)
{
	int rc;

	pattern->reach = result->reach;
	pattern->memory = pcre2_general_context_create(take_memory, give_memory, NULL);
	if (!pattern->memory)
		return diag_nomem(diag);
	rc = compile_code(pattern, result->text, result->len, diag);
	if (rc == 0 && !scratch_init(&pattern->scratch, pattern))
		rc = diag_nomem(diag);
	return rc;
}

/* The first matcher that can have it. */
static int choose(struct pattern *pattern, struct ecma_result *result, bool is_plain,
		  struct diag *diag)
{
	pattern->is_seq = !is_plain && seq_finish(&result->seq);
	if (pattern->is_seq) {
		pattern->seq = result->seq;
		return 0;
	}
	if (!is_plain && !dfa_new(result->parts, &pattern->dfa))
		return diag_nomem(diag);
	return pattern->dfa ? 0 : compile_plain(pattern, result, diag);
}

static int compile(const char *source, size_t len, bool is_plain, struct pattern **ret,
		   struct diag *diag)
{
	struct ecma_result result = { .text = NULL };
	struct pattern *pattern = NULL;
	int rc = ERR_NOMEM;

	if (len > PATTERN_MAX_BYTES)
		return diag_set(diag, ERR_LIMIT, "a pattern of %zu bytes; at most %u are allowed",
				len, PATTERN_MAX_BYTES);
	pattern = calloc(1, sizeof(*pattern));
	result.parts = malloc(sizeof(*result.parts));
	if (pattern && result.parts)
		rc = ecma_translate(source, len, &result, diag);
	else
		(void)diag_nomem(diag);
	if (rc == 0)
		rc = choose(pattern, &result, is_plain, diag);
	if (rc == 0) {
		*ret = pattern;
		pattern = NULL; /* handed over */
	} else if (rc != ERR_NOMEM) {
		diag_prefix(diag, "pattern \"%.*s\"", (int)(len < 100 ? len : 100), source);
	}
	free(result.text);
	free(result.parts);
	pattern_free(pattern);
	return rc;
}

int pattern_compile(const char *source, size_t len, struct pattern **ret, struct diag *diag)
{
	return compile(source, len, false, ret, diag);
}

int pattern_compile_plain(const char *source, size_t len, struct pattern **ret, struct diag *diag)
{
	return compile(source, len, true, ret, diag);
}

bool pattern_is_linear(const struct pattern *pattern)
{
	return !pattern->code;
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

/* What is left to pay with, while PCRE2 searches. */
struct meter {
	int64_t work;
	size_t at; /* in the text, when it called last */
	uint32_t reach;
};

static int on_callout(pcre2_callout_block *block, void *data)
{
	struct meter *meter = data;
	size_t at = block->current_position;
	size_t rest = block->subject_length - at;
	size_t reach = rest < meter->reach ? rest : meter->reach;

	reach += at > meter->at ? at - meter->at : meter->at - at;
	meter->at = at;
	meter->work -= CALLOUT_UNITS + (int64_t)(reach / REACH_A_UNIT);
	return meter->work < 0 ? PCRE2_ERROR_CALLOUT : 0;
}

static enum pattern_answer run(const struct pattern *pattern, struct scratch *scratch,
			       const char *text, size_t len, struct meter *meter)
{
	int rc = PCRE2_ERROR_JIT_STACKLIMIT;

	(void)pcre2_set_callout(scratch->context, on_callout, meter);
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
static enum pattern_answer search_aside(const struct pattern *pattern, const char *text, size_t len,
					struct meter *meter)
{
	enum pattern_answer answer = PATTERN_LIMIT;
	struct scratch scratch;

	if (scratch_init(&scratch, pattern))
		answer = run(pattern, &scratch, text, len, meter);
	scratch_clear(&scratch);
	return answer;
}

/* The scratch is the one part of a pattern that changes, and it has one user at a time. */
static enum pattern_answer search_pcre2(const struct pattern *pattern, const char *text, size_t len,
					int64_t *work)
{
	struct pattern *shared = (struct pattern *)(uintptr_t)pattern;
	struct meter meter = { *work - SEARCH_UNITS - (int64_t)(len / REACH_A_UNIT), 0,
			       pattern->reach };
	enum pattern_answer answer = PATTERN_LIMIT;

	if (meter.work < 0) {
		*work = meter.work;
		return answer;
	}
	if (__atomic_exchange_n(&shared->is_claimed, true, __ATOMIC_ACQUIRE)) {
		answer = search_aside(pattern, text, len, &meter);
	} else {
		answer = run(pattern, &shared->scratch, text, len, &meter);
		__atomic_store_n(&shared->is_claimed, false, __ATOMIC_RELEASE);
	}
	*work = meter.work;
	return answer;
}

enum pattern_answer pattern_search(const struct pattern *pattern, const char *text, size_t len,
				   int64_t *work)
{
	size_t steps = len;
	bool found;

	if (pattern->code)
		return search_pcre2(pattern, text, len, work);
	found = pattern->is_seq ? seq_search(&pattern->seq, text, len)
				: dfa_search(pattern->dfa, text, len, &steps);
	*work -= 1 + (int64_t)(steps / STEPS_A_UNIT);
	return found ? PATTERN_YES : PATTERN_NO;
}
