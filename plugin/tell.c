#include "tell.h"

#include <string.h>

#include "base/clock.h"

/* Refusals that the log takes in a second; what is above is counted and summed up. */
#define LOG_PER_SECOND 50u

int tell_init(struct tell *ret, const struct options *options, const struct broker *broker,
	      struct ledger *ledger, struct diag *diag)
{
	struct refusals_options wanted = {
		.notices_per_second = (unsigned)options->notices_per_second,
		.payload_bytes = (size_t)options->refusal_payload,
	};

	memset(ret, 0, sizeof(*ret));
	portions_init(&ret->log, LOG_PER_SECOND);
	ret->broker = broker;
	ret->ledger = ledger;
	return refusals_new(&wanted, &ret->refusals, diag);
}

void tell_use(struct tell *tell, const struct rules *rules)
{
	tell->rules = rules;
	tell->has_channel = contract_notices(rules->contract) != NULL;
}

/* ---- the log ---------------------------------------------------------------------------- */

static int64_t second_now(void)
{
	return clock_mono_ns() / 1000000000;
}

/* What was held back, and the worst of those whose it was. */
static void sum_up(struct tell *tell)
{
	struct portions_held held;
	char text[PORTIONS_TEXT_MAX];

	if (portions_tell(&tell->log, &held))
		broker_log(BROKER_NOTICE, "%llu more refusals were not logged one by one: %s",
			   (unsigned long long)held.count, portions_print(&held, text));
}

/* One more line about what a client did? */
static bool may_log(struct tell *tell, const char *principal, bool is_proved, const char *address)
{
	char net[NETOF_MAX];
	struct portions_owner owner = portions_owner(principal, is_proved, address, net);
	int64_t second = second_now();

	if (second != tell->log.period)
		sum_up(tell);
	return portions_take(&tell->log, &owner, 1, second);
}

static bool may_log_of(struct tell *tell, const struct refusal *refusal)
{
	return may_log(tell, refusal->principal, refusal->is_proved, refusal->address);
}

static const char *escape(char *ret, size_t cap, const char *text)
{
	return text[0] ? diag_escape(ret, cap, text, strlen(text)) : "nobody";
}

/* "refused publish orders/7/status by eva (client app-1): qos-too-low: ... [id]" */
static void log_refusal(struct tell *tell, const struct refusal *refusal)
{
	char topic[160], id[80], user[80];

	if (!may_log_of(tell, refusal))
		return;
	diag_escape(topic, sizeof(topic), refusal->topic, refusal->topic_len);
	diag_escape(id, sizeof(id), refusal->client_id, strlen(refusal->client_id));
	broker_log(BROKER_NOTICE, "%s %s %s by %s (client %s): %s: %s%s%s [%s]%s",
		   refusal->is_observed ? "observed" : "refused", refusal->action, topic,
		   escape(user, sizeof(user), refusal->principal), id, reason_code(refusal->reason),
		   refusal->pointer, refusal->pointer[0] ? ": " : "", refusal->message, refusal->id,
		   refusal->is_closed ? ", disconnected unacknowledged" : "");
}

void tell_clear(struct tell *tell)
{
	sum_up(tell);
	refusals_free(tell->refusals);
	memset(tell, 0, sizeof(*tell));
}

/* ---- refusals --------------------------------------------------------------------------- */

static void send(struct tell *tell)
{
	/* A notice that can't be sent is on the log and in the table all the same. */
	(void)broker_publish(tell->broker, tell->notice.topic, tell->notice.text, tell->notice.len,
			     NOTICE_CONTENT_TYPE);
}

/* All that is wrong is looked for where it is told only: a decision stops at the first. */
static void notify(struct tell *tell, const struct refusal *refusal,
		   const struct decision *decision)
{
	struct schema_error fault[NOTICE_FAULTS_MAX];
	size_t count;

	if (!tell->has_channel || !refusals_may_tell(tell->refusals, refusal))
		return;
	count = gate_faults(tell->rules, decision, fault, NOTICE_FAULTS_MAX);
	refusals_notice(refusal, fault, count, &tell->notice);
	send(tell);
}

static void keep(struct tell *tell, const struct refusal *refusal)
{
	if (tell->ledger)
		ledger_refuse(tell->ledger, refusal);
}

static struct refusals_client client_of(const struct mosquitto *client, const char *principal)
{
	struct broker_client who = broker_client(client);

	return (struct refusals_client){ .id = who.id,
					 .principal = principal ? principal : who.username,
					 .is_proved = principal != NULL,
					 .address = who.address };
}

void tell_decision(struct tell *tell, const struct mosquitto *client, const char *principal,
		   const struct gate_request *request, const struct decision *decision,
		   bool is_closed)
{
	struct refusals_client who = client_of(client, principal);
	struct refusal refusal;

	refusals_describe(tell->refusals, request, decision, &who, clock_unix_ms(), &refusal);
	refusal.is_closed = is_closed;
	keep(tell, &refusal);
	notify(tell, &refusal, decision);
	log_refusal(tell, &refusal); /* last: see the head of tell.h */
}

void tell_correction(struct tell *tell, const struct ledger_write *write, const char *standing)
{
	char topic[160], id[80], user[80];

	if (!may_log(tell, write->publisher, true, ""))
		return;
	broker_log(BROKER_NOTICE, "corrected %s, where %s stood, by %s (client %s)",
		   diag_escape(topic, sizeof(topic), write->topic, write->topic_len), standing,
		   escape(user, sizeof(user), write->publisher),
		   diag_escape(id, sizeof(id), write->client_id, strlen(write->client_id)));
}

void tell_cleared(struct tell *tell, const struct mosquitto *client, const char *principal,
		  const struct gate_request *request)
{
	struct refusals_client who = client_of(client, principal);
	char topic[160], id[80], user[80];

	if (!may_log(tell, who.principal, who.is_proved, who.address))
		return;
	broker_log(BROKER_INFO, "cleared what was retained on %s, by %s (client %s)",
		   diag_escape(topic, sizeof(topic), request->topic, request->topic_len),
		   escape(user, sizeof(user), who.principal),
		   diag_escape(id, sizeof(id), who.id, strlen(who.id)));
}

static void refuse_connection(struct tell *tell, const struct refusals_client *who,
			      enum reason reason, const char *problem)
{
	struct refusal refusal;
	char id[80], user[80];

	refusals_describe_connect(tell->refusals, reason, problem, who, clock_unix_ms(), &refusal);
	keep(tell, &refusal);
	if (may_log_of(tell, &refusal))
		broker_log(BROKER_NOTICE, "refused connection of %s (client %s, %s): %s [%s]",
			   escape(user, sizeof(user), who->principal),
			   diag_escape(id, sizeof(id), who->id, strlen(who->id)), who->address,
			   problem, refusal.id);
}

void tell_connection(struct tell *tell, const struct broker_client *client, const char *problem)
{
	struct refusals_client who = { .id = client->id,
				       .principal = client->username,
				       .address = client->address };

	refuse_connection(tell, &who, REASON_IDENTITY_UNKNOWN, problem);
}

void tell_held_off(struct tell *tell, const struct broker_client *client, enum reason reason,
		   const char *problem)
{
	struct refusals_client who = { .id = client->id,
				       .principal = client->username,
				       .is_proved = true,
				       .address = client->address };

	refuse_connection(tell, &who, reason, problem);
}

void tell_tick(struct tell *tell)
{
	if (second_now() != tell->log.period)
		sum_up(tell);
	while (tell->has_channel && refusals_held(tell->refusals, clock_unix_ms(), &tell->notice))
		send(tell);
}
