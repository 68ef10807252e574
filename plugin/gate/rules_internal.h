/*
 * rules_internal.h -- what the files of the rules share while they are loaded.
 *
 * rules.c reads the files and owns what they become; rules_access.c says to the access file what
 * the contract offers, rules_grants.c whom it lets in; rules_channels.c compiles the channels'
 * patterns and looks at what is compiled; rules_schemas.c compiles the messages' schemas;
 * rules_pack.c makes it small.
 */
#ifndef PETSTORE_RULES_INTERNAL_H
#define PETSTORE_RULES_INTERNAL_H

#include "base/arena.h"
#include "gate/rules.h"

/* Owned memory behind the const pointers of struct rules. */
struct rules_parts {
	size_t schema_count; /* distinct schemas */
	struct schema **schema;
	struct rules_channel *channel;
	struct rules_message *message;
	size_t warning_count;
	const char *warning[RULES_WARNINGS_MAX];
	struct arena arena;       /* of the warnings */
	struct diag_list *errors; /* while it is loaded; may be NULL */
	bool checks_examples;
};

/* Keeps the warning, each text once; what is beyond the bound is left out, and what memory is
 * lacking for. */
void rules_add_warning(struct rules *rules, const char *said);

/* Works out which grants of the access file admit to which operations. */
int rules_find_grants(struct rules *rules, struct diag *diag) MUST_CHECK;

/* A fault of the contract; *first and @diag are the first one's. */
void rules_add_error(struct rules *rules, int rc, struct diag *text, int *first, struct diag *diag);

/* Makes the access object of @file, for the contract that is loaded; its warnings become the
 * rules'.
 */
int rules_load_access(struct rules *rules, const struct access_file *file,
		      struct diag *diag) MUST_CHECK;

/* Compile what contract_open() read; the first fault is the result and @diag's, each is added to
 * the errors. */
int rules_compile_channels(struct rules *rules,
			   struct diag *diag) MUST_CHECK; /* the schemas, too */
int rules_compile_schemas(struct rules *rules, struct diag *diag) MUST_CHECK;

/* When all is compiled: equal messages and operations become one, and the documents are freed.
 * After a failure, when memory ran out, the rules are only to be freed. */
int rules_pack(struct rules *rules, struct diag *diag) MUST_CHECK;

#endif
