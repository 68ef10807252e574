/*
 * access.h -- who has which scopes and grants: access.json as an immutable object.
 *
 * Knows users, roles, scopes and grants, and what certificates and tokens are worth; knows nothing
 * of passwords, topics or the broker. Scopes, applications and operations are the contract's
 * (struct access_offer); one the contract does not have is a load error, and so is every unknown
 * member, unknown role and cycle of roles. schemas/access.schema.json describes the file.
 *
 * A principal's scopes: every role that it has or includes allows some (`scopes`) and denies some
 * (`deny`). The principal has those that a role allows and no role denies. A role may be limited to
 * some topics by their parameters (`where`); then access_hold() computes the scopes for a topic.
 * All others are computed when the file is loaded.
 *
 * What a principal may do as an application, or as the counterpart of one, are its grants: those
 * that its roles give by `is` and `talksTo`, of some `operations` or of all. Roles that it includes
 * carry theirs on, and a `where` holds for grants as for scopes. A role with `is` or `talksTo` may
 * have a `deny`: that is about scopes, which operations of an application may ask for too; grants
 * themselves are never denied. A principal without any grant may do nothing that an application's
 * operations would admit.
 *
 * In `scopes` and `deny`, "read:*" stands for every scope of the contract that begins with
 * "read:", and "*" for every scope: also for those that a later contract adds. ":own" may
 * follow any of them in `scopes`; a denied scope is denied whole.
 */
#ifndef PETSTORE_ACCESS_H
#define PETSTORE_ACCESS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "base/diag.h"
#include "base/grantset.h"
#include "base/limits.h"
#include "base/scopeset.h"

#define ACCESS_NAME_MAX 128u   /* bytes of a user, role or attribute name */
#define ACCESS_VALUE_MAX 1024u /* bytes of an attribute's value, of a pattern */
#define ACCESS_USERS_MAX 1000000u
#define ACCESS_ANONYMOUS "anonymous" /* the name of who has none, where the file lets it in */
#define ACCESS_ROLES_MAX 1024u
#define ACCESS_TRUST_MAX 256u /* filters in `trust` of a role; a peer's publish asks each */
#define ACCESS_LIST_MAX 4096u /* entries of any list, members of any object but users */

struct access;
struct access_file;
struct access_rule;
struct certid;
struct config;

/* "petId": ["collar-7", "x"]; sorted by value. Strings live as long as the principal. */
struct access_attribute {
	const char *name;
	size_t value_count;
	const char *const *value;
};

/* Topics on which a peer is trusted: all filters of its roles, see access_trusts(). */
struct access_trust {
	size_t count;
	const char *const *filter;
};

struct access_principal {
	const char *name;
	bool is_disabled;
	bool needs_certificate; /* a role of it is for clients with a certificate only */
	bool is_peer;           /* a role of it says `peer`: it is a bridge's user */
	bool has_grants;        /* some, or a rule has some: else all of them are empty */
	bool has_entry; /* it is a user of the file; not who came by a token, whatever its name */
	bool is_anonymous;    /* it stands for all clients without a name, who proved nothing */
	struct scopeset full; /* held for everything */
	struct scopeset own;  /* "scope:own": held for what the principal owns; not also in full */
	struct scopeset denied;           /* never held, also if a rule allows it */
	const struct access_trust *trust; /* of a peer; NULL: it is trusted nowhere */
	struct grantset grants;           /* held on every topic; beside them those of rules */
	size_t rule_count;                /* rules of roles with `where`; mostly 0 */
	const struct access_rule *rule;
	size_t attribute_count;
	const struct access_attribute *attribute;
	size_t role_count;
	const char *const *role; /* names, as granted */
	const uint32_t *role_number;
	size_t client_count;       /* 0: any client id */
	const char *const *client; /* patterns of client ids it may use, see access_client_ok() */
	/* If several roles limit the same, the largest limit counts; NULL: no role has limits. */
	const struct limits *limits;
};

/*
 * What roles give by `is` and `talksTo`: each distinct one has a number, as in struct grantset.
 * Lives as long as the access object.
 */
struct access_grant {
	unsigned application;         /* by the contract's number */
	bool is_counterpart;          /* `talksTo`: its counterpart may; else, by `is`, who is it */
	size_t operation_count;       /* 0: all operations of the application */
	const char *const *operation; /* names, sorted; the application has each of them */
};

#define ACCESS_APPLICATION_NONE (-1) /* no document describes it */
#define ACCESS_APPLICATION_TWO (-2)  /* several documents have this title */

/* What the contract offers; borrowed for the call. Functions that are NULL find nothing. */
struct access_offer {
	size_t count; /* of scopes */
	const char *const *name;
	const void *ctx; /* for the functions */
	/*
	 * Is there a channel with a topic parameter of this name? NULL: none has, and `where` is
	 * refused as the misspelling it then is.
	 */
	bool (*has_param)(const void *ctx, const char *name);
	/* Is there a channel that the filter reaches? NULL: any filter of `trust` is taken. */
	bool (*has_topic)(const void *ctx, const char *filter);
	const struct scopeset *whole; /* scopes that may not have ":own"; NULL: none */
	/* The number of the application whose id or title is @name; or one of those above. */
	int (*find_application)(const void *ctx, const char *name);
	bool (*has_operation)(const void *ctx, unsigned application, const char *name);
	/*
	 * For "did you mean": the title of an application, the name of its i-th operation; NULL
	 * behind the last.
	 */
	const char *(*application)(const void *ctx, size_t number);
	const char *(*operation)(const void *ctx, unsigned application, size_t i);
};

/*
 * Reads the text of access.json, once, before there is a contract. On success *ret is new, to be
 * freed with access_close(). On failure *ret is untouched, @diag has the line, and so has @all,
 * unless it is NULL.
 */
int access_open(const char *path, struct access_file **ret, struct diag_list *all,
		struct diag *diag) MUST_CHECK;
void access_close(struct access_file *file); /* NULL is fine */

/*
 * The member `applications`, which says how documents are to be read that stay unchanged; borrowed
 * from @file. NULL: there is none. Its members are the contract's to check, here it only has to be
 * an object.
 */
const struct config *access_applications(const struct access_file *file);

/*
 * The member `users`, for who needs their names and has no contract; borrowed from @file. The
 * file's members are looked at, and each user's name, but not what a user is given: there may be
 * users of roles that nobody has. On failure *ret is untouched, and @diag has access_build()'s
 * line.
 */
int access_users(const struct access_file *file, const struct config **ret,
		 struct diag *diag) MUST_CHECK;

/*
 * Makes the access object of @file and of the key files that it names (relative to its folder). On
 * failure *ret is untouched and @diag names file and JSON Pointer:
 *     access.json: /roles/customer/scopes/2: the contract has no scope "read:order"
 * @all, unless it is NULL, gets one such line for each fault, @diag's first.
 */
int access_build(const struct access_file *file, const struct access_offer *offer,
		 struct access **ret, struct diag_list *all, struct diag *diag) MUST_CHECK;

/* Both in one: access_open(), access_build() and access_close(). */
int access_load(const char *path, const struct access_offer *offer, struct access **ret,
		struct diag_list *all, struct diag *diag) MUST_CHECK;

/*
 * The same over text in memory, @name standing for the file. Key files are looked for in
 * @folder; NULL: issuers are refused.
 */
int access_parse(const char *name, const char *folder, const char *text, size_t len,
		 const struct access_offer *offer, struct access **ret,
		 struct diag *diag) MUST_CHECK;

#define ACCESS_WARNINGS_MAX 8u /* further ones are left out */

/* What is doubtful in the file: the i-th line, borrowed; NULL behind the last. */
const char *access_warning(const struct access *access, size_t i);

/* NULL is fine. Principals that are still held (see access_principal_drop()) stay valid. */
void access_free(struct access *access);

/* The principal called @name, borrowed, or NULL. A hash lookup; allocates nothing. */
const struct access_principal *access_find(const struct access *access, const char *name);

/*
 * All principals: petstorectl and consistency checks walk them. NULL at the end.
 */
const struct access_principal *access_principal(const struct access *access, size_t index);

/* The grant with this number, borrowed; NULL behind the last. There are at most GRANTS_MAX. */
const struct access_grant *access_grant(const struct access *access, size_t number);

/* Has the principal an attribute @name with the value @value (@len bytes)? */
bool access_attribute_has(const struct access_principal *principal, const char *name,
			  const char *value, size_t len);

/*
 * Is what @principal, a peer, publishes on @topic taken over as its own broker decided it? By the
 * filters in `trust` of its roles; none of them means a topic that begins with '$'.
 */
bool access_trusts(const struct access_principal *principal, const char *topic, size_t len);

/* ---- scopes that depend on the topic ---------------------------------------------------- */

/* A topic level that stands for a parameter; text NULL: a filter's wildcard stands there. */
struct access_param {
	const char *name;
	const char *text;
	size_t len;
};

struct access_held {
	struct scopeset full;
	struct scopeset own;
};

/*
 * What @principal holds on a topic with these parameters.
 *
 * @is_some: a role's allowance with a `where` counts when each parameter it names is there and has
 * one of the values, or is a wildcard (a filter is granted when it can reach something; deliveries
 * are judged again). A denial with a `where` counts when each is there and has one of the values;
 * no wildcard does. Else it is about all topics that the wildcards stand for: an allowance counts
 * when it needs no wildcard, a denial when a wildcard may be what it denies.
 *
 * Where rule_count is 0 the answer is the principal's full and own: do not call it then.
 */
void access_hold(const struct access_principal *principal, const struct access_param *param,
		 size_t param_count, bool is_some, struct access_held *ret);

/*
 * Which grants it has there: as access_hold() about allowances, since no role denies a grant.
 * Of its own, so that who has none pays nothing for it. Where rule_count is 0 or has_grants is
 * false the answer is the principal's grants: do not call it then.
 */
void access_hold_grants(const struct access_principal *principal, const struct access_param *param,
			size_t param_count, bool is_some, struct grantset *ret);

/* All grants that it has on some topic or other: for people. */
void access_all_grants(const struct access_principal *principal, struct grantset *ret);

/*
 * May @principal connect with client id @id (NULL is the empty one)? One of the patterns must
 * match: those of its roles, or the file's `clientIds` where none of its roles has any; where
 * the file has none either, every id may. In a pattern a leading "{name}" is the principal's
 * name and one '*' at least one byte. Shipped are the name, and the name with a '/' and '*'
 * behind it: no name holds a '/', so no principal can use another's ids, as `orders` could
 * those of `orders-service` with "{name}-*".
 *
 * What Mosquitto names a client that brings no id may always be used: "auto-" and a random UUID in
 * capitals, or the UUID alone, as Mosquitto 2.0 does after a SIGHUP. The broker does not tell who
 * made such an id, so a client may choose one as well: to take a session over it has to know 128
 * random bits.
 */
bool access_client_ok(const struct access_principal *principal, const char *id);

/*
 * What @principal may use, for people: its patterns with commas between. Writes as many
 * as fit into @cap bytes, terminated; none where every id may be used.
 */
void access_client_list(const struct access_principal *principal, char *ret, size_t cap);

/* ---- everybody else --------------------------------------------------------------------- */

/*
 * What the file's `default` gives to @name, who proved to be it by a password or by SCRAM and is no
 * user of the file: that one's roles, no attributes. Result as access_certificate(): ERR_INVALID
 * where the file has no `default`, or @name is no good name. Certificates and tokens have rules of
 * their own, and nothing of `default`.
 */
int access_default(struct access *access, const char *name, struct access_principal **ret,
		   struct diag *diag) MUST_CHECK;

/* The same without a name (it is ""), borrowed; NULL: the file has no `default`. */
const struct access_principal *access_unlisted(const struct access *access);

/*
 * Who comes without a name, borrowed; NULL: there is no access object, or the file has no
 * `anonymous`, and nobody may. It is one principal for all of them, called ACCESS_ANONYMOUS, and
 * neither access_find() nor access_principal() knows it. While there is one, no other principal can
 * have its name: a user of that name is a load error, and a certificate, token or password for it
 * is refused. What one of its clients owns, all of them own.
 *
 * Its client ids are those of its roles, else the file's; without either "anonymous", that with a
 * '/' and more behind it, and what the broker makes.
 */
const struct access_principal *access_anonymous(const struct access *access);

/*
 * Operators' commands ($CONTROL) are for nobody without a name, whatever its roles say: may
 * @principal neither publish to @topic nor subscribe to it for that reason? Scopes do not say it,
 * so who asks gate_decide() asks this before.
 */
static inline bool access_is_barred(const struct access_principal *principal, const char *topic)
{
	return principal && principal->is_anonymous &&
	       strncmp(topic, "$CONTROL", sizeof("$CONTROL") - 1) == 0;
}

/* May @principal give the plugin commands at all: those that are for whoever is signed in? */
bool access_may_ask(const struct access_principal *principal);

/*
 * The scope of @command (base/commands.h) that @principal lacks, who may ask; NULL: it may give it,
 * as each command without a scope of its own.
 */
const char *access_lacks(const struct access_principal *principal, const char *command);

/*
 * Who could use client id @id by its pattern, beside the anonymous? True where it is a user, whose
 * name the id begins with, where it is a name that @exists knows and `default` lets in, or where a
 * role that the anonymous do not have names the id ("console", "ops-*"). For these the id is not
 * for who proved nothing. @exists may be NULL. Costs some 128 lookups and a walk over the roles.
 */
bool access_client_is_others(const struct access *access, const char *id,
			     bool (*exists)(const void *ctx, const char *name), const void *ctx);

/*
 * Writes on which topics the @i-th of the principal's rules holds, "lightId is lamp-7 or lamp-8,
 * kind is g*", to @ret of @cap bytes (what does not fit is cut), and returns it.
 */
const char *access_where(const struct access_principal *principal, size_t i, char *ret, size_t cap);

/* ---- principals that a certificate or a token speaks for -------------------------------- */

bool access_has_certificates(const struct access *access);
bool access_has_issuers(const struct access *access);

/*
 * The principal that a client certificate stands for, by the first rule of `certificates`
 * that matches. A user of that name is the same principal: it keeps the roles and attributes
 * of its entry, gains the rule's, and stays disabled where it is. On success *ret is a new
 * principal; release it with access_principal_drop(). ERR_INVALID with the reason in @diag
 * (for the log; tell the peer nothing) where no rule matches or the name is none.
 */
int access_certificate(struct access *access, const struct certid *id,
		       struct access_principal **ret, struct diag *diag) MUST_CHECK;

/*
 * Likewise for a certificate that is not at hand and makes a principal called @name. ERR_INVALID:
 * no rule makes one; ERR_LIMIT: one does, but the name does not say what access_certificate()
 * would make of it, as where two rules fit. For petstorectl.
 */
int access_certificate_named(struct access *access, const char *name, struct access_principal **ret,
			     struct diag *diag) MUST_CHECK;

struct access_token_facts {
	int64_t expires_ms; /* UTC; the session is to end by then, clock skew included */
	const char *issuer; /* lives as long as the principal */
};

/*
 * The principal that a JWT speaks for at @now_ms (UTC). Its scopes are the token's, cut to
 * what the issuer's entry allows, with the issuer's roles on top; what `deny` says in a role
 * of the issuer, or of a user of the same name, is taken away. Of such a user's entry the
 * attributes, the client id binding, `disabled` and a demanded certificate count, its roles'
 * scopes do not. Result as access_certificate(); costs one signature check.
 */
int access_token(struct access *access, const char *token, size_t len, int64_t now_ms,
		 struct access_principal **ret, struct access_token_facts *facts,
		 struct diag *diag) MUST_CHECK;

/* One more holder of what access_certificate() or access_token() made. Returns @principal. */
struct access_principal *access_principal_share(struct access_principal *principal);

/*
 * Releases what access_certificate() or access_token() made, for its last holder. NULL is fine.
 * Such a principal keeps its access object alive; its scope numbers are those of the contract that
 * the access object was loaded against, so after a reload the session has to be asked for again.
 */
void access_principal_drop(struct access_principal *principal);

#endif
