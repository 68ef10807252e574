/*
 * maker.h -- makes the parts of a learned contract: drafts (base/draft.h) with comments beside them
 * (base/configwrite.h).
 *
 * As with drafts nothing has to be checked on the way: what could not be made is NULL, and freezing
 * fails. Names and texts are copied.
 */
#ifndef PETSTORE_LEARN_MAKER_H
#define PETSTORE_LEARN_MAKER_H

#include <stdbool.h>

#include "base/draft.h"

struct maker {
	struct drafts drafts;
	unsigned changes; /* of a contract that was there: how often something was widened */
};

/* A member of @object, which @value becomes. */
void maker_put(struct maker *maker, struct draft *object, const char *name, struct draft *value);
void maker_text(struct maker *maker, struct draft *object, const char *name, const char *format,
		...) __attribute__((format(printf, 4, 5)));
void maker_integer(struct maker *maker, struct draft *object, const char *name, int64_t integer);

/* A new, empty object that is member @name of @object; and the one that is there, or a new one. */
struct draft *maker_object(struct maker *maker, struct draft *object, const char *name);
struct draft *maker_member(struct maker *maker, struct draft *object, const char *name);

/* {"$ref": "#/A/B..."}: @format is the pointer. */
struct draft *maker_reference(struct maker *maker, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

/* The comment behind member @name of @object, "" for behind the object itself; or above it. */
void maker_note(struct maker *maker, struct draft *object, const char *name, const char *format,
		...) __attribute__((format(printf, 4, 5)));
void maker_note_above(struct maker *maker, struct draft *object, const char *name,
		      const char *format, ...) __attribute__((format(printf, 4, 5)));

/* A text in the arena; NULL: memory ran out, which the drafts know. */
const char *maker_format(struct maker *maker, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

/* "1 message", "12 messages": @one is "message". */
#define MAKER_COUNT_MAX 64u
const char *maker_count(char *ret, uint64_t count, const char *one);

/* Much more than @seen: a power of two, four times as much or more, and at least @least. */
int64_t maker_room(uint64_t seen, int64_t least);

#endif
