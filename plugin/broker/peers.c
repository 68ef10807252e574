/*
 * peers.c -- who published what goes over a bridge: the user property PEERS_PROPERTY of MQTT 5.
 *
 * Where plugin_opt_say_publisher is on, the plugin adds it to what clients publish, "NAME@BROKER".
 * Of what a peer brings it is kept, as that broker's word (events.peer_publisher), and goes on as
 * it is. Any client may send such a property, too: what a client that is no peer says is kept
 * nowhere, and the plugin then adds the true one behind it, also where the option is off. So the
 * last one counts.
 *
 * The list is changed in place, by adding to its end: another list in its place would leak with
 * 2.0.11. A last will has no event in which it could be changed.
 */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "broker/events.h"

#define USER_PROPERTY 38 /* MQTT 5, 2.2.2.2 */
#define PAIRS_READ 256u  /* of a message's user properties; those behind are not looked at */

/* Copies what @property says, where its name is ours. */
static void read_pair(const struct broker_properties *api, const mosquitto_property *property,
		      char ret[static LEDGER_PEER_MAX + 1])
{
	char *name = NULL, *value = NULL;

	if (api->read_pair(property, USER_PROPERTY, &name, &value, false) && name &&
	    strcmp(name, PEERS_PROPERTY) == 0)
		(void)snprintf(ret, LEDGER_PEER_MAX + 1, "%s",
			       value && strlen(value) <= LEDGER_PEER_MAX ? value : "");
	api->free(name);
	api->free(value);
}

/* The last that the list has, "" where it is too long; false: it has none. */
static bool read_said(const struct broker_properties *api, const mosquitto_property *list,
		      char ret[static LEDGER_PEER_MAX + 1])
{
	unsigned left = PAIRS_READ;

	ret[0] = '\0';
	for (; list && left > 0; list = api->next(list)) {
		if (api->identifier(list) != USER_PROPERTY)
			continue;
		left--;
		read_pair(api, list, ret);
	}
	return ret[0] != '\0';
}

static void say(struct plugin *plugin, struct mosquitto_evt_message *event, const char *name)
{
	char value[LEDGER_PEER_MAX + 1];
	int len = snprintf(value, sizeof(value), "%s@%s", name, plugin->host);

	/* Without it, where memory runs out, the message is what it is. */
	if (len > 0 && (size_t)len < sizeof(value))
		(void)plugin->broker.properties.add_pair(&event->properties, USER_PROPERTY,
							 PEERS_PROPERTY, value);
}

void peers_name_broker(struct plugin *plugin)
{
	const char *origin = plugin->options.origin;

	if (origin)
		(void)snprintf(plugin->host, sizeof(plugin->host), "%s", origin);
	else if (gethostname(plugin->host, sizeof(plugin->host) - 1) != 0)
		plugin->host[0] = '\0';
}

void peers_on_message(struct plugin *plugin, struct mosquitto_evt_message *event, const char *name)
{
	struct decision *decision = &plugin->pending.decision;
	const struct broker_properties *api = &plugin->broker.properties;
	char *said = plugin->pending.said;
	bool is_said;

	if (!api->is_there || event->topic[0] == '$')
		return;
	is_said = read_said(api, event->properties, said);
	if (decision->is_peer && is_said)
		decision->write.peer = said;
	else if (plugin->options.say_publisher || is_said)
		say(plugin, event, name);
}
