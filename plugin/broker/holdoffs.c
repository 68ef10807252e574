#include "broker/holdoffs.h"

#include <stdlib.h>
#include <string.h>

#include "base/keyhash.h"
#include "base/fixedtable.h"

struct closed {
	struct fixedtable_head head;
	int64_t until_ms; /* 0: forgotten */
	int64_t length_ms;
	enum reason reason;
};

struct holdoffs {
	struct keyhash hash;
	struct fixedtable *table;
};

int holdoffs_new(struct holdoffs **ret, struct diag *diag)
{
	const struct fixedtable_options options = { .records = HOLDOFFS_CLIENTS,
						    .size = sizeof(struct closed) };
	struct holdoffs *holdoffs = calloc(1, sizeof(*holdoffs));
	int rc;

	if (!holdoffs)
		return diag_nomem(diag);
	rc = keyhash_init(&holdoffs->hash, diag);
	if (rc)
		goto out;
	rc = fixedtable_new(&options, &holdoffs->table, diag);
	if (rc)
		goto out;
	*ret = holdoffs;
	holdoffs = NULL; /* handed over */
out:
	holdoffs_free(holdoffs);
	return rc;
}

void holdoffs_free(struct holdoffs *holdoffs)
{
	if (!holdoffs)
		return;
	fixedtable_free(holdoffs->table);
	free(holdoffs);
}

static uint64_t name_of(const struct holdoffs *holdoffs, const char *principal,
			const char *client_id)
{
	return keyhash_pair(&holdoffs->hash, principal, strlen(principal), client_id,
			    strlen(client_id));
}

static bool is_forgotten(const struct closed *closed, int64_t now_ms)
{
	return closed->until_ms == 0 || now_ms - closed->until_ms >= HOLDOFFS_FORGET_MS;
}

int64_t holdoffs_close(struct holdoffs *holdoffs, const char *principal, const char *client_id,
		       enum reason reason, int64_t now_ms)
{
	uint64_t owner = name_of(holdoffs, principal, "");
	struct closed *closed;

	if (!client_id[0])
		return 0;
	closed = fixedtable_take(holdoffs->table, name_of(holdoffs, principal, client_id), owner,
				 now_ms * 1000000, NULL);
	if (closed->head.is_shared)
		return 0; /* it would hold off others */
	closed->length_ms =
		is_forgotten(closed, now_ms) ? HOLDOFFS_FIRST_MS : 2 * closed->length_ms;
	if (closed->length_ms > HOLDOFFS_MAX_MS)
		closed->length_ms = HOLDOFFS_MAX_MS;
	closed->until_ms = now_ms + closed->length_ms;
	closed->reason = reason;
	return closed->length_ms;
}

bool holdoffs_find(const struct holdoffs *holdoffs, const char *principal, const char *client_id,
		   int64_t now_ms, struct holdoff *ret)
{
	const struct closed *closed =
		fixedtable_find(holdoffs->table, name_of(holdoffs, principal, client_id));

	if (!closed || is_forgotten(closed, now_ms))
		return false;
	ret->wait_ms = closed->until_ms > now_ms ? closed->until_ms - now_ms : 0;
	ret->reason = closed->reason;
	return true;
}

void holdoffs_forget(struct holdoffs *holdoffs, const char *principal, const char *client_id)
{
	struct closed *closed =
		fixedtable_find(holdoffs->table, name_of(holdoffs, principal, client_id));

	if (closed)
		closed->until_ms = 0;
}
