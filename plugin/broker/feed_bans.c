/*
 * feed_bans.c -- bans that brokers of one database share, and conflicts between them.
 *
 * A ban that one broker makes or lifts counts on all. Holds are each broker's own: they are short,
 * and last for as long as one connection is at fault. A name that was cut is not shared, because it
 * may be another's.
 */
#include <string.h>

#include "base/clock.h"
#include "broker/feed_internal.h"

#define MS INT64_C(1000000)

static void share(struct feed *feed, const struct ban *ban, bool is_lifted, int64_t left_ms)
{
	const char *name = ban->is_all ? ban->principal : ban->client;
	const struct others_ban shared = { .is_principal = ban->is_all,
					   .is_lifted = is_lifted,
					   .name = name,
					   .principal = ban->is_all ? "" : ban->principal,
					   .cause = alert_code(ban->kind),
					   .until_ms = clock_unix_ms() + left_ms };

	if (feed->ledger && strlen(ban->principal) < BANS_NAME_MAX - 1 &&
	    strlen(name) < BANS_NAME_MAX - 1)
		ledger_share_ban(feed->ledger, &shared);
}

void feed_share_bans(struct feed *feed, int64_t now_ns)
{
	const struct ban *ban;

	while ((ban = bans_next_news(monitor_bans(feed->monitor))))
		share(feed, ban, false, (ban->until_ns - now_ns) / MS);
}

/* The row stays for a while, so that all hear of it. */
void feed_share_lifted(struct feed *feed, const struct ban *ban)
{
	if (!ban->is_hold)
		share(feed, ban, true, 60000);
}

void feed_hear_ban(struct feed *feed, const struct others_ban *ban)
{
	int64_t left_ms = ban->is_lifted ? 0 : ban->until_ms - clock_unix_ms();
	const struct monitor_ban heard = {
		.client = ban->is_principal ? NULL : ban->name,
		.principal = ban->is_principal ? ban->name : ban->principal,
		.cause = ban->cause,
		.seconds = left_ms > (int64_t)BANS_MAX_S * 1000 ? BANS_MAX_S
								: (uint32_t)((left_ms + 999) / 1000)
	};

	if (ban->is_lifted || left_ms > 0)
		monitor_hear_ban(feed->monitor, &heard, clock_mono_ns());
}

void feed_conflict(struct feed *feed, const char *channel)
{
	monitor_conflict(feed->monitor, channel, clock_mono_ns());
}
