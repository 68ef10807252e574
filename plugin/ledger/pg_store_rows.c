/* pg_store_rows.c -- writes rows: records in batches (pg_carry.h), refusals and alerts one by one.
 */
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/portions.h"
#include "base/utf8.h"
#include "ledger/backlog.h"
#include "ledger/pg_carry.h"
#include "ledger/pg_store_internal.h"

/* ---- records ----------------------------------------------------------------------------- */

int pg_store_make_carry(struct pg_store *store, struct diag *diag)
{
	return store->carry ? 0 : pg_carry_new(&store->carry, diag);
}

static struct pg_carry_to to_of(const struct pg_store *store)
{
	return (struct pg_carry_to){ .pg = store->pg,
				     .names = store->names,
				     .broker = store->broker,
				     .instance = store->instance };
}

/* Within a transaction what is in doubt was not done. */
static int undoubted(int rc)
{
	return rc == ERR_DOUBT ? ERR_BUSY : rc;
}

int pg_store_apply(struct store *base, uint64_t seq, const struct record *record, struct diag *diag)
{
	struct pg_store *store = pg_store_of(base);
	const struct pg_carry_to to = to_of(store);

	return undoubted(pg_carry_add(store->carry, &to, seq, record, diag));
}

int pg_store_flush(struct store *base, struct diag *diag)
{
	struct pg_store *store = pg_store_of(base);
	const struct pg_carry_to to = to_of(store);

	return undoubted(pg_carry_flush(store->carry, &to, diag));
}

uint64_t pg_store_held(const struct store *base)
{
	return pg_carry_held(((const struct pg_store *)base)->carry);
}

/* ---- refusals, letters, alerts ----------------------------------------------------------- */

/* What a client chose, where only text may stand: up to what is none. */
static void add_plain(struct pg_params *params, const char *text, size_t len)
{
	size_t plain = 0, n;

	while (plain < len && text[plain] != '\0') {
		n = utf8_length((const unsigned char *)text + plain, len - plain);
		if (n == 0)
			break;
		plain += n;
	}
	pg_add_text(params, plain > 0 ? text : "", plain);
}

static void add_string(struct pg_params *params, const char *text)
{
	add_plain(params, text, strlen(text));
}

/* Into the one of two columns that takes it. */
static void add_payload(struct pg_params *params, const struct refusal *refusal)
{
	const char *payload = refusal->payload;
	size_t len = refusal->payload_len;
	bool is_text = len > 0 && utf8_is_text(payload, len);

	pg_add_text(params, is_text ? payload : NULL, is_text ? len : 0);
	if (is_text || len == 0)
		pg_add_null(params);
	else
		pg_add_bytes(params, payload, len);
}

/* Whose row it is, see ../006-shares.sql. @share has room for BACKLOG_TEXT_MAX and a word. */
static const char *share_of(const struct who *who, char *share, size_t size)
{
	char net[PEER_NET_MAX];

	(void)snprintf(share, size, "%s %s", who->is_proved ? "user" : "from",
		       portions_name(who, net));
	return share;
}

int pg_store_refuse(struct store *base, const struct refusal *refusal, struct diag *diag)
{
	struct pg_store *store = pg_store_of(base);
	struct pg_params params = { 0 };
	char time[CLOCK_TEXT_MAX], share[BACKLOG_TEXT_MAX + 8];

	pg_add_string(&params, refusal->id);
	pg_add_string(&params, clock_print(refusal->time_ms, time));
	pg_add_string(&params, refusal->action);
	pg_add_string(&params, reason_code(refusal->reason));
	pg_add_number(&params, refusal->is_observed);
	add_string(&params, refusal->who.client_id);
	add_string(&params, refusal->who.principal);
	add_string(&params, refusal->who.address);
	add_plain(&params, refusal->topic, refusal->topic_len);
	pg_add_number(&params, refusal->qos);
	pg_add_number(&params, refusal->is_retained);
	add_string(&params, refusal->pointer);
	add_string(&params, refusal->keyword);
	add_string(&params, refusal->message);
	add_string(&params, refusal->current_status);
	add_payload(&params, refusal);
	pg_add_number(&params, (int64_t)refusal->payload_bytes);
	add_string(&params, share_of(&refusal->who, share, sizeof(share)));
	pg_add_number(&params, refusal->is_closed);
	add_string(&params, refusal->message_name);
	pg_add_string(&params, store->broker);
	return pg_store_exec(
		store,
		"INSERT INTO refusals (decision_id, time, action, reason, observed, client_id, "
		"principal, address, topic, qos, retained, pointer, keyword, message, standing, "
		"payload, payload_raw, payload_bytes, share, closed, message_name, origin) VALUES "
		"($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, "
		"$19, $20, $21, $22)",
		&params, NULL, "cannot write to refusals", diag);
}

int pg_store_letter(struct store *base, const struct refusal *refusal, struct diag *diag)
{
	struct pg_store *store = pg_store_of(base);
	struct pg_params params = { 0 };
	char share[BACKLOG_TEXT_MAX + 8];
	size_t bytes = refusal->payload_bytes + refusal->properties_len + STORE_LETTER_ROOM;

	pg_add_string(&params, refusal->id);
	add_string(&params, share_of(&refusal->who, share, sizeof(share)));
	pg_add_number(&params, (int64_t)bytes);
	pg_add_bytes(&params, refusal->payload_bytes ? refusal->payload : "",
		     refusal->payload_bytes);
	pg_add_bytes(&params, refusal->properties_len ? refusal->properties : "",
		     refusal->properties_len);
	return pg_store_exec(store,
			     "INSERT INTO store_letters (decision_id, share, bytes, payload, "
			     "properties) VALUES ($1, $2, $3, $4, $5)",
			     &params, NULL, "cannot write to store_letters", diag);
}

int pg_store_resent(struct store *base, const char *decision_id, const char *text,
		    struct diag *diag)
{
	struct pg_store *store = pg_store_of(base);
	struct pg_params params = { 0 };
	int rc;

	pg_add_string(&params, decision_id);
	add_string(&params, text);
	rc = pg_store_exec(store, "UPDATE refusals SET resent = $2 WHERE decision_id = $1", &params,
			   NULL, "cannot write to refusals", diag);
	if (rc)
		return rc;
	params.count = 1;
	return pg_store_exec(store, "DELETE FROM store_letters WHERE decision_id = $1", &params,
			     NULL, "cannot remove from store_letters", diag);
}

int pg_store_alert(struct store *base, const struct alertrow *alert, struct diag *diag)
{
	struct pg_store *store = pg_store_of(base);
	struct pg_params params = { 0 };
	char time[CLOCK_TEXT_MAX], share[BACKLOG_TEXT_MAX + 8];

	pg_add_string(&params, clock_print(alert->time_ms, time));
	pg_add_string(&params, alert->kind);
	pg_add_string(&params, alert->state);
	add_string(&params, alert->who.client_id);
	add_string(&params, alert->who.principal);
	add_string(&params, alert->who.address);
	add_string(&params, alert->document);
	add_string(&params, share_of(&alert->who, share, sizeof(share)));
	pg_add_string(&params, store->broker);
	return pg_store_exec(store,
			     "INSERT INTO alerts (time, kind, state, client_id, principal, "
			     "address, document, share, origin) VALUES ($1, $2, $3, $4, $5, $6, "
			     "$7, $8, $9)",
			     &params, NULL, "cannot write to alerts", diag);
}
