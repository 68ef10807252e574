/*
 * monitor_limits.c -- what is charged: messages and bytes, connects, subscriptions.
 */
#include <string.h>

#include "monitor/monitor_inside.h"

/* ---- messages and bytes ------------------------------------------------------------------ */

/* A pair of buckets and what a message leaves in them. */
struct due {
	struct bucket messages;
	struct bucket bytes;
};

__attribute__((noinline)) static bool refuse(struct diag *why, const struct bucket_rate *rate,
					     const char *what, const char *whose)
{
	(void)diag_set(why, ERR_LIMIT, "more than %u %s a second%s", rate->per_period, what, whose);
	return false;
}

static inline bool owe(const struct bucket *messages, const struct bucket *bytes,
		       const struct bucket_rate *message_rate, const struct bucket_rate *byte_rate,
		       const struct monitor_message *message, const char *whose, int64_t now_ns,
		       struct due *ret, struct diag *why)
{
	unsigned bursts = message->is_will ? 2 : 1;
	int64_t bytes_ns = byte_rate->per_period ? bucket_cost(byte_rate, message->bytes) : 0;
	bool has_messages = bucket_has(messages, message_rate, message_rate->one_ns, bursts, now_ns,
				       &ret->messages);
	bool has_bytes = bucket_has(bytes, byte_rate, bytes_ns, bursts, now_ns, &ret->bytes);

	if (has_messages && has_bytes)
		return true;
	return has_messages ? refuse(why, byte_rate, "bytes", whose)
			    : refuse(why, message_rate, "messages", whose);
}

/* Of a client that is being slowed down fewer messages pass; bytes as ever. */
static bool owe_own(const struct monitor *monitor, const struct client *client,
		    const struct monitor_message *message, int64_t now_ns, struct due *ret,
		    struct diag *why)
{
	static const struct monitor_rates none;
	const struct monitor_rates *own = message->own ? message->own : &none;

	if (client->slow_until_ns > now_ns)
		return owe(&client->messages, &client->bytes, &monitor->slow.messages, &own->bytes,
			   message, ", as the client is being slowed down", now_ns, ret, why);
	return owe(&client->messages, &client->bytes, &own->messages, &own->bytes, message,
		   " from one client", now_ns, ret, why);
}

/* All is paid or nothing, so that what is refused costs nothing. */
bool monitor_charge(struct monitor *monitor, struct client *client,
		    const struct monitor_message *message, int64_t now_ns, struct diag *why)
{
	const struct channel *on =
		message->channel < monitor->channels ? &monitor->channel[message->channel] : NULL;
	bool is_bounded = message->own || client->slow_until_ns > now_ns;
	struct client_channel *mine = NULL;
	struct due own, here = { 0 };

	if (on && on->is_limited) {
		mine = client_channel(client, on->id, now_ns);
		if (!owe(&mine->messages, &mine->bytes, &on->rates.messages, &on->rates.bytes,
			 message, " from one client on this channel", now_ns, &here, why))
			return false;
	}
	if (is_bounded) {
		if (!owe_own(monitor, client, message, now_ns, &own, why))
			return false;
		client->messages = own.messages;
		client->bytes = own.bytes;
	}
	if (mine) {
		mine->messages = here.messages;
		mine->bytes = here.bytes;
	}
	return true;
}

/* ---- connects ---------------------------------------------------------------------------- */

int64_t monitor_wait(const struct monitor *monitor, const struct monitor_who *who, int64_t now_ns)
{
	return bans_wait(monitor->bans, clients_key(monitor->clients, who->client, who->principal),
			 now_ns);
}

int64_t monitor_connect(struct monitor *monitor, const struct monitor_who *who, const void *handle,
			const struct monitor_rates *own, int64_t now_ns)
{
	int64_t wait_ns = monitor_wait(monitor, who, now_ns);
	struct client *client;

	if (wait_ns > 0)
		return wait_ns;
	client = monitor_client(monitor, who, NULL, now_ns);
	if (own && !bucket_take(&client->connects, &own->connects, 1, now_ns))
		return 60 * SECOND_NS / own->connects.per_period;
	if (client->head.is_strangers)
		return 0;
	if (client->handle && client->handle != handle)
		monitor_taken_over(monitor, client, who, now_ns);
	client->handle = handle;
	client->head.is_live = true;
	return monitor_wait(monitor, who, now_ns); /* it may just have been held off */
}

void monitor_disconnected(struct monitor *monitor, const struct monitor_who *who,
			  const void *handle)
{
	struct client *client = clients_find(monitor->clients, who->client, who->principal);

	if (!client || client->handle != handle)
		return; /* another connection speaks for it by now */
	client->handle = NULL;
	client->head.is_live = false;
}

/* ---- subscriptions ----------------------------------------------------------------------- */

static uint64_t filter_id(const struct monitor *monitor, const char *filter, size_t len)
{
	return keyhash_pair(&monitor->hash, filter, len, "", 0);
}

bool monitor_subscribe(struct monitor *monitor, const struct monitor_who *who, const char *filter,
		       size_t len, uint32_t limit, int64_t now_ns)
{
	struct client *client = monitor_client(monitor, who, NULL, now_ns);

	return client->head.is_strangers ||
	       client_subscribe(client, filter_id(monitor, filter, len), limit);
}

void monitor_unsubscribe(struct monitor *monitor, const struct monitor_who *who, const char *filter,
			 size_t len)
{
	struct client *client = clients_find(monitor->clients, who->client, who->principal);

	if (client)
		client_unsubscribe(client, filter_id(monitor, filter, len));
}

void monitor_restart(struct monitor *monitor, const struct monitor_who *who)
{
	struct client *client = clients_find(monitor->clients, who->client, who->principal);

	if (client)
		client_forget_filters(client);
}
