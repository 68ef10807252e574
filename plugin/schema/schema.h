/*
 * schema.h -- JSON Schema, compiled once, run for each message.
 *
 * A struct schema_set holds all documents that references can reach; nothing is ever fetched.
 * schema_compile() turns one of them (or a place in it) into an immutable program that any
 * number of threads may run. Knows JSON Schema and nothing of topics, contracts or brokers.
 *
 * Specifications: JSON Schema drafts 04, 06, 07, 2019-09, 2020-12 and v1, AsyncAPI 3.1 "Schema
 * Object", OpenAPI 3.0.3 "Schema Object". What a schema is written in is its *dialect*.
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

enum schema_dialect {
	/*
	 * Nothing says what the document is written in. It is read in the dialect of each schema
	 * that refers to it, and as draft 2020-12 where none does.
	 */
	SCHEMA_UNSAID = 0,
	SCHEMA_DRAFT_04,
	SCHEMA_DRAFT_06,
	SCHEMA_DRAFT_07,
	SCHEMA_DRAFT_2019_09,
	SCHEMA_DRAFT_2020_12,
	SCHEMA_V1,
	/*
	 * AsyncAPI's Schema Object: draft 07 with $defs, discriminator, deprecated, externalDocs.
	 * References are JSON References: "#/..." starts at the root of the file, and an $id
	 * names a schema but is no base for the references in it.
	 */
	SCHEMA_ASYNCAPI,
	SCHEMA_OPENAPI_30, /* the Schema Object of OpenAPI 3.0, with nullable */
};

/* The dialect in words, such as "draft 07"; a literal. */
const char *schema_dialect_name(enum schema_dialect dialect);

/*
 * A new set knows the metaschemas of all drafts and nothing else. One thread at a
 * time. After a function failed with ERR_NOMEM, only schema_set_free() may be called.
 */
int schema_set_new(struct schema_set **ret, struct diag *diag) MUST_CHECK;
void schema_set_free(struct schema_set *set); /* schemas compiled from it stay valid */

/*
 * Adds @document to the set. References reach it under @uri (absolute, without fragment; for a file
 * its path as a file: URI, or any unique string) and under every $id in it. Error messages call it
 * @name. The set takes a reference of its own to @document, which must not change any more. The
 * same @uri twice is ERR_INVALID.
 *
 * @dialect is what the document's schemas are written in where no $schema and no mark says it. A
 * document whose root has $schema is written in that.
 */
int schema_set_add(struct schema_set *set, const char *uri, const char *name, json_t *document,
		   enum schema_dialect dialect, struct diag *diag) MUST_CHECK;

/*
 * Says that the schema at @uri (a document's uri, with a fragment that is a JSON Pointer) and all
 * schemas below it are written in @dialect (not SCHEMA_UNSAID). Call it when all documents are
 * added and before the first schema_compile(). Marking a place again with the same dialect does
 * nothing. ERR_INVALID where there is no schema at @uri, or where its own $schema or a mark before
 * says something else: @diag names document, pointer and both dialects. AsyncAPI's dialect has
 * draft 07 in it: that $schema does not contradict it, and decides. In a document of SCHEMA_UNSAID
 * schema_compile() finds these faults.
 */
int schema_set_mark(struct schema_set *set, const char *uri, enum schema_dialect dialect,
		    struct diag *diag) MUST_CHECK;

struct schema_options {
	bool assert_format;   /* format is an assertion, not an annotation; contracts assert */
	int64_t max_work;     /* for one value, in units of about 10 ns; 0: RUN_MAX_WORK */
	size_t max_bytes;     /* of a message, for schema_warning(); 0: no warnings are wanted */
	bool checks_examples; /* a default or example that the schema refuses is a warning */
	/* What a schema in a document of SCHEMA_UNSAID is read as, if it is named by @uri itself.
	 */
	enum schema_dialect dialect;
};

/* The max_work for checking a file of the operator, which is not a message. */
#define SCHEMA_FILE_WORK 100000000

/*
 * Compiles the schema that @uri names: a document's uri, optionally with a fragment that is a
 * JSON Pointer or an anchor ("file:order.json#/$defs/money"). It, and every schema it refers
 * to, is checked against its metaschema first. A pattern (of pattern or patternProperties) has at
 * most PATTERN_MAX_BYTES, 8192 bytes (pattern.h). On failure *ret is untouched and @diag names
 * document and JSON Pointer. @options may be NULL (all false).
 */
int schema_compile(struct schema_set *set, const char *uri, const struct schema_options *options,
		   struct schema **ret, struct diag *diag) MUST_CHECK;
void schema_free(struct schema *schema);

/* The largest number of warnings of one schema; one more says how many further ones there are. */
#define SCHEMA_MAX_WARNINGS 32u

/*
 * Returns the i-th warning of a compiled schema, "<document>: <pointer>: ...", borrowed; NULL
 * behind the last. A warning names a place that may cost more work than the budget of a message, or
 * that asks for what is not checked, such as a format that is not known.
 */
const char *schema_warning(const struct schema *schema, size_t i);

/*
 * Returns which types a valid message may have (enum payload_type, or-ed), as far as type, const,
 * enum, $ref, allOf, anyOf and oneOf say it: PAYLOAD_TYPE_ANY where they say nothing. Of a schema
 * with many alternatives it looks at some, and takes the others for any type. Allocates nothing.
 */
unsigned schema_root_types(const struct schema *schema);

/*
 * Do both say the same of a message, their annotations aside, wherever they stand and whatever
 * references they are written with? True only if so; it may be false for two that mean the same in
 * other words, with $dynamicRef, or with more nesting than is followed. Subtracts from *@work (at
 * least 0) what it cost; false where it is used up. NULL is the same as NULL only.
 */
bool schema_is_same(const struct schema *a, const struct schema *b, int64_t *work);

struct schema_member {
	unsigned types; /* enum payload_type, or-ed: of the member */
	unsigned items; /* of its items, where it is an array */
};

/*
 * Stores which types the member @name of a valid message may have. Subtracts from *@work what the
 * look-up in patternProperties costs (pattern.h); where nothing is left the rest of them is not
 * looked at. Allocates nothing.
 */
void schema_member(const struct schema *schema, const char *name, size_t len, int64_t *work,
		   struct schema_member *ret);

/*
 * Returns which types the value at the JSON Pointer @pointer of a valid message may have; 0: none
 * has a value there. Where nothing is known of it, as behind a name with ~, PAYLOAD_TYPE_ANY.
 * @work as above.
 */
unsigned schema_types_at(const struct schema *schema, const char *pointer, int64_t *work);

/*
 * The budget of work for one message, in units of about 10 nanoseconds (run.h says what costs how
 * much). The whole budget takes about 5 ms.
 */
#define SCHEMA_MESSAGE_WORK 500000

enum schema_answer {
	SCHEMA_INVALID = 0, /* 0, so that a missing answer refuses */
	SCHEMA_VALID = 1,
	SCHEMA_LIMIT = 2, /* a bound was hit (work, recursion): refused, never accepted */
};

/*
 * Checks a value. Stops at the first failure and allocates nothing. Needs 20 KiB of stack, and some
 * more for each level of nesting of the schema and of the message; both are bounded (run.h).
 */
enum schema_answer schema_check(const struct schema *schema, const struct payload_value *value);

/*
 * As schema_check(), for a message that is held against several schemas: they share one budget.
 * Subtracts the work that was done from *work, which is at least 0 afterwards; with 0 units left
 * the answer is SCHEMA_LIMIT for all but the simplest schemas.
 */
enum schema_answer schema_check_within(const struct schema *schema,
				       const struct payload_value *value, int64_t *work);

/*
 * One violation. Strings are NUL-terminated and cut (in whole characters, with "...") to what
 * fits; control characters in them are written as \xNN.
 */
struct schema_error {
	char instance[256]; /* JSON Pointer into the message; "" is the whole message */
	char schema[256];   /* JSON Pointer of the keyword in its document, with $refs resolved */
	/*
	 * The keyword that failed, such as "maxLength". "false" for a boolean schema, "" for some
	 * limits, "schema" where the fault would take too much work to find.
	 */
	char keyword[32];
	char message[256]; /* a sentence with the limit and the value, no control characters */
};

/*
 * Stores at most @max violations in @errors and returns how many it stored. *answer is always the
 * answer of schema_check(). Where it is SCHEMA_VALID there are no entries; else there is at least
 * one (if @max > 0).
 */
size_t schema_explain(const struct schema *schema, const struct payload_value *value,
		      struct schema_error *errors, size_t max, enum schema_answer *answer);

/*
 * As schema_explain(), for a caller that has called schema_check() already: @answer is its result,
 * and the message is not checked again. The list costs at most a quarter of what a check may cost.
 */
size_t schema_explain_answer(const struct schema *schema, const struct payload_value *value,
			     enum schema_answer answer, struct schema_error *errors, size_t max);

/* As the last, with a budget of @work units for the list. */
size_t schema_explain_within(const struct schema *schema, const struct payload_value *value,
			     enum schema_answer answer, struct schema_error *errors, size_t max,
			     int64_t work);

/* How many top-level members have the only value that a schema allows, and how many another. */
struct schema_marks {
	unsigned right, wrong;
};

/*
 * Counts them in @value: what says best which of several schemas a message that fits none was meant
 * for. Looks at const, and at an enum of one value, of the members in properties, through $ref and
 * allOf; at a bounded number of schemas, and for at most @work units. Allocates nothing.
 */
void schema_mark(const struct schema *schema, const struct payload_value *value, int64_t work,
		 struct schema_marks *ret);

#endif
