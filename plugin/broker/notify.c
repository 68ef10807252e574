#include "broker/notify.h"

#include <string.h>

#include "base/clock.h"
#include "gate/gate.h"

/* Refusals that the log takes in a second; what is above is counted and summed up. */
#define LOG_PER_SECOND 50u

int notify_init(struct notify *ret, const struct options *options, const struct broker *broker,
		struct ledger *ledger, struct diag *diag)
{
	memset(ret, 0, sizeof(*ret));
	portions_init(&ret->log, LOG_PER_SECOND);
	letters_init(&ret->letters, broker);
	ret->broker = broker;
	ret->ledger = ledger;
	return refusals_new((unsigned)options->notices_per_second, (size_t)options->refusal_payload,
			    &ret->refusals, diag);
}

void notify_use(struct notify *notify, const struct rules *rules)
{
	notify->rules = rules;
	notify->channel = rules->contract->notices;
	letters_use(&notify->letters, rules->contract);
}

/* ---- the log ---------------------------------------------------------------------------- */

static int64_t second_now(void)
{
	return clock_mono_ns() / 1000000000;
}

/* What was held back, and the worst of those whose it was. */
static void sum_up(struct notify *notify)
{
	struct portions_held held;
	char text[PORTIONS_TEXT_MAX];

	if (portions_held(&notify->log, &held))
		broker_log(BROKER_NOTICE, "%llu more refusals were not logged one by one: %s",
			   (unsigned long long)held.count, portions_print(&held, text));
}

/* One more line about what a client did? */
static bool may_log(struct notify *notify, const struct who *who)
{
	int64_t second = second_now();

	if (second != notify->log.period)
		sum_up(notify);
	return portions_take(&notify->log, who, 1, second);
}

/* What a line on the log says of a message and of whose it was: none of it can be read as another.
 */
struct labels {
	char topic[160], id[80], user[80], pointer[160];
};

static struct labels escape(const char *topic, size_t len, const struct who *who)
{
	const char *user = who->principal[0] ? who->principal : "nobody";
	struct labels ret;

	diag_name(ret.topic, sizeof(ret.topic), topic, len);
	diag_name(ret.id, sizeof(ret.id), who->client_id, strlen(who->client_id));
	diag_name(ret.user, sizeof(ret.user), user, strlen(user));
	ret.pointer[0] = '\0';
	return ret;
}

/* "refused publish orders/7/status by eva (client app-1): qos-too-low: ... [id]" */
static void log_refusal(struct notify *notify, const struct refusal *refusal)
{
	struct labels labels;

	if (!may_log(notify, &refusal->who))
		return;
	labels = escape(refusal->topic, refusal->topic_len, &refusal->who);
	if (refusal->pointer[0])
		diag_name(labels.pointer, sizeof(labels.pointer), refusal->pointer,
			  strlen(refusal->pointer));
	broker_log(BROKER_NOTICE, "%s %s %s by %s (client %s): %s: %s%s%s [%s]%s",
		   refusal->is_observed ? "observed" : "refused", refusal->action, labels.topic,
		   labels.user, labels.id, reason_code(refusal->reason), labels.pointer,
		   refusal->pointer[0] ? ": " : "", refusal->message, refusal->id,
		   refusal->is_closed ? ", disconnected unacknowledged" : "");
}

void notify_clear(struct notify *notify)
{
	sum_up(notify);
	letters_log(&notify->letters);
	refusals_free(notify->refusals);
	memset(notify, 0, sizeof(*notify));
}

/* ---- refusals --------------------------------------------------------------------------- */

static void send(struct notify *notify)
{
	/* A notice that can't be sent is on the log and in the table all the same. */
	(void)broker_publish(notify->broker, notify->notice.topic, notify->notice.text,
			     notify->notice.len, NOTICE_CONTENT_TYPE);
}

/* All that is wrong is looked for in a notice only: a decision stops at the first. */
static void send_notice(struct notify *notify, const struct refusal *refusal,
			const struct decision *decision)
{
	struct schema_error fault[NOTICE_FAULTS_MAX];
	size_t count;

	if (!notify->channel || !refusals_may_tell(notify->refusals, refusal))
		return;
	count = gate_faults(notify->rules, decision, fault, NOTICE_FAULTS_MAX);
	refusals_notice(notify->channel->problem_types, refusal, fault, count, &notify->notice);
	send(notify);
}

static void keep(struct notify *notify, const struct refusal *refusal)
{
	if (notify->ledger)
		ledger_refuse(notify->ledger, refusal);
}

/* @principal: as which the client proved itself; NULL: it did not. */
static struct who who_is(const struct notify *notify, const struct mosquitto *client,
			 const char *principal)
{
	struct who who = broker_who(client);

	/* They have one name together, and each of them proved nothing. */
	who.is_proved = principal && !(access_anonymous(notify->rules->access) &&
				       strcmp(principal, ACCESS_ANONYMOUS) == 0);
	if (principal)
		who.principal = principal;
	return who;
}

/* It goes whole to where its channel wants such messages, and is kept whole, too. */
__attribute__((noinline)) static void
send_letter(struct notify *notify, const struct notify_refused *refused, struct refusal *refusal)
{
	const char *types = notify->channel ? notify->channel->problem_types : NULL;
	struct schema_error fault[NOTICE_FAULTS_MAX];
	int64_t second = second_now();
	size_t count, len;

	if (!letters_may(&notify->letters, refused->letter, &refusal->who, second))
		return;
	count = gate_faults(notify->rules, refused->decision, fault, NOTICE_FAULTS_MAX);
	len = notice_print(types, refusal, fault, count, notify->letters.problem);
	if (!letters_send(&notify->letters, refused->letter, refusal, len, second) ||
	    refused->letter->is_cut)
		return;
	refusal->is_letter = true;
	refusal->properties = refused->letter->properties;
	refusal->properties_len = refused->letter->properties_len;
}

void notify_decision(struct notify *notify, const struct notify_refused *refused)
{
	struct who who = who_is(notify, refused->client, refused->principal);
	struct refusal refusal;

	refusals_describe(notify->refusals, refused->request, refused->decision, &who,
			  clock_unix_ms(), &refusal);
	refusal.is_closed = refused->is_closed;
	if (refused->letter)
		send_letter(notify, refused, &refusal);
	keep(notify, &refusal);
	if (!refused->decision->is_echo)
		send_notice(notify, &refusal, refused->decision);
	log_refusal(notify, &refusal); /* last: see the head of notify.h */
}

void notify_overruled(struct notify *notify, const struct message *message,
		      const struct notify_overruled *overruled)
{
	const struct who who = { overruled->client_id, overruled->publisher, "", true };
	const struct gate_request request = { .action = GATE_PUBLISH,
					      .message = *message,
					      .client_id = overruled->client_id };
	struct decision decision = { .verdict = VERDICT_DENY, .channel = overruled->channel };
	struct refusal refusal;

	(void)snprintf(decision.current_status, sizeof(decision.current_status), "%s",
		       overruled->standing);
	gate_refuse(&decision, REASON_OVERRULED,
		    "it was accepted, but another broker had accepted a step that contradicts it, "
		    "and that one was first");
	refusals_describe(notify->refusals, &request, &decision, &who, clock_unix_ms(), &refusal);
	keep(notify, &refusal);
	send_notice(notify, &refusal, &decision);
	log_refusal(notify, &refusal);
}

void notify_correction(struct notify *notify, const struct ledger_write *write, const char *before)
{
	const struct who who = { write->client_id, write->publisher, "", true };
	struct labels labels = escape(write->message.topic, write->message.topic_len, &who);

	if (may_log(notify, &who))
		broker_log(BROKER_NOTICE, "corrected %s, where %s stood, by %s (client %s)",
			   labels.topic, before, labels.user, labels.id);
}

void notify_cleared(struct notify *notify, const struct mosquitto *client, const char *principal,
		    const struct message *message)
{
	struct who who = who_is(notify, client, principal);
	struct labels labels = escape(message->topic, message->topic_len, &who);

	if (may_log(notify, &who))
		broker_log(BROKER_INFO, "cleared what was retained on %s, by %s (client %s)",
			   labels.topic, labels.user, labels.id);
}

void notify_connection(struct notify *notify, const struct who *who, enum reason reason,
		       const char *problem)
{
	struct labels labels = escape("", 0, who);
	struct refusal refusal;

	refusals_describe_connect(notify->refusals, reason, problem, who, clock_unix_ms(),
				  &refusal);
	keep(notify, &refusal);
	if (may_log(notify, who))
		broker_log(BROKER_NOTICE, "refused connection of %s (client %s, %s): %s [%s]",
			   labels.user, labels.id, who->address, problem, refusal.id);
}

void notify_tick(struct notify *notify)
{
	if (second_now() != notify->log.period) {
		sum_up(notify);
		letters_log(&notify->letters);
	}
	while (notify->channel && refusals_held(notify->refusals, notify->channel->problem_types,
						clock_unix_ms(), &notify->notice))
		send(notify);
}
