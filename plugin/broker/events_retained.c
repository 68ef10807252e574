/*
 * events_retained.c -- repairs retained messages of the broker that differ from the database.
 *
 * The broker writes its retained messages to its own file from time to time, and at a clean stop.
 * After it was killed it has older messages than those it acknowledged, or cleared ones. Also, an
 * accepted QoS 2 message that is released late replaces a newer one, and a broker may retain a last
 * will before the plugin refuses it. The table retained has the right messages: all of them are
 * published again after each start, a bounded number per second, and later each topic that differs.
 * Such a repair is for the broker's memory only: see repairs.h. A client that subscribes before its
 * topic was repaired is refused a message that differs, and gets the repair.
 *
 * A row is published only when the database has all accepted writes of its topic. If another write
 * is accepted before the broker delivers the repair (2.1 serves clients in between), the topic
 * waits again.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "broker/events.h"

/* Is what is retained on the channel kept? */
static bool is_kept(const struct contract_channel *channel)
{
	return channel && (channel->mapping || channel->is_recorded);
}

static bool is_kept_topic(const struct plugin *plugin, const char *topic, size_t len)
{
	return is_kept(topics_match(plugin->rules->contract->topics, topic, len).channel);
}

static void begin_scan(struct plugin *plugin, bool is_walk)
{
	plugin->retained.is_walk = is_walk;
	plugin->retained.published = plugin->retained.cleared = plugin->retained.unknown = 0;
	repairs_begin_scan(plugin->repairs, ledger_last(plugin->ledger));
}

void events_retained_begin(struct plugin *plugin)
{
	if (plugin->ledger && plugin->options.retain_again)
		begin_scan(plugin, false);
}

void events_retained_walk(struct plugin *plugin)
{
	begin_scan(plugin, true);
}

static bool wait_for(struct plugin *plugin, const struct repairs_topic *topic)
{
	return repairs_add(plugin->repairs, topic, ledger_last(plugin->ledger));
}

void events_retained_owe(struct plugin *plugin, const struct message *delivery,
			 const struct mosquitto *reader)
{
	if (plugin->ledger) /* without room for it, the next subscriber asks again */
		(void)wait_for(plugin, &(struct repairs_topic){ .topic = delivery->topic,
								.len = delivery->topic_len,
								.reader = reader });
}

void events_retained_revert(struct plugin *plugin, const struct message *will)
{
	(void)broker_retain(will->topic, ""); /* without memory for that nothing can be done */
	events_retained_owe(plugin, will, NULL);
}

/* ---- subscribers --------------------------------------------------------------------------- */

void events_compare(const struct ledger_retained *row, void *ctx)
{
	struct events_comparison *comparison = ctx;

	comparison->is_same = events_has_same_payload(comparison->message, &row->message);
}

int events_retained_compare(const struct plugin *plugin, const struct message *message,
			    bool *is_same)
{
	struct events_comparison comparison = { .message = message };
	int rc = ledger_retained_find(plugin->ledger, message->topic, message->topic_len,
				      events_compare, &comparison, NULL);

	*is_same = comparison.is_same;
	return rc;
}

/* Did the scan come past this topic? It goes in the order of SQLite's, which is that of memcmp().
 */
static bool is_behind(const struct retained *retained, const struct message *delivery)
{
	size_t less =
		retained->mark_len < delivery->topic_len ? retained->mark_len : delivery->topic_len;
	int order = retained->mark ? memcmp(delivery->topic, retained->mark, less) : 1;

	return order < 0 || (order == 0 && delivery->topic_len <= retained->mark_len);
}

/* @is_passed: the scan won't come to the topic any more. */
static void refuse(struct plugin *plugin, const struct mosquitto *client,
		   const struct message *delivery, bool is_passed, struct decision *decision)
{
	struct repairs_topic topic = { .topic = delivery->topic,
				       .len = delivery->topic_len,
				       .reader = client };

	bool is_follower = !is_passed && repairs_is_follower(plugin->repairs, client);

	if (!is_follower && !wait_for(plugin, &topic) &&
	    (is_passed || !repairs_follow(plugin->repairs, client)))
		return; /* an older one is better than none */
	decision->verdict = VERDICT_DENY;
	decision->reason = REASON_OVERTAKEN;
}

/*
 * A database that brokers share is asked so often only. Beyond that the scan after a start brings
 * what the broker may have lost; of what bridges lost all but little is there.
 */
static bool may_compare(struct plugin *plugin, const struct mosquitto *client)
{
	return !ledger_shares_database(plugin->ledger) ||
	       events_may_read(plugin, client, events_session(plugin, client));
}

void events_retained_stored(struct plugin *plugin, const struct mosquitto *client,
			    const struct message *delivery, struct decision *decision)
{
	bool is_same;
	bool is_passed =
		!repairs_is_scanning(plugin->repairs) || is_behind(&plugin->retained, delivery);
	int rc;

	/* Where the broker never ticks nothing is repaired: an older one is better than none. */
	if (!plugin->ledger || !repairs_is_active(plugin->repairs) || !plugin->has_ticked ||
	    decision->verdict != VERDICT_ALLOW || !is_kept(decision->channel) ||
	    (is_passed && repairs_waiting(plugin->repairs) == 0))
		return;
	if (!is_passed && repairs_is_follower(plugin->repairs, client)) {
		refuse(plugin, client, delivery, is_passed, decision); /* the scan brings it */
		return;
	}
	if (!ledger_is_open(plugin->ledger) ||
	    !repairs_is_current(plugin->repairs, delivery->topic, delivery->topic_len,
				ledger_arrived(plugin->ledger))) {
		if (!is_passed)
			refuse(plugin, client, delivery, is_passed, decision);
		return;
	}
	if (!may_compare(plugin, client)) {
		if (!is_passed && !plugin->retained.is_walk)
			refuse(plugin, client, delivery, is_passed, decision);
		return;
	}
	rc = events_retained_compare(plugin, delivery, &is_same);
	if (rc < 0 || (rc == 1 && !is_same))
		refuse(plugin, client, delivery, is_passed, decision);
}

/* ---- publishing again --------------------------------------------------------------------- */

struct publication {
	struct plugin *plugin;
	const void *reader;
	uint64_t arrived; /* of the journal, before the rows were read */
	bool is_full;
};

static void publish(const struct ledger_retained *row, void *ctx)
{
	struct publication *publication = ctx;
	struct plugin *plugin = publication->plugin;
	const struct message *message = &row->message;

	if (!is_kept_topic(plugin, message->topic, message->topic_len)) {
		plugin->retained.unknown++;
		return;
	}
	if (!repairs_publish(plugin->repairs, message, publication->reader,
			     ledger_last(plugin->ledger)))
		return; /* it is on its way */
	events_release_stands(plugin, message);
	if (events_publish_retained(plugin, message, row->properties, row->properties_len))
		*(message->payload_len > 0 ? &plugin->retained.published
					   : &plugin->retained.cleared) += 1;
	if (plugin->crossings)
		crossings_retain(plugin->crossings, message->topic, message->topic_len);
}

/* What stands on a topic, to all who read it: it may be that they know another message. */
static void publish_for_all(const struct ledger_retained *row, void *ctx)
{
	struct publication *publication = ctx;
	struct plugin *plugin = publication->plugin;
	const struct message *message = &row->message;

	events_release_stands(plugin, message);
	if (repairs_publish_for_all(plugin->repairs, message, ledger_last(plugin->ledger)))
		(void)events_publish_retained(plugin, message, row->properties,
					      row->properties_len); /* else no memory */
	if (plugin->crossings)
		crossings_stand(plugin->crossings, message->topic, message->topic_len);
}

/* Topics of which what stands is read at once, as they wait one behind the other. */
struct standing_batch {
	struct publication publication;
	size_t count;
	struct ledger_topic topic[LEDGER_TOPICS_MAX]; /* borrowed from the list */
	bool is_found[LEDGER_TOPICS_MAX];
};

static void publish_of_batch(const struct ledger_retained *row, void *ctx)
{
	struct standing_batch *batch = ctx;

	for (size_t i = 0; i < batch->count; i++)
		if (batch->topic[i].len == row->message.topic_len &&
		    memcmp(batch->topic[i].text, row->message.topic, row->message.topic_len) == 0)
			batch->is_found[i] = true;
	publish_for_all(row, &batch->publication);
}

/* Those first on the list that all readers get, and whose rows are current; not more than @max. */
static void collect(struct plugin *plugin, size_t max, struct standing_batch *batch)
{
	struct repairs_topic topic;

	while (batch->count < max && batch->count < LEDGER_TOPICS_MAX &&
	       repairs_next(plugin->repairs, batch->count, &topic) && topic.is_for_all &&
	       repairs_is_current(plugin->repairs, topic.topic, topic.len,
				  batch->publication.arrived))
		batch->topic[batch->count++] =
			(struct ledger_topic){ .text = topic.topic, .len = topic.len };
}

/* Where nothing is retained. Of a step that was overruled what it met may not be there yet. */
static int publish_newest(struct plugin *plugin, const struct ledger_topic *topic,
			  struct publication *publication)
{
	int rc = ledger_event_find(plugin->ledger, topic->text, topic->len, publish_for_all,
				   publication, NULL);

	if (rc == 0 && plugin->crossings)
		crossings_stand(plugin->crossings, topic->text, topic->len);
	return rc;
}

/* What is retained, else each topic's newest event. Below 0: it can't be read now. */
static int publish_batch(struct plugin *plugin, struct standing_batch *batch)
{
	int rc = ledger_retained_find_each(plugin->ledger, batch->topic, batch->count,
					   publish_of_batch, batch, NULL);

	for (size_t i = 0; i < batch->count && rc >= 0; i++)
		if (!batch->is_found[i])
			rc = publish_newest(plugin, &batch->topic[i], &batch->publication);
	for (size_t i = 0; i < batch->count && rc >= 0; i++)
		repairs_done(plugin->repairs);
	return rc;
}

/* The first on the list, for its reader, or put off. Below 0: it can't be read now. */
static int serve_one(struct plugin *plugin, uint64_t arrived)
{
	struct publication publication = { .plugin = plugin, .arrived = arrived };
	struct repairs_topic topic;
	int rc;

	(void)repairs_next(plugin->repairs, 0, &topic); /* there is one */
	if (!repairs_is_current(plugin->repairs, topic.topic, topic.len, arrived)) {
		repairs_put_off(plugin->repairs);
		ledger_hurry(plugin->ledger);
		return 0;
	}
	publication.reader = topic.reader;
	rc = ledger_retained_find(plugin->ledger, topic.topic, topic.len, publish, &publication,
				  NULL);
	if (rc >= 0)
		repairs_done(plugin->repairs);
	return rc;
}

/* What waits, each topic once. */
static void serve(struct plugin *plugin, uint64_t arrived)
{
	size_t left = repairs_waiting(plugin->repairs), budget;
	int rc = 0;

	while (rc >= 0 && left > 0 && (budget = repairs_budget(plugin->repairs)) > 0) {
		struct standing_batch batch = { .publication = { .plugin = plugin,
								 .arrived = arrived } };

		collect(plugin, left < budget ? left : budget, &batch);
		left -= batch.count > 0 ? batch.count : 1;
		/* Where it can't be read the writer says what is wrong; again in the next tick. */
		rc = batch.count > 0 ? publish_batch(plugin, &batch) : serve_one(plugin, arrived);
	}
}

static bool move_mark(struct retained *retained, const struct ledger_retained *row)
{
	char *mark = realloc(retained->mark, row->message.topic_len + 1);

	if (!mark)
		return false;
	memcpy(mark, row->message.topic, row->message.topic_len);
	retained->mark = mark;
	retained->mark_len = row->message.topic_len;
	return true;
}

static void pass(const struct ledger_retained *row, void *ctx)
{
	struct publication *publication = ctx;
	struct plugin *plugin = publication->plugin;
	struct repairs_topic topic = { .topic = row->message.topic, .len = row->message.topic_len };

	if (publication->is_full)
		return;
	if (repairs_is_current(plugin->repairs, topic.topic, topic.len, publication->arrived))
		publish(row, publication);
	else if (!wait_for(plugin, &topic))
		publication->is_full = true;
	if (!publication->is_full)
		publication->is_full = !move_mark(&plugin->retained, row);
}

static void end_scan(struct plugin *plugin)
{
	struct retained *retained = &plugin->retained;

	repairs_end_scan(plugin->repairs);
	free(retained->mark);
	retained->mark = NULL;
	retained->mark_len = 0;
	if (retained->published + retained->cleared + retained->unknown > 0)
		broker_log(BROKER_INFO,
			   "retained again what the database says: %" PRIu64 " messages, %" PRIu64
			   " topics cleared; left alone %" PRIu64
			   " topics that the contract does not keep",
			   retained->published, retained->cleared, retained->unknown);
}

static void scan(struct plugin *plugin, uint64_t arrived)
{
	struct publication publication = { .plugin = plugin, .arrived = arrived };
	struct retained *retained = &plugin->retained;
	unsigned limit = repairs_budget(plugin->repairs);
	int rc;

	if (limit == 0)
		return;
	rc = ledger_retained_next(plugin->ledger, retained->mark, retained->mark_len, limit, pass,
				  &publication, NULL);
	if (rc == 0 && !publication.is_full)
		end_scan(plugin);
}

/*
 * Either may take all that a round has room for, so they take turns at being the first: else new
 * subscribers, each of which is refused what the scan did not come to yet, could hold it up for
 * ever.
 */
static void take_turns(struct plugin *plugin, uint64_t arrived)
{
	struct retained *retained = &plugin->retained;
	bool is_first = retained->is_scans_turn;

	if (repairs_budget(plugin->repairs) == 0)
		return;
	retained->is_scans_turn = !is_first;
	if (is_first && repairs_is_scanning(plugin->repairs))
		scan(plugin, arrived);
	serve(plugin, arrived);
	if (!is_first && repairs_is_scanning(plugin->repairs))
		scan(plugin, arrived);
}

void events_retained_tick(struct plugin *plugin)
{
	if (!plugin->ledger || !repairs_is_active(plugin->repairs) ||
	    !ledger_is_open(plugin->ledger))
		return;
	repairs_round(plugin->repairs, ledger_last(plugin->ledger), clock_mono_ns());
	take_turns(plugin, ledger_arrived(plugin->ledger));
}
