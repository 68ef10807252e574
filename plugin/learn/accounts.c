#include "learn/accounts.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/scopeset.h"
#include "learn/learned.h"
#include "learn/naming.h"

#define SCHEMES_MAX (SCOPES_MAX / 2) /* the other half is the operator's */

/* ---- schemes ----------------------------------------------------------------------------- */

/* The parameter that is always the publisher's name; NULL: none is, or there is one publisher. */
static const struct observed_param *own_param(const struct observed *observed)
{
	for (size_t i = 0; i < observed->param_count && observed->publisher.count > 1; i++)
		if (observed->param[i].own == observed->count)
			return &observed->param[i];
	return NULL;
}

/* A number that channels have in common if the same users publish on them. */
static uint64_t sign_of(const struct learned *learned, const struct observed *observed)
{
	const struct observed_param *own = own_param(observed);
	uint64_t sign = observed->publisher.count;

	for (size_t i = 0; i < observed->publisher.count; i++)
		sign += observed->publisher.entry[i]->hash | 1;
	if (own)
		sign += keyhash_bytes(&learned->scribe.hash, own->name, strlen(own->name));
	return sign;
}

static bool is_scheme(const struct learned *learned, const char *name)
{
	for (size_t i = 0; i < learned->channels; i++)
		if (learned->scheme[i] && strcmp(learned->scheme[i], name) == 0)
			return true;
	return false;
}

/* "publishOrdersService", with "AndMore" where others publish there, too; or "publishOwnPetId". */
static const char *make_scheme(struct learned *learned, const struct observed *observed)
{
	const struct observed_param *own = own_param(observed);
	char word[NAMING_MAX], name[NAMING_MAX + 32];
	size_t len;

	naming_word(own ? own->name : observed->publisher.entry[0]->text, word);
	if (word[0] >= 'a' && word[0] <= 'z')
		word[0] = (char)(word[0] - 'a' + 'A');
	(void)snprintf(name, sizeof(name), "publish%s%s%s", own ? "Own" : "", word,
		       observed->publisher.count > 1 && !own ? "AndMore" : "");
	len = strlen(name);
	for (unsigned i = 2; is_scheme(learned, name); i++)
		(void)snprintf(name + len, sizeof(name) - len, "%u", i);
	return maker_format(&learned->maker, "%s", name);
}

int accounts_schemes(struct learned *learned)
{
	size_t count = 0;

	if (learned->summary.has_nameless)
		return 0;
	for (size_t i = 0; i < learned->channels; i++) {
		const struct observed *observed = learned->channel[i];
		size_t same = 0;

		if (observed->has_more_publishers || observed->publisher.count == 0 ||
		    observed->given)
			continue;
		while (same < i &&
		       (!learned->scheme[same] ||
			sign_of(learned, learned->channel[same]) != sign_of(learned, observed)))
			same++;
		if (same < i)
			learned->scheme[i] = learned->scheme[same];
		else if (count++ < SCHEMES_MAX)
			learned->scheme[i] = make_scheme(learned, observed);
	}
	learned->summary.schemes = count < SCHEMES_MAX ? count : SCHEMES_MAX;
	return learned->maker.drafts.rc;
}

void accounts_put_scheme(struct maker *maker, struct draft *components, const char *scheme)
{
	struct draft *schemes = maker_member(maker, components, "securitySchemes"), *object, *flow;
	struct draft *scopes = draft_array(&maker->drafts);

	if (draft_get(&maker->drafts, schemes, scheme))
		return;
	object = maker_object(maker, schemes, scheme);
	maker_text(maker, object, "type", "oauth2");
	flow = maker_object(maker, maker_object(maker, object, "flows"), "clientCredentials");
	maker_text(maker, flow, "tokenUrl", "https://example.com/token");
	maker_note(maker, flow, "tokenUrl", "AsyncAPI asks for one; access.json grants the scope");
	maker_text(maker, maker_object(maker, flow, "availableScopes"),
		   maker_format(maker, "%s", scheme), "Publish as was recorded");
	draft_add(&maker->drafts, scopes, draft_string(&maker->drafts, scheme));
	maker_put(maker, object, "scopes", scopes);
}

/* ---- access.json --------------------------------------------------------------------------- */

/* A user, while its scopes are gathered. */
struct account {
	uint64_t sign; /* which users of the same scopes have in common; 0: it has none */
	struct draft *scopes;
	struct draft *own; /* roles in which it publishes under its own name only */
};

/* Is @i the first channel with its scheme? */
static bool is_first(const struct learned *learned, size_t i)
{
	for (size_t k = 0; k < i; k++)
		if (learned->scheme[k] && strcmp(learned->scheme[k], learned->scheme[i]) == 0)
			return false;
	return true;
}

static struct account *account_of(struct learned *learned, struct texttable *users,
				  const struct texttable_entry *publisher)
{
	struct texttable_entry *entry = texttable_add(users, &learned->arena, &learned->scribe.hash,
						      publisher->text, publisher->len);
	struct account *account = entry ? entry->value : NULL;

	if (!entry || account)
		return account;
	account = arena_alloc(&learned->arena, sizeof(*account));
	if (!account)
		return NULL;
	account->scopes = draft_array(&learned->maker.drafts);
	account->own = draft_array(&learned->maker.drafts);
	entry->value = account;
	return account;
}

/* Of scopes up to that of channel @i, under the random key: other scopes have another one. */
static uint64_t next_sign(const struct learned *learned, uint64_t sign, size_t i)
{
	const uint64_t both[2] = { sign, i };

	return keyhash_bytes(&learned->scribe.hash, both, sizeof(both));
}

/* Gives the scope of channel @i to those who publish there. */
static int gather_channel(struct learned *learned, struct texttable *users, size_t i)
{
	const struct texttable *publisher = &learned->channel[i]->publisher;
	struct drafts *drafts = &learned->maker.drafts;
	bool is_own = own_param(learned->channel[i]) != NULL;

	for (size_t k = 0; k < publisher->count; k++) {
		struct account *account = account_of(learned, users, publisher->entry[k]);

		if (!account)
			return ERR_NOMEM;
		draft_add(drafts, is_own ? account->own : account->scopes,
			  draft_string(drafts, learned->scheme[i]));
		if (!is_own)
			account->sign = next_sign(learned, account->sign, i);
	}
	return 0;
}

static int gather(struct learned *learned, struct texttable *users)
{
	int rc = 0;

	for (size_t i = 0; rc == 0 && i < learned->channels; i++)
		if (learned->scheme[i] && is_first(learned, i))
			rc = gather_channel(learned, users, i);
	return rc;
}

/* The role with the scopes of @account, which the first such user makes. NULL: memory ran out. */
static const char *role_of(struct learned *learned, struct draft *roles, struct texttable *made,
			   const char *user, const struct account *account)
{
	struct maker *maker = &learned->maker;
	struct texttable_entry *entry =
		texttable_add(made, &learned->arena, &learned->scribe.hash,
			      (const char *)&account->sign, sizeof(account->sign));
	struct draft *object;
	char role[NAMING_MAX];
	size_t len;

	if (!entry || entry->value)
		return entry ? entry->value : NULL;
	naming_word(user, role);
	len = strlen(role);
	for (unsigned i = 2; draft_get(&maker->drafts, roles, role); i++)
		(void)snprintf(role + len, sizeof(role) - len, "%u", i);
	object = maker_object(maker, roles, role);
	maker_text(maker, object, "description", "Publishes what was recorded of %s.", user);
	maker_put(maker, object, "scopes", account->scopes);
	entry->value = (void *)(uintptr_t)maker_format(maker, "%s", role);
	return entry->value;
}

/* A role for each scope that is for one's own name only. */
static void put_own_roles(struct learned *learned, struct draft *roles)
{
	struct maker *maker = &learned->maker;

	for (size_t i = 0; i < learned->channels; i++) {
		const struct observed_param *own = own_param(learned->channel[i]);
		struct draft *role, *scopes;

		if (!own || !learned->scheme[i] || !is_first(learned, i))
			continue;
		role = maker_object(maker, roles, learned->scheme[i]);
		scopes = draft_array(&maker->drafts);
		draft_add(&maker->drafts, scopes, draft_string(&maker->drafts, learned->scheme[i]));
		maker_text(maker, role, "description", "Publishes where %s is its own name.",
			   own->name);
		maker_put(maker, role, "scopes", scopes);
		maker_text(maker, maker_object(maker, role, "where"), own->name, "{name}");
	}
}

static struct draft *make_access(struct learned *learned, const struct texttable *users)
{
	struct maker *maker = &learned->maker;
	struct draft *root = draft_object(&maker->drafts), *list;
	struct draft *roles = maker_object(maker, root, "roles");
	struct draft *names = maker_object(maker, root, "users");
	struct texttable made = { .count = 0 }; /* scopes -> role */

	put_own_roles(learned, roles);
	for (size_t i = 0; i < users->count; i++) {
		const struct texttable_entry *user = users->entry[i];
		const struct account *account = user->value;
		const char *role = account->sign > 0
					   ? role_of(learned, roles, &made, user->text, account)
					   : NULL;

		list = account->own;
		if (role)
			draft_add(&maker->drafts, list, draft_string(&maker->drafts, role));
		else if (account->sign > 0)
			maker->drafts.rc = ERR_NOMEM;
		maker_put(maker, maker_object(maker, names, user->text), "roles", list);
	}
	return root;
}

struct draft *accounts_access(struct learned *learned)
{
	struct texttable users = { .count = 0 };

	if (gather(learned, &users)) {
		learned->maker.drafts.rc = ERR_NOMEM;
		return NULL;
	}
	return users.count > 0 ? make_access(learned, &users) : NULL;
}
