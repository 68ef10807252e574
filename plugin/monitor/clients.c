#include "monitor/clients.h"

#include <stdlib.h>
#include <string.h>

#include "base/utf8.h"

struct clients {
	struct fixedtable *table;
	struct fixedtable *principals;
	struct fixedtable *holders;
	struct keyhash hash;
};

/* A client's record is given up. */
static void give_up(void *record)
{
	struct client *client = record;

	client_set_live(client, false);
	client_forget_filters(client);
}

int clients_new(size_t records, struct clients **ret, struct diag *diag)
{
	const struct fixedtable_options principals = { .records = records,
						       .size = sizeof(struct principal) };
	const struct fixedtable_options holders = { .records = records,
						    .size = sizeof(struct holder) };
	const struct fixedtable_options table = { .records = records,
						  .size = sizeof(struct client),
						  .gone = give_up };
	struct clients *clients = calloc(1, sizeof(*clients));
	int rc;

	if (!clients)
		return diag_nomem(diag);
	rc = keyhash_init(&clients->hash, diag);
	if (rc)
		goto out;
	rc = fixedtable_new(&principals, &clients->principals, diag);
	if (rc)
		goto out;
	rc = fixedtable_new(&holders, &clients->holders, diag);
	if (rc)
		goto out;
	rc = fixedtable_new(&table, &clients->table, diag);
	if (rc)
		goto out;
	*ret = clients;
	clients = NULL; /* handed over */
out:
	clients_free(clients);
	return rc;
}

void clients_free(struct clients *clients)
{
	size_t at = 0, left = clients && clients->table ? fixedtable_places(clients->table) : 0;
	struct client *client;

	if (!clients)
		return;
	while (left > 0 && (client = fixedtable_next(clients->table, &at, &left)))
		client_forget_filters(client);
	fixedtable_free(clients->table);
	fixedtable_free(clients->principals);
	fixedtable_free(clients->holders);
	free(clients);
}

struct fixedtable *clients_table(struct clients *clients)
{
	return clients->table;
}

size_t clients_memory(const struct clients *clients)
{
	return fixedtable_memory(clients->table) + fixedtable_memory(clients->principals) +
	       fixedtable_memory(clients->holders);
}

static uint64_t key_of(const struct clients *clients, const char *a, const char *b)
{
	return keyhash_pair(&clients->hash, a, strlen(a), b, strlen(b));
}

uint64_t clients_key(const struct clients *clients, const char *id, const char *principal)
{
	return key_of(clients, id, principal);
}

/* No client has an empty id: the broker gives it one. */
uint64_t clients_principal_key(const struct clients *clients, const char *principal)
{
	return key_of(clients, "", principal);
}

/* ---- principals -------------------------------------------------------------------------- */

static struct principal *take_principal(struct clients *clients, uint64_t key, int64_t now_ns)
{
	return fixedtable_take(clients->principals, key, 0, now_ns, NULL);
}

/* What it owed is gone with its record: that is of those who would be missed least. */
struct principal *client_find_principal(struct clients *clients, struct client *client,
					int64_t now_ns)
{
	client->of = take_principal(clients, client->head.owner, now_ns);
	client->of_id = client->of->head.id;
	return client->of;
}

static bool has_principal(const struct client *client)
{
	return client->of && client->of->head.id == client->of_id;
}

void client_set_live(struct client *client, bool is_live)
{
	struct principal *principal = client->of;

	if (client->head.is_live == is_live)
		return;
	client->head.is_live = is_live;
	if (!has_principal(client))
		return;
	if (is_live) {
		principal->live++;
		principal->filters += client->filter_count;
	} else {
		/* Its record may have been made anew meanwhile, and begun to count at nothing. */
		principal->live -= principal->live > 0;
		principal->filters -= principal->filters < client->filter_count
					      ? principal->filters
					      : client->filter_count;
	}
	principal->head.is_live = principal->live > 0;
}

/* ---- clients ----------------------------------------------------------------------------- */

struct client *clients_take(struct clients *clients, const char *id, const char *principal,
			    int64_t now_ns)
{
	uint64_t owner = clients_principal_key(clients, principal);
	bool is_new;
	struct client *client = fixedtable_take(clients->table, clients_key(clients, id, principal),
						owner, now_ns, &is_new);

	if (is_new && !client->head.is_shared) {
		utf8_copy(client->id, sizeof(client->id), id);
		utf8_copy(client->principal, sizeof(client->principal), principal);
	}
	client->head.owner = owner; /* a shared record is of the client that was asked for last */
	if (is_new || client->head.is_shared || !has_principal(client))
		(void)client_find_principal(clients, client, now_ns);
	return client;
}

struct client *clients_find(const struct clients *clients, const char *id, const char *principal)
{
	return fixedtable_find(clients->table, clients_key(clients, id, principal));
}

/* ---- who has a client id ------------------------------------------------------------------ */

struct holder *clients_hold(struct clients *clients, const char *id, const char *principal,
			    int64_t now_ns)
{
	return fixedtable_take(clients->holders, key_of(clients, id, ""),
			       clients_principal_key(clients, principal), now_ns, NULL);
}

struct holder *clients_holder(const struct clients *clients, const char *id)
{
	return fixedtable_find(clients->holders, key_of(clients, id, ""));
}

void clients_hand_over(const struct clients *clients, struct holder *holder, const void *handle,
		       const char *principal)
{
	holder->handle = handle;
	holder->head.is_live = handle != NULL;
	holder->principal = clients_principal_key(clients, principal);
	utf8_copy(holder->name, sizeof(holder->name), principal);
}

/* ---- channels ---------------------------------------------------------------------------- */

static int64_t debt(const struct bucket_pair *owed, int64_t now_ns)
{
	int64_t full_ns = owed->messages.full_ns > owed->bytes.full_ns ? owed->messages.full_ns
								       : owed->bytes.full_ns;

	return full_ns > now_ns ? full_ns - now_ns : 0;
}

struct client_channel *client_take_channel(struct client_channel *channel, size_t count,
					   uint64_t id, int64_t now_ns)
{
	struct client_channel *least = NULL;

	for (size_t i = 0; i < count; i++) {
		struct client_channel *each = &channel[i];

		if (!least || each->id == 0 ||
		    (least->id != 0 && debt(&each->owed, now_ns) < debt(&least->owed, now_ns)))
			least = each;
	}
	*least = (struct client_channel){ .id = id, .owed = least->owed };
	return least;
}

/* ---- subscriptions ----------------------------------------------------------------------- */

static uint32_t filter_at(const struct client *client, uint64_t filter)
{
	uint32_t i = 0;

	while (i < client->filter_count && client->filter[i] != filter)
		i++;
	return i;
}

/* @by more or less of what its connected clients have. */
static void count_filters(struct client *client, int64_t by)
{
	struct principal *principal = client->of;
	int64_t filters;

	if (!client->head.is_live || !has_principal(client))
		return;
	filters = (int64_t)principal->filters + by;
	principal->filters = filters > 0 ? (uint32_t)filters : 0;
}

bool client_subscribe(struct client *client, uint64_t filter, uint32_t limit, uint64_t all)
{
	uint32_t room = client->filter_room ? 2 * client->filter_room : 8;
	uint64_t *wider;

	if (filter_at(client, filter) < client->filter_count)
		return true;
	if (client->filter_count >= limit || client->filter_count >= CLIENTS_FILTERS_MAX)
		return false;
	if (has_principal(client) && client->of->filters >= all)
		return false;
	if (client->filter_count == client->filter_room) {
		wider = realloc(client->filter, room * sizeof(*wider));
		if (!wider)
			return true;
		client->filter = wider;
		client->filter_room = room;
	}
	client->filter[client->filter_count++] = filter;
	count_filters(client, 1);
	return true;
}

void client_unsubscribe(struct client *client, uint64_t filter)
{
	uint32_t at = filter_at(client, filter);

	if (at == client->filter_count)
		return;
	client->filter[at] = client->filter[--client->filter_count];
	count_filters(client, -1);
}

void client_forget_filters(struct client *client)
{
	count_filters(client, -(int64_t)client->filter_count);
	free(client->filter);
	client->filter = NULL;
	client->filter_count = client->filter_room = 0;
}
