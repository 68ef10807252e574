#include "learn/accounts.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/scopeset.h"
#include "learn/learned.h"
#include "learn/naming.h"

#define SCHEMES_MAX (SCOPES_MAX / 2) /* the other half is the operator's */

/* ---- schemes ----------------------------------------------------------------------------- */

/* A number that channels have in common if the same users publish on them. */
static uint64_t sign_of(const struct observed *observed)
{
	uint64_t sign = observed->publisher.count;

	for (size_t i = 0; i < observed->publisher.count; i++)
		sign += observed->publisher.entry[i]->hash | 1;
	return sign;
}

static bool is_scheme(const struct learned *learned, const char *name)
{
	for (size_t i = 0; i < learned->channels; i++)
		if (learned->scheme[i] && strcmp(learned->scheme[i], name) == 0)
			return true;
	return false;
}

/* "publishOrdersService", and with "AndMore" where others publish there, too. */
static const char *make_scheme(struct learned *learned, const struct observed *observed)
{
	char word[NAMING_MAX], name[NAMING_MAX + 32];
	size_t len;

	naming_word(observed->publisher.entry[0]->text, word);
	if (word[0] >= 'a' && word[0] <= 'z')
		word[0] = (char)(word[0] - 'a' + 'A');
	(void)snprintf(name, sizeof(name), "publish%s%s", word,
		       observed->publisher.count > 1 ? "AndMore" : "");
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
		while (same < i && (!learned->scheme[same] ||
				    sign_of(learned->channel[same]) != sign_of(observed)))
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
	uint64_t sign; /* which users of the same scopes have in common */
	struct draft *scopes;
	size_t same; /* users of these scopes; of the first of them only */
};

/* Is @i the first channel with its scheme? */
static bool is_first(const struct learned *learned, size_t i)
{
	for (size_t k = 0; k < i; k++)
		if (learned->scheme[k] && strcmp(learned->scheme[k], learned->scheme[i]) == 0)
			return false;
	return true;
}

static int gather(struct learned *learned, struct texttable *users)
{
	struct maker *maker = &learned->maker;

	for (size_t i = 0; i < learned->channels; i++) {
		const struct texttable *publisher = &learned->channel[i]->publisher;

		if (!learned->scheme[i] || !is_first(learned, i))
			continue;
		for (size_t k = 0; k < publisher->count; k++) {
			struct texttable_entry *entry =
				texttable_add(users, &learned->arena, &learned->scribe.hash,
					      publisher->entry[k]->text, publisher->entry[k]->len);
			struct account *account = entry ? entry->value : NULL;

			if (entry && !account)
				account = arena_alloc(&learned->arena, sizeof(*account));
			if (!account)
				return ERR_NOMEM;
			entry->value = account;
			if (!account->scopes)
				account->scopes = draft_array(&maker->drafts);
			account->sign = account->sign * 31 + i + 1;
			draft_add(&maker->drafts, account->scopes,
				  draft_string(&maker->drafts, learned->scheme[i]));
		}
	}
	return 0;
}

/* The first user with the scopes of user @n. */
static size_t first_like(const struct texttable *users, size_t n)
{
	const struct account *account = users->entry[n]->value;

	for (size_t i = 0; i < n; i++)
		if (((const struct account *)users->entry[i]->value)->sign == account->sign)
			return i;
	return n;
}

static struct draft *make_access(struct maker *maker, const struct texttable *users)
{
	struct draft *root = draft_object(&maker->drafts), *list;
	struct draft *roles = maker_object(maker, root, "roles");
	struct draft *names = maker_object(maker, root, "users");
	char role[NAMING_MAX];

	for (size_t i = 0; i < users->count; i++) {
		struct account *account = users->entry[first_like(users, i)]->value;
		struct draft *object;

		naming_word(users->entry[first_like(users, i)]->text, role);
		if (account->same++ == 0) {
			while (draft_get(&maker->drafts, roles, role) &&
			       strlen(role) + 2 < sizeof(role))
				(void)snprintf(role + strlen(role), 2, "X");
			object = maker_object(maker, roles, role);
			maker_text(maker, object, "description",
				   "Publishes what was recorded of %s.", users->entry[i]->text);
			maker_put(maker, object, "scopes", account->scopes);
		}
		object = maker_object(maker, names, users->entry[i]->text);
		list = draft_array(&maker->drafts);
		draft_add(&maker->drafts, list, draft_string(&maker->drafts, role));
		maker_put(maker, object, "roles", list);
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
	return users.count > 0 ? make_access(&learned->maker, &users) : NULL;
}
