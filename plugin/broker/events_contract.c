#include "broker/events_contract.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "broker/events_later.h"
#include "broker/shown.h"
#include "monitor/packedparts.h"

/* Bytes of a compressed part that comes alone; one of several has PACKEDPARTS_BYTES. */
#define PART_ALONE 36864u

struct contract_part {
	struct later_who who;
	struct shown *shown; /* the thread's while it runs */
	size_t offset;
	unsigned parts; /* 0: one that comes alone */
	bool is_gzip;
	char digest[DOCUMENTS_DIGEST + 1]; /* that the parts before had; "": none */
};

static void drop(void *ctx)
{
	struct contract_part *part = ctx;

	events_later_drop_who(&part->who);
	free(part);
}

/* NULL: there is none at @offset, or memory ran out, and then *@diag is empty. */
static json_t *plain_part(struct shown *shown, const struct shown_text *text, size_t offset,
			  struct diag *diag)
{
	size_t end = 0;
	const char *plain;
	json_t *ret;

	if (shown_plain(shown, text, &plain, diag))
		return NULL;
	if (offset <= text->len)
		end = shown_part(plain, text->len, offset);
	if (end == 0) {
		(void)diag_set(diag, ERR_INVALID,
			       "offset: expected 0, or what \"next\" of an answer says");
		return NULL;
	}
	ret = json_pack("{ss sI sI so}", "digest", text->digest, "size", (json_int_t)text->len,
			"offset", (json_int_t)offset, "next",
			end < text->len ? json_integer((json_int_t)end) : json_null());
	if (ret && json_object_set_new(ret, "text", json_stringn(plain + offset, end - offset))) {
		json_decref(ret);
		return NULL;
	}
	return ret;
}

/* Names the text in @part. */
static bool add_digest(json_t *part, const struct shown_text *text)
{
	return part && json_object_set_new(part, "digest", json_string(text->digest)) == 0;
}

/* The part at @offset, which is inside the text; NULL: memory ran out. */
static json_t *packed_part(const struct shown_text *text, size_t offset)
{
	json_t *ret = packedparts_one(text->packed, text->packed_len, offset, PART_ALONE);

	if (add_digest(ret, text))
		return ret;
	json_decref(ret);
	return NULL;
}

static json_t *packed_parts(const struct shown_text *text, size_t offset, unsigned parts)
{
	json_t *ret = packedparts_list(text->packed, text->packed_len, offset, parts), *part;
	size_t i;

	json_array_foreach(ret, i, part) {
		if (!add_digest(part, text)) {
			json_decref(ret);
			return NULL;
		}
	}
	return ret;
}

static void answer(const struct contract_part *part, const struct shown_text *text,
		   struct control_answer *ret)
{
	if (part->digest[0] && strcmp(part->digest, text->digest) != 0) {
		ret->code = CONTROL_CHANGED;
		(void)diag_set(&ret->diag, ERR_STALE,
			       "the contract, or what it lets you do, was changed: begin anew");
	} else if (!part->is_gzip) {
		ret->data = plain_part(part->shown, text, part->offset, &ret->diag);
	} else if (part->offset >= text->packed_len) {
		(void)diag_set(&ret->diag, ERR_INVALID, "offset: expected 0 to %zu",
			       text->packed_len - 1);
	} else if (part->parts == 0) {
		ret->data = packed_part(text, part->offset);
	} else {
		ret->data = packed_parts(text, part->offset, part->parts);
		ret->is_parts = true;
	}
}

static void run(void *ctx, const atomic_bool *is_ending, struct control_answer *ret)
{
	struct contract_part *part = ctx;
	const struct shown_text *text;

	(void)is_ending; /* it takes a second at most */
	if (shown_make(part->shown, part->who.rules, part->who.principal, part->who.method, &text,
		       &ret->diag) == 0)
		answer(part, text, ret);
}

void events_contract(struct plugin *plugin, const struct mosquitto *client,
		     const struct control_members *members, struct control_answer *ret)
{
	struct contract_part *part;
	struct answers_job job = { .run = run, .drop = drop, .line = ANSWERS_TEXTS };

	if (!plugin->rules->documents) {
		ret->code = CONTROL_TOO_LARGE;
		(void)diag_set(&ret->diag, ERR_LIMIT, "the contract is too large to be shown");
		return;
	}
	part = calloc(1, sizeof(*part));
	if (!part)
		return;
	part->shown = plugin->shown;
	part->offset = members->offset;
	part->parts = members->parts;
	part->is_gzip = members->is_gzip;
	/* One that is longer than any is cut, and still longer than any. */
	(void)snprintf(part->digest, sizeof(part->digest), "%s",
		       members->digest ? members->digest : "");
	if (!events_later_hold(plugin, client, &part->who)) {
		free(part);
		return;
	}
	job.ctx = part;
	events_later_take(plugin, client, members, &job, ret);
}
