/*
 * translate_internal.h -- what the files of translate.h share: translate.c (the document),
 * translate_channels.c (channels and operations), translate_messages.c (messages and traits),
 * translate_parts.c (parameters and servers), translate_security.c.
 *
 * They take values of 2.x and return drafts of 3.x, or NULL: there is nothing to return, or what
 * fails is in the report, or in the drafts.
 */
#ifndef PETSTORE_CONTRACT_TRANSLATE_INTERNAL_H
#define PETSTORE_CONTRACT_TRANSLATE_INTERNAL_H

#include "base/draft.h"
#include "contract/translate.h"

struct translator {
	struct sources *sources;
	struct sources_file *file; /* the document */
	struct drafts drafts;
	enum translate_view view;
	const struct config *root;       /* the document */
	const struct config *components; /* of it; NULL: it has none */
	struct draft *channels, *operations;
};

/* What one part is translated with; @at is no reference. */
typedef struct draft *translate_part(struct translator *t, const struct config *at);

/* Says what could not be carried over. */
void translate_note(struct translator *t, const struct config *at, const char *format, ...)
	__attribute__((format(printf, 3, 4), cold));

/* Says that @at is a member of 3.x only. */
void translate_refuse(struct translator *t, const struct config *at);

/*
 * Members of @at that are neither among @words (spaces between them) nor begin with "x-" are
 * faults; of those among @words_of_3 the line says that they are of 3.x. @noun is what such an
 * object is called.
 */
void translate_check(struct translator *t, const struct config *at, const char *noun,
		     const char *words, const char *words_of_3);

/* @text in memory that lives as long as the sources; NULL where memory ran out. */
const char *translate_text(struct translator *t, const char *text);

/* {"$ref": "#/FIRST/SECOND"}, and "/THIRD/FOURTH" unless these are NULL; stands for @place. */
struct draft *translate_reference(struct translator *t, const struct config *place,
				  const char *const token[4]);

/* Is @at a reference to a component of the document, "#/components/GROUP/NAME"? The component. */
const struct config *translate_component(const struct translator *t, const struct config *at,
					 const char *group);

/*
 * @at translated by @part: a reference to a component of @group stays one, any other brings what it
 * refers to.
 */
struct draft *translate_item(struct translator *t, const struct config *at, const char *group,
			     translate_part *part);

/* The same for each member of the map @at, under its name; members that @part has none for are left
 * out. */
struct draft *translate_map(struct translator *t, const struct config *at, const char *group,
			    translate_part *part);

/* ---- channels --------------------------------------------------------------------------- */

/* All of @channels, into t->channels and t->operations. */
void translate_channels(struct translator *t, const struct config *channels);

/* ---- messages and traits ---------------------------------------------------------------- */

/* A message for each alternative of one; a component may have several and then is none itself. */
struct translate_messages {
	size_t count;
	struct translate_message {
		const struct config *at;      /* as it was named: a reference, or the message */
		const struct config *message; /* the message itself */
	} item[TRANSLATE_MESSAGES_MAX];
};

/* Adds @at, or the items of its "oneOf", to @ret. */
void translate_alternatives(struct translator *t, const struct config *at, unsigned depth,
			    struct translate_messages *ret);

struct draft *translate_message_body(struct translator *t, const struct config *at);
struct draft *translate_message_trait(struct translator *t, const struct config *at);
struct draft *translate_operation_trait(struct translator *t, const struct config *at);

/* Puts the traits of @at into @made, or merges them into it; returns what @made is then. */
struct draft *translate_traits(struct translator *t, const struct config *at, struct draft *made,
			       const char *group, translate_part *part);

/* The value of @key that @at has, or else the last of its traits that has one; NULL: none. */
const struct config *translate_find(struct translator *t, const struct config *at, const char *key);

/* ---- parts ------------------------------------------------------------------------------ */

struct draft *translate_parameter(struct translator *t, const struct config *at);
struct draft *translate_server(struct translator *t, const struct config *at);
struct draft *translate_scheme(struct translator *t, const struct config *at);

/* A list of security requirements; NULL where none has to be met. */
struct draft *translate_security(struct translator *t, const struct config *list);

#endif
