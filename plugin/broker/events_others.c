/*
 * events_others.c -- brokers that keep in the same database: what they bring over bridges, and what
 * the database tells of them.
 *
 * A message of another broker's that comes over a bridge was decided and kept there. It is
 * delivered without being decided again, and memory follows it. It is dropped where something else
 * stands here, and where it came before. Two brokers may each accept a step of one entity at once:
 * the database settles which one counts. So what was dropped, or met a step of this broker's that
 * waits, is not the end: once the database has settled both, the message that stands is published
 * to this broker's subscribers, and retained. That also follows each event that was overruled, at
 * every broker, and each that may be newer than what was delivered here last, so that all agree.
 */
#include <string.h>

#include "base/clock.h"
#include "broker/events.h"

#define SETTLED_NS INT64_C(1000000000) /* a topic waits no longer for another broker's journal */
#define NEWS_A_TICK 4096u
#define DUE_A_TICK 64u              /* of topics that wait; each may read the database */
#define GRACE_NS INT64_C(250000000) /* a bridge may bring what the database told first */
#define WILL_NS INT64_C(200000000)  /* a will that the plugin publishes has gone out by then */
#define NEVER_HEARD INT64_MAX       /* as a sequence */

/* ---- what comes over a bridge -------------------------------------------------------------- */

static bool drop(struct plugin *plugin)
{
	plugin->pending.is_back = true; /* it is no fault of the peer's, and not reported */
	gate_refuse(&plugin->pending.decision, REASON_OVERTAKEN,
		    "it came before, or something else stands by now");
	return false;
}

/* Once the database has the message, and what it met here. */
static void publish_when_settled(struct plugin *plugin, const struct message *message,
				 const struct peers_kept *kept)
{
	const struct crossings_topic topic = { .topic = message->topic,
					       .len = message->topic_len,
					       .origin = kept->origin,
					       .sequence = kept->sequence,
					       .until_ns = clock_mono_ns() + SETTLED_NS };

	if (!crossings_wait(plugin->crossings, &topic))
		events_standing(plugin, message->topic, message->topic_len);
}

/* A retained message without a state that is older than what was heard: does it stand? */
static bool is_retained_still(struct plugin *plugin, const struct message *message,
			      const struct peers_kept *kept)
{
	bool is_same;

	if (!message->is_retained || !kept->is_kept ||
	    !ledger_has_heard(plugin->ledger, kept->origin, kept->sequence))
		return true;
	return events_retained_compare(plugin, message, &is_same) != 1 || is_same;
}

/* Is something newer in the database than what was delivered here, by the time that it is due? */
static void look_later(struct plugin *plugin, const struct message *message,
		       const struct peers_kept *kept)
{
	struct peers_kept later = *kept;

	later.sequence = NEVER_HEARD;
	publish_when_settled(plugin, message, &later);
}

/*
 * Memory may be ahead: it hears of steps from the database, too, and not in the order of the
 * bridge. What is delivered goes by what was delivered here last, where that is known.
 */
static bool meet_entity(struct plugin *plugin, const struct peers_kept *kept)
{
	const struct message *message = &plugin->pending.request.message;
	uint64_t last = crossings_delivered(plugin->crossings, message->topic, message->topic_len);
	bool is_heard =
		kept->is_kept && ledger_has_heard(plugin->ledger, kept->origin, kept->sequence);
	enum others_meeting meeting = ledger_meet(plugin->ledger, &plugin->pending.decision.write,
						  kept->revision, is_heard);
	bool is_first = last == 0 && kept->is_kept &&
			ledger_is_since_start(plugin->ledger, kept->origin, kept->sequence);
	bool is_next = is_first || (last > 0 && kept->revision > last);
	bool is_old = (meeting == OTHERS_OLDER && !is_next) ||
		      (kept->revision > 0 && kept->revision < last);

	if (is_old || meeting == OTHERS_CONTENDED)
		publish_when_settled(plugin, message, kept);
	else if ((is_first && meeting == OTHERS_OLDER) || (last == 0 && meeting == OTHERS_UNKNOWN))
		look_later(plugin, message, kept);
	if (is_old)
		return drop(plugin);
	return true;
}

/* Subscribers have what stands, which came after it, or is it: the database told of it before. */
static bool is_passed(const struct plugin *plugin, const struct peers_kept *kept)
{
	const struct message *message = &plugin->pending.request.message;

	return kept->is_kept && (message->is_retained || kept->revision > 0) &&
	       crossings_is_standing(plugin->crossings, message->topic, message->topic_len) &&
	       ledger_has_heard(plugin->ledger, kept->origin, kept->sequence);
}

static bool meet(struct plugin *plugin, const struct peers_kept *kept)
{
	const struct message *message = &plugin->pending.request.message;
	bool is_entity = plugin->pending.decision.write.entity != ENTITY_NONE;

	if (is_passed(plugin, kept))
		return drop(plugin);
	if (is_entity && !meet_entity(plugin, kept))
		return false;
	if (!is_entity && !is_retained_still(plugin, message, kept))
		return drop(plugin);
	crossings_deliver(plugin->crossings,
			  &(struct crossings_delivery){ .topic = message->topic,
							.len = message->topic_len,
							.origin = kept->origin,
							.sequence = kept->sequence,
							.revision = kept->revision });
	return true;
}

/*
 * It was kept in another database, or says nothing of where: it is taken over, as any peer's. A
 * broker of this database says where of all that it sends.
 */
static bool take_over(struct plugin *plugin, const struct mosquitto *client)
{
	struct gate_request *request = &plugin->pending.request;

	request->is_of_elsewhere = true;
	gate_decide(&plugin->gate, events_actor(plugin, client, events_session(plugin, client)),
		    request, &plugin->pending.decision);
	return plugin->pending.decision.verdict == VERDICT_ALLOW;
}

/* It may be kept here or not: the peer is closed, and sends it again. */
static bool put_off(struct plugin *plugin, const struct diag *diag)
{
	gate_refuse(&plugin->pending.decision, REASON_STORE_UNAVAILABLE, diag->text);
	return false;
}

bool events_others_message(struct plugin *plugin, const struct mosquitto_evt_message *event)
{
	struct peers_kept kept;
	struct diag diag;
	int is_of_ours;

	if (!peers_read_kept(plugin, event->properties, &kept))
		return take_over(plugin, event->client);
	diag_init(&diag);
	is_of_ours = ledger_find_broker(plugin->ledger, kept.origin, &diag);
	if (is_of_ours < 0)
		return put_off(plugin, &diag);
	if (is_of_ours == 0)
		return take_over(plugin, event->client);
	if (kept.is_again || strcmp(kept.origin, plugin->host) == 0)
		return drop(plugin);
	if (kept.is_kept && crossings_meet(plugin->crossings, kept.origin, kept.sequence,
					   event->client, event->qos))
		return drop(plugin);
	events_standing_came(plugin, &kept);
	return meet(plugin, &kept);
}

/* This broker's own, which it kept just now. */
static void note_delivery(struct plugin *plugin, const struct message *message)
{
	struct others_kept kept = ledger_kept(plugin->ledger);
	const struct crossings_delivery delivery = { .topic = message->topic,
						     .len = message->topic_len,
						     .origin = plugin->host,
						     .sequence = kept.sequence,
						     .revision = kept.revision,
						     .written_ns = clock_mono_ns() };

	crossings_deliver(plugin->crossings, &delivery);
}

void events_others_kept(struct plugin *plugin, struct mosquitto_evt_message *event)
{
	const struct decision *decision = &plugin->pending.decision;
	const struct message *message = &plugin->pending.request.message;
	bool is_kept = decision->has_write || decision->has_retained;

	if (decision->is_kept_there)
		return; /* it says who kept it */
	peers_say_kept(plugin, event, is_kept && plugin->ledger);
	if (is_kept)
		note_delivery(plugin, message);
}

/* What is delivered behind it may have been kept after it: then that has to go out last. */
static void look_after_will(struct plugin *plugin, const struct message *message, int64_t sequence)
{
	const struct crossings_topic will = { .topic = message->topic,
					      .len = message->topic_len,
					      .origin = plugin->host,
					      .sequence = sequence,
					      .until_ns = clock_mono_ns() + WILL_NS,
					      .is_settled = true };

	if (!crossings_wait(plugin->crossings, &will))
		events_standing(plugin, message->topic, message->topic_len);
}

bool events_others_will(struct plugin *plugin, const struct gate_request *request,
			const struct decision *decision)
{
	const struct message *message = &request->message;
	bool is_kept = decision->has_write || decision->has_retained, is_out;

	if (!plugin->broker.properties.is_there || message->topic[0] == '$')
		return false;
	if (plugin->is_ending)
		return is_kept; /* nothing of the plugin's goes out: others hear of it by the
				   database */
	is_out = broker_publish_take(&plugin->broker, NULL, message,
				     peers_make_kept(plugin, request->properties, is_kept));
	if (is_kept && is_out) {
		note_delivery(plugin, message);
		look_after_will(plugin, message, ledger_kept(plugin->ledger).sequence);
	} else if (is_kept) {
		events_standing(plugin, message->topic, message->topic_len);
	}
	return true;
}

/* ---- what the database tells --------------------------------------------------------------- */

/*
 * The status that stands, which memory may not know yet: the writer's thread says later than the
 * database that the overruled step was carried. "": not known. Its read takes its share as
 * events_confirm()'s do.
 */
static const char *standing_status(struct plugin *plugin, const struct contract_match *match,
				   const struct others_event *event)
{
	const struct contract_mapping *mapping = match->channel ? match->channel->mapping : NULL;
	const struct contract_span *id = mapping ? &match->param[mapping->param] : NULL;
	const struct who who = { event->client_id, event->publisher, "", true };
	struct ledger_state state;

	if (!id || !mapping->transitions ||
	    !portions_take(&plugin->confirms, &who, plugin->confirm_us,
			   clock_mono_ns() / 1000000000) ||
	    ledger_look_stored(plugin->ledger, mapping->entity->index, id->text, id->len, &state,
			       NULL) != 0 ||
	    !state.is_known)
		return "";
	return state.status[mapping->slot];
}

static void hear_overruled(struct plugin *plugin, const struct contract_match *match,
			   const struct others_news *news)
{
	const struct others_event *event = &news->event;
	const struct message message = { .topic = event->topic,
					 .topic_len = event->topic_len,
					 .payload = event->payload,
					 .payload_len = event->payload_len,
					 .qos = event->qos,
					 .is_retained = event->is_retained,
					 .is_will = event->is_will };
	const struct contract_channel *channel = match->channel;

	events_standing(plugin, event->topic, event->topic_len);
	/* Should it still come over a bridge, it came before. */
	crossings_pass(plugin->crossings,
		       crossings_key(plugin->crossings, news->origin, news->sequence));
	if (!news->is_own)
		return;
	notify_overruled(&plugin->notify, &message,
			 &(struct notify_overruled){ event->publisher, event->client_id, channel,
						     standing_status(plugin, match, event) });
	feed_conflict(plugin->feed, channel ? channel->name : "");
}

/* Which entity it is of is in the topic alone. */
static void hear_entity(struct plugin *plugin, const struct contract_match *match,
			const struct others_event *event)
{
	const struct contract_mapping *mapping = match->channel ? match->channel->mapping : NULL;
	const struct contract_span *id = mapping ? &match->param[mapping->param] : NULL;

	if (id)
		ledger_heard_of(plugin->ledger, mapping->entity->index, id->text, id->len,
				event->is_overruled ? 0 : event->revision);
}

/*
 * It stands in the database, where it may have found something else than its broker knew. What was
 * delivered here last may be older: that was decided by what its broker said.
 */
static void compare_delivered(struct plugin *plugin, const struct others_news *news)
{
	const struct others_event *event = &news->event;
	const struct crossings_delivery settled = { .topic = event->topic,
						    .len = event->topic_len,
						    .origin = news->origin,
						    .sequence = news->sequence,
						    .revision = event->revision,
						    .is_will = event->is_will };
	const struct crossings_topic later = { .topic = event->topic,
					       .len = event->topic_len,
					       .origin = news->origin,
					       .sequence = news->sequence,
					       .until_ns = clock_mono_ns() + GRACE_NS,
					       .is_settled = true,
					       .revision = event->revision,
					       .is_will = event->is_will };

	switch (crossings_settle(plugin->crossings, &settled, clock_mono_ns())) {
	case CROSSINGS_AGREES:
		return;
	case CROSSINGS_OPEN:
		if (crossings_wait(plugin->crossings, &later))
			return;
		break;
	case CROSSINGS_DIFFERS:
		break;
	}
	events_standing(plugin, event->topic, event->topic_len);
}

/* Other sites of one topic write it at once: which came last only the database can say. */
static bool is_crossed(const struct plugin *plugin, const struct contract_match *match,
		       const struct others_event *event)
{
	return event->is_retained && match->channel && !match->channel->mapping &&
	       crossings_has_written(plugin->crossings, event->topic, event->topic_len,
				     clock_mono_ns());
}

static void hear_standing(struct plugin *plugin, const struct contract_match *match,
			  const struct others_news *news)
{
	const struct others_event *event = &news->event;
	bool is_open = is_crossed(plugin, match, event);

	crossings_hear(plugin->crossings, event->topic, event->topic_len);
	if (event->revision > 0 || event->is_will || (event->is_retained && !is_open))
		compare_delivered(plugin, news);
	if (is_open)
		events_standing(plugin, event->topic, event->topic_len);
	else if (event->is_retained)
		events_standing_await(plugin, news);
}

static void hear_event(struct plugin *plugin, const struct others_news *news)
{
	const struct others_event *event = &news->event;
	struct contract_match match =
		topics_match(plugin->rules->contract->topics, event->topic, event->topic_len);

	hear_entity(plugin, &match, event);
	if (event->is_overruled) {
		hear_overruled(plugin, &match, news);
		return;
	}
	hear_standing(plugin, &match, news);
	if (event->unique)
		ledger_heard_unique(plugin->ledger, event->publisher, event->unique);
	if (event->qos > 0 && !event->is_will && event->client_id[0])
		ledger_heard_digest(plugin->ledger,
				    events_sender(plugin, event->publisher, event->client_id),
				    event->digest);
}

static void hear(struct plugin *plugin, const struct others_news *news)
{
	switch (news->kind) {
	case OTHERS_EVENT:
		hear_event(plugin, news);
		break;
	case OTHERS_BAN:
		feed_hear_ban(plugin->feed, &news->ban);
		break;
	case OTHERS_LOST:
		if (!news->is_again)
			broker_log(BROKER_NOTICE,
				   "the database could not be asked what other brokers did: "
				   "all that is known of entities is read again");
		break;
	case OTHERS_SEEN:
		break;
	}
}

/* Has its entity moved on since what was delivered on the topic? */
static bool is_behind(struct plugin *plugin, const struct crossings_topic *topic)
{
	struct contract_match match =
		topics_match(plugin->rules->contract->topics, topic->topic, topic->len);
	const struct contract_mapping *mapping = match.channel ? match.channel->mapping : NULL;
	const struct contract_span *id = mapping ? &match.param[mapping->param] : NULL;
	struct ledger_state state;

	return !id ||
	       ledger_look(plugin->ledger, mapping->entity->index, id->text, id->len, &state,
			   NULL) != 0 ||
	       state.revision > crossings_delivered(plugin->crossings, topic->topic, topic->len);
}

/* Does the topic still want what stands? */
static bool is_wanted(struct plugin *plugin, const struct crossings_topic *due, int64_t now_ns)
{
	const struct crossings_delivery settled = { .topic = due->topic,
						    .len = due->len,
						    .origin = due->origin,
						    .sequence = due->sequence,
						    .revision = due->revision,
						    .is_will = due->is_will };

	if (strcmp(due->origin, plugin->host) == 0)
		return !crossings_is_last(plugin->crossings, &settled);
	if (due->is_settled)
		return crossings_settle(plugin->crossings, &settled, now_ns) != CROSSINGS_AGREES;
	return due->sequence != NEVER_HEARD || is_behind(plugin, due);
}

static bool has_heard(void *ctx, const char *origin, int64_t sequence)
{
	return ledger_has_heard(ctx, origin, sequence);
}

void events_others_tick(struct plugin *plugin, int64_t now_ns)
{
	struct crossings_topic due;
	struct others_news news;

	if (!plugin->crossings)
		return;
	for (unsigned i = 0; i < NEWS_A_TICK && ledger_next_other(plugin->ledger, &news); i++)
		hear(plugin, &news);
	if (!ledger_is_hearing(plugin->ledger))
		crossings_put_off(plugin->crossings, now_ns + SETTLED_NS);
	for (unsigned i = 0; i < DUE_A_TICK && crossings_due(plugin->crossings, has_heard,
							     plugin->ledger, now_ns, &due);
	     i++)
		if (is_wanted(plugin, &due, now_ns))
			events_standing(plugin, due.topic, due.len);
	events_standing_tick(plugin, now_ns);
}
