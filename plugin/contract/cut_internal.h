/*
 * cut_internal.h -- a cut while it is made: cut_find.c finds what stays, cut.c writes it.
 */
#ifndef PETSTORE_CONTRACT_CUT_INTERNAL_H
#define PETSTORE_CONTRACT_CUT_INTERNAL_H

#include <stdbool.h>

#include "contract/cut.h"

#define CUT_DEPTH_MAX 600u    /* levels; what is deeper goes */
#define CUT_POINTER_MAX 1024u /* bytes; longer references stay as they are */
#define CUT_TOKEN 4u          /* tokens of a pointer that are looked at */

struct cut {
	const json_t *from;
	const struct cut_may *may;
	json_t *kept;     /* keys of the channels that stay */
	json_t *values;   /* where these are, after all references, as text */
	json_t *readable; /* addresses of those that may be read */
	json_t *reached;  /* pointers to what is referred to and is no part of what stays anyway */
	json_t *queue;    /* the same in the order in which they were found */
	json_t *kinds;    /* schemas that have a discriminator, or inherit one that has */
	json_t *heirs;    /* of each schema with heirs their pointers; NULL: not looked for yet */
	json_t *moved;    /* the new reference of those that become components of their own */
	json_t *entities, *machines;
	size_t next;    /* in the queue */
	bool is_failed; /* memory ran out */
};

/* A reference's fragment, taken apart and written in one way. */
struct cut_pointer {
	char text[CUT_POINTER_MAX];
	size_t count; /* of all tokens */
	char token[CUT_TOKEN][CUT_POINTER_MAX];
};

/* False: @ref leads out of the document, or is none. */
bool cut_read_pointer(const char *ref, struct cut_pointer *ret);

/* Likewise of a pointer's text, as cut_pointer has it: in it "%25" is not "%" any more. */
bool cut_read_text(const char *text, struct cut_pointer *ret);

/* The value at @pointer, whose steps lead through references; NULL: there is none. */
const json_t *cut_value_at(const struct cut *cut, const char *pointer);

/* Does the reference lead to a whole channel or operation that goes? */
bool cut_is_barred(const struct cut *cut, const struct cut_pointer *pointer);

/* Does the member of @object with this key go? */
bool cut_goes(const struct cut *cut, const json_t *object, const char *key, const json_t *member);

/* Is it a member of the root that stays as it is? */
bool cut_is_of_all(const char *key);

/* Members of the root of which some stay. */
#define CUT_GROUPS 5u
const char *cut_group(size_t group);
/* Does the @i-th member of the group stay? */
bool cut_keeps(const struct cut *cut, size_t group, const char *key, const json_t *value, size_t i);

/* Fills all of @cut but moved: kept, then what is reached from there. */
void cut_find(struct cut *cut);

#endif
