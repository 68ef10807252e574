#include "broker/shares.h"

#include <search.h>
#include <stdlib.h>
#include <string.h>

struct shares {
	size_t count;
	size_t due; /* clients that are due */
	TAILQ_HEAD(, shares_client) all;
	void *ids; /* the same as a tree, which is balanced whatever clients choose */
};

int shares_new(struct shares **ret, struct diag *diag)
{
	struct shares *shares = calloc(1, sizeof(*shares));

	if (!shares)
		return diag_nomem(diag);
	TAILQ_INIT(&shares->all);
	*ret = shares;
	return 0;
}

static int compare_ids(const void *a, const void *b)
{
	return strcmp(((const struct shares_client *)a)->id, ((const struct shares_client *)b)->id);
}

static void drop_share(struct shares_client *client, struct share *share)
{
	LIST_REMOVE(share, others);
	free(share);
	client->count--;
}

static void free_client(struct shares_client *client)
{
	while (!LIST_EMPTY(&client->shares))
		drop_share(client, LIST_FIRST(&client->shares));
	free(client->id);
	free(client->principal);
	free(client);
}

void shares_free(struct shares *shares)
{
	if (!shares)
		return;
	while (!TAILQ_EMPTY(&shares->all))
		shares_drop(shares, TAILQ_FIRST(&shares->all));
	free(shares);
}

size_t shares_count(const struct shares *shares)
{
	return shares->count;
}

struct shares_client *shares_find(const struct shares *shares, const char *id)
{
	const struct shares_client wanted = { .id = (char *)id };
	struct shares_client *const *found = tfind(&wanted, &shares->ids, compare_ids);

	return found ? *found : NULL;
}

void shares_due(struct shares *shares, struct shares_client *client)
{
	shares->due += !client->is_due;
	client->is_due = true;
}

void shares_expire(struct shares *shares)
{
	struct shares_client *client;

	TAILQ_FOREACH(client, &shares->all, all)
		shares_due(shares, client);
}

struct shares_client *shares_next(struct shares *shares)
{
	while (shares->due > 0) {
		struct shares_client *client = TAILQ_FIRST(&shares->all);
		bool is_due = client->is_due;

		/* The next call goes on behind it. */
		TAILQ_REMOVE(&shares->all, client, all);
		TAILQ_INSERT_TAIL(&shares->all, client, all);
		client->is_due = false;
		shares->due -= is_due;
		if (is_due)
			return client;
	}
	return NULL;
}

void shares_drop(struct shares *shares, struct shares_client *client)
{
	(void)tdelete(client, &shares->ids, compare_ids);
	TAILQ_REMOVE(&shares->all, client, all);
	shares->due -= client->is_due;
	shares->count--;
	free_client(client);
}

/* A client that is away, of @principal or (NULL) of anyone; NULL: none. */
static struct shares_client *find_away(const struct shares *shares, const char *principal)
{
	struct shares_client *client;

	TAILQ_FOREACH(client, &shares->all, all)
		if (!client->handle && (!principal || strcmp(client->principal, principal) == 0))
			break;
	return client;
}

static size_t count_of(const struct shares *shares, const char *principal)
{
	const struct shares_client *client;
	size_t count = 0;

	TAILQ_FOREACH(client, &shares->all, all)
		count += strcmp(client->principal, principal) == 0;
	return count;
}

/* A walk over all, for a client's first shared subscription. */
static bool make_room(struct shares *shares, const char *principal)
{
	bool is_mine = count_of(shares, principal) >= SHARES_PRINCIPAL_MAX;
	struct shares_client *away;

	if (!is_mine && shares->count < SHARES_MAX)
		return true;
	away = find_away(shares, principal);
	if (!away && !is_mine)
		away = find_away(shares, NULL);
	if (away)
		shares_drop(shares, away);
	return away != NULL;
}

static struct shares_client *add_client(struct shares *shares, const char *id,
					const char *principal)
{
	struct shares_client *client;

	if (!make_room(shares, principal) || !(client = calloc(1, sizeof(*client))))
		return NULL;
	client->id = strdup(id);
	client->principal = strdup(principal);
	if (!client->id || !client->principal || !tsearch(client, &shares->ids, compare_ids)) {
		free_client(client);
		return NULL;
	}
	TAILQ_INSERT_TAIL(&shares->all, client, all);
	shares->count++;
	return client;
}

static struct share *find_share(const struct shares_client *client, const char *filter, size_t len)
{
	struct share *share;

	LIST_FOREACH(share, &client->shares, others)
		if (share->len == len && memcmp(share->filter, filter, len) == 0)
			break;
	return share;
}

bool shares_add(struct shares *shares, const char *id, const char *principal, const void *handle,
		const char *filter, size_t len)
{
	struct shares_client *client = shares_find(shares, id);
	struct share *share;

	if (client && find_share(client, filter, len))
		return true;
	if (len > SHARES_FILTER_MAX || (client && client->count == SHARES_CLIENT_MAX))
		return false;
	share = malloc(sizeof(*share) + len + 1);
	if (!share)
		return false;
	if (!client)
		client = add_client(shares, id, principal);
	if (!client) {
		free(share);
		return false;
	}
	memcpy(share->filter, filter, len);
	share->filter[len] = '\0';
	share->len = len;
	LIST_INSERT_HEAD(&client->shares, share, others);
	client->count++;
	client->handle = handle;
	return true;
}

void shares_remove(struct shares *shares, const char *id, const char *filter, size_t len)
{
	struct shares_client *client = shares_find(shares, id);
	struct share *share = client ? find_share(client, filter, len) : NULL;

	if (!share)
		return;
	drop_share(client, share);
	if (client->count == 0)
		shares_drop(shares, client);
}

void shares_connect(struct shares *shares, const char *id, const char *principal,
		    const void *handle, bool is_clean)
{
	struct shares_client *client = shares_find(shares, id);
	char *copy;

	if (!client)
		return;
	if (is_clean) {
		shares_drop(shares, client);
		return;
	}
	client->handle = handle;
	client->is_told = false;
	shares_due(shares, client);
	if (strcmp(client->principal, principal) == 0)
		return;
	copy = strdup(principal);
	if (!copy)
		return; /* who it is is asked of its session anyway */
	free(client->principal);
	client->principal = copy;
}

void shares_leave(struct shares *shares, const char *id, const void *handle)
{
	struct shares_client *client = shares_find(shares, id);

	/* At a takeover another handle has the id already. */
	if (client && client->handle == handle)
		client->handle = NULL;
}
