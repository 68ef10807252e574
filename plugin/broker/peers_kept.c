/*
 * peers_kept.c -- which broker of one database kept what goes over bridges: MQTT 5's user
 * properties PEERS_ORIGIN, PEERS_SEQUENCE and PEERS_REVISION.
 *
 * Where brokers share a database, each adds all three to what it accepted, behind whatever a client
 * put there: the last ones count, and so that many properties of a client hide nothing, only the
 * last ones are read. A sequence is the number of the write at its origin; "none": nothing was
 * kept; "again": the origin published what the database says, as each broker does by itself.
 *
 * Who reads them: brokers of the same database, of a peer that is trusted on the topic. On 2.1 they
 * are removed from what goes to anybody else. 2.0 has no event for that: there subscribers that
 * speak MQTT 5 see them.
 *
 * A broker with a ledger of its own says nothing of this; but where a client does, it takes that
 * back, for bridges may lead from there to brokers that share one.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/property_id.h"
#include "broker/events.h"

#define LAST_PAIRS 4u /* PEERS_PROPERTY and these three */
#define NONE "none"
#define AGAIN "again"
#define OUT_BYTES 65536u /* of properties; a message with more keeps them, a last will has none */

bool peers_is_kept_pair(const char *name)
{
	return strcmp(name, PEERS_ORIGIN) == 0 || strcmp(name, PEERS_SEQUENCE) == 0 ||
	       strcmp(name, PEERS_REVISION) == 0;
}

/* ---- reading ------------------------------------------------------------------------------- */

struct kept_pairs {
	bool has_origin, has_sequence, has_revision;
	struct peers_kept *ret;
};

static bool read_number(const char *text, int64_t *ret)
{
	char *end;

	errno = 0;
	*ret = strtoll(text, &end, 10);
	return errno == 0 && end != text && *end == '\0' && text[0] != ' ' && text[0] != '+';
}

static bool read_sequence(const char *value, struct peers_kept *ret)
{
	ret->is_again = strcmp(value, AGAIN) == 0;
	ret->is_kept = false;
	ret->sequence = 0;
	if (ret->is_again || strcmp(value, NONE) == 0)
		return true;
	ret->is_kept = read_number(value, &ret->sequence) && ret->sequence != 0;
	return ret->is_kept;
}

static void read_pair(struct kept_pairs *said, const char *name, const char *value)
{
	int64_t number;

	if (strcmp(name, PEERS_ORIGIN) == 0) {
		said->has_origin = value[0] && strlen(value) < sizeof(said->ret->origin);
		if (said->has_origin)
			(void)strcpy(said->ret->origin, value);
	} else if (strcmp(name, PEERS_SEQUENCE) == 0) {
		said->has_sequence = read_sequence(value, said->ret);
	} else if (strcmp(name, PEERS_REVISION) == 0) {
		said->has_revision = read_number(value, &number) && number >= 0;
		said->ret->revision = said->has_revision ? (uint64_t)number : 0;
	}
}

static unsigned count_pairs(const struct broker_properties *api, const mosquitto_property *list)
{
	unsigned count = 0;

	for (; list; list = api->next(list))
		count += api->identifier(list) == PROPERTY_ID_USER;
	return count;
}

bool peers_read_kept(const struct plugin *plugin, const void *properties, struct peers_kept *ret)
{
	const struct broker_properties *api = &plugin->broker.properties;
	struct kept_pairs said = { .ret = ret };
	unsigned left;

	memset(ret, 0, sizeof(*ret));
	if (!api->is_there)
		return false;
	left = count_pairs(api, properties);
	for (const mosquitto_property *at = properties; at; at = api->next(at)) {
		char *name = NULL, *value = NULL;

		if (api->identifier(at) != PROPERTY_ID_USER || left-- > LAST_PAIRS)
			continue;
		if (api->read_pair(at, PROPERTY_ID_USER, &name, &value, false) && name)
			read_pair(&said, name, value ? value : "");
		api->free(name);
		api->free(value);
	}
	return said.has_origin && said.has_sequence && said.has_revision;
}

/* ---- writing ------------------------------------------------------------------------------- */

static void add(const struct plugin *plugin, mosquitto_property **list, const char *sequence,
		uint64_t revision)
{
	const struct broker_properties *api = &plugin->broker.properties;
	char number[24];

	/* Without them, where memory runs out, a peer takes it for another site's. */
	(void)snprintf(number, sizeof(number), "%" PRIu64, revision);
	(void)api->add_pair(list, PROPERTY_ID_USER, PEERS_ORIGIN, plugin->host);
	(void)api->add_pair(list, PROPERTY_ID_USER, PEERS_SEQUENCE, sequence);
	(void)api->add_pair(list, PROPERTY_ID_USER, PEERS_REVISION, number);
}

static void add_kept(const struct plugin *plugin, mosquitto_property **list, bool is_kept)
{
	struct others_kept kept = { 0, 0 };
	char sequence[24] = NONE;

	if (is_kept) {
		kept = ledger_kept(plugin->ledger);
		(void)snprintf(sequence, sizeof(sequence), "%" PRId64, kept.sequence);
	}
	add(plugin, list, sequence, kept.revision);
}

void peers_say_kept(const struct plugin *plugin, struct mosquitto_evt_message *event, bool is_kept)
{
	if (plugin->broker.properties.is_there && event->topic[0] != '$')
		add_kept(plugin, &event->properties, is_kept);
}

struct mqtt5__property *peers_make_kept(const struct plugin *plugin, const void *properties,
					bool is_kept)
{
	struct mqtt5__property *list = NULL;
	unsigned char *bytes = properties ? malloc(OUT_BYTES) : NULL;
	size_t len;
	bool is_cut;

	if (bytes) {
		len = properties_read_others(plugin, properties, bytes, OUT_BYTES, &is_cut);
		list = is_cut ? NULL : properties_make(plugin, bytes, len);
	}
	free(bytes);
	add_kept(plugin, &list, is_kept);
	return list;
}

void peers_say_again(const struct plugin *plugin, struct mqtt5__property **list)
{
	if (plugin->gate.is_shared && plugin->broker.properties.is_there)
		add(plugin, list, AGAIN, 0);
}

/* ---- what clients said --------------------------------------------------------------------- */

static bool has_kept_pair(const struct broker_properties *api, const mosquitto_property *list)
{
	unsigned left = count_pairs(api, list);
	bool has_one = false;

	for (; list && !has_one; list = api->next(list)) {
		char *name = NULL, *value = NULL;

		if (api->identifier(list) != PROPERTY_ID_USER || left-- > LAST_PAIRS)
			continue;
		if (api->read_pair(list, PROPERTY_ID_USER, &name, &value, false) && name)
			has_one = peers_is_kept_pair(name);
		api->free(name);
		api->free(value);
	}
	return has_one;
}

void peers_take_back(const struct plugin *plugin, struct mosquitto_evt_message *event)
{
	const struct broker_properties *api = &plugin->broker.properties;

	if (!plugin->gate.is_shared && has_kept_pair(api, event->properties))
		(void)api->add_pair(&event->properties, PROPERTY_ID_USER, PEERS_ORIGIN, "");
}

/* ---- what goes out, on 2.1 ----------------------------------------------------------------- */

static bool is_peer(struct plugin *plugin, const struct mosquitto *client)
{
	const struct access_principal *principal;

	if (broker_is_bridge(client))
		return true;
	principal = events_principal(plugin, client, events_session(plugin, client));
	return principal && principal->is_peer;
}

/* The broker frees a list that was put in its place (2.1), and keeps its own. */
int peers_on_message_out(int event_id, void *event_data, void *userdata)
{
	struct mosquitto_evt_message *event = event_data;
	struct plugin *plugin = userdata;
	unsigned char *bytes;
	size_t len;
	bool is_cut;

	(void)event_id;
	if (!event->properties || !plugin->gate.is_shared || events_is_foreign(plugin) ||
	    mosquitto_client_protocol_version(event->client) < 5 ||
	    !plugin->broker.properties.is_there ||
	    !has_kept_pair(&plugin->broker.properties, event->properties) ||
	    is_peer(plugin, event->client))
		return MOSQ_ERR_SUCCESS;
	bytes = malloc(OUT_BYTES);
	if (!bytes)
		return MOSQ_ERR_SUCCESS; /* it goes out as it is */
	len = properties_read_others(plugin, event->properties, bytes, OUT_BYTES, &is_cut);
	if (!is_cut)
		event->properties = properties_make(plugin, bytes, len);
	free(bytes);
	return MOSQ_ERR_SUCCESS;
}
