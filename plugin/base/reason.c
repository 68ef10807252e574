#include "base/reason.h"

static const struct {
	const char *code;
	const char *title;
	enum reason_cause cause;
} texts[REASON_COUNT] = {
#define X(name, code, cause, title) [name] = { code, title, cause },
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
