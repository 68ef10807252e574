#include "broker/feed.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/peer.h"
#include "gate/gate.h"
#include "monitor/settings.h"
#include "broker/feed_internal.h"

/* ---- life -------------------------------------------------------------------------------- */

/* Messages are judged by one clock; what they say of the time is in terms of the other. */
static void set_clock(struct feed *feed, int64_t now_ns)
{
	feed->unix_ms = clock_unix_ms() - now_ns / 1000000;
}

int feed_new(const struct options *options, const struct broker *broker, struct ledger *ledger,
	     struct feed **ret, struct diag_list *all, struct diag *diag)
{
	struct feed *feed = calloc(1, sizeof(*feed));
	struct settings settings;
	int rc;

	if (!feed)
		return diag_nomem(diag);
	feed->options = options;
	feed->broker = broker;
	feed->ledger = ledger;
	feed->start_s = (uint64_t)(clock_unix_ms() / 1000);
	set_clock(feed, clock_mono_ns());
	rc = monitor_new((size_t)options->monitor_clients, &feed->monitor, diag);
	if (rc == 0)
		rc = metrics_new(&feed->metrics, diag);
	if (rc == 0)
		rc = hour_new(&feed->hour, diag);
	if (rc == 0)
		rc = feed_read(feed, &settings, all, diag);
	if (rc == 0)
		feed_set(feed, &settings);
	if (rc == 0 && options->metrics_file)
		rc = metricsfile_new(options->metrics_file, &feed->file, diag);
	if (rc) {
		feed_free(feed);
		return rc;
	}
	*ret = feed;
	return 0;
}

void feed_free(struct feed *feed)
{
	if (!feed)
		return;
	if (feed->monitor)
		feed_log_dropped(feed);
	metricsfile_free(feed->file);
	metrics_free(feed->metrics);
	hour_free(feed->hour);
	monitor_free(feed->monitor);
	free(feed);
}

int feed_read(const struct feed *feed, struct settings *ret, struct diag_list *all,
	      struct diag *diag)
{
	*ret = settings_defaults();
	return feed->options->monitor ? settings_load(feed->options->monitor, ret, all, diag) : 0;
}

void feed_set(struct feed *feed, const struct settings *settings)
{
	monitor_set(feed->monitor, settings);
}

static void describe_channel(const struct contract_channel *channel, struct monitor_channel *ret)
{
	*ret = (struct monitor_channel){
		.name = channel->name,
		.limits = *channel->limits,
		.interval_s = channel->interval_s,
	};
}

int feed_use(struct feed *feed, const struct rules *rules, struct diag *diag)
{
	size_t count = rules->contract->channel_count;
	struct monitor_channel *channel = calloc(count + 1, sizeof(*channel));
	const char **name = calloc(count + 1, sizeof(*name));
	int rc = ERR_NOMEM;

	if (!channel || !name) {
		(void)diag_nomem(diag);
		goto out;
	}
	for (size_t i = 0; i < count; i++) {
		describe_channel(&rules->contract->channel[i], &channel[i]);
		name[i] = channel[i].name;
	}
	/* Behind them all topics that no channel has, as one. */
	channel[count] = (struct monitor_channel){ .name = "(unlisted)",
						   .limits = *rules->contract->defaults.limits };
	rc = metrics_reserve(feed->metrics, count, diag);
	if (rc == 0)
		rc = monitor_use(feed->monitor, channel, count + 1, diag);
	if (rc)
		goto out;
	metrics_use(feed->metrics, name, count);
	feed->has_channel = rules->contract->alerts != NULL;
	feed->rules = rules;
	feed->asked_channel = feed->asked_status = 0;
	feed->generation++;
out:
	free(channel);
	free(name);
	return rc;
}

void feed_reloaded(struct feed *feed, bool is_done)
{
	if (is_done)
		feed->reloads++;
	else
		feed->reload_failures++;
}

/* ---- who --------------------------------------------------------------------------------- */

/*
 * Who comes without a name proved nothing, and has one name with all others of them. Each network
 * of theirs is a user by itself, so that none is limited or kept out for what another did. It is
 * borrowed until the next call.
 */
static const char *nameless(struct feed *feed, const char *network)
{
	(void)snprintf(feed->nameless, sizeof(feed->nameless), ACCESS_ANONYMOUS " %s", network);
	return feed->nameless;
}

static const char *counted_as(struct feed *feed, const struct session *session)
{
	return session->network ? nameless(feed, session->network) : session->name;
}

/* The same of one who logs in. */
static const char *login_counted_as(struct feed *feed, const struct login_request *request,
				    const struct access_principal *principal)
{
	char network[PEER_NET_MAX];

	if (!principal || !principal->is_anonymous)
		return principal ? principal->name : login_who(request).principal;
	(void)peer_print_net(request->address ? request->address : "", network);
	return nameless(feed, network);
}

/*
 * A name that is only claimed may be another's: what such a client does is counted for no
 * principal. Not inlined: a message asks for it only where something was seen.
 */
__attribute__((noinline)) static struct who
who_is(struct feed *feed, const struct mosquitto *client, const struct session *session)
{
	struct who who = broker_who(client);

	who.principal = session ? counted_as(feed, session) : "";
	who.is_proved = session != NULL;
	return who;
}

/* The limits of the principal's roles, made ready once a session; NULL: none. */
static const struct monitor_rates *rates(struct feed *feed, struct session *session)
{
	if (!session || !session->principal || !session->principal->limits)
		return NULL;
	if (session->rates && session->seat_generation == feed->generation)
		return session->rates;
	if (!session->rates)
		session->rates = malloc(sizeof(*session->rates));
	if (!session->rates) {
		feed->rates = monitor_rates(session->principal->limits);
		return &feed->rates;
	}
	*session->rates = monitor_rates(session->principal->limits);
	session->seat_generation = feed->generation;
	return session->rates;
}

/* ---- logins ------------------------------------------------------------------------------ */

void feed_refused_login(struct feed *feed, const struct login_request *request,
			enum login_method method, bool is_failure)
{
	struct who who = login_who(request);

	if (request->is_repeat)
		return;
	metrics_connected(feed->metrics,
			  !who.principal[0] && method == LOGIN_PASSWORD ? LOGIN_NONE : method,
			  METRICS_REFUSED);
	if (is_failure)
		monitor_login_failed(feed->monitor, &who, clock_mono_ns());
}

void feed_held_off(struct feed *feed, const struct login_request *request, enum login_method method)
{
	if (!request->is_repeat)
		metrics_connected(feed->metrics, method, METRICS_HELD);
}

bool feed_login(struct feed *feed, const struct login_request *request,
		const struct login_answer *answer, struct diag *why)
{
	struct who who = login_who(request);
	const struct limits *limits = answer->principal ? answer->principal->limits : NULL;
	struct monitor_rates own = { 0 };
	int64_t now_ns = clock_mono_ns();
	int64_t wait_ns;

	if (!answer->principal)
		return true; /* an offline session without a principal */
	who.principal = login_counted_as(feed, request, answer->principal);
	if (limits)
		own = monitor_rates(limits);
	if (!request->is_repeat && request->is_clean)
		monitor_restart(feed->monitor, &who);
	wait_ns = request->is_repeat ? monitor_wait(feed->monitor, &who, now_ns)
				     : monitor_connect(feed->monitor, &who, request->handle,
						       limits ? &own : NULL, now_ns);
	if (!request->is_repeat)
		metrics_connected(feed->metrics, answer->method,
				  wait_ns > 0 ? METRICS_HELD : METRICS_ACCEPTED);
	if (wait_ns <= 0)
		return true;
	(void)diag_set(why, ERR_BUSY,
		       "the user or the client is held off for %lld more seconds, petstorectl bans "
		       "says why",
		       (long long)((wait_ns + SECOND_NS - 1) / SECOND_NS));
	return false;
}

void feed_vanished(struct feed *feed, const struct login_request *request)
{
	struct who who = login_who(request);

	if (!request->username && !request->password && !request->certificate)
		who.principal =
			login_counted_as(feed, request, access_anonymous(feed->rules->access));
	monitor_disconnected(feed->monitor, &who, request->handle);
}

void feed_left(struct feed *feed, const struct mosquitto *client, const struct session *session)
{
	struct who who = who_is(feed, client, session);

	monitor_disconnected(feed->monitor, &who, client);
}

/* ---- messages ---------------------------------------------------------------------------- */

int64_t feed_unix_ms(const struct feed *feed, int64_t now_ns)
{
	return feed->unix_ms + now_ns / 1000000;
}

bool feed_times(struct feed *feed)
{
	unsigned before = feed->times_asked++;

	return before < FEED_TIMED_FIRST || before % FEED_TIMED_OF == 0;
}

void feed_decided(struct feed *feed, const struct gate_request *request,
		  const struct decision *decision, int64_t took_ns)
{
	enum metrics_action action = request->action == GATE_PUBLISH   ? METRICS_PUBLISH
				     : request->action == GATE_DELIVER ? METRICS_DELIVER
								       : METRICS_SUBSCRIBE;

	metrics_decided(feed->metrics, action,
			decision->channel ? decision->channel->index : METRICS_NO_CHANNEL,
			decision->reason, decision->is_observed);
	if (took_ns > 0)
		metrics_took(feed->metrics, took_ns);
}

static void refuse(struct decision *decision, enum contract_mode mode, const struct diag *why)
{
	if (mode == CONTRACT_OBSERVE && decision->is_observed)
		return; /* something else was wrong before */
	gate_refuse(decision, REASON_RATE_EXCEEDED, why->text);
	if (mode == CONTRACT_OBSERVE) {
		decision->is_observed = true;
		decision->verdict = VERDICT_ALLOW;
	}
}

static struct client *record_of(struct feed *feed, struct feed_publish *publish)
{
	struct monitor_seat *seat = publish->session ? &publish->session->seat : NULL;
	struct who who;

	if (!publish->record && seat)
		publish->record = monitor_seated(seat, publish->now_ns);
	if (!publish->record) {
		who = who_is(feed, publish->client, publish->session);
		publish->record = monitor_client(feed->monitor, &who, seat, publish->now_ns);
	}
	return publish->record;
}

void feed_charge(struct feed *feed, struct feed_publish *publish, enum contract_mode mode,
		 struct decision *decision)
{
	size_t len = publish->request->message.payload_len;
	struct monitor_message message = { .bytes = len < UINT32_MAX ? (uint32_t)len : UINT32_MAX,
					   .own = rates(feed, publish->session),
					   .is_will = publish->request->message.is_will };
	struct diag why;

	if (mode == CONTRACT_OFF)
		return;
	if (decision->channel)
		message.channel = decision->channel->index;
	else if (feed->rules->contract->unlisted.mode != CONTRACT_UNLISTED_REFUSE)
		message.channel = (unsigned)feed->rules->contract->channel_count;
	else
		return;
	if (!monitor_charge(feed->monitor, record_of(feed, publish), &message, publish->now_ns,
			    &why))
		refuse(decision, mode, &why);
}

void feed_will(struct feed *feed, const struct feed_publish *publish, struct decision *decision)
{
	const struct session *session = publish->session;
	struct who who;

	/* Of a broker that ended the client is freed already. */
	who = session ? (struct who){ session->client_id, counted_as(feed, session), "", true }
		      : who_is(feed, publish->client, session);
	if (monitor_is_banned(feed->monitor, &who, publish->now_ns))
		gate_refuse(decision, REASON_IDENTITY_UNKNOWN,
			    "the client, or its user, is banned");
}

/* Does the message say when it was made? How far from now is that? */
static bool read_claim(struct feed *feed, const struct decision *decision, int64_t now_ns,
		       int64_t *off_ms)
{
	const char *member = decision->channel->time_member.name;
	const char *text = NULL;
	size_t len = 0;
	int64_t claimed_ms;

	if (!member || !decision->payload ||
	    !payload_string(
		    payload_member(decision->payload, member, decision->channel->time_member.len),
		    &text, &len) ||
	    !clock_parse_near(&feed->claimed, text, len, &claimed_ms))
		return false;
	*off_ms = claimed_ms - feed_unix_ms(feed, now_ns);
	return true;
}

void feed_accepted(struct feed *feed, struct feed_publish *publish, const struct decision *decision,
		   uint64_t digest)
{
	struct monitor_message message = {
		.bytes = (uint32_t)publish->request->message.payload_len
	};
	struct client *record;
	struct who who;

	if (!decision->channel)
		return;
	record = record_of(feed, publish);
	message.digest = digest;
	message.channel = decision->channel->index;
	message.has_claim = read_claim(feed, decision, publish->now_ns, &message.claim_off_ms);
	if (!monitor_published(feed->monitor, record, &message, publish->now_ns))
		return;
	who = who_is(feed, publish->client, publish->session);
	monitor_respond(feed->monitor, record, &who, publish->now_ns);
}

/* The client asked for what another principal owns, or for what none of its kind may have. */
static bool is_about_others(enum reason reason)
{
	return reason == REASON_NOT_OWNER || reason == REASON_OWNER_CHANGE;
}

void feed_refused(struct feed *feed, const struct feed_publish *publish,
		  const struct decision *decision)
{
	struct who who = who_is(feed, publish->client, publish->session);
	bool is_other = is_about_others(decision->reason);

	monitor_refused(feed->monitor, &who, decision->reason,
			is_other ? publish->request->message.topic : NULL,
			publish->request->message.topic_len, clock_mono_ns());
}

void feed_closed(struct feed *feed)
{
	feed->closed++;
}

void feed_subscribe(struct feed *feed, const struct feed_publish *asked, struct decision *decision)
{
	const struct limits *limits = asked->session && asked->session->principal
					      ? asked->session->principal->limits
					      : NULL;
	struct who who = who_is(feed, asked->client, asked->session);
	struct diag why;

	if (!limits || limits->subscriptions == 0 ||
	    monitor_subscribe(feed->monitor, &who, asked->request->message.topic,
			      asked->request->message.topic_len, limits->subscriptions,
			      limits->clients, clock_mono_ns()))
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

void feed_unsubscribe(struct feed *feed, const struct feed_publish *asked)
{
	struct who who = who_is(feed, asked->client, asked->session);

	if (asked->session && asked->session->principal && asked->session->principal->limits)
		monitor_unsubscribe(feed->monitor, &who, asked->request->message.topic,
				    asked->request->message.topic_len);
}

/* ---- the tick ------------------------------------------------------------------------------ */

void feed_tick(struct feed *feed, const struct feed_facts *facts)
{
	int64_t now_ns = clock_mono_ns();
	struct diag news;

	set_clock(feed, now_ns);
	if (now_ns - feed->times_ns >= SECOND_NS) {
		feed->times_ns = now_ns;
		feed->times_asked = 0;
	}
	monitor_tick(feed->monitor, now_ns);
	feed_share_bans(feed, now_ns);
	feed_ask_stuck(feed, now_ns);
	feed_publish_alerts(feed, now_ns);
	feed_kick_all(feed, facts->table);
	feed_publish_numbers(feed, facts, now_ns);
	if (feed->file && metricsfile_news(feed->file, &news))
		broker_log(BROKER_WARNING, "%s", news.text);
}
