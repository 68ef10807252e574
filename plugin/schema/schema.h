/*
 * schema.h -- JSON Schema (draft 2020-12, draft 7), compiled once, run per message.
 *
 * A struct schema_set holds the documents that references may reach: nothing is ever fetched.
 * schema_compile() turns one of them (or a place in it) into an immutable program that any
 * number of threads may run. Knows JSON Schema and nothing of topics, contracts or brokers.
 */
#ifndef PETSTORE_SCHEMA_H
#define PETSTORE_SCHEMA_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/diag.h"
#include "schema/payload.h"

struct schema_set;
struct schema;

/*
 * A new set knows the metaschemas of draft 2020-12 and draft 7 and nothing else. One thread at a
 * time; after a function failed with ERR_NOMEM the set is good for schema_set_free() only.
 */
int schema_set_new(struct schema_set **ret, struct diag *diag) MUST_CHECK;
void schema_set_free(struct schema_set *set); /* schemas compiled from it stay valid */

/*
 * Makes @document reachable under @uri (absolute, without fragment; for a file its path made
 * a file: URI, or any string that is unique) and under every $id in it. @name stands for the
 * document in errors. Takes a reference of its own to @document; it must not change any more.
 * The same @uri twice is ERR_INVALID.
 */
int schema_set_add(struct schema_set *set, const char *uri, const char *name, json_t *document,
		   struct diag *diag) MUST_CHECK;

struct schema_options {
	bool assert_format; /* format is an assertion, not an annotation; contracts assert */
	int64_t max_work;   /* for one value, in units of some 10 ns; 0: what a message may cost */
	size_t max_bytes;   /* of a message, for schema_warning(); 0: no warnings are wanted */
};

/* The work for a value that is no message but a file of the operator's. */
#define SCHEMA_FILE_WORK 100000000

/*
 * Compiles the schema that @uri names: a document's uri, optionally with a fragment that is a
 * JSON Pointer or an anchor ("file:order.json#/$defs/money"). It, and every schema it refers
 * to, is checked against its metaschema first. On failure *ret is untouched and @diag names
 * document and JSON Pointer. @options may be NULL (all false).
 */
int schema_compile(struct schema_set *set, const char *uri, const struct schema_options *options,
		   struct schema **ret, struct diag *diag) MUST_CHECK;
void schema_free(struct schema *schema);

/*
 * What is doubtful in a schema that was compiled: places whose cost can't be bounded within what
 * a message may cost. The i-th line, "<document>: <pointer>: ...", borrowed; NULL behind the last.
 */
const char *schema_warning(const struct schema *schema, size_t i);

enum schema_answer {
	SCHEMA_INVALID = 0, /* also the answer when something was forgotten */
	SCHEMA_VALID = 1,
	SCHEMA_LIMIT = 2, /* a bound was hit (work, recursion): refused, never accepted */
};

/*
 * Yes or no; stops at the first failure and allocates nothing. Needs 20 KiB of stack and some
 * more for each level of nesting, of the schema or of the message; both are bounded (run.h).
 */
enum schema_answer schema_check(const struct schema *schema, const struct payload_value *value);

/*
 * One violation. Strings are NUL-terminated and cut (in whole characters, with "...") to what
 * fits; control characters in them are written as \xNN.
 */
struct schema_error {
	char instance[256]; /* JSON Pointer into the message; "" is the whole message */
	char schema[256];   /* JSON Pointer of the keyword in its document, with $refs resolved */
	/*
	 * "maxLength"; "false" for a boolean schema, "" for some limits, "schema" for what took too
	 * long to find.
	 */
	char keyword[32];
	char message[256]; /* a sentence with the limit and the value, no control characters */
};

/*
 * Lists what is wrong, at most @max entries to @errors, and returns how many it stored.
 * *answer is what schema_check() says, always: 0 entries where it is SCHEMA_VALID, at least
 * one (given @max > 0) where not.
 */
size_t schema_explain(const struct schema *schema, const struct payload_value *value,
		      struct schema_error *errors, size_t max, enum schema_answer *answer);

/*
 * The same where schema_check() was asked before: @answer is what it said. So the message is not
 * checked again; what the list costs is a quarter of what a check may cost.
 */
size_t schema_explain_answer(const struct schema *schema, const struct payload_value *value,
			     enum schema_answer answer, struct schema_error *errors, size_t max);

#endif
