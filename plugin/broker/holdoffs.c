#include "broker/holdoffs.h"

#include <stdlib.h>
#include <string.h>

#include "monitor/keyhash.h"
#include "monitor/table.h"

struct record {
	struct table_head head;
	int64_t until_ms; /* 0: forgotten */
	int64_t length_ms;
	enum reason reason;
};

struct holdoffs {
	struct keyhash hash;
	struct table *table;
};

int holdoffs_new(struct holdoffs **ret, struct diag *diag)
{
	struct holdoffs *holdoffs = calloc(1, sizeof(*holdoffs));
	int rc;

	if (!holdoffs)
		return diag_nomem(diag);
	rc = keyhash_init(&holdoffs->hash, diag);
	if (rc == 0)
		rc = table_new(HOLDOFFS_CLIENTS, sizeof(struct record), &holdoffs->table, diag);
	if (rc) {
		holdoffs_free(holdoffs);
		return rc;
	}
	*ret = holdoffs;
	return 0;
}

void holdoffs_free(struct holdoffs *holdoffs)
{
	if (!holdoffs)
		return;
	table_free(holdoffs->table);
	free(holdoffs);
}

static uint64_t name_of(const struct holdoffs *holdoffs, const char *principal,
			const char *client_id)
{
	return keyhash_pair(&holdoffs->hash, principal, strlen(principal), client_id,
			    strlen(client_id));
}

static bool is_forgotten(const struct record *record, int64_t now_ms)
{
	return record->until_ms == 0 || now_ms - record->until_ms >= HOLDOFFS_FORGET_MS;
}

int64_t holdoffs_close(struct holdoffs *holdoffs, const char *principal, const char *client_id,
		       enum reason reason, int64_t now_ms)
{
	uint64_t owner = name_of(holdoffs, principal, "");
	struct record *record;
	bool is_new;

	if (!client_id[0])
		return 0;
	record = table_take(holdoffs->table, name_of(holdoffs, principal, client_id), owner,
			    now_ms * 1000000, NULL, NULL, &is_new);
	if (record->head.is_strangers)
		return 0; /* shared, so that it would hold off others; see table.h when there is one
			   */
	record->length_ms =
		is_forgotten(record, now_ms) ? HOLDOFFS_FIRST_MS : 2 * record->length_ms;
	if (record->length_ms > HOLDOFFS_MAX_MS)
		record->length_ms = HOLDOFFS_MAX_MS;
	record->until_ms = now_ms + record->length_ms;
	record->reason = reason;
	return record->length_ms;
}

bool holdoffs_find(const struct holdoffs *holdoffs, const char *principal, const char *client_id,
		   int64_t now_ms, struct holdoff *ret)
{
	const struct record *record =
		table_find(holdoffs->table, name_of(holdoffs, principal, client_id));

	if (!record || is_forgotten(record, now_ms))
		return false;
	ret->wait_ms = record->until_ms > now_ms ? record->until_ms - now_ms : 0;
	ret->reason = record->reason;
	return true;
}

void holdoffs_forget(struct holdoffs *holdoffs, const char *principal, const char *client_id)
{
	struct record *record =
		table_find(holdoffs->table, name_of(holdoffs, principal, client_id));

	if (record)
		record->until_ms = 0;
}
