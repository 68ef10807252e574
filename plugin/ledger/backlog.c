#include "ledger/backlog.h"

#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/portions.h"
#include "base/utf8.h"

/* What the smallest refusal counts: so there are BACKLOG_ITEMS_MAX at most. */
#define LEAST_BYTES (BACKLOG_BYTES_MAX / BACKLOG_ITEMS_MAX)
#define SUM_UP_MS 1000

struct backlog {
	pthread_mutex_t lock; /* held for a few instructions only */
	struct backlog_item *first;
	struct backlog_item **end;
	size_t alerts;
	size_t bytes;
	int64_t times; /* it was taken */
	int64_t told_ms;
	uint64_t lost;
	struct portions portions; /* of BACKLOG_BYTES_MAX, from one time to the next */
};

int backlog_new(struct backlog **ret, struct diag *diag)
{
	struct backlog *backlog = calloc(1, sizeof(*backlog));

	if (!backlog)
		return diag_nomem(diag);
	(void)pthread_mutex_init(&backlog->lock, NULL); /* cannot fail with these attributes */
	backlog->end = &backlog->first;
	portions_init(&backlog->portions, BACKLOG_BYTES_MAX);
	*ret = backlog;
	return 0;
}

void backlog_free(struct backlog *backlog)
{
	if (!backlog)
		return;
	backlog_drop(backlog->first);
	(void)pthread_mutex_destroy(&backlog->lock);
	free(backlog);
}

void backlog_drop(struct backlog_item *items)
{
	while (items) {
		struct backlog_item *next = items->next;

		free(items);
		items = next;
	}
}

/* ---- copying ----------------------------------------------------------------------------- */

/* Where @text is cut: within the bound, and not inside a character. */
static size_t cut(const char *text, size_t len)
{
	return len <= BACKLOG_TEXT_MAX ? len : utf8_cut(text, BACKLOG_TEXT_MAX);
}

/* Copies to *at, which moves on, and terminates. The text then borrows from the item. */
static void keep(char **at, const char **text, size_t len)
{
	char *copy = *at;

	if (len > 0)
		memcpy(copy, *text, len);
	copy[len] = '\0';
	*text = copy;
	*at = copy + len + 1;
}

struct lengths {
	size_t text[8];
	size_t sum; /* with a NUL each */
};

/* The NUL-terminated texts of a refusal that are not literals. */
static void list_texts(struct refusal *refusal, const char **ret[8])
{
	ret[0] = &refusal->id;
	ret[1] = &refusal->who.client_id;
	ret[2] = &refusal->who.principal;
	ret[3] = &refusal->who.address;
	ret[4] = &refusal->pointer;
	ret[5] = &refusal->keyword;
	ret[6] = &refusal->message;
	ret[7] = &refusal->current_status;
}

/* What a copy of @refusal takes, its texts cut. */
static struct lengths measure(struct refusal *refusal)
{
	struct lengths lengths = { .sum = 0 };
	const char **text[8];

	list_texts(refusal, text);
	for (size_t i = 0; i < 8; i++) {
		lengths.text[i] = cut(*text[i], strlen(*text[i]));
		lengths.sum += lengths.text[i] + 1;
	}
	refusal->topic_len = cut(refusal->topic, refusal->topic_len);
	lengths.sum += refusal->topic_len + 1 + refusal->payload_len + 1;
	return lengths;
}

static struct backlog_item *copy(const struct refusal *from)
{
	struct refusal refusal = *from;
	struct lengths lengths = measure(&refusal);
	const char **text[8];
	struct backlog_item *item = malloc(sizeof(*item) + lengths.sum);
	const char *payload = from->payload;
	char *at;

	if (!item)
		return NULL;
	list_texts(&refusal, text);
	at = (char *)(item + 1);
	for (size_t i = 0; i < 8; i++)
		keep(&at, text[i], lengths.text[i]);
	keep(&at, &refusal.topic, refusal.topic_len);
	keep(&at, &payload, refusal.payload_len);
	refusal.payload = payload;
	*item = (struct backlog_item){ .refusal = refusal, .bytes = sizeof(*item) + lengths.sum };
	return item;
}

/* An alert's document must stay whole: the room that prints it bounds it. */
static struct backlog_item *copy_alert(const struct alertrow *from)
{
	struct alertrow alert = *from;
	const char **text[] = { &alert.kind,          &alert.state,       &alert.who.client_id,
				&alert.who.principal, &alert.who.address, &alert.document };
	const size_t count = sizeof(text) / sizeof(*text);
	size_t sum = 0;
	struct backlog_item *item;
	char *at;

	for (size_t i = 0; i < count; i++)
		sum += strlen(*text[i]) + 1;
	item = malloc(sizeof(*item) + sum);
	if (!item)
		return NULL;
	at = (char *)(item + 1);
	for (size_t i = 0; i < count; i++)
		keep(&at, text[i], strlen(*text[i]));
	*item = (struct backlog_item){ .is_alert = true,
				       .alert = alert,
				       .bytes = sizeof(*item) + sum };
	return item;
}

/* ---- the queue --------------------------------------------------------------------------- */

/* Asked before the copy is made: a flood costs no memory. */
static bool has_room(struct backlog *backlog, const struct refusal *refusal)
{
	struct refusal measured = *refusal;
	size_t bytes = sizeof(struct backlog_item) + measure(&measured).sum;
	char net[NETOF_MAX];
	struct portions_owner owner = portions_owner(&refusal->who, net);
	bool has;

	(void)pthread_mutex_lock(&backlog->lock); /* cannot fail: not recursive */
	has = portions_take(&backlog->portions, &owner, bytes > LEAST_BYTES ? bytes : LEAST_BYTES,
			    backlog->times);
	if (!has)
		backlog->lost++;
	(void)pthread_mutex_unlock(&backlog->lock);
	return has;
}

static bool has_room_for_alert(struct backlog *backlog)
{
	bool has;

	(void)pthread_mutex_lock(&backlog->lock);
	has = backlog->alerts < BACKLOG_ALERTS_MAX;
	backlog->alerts += has;
	if (!has)
		backlog->lost++;
	(void)pthread_mutex_unlock(&backlog->lock);
	return has;
}

/* @item NULL: memory ran out. */
static bool append(struct backlog *backlog, struct backlog_item *item)
{
	if (!item) {
		backlog_lose(backlog, 1);
		return false;
	}
	(void)pthread_mutex_lock(&backlog->lock);
	*backlog->end = item;
	backlog->end = &item->next;
	backlog->bytes += item->bytes > LEAST_BYTES ? item->bytes : LEAST_BYTES;
	(void)pthread_mutex_unlock(&backlog->lock);
	return true;
}

bool backlog_put(struct backlog *backlog, const struct refusal *refusal)
{
	return has_room(backlog, refusal) && append(backlog, copy(refusal));
}

bool backlog_put_alert(struct backlog *backlog, const struct alertrow *alert)
{
	return has_room_for_alert(backlog) && append(backlog, copy_alert(alert));
}

/* ---- what was lost ------------------------------------------------------------------------ */

/* "1200 more refusals of user eva were not kept", as a refusal. Without memory there is none. */
static void sum_up_one(struct backlog_item ***end, const char *name, bool is_proved, uint64_t count)
{
	char message[80];
	const struct refusal refusal = { .id = "",
					 .time_ms = clock_unix_ms(),
					 .action = BACKLOG_SUMMARY,
					 .reason = REASON_RATE_EXCEEDED,
					 .who = { .client_id = "",
						  .principal = is_proved ? name : "",
						  .is_proved = is_proved,
						  .address = is_proved ? "" : name },
					 .pointer = "",
					 .keyword = "",
					 .message = message,
					 .current_status = "" };

	(void)snprintf(message, sizeof(message), "%" PRIu64 " more refusals were not kept", count);
	**end = copy(&refusal);
	if (**end)
		*end = &(**end)->next;
}

static void sum_up(struct backlog_item **end, const struct portions_held *held)
{
	uint64_t others = held->count;

	for (size_t i = 0; i < held->named; i++) {
		sum_up_one(&end, held->worst[i].name, held->worst[i].is_proved,
			   held->worst[i].count);
		others -= held->worst[i].count;
	}
	if (others > 0)
		sum_up_one(&end, "", false, others);
}

struct backlog_item *backlog_take(struct backlog *backlog, bool is_last)
{
	int64_t now_ms = clock_mono_ns() / 1000000;
	struct portions_held held = { .count = 0 };
	struct backlog_item *items, **end;

	(void)pthread_mutex_lock(&backlog->lock);
	items = backlog->first;
	end = items ? backlog->end : &items;
	backlog->first = NULL;
	backlog->end = &backlog->first;
	backlog->alerts = backlog->bytes = 0;
	backlog->times++;
	if (is_last || now_ms - backlog->told_ms >= SUM_UP_MS) {
		backlog->told_ms = now_ms;
		(void)portions_tell(&backlog->portions, &held);
	}
	(void)pthread_mutex_unlock(&backlog->lock);
	if (held.count > 0)
		sum_up(end, &held);
	return items;
}

bool backlog_is_pressing(struct backlog *backlog)
{
	bool is_pressing;

	(void)pthread_mutex_lock(&backlog->lock);
	is_pressing = backlog->bytes > BACKLOG_BYTES_MAX / 4;
	(void)pthread_mutex_unlock(&backlog->lock);
	return is_pressing;
}

void backlog_lose(struct backlog *backlog, uint64_t count)
{
	(void)pthread_mutex_lock(&backlog->lock);
	backlog->lost += count;
	portions_lose(&backlog->portions, count);
	(void)pthread_mutex_unlock(&backlog->lock);
}

uint64_t backlog_lost(struct backlog *backlog)
{
	uint64_t lost;

	(void)pthread_mutex_lock(&backlog->lock);
	lost = backlog->lost;
	(void)pthread_mutex_unlock(&backlog->lock);
	return lost;
}
