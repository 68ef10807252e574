/*
 * scopeset.h -- a set of OAuth scopes as bits.
 *
 * The contract numbers the scopes that its operations name (0 .. SCOPES_MAX - 1). Roles and
 * principals use the same numbers, so that a check costs a few instructions. Behind these are those
 * of the plugin's commands, which no contract declares (base/commands.h).
 */
#ifndef PETSTORE_SCOPESET_H
#define PETSTORE_SCOPESET_H

#include <stdbool.h>
#include <stdint.h>

#define SCOPES_MAX 256u /* of a contract */
#define SCOPES_OF_COMMANDS 64u
#define SCOPESET_WORDS ((SCOPES_MAX + SCOPES_OF_COMMANDS) / 64)

struct scopeset {
	uint64_t word[SCOPESET_WORDS];
};

static inline void scopeset_add(struct scopeset *set, unsigned scope)
{
	set->word[scope / 64] |= UINT64_C(1) << (scope % 64);
}

static inline bool scopeset_has(const struct scopeset *set, unsigned scope)
{
	return (set->word[scope / 64] >> (scope % 64)) & 1;
}

static inline void scopeset_merge(struct scopeset *set, const struct scopeset *more)
{
	for (unsigned i = 0; i < SCOPESET_WORDS; i++)
		set->word[i] |= more->word[i];
}

static inline void scopeset_remove(struct scopeset *set, const struct scopeset *less)
{
	for (unsigned i = 0; i < SCOPESET_WORDS; i++)
		set->word[i] &= ~less->word[i];
}

static inline void scopeset_cut(struct scopeset *set, const struct scopeset *to)
{
	for (unsigned i = 0; i < SCOPESET_WORDS; i++)
		set->word[i] &= to->word[i];
}

/* Has @set all scopes of @need? True for an empty @need. */
static inline bool scopeset_covers(const struct scopeset *set, const struct scopeset *need)
{
	uint64_t missing = 0;

	for (unsigned i = 0; i < SCOPESET_WORDS; i++)
		missing |= need->word[i] & ~set->word[i];
	return missing == 0;
}

#endif
