#include "broker/events_contract.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "broker/events_later.h"
#include "broker/shown.h"

struct contract_part {
	struct later_who who;
	struct shown *shown; /* the thread's while it runs */
	size_t offset;
	char digest[DOCUMENTS_DIGEST]; /* that the parts before had; "": none */
};

static void drop(void *ctx)
{
	struct contract_part *part = ctx;

	events_later_drop_who(&part->who);
	free(part);
}

static void answer(const struct contract_part *part, const struct shown_text *text,
		   struct control_answer *ret)
{
	size_t end;

	if (part->digest[0] && strcmp(part->digest, text->digest) != 0) {
		ret->code = CONTROL_CHANGED;
		(void)diag_set(&ret->diag, ERR_STALE,
			       "the contract, or what it lets you do, was changed: begin anew");
		return;
	}
	end = part->offset <= text->len ? shown_part(text, part->offset) : 0;
	if (end == 0) {
		(void)diag_set(&ret->diag, ERR_INVALID,
			       "offset: expected 0, or what \"next\" of an answer says");
		return;
	}
	ret->data = json_pack("{ss sI sI so ss%}", "digest", text->digest, "size",
			      (json_int_t)text->len, "offset", (json_int_t)part->offset, "next",
			      end < text->len ? json_integer((json_int_t)end) : json_null(), "text",
			      text->text + part->offset, end - part->offset);
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
	struct answers_job job = { .run = run, .drop = drop };

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
	(void)snprintf(part->digest, sizeof(part->digest), "%s",
		       members->digest ? members->digest : "");
	if (!events_later_hold(plugin, client, &part->who)) {
		free(part);
		return;
	}
	job.ctx = part;
	events_later_take(plugin, client, members, &job, ret);
}
