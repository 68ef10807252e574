#include "monitor/anomalies.h"

#include <math.h>
#include <stdlib.h>

#define SECOND_NS INT64_C(1000000000)
#define RATE_LEARNED 12u   /* windows with messages in them */
#define SIZES_LEARNED 200u /* payloads of a channel */
#define SIZES_LEAST 256.0f /* bytes that are never far */

static uint32_t seconds(int64_t ns)
{
	return (uint32_t)(ns / SECOND_NS) + 1; /* 0 means: never */
}

static void see(struct sightings *ret, enum alert_kind kind, uint64_t count)
{
	if (ret->count < SIGHTINGS_MAX)
		ret->item[ret->count++] = (struct sighting){ .kind = kind, .count = count };
}

static void see_numbers(struct sightings *ret, enum alert_kind kind, uint64_t count,
			double observed, double expected)
{
	see(ret, kind, count);
	ret->item[ret->count - 1].observed = observed;
	ret->item[ret->count - 1].expected = expected;
	ret->item[ret->count - 1].has_numbers = true;
}

static bool is_over(uint32_t start_s, uint32_t window_s, uint32_t now_s)
{
	return start_s == 0 || now_s - start_s >= window_s;
}

/* One more; true where that makes @setting's threshold, and counting begins anew. */
static bool count(const struct setting *setting, struct window *window, int64_t now_ns)
{
	uint32_t now_s = seconds(now_ns);

	if (is_over(window->start_s, setting->window_s, now_s))
		*window = (struct window){ .start_s = now_s };
	if (++window->count < setting->threshold)
		return false;
	*window = (struct window){ 0 };
	return true;
}

/* Linear counting (Whang et al.): n names leave a share of exp(-n/64) of 64 bits unset. */
static uint64_t estimate(uint64_t seen)
{
	int unset = 64 - __builtin_popcountll(seen);

	return unset == 0 ? 266 : (uint64_t)(64 * log(64.0 / unset) + 0.5);
}

bool anomalies_distinct(const struct setting *setting, struct distinct *distinct, uint64_t name,
			int64_t now_ns, uint64_t *ret)
{
	uint32_t now_s = seconds(now_ns);

	if (is_over(distinct->start_s, setting->window_s, now_s))
		*distinct = (struct distinct){ .start_s = now_s };
	distinct->seen |= UINT64_C(1) << (name & 63);
	*ret = estimate(distinct->seen);
	if (*ret < setting->threshold)
		return false;
	*distinct = (struct distinct){ 0 };
	return true;
}

/* ---- an accepted publish ----------------------------------------------------------------- */

/* A window that is over is learned; only such as had messages: a pause is no habit. */
static void watch_rate(const struct setting *setting, struct client *client, int64_t now_ns,
		       struct sightings *ret)
{
	const struct baseline_bounds bounds = { .factor = (float)setting->factor,
						.least = 1,
						.learned = RATE_LEARNED };
	uint32_t now_s = seconds(now_ns);
	struct window *window = &client->published;
	float limit;

	if (is_over(window->start_s, setting->window_s, now_s)) {
		if (window->count > 0)
			baseline_learn(&client->rate, &bounds, (float)window->count);
		*window = (struct window){ .start_s = now_s };
	}
	window->count++;
	if (window->count <= setting->threshold || client->rate.learned < RATE_LEARNED)
		return;
	limit = baseline_limit(&client->rate, &bounds);
	/* Seen when it is crossed, and each time as many again have come. */
	if ((float)window->count <= limit ||
	    (window->count - (uint32_t)limit) % ((uint32_t)limit + setting->threshold) != 1)
		return;
	see_numbers(ret, ALERT_PUBLISH_RATE, window->count,
		    (double)window->count / setting->window_s,
		    (double)client->rate.mean / setting->window_s);
}

static void watch_size(const struct setting *setting, struct client *client, struct baseline *size,
		       const struct anomaly_publish *publish, struct sightings *ret)
{
	const struct baseline_bounds bounds = { .factor = (float)setting->factor,
						.least = SIZES_LEAST,
						.learned = SIZES_LEARNED };
	float len = (float)publish->payload_len;
	float usual = size->mean;
	bool is_far = baseline_is_far(size, &bounds, len);

	baseline_learn(size, &bounds, len);
	if (is_far && count(setting, &client->sizes, publish->now_ns))
		see_numbers(ret, ALERT_PAYLOAD_SIZE, setting->threshold, (double)len,
			    (double)usual);
}

/*
 * Misra and Gries: what makes up more than a fifth of the messages is among the four, whatever
 * else comes in between.
 */
static void watch_repeats(const struct setting *setting, struct client *client,
			  const struct anomaly_publish *publish, struct sightings *ret)
{
	uint32_t digest = (uint32_t)(publish->digest ^ (publish->digest >> 32));
	uint32_t now_s = seconds(publish->now_ns);
	int free_place = -1;

	if (is_over(client->repeat_start_s, setting->window_s, now_s)) {
		client->repeat_start_s = now_s;
		for (unsigned i = 0; i < CLIENTS_REPEATS; i++)
			client->repeat[i].count = 0;
	}
	for (unsigned i = 0; i < CLIENTS_REPEATS; i++) {
		if (client->repeat[i].count == 0) {
			free_place = (int)i;
		} else if (client->repeat[i].digest == digest) {
			if (++client->repeat[i].count < setting->threshold)
				return;
			client->repeat[i].count = 0;
			see(ret, ALERT_DUPLICATES, setting->threshold);
			return;
		}
	}
	for (unsigned i = 0; free_place < 0 && i < CLIENTS_REPEATS; i++)
		client->repeat[i].count--;
	if (free_place >= 0) {
		client->repeat[free_place].digest = digest;
		client->repeat[free_place].count = 1;
	}
}

static void watch_clock(const struct setting *setting, struct client *client,
			const struct anomaly_publish *publish, struct sightings *ret)
{
	int64_t off_ms = publish->claim_off_ms;

	if (llabs(off_ms) <= (int64_t)(setting->factor * 1000))
		return;
	if (count(setting, &client->skewed, publish->now_ns))
		see_numbers(ret, ALERT_CLOCK_SKEW, setting->threshold, (double)off_ms / 1000, 0);
}

void anomalies_published(const struct settings *settings, struct client *client,
			 struct baseline *size, const struct anomaly_publish *publish,
			 struct sightings *ret)
{
	const struct setting *kind = settings->kind;

	if (client->head.is_strangers)
		return; /* nobody's habits */
	if (kind[ALERT_PUBLISH_RATE].is_on)
		watch_rate(&kind[ALERT_PUBLISH_RATE], client, publish->now_ns, ret);
	if (publish->payload_len == 0)
		return; /* clears what is retained: has no size and no time, and repeats nothing */
	if (kind[ALERT_PAYLOAD_SIZE].is_on)
		watch_size(&kind[ALERT_PAYLOAD_SIZE], client, size, publish, ret);
	if (kind[ALERT_DUPLICATES].is_on)
		watch_repeats(&kind[ALERT_DUPLICATES], client, publish, ret);
	if (kind[ALERT_CLOCK_SKEW].is_on && publish->has_claim)
		watch_clock(&kind[ALERT_CLOCK_SKEW], client, publish, ret);
}

/* ---- refusals, takeovers, silence -------------------------------------------------------- */

/* Boyer and Moore's vote: the reason that most have is the one that counts. */
static void watch_streak(const struct setting *setting, struct client *client, enum reason reason,
			 int64_t now_ns, struct sightings *ret)
{
	if (client->refusals.count > 0 && client->refusal_reason != (uint8_t)reason &&
	    !is_over(client->refusals.start_s, setting->window_s, seconds(now_ns))) {
		client->refusals.count--;
		return;
	}
	client->refusal_reason = (uint8_t)reason;
	if (count(setting, &client->refusals, now_ns))
		see(ret, ALERT_REFUSAL_STREAK, setting->threshold);
}

void anomalies_refused(const struct settings *settings, struct client *client, enum reason reason,
		       uint64_t entity, int64_t now_ns, struct sightings *ret)
{
	const struct setting *kind = settings->kind;
	uint64_t tried;

	table_blame(&client->head, 1, now_ns);
	if (reason == REASON_RATE_EXCEEDED) {
		if (kind[ALERT_RATE_LIMIT].is_on &&
		    count(&kind[ALERT_RATE_LIMIT], &client->above, now_ns))
			see(ret, ALERT_RATE_LIMIT, kind[ALERT_RATE_LIMIT].threshold);
		return;
	}
	/* That the store is full is nobody's pattern. */
	if (client->head.is_strangers || reason == REASON_STORE_UNAVAILABLE ||
	    reason == REASON_INTERNAL)
		return;
	if (kind[ALERT_REFUSAL_STREAK].is_on)
		watch_streak(&kind[ALERT_REFUSAL_STREAK], client, reason, now_ns, ret);
	if (kind[ALERT_ID_PROBING].is_on && entity &&
	    anomalies_distinct(&kind[ALERT_ID_PROBING], &client->probed, entity, now_ns, &tried))
		see(ret, ALERT_ID_PROBING, tried);
}

void anomalies_taken_over(const struct settings *settings, struct client *client, int64_t now_ns,
			  struct sightings *ret)
{
	const struct setting *setting = &settings->kind[ALERT_TAKEOVER];

	if (setting->is_on && !client->head.is_strangers &&
	    count(setting, &client->takeovers, now_ns))
		see(ret, ALERT_TAKEOVER, setting->threshold);
}

uint32_t anomalies_silence(const struct settings *settings, const struct client_channel *channel,
			   uint32_t interval_s, int64_t now_ns)
{
	const struct setting *setting = &settings->kind[ALERT_SILENT];
	uint32_t silent_s = seconds(now_ns) - channel->last_s;

	if (!setting->is_on || interval_s == 0 || channel->times < setting->threshold)
		return 0;
	return (double)silent_s > setting->factor * interval_s ? silent_s : 0;
}
