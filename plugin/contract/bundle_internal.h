/*
 * bundle_internal.h -- what bundle.c and bundle_write.c share: the components that references make.
 */
#ifndef PETSTORE_CONTRACT_BUNDLE_INTERNAL_H
#define PETSTORE_CONTRACT_BUNDLE_INTERNAL_H

#include "base/draft.h"
#include "contract/bundle.h"
#include "contract/bundle_kind.h"

#define BUNDLE_BUCKETS 4096u

/* A value of another place that is a component of the result. */
struct bundled {
	struct bundled *next;  /* in its bucket */
	struct bundled *later; /* that was found after it */
	const struct config *value;
	enum bundle_kind kind;
	const char *name;
};

struct bundle {
	struct sources *sources;
	struct drafts drafts; /* its rc is that of all */
	enum bundle_files files;
	const struct sources_file *main;
	bool is_2;
	/* Of the result. A component that is found stands there at once, as an alias of its value.
	 */
	struct draft *components;
	struct bundled *bucket[BUNDLE_BUCKETS];
	struct bundled *first, *last; /* in the order in which they were found */
	size_t part_count;
};

/* Nothing was found yet, and there are no components. Drafts are in @scratch. */
void bundle_init(struct bundle *ret, struct sources *sources, const struct sources_file *file,
		 enum bundle_files files, struct arena *scratch);

/* Notes what failed, unless something has before. */
void bundle_fail(struct bundle *b, int err);

/* The components of the group @name, which is made where there is none. */
struct draft *bundle_group_of(struct bundle *b, const char *name);

/* The component that @value, of another place, has become; NULL: none. */
struct bundled *bundle_find_part(struct bundle *b, const struct config *value);

/* Is the "$id" at the top of the component left out? */
static inline bool bundle_drops_id(const struct bundled *part)
{
	return part->kind == BUNDLE_SCHEMA && !part->value->up;
}

/*
 * Finds what @ref of a place of @kind is in the result. False: it stays as it is. *ret_inline,
 * unless it is NULL then, takes the place of the reference; else @ret is its text.
 */
bool bundle_rewrite(struct bundle *b, const struct config *ref, enum bundle_kind kind, char *ret,
		    size_t cap, const struct config **ret_inline);

#endif
