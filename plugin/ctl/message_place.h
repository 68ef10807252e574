/*
 * message_place.h -- what one place of a message has to satisfy: a schema, and what stands below
 * its allOf as if it stood beside it.
 *
 * For schemas without references (deref.h). Parts are borrowed.
 */
#ifndef PETSTORE_CTL_MESSAGE_PLACE_H
#define PETSTORE_CTL_MESSAGE_PLACE_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

#define MESSAGE_PLACE_PARTS_MAX 64u

/* All of the parts have to be satisfied. Zeros: anything goes. */
struct message_place {
	size_t count;
	/* The first is the outermost, where it is one schema. */
	const json_t *part[MESSAGE_PLACE_PARTS_MAX];
	bool is_false; /* nothing does */
	bool is_cut;   /* there was more than fits */
};

/* Adds @schema and what stands below its allOf. */
void message_place_add(struct message_place *place, const json_t *schema);

/* Has a part the keyword? */
bool message_place_has(const struct message_place *place, const char *keyword);

/* Does a part name the member under "properties"? */
bool message_place_names(const struct message_place *place, const char *name);

/*
 * What the member @name has to satisfy; NULL: any that no part names. What the other keywords
 * leave unevaluated is looked at in the outermost part only.
 */
void message_place_member(const struct message_place *place, const char *name,
			  struct message_place *ret);

/* What the value of a keyword such as "items" has to satisfy. */
void message_place_keyword(const struct message_place *place, const char *keyword,
			   struct message_place *ret);

#endif
