/*
 * door_release.c -- QoS 2 messages that are handed out after newer ones: see releases.h.
 *
 * The broker asks READ for a message in four states, which the event does not tell apart:
 *
 *     handed out           at PUBREL; refused where something newer was handed out before
 *     handed out at once   a last will, what the plugin publishes: says what stands
 *     retained             at SUBSCRIBE, in the same call as the question for the filter: must say
 *                          what stands, else what stands takes its place
 *     queued               at CONNECT, in the same call as the login: what was handed out to it
 *                          once stays its own
 */
#include "door.h"

#include <inttypes.h>

void door_release_accepted(struct plugin *plugin, const struct session *session,
			   const struct gate_request *request, const struct decision *decision)
{
	uint64_t key = gate_entity_key(&plugin->gate, releases_seed(plugin->releases));
	const char *principal = session ? session->name : "";
	struct gate_request at_once;

	if (key == 0 || decision->is_observed)
		return;
	if (!request->is_will) {
		releases_accepted(plugin->releases, key, principal, request);
		return;
	}
	at_once = *request;
	at_once.qos = 1; /* nobody has to release it */
	releases_accepted(plugin->releases, key, principal, &at_once);
}

static void note_late(struct plugin *plugin, uint64_t key, const struct gate_request *request)
{
	plugin->late++;
	diag_escape(plugin->late_topic, sizeof(plugin->late_topic), request->topic,
		    request->topic_len);
	if (request->is_retained)
		releases_repair(plugin->releases, key, request);
}

void door_release_delivery(struct plugin *plugin, const struct mosquitto *client,
			   const struct gate_request *request, struct decision *decision)
{
	bool is_stored = request->is_retained && plugin->subscribing == client;
	bool may_go;
	uint64_t key;

	if (decision->verdict != VERDICT_ALLOW && decision->reason != REASON_OVERTAKEN)
		return;
	key = gate_entity_key(&plugin->gate, releases_seed(plugin->releases));
	if (key == 0)
		return;
	if (plugin->connecting == client)
		may_go = true;
	else if (decision->verdict == VERDICT_ALLOW)
		may_go = releases_hand_out(plugin->releases, key, request);
	else
		may_go = !is_stored && releases_in_order(plugin->releases, key, request);
	if (!may_go)
		note_late(plugin, key, request);
	decision->verdict = may_go ? VERDICT_ALLOW : VERDICT_DENY;
	decision->reason = may_go ? REASON_NONE : REASON_OVERTAKEN;
	if (may_go && plugin->connecting != client)
		plugin->settled = request->payload;
}

void door_release_tick(struct plugin *plugin)
{
	struct gate_request message;

	plugin->settled = NULL;
	plugin->subscribing = NULL;
	while (releases_next(plugin->releases, &message))
		(void)broker_republish(message.topic, message.payload, message.payload_len,
				       message.qos); /* else the next that is late asks again */
	if (plugin->late == 0)
		return;
	broker_log(BROKER_NOTICE,
		   "%" PRIu64 " deliveries were refused of messages that were released after newer "
		   "ones; the last on %s",
		   plugin->late, plugin->late_topic);
	plugin->late = 0;
}
