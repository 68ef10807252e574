/*
 * jsonread.h -- JSON text (RFC 8259) to a tree of values with their places.
 *
 * Strict, as Jansson is: no comments, no commas at an end, UTF-8 only, no lone surrogates. It
 * differs in two things: a whole number that int64_t can't hold becomes the nearest double, and
 * members that occur twice are the builder's to find. Time grows with the text's length.
 */
#ifndef PETSTORE_BASE_JSONREAD_H
#define PETSTORE_BASE_JSONREAD_H

#include <stdbool.h>
#include <stddef.h>

#include "base/configbuild.h"

/*
 * Gives all of @text to @build. ERR_SYNTAX: it is not JSON, *ret_place says where, and nothing is
 * in a diag; any other failure is the builder's. @has_places: should values have their places?
 */
int jsonread(struct configbuild *build, const char *text, size_t len, bool has_places,
	     struct configbuild_place *ret_place) MUST_CHECK;

#endif
