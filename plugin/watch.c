#include "watch.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "monitor/settings.h"
#include "watch_inside.h"

/* ---- life -------------------------------------------------------------------------------- */

/* Messages are judged by one clock; what they say of the time is in terms of the other. */
static void set_clock(struct watch *watch, int64_t now_ns)
{
	watch->unix_ms = clock_unix_ms() - now_ns / 1000000;
}

int watch_new(const struct options *options, const struct broker *broker, struct ledger *ledger,
	      struct watch **ret, struct diag *diag)
{
	struct watch *watch = calloc(1, sizeof(*watch));
	struct settings settings;
	int rc;

	if (!watch)
		return diag_nomem(diag);
	watch->options = options;
	watch->broker = broker;
	watch->ledger = ledger;
	watch->start_s = (uint64_t)(clock_unix_ms() / 1000);
	set_clock(watch, clock_mono_ns());
	rc = monitor_new((size_t)options->monitor_clients, &watch->monitor, diag);
	if (rc == 0)
		rc = metrics_new(&watch->metrics, diag);
	if (rc == 0)
		rc = watch_read(watch, &settings, diag);
	if (rc == 0)
		watch_set(watch, &settings);
	if (rc == 0 && options->metrics_file)
		rc = metricsfile_new(options->metrics_file, &watch->file, diag);
	if (rc) {
		watch_free(watch);
		return rc;
	}
	*ret = watch;
	return 0;
}

void watch_free(struct watch *watch)
{
	if (!watch)
		return;
	if (watch->monitor)
		watch_tell_held(watch);
	metricsfile_free(watch->file);
	metrics_free(watch->metrics);
	monitor_free(watch->monitor);
	free(watch);
}

int watch_read(const struct watch *watch, struct settings *ret, struct diag *diag)
{
	*ret = settings_defaults();
	return watch->options->monitor ? settings_load(watch->options->monitor, ret, diag) : 0;
}

void watch_set(struct watch *watch, const struct settings *settings)
{
	monitor_set(watch->monitor, settings);
}

static void describe_channel(const struct contract_channel *channel, struct monitor_channel *ret)
{
	*ret = (struct monitor_channel){
		.name = channel->name,
		.limits = { .messages_per_second = channel->rate.messages_per_second,
			    .burst = channel->rate.burst,
			    .bytes_per_second = channel->rate.bytes_per_second,
			    .clients = channel->rate.clients },
		.interval_s = channel->interval_s,
	};
}

int watch_use(struct watch *watch, const struct rules *rules, struct diag *diag)
{
	size_t count = contract_channel_count(rules->contract);
	struct monitor_channel *channel = calloc(count + 1, sizeof(*channel));
	const char **name = calloc(count + 1, sizeof(*name));
	int rc = ERR_NOMEM;

	if (!channel || !name) {
		(void)diag_nomem(diag);
		goto out;
	}
	for (size_t i = 0; i < count; i++) {
		describe_channel(contract_channel(rules->contract, i), &channel[i]);
		name[i] = channel[i].name;
	}
	rc = metrics_reserve(watch->metrics, count, diag);
	if (rc == 0)
		rc = monitor_use(watch->monitor, channel, count, diag);
	if (rc)
		goto out;
	metrics_use(watch->metrics, name, count);
	watch->has_channel = contract_alerts(rules->contract) != NULL;
	watch->rules = rules;
	watch->asked_channel = watch->asked_status = 0;
	watch->generation++;
out:
	free(channel);
	free(name);
	return rc;
}

void watch_reloaded(struct watch *watch, bool is_done)
{
	if (is_done)
		watch->reloads++;
	else
		watch->reload_failures++;
}

/* ---- who --------------------------------------------------------------------------------- */

/*
 * A name that is only claimed is another's: what such a client does is nobody's. Not inlined: a
 * message asks for it only where something was seen.
 */
__attribute__((noinline)) static struct monitor_who who_is(const struct mosquitto *client,
							   const struct session *session)
{
	struct broker_client who = broker_client(client);

	return (struct monitor_who){ .client = who.id,
				     .principal = session ? session->name : "",
				     .address = who.address };
}

static struct monitor_rates rates_of(const struct access_limits *limits)
{
	const struct monitor_limits own = { .messages_per_second = limits->messages_per_second,
					    .burst = limits->burst,
					    .bytes_per_second = limits->bytes_per_second,
					    .connects_per_minute = limits->connects_per_minute,
					    .clients = limits->clients };

	return monitor_rates(&own);
}

/* The limits of the principal's roles, made ready once a session; NULL: none. */
static const struct monitor_rates *rates(struct watch *watch, struct session *session)
{
	if (!session || !session->principal || !session->principal->limits)
		return NULL;
	if (session->seat_generation != watch->generation) {
		session->rates = rates_of(session->principal->limits);
		session->seat_generation = watch->generation;
	}
	return &session->rates;
}

/* ---- logins ------------------------------------------------------------------------------ */

static enum metrics_method method_of(enum login_method method)
{
	static const enum metrics_method methods[LOGIN_METHODS] = {
		[LOGIN_PASSWORD] = METRICS_PASSWORD,
		[LOGIN_CERTIFICATE] = METRICS_CERTIFICATE,
		[LOGIN_TOKEN] = METRICS_TOKEN,
		[LOGIN_SCRAM] = METRICS_SCRAM,
	};

	return (unsigned)method < LOGIN_METHODS ? methods[method] : METRICS_NO_METHOD;
}

/* The client may be gone: only what it came with is known. */
static struct monitor_who who_asks(const struct login_request *request)
{
	return (struct monitor_who){
		.client = request->client_id ? request->client_id : "",
		.principal = request->username ? request->username : "",
		.address = request->address ? request->address : "",
	};
}

void watch_refused_login(struct watch *watch, const struct login_request *request,
			 enum login_method method, bool is_failure)
{
	struct monitor_who who = who_asks(request);

	if (request->is_repeat)
		return;
	metrics_connected(watch->metrics,
			  who.principal[0] || method != LOGIN_PASSWORD ? method_of(method)
								       : METRICS_NO_METHOD,
			  METRICS_REFUSED);
	if (is_failure)
		monitor_login_failed(watch->monitor, &who, clock_mono_ns());
}

void watch_held_off(struct watch *watch, const struct login_request *request,
		    enum login_method method)
{
	if (!request->is_repeat)
		metrics_connected(watch->metrics, method_of(method), METRICS_HELD);
}

bool watch_login(struct watch *watch, const struct login_request *request,
		 const struct login_answer *answer, struct diag *why)
{
	struct monitor_who who = who_asks(request);
	const struct access_limits *limits = answer->principal ? answer->principal->limits : NULL;
	struct monitor_rates own = { 0 };
	int64_t now_ns = clock_mono_ns();
	int64_t wait_ns;

	if (!answer->principal)
		return true; /* an offline session of nobody */
	who.principal = answer->principal->name;
	if (limits)
		own = rates_of(limits);
	if (!request->is_repeat && request->is_clean)
		monitor_restart(watch->monitor, &who);
	wait_ns = request->is_repeat ? monitor_wait(watch->monitor, &who, now_ns)
				     : monitor_connect(watch->monitor, &who, request->handle,
						       limits ? &own : NULL, now_ns);
	if (!request->is_repeat)
		metrics_connected(watch->metrics, method_of(answer->method),
				  wait_ns > 0 ? METRICS_HELD : METRICS_ACCEPTED);
	if (wait_ns <= 0)
		return true;
	(void)diag_set(why, ERR_BUSY,
		       "the user or the client is held off for %lld more seconds, petstorectl bans "
		       "says why",
		       (long long)((wait_ns + SECOND_NS - 1) / SECOND_NS));
	return false;
}

void watch_vanished(struct watch *watch, const struct login_request *request)
{
	struct monitor_who who = who_asks(request);

	monitor_disconnected(watch->monitor, &who, request->handle);
}

void watch_left(struct watch *watch, const struct mosquitto *client, const struct session *session)
{
	struct monitor_who who;

	if (!session)
		return;
	who = who_is(client, session);
	monitor_disconnected(watch->monitor, &who, client);
}

/* ---- messages ---------------------------------------------------------------------------- */

int64_t watch_unix_ms(const struct watch *watch, int64_t now_ns)
{
	return watch->unix_ms + now_ns / 1000000;
}

void watch_decided(struct watch *watch, const struct gate_request *request,
		   const struct decision *decision, int64_t took_ns)
{
	enum metrics_action action = request->action == GATE_PUBLISH   ? METRICS_PUBLISH
				     : request->action == GATE_DELIVER ? METRICS_DELIVER
								       : METRICS_SUBSCRIBE;

	metrics_decided(watch->metrics, action,
			decision->channel ? decision->channel->index : METRICS_NO_CHANNEL,
			decision->reason, decision->is_observed);
	if (took_ns > 0)
		metrics_took(watch->metrics, took_ns);
}

static void refuse(struct decision *decision, enum contract_mode mode, const struct diag *why)
{
	if (mode == CONTRACT_OBSERVE && decision->is_observed)
		return; /* something else was wrong before */
	decision->is_observed = mode == CONTRACT_OBSERVE;
	decision->verdict = mode == CONTRACT_OBSERVE ? VERDICT_ALLOW : VERDICT_DENY;
	decision->reason = REASON_RATE_EXCEEDED;
	decision->error.instance[0] = decision->error.keyword[0] = '\0';
	diag_escape(decision->error.message, sizeof(decision->error.message), why->text,
		    strlen(why->text));
}

static struct client *record_of(struct watch *watch, struct watch_publish *publish)
{
	struct monitor_seat *seat = publish->session ? &publish->session->seat : NULL;
	struct monitor_who who;

	if (!publish->record && seat)
		publish->record = monitor_seated(seat, publish->now_ns);
	if (!publish->record) {
		who = who_is(publish->client, publish->session);
		publish->record = monitor_client(watch->monitor, &who, seat, publish->now_ns);
	}
	return publish->record;
}

void watch_charge(struct watch *watch, struct watch_publish *publish, enum contract_mode mode,
		  struct decision *decision)
{
	size_t len = publish->request->payload_len;
	struct monitor_message message = { .bytes = len < UINT32_MAX ? (uint32_t)len : UINT32_MAX,
					   .own = rates(watch, publish->session),
					   .is_will = publish->request->is_will };
	struct diag why;

	if (mode == CONTRACT_OFF || !decision->channel)
		return;
	message.channel = decision->channel->index;
	if (!monitor_charge(watch->monitor, record_of(watch, publish), &message, publish->now_ns,
			    &why))
		refuse(decision, mode, &why);
}

void watch_will(struct watch *watch, const struct watch_publish *publish, struct decision *decision)
{
	const struct session *session = publish->session;
	struct monitor_who who;

	/* Of a broker that ended the client is freed already. */
	who = session ? (struct monitor_who){ session->client_id, session->name, "" }
		      : who_is(publish->client, session);
	if (!monitor_is_banned(watch->monitor, &who, publish->now_ns))
		return;
	decision->verdict = VERDICT_DENY;
	decision->is_observed = false;
	decision->reason = REASON_IDENTITY_UNKNOWN;
	decision->error.instance[0] = decision->error.keyword[0] = '\0';
	(void)snprintf(decision->error.message, sizeof(decision->error.message),
		       "the client, or its user, is banned");
}

/* Does the message say when it was made? How far from now is that? */
static bool read_claim(const struct watch *watch, const struct decision *decision, int64_t now_ns,
		       int64_t *off_ms)
{
	const char *member = decision->channel->time_member;
	const char *text = NULL;
	size_t len = 0;
	int64_t claimed_ms;

	if (!member || !decision->payload ||
	    !payload_string(
		    payload_member(decision->payload, member, decision->channel->time_member_len),
		    &text, &len) ||
	    !clock_parse(text, len, &claimed_ms))
		return false;
	*off_ms = claimed_ms - watch_unix_ms(watch, now_ns);
	return true;
}

void watch_accepted(struct watch *watch, struct watch_publish *publish,
		    const struct decision *decision, uint64_t digest)
{
	struct monitor_message message = { .bytes = (uint32_t)publish->request->payload_len };
	struct client *record;
	struct monitor_who who;

	if (!decision->channel)
		return;
	record = record_of(watch, publish);
	message.digest = digest;
	message.channel = decision->channel->index;
	message.has_claim = read_claim(watch, decision, publish->now_ns, &message.claim_off_ms);
	if (!monitor_published(watch->monitor, record, &message, publish->now_ns))
		return;
	who = who_is(publish->client, publish->session);
	monitor_respond(watch->monitor, record, &who, publish->now_ns);
}

/* Asked for something that is somebody's, or that nobody of its kind may have. */
static bool is_about_others(enum reason reason)
{
	return reason == REASON_NOT_OWNER || reason == REASON_OWNER_CHANGE;
}

void watch_refused(struct watch *watch, const struct mosquitto *client,
		   const struct session *session, const struct gate_request *request,
		   const struct decision *decision)
{
	struct monitor_who who = who_is(client, session);
	bool is_other = is_about_others(decision->reason);

	monitor_refused(watch->monitor, &who, decision->reason, is_other ? request->topic : NULL,
			request->topic_len, clock_mono_ns());
}

void watch_closed(struct watch *watch)
{
	watch->closed++;
}

void watch_subscribe(struct watch *watch, const struct mosquitto *client, struct session *session,
		     const struct gate_request *request, struct decision *decision)
{
	const struct access_limits *limits =
		session && session->principal ? session->principal->limits : NULL;
	struct monitor_who who = who_is(client, session);
	struct diag why;

	if (!limits || limits->subscriptions == 0 ||
	    monitor_subscribe(watch->monitor, &who, request->topic, request->topic_len,
			      limits->subscriptions, limits->clients, clock_mono_ns()))
		return;
	if (limits->clients > 1)
		(void)diag_set(&why, ERR_LIMIT,
			       "more than %u subscriptions of one client, or %llu of one user",
			       limits->subscriptions,
			       (unsigned long long)limits->subscriptions * limits->clients);
	else
		(void)diag_set(&why, ERR_LIMIT, "more than %u subscriptions of one user",
			       limits->subscriptions);
	refuse(decision, CONTRACT_ENFORCE, &why);
}

void watch_unsubscribe(struct watch *watch, const struct mosquitto *client, struct session *session,
		       const struct gate_request *request)
{
	struct monitor_who who = who_is(client, session);

	if (session && session->principal && session->principal->limits)
		monitor_unsubscribe(watch->monitor, &who, request->topic, request->topic_len);
}

/* ---- the tick ------------------------------------------------------------------------------ */

void watch_tick(struct watch *watch, const struct watch_facts *facts)
{
	int64_t now_ns = clock_mono_ns();
	struct diag news;

	set_clock(watch, now_ns);
	monitor_tick(watch->monitor, now_ns);
	watch_ask_stuck(watch, now_ns);
	watch_tell_alerts(watch, now_ns);
	watch_kick_all(watch, facts->table);
	watch_give_out(watch, facts, now_ns);
	if (watch->file && metricsfile_news(watch->file, &news))
		broker_log(BROKER_WARNING, "%s", news.text);
}
