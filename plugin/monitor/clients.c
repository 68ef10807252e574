#include "monitor/clients.h"

#include <stdlib.h>
#include <string.h>

struct clients {
	struct table *table;
	struct keyhash hash;
};

int clients_new(size_t records, struct clients **ret, struct diag *diag)
{
	struct clients *clients = calloc(1, sizeof(*clients));
	int rc;

	if (!clients)
		return diag_nomem(diag);
	rc = keyhash_init(&clients->hash, diag);
	if (rc == 0)
		rc = table_new(records, sizeof(struct client), &clients->table, diag);
	if (rc) {
		clients_free(clients);
		return rc;
	}
	*ret = clients;
	return 0;
}

static void free_filters(void *record, void *ctx)
{
	(void)ctx;
	client_forget_filters(record);
}

void clients_free(struct clients *clients)
{
	size_t at = 0;

	if (!clients)
		return;
	if (clients->table)
		table_walk(clients->table, &at, table_places(clients->table), free_filters, NULL);
	table_free(clients->table);
	free(clients);
}

struct table *clients_table(struct clients *clients)
{
	return clients->table;
}

uint64_t clients_key(const struct clients *clients, const char *id, const char *principal)
{
	uint64_t key = keyhash_pair(&clients->hash, id, strlen(id), principal, strlen(principal));

	return key == 1 ? 2 : key; /* 1 is the strangers' */
}

/* As much as fits, not cut inside a character. */
static void copy_name(char to[CLIENTS_NAME_MAX], const char *from)
{
	size_t len = strnlen(from, CLIENTS_NAME_MAX);

	if (len == CLIENTS_NAME_MAX) {
		len--;
		while (len > 0 && ((unsigned char)from[len] & 0xc0) == 0x80)
			len--;
	}
	memcpy(to, from, len);
	to[len] = '\0';
}

struct client *clients_take(struct clients *clients, const char *id, const char *principal,
			    int64_t now_ns)
{
	bool is_new;
	struct client *client = table_take(clients->table, clients_key(clients, id, principal),
					   now_ns, free_filters, NULL, &is_new);

	if (is_new && !client->head.is_strangers) {
		copy_name(client->id, id);
		copy_name(client->principal, principal);
	}
	return client;
}

struct client *clients_find(const struct clients *clients, const char *id, const char *principal)
{
	return table_find(clients->table, clients_key(clients, id, principal));
}

static int64_t debt(const struct client_channel *channel, int64_t now_ns)
{
	int64_t full_ns = channel->messages.full_ns > channel->bytes.full_ns
				  ? channel->messages.full_ns
				  : channel->bytes.full_ns;

	return full_ns > now_ns ? full_ns - now_ns : 0;
}

struct client_channel *client_take_channel(struct client *client, uint64_t id, int64_t now_ns)
{
	struct client_channel *least = NULL;

	for (size_t i = 0; i < CLIENTS_CHANNELS; i++) {
		struct client_channel *channel = &client->channel[i];

		if (!least || channel->id == 0 ||
		    (least->id != 0 && debt(channel, now_ns) < debt(least, now_ns)))
			least = channel;
	}
	*least = (struct client_channel){ .id = id,
					  .messages = least->messages,
					  .bytes = least->bytes };
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

bool client_subscribe(struct client *client, uint64_t filter, uint32_t limit)
{
	uint32_t room = client->filter_room ? 2 * client->filter_room : 8;
	uint64_t *wider;

	if (filter_at(client, filter) < client->filter_count)
		return true;
	if (client->filter_count >= limit || client->filter_count >= CLIENTS_FILTERS_MAX)
		return false;
	if (client->filter_count == client->filter_room) {
		wider = realloc(client->filter, room * sizeof(*wider));
		if (!wider)
			return true;
		client->filter = wider;
		client->filter_room = room;
	}
	client->filter[client->filter_count++] = filter;
	return true;
}

void client_unsubscribe(struct client *client, uint64_t filter)
{
	uint32_t at = filter_at(client, filter);

	if (at < client->filter_count)
		client->filter[at] = client->filter[--client->filter_count];
}

void client_forget_filters(struct client *client)
{
	free(client->filter);
	client->filter = NULL;
	client->filter_count = client->filter_room = 0;
}
