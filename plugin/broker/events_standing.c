/*
 * events_standing.c -- what stands by the shared database is published at this broker, where
 * subscribers and the broker's retained messages may have something else, or nothing.
 *
 * That is for topics where steps crossed (events_others.c), and for retained messages of other
 * brokers of which the database told and which no bridge brought: bridges lose what finds no room
 * in a queue, and all while they are down (awaited.h). What finds no room in the lists here is
 * found by a walk through all that is retained, for the broker's memory only, as after a start.
 */
#include <inttypes.h>

#include "base/clock.h"
#include "broker/events.h"

#define LINES_NS INT64_C(10000000000) /* lines about what had no room come no more often */

void events_standing(struct plugin *plugin, const char *topic, size_t len)
{
	const struct repairs_topic standing = { .topic = topic, .len = len, .is_for_all = true };

	if (!repairs_add(plugin->repairs, &standing, ledger_last(plugin->ledger)))
		plugin->standing.unsaid++;
}

/* ---- what no bridge brought ---------------------------------------------------------------- */

void events_standing_await(struct plugin *plugin, const struct others_news *news)
{
	const struct others_event *event = &news->event;
	const struct awaited_event awaited = { .key = crossings_key(plugin->crossings, news->origin,
								    news->sequence),
					       .origin = news->origin,
					       .sequence = news->sequence,
					       .topic = event->topic,
					       .len = event->topic_len,
					       .revision = event->revision,
					       .heard_ns = clock_mono_ns() };

	if (!crossings_has_met(plugin->crossings, awaited.key) &&
	    !awaited_add(plugin->awaited, &awaited))
		plugin->standing.unsaid++;
}

void events_standing_came(struct plugin *plugin, const struct peers_kept *kept)
{
	const struct awaited_event came = { .key = crossings_key(plugin->crossings, kept->origin,
								 kept->sequence),
					    .origin = kept->origin,
					    .sequence = kept->sequence };

	if (kept->is_kept)
		awaited_came(plugin->awaited, &came, clock_mono_ns());
}

/* While there is room; the others wait where they are. */
static void publish_awaited(struct plugin *plugin, int64_t now_ns)
{
	struct awaited_event event;

	while (repairs_has_room(plugin->repairs) && awaited_next(plugin->awaited, now_ns, &event)) {
		if (crossings_lacks(plugin->crossings, event.topic, event.len, event.key,
				    event.revision, event.heard_ns))
			events_standing(plugin, event.topic, event.len);
		crossings_pass(plugin->crossings, event.key);
		awaited_done(plugin->awaited);
	}
}

/* ---- what had no room ---------------------------------------------------------------------- */

/* The walk finds only what the database had when it began: what it is for came before. */
static void walk(struct plugin *plugin)
{
	struct standing *standing = &plugin->standing;

	if (standing->unsaid == standing->walked || repairs_is_scanning(plugin->repairs) ||
	    awaited_count(plugin->awaited) > AWAITED_MAX / 2 || !repairs_has_room(plugin->repairs))
		return;
	standing->walked = standing->unsaid;
	events_retained_walk(plugin);
}

static void log_unsaid(struct plugin *plugin, int64_t now_ns)
{
	struct standing *standing = &plugin->standing;

	if (standing->unsaid == standing->logged || now_ns - standing->logged_ns < LINES_NS)
		return;
	broker_log(BROKER_WARNING,
		   "%" PRIu64 " messages that stand had no room on the list of those to be "
		   "published again: all that is retained is looked through",
		   standing->unsaid - standing->logged);
	standing->logged = standing->unsaid;
	standing->logged_ns = now_ns;
}

void events_standing_tick(struct plugin *plugin, int64_t now_ns)
{
	publish_awaited(plugin, now_ns);
	walk(plugin);
	log_unsaid(plugin, now_ns);
}
