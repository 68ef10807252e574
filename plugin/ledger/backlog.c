#include "ledger/backlog.h"

#include <inttypes.h>
#include <pthread.h>
#include <stdatomic.h>
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
	size_t letters; /* bytes of theirs that wait */
	_Atomic size_t bytes;
	int64_t times; /* it was taken */
	int64_t summed_up_ms;
	_Atomic uint64_t lost;
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

#define TEXTS_MAX 10u

/* An item to be copied: its texts, which are still the caller's, and their lengths.
 */
struct uncopied {
	struct backlog_item item;
	size_t count;
	struct {
		const char **at; /* in the item */
		size_t len;
	} text[TEXTS_MAX];
};

static void add(struct uncopied *uncopied, const char **text, size_t len)
{
	uncopied->text[uncopied->count].at = text;
	uncopied->text[uncopied->count++].len = len;
	uncopied->item.bytes += len + 1; /* with a NUL */
}

static void add_cut(struct uncopied *uncopied, const char **text)
{
	add(uncopied, text, cut(*text, strlen(*text)));
}

/* All texts that are not literals. */
static void uncopied_refusal(struct uncopied *uncopied, const struct refusal *from)
{
	struct refusal *refusal = &uncopied->item.refusal;

	uncopied->count = 0;
	uncopied->item = (struct backlog_item){ .refusal = *from, .bytes = sizeof(uncopied->item) };
	add_cut(uncopied, &refusal->id);
	add_cut(uncopied, &refusal->who.client_id);
	add_cut(uncopied, &refusal->who.principal);
	add_cut(uncopied, &refusal->who.address);
	add_cut(uncopied, &refusal->pointer);
	add_cut(uncopied, &refusal->keyword);
	add_cut(uncopied, &refusal->message);
	add_cut(uncopied, &refusal->current_status);
	add_cut(uncopied, &refusal->message_name);
	refusal->topic_len = cut(from->topic, from->topic_len);
	add(uncopied, &refusal->topic, refusal->topic_len);
	uncopied->item.bytes += refusal->payload_len;
}

/* What a letter has beyond the refusal. */
static size_t letter_bytes(const struct refusal *refusal)
{
	return refusal->payload_bytes - refusal->payload_len + refusal->properties_len;
}

/* An alert's document must stay whole: the room that prints it bounds it. */
static void uncopied_alert(struct uncopied *uncopied, const struct alertrow *from)
{
	struct alertrow *alert = &uncopied->item.alert;
	const char **text[] = { &alert->kind,          &alert->state,       &alert->who.client_id,
				&alert->who.principal, &alert->who.address, &alert->document };

	uncopied->count = 0;
	uncopied->item = (struct backlog_item){ .is_alert = true,
						.alert = *from,
						.bytes = sizeof(uncopied->item) };
	for (size_t i = 0; i < sizeof(text) / sizeof(*text); i++)
		add(uncopied, text[i], strlen(*text[i]));
}

/* To @at; of a letter the whole one, and the properties. */
static void copy_payload(struct refusal *refusal, char *at)
{
	size_t len = refusal->is_letter ? refusal->payload_bytes : refusal->payload_len;

	if (len > 0)
		memcpy(at, refusal->payload, len);
	refusal->payload = at;
	if (refusal->is_letter && refusal->properties_len > 0)
		memcpy(at + len, refusal->properties, refusal->properties_len);
	refusal->properties = refusal->is_letter ? at + len : NULL;
}

/* The item with texts of its own, behind it. NULL: memory ran out. */
static struct backlog_item *copy(struct uncopied *uncopied)
{
	struct backlog_item *item = malloc(uncopied->item.bytes);
	char *at = (char *)(item + 1);

	if (!item)
		return NULL;
	for (size_t i = 0; i < uncopied->count; i++) {
		size_t len = uncopied->text[i].len;

		if (len > 0)
			memcpy(at, *uncopied->text[i].at, len);
		at[len] = '\0';
		*uncopied->text[i].at = at;
		at += len + 1;
	}
	*item = uncopied->item;
	if (!item->is_alert)
		copy_payload(&item->refusal, at);
	return item;
}

/* ---- the queue --------------------------------------------------------------------------- */

/* Asked before the copy is made: a flood costs no memory. */
static bool has_room(struct backlog *backlog, const struct who *who, size_t bytes)
{
	bool has;

	(void)pthread_mutex_lock(&backlog->lock); /* cannot fail: not recursive */
	has = portions_take(&backlog->portions, who, bytes > LEAST_BYTES ? bytes : LEAST_BYTES,
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

/* A letter that finds no room, or whose topic is cut, is a refusal as any. */
static void take_letter(struct backlog *backlog, struct backlog_item *item, size_t topic_len)
{
	struct refusal *refusal = &item->refusal;
	size_t more = refusal->is_letter ? letter_bytes(refusal) : 0;

	if (!refusal->is_letter)
		return;
	(void)pthread_mutex_lock(&backlog->lock);
	refusal->is_letter = refusal->topic_len == topic_len &&
			     refusal->payload_bytes <= BACKLOG_LETTER_BYTES &&
			     backlog->letters + more <= BACKLOG_LETTERS_BYTES;
	if (refusal->is_letter)
		backlog->letters += more;
	(void)pthread_mutex_unlock(&backlog->lock);
	item->bytes += refusal->is_letter ? more : 0;
}

bool backlog_put(struct backlog *backlog, const struct refusal *refusal)
{
	struct uncopied uncopied;

	uncopied_refusal(&uncopied, refusal);
	if (!has_room(backlog, &refusal->who, uncopied.item.bytes))
		return false;
	take_letter(backlog, &uncopied.item, refusal->topic_len);
	return append(backlog, copy(&uncopied));
}

bool backlog_put_resent(struct backlog *backlog, const char *decision_id, const char *text)
{
	const struct refusal refusal = { .id = decision_id,
					 .action = "",
					 .who = { .client_id = "", .principal = "", .address = "" },
					 .pointer = "",
					 .keyword = "",
					 .message = text,
					 .current_status = "",
					 .message_name = "" };
	struct uncopied uncopied;

	uncopied_refusal(&uncopied, &refusal);
	uncopied.item.is_resent = true;
	return append(backlog, copy(&uncopied));
}

bool backlog_put_alert(struct backlog *backlog, const struct alertrow *alert)
{
	struct uncopied uncopied;

	if (!has_room_for_alert(backlog))
		return false;
	uncopied_alert(&uncopied, alert);
	return append(backlog, copy(&uncopied));
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
					 .current_status = "",
					 .message_name = "" };
	struct uncopied uncopied;

	(void)snprintf(message, sizeof(message), "%" PRIu64 " more refusals were not kept", count);
	uncopied_refusal(&uncopied, &refusal);
	**end = copy(&uncopied);
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
	backlog->alerts = 0;
	backlog->letters = 0;
	backlog->bytes = 0;
	backlog->times++;
	if (is_last || now_ms - backlog->summed_up_ms >= SUM_UP_MS) {
		backlog->summed_up_ms = now_ms;
		(void)portions_held(&backlog->portions, &held);
	}
	(void)pthread_mutex_unlock(&backlog->lock);
	if (held.count > 0)
		sum_up(end, &held);
	return items;
}

bool backlog_is_pressing(struct backlog *backlog)
{
	return atomic_load(&backlog->bytes) > BACKLOG_BYTES_MAX / 4;
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
	return atomic_load(&backlog->lost);
}
