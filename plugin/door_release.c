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

#include "base/clock.h"

#define LATE_NS INT64_C(1000000000)

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

/* @reader: who is to get what stands in its place, or NULL. */
static void note_late(struct plugin *plugin, const struct gate_request *request,
		      const struct mosquitto *reader)
{
	if (plugin->late++ == 0)
		plugin->late_ns = clock_mono_ns();
	diag_escape(plugin->late_topic, sizeof(plugin->late_topic), request->topic,
		    request->topic_len);
	if (request->is_retained)
		door_retained_owe(plugin, request, reader);
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
		note_late(plugin, request, is_stored ? client : NULL);
	decision->verdict = may_go ? VERDICT_ALLOW : VERDICT_DENY;
	decision->reason = may_go ? REASON_NONE : REASON_OVERTAKEN;
	if (may_go && plugin->connecting != client)
		plugin->settled = request->payload;
}

void door_release_tick(struct plugin *plugin)
{
	plugin->settled = plugin->withheld = NULL;
	plugin->subscribing = NULL;
	/* Not before what they left retained was repaired, where that does not take long. */
	if (plugin->late == 0 ||
	    (repairs_waiting(plugin->repairs) > 0 && clock_mono_ns() - plugin->late_ns < LATE_NS))
		return;
	broker_log(BROKER_NOTICE,
		   "%" PRIu64 " deliveries were refused of messages that were released after newer "
		   "ones; the last on %s",
		   plugin->late, plugin->late_topic);
	plugin->late = 0;
}
