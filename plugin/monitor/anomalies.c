#include "monitor/anomalies.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define RATE_LEARNED 12u   /* windows with messages in them */
#define SIZES_LEARNED 200u /* payloads of a channel */
#define SIZES_LEAST 256.0f /* bytes that are never far */

__attribute__((cold, noinline)) static void see(struct sightings *ret, enum alert_kind kind,
						uint64_t count)
{
	if (ret->count < SIGHTINGS_MAX)
		ret->item[ret->count++] = (struct sighting){ .kind = kind, .count = count };
}

__attribute__((cold, noinline)) static void see_numbers(struct sightings *ret, enum alert_kind kind,
							uint64_t count, double observed,
							double expected)
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
static bool count(const struct setting *setting, struct window *window, uint32_t now_s)
{
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
	uint32_t now_s = anomalies_seconds(now_ns);

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

static struct baseline_bounds rate_bounds(const struct setting *setting)
{
	return (struct baseline_bounds){ .factor = (float)setting->factor,
					 .least = 1,
					 .learned = RATE_LEARNED };
}

/* A window that is over is learned; only windows that had messages, or a client that pauses would
 * seem to send little. */
__attribute__((noinline)) static void begin_window(const struct setting *setting,
						   struct client *client, uint32_t now_s)
{
	const struct baseline_bounds bounds = rate_bounds(setting);

	if (client->published.count > 0)
		baseline_learn(&client->rate, &bounds, (float)client->published.count);
	client->published = (struct window){ .start_s = now_s };
}

/* Seen when the limit is crossed, and each time as many again have come. */
__attribute__((noinline)) static void judge_rate(const struct setting *setting,
						 const struct client *client, struct sightings *ret)
{
	const struct baseline_bounds bounds = rate_bounds(setting);
	float limit = baseline_limit(&client->rate, &bounds);
	uint32_t count = client->published.count;

	if ((float)count <= limit ||
	    (count - (uint32_t)limit) % ((uint32_t)limit + setting->threshold) != 1)
		return;
	see_numbers(ret, ALERT_PUBLISH_RATE, count, (double)count / setting->window_s,
		    (double)client->rate.mean / setting->window_s);
}

static void detect_rate(const struct setting *setting, struct client *client, uint32_t now_s,
			struct sightings *ret)
{
	if (is_over(client->published.start_s, setting->window_s, now_s))
		begin_window(setting, client, now_s);
	if (++client->published.count > setting->threshold && client->rate.learned >= RATE_LEARNED)
		judge_rate(setting, client, ret);
}

/*
 * Before enough is known all messages teach, then one out of eight: those on which the multiples
 * of the golden ratio fall into an eighth, since no fleet sends in such a rhythm.
 */
static bool is_lesson(struct usual_size *size)
{
	return (++size->passed * UINT32_C(0x9e3779b9)) >> 29 == 0 ||
	       size->baseline.learned < SIZES_LEARNED;
}

__attribute__((noinline)) static void learn_size(const struct setting *setting,
						 struct usual_size *size, float len)
{
	const struct baseline_bounds bounds = { .factor = (float)setting->factor,
						.least = SIZES_LEAST,
						.learned = SIZES_LEARNED };
	float distance;

	baseline_learn(&size->baseline, &bounds, len);
	if (size->baseline.learned < SIZES_LEARNED)
		return;
	distance = baseline_distance(&size->baseline, &bounds);
	size->least =
		size->baseline.mean > distance ? (uint32_t)(size->baseline.mean - distance) : 0;
	size->most = (uint32_t)(size->baseline.mean + distance);
}

static void detect_size(const struct setting *setting, struct client *client,
			struct usual_size *size, const struct monitor_message *message,
			uint32_t now_s, struct sightings *ret)
{
	uint32_t len = message->bytes;
	bool is_far = size->most > 0 && (len < size->least || len > size->most);
	float usual = size->baseline.mean;

	if (is_lesson(size))
		learn_size(setting, size, (float)len);
	if (is_far && count(setting, &client->sizes, now_s))
		see_numbers(ret, ALERT_PAYLOAD_SIZE, setting->threshold, (double)len,
			    (double)usual);
}

/*
 * Each message belongs to one of eight places, and in each Boyer and Moore take a vote: what is
 * more than half of a place's messages stays there and is counted. A flood is seen whatever
 * else the client sends in between, but for what falls into the same place; where that is the
 * case changes with every window.
 */
static void detect_repeats(const struct setting *setting, struct client *client,
			   const struct monitor_message *message, uint32_t now_s,
			   struct sightings *ret)
{
	uint64_t mixed;
	struct repeat *repeat;

	if (is_over(client->repeat_start_s, setting->window_s, now_s)) {
		client->repeat_start_s = now_s;
		memset(client->repeat, 0, sizeof(client->repeat));
	}
	mixed = (message->digest ^ client->repeat_start_s) * UINT64_C(0x9e3779b97f4a7c15);
	repeat = &client->repeat[mixed >> 61]; /* CLIENTS_REPEATS is eight */
	if (repeat->digest == (uint32_t)mixed) {
		if (++repeat->count < setting->threshold)
			return;
		repeat->count = 0;
		see(ret, ALERT_DUPLICATES, setting->threshold);
	} else if (repeat->count > 0) {
		repeat->count--;
	} else {
		*repeat = (struct repeat){ .digest = (uint32_t)mixed, .count = 1 };
	}
}

static void detect_clock(const struct setting *setting, struct client *client,
			 const struct monitor_message *message, uint32_t now_s,
			 struct sightings *ret)
{
	int64_t off_ms = message->claim_off_ms;

	if (llabs(off_ms) <= (int64_t)(setting->factor * 1000))
		return;
	if (count(setting, &client->skewed, now_s))
		see_numbers(ret, ALERT_CLOCK_SKEW, setting->threshold, (double)off_ms / 1000, 0);
}

void anomalies_published(const struct settings *settings, struct client *client,
			 struct usual_size *size, const struct monitor_message *message,
			 uint32_t now_s, struct sightings *ret)
{
	const struct setting *kind = settings->kind;

	if (kind[ALERT_PUBLISH_RATE].is_on)
		detect_rate(&kind[ALERT_PUBLISH_RATE], client, now_s, ret);
	if (message->bytes == 0)
		return; /* clears what is retained: has no size and no time, and repeats nothing */
	if (kind[ALERT_PAYLOAD_SIZE].is_on)
		detect_size(&kind[ALERT_PAYLOAD_SIZE], client, size, message, now_s, ret);
	if (kind[ALERT_DUPLICATES].is_on)
		detect_repeats(&kind[ALERT_DUPLICATES], client, message, now_s, ret);
	if (kind[ALERT_CLOCK_SKEW].is_on && message->has_claim)
		detect_clock(&kind[ALERT_CLOCK_SKEW], client, message, now_s, ret);
}

/* ---- refusals, takeovers, silence -------------------------------------------------------- */

/* Boyer and Moore's vote: the reason that most have is the one that counts. */
static void detect_streak(const struct setting *setting, struct client *client, enum reason reason,
			  uint32_t now_s, struct sightings *ret)
{
	if (client->refusals.count > 0 && client->refusal_reason != (uint8_t)reason &&
	    !is_over(client->refusals.start_s, setting->window_s, now_s)) {
		client->refusals.count--;
		return;
	}
	client->refusal_reason = (uint8_t)reason;
	if (count(setting, &client->refusals, now_s))
		see(ret, ALERT_REFUSAL_STREAK, setting->threshold);
}

void anomalies_refused(const struct settings *settings, struct client *client, enum reason reason,
		       uint64_t entity, int64_t now_ns, struct sightings *ret)
{
	const struct setting *kind = settings->kind;
	uint32_t now_s = anomalies_seconds(now_ns);
	uint64_t tried;

	fixedtable_blame(&client->head, 1, now_ns);
	fixedtable_blame(&client->of->head, 1, now_ns);
	if (reason == REASON_RATE_EXCEEDED) {
		if (kind[ALERT_RATE_LIMIT].is_on &&
		    count(&kind[ALERT_RATE_LIMIT], &client->above, now_s))
			see(ret, ALERT_RATE_LIMIT, kind[ALERT_RATE_LIMIT].threshold);
		return;
	}
	/* A full store or an error of ours says nothing about the client. */
	if (client->head.is_shared || reason == REASON_STORE_UNAVAILABLE ||
	    reason == REASON_INTERNAL)
		return;
	if (kind[ALERT_REFUSAL_STREAK].is_on)
		detect_streak(&kind[ALERT_REFUSAL_STREAK], client, reason, now_s, ret);
	if (kind[ALERT_ID_PROBING].is_on && entity &&
	    anomalies_distinct(&kind[ALERT_ID_PROBING], &client->probed, entity, now_ns, &tried))
		see(ret, ALERT_ID_PROBING, tried);
}

void anomalies_taken_over(const struct settings *settings, struct window *takeovers, int64_t now_ns,
			  struct sightings *ret)
{
	const struct setting *setting = &settings->kind[ALERT_TAKEOVER];

	if (setting->is_on && count(setting, takeovers, anomalies_seconds(now_ns)))
		see(ret, ALERT_TAKEOVER, setting->threshold);
}

uint32_t anomalies_silence(const struct settings *settings, const struct client_channel *channel,
			   uint32_t interval_s, int64_t now_ns)
{
	const struct setting *setting = &settings->kind[ALERT_SILENT];
	uint32_t silent_s = anomalies_seconds(now_ns) - channel->last_s;

	if (!setting->is_on || interval_s == 0 || channel->times < setting->threshold)
		return 0;
	return (double)silent_s > setting->factor * interval_s ? silent_s : 0;
}
