/*
 * access_internal.h -- the inside of struct access, for the files access*.c only.
 */
#ifndef PETSTORE_ACCESS_INTERNAL_H
#define PETSTORE_ACCESS_INTERNAL_H

#include "access/access.h"
#include "access/certid.h"
#include "access/names.h"
#include "access/nametable.h"
#include "access/token.h"
#include "base/arena.h"
#include "base/config.h"

/* One member of a `where`: any of the values. */
struct access_limit {
	const char *param;
	size_t value_count;
	const struct access_value {
		struct names_pattern pattern;
		bool is_name;          /* "{name}": the principal's name */
		const char *attribute; /* "{x}": one of the principal's values of x; else NULL */
	} * value;
};

/* What one role says; with limits, on some topics only. */
struct access_rule {
	struct scopeset full;
	struct scopeset own;
	struct scopeset denied;
	struct grantset grants;
	size_t limit_count;
	const struct access_limit *limit;
};

struct roleset {
	uint64_t word[ACCESS_ROLES_MAX / 64];
};

struct access_role {
	const char *name;
	struct access_rule rule;
	bool needs_certificate;
	bool is_peer;
	struct access_trust trust;
	size_t client_count;
	const char *const *client;
	const struct limits *limits; /* NULL: none */
	size_t include_count;
	const uint32_t *include;
	struct roleset closure; /* itself and everything it includes, at any depth */
};

/* What a principal is made of: a user's entry, `default`, a certificate rule or an issuer. */
struct access_basis {
	const char *name;
	struct scopeset full; /* beside what the roles say */
	struct scopeset own;
	size_t role_count;
	const uint32_t *role;
	size_t mute_count; /* roles of which only the denials count */
	const uint32_t *mute;
	size_t attribute_count;
	const struct access_attribute *attribute; /* may hold a name twice */
};

/* What a template of a certificate rule can name: the kinds of names, and what '*' was. */
#define ACCESS_SOURCE_STAR CERTID_KINDS
#define ACCESS_SOURCES (CERTID_KINDS + 1)

struct access_template_list {
	const char *name; /* of the attribute */
	size_t count;
	const struct names_template *value;
};

struct access_certificate_rule {
	bool has[CERTID_KINDS]; /* which kinds `match` asks for */
	struct names_pattern pattern[CERTID_KINDS];
	struct names_template principal;
	size_t role_count;
	const uint32_t *role;
	size_t attribute_count;
	const struct access_template_list *attribute;
};

struct access_issuer {
	struct token_issuer rules; /* what token_check() needs */
	struct names_template principal;
	struct scopeset full; /* the most that a token of it can carry */
	struct scopeset own;
	size_t role_count;
	const uint32_t *role;
	size_t claim_count; /* attribute <- claim */
	const struct access_claim {
		const char *attribute;
		const char *claim;
	} * claim;
};

struct access {
	unsigned holders; /* 1, and one for each principal that was made from it */
	struct arena arena;
	size_t scope_count;
	const char *const *scope; /* copies of the contract's names */
	struct nametable scope_table;
	size_t role_count;
	struct access_role *role;
	struct nametable role_table;
	size_t grant_count;
	struct access_grant *grant; /* by their number; NULL or room for GRANTS_MAX */
	size_t client_count;        /* for principals none of whose roles names any client id */
	const char *const *client;
	size_t user_count;
	struct access_principal *user;
	struct nametable user_table;
	struct access_principal *unlisted;  /* what `default` gives, without a name; or NULL */
	struct access_principal *anonymous; /* NULL: there is none */
	size_t certificate_count;
	struct access_certificate_rule *certificate;
	size_t issuer_count;
	struct access_issuer *issuer;
	size_t warning_count;
	const char *warning[ACCESS_WARNINGS_MAX];
};

/* A principal outside the access object, which it keeps alive; and what it is made of. */
struct access_holder {
	struct access_principal principal; /* first: access_principal_drop() gets this */
	unsigned holders;
	struct access *access;
	struct arena arena;
	const struct access_principal *user; /* the user of the same name; NULL: there is none */
	struct access_basis basis;
	struct access_attribute *attribute; /* the basis'; room for those of the user behind them */
};

/*
 * Begins a principal whose name is @name, filled with @value; @noun is what gives it, for @diag.
 * There will be @attribute_count attributes beside the user's. On success *ret is a holder, to be
 * filled and given to access_holder_end().
 */
int access_holder_new(struct access *access, const char *noun, const struct names_template *name,
		      const struct span *value, size_t attribute_count, struct access_holder **ret,
		      struct diag *diag) MUST_CHECK;

/* Makes the principal of the basis, to *ret, or frees the holder where @rc is an error; returns it.
 */
int access_holder_end(struct access_holder *holder, int rc, struct access_principal **ret,
		      struct diag *diag) MUST_CHECK;

/*
 * What every function of the loader needs. Faults go to the report, and reading goes on;
 * access_load() returns nothing if the report has a line.
 */
struct access_reader {
	const char *folder; /* of key files; NULL: there are none to be had */
	struct access *access;
	const struct access_offer *offer;
	struct config_report report;
};

/* Memory that lives as long as the access object; NULL, and a fault, where memory ran out. */
void *access_take(struct access_reader *reader, size_t count, size_t size);
/*
 * Zeros for the items or members of @list, which may be one of them itself, or NULL: @size bytes
 * each. NULL, and a line, where memory ran out or there are more than @max, called @what.
 */
void *access_room(struct access_reader *reader, const struct config *list, size_t max,
		  const char *what, size_t size);
const char *access_copy(struct access_reader *reader, const char *text, size_t len);

/* A copy of @at's key, which must be good as a name; or NULL. */
const char *access_name(struct access_reader *reader, const struct config *at);

/* A copy of the string @at, 1 .. ACCESS_VALUE_MAX bytes without control characters; or NULL. */
const char *access_text(struct access_reader *reader, const struct config *at);

/* These read a list; NULL is an empty one. Names of roles become numbers. */
void access_read_roles(struct access_reader *reader, const struct config *list,
		       const uint32_t **ret, size_t *ret_count);
void access_read_scopes(struct access_reader *reader, const struct config *list,
			struct scopeset *full, struct scopeset *own);
void access_read_clients(struct access_reader *reader, const struct config *list,
			 const char *const **ret, size_t *ret_count);

/* Adds what `is`, `talksTo` and `operations` of @role give to *ret. */
void access_read_grants(struct access_reader *reader, const struct config *role,
			struct grantset *ret);

/* Reads `peer` and `trust` of the role @at. */
void access_read_peer(struct access_reader *reader, const struct config *at,
		      struct access_role *role);

/* Adds what one word of `scopes` stands for, wildcards and ":own" included. False: unknown. */
bool access_scope_add(const struct access *access, const char *word, size_t len,
		      struct scopeset *full, struct scopeset *own);

/* The members of the file, each where it is there; roles first, since the others name them. */
void access_section_roles(struct access_reader *reader, const struct config *roles);
void access_section_certificates(struct access_reader *reader, const struct config *rules);
void access_section_issuers(struct access_reader *reader, const struct config *issuers);

/* `default` and `anonymous` of the file's @root. */
void access_section_others(struct access_reader *reader, const struct config *root);

/* Is @name the one of clients without a name, which then no principal can have? */
bool access_is_anonymous_name(const struct access *access, const char *name);

/* The @count roles at @role, and all that they include. */
struct roleset access_closure(const struct access *access, const uint32_t *role, size_t count);

/* Frees what issuers own besides the arena. */
void access_issuers_clear(struct access *access);

/*
 * Fills @ret from @basis with memory of @arena; strings that @basis points to are borrowed.
 * ERR_NOMEM, without a diag, is the only failure.
 */
int access_make(const struct access *access, struct arena *arena, const struct access_basis *basis,
		struct access_principal *ret);

#endif
