/*
 * grantset.h -- a set of grants as bits.
 *
 * A grant is what a role gives by `is` or `talksTo`: one side of one application's operations, all
 * of them or some. The access file numbers its grants (0 .. GRANTS_MAX - 1) when it is loaded, and
 * who decides works out for each operation which of them admit it, so that a check costs a few
 * instructions.
 */
#ifndef PETSTORE_GRANTSET_H
#define PETSTORE_GRANTSET_H

#include <stdbool.h>
#include <stdint.h>

#define GRANTS_MAX 512u

struct grantset {
	uint64_t word[GRANTS_MAX / 64];
};

static inline void grantset_add(struct grantset *set, unsigned grant)
{
	set->word[grant / 64] |= UINT64_C(1) << (grant % 64);
}

static inline bool grantset_has(const struct grantset *set, unsigned grant)
{
	return (set->word[grant / 64] >> (grant % 64)) & 1;
}

static inline void grantset_merge(struct grantset *set, const struct grantset *more)
{
	for (unsigned i = 0; i < GRANTS_MAX / 64; i++)
		set->word[i] |= more->word[i];
}

/* Have the two a grant in common? */
static inline bool grantset_meets(const struct grantset *set, const struct grantset *other)
{
	uint64_t common = 0;

	for (unsigned i = 0; i < GRANTS_MAX / 64; i++)
		common |= set->word[i] & other->word[i];
	return common != 0;
}

static inline bool grantset_is_empty(const struct grantset *set)
{
	return !grantset_meets(set, set);
}

#endif
