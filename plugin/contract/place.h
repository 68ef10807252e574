/*
 * place.h -- a value in one of the contract's files, and where it stands.
 *
 * The loaders walk documents with places, so that each refusal names file, JSON Pointer and
 * expectation. A place holds the way to its parent, which must therefore stay where it is for
 * as long as the child is used: places live on the stack, parents in outer frames.
 */
#ifndef PETSTORE_CONTRACT_PLACE_H
#define PETSTORE_CONTRACT_PLACE_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

#include "base/diag.h"
#include "base/jsonfile.h"

struct source;

struct place {
	const struct source *file;
	json_t *json; /* borrowed; NULL where the value is missing */
	struct jsonpath path;
};

/* Member @key of @up, whose json may be missing or no object: then the member is missing. */
struct place place_member(const struct place *up, const char *key);
struct place place_item(const struct place *up, size_t index);

/* "<file>: <pointer>: <text>" into @diag. Returns @err. */
int place_fail(const struct place *place, struct diag *diag, int err, const char *format, ...)
	__attribute__((format(printf, 4, 5)));

/* 0, or ERR_INVALID where the value is missing or of another type ("expected an object"). */
int place_object(const struct place *place, struct diag *diag);
int place_array(const struct place *place, struct diag *diag);

/* A string of 1 to @max bytes without U+0000; *ret is borrowed from the document. */
int place_text(const struct place *place, size_t max, const char **ret, struct diag *diag);

/* An integer of @min to @max. */
int place_integer(const struct place *place, json_int_t min, json_int_t max, json_int_t *ret,
		  struct diag *diag);

int place_boolean(const struct place *place, bool *ret, struct diag *diag);

/* One of @words, which ends in NULL: *ret is its index. */
int place_word(const struct place *place, const char *const *words, unsigned *ret,
	       struct diag *diag);

/* A member that an object may have. The table ends with a NULL name. */
struct place_known {
	const char *name;
	const char *refusal; /* known, but refused with these words; NULL: fine */
};

/*
 * The value must be an object and all its members must be in @known, so that neither a typing
 * error nor something that is not supported passes unseen. @noun is what the object is called.
 */
int place_check(const struct place *place, const char *noun, const struct place_known *known,
		struct diag *diag);

#endif
