/*
 * lint.h -- petstorectl lint's findings, and the checks that find them.
 *
 * @path is the name of the file in the findings. @contract is a loaded one.
 */
#ifndef PETSTORE_CTL_LINT_H
#define PETSTORE_CTL_LINT_H

#include <jansson.h>
#include <stdbool.h>

#include "base/brokerfile.h"
#include "base/config.h"
#include "ctl/files.h"

enum lint_level { LINT_ERROR, LINT_WARNING };

struct lint {
	json_t *findings; /* objects of level and text */
	unsigned errors;
	unsigned warnings;
	const struct sources *sources; /* of the contract; NULL: none is loaded */
	const struct rules *rules;     /* what the contract was compiled to; likewise */
	json_t *schemas;               /* by their URI, those that were compared lately */
};

/*
 * One finding. "FILE: POINTER: TEXT" about a file of the contract gets line and column.
 */
void lint_add(struct lint *lint, enum lint_level level, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

/* One finding about a value of a file: "FILE:LINE:COLUMN: POINTER: TEXT". */
void lint_add_at(struct lint *lint, enum lint_level level, const struct config *at,
		 const char *format, ...) __attribute__((format(printf, 4, 5)));

#define LINT_PLACE_MAX 300u

/* Writes "FILE:LINE:COLUMN" of @at to @ret and returns it. */
const char *lint_place(const struct config *at, char ret[static LINT_PLACE_MAX]);

/* Is @name one of the texts in the array? */
bool lint_lists(const json_t *list, const char *name);

/* The broker's configuration, if one was read: the plugin's options and the lines beside them. */
void lint_config(struct lint *lint, const struct files *files);

/*
 * Its bridges: as whom, what goes out unasked, and how they log in. Brokers that share a database
 * (@is_shared) are peers of each other, and what goes out is for the other one whole.
 */
void lint_bridges(struct lint *lint, const struct brokerfile *file, bool is_shared);

/* The users under whom their messages come in. */
void lint_bridge_users(struct lint *lint, const struct brokerfile *file, bool is_shared,
		       const struct access *access);

/* If the database is one that brokers share: what that needs of the configuration. */
void lint_shared(struct lint *lint, const struct files *files);

/*
 * Where root asks: may the user that the broker then runs as read and write the files that the
 * lines name by their whole path?
 */
void lint_rights(struct lint *lint, const struct brokerfile *file);

/* Is @user the local_username of a bridge? It needs no password, and should have none. */
bool lint_is_bridge_user(const struct brokerfile *file, const char *user);

/* Do messages with the largest payload that the contract takes get through? */
void lint_sizes(struct lint *lint, const struct brokerfile *file, const struct contract *contract);

/*
 * The files that a line names: readable, in force, and do certificate and key belong together?
 * @keyfile may be NULL: there is none.
 */
void lint_certfile(struct lint *lint, const struct brokerfile_line *certfile,
		   const struct brokerfile_line *keyfile);
void lint_cafile(struct lint *lint, const struct brokerfile_line *cafile);
void lint_crlfile(struct lint *lint, const struct brokerfile_line *crlfile);

/*
 * State machines that are not used, and statuses that can't be reached; channels that no client may
 * use, or whose rules are not enforced; channels of the plugin's own
 * messages that are declared wrongly; and commands that every client may give.
 */
void lint_contract(struct lint *lint, const struct contract *contract);

/* Payloads of the channel that are not checked, and messages that no payload can tell apart. */
void lint_messages(struct lint *lint, const struct contract *contract,
		   const struct contract_channel *channel);

/*
 * What the documents of the contract, which is compiled to lint->rules, say of each other's topics:
 * receivers of other or fewer messages than are sent, addresses that take topics from another
 * document's, and what no application, or with an access file no role, sends or receives.
 */
void lint_joined(struct lint *lint);

/* Where its document has the operation. */
const struct config *lint_operation(const struct contract *contract,
				    const struct contract_operation *operation);

/* Examples of messages that the messages' schemas refuse. */
void lint_examples(struct lint *lint, const struct rules *rules);

/* Schemas that allow members which they do not name. */
void lint_schemas(struct lint *lint, const struct contract *contract);

/*
 * Scopes, roles, users, client ids, and operations for clients with a token where nobody issues
 * any; with @passwords (may be NULL) also users without one.
 */
void lint_access(struct lint *lint, const struct files *files, const char *passwords,
		 const struct rules *rules);

/* The file of SCRAM keys, where the configuration names one. */
void lint_scram(struct lint *lint, const struct files *files);

#endif
