/*
 * servers.c -- reads /servers: which of them speak MQTT, so that their channels are topics, and
 * what their security asks of a login, which holds beside that of each operation (AsyncAPI 3,
 * Operation Object, "security").
 */
#include "contract/contract_internal.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/suggest.h"

#define SERVERS_MAX 256u

struct loader_server {
	bool is_mqtt;
	bool is_enforced; /* x-enforce; else @connect asks for nothing */
	struct contract_connect connect;
	size_t alternative_count; /* 0: every login will do */
	const struct contract_alternative *alternative;
};

/* ---- which of them speak MQTT ------------------------------------------------------------ */

static bool says_mqtt(const struct config *server, const char *key)
{
	const char *text = config_string(config_member(server, key));

	return text && strcasestr(text, "mqtt");
}

/* A websocket carries MQTT where the server says so: by a binding of MQTT's, or in its words. */
static bool is_mqtt(struct loader *loader, const struct config *server)
{
	const char *protocol = config_string(config_member(server, "protocol"));
	const struct config *bindings = loader_follow(loader, config_member(server, "bindings"));

	if (!protocol)
		return true; /* a fault that is told already */
	if (strcasecmp(protocol, "ws") != 0 && strcasecmp(protocol, "wss") != 0)
		return strcasestr(protocol, "mqtt") != NULL;
	return config_member(bindings, "mqtt") || config_member(bindings, "mqtt5") ||
	       says_mqtt(server, "protocolVersion") || says_mqtt(server, "pathname") ||
	       says_mqtt(server, "x-subprotocol");
}

/* ---- what they say of a connection ------------------------------------------------------- */

/* What no plugin sees, or what only advises. */
static void warn_of_binding(struct loader *loader, const struct config *mqtt, bool is_enforced)
{
	static const struct {
		const char *name;
		bool is_seen;
	} members[] = { { "clientId", true },           { "cleanSession", true },
			{ "keepAlive", true },          { "sessionExpiryInterval", false },
			{ "maximumPacketSize", false }, { "lastWill", false } };

	for (size_t i = 0; i < sizeof(members) / sizeof(*members); i++)
		if (!config_member(mqtt, members[i].name))
			continue;
		else if (!is_enforced)
			loader_warn(loader, mqtt, members[i].name,
				    "is advice to clients: no login is refused for it%s",
				    members[i].is_seen ? " without x-enforce" : "");
		else if (!members[i].is_seen)
			loader_warn(loader, mqtt, members[i].name,
				    "is not enforced: no release of Mosquitto shows it to a plugin "
				    "at the login");
}

static void load_connect(struct loader *loader, const struct config *server,
			 struct loader_server *ret)
{
	const struct config *bindings = loader_follow(loader, config_member(server, "bindings"));
	const struct config *mqtt = loader_follow(loader, config_member(bindings, "mqtt"));
	struct contract_connect *connect = &ret->connect;
	bool is_clean;

	(void)config_boolean(loader->report, server, "x-enforce", &ret->is_enforced);
	warn_of_binding(loader, mqtt, ret->is_enforced);
	if (!ret->is_enforced)
		return;
	(void)config_text(loader->report, mqtt, "clientId", LOADER_TEXT_MAX, &connect->client_id);
	if (config_boolean(loader->report, mqtt, "cleanSession", &is_clean))
		connect->is_clean = is_clean;
	(void)config_integer(loader->report, mqtt, "keepAlive", 1, UINT16_MAX,
			     &connect->keep_alive_max);
}

/*
 * Where the broker shows which listener a client is on, the rules of the server with its port hold.
 * Else it may be any server's, and keeps to the rules of one: @server, the first that is without
 * any, frees it then.
 */
static void warn_of_free(struct loader *loader, const struct loader_server *server)
{
	if (server->connect.port == 0)
		loader_warn(loader, loader->doc->servers, NULL,
			    "x-enforce has no effect: the MQTT server %s is without it and names "
			    "no port, so that any client may be its",
			    server->connect.name);
	else
		loader_warn(loader, loader->doc->servers, NULL,
			    "x-enforce has no effect on Mosquitto 2.0, which shows no plugin a "
			    "client's listener: the MQTT server %s is without it",
			    server->connect.name);
}

static void collect_connects(struct loader *loader, size_t count)
{
	struct contract *contract = loader->contract;
	size_t before = contract->connect_count, mqtt = 0, enforced = 0;
	struct contract_connect *connect = loader_take(loader, before + count, sizeof(*connect));
	const struct loader_server *free_one = NULL;

	for (size_t i = 0; connect && i < count; i++) {
		const struct loader_server *server = &loader->doc->server[i];

		if (!server->is_mqtt)
			continue;
		connect[before + mqtt++] = server->connect;
		enforced += server->is_enforced;
		if (!server->is_enforced && (!free_one || server->connect.port == 0))
			free_one = server;
	}
	if (enforced == 0)
		return;
	if (before > 0)
		memcpy(connect, contract->connect, before * sizeof(*connect));
	contract->connect = connect;
	contract->connect_count = before + mqtt;
	if (free_one)
		warn_of_free(loader, free_one);
}

/* ---- their security ---------------------------------------------------------------------- */

/* Do they take every login that the plugin knows, without a scope? Then they ask for nothing. */
static bool takes_all(const struct contract_alternative *alternative, size_t count)
{
	const unsigned all = (1u << LOGIN_PASSWORD) | (1u << LOGIN_CERTIFICATE) |
			     (1u << LOGIN_TOKEN) | (1u << LOGIN_SCRAM);
	static const struct scopeset none;
	unsigned methods = 0;

	for (size_t i = 0; i < count; i++)
		if (scopeset_covers(&none, &alternative[i].scopes))
			methods |= alternative[i].methods ? alternative[i].methods : all;
	return (methods & all) == all;
}

/* "host:8883"; 0: it names none, or a variable. */
static uint16_t port_of(const struct config *server)
{
	const char *host = config_string(config_member(server, "host"));
	const char *colon = host ? strrchr(host, ':') : NULL;
	size_t digits = colon ? strspn(colon + 1, "0123456789") : 0;
	unsigned long port =
		digits > 0 && digits < 6 && !colon[1 + digits] ? strtoul(colon + 1, NULL, 10) : 0;

	return port <= UINT16_MAX ? (uint16_t)port : 0;
}

static void load_server(struct loader *loader, const struct config *at, struct loader_server *ret)
{
	const char *name = at->key;

	at = loader_follow(loader, at);
	ret->is_mqtt = is_mqtt(loader, at);
	if (!ret->is_mqtt)
		return;
	ret->connect =
		(struct contract_connect){ .name = name, .is_clean = -1, .port = port_of(at) };
	load_connect(loader, at, ret);
	ret->alternative_count = scopes_load_alternatives(loader, at, &ret->alternative);
	if (takes_all(ret->alternative, ret->alternative_count))
		ret->alternative_count = 0;
}

/* Adds the port, unless it is there. */
static void add_port(uint16_t port, uint16_t *ret, size_t *count)
{
	for (size_t i = 0; i < *count; i++)
		if (ret[i] == port)
			return;
	if (port > 0)
		ret[(*count)++] = port;
}

bool contract_has_port(const struct contract *contract, uint16_t port)
{
	for (size_t i = 0; i < contract->port_count; i++)
		if (contract->port[i] == port)
			return true;
	return false;
}

/* The ports of all MQTT servers of the document, behind those of others. */
static void collect_ports(struct loader *loader, size_t count)
{
	struct contract *contract = loader->contract;
	uint16_t *own = arena_take(&loader->scratch, count, sizeof(*own));
	uint16_t *port = loader_take(loader, contract->port_count + count, sizeof(*port));

	if (!own || !port)
		return;
	if (contract->port_count > 0)
		memcpy(port, contract->port, contract->port_count * sizeof(*port));
	for (size_t i = 0; i < count; i++)
		if (loader->doc->server[i].is_mqtt) {
			add_port(loader->doc->server[i].connect.port, own,
				 &loader->doc->port_count);
			add_port(loader->doc->server[i].connect.port, port, &contract->port_count);
		}
	contract->port = port;
}

void servers_load(struct loader *loader)
{
	const struct config *servers = config_member(loader->doc->root, "servers");
	size_t count = config_count(servers), mqtt = 0;

	if (count == 0 || servers->kind != CONFIG_OBJECT ||
	    !config_bound(loader->report, servers, 0, SERVERS_MAX, "servers"))
		return;
	loader->doc->server = arena_take(&loader->scratch, count, sizeof(*loader->doc->server));
	if (!loader->doc->server) {
		(void)config_nomem(loader->report);
		return;
	}
	loader->doc->servers = servers;
	for (size_t i = 0; i < count; i++) {
		load_server(loader, &servers->item[i], &loader->doc->server[i]);
		mqtt += loader->doc->server[i].is_mqtt;
	}
	collect_connects(loader, count);
	collect_ports(loader, count);
	if (mqtt == 0)
		(void)config_fail(
			loader->report, servers, NULL, ERR_INVALID,
			"no MQTT server: expected one with the protocol mqtt or mqtts (or "
			"ws, wss with an mqtt binding)");
}

/* ---- of a channel ------------------------------------------------------------------------ */

/* The server that item @i of a channel's "servers" is; NULL, and a fault: it is none of them. */
static const struct loader_server *server_of(struct loader *loader, const struct config *item)
{
	const struct config *ref = config_member(item, "$ref");
	const struct config *found =
		ref ? sources_resolve(&loader->contract->sources, ref, loader->report) : NULL;

	if (found && found->up && found->up == loader->doc->servers)
		return &loader->doc->server[found - loader->doc->servers->item];
	if (found || !ref)
		(void)config_fail(loader->report, item, NULL, ERR_INVALID,
				  "expected a server of the document: { \"$ref\": "
				  "\"#/servers/...\" }");
	return NULL;
}

bool servers_serve(struct loader *loader, const struct config *channel)
{
	const struct config *named = config_member(channel, "servers");
	bool is_served = false;

	if (config_count(named) == 0 || named->kind != CONFIG_ARRAY)
		return true;
	config_foreach_item(item, named) {
		const struct loader_server *server = server_of(loader, item);

		is_served = is_served || !server || server->is_mqtt;
	}
	if (!is_served)
		loader_warn(loader, channel, "servers",
			    "no MQTT server has this channel: it is no topic, and what its "
			    "operations say is not enforced");
	return is_served;
}

/*
 * Adds the ports of the servers that @at, a member of /channels, names, to @port, which has room.
 * False: it is on all of the document's, or on some whose ports are not known.
 */
static bool add_ports(struct loader *loader, const struct config *at, uint16_t *port, size_t *count)
{
	const struct config *named = config_member(at, "servers");
	uint16_t own[SERVERS_MAX];
	size_t own_count = 0;

	if (config_count(named) == 0 || named->kind != CONFIG_ARRAY)
		return false;
	config_foreach_item(item, named) {
		const struct loader_server *server = server_of(loader, item);

		if (!server || (server->is_mqtt && server->connect.port == 0))
			return false;
		if (server->is_mqtt) {
			add_port(server->connect.port, own, &own_count);
			add_port(server->connect.port, port, count);
		}
	}
	return own_count < loader->doc->port_count;
}

/* Only the first member of each document counts. */
void servers_load_ports(struct loader *loader, struct contract_channel *channel)
{
	struct loader_document *doc = loader->doc;
	const struct loader_document *last = NULL;
	uint16_t *port = loader_take(loader, loader->contract->port_count, sizeof(*port));
	bool is_some = port != NULL;
	size_t count = 0;

	loader_foreach_member(member, loader, channel->index)
	{
		if (!is_some || member->document == last)
			continue;
		last = loader->doc = member->document;
		is_some = add_ports(loader, member->at, port, &count);
	}
	loader->doc = doc;
	if (!is_some || count == 0)
		return;
	channel->port = port;
	channel->port_count = (uint16_t)count;
	loader_warn(loader, loader->at[channel->index], "servers",
		    "Mosquitto 2.0 shows no plugin a client's listener: there the channel is open "
		    "to clients of all of them");
}

/* What a channel's servers ask for. */
struct demands {
	struct contract_alternative *ret;
	size_t max, count;
	bool is_open; /* one asks for nothing, whatever the client's listener is */
	bool has_security;
};

static void add_alternative(struct demands *demands, const struct contract_alternative *alternative,
			    uint16_t port)
{
	if (demands->count == demands->max)
		return;
	demands->ret[demands->count] = *alternative;
	demands->ret[demands->count++].port = port;
}

/* One that names its port speaks for the clients of that listener. */
static void add_server(struct demands *demands, const struct loader_server *server)
{
	static const struct contract_alternative nothing;

	if (!server->is_mqtt)
		return;
	demands->has_security |= server->alternative_count > 0;
	demands->is_open |= server->alternative_count == 0 && server->connect.port == 0;
	if (server->alternative_count == 0)
		add_alternative(demands, &nothing, server->connect.port);
	for (size_t i = 0; i < server->alternative_count; i++)
		add_alternative(demands, &server->alternative[i], server->connect.port);
}

static bool has_ports(const struct demands *demands)
{
	for (size_t i = 0; i < demands->count; i++)
		if (demands->ret[i].port > 0)
			return true;
	return false;
}

size_t servers_security(struct loader *loader, const struct config *channel,
			struct contract_alternative *ret, size_t max)
{
	const struct config *named = config_member(channel, "servers");
	struct demands demands = { .ret = ret, .max = max };

	if (!loader->doc->servers)
		return 0;
	config_foreach_item(item, named) {
		const struct loader_server *server = server_of(loader, item);

		if (server)
			add_server(&demands, server);
	}
	for (size_t i = 0; config_count(named) == 0 && i < loader->doc->servers->count; i++)
		add_server(&demands, &loader->doc->server[i]);
	if (demands.is_open || !demands.has_security)
		return 0;
	if (has_ports(&demands))
		loader->contract->has_port_security = true;
	else if (takes_all(ret, demands.count))
		return 0;
	return demands.count;
}
