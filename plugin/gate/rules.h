/*
 * rules.h -- everything that is loaded from files, as one immutable object.
 *
 * The contract, its compiled payload schemas, the principals' scopes, the passwords. A reload
 * builds new rules and swaps the pointer; if that fails, the old rules stay in force.
 */
#ifndef PETSTORE_RULES_H
#define PETSTORE_RULES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "access/access.h"
#include "access/password.h"
#include "access/revoked.h"
#include "access/scram.h"
#include "base/diag.h"
#include "contract/contract.h"
#include "contract/documents.h"
#include "ledger/ledger.h"
#include "schema/pattern.h"
#include "schema/schema.h"

/* What is compiled from the contract for one channel. */
struct rules_channel {
	struct pattern **pattern; /* of each parameter; NULL: any text. NULL: none has one */
	/* Likewise of each send operation that has parameters of its own; NULL: none has. */
	struct pattern ***own_pattern;
};

/* What is compiled from the contract for one message. */
struct rules_message {
	const struct schema *schema; /* NULL: payloads are not checked */
	/* The position in its channel of the first message that no publish tells from this one. */
	unsigned twin;
	unsigned types; /* of a message of text: schema_root_types() of its schema */
	/* Of the user properties, the correlation data and the response topic; NULL: none. */
	const struct schema *headers, *correlation, *response_topic;
	bool needs_headers;    /* no user property at all breaks the schema */
	bool needs_properties; /* without any it breaks a rule about them, or is read otherwise */
};

struct rules {
	unsigned holders; /* rules_load() makes the first */
	struct contract *contract;
	struct documents *documents; /* NULL: they are kept otherwise, or are too large */
	struct access *access;       /* NULL where no access file was asked for */
	struct passwords *passwords; /* NULL: no client logs in with a password */
	struct scram_keys *scram;    /* NULL: no client logs in by SCRAM */
	struct revoked *revoked;     /* NULL: no list of revoked certificates was asked for */
	const struct rules_channel *channel; /* by contract_channel.index */
	const struct rules_message *message; /* by contract_message.index */
	/* By contract_operation.index: the grants of the access file that admit to it; NULL: no
	 * access file, so that nobody has any. */
	const struct grantset *const *admits;
	size_t payload_max; /* the largest of any channel that clients publish on, at least 1 */
	bool has_property_rules;   /* some message needs properties, or has a schema of one */
	bool has_events;           /* some message is a CloudEvent, in either of its modes */
	bool has_property_schemas; /* some message has a schema of a property */
	struct rules_parts *parts; /* what the pointers above own */
};

/*
 * The files of the rules. Borrowed for the call. All but the contract may be NULL; @access may be
 * NULL only for tools that read the contract alone.
 */
struct rules_files {
	struct sources_place contract;
	const char *access;
	const char *password_file;
	const char *scram_file;
	const char *crl_file;
	/* For tools: the rules keep the documents' values and places. Without it the contract is
	 * packed (contract_pack()), and its documents are kept as text (contract/documents.h). */
	bool keeps_documents;
	bool checks_examples; /* warnings of defaults and examples that schemas refuse */
	struct diag_list
		*errors; /* gets all faults, a line each; the first is @diag's. NULL: none */
};

/*
 * Loads all files. On success *ret is new, to be freed with rules_free(). On failure *ret is
 * untouched, and @diag has one line that names the file and the place.
 */
int rules_load(const struct rules_files *files, struct rules **ret, struct diag *diag) MUST_CHECK;

/* One more holder, for what may outlast a reload. Returns @rules. For one thread, as rules_free().
 */
struct rules *rules_share(struct rules *rules);

/* One holder less; the last one frees them. NULL is fine. */
void rules_free(struct rules *rules);

#define RULES_WARNINGS_MAX 512u

/*
 * The i-th warning about channels, schemas and patterns, borrowed; NULL behind the last. A schema's
 * warning is there once, however many channels share it.
 */
const char *rules_warning(const struct rules *rules, size_t i);

/* What the schema room calls @dialect. */
enum schema_dialect rules_dialect(enum contract_dialect dialect);

/* Does some channel keep what it accepts, so that a ledger is needed? */
bool rules_keeps(const struct rules *rules);

#endif
