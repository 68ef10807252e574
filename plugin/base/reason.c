#include "base/reason.h"

#include <string.h>

static const struct {
	const char *code;
	const char *title;
	enum reason_cause cause;
	enum reason_problem problem;
} texts[REASON_COUNT] = {
#define X(name, code, cause, problem, title) [name] = { code, title, cause, problem },
	REASON_TABLE(X)
#undef X
};

static enum reason in_range(enum reason reason)
{
	return (unsigned)reason < REASON_COUNT ? reason : REASON_INTERNAL;
}

const char *reason_code(enum reason reason)
{
	return texts[in_range(reason)].code;
}

const char *reason_title(enum reason reason)
{
	return texts[in_range(reason)].title;
}

enum reason_cause reason_cause(enum reason reason)
{
	return texts[in_range(reason)].cause;
}

enum reason_problem reason_problem(enum reason reason)
{
	return texts[in_range(reason)].problem;
}

bool reason_is_ours(enum reason reason)
{
	enum reason_cause cause = reason_cause(reason);

	return cause == REASON_OF_TROUBLE || cause == REASON_OF_BOUND;
}

enum reason reason_find(const char *code)
{
	unsigned reason = 0;

	while (reason < REASON_COUNT && strcmp(texts[reason].code, code) != 0)
		reason++;
	return (enum reason)reason;
}
