/*
 * peers.c -- who published what goes over a bridge: the user property PEERS_PROPERTY of MQTT 5.
 *
 * Where plugin_opt_say_publisher is on, the plugin adds it to what clients publish, "NAME@BROKER".
 * Of what a peer brings it is kept, as that broker's word (events.peer_publisher), and goes on as
 * it is. Any client may send such a property, too: what a client that is no peer says is kept
 * nowhere, and the plugin then adds the true one behind it, also where the option is off. So the
 * last one counts.
 *
 * What a peer brings with this broker's own name was published here and came back: it is dropped,
 * so that nothing goes round, and nothing old stands again because the other side retains it.
 *
 * The list is changed in place, by adding to its end: another list in its place would leak with
 * 2.0.11. A last will has no event in which it could be changed.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/property_id.h"
#include "broker/events.h"

#define BACK_NS INT64_C(10000000000) /* lines about what came back come no more often */
#define PAIRS_READ 256u              /* user properties of a message; who has more says nothing */

/* Copies what @property says, where its name is ours. */
static void read_pair(const struct broker_properties *api, const mosquitto_property *property,
		      char ret[static LEDGER_PEER_MAX + 1])
{
	char *name = NULL, *value = NULL;

	if (api->read_pair(property, PROPERTY_ID_USER, &name, &value, false) && name &&
	    strcmp(name, PEERS_PROPERTY) == 0)
		(void)snprintf(ret, LEDGER_PEER_MAX + 1, "%s",
			       value && strlen(value) <= LEDGER_PEER_MAX ? value : "");
	api->free(name);
	api->free(value);
}

/*
 * The last that the list has, "" where it is too long; false: it has none, or more pairs than are
 * read, behind which another may stand.
 */
static bool read_said(const struct broker_properties *api, const mosquitto_property *list,
		      char ret[static LEDGER_PEER_MAX + 1])
{
	unsigned count = 0;

	ret[0] = '\0';
	for (; list; list = api->next(list)) {
		if (api->identifier(list) != PROPERTY_ID_USER)
			continue;
		if (count++ == PAIRS_READ) {
			ret[0] = '\0';
			return false;
		}
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
		(void)plugin->broker.properties.add_pair(&event->properties, PROPERTY_ID_USER,
							 PEERS_PROPERTY, value);
}

void peers_name_broker(struct plugin *plugin)
{
	const char *name = plugin->options.broker;

	if (name)
		(void)snprintf(plugin->host, sizeof(plugin->host), "%s", name);
	else if (gethostname(plugin->host, sizeof(plugin->host) - 1) != 0)
		plugin->host[0] = '\0';
}

/* Only by a name that somebody chose: two brokers on one host have the host's by themselves. */
static bool is_back(const struct plugin *plugin, const char *said)
{
	const char *name = plugin->options.broker, *at = strrchr(said, '@');

	return name && at && strcmp(at + 1, name) == 0;
}

/* Bridges that meet in a ring, or go both ways, bring what stands here, or stood here before. */
static bool refuse_back(struct plugin *plugin, const struct mosquitto_evt_message *event)
{
	plugin->pending.is_back = true;
	plugin->unlogged.back++;
	diag_name(plugin->unlogged.back_topic, sizeof(plugin->unlogged.back_topic), event->topic,
		  strlen(event->topic));
	gate_refuse(&plugin->pending.decision, REASON_OVERTAKEN,
		    "it was published here, and a bridge brought it back");
	return false;
}

bool peers_on_message(struct plugin *plugin, struct mosquitto_evt_message *event, const char *name)
{
	struct decision *decision = &plugin->pending.decision;
	const struct broker_properties *api = &plugin->broker.properties;
	char *said = plugin->pending.said;
	bool is_said;

	if (!api->is_there || event->topic[0] == '$')
		return true;
	is_said = read_said(api, event->properties, said);
	if (decision->is_peer && is_said && is_back(plugin, said))
		return refuse_back(plugin, event);
	if (decision->is_peer && is_said)
		decision->write.peer = said;
	else if (plugin->options.say_publisher || is_said)
		say(plugin, event, name);
	if (!decision->is_peer)
		peers_take_back(plugin, event);
	return true;
}

void peers_tick(struct plugin *plugin, int64_t now_ns)
{
	struct unlogged *unlogged = &plugin->unlogged;

	if (unlogged->back == 0 || (unlogged->back_ns != 0 && now_ns - unlogged->back_ns < BACK_NS))
		return;
	broker_log(BROKER_NOTICE,
		   "%" PRIu64
		   " messages that were published here came back over a bridge, and were "
		   "dropped; the last on %s",
		   unlogged->back, unlogged->back_topic);
	unlogged->back = 0;
	unlogged->back_ns = now_ns;
}
