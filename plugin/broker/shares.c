#include "broker/shares.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/wordhash.h"

#define BUCKETS 4096u /* a power of two */

struct shares {
	size_t count;
	size_t due; /* clients that are due */
	size_t at;  /* bucket in which shares_next() goes on */
	struct shares_client *bucket[BUCKETS];
};

int shares_new(struct shares **ret, struct diag *diag)
{
	struct shares *shares = calloc(1, sizeof(*shares));

	if (!shares)
		return diag_nomem(diag);
	*ret = shares;
	return 0;
}

static void free_client(struct shares_client *client)
{
	while (client->share) {
		struct share *share = client->share;

		client->share = share->next;
		free(share);
	}
	free(client->id);
	free(client->principal);
	free(client);
}

void shares_free(struct shares *shares)
{
	if (!shares)
		return;
	for (size_t i = 0; i < BUCKETS; i++)
		while (shares->bucket[i]) {
			struct shares_client *client = shares->bucket[i];

			shares->bucket[i] = client->next;
			free_client(client);
		}
	free(shares);
}

size_t shares_count(const struct shares *shares)
{
	return shares->count;
}

static size_t bucket_of(const char *id)
{
	return (size_t)wordhash(0, id, strlen(id)) & (BUCKETS - 1);
}

struct shares_client *shares_find(const struct shares *shares, const char *id)
{
	struct shares_client *client = shares->bucket[bucket_of(id)];

	while (client && strcmp(client->id, id) != 0)
		client = client->next;
	return client;
}

void shares_due(struct shares *shares, struct shares_client *client)
{
	shares->due += !client->is_due;
	client->is_due = true;
}

void shares_expire(struct shares *shares)
{
	for (size_t i = 0; i < BUCKETS; i++)
		for (struct shares_client *client = shares->bucket[i]; client;
		     client = client->next)
			shares_due(shares, client);
}

struct shares_client *shares_next(struct shares *shares)
{
	while (shares->due > 0) {
		struct shares_client *client = shares->bucket[shares->at];

		while (client && !client->is_due)
			client = client->next;
		if (client) {
			client->is_due = false;
			shares->due--;
			return client;
		}
		shares->at = (shares->at + 1) & (BUCKETS - 1);
	}
	return NULL;
}

void shares_drop(struct shares *shares, struct shares_client *client)
{
	struct shares_client **link = &shares->bucket[bucket_of(client->id)];

	while (*link != client)
		link = &(*link)->next;
	*link = client->next;
	shares->due -= client->is_due;
	shares->count--;
	free_client(client);
}

/* A client that is away, of @principal or (NULL) of anyone; NULL: none. */
static struct shares_client *find_away(const struct shares *shares, const char *principal)
{
	for (size_t i = 0; i < BUCKETS; i++)
		for (struct shares_client *client = shares->bucket[i]; client;
		     client = client->next)
			if (!client->handle &&
			    (!principal || strcmp(client->principal, principal) == 0))
				return client;
	return NULL;
}

static size_t count_of(const struct shares *shares, const char *principal)
{
	size_t count = 0;

	for (size_t i = 0; i < BUCKETS; i++)
		for (struct shares_client *client = shares->bucket[i]; client;
		     client = client->next)
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
	struct shares_client **bucket = &shares->bucket[bucket_of(id)];
	struct shares_client *client;

	if (!make_room(shares, principal) || !(client = calloc(1, sizeof(*client))))
		return NULL;
	client->id = strdup(id);
	client->principal = strdup(principal);
	if (!client->id || !client->principal) {
		free_client(client);
		return NULL;
	}
	client->next = *bucket;
	*bucket = client;
	shares->count++;
	return client;
}

static struct share **find_share(struct shares_client *client, const char *filter, size_t len)
{
	struct share **link = &client->share;

	while (*link && ((*link)->len != len || memcmp((*link)->filter, filter, len) != 0))
		link = &(*link)->next;
	return link;
}

bool shares_add(struct shares *shares, const char *id, const char *principal, const void *handle,
		const char *filter, size_t len)
{
	struct shares_client *client = shares_find(shares, id);
	struct share *share;

	if (client && *find_share(client, filter, len))
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
	share->next = client->share;
	client->share = share;
	client->count++;
	client->handle = handle;
	return true;
}

void shares_remove(struct shares *shares, const char *id, const char *filter, size_t len)
{
	struct shares_client *client = shares->count ? shares_find(shares, id) : NULL;
	struct share **link = client ? find_share(client, filter, len) : NULL;
	struct share *share = link ? *link : NULL;

	if (!share)
		return;
	*link = share->next;
	free(share);
	if (--client->count == 0)
		shares_drop(shares, client);
}

void shares_connect(struct shares *shares, const char *id, const char *principal,
		    const void *handle, bool is_clean)
{
	struct shares_client *client = shares->count ? shares_find(shares, id) : NULL;
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
	struct shares_client *client = shares->count ? shares_find(shares, id) : NULL;

	/* At a takeover another handle has the id already. */
	if (client && client->handle == handle)
		client->handle = NULL;
}
