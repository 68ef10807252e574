/*
 * monitor_limits.c -- what is charged: messages and bytes, connects, subscriptions.
 */
#include <string.h>

#include "monitor/monitor_internal.h"

/* ---- messages and bytes ------------------------------------------------------------------ */

__attribute__((cold, noinline)) static bool refuse(struct diag *why, const struct bucket_rate *rate,
						   const char *what, const char *whose)
{
	(void)diag_set(why, ERR_LIMIT, "more than %u %s a second%s", rate->per_period, what, whose);
	return false;
}

/* In *ret what @message leaves in @owed. */
static inline bool owe(const struct bucket_pair *owed, const struct bucket_rate *messages,
		       const struct bucket_rate *bytes, const struct monitor_message *message,
		       const char *whose, int64_t now_ns, struct bucket_pair *ret, struct diag *why)
{
	unsigned bursts = message->is_will ? 2 : 1;
	int64_t bytes_ns = bytes->per_period ? bucket_cost(bytes, message->bytes) : 0;
	bool has_messages = bucket_has(&owed->messages, messages, messages->one_ns, bursts, now_ns,
				       &ret->messages);
	bool has_bytes = bucket_has(&owed->bytes, bytes, bytes_ns, bursts, now_ns, &ret->bytes);

	if (has_messages && has_bytes)
		return true;
	return has_messages ? refuse(why, bytes, "bytes", whose)
			    : refuse(why, messages, "messages", whose);
}

static const struct monitor_rates no_rates;

/*
 * The client's part of what its principal may do, where that is as much as several clients; and
 * of a client that is being slowed down. Paid at once.
 */
__attribute__((noinline)) static bool charge_part(const struct monitor *monitor,
						  struct client *client, const struct channel *on,
						  const struct monitor_message *message,
						  int64_t now_ns, struct diag *why)
{
	const struct monitor_rates *rates = message->own ? message->own : &no_rates;
	bool is_slow = client->slow_until_ns > now_ns;
	struct client_channel *mine = NULL;
	struct bucket_pair own, here = { 0 };

	if (on && on->rates.clients > 1) {
		mine = client_channel(client, on->id, now_ns);
		if (!owe(&mine->owed, &on->rates.each.messages, &on->rates.each.bytes, message,
			 " from one client on this channel", now_ns, &here, why))
			return false;
	}
	if (rates->clients > 1 || is_slow) {
		if (!owe(&client->owed, is_slow ? &monitor->slow.messages : &rates->each.messages,
			 &rates->each.bytes, message,
			 is_slow ? ", as the client is being slowed down" : " from one client",
			 now_ns, &own, why))
			return false;
		client->owed = own;
	}
	if (mine)
		mine->owed = here;
	return true;
}

/*
 * All is paid or nothing, so that what is refused costs nothing. Of a principal that is being
 * slowed down fewer messages pass; bytes as ever.
 */
bool monitor_charge(struct monitor *monitor, struct client *client,
		    const struct monitor_message *message, int64_t now_ns, struct diag *why)
{
	const struct channel *on =
		message->channel < monitor->channels ? &monitor->channel[message->channel] : NULL;
	struct principal *principal = client_principal(monitor->clients, client, now_ns);
	bool is_slow = principal->slow_until_ns > now_ns;
	bool is_bounded = message->own || is_slow;
	bool is_part =
		client->slow_until_ns > now_ns || (message->own && message->own->clients > 1);
	struct client_channel *shared = NULL;
	struct bucket_pair own, here = { 0 };

	if (on && on->is_limited) {
		shared = principal_channel(principal, on->id, now_ns);
		if (!owe(&shared->owed, &on->rates.all.messages, &on->rates.all.bytes, message,
			 " from one user on this channel", now_ns, &here, why))
			return false;
		is_part |= on->rates.clients > 1;
	}
	if (is_bounded) {
		const struct monitor_rate *rate = message->own ? &message->own->all : &no_rates.all;

		if (!owe(&principal->owed, is_slow ? &monitor->slow.messages : &rate->messages,
			 &rate->bytes, message,
			 is_slow ? ", as the user is being slowed down" : " from one user", now_ns,
			 &own, why))
			return false;
	}
	if (is_part && !charge_part(monitor, client, on, message, now_ns, why))
		return false;
	if (is_bounded)
		principal->owed = own;
	if (shared)
		shared->owed = here;
	return true;
}

/* ---- connects ---------------------------------------------------------------------------- */

int64_t monitor_wait(const struct monitor *monitor, const struct who *who, int64_t now_ns)
{
	uint64_t client = clients_key(monitor->clients, who->client_id, who->principal);
	uint64_t all = clients_principal_key(monitor->clients, who->principal);
	int64_t client_ns = bans_wait(monitor->bans, client, now_ns);
	int64_t all_ns = bans_wait(monitor->bans, all, now_ns);

	return all_ns > client_ns ? all_ns : client_ns;
}

bool monitor_is_banned(const struct monitor *monitor, const struct who *who, int64_t now_ns)
{
	uint64_t client = clients_key(monitor->clients, who->client_id, who->principal);
	uint64_t all = clients_principal_key(monitor->clients, who->principal);

	return bans_is_banned(monitor->bans, client, now_ns) ||
	       bans_is_banned(monitor->bans, all, now_ns);
}

/* One connect of the principal, and of the client; how long to wait where that is too many. */
static int64_t pay_connect(struct principal *principal, struct client *client,
			   const struct monitor_rates *own, int64_t now_ns)
{
	struct bucket all, each;

	if (!bucket_has(&principal->connects, &own->all.connects, own->all.connects.one_ns, 1,
			now_ns, &all))
		return own->all.connects.one_ns;
	if (own->clients > 1 && !bucket_has(&client->connects, &own->each.connects,
					    own->each.connects.one_ns, 1, now_ns, &each))
		return own->each.connects.one_ns;
	principal->connects = all;
	if (own->clients > 1)
		client->connects = each;
	return 0;
}

/* @handle speaks for the client from now on. */
static void take_over(struct monitor *monitor, struct client *client, const struct who *who,
		      const void *handle, int64_t now_ns)
{
	struct holder *holder =
		clients_hold(monitor->clients, who->client_id, who->principal, now_ns);

	client->leaving = (struct leaving){ 0 }; /* whatever the one before was closed for */
	if (!holder->head.is_shared) {
		if (holder->handle && holder->handle != handle)
			monitor_taken_over(monitor, client, holder, who, now_ns);
		clients_hand_over(monitor->clients, holder, handle, who->principal);
	}
	if (client->head.is_shared)
		return;
	client->handle = handle;
	client_set_live(client, true);
}

int64_t monitor_connect(struct monitor *monitor, const struct who *who, const void *handle,
			const struct monitor_rates *own, int64_t now_ns)
{
	int64_t wait_ns = monitor_wait(monitor, who, now_ns);
	struct principal *principal;
	struct client *client;

	if (wait_ns > 0)
		return wait_ns;
	client = monitor_client(monitor, who, NULL, now_ns);
	principal = client_principal(monitor->clients, client, now_ns);
	principal->clients = own ? own->clients : 1;
	wait_ns = own ? pay_connect(principal, client, own, now_ns) : 0;
	if (wait_ns > 0)
		return wait_ns;
	take_over(monitor, client, who, handle, now_ns);
	return monitor_wait(monitor, who, now_ns); /* it may just have been held off */
}

void monitor_disconnected(struct monitor *monitor, const struct who *who, const void *handle)
{
	struct client *client = clients_find(monitor->clients, who->client_id, who->principal);
	struct holder *holder = clients_holder(monitor->clients, who->client_id);

	/* Another connection may speak for it by now. */
	if (holder && holder->handle == handle) {
		holder->handle = NULL;
		holder->head.is_live = false;
	}
	if (client && client->handle == handle) {
		client->handle = NULL;
		client_set_live(client, false);
	}
}

/* ---- subscriptions ----------------------------------------------------------------------- */

bool monitor_subscribe(struct monitor *monitor, const struct who *who, const char *filter,
		       size_t len, uint32_t limit, uint32_t clients, int64_t now_ns)
{
	struct client *client = monitor_client(monitor, who, NULL, now_ns);

	return client->head.is_shared ||
	       client_subscribe(client, keyhash_bytes(&monitor->hash, filter, len), limit,
				(uint64_t)limit * (clients ? clients : 1));
}

void monitor_unsubscribe(struct monitor *monitor, const struct who *who, const char *filter,
			 size_t len)
{
	struct client *client = clients_find(monitor->clients, who->client_id, who->principal);

	if (client)
		client_unsubscribe(client, keyhash_bytes(&monitor->hash, filter, len));
}

void monitor_restart(struct monitor *monitor, const struct who *who)
{
	struct client *client = clients_find(monitor->clients, who->client_id, who->principal);

	if (client)
		client_forget_filters(client);
}
