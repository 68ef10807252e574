/*
 * schemaof.h -- a schema that all values of a shape are valid against, and not much more.
 *
 * In AsyncAPI's dialect. Objects are closed; what was in all of them is required; a string that was
 * one of few is an enum, one that always had a format has it; sizes have a bound with generous
 * room. No constant is guessed. Comments say how often each was seen.
 */
#ifndef PETSTORE_LEARN_SCHEMAOF_H
#define PETSTORE_LEARN_SCHEMAOF_H

#include "learn/maker.h"
#include "learn/shape.h"

/* What is known of an object's members from elsewhere. All may be empty. */
struct schemaof_hints {
	const char *const
		*id;      /* members that are ids: no enum is made of them; NULL ends the list */
	const char *kind; /* the member that says which kind of message it is, a constant */
	const char *kind_value;
};

/* @hints is of the value itself, not of what is below; it may be NULL. */
struct draft *schemaof(struct maker *maker, const struct shape_seen *shape,
		       const struct schemaof_hints *hints);

/* The same for payloads that are text and not JSON. @beside_json: other payloads are JSON. */
struct draft *schemaof_text(struct maker *maker, const struct shape_seen *shape, bool beside_json);

/* Makes a schema for texts one for those that do not begin as JSON does. */
void schemaof_put_no_json(struct maker *maker, struct draft *schema);

/* Are the values all strings that have one of shape_format()'s formats? Its name, or NULL. */
const char *schemaof_format(const struct shape_seen *shape);

/* Types as "type" names them, a string or an array; NULL where any will do. */
struct draft *schemaof_types(struct maker *maker, unsigned types);

#endif
