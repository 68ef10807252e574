#include "monitor/bans.h"

#include <stdlib.h>
#include <string.h>

#include "base/utf8.h"

#define SECOND_NS INT64_C(1000000000)

/*
 * A plain list: it is looked through when a client connects, which costs a few microseconds
 * when it is full.
 */
struct bans {
	size_t count;
	bool has_news;
	struct ban ban[BANS_MAX]; /* those that ended are kept for an hour: their past counts */
};

int bans_new(struct bans **ret, struct diag *diag)
{
	*ret = calloc(1, sizeof(**ret));
	return *ret ? 0 : diag_nomem(diag);
}

void bans_free(struct bans *bans)
{
	free(bans);
}

static bool is_forgotten(const struct ban *ban, int64_t now_ns)
{
	return now_ns - ban->until_ns > BANS_HOLD_MAX_S * SECOND_NS;
}

/* The subject's entry, or one for it. */
static struct ban *take(struct bans *bans, const struct bans_subject *who, int64_t now_ns)
{
	struct ban *chosen = NULL;

	for (size_t i = 0; i < bans->count; i++) {
		struct ban *ban = &bans->ban[i];

		if (ban->subject == who->subject) {
			if (is_forgotten(ban, now_ns))
				ban->times = 0;
			return ban;
		}
		if (!chosen || ban->until_ns < chosen->until_ns)
			chosen = ban;
	}
	if (bans->count < BANS_MAX && (!chosen || !is_forgotten(chosen, now_ns)))
		chosen = &bans->ban[bans->count++];
	*chosen = (struct ban){ .subject = who->subject, .is_all = who->is_all };
	utf8_copy(chosen->client, sizeof(chosen->client), who->client);
	utf8_copy(chosen->principal, sizeof(chosen->principal), who->principal);
	return chosen;
}

static void extend(struct ban *ban, enum alert_kind kind, bool is_hold, uint32_t seconds,
		   int64_t now_ns)
{
	int64_t until_ns = now_ns + seconds * SECOND_NS;

	if (ban->until_ns >= until_ns)
		return;
	if (ban->until_ns <= now_ns) {
		ban->from_ns = now_ns;
		ban->is_hold = true;
	}
	ban->until_ns = until_ns;
	ban->kind = kind;
	ban->is_hold = ban->is_hold && is_hold; /* no hold makes a ban less */
}

/* @seconds, doubled so many times. */
static uint32_t doubled(uint32_t seconds, uint32_t times)
{
	for (; times > 0 && seconds < BANS_HOLD_MAX_S; times--)
		seconds *= 2;
	return seconds < BANS_HOLD_MAX_S ? seconds : BANS_HOLD_MAX_S;
}

uint32_t bans_hold(struct bans *bans, const struct bans_subject *who, enum alert_kind kind,
		   uint32_t seconds, int64_t now_ns)
{
	struct ban *ban = take(bans, who, now_ns);

	seconds = doubled(seconds, ban->times);
	if (ban->times < 32)
		ban->times++;
	extend(ban, kind, true, seconds, now_ns);
	return seconds;
}

uint32_t bans_hold_again(struct bans *bans, const struct bans_subject *who, enum alert_kind kind,
			 uint32_t seconds, int64_t now_ns)
{
	struct ban *ban = take(bans, who, now_ns);

	if (ban->times == 0)
		ban->times = 1; /* it was lifted, or is over for long */
	seconds = doubled(seconds, ban->times - 1);
	extend(ban, kind, true, seconds, now_ns);
	return seconds;
}

void bans_put(struct bans *bans, const struct bans_subject *who, enum alert_kind kind,
	      uint32_t seconds, int64_t now_ns)
{
	extend(take(bans, who, now_ns), kind, false, seconds < BANS_MAX_S ? seconds : BANS_MAX_S,
	       now_ns);
}

/* That of @subject, if it is in force. */
static const struct ban *find(const struct bans *bans, uint64_t subject, int64_t now_ns)
{
	for (size_t i = 0; i < bans->count; i++)
		if (bans->ban[i].subject == subject)
			return bans->ban[i].until_ns > now_ns ? &bans->ban[i] : NULL;
	return NULL;
}

int64_t bans_wait(const struct bans *bans, uint64_t subject, int64_t now_ns)
{
	const struct ban *ban = find(bans, subject, now_ns);

	return ban ? ban->until_ns - now_ns : 0;
}

bool bans_is_banned(const struct bans *bans, uint64_t subject, int64_t now_ns)
{
	const struct ban *ban = find(bans, subject, now_ns);

	return ban && !ban->is_hold;
}

const struct ban *bans_active(const struct bans *bans, size_t index, int64_t now_ns)
{
	for (size_t i = 0; i < bans->count; i++)
		if (bans->ban[i].until_ns > now_ns && index-- == 0)
			return &bans->ban[i];
	return NULL;
}

size_t bans_count(const struct bans *bans, int64_t now_ns)
{
	size_t count = 0;

	for (size_t i = 0; i < bans->count; i++)
		count += bans->ban[i].until_ns > now_ns;
	return count;
}

/* As far as a name was kept. */
static bool is_name(const char *kept, const char *name)
{
	return !name || strncmp(kept, name, BANS_NAME_MAX - 1) == 0;
}

bool bans_is_meant(const struct ban *ban, const char *client, const char *principal)
{
	return is_name(ban->client, client) && is_name(ban->principal, principal);
}

size_t bans_lift(struct bans *bans, const char *client, const char *principal, int64_t now_ns)
{
	size_t lifted = 0;

	for (size_t i = bans->count; i-- > 0;) {
		if (!bans_is_meant(&bans->ban[i], client, principal))
			continue;
		lifted += bans->ban[i].until_ns > now_ns;
		bans->ban[i] = bans->ban[--bans->count];
	}
	return lifted;
}

static struct ban *of_subject(struct bans *bans, uint64_t subject)
{
	for (size_t i = 0; i < bans->count; i++)
		if (bans->ban[i].subject == subject)
			return &bans->ban[i];
	return NULL;
}

void bans_tell(struct bans *bans, uint64_t subject)
{
	struct ban *ban = of_subject(bans, subject);

	if (!ban)
		return;
	ban->is_news = true;
	bans->has_news = true;
}

const struct ban *bans_next_news(struct bans *bans)
{
	for (size_t i = 0; bans->has_news && i < bans->count; i++)
		if (bans->ban[i].is_news) {
			bans->ban[i].is_news = false;
			return &bans->ban[i];
		}
	bans->has_news = false;
	return NULL;
}

void bans_end(struct bans *bans, uint64_t subject)
{
	struct ban *ban = of_subject(bans, subject);

	if (ban)
		*ban = bans->ban[--bans->count];
}
