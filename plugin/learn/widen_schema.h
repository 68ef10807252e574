/*
 * widen_schema.h -- a schema, changed so that it allows all values of a shape.
 */
#ifndef PETSTORE_LEARN_WIDEN_SCHEMA_H
#define PETSTORE_LEARN_WIDEN_SCHEMA_H

#include "learn/maker.h"
#include "learn/shape.h"

/* @schema is a draft of @old; what is changed is counted in @maker. */
void widen_schema(struct maker *maker, const struct shape_scribe *scribe, struct draft *schema,
		  const struct config *old, const struct shape_seen *shape);

/* @object's member @name was widened: counts it, and says why in a comment. */
void widen_note(struct maker *maker, struct draft *object, const char *name, const char *format,
		...) __attribute__((format(printf, 4, 5)));

/* Member @name, a string without U+0000, or NULL. */
const char *widen_text(const struct config *object, const char *name);

#endif
