#include "broker/events_mended.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"

/* For so long the database may not know of one yet. */
#define UNKNOWN_S 60

/* A refusal's message, copied: what is decided about it reads the database, too. */
struct again {
	struct gate_request request;
	char *copy; /* owned: topic, payload and properties */
	const void *properties;
	size_t properties_len;
	char sender[256];
	struct diag *diag;
	bool is_usable; /* else @diag says why not */
};

/* ---- which one ----------------------------------------------------------------------------- */

/* Why it can't be published again; NULL: it can. */
static const char *fault_of(const struct ledger_letter *row)
{
	if (row->resent[0])
		return row->resent;
	if (row->is_observed)
		return "it was only observed: it was delivered";
	if (strcmp(row->action, "publish") != 0 && strcmp(row->action, "will") != 0)
		return "it is no message";
	if (!row->is_whole)
		return "its message is not kept whole: its channel has no x-dead-letter, or it did "
		       "not go there, or others took its room";
	if (row->message.qos > 2)
		return "the database has a QoS that is none";
	return NULL;
}

/* A ledger_letter_visit. */
static void copy(const struct ledger_letter *row, void *ctx)
{
	struct again *again = ctx;
	struct message *message = &again->request.message;
	const char *fault = fault_of(row);
	size_t topic = row->message.topic_len + 1, payload = row->message.payload_len;

	if (fault) {
		(void)diag_set(again->diag, ERR_INVALID, "%s%s",
			       row->resent[0] ? "was published again already: " : "", fault);
		return;
	}
	again->copy = malloc(topic + payload + row->properties_len);
	if (!again->copy) {
		(void)diag_nomem(again->diag);
		return;
	}
	*message = row->message;
	message->topic = memcpy(again->copy, row->message.topic, topic);
	message->payload =
		payload ? memcpy(again->copy + topic, row->message.payload, payload) : NULL;
	if (row->properties_len > 0)
		again->properties =
			memcpy(again->copy + topic + payload, row->properties, row->properties_len);
	again->properties_len = row->properties_len;
	(void)snprintf(again->sender, sizeof(again->sender), "%s", row->principal);
	again->is_usable = true;
}

static int64_t second_now(void)
{
	return clock_mono_ns() / 1000000000;
}

/* Was it published again so lately that the database may not know? Or may no more be now? */
static bool is_done(const struct mended *mended, const char *id, struct diag *diag)
{
	int64_t second = second_now();

	for (unsigned i = 0; i < MENDED_MAX; i++)
		if (strcmp(mended->id[i], id) == 0) {
			(void)diag_set(diag, ERR_INVALID, "was published again already");
			return true;
		}
	if (!mended->id[mended->next][0] || second - mended->second[mended->next] >= UNKNOWN_S)
		return false;
	(void)diag_set(diag, ERR_BUSY, "%u were published again within %d s: try it later",
		       MENDED_MAX, UNKNOWN_S);
	return true;
}

static bool find(struct plugin *plugin, const char *id, struct again *ret, struct diag *diag)
{
	int rc;

	*ret = (struct again){ .diag = diag };
	if (!plugin->ledger) {
		(void)diag_set(diag, ERR_INVALID, "there is no database that has refusals");
		return false;
	}
	if (is_done(&plugin->mended, id, diag))
		return false;
	rc = ledger_letter_find(plugin->ledger, id, copy, ret, diag);
	if (rc == 0)
		(void)diag_set(diag, ERR_INVALID, "there is no refusal with this id");
	return rc == 1 && ret->is_usable;
}

/* ---- publishing ---------------------------------------------------------------------------- */

/* Keeps it as @user's. False: @decision says why it can't be kept. */
static bool keep(struct plugin *plugin, const struct again *again, const char *user,
		 struct decision *decision)
{
	struct ledger_write *write = &decision->write;
	struct diag diag;

	if (!decision->has_write && !decision->has_retained)
		return true;
	write->received_ms = clock_unix_ms();
	write->publisher = user;
	write->client_id = again->request.client_id;
	write->digest = events_digest(plugin, &again->request.message);
	if (again->request.message.is_retained && again->properties_len <= LEDGER_PROPERTIES_MAX) {
		write->properties = again->properties;
		write->properties_len = again->properties_len;
	}
	diag_init(&diag);
	if (ledger_commit(plugin->ledger, write, &diag) == 0)
		return true;
	gate_refuse(decision, REASON_STORE_UNAVAILABLE, diag.text);
	return false;
}

/*
 * To all who may read it. No PUBREL has to release it, as of a last will. What is retained is read
 * from the database once more: 2.1 may serve clients before it delivers this.
 */
static void hand_out(struct plugin *plugin, const struct feed_publish *publish,
		     const struct again *again, const struct decision *decision)
{
	struct gate_request at_once = again->request;
	const struct feed_publish accepted = { .client = publish->client, .request = &at_once };

	at_once.message.is_will = true;
	events_accepted(plugin, &accepted, decision, 0);
	(void)events_publish_retained(plugin, &again->request.message, again->properties,
				      again->properties_len); /* else memory ran out */
	if (again->request.message.is_retained && (decision->has_write || decision->has_retained))
		events_retained_owe(plugin, &again->request.message, NULL);
}

/* It is known here before it is in the database. */
static void note(struct plugin *plugin, const char *id, const char *user, uint64_t event)
{
	struct mended *mended = &plugin->mended;
	char time[CLOCK_TEXT_MAX], name[160], text[320];

	(void)snprintf(mended->id[mended->next], DECISIONID_TEXT, "%s", id);
	mended->second[mended->next] = second_now();
	mended->next = (mended->next + 1) % MENDED_MAX;
	(void)clock_print(clock_unix_ms(), time);
	(void)diag_name(name, sizeof(name), user, strlen(user));
	if (event)
		(void)snprintf(text, sizeof(text), "%s as %s, event %" PRIu64, time, name, event);
	else
		(void)snprintf(text, sizeof(text), "%s as %s", time, name);
	ledger_resent(plugin->ledger, id, text);
}

static void judge(struct plugin *plugin, const struct access_principal *principal,
		  struct again *again, struct decision *decision)
{
	struct mqtt5__property *list =
		properties_make(plugin, again->properties, again->properties_len);

	properties_show_list(plugin, list, &again->request);
	gate_decide(&plugin->gate, principal, &again->request, decision);
	if (list)
		plugin->broker.properties.free_all(&list);
}

static json_t *answer(const struct again *again, const struct decision *decision, uint64_t event)
{
	json_t *ret = json_pack("{sb ss ss}", "accepted", decision->verdict == VERDICT_ALLOW,
				"topic", again->request.message.topic, "sentBy", again->sender);

	if (event)
		(void)json_object_set_new(ret, "event", json_integer((json_int_t)event));
	if (decision->reason != REASON_NONE) {
		(void)json_object_set_new(ret, "reason",
					  json_string(reason_code(decision->reason)));
		(void)json_object_set_new(ret, "field", json_string(decision->error.instance));
		(void)json_object_set_new(ret, "message", json_string(decision->error.message));
	}
	return ret;
}

static void log_it(const struct again *again, const char *user, const char *id,
		   const struct decision *decision)
{
	const struct message *message = &again->request.message;
	char topic[160], name[80], number[80];

	broker_log(BROKER_NOTICE, "publishes again %s of refusal %s as %s: %s%s%s",
		   diag_name(topic, sizeof(topic), message->topic, message->topic_len),
		   diag_name(number, sizeof(number), id, strlen(id)),
		   diag_name(name, sizeof(name), user, strlen(user)),
		   decision->verdict == VERDICT_ALLOW ? "accepted" : reason_code(decision->reason),
		   decision->error.message[0] ? ": " : "", decision->error.message);
}

json_t *events_mended(struct plugin *plugin, const struct mosquitto *client, const char *id,
		      const char *user, struct diag *diag)
{
	const struct access_principal *principal = events_named(plugin, user);
	struct decision *decision = &plugin->pending.decision; /* none is pending: a command came */
	struct feed_publish publish = { .client = client, .session = NULL };
	struct again again;
	uint64_t before, event = 0;
	json_t *ret = NULL;

	if (!find(plugin, id, &again, diag))
		goto out;
	again.request.action = GATE_PUBLISH;
	again.request.method = GATE_LOGIN_ANY;
	again.request.client_id = broker_who(client).client_id;
	publish.request = &again.request;
	judge(plugin, principal, &again, decision);
	before = ledger_last(plugin->ledger);
	if (decision->verdict == VERDICT_ALLOW && keep(plugin, &again, user, decision)) {
		event = ledger_last(plugin->ledger) > before ? ledger_last(plugin->ledger) : 0;
		hand_out(plugin, &publish, &again, decision);
		note(plugin, id, user, event);
	}
	feed_decided(plugin->feed, &again.request, decision, 0);
	log_it(&again, user, id, decision);
	ret = answer(&again, decision, event);
out:
	free(again.copy);
	return ret;
}
