/*
 * events.h -- what the files share that answer the broker's events: plugin.c (the entry, the tick),
 * events_publish.c and events_will.c (publishes, last wills), events_acl.c (deliveries,
 * subscriptions), events_login.c and events_leave.c (who connects and leaves), events_reload.c,
 * events_command.c
 * ($CONTROL), and what these call: events_release.c, events_resend.c, events_retained.c,
 * events_share.c, properties.c.
 *
 * Of the plugin's files only plugin.c and those in broker/ see Mosquitto's headers and log. Every
 * function is called by the broker's thread, where it does not say otherwise.
 */
#ifndef PETSTORE_EVENTS_H
#define PETSTORE_EVENTS_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "broker/broker.h"
#include "broker/broker_api.h"
#include "gate/gate.h"
#include "ledger/ledger.h"
#include "broker/login.h"
#include "base/options.h"
#include "gate/rules.h"
#include "broker/releases.h"
#include "broker/repairs.h"
#include "broker/sessions.h"
#include "broker/shares.h"
#include "broker/notify.h"
#include "broker/feed.h"

/*
 * A publish being judged; where its ACL_CHECK let it pass, kept for the MESSAGE that follows. One
 * is enough: no publish comes while another's event is answered. MESSAGE follows at once, with
 * nothing between but the log's own deliveries; where anything else comes it was no publish but a
 * last will, of a broker that sends it before it says that the client is gone.
 */
struct pending_publish {
	const void *handle; /* whose MESSAGE is to follow; NULL: none */
	struct gate_request request;
	struct decision decision;
	uint64_t digest; /* of topic and payload: another plugin may have rewritten them */
	int64_t took_ns;
	int64_t now_ns; /* when it was decided; the MESSAGE follows at once */
	bool is_resend; /* it came before, and writes nothing */
	/* Topic and payload once more, for a will is freed when its turn comes; else no topic. */
	struct message copied;
	char *copy; /* owned, what @copied points into; kept from one to the next */
	size_t copy_size;
	bool is_refused; /* it was a will, and is delivered to nobody; the copy says which */
	unsigned char properties[LEDGER_PROPERTIES_MAX]; /* of what is retained */
};

/* What deliveries of this round of the broker's are judged by. */
struct deliveries {
	const void *settled;      /* payload of a QoS 2 message that may be handed out */
	const void *withheld;     /* payload of a resend that is delivered to nobody */
	const void *subscribing;  /* the client that was granted a filter, in this round */
	struct decision decision; /* of the last one */
	uint64_t late;            /* that were refused since the last tick */
	char late_topic[128];     /* of the last of them */
	int64_t late_ns;          /* when the first of them was */
};

/*
 * Who was authenticated last, and is not connected yet: a client of that id under another
 * handle is being taken over, and what is published for it before its disconnect is its
 * will. What is published for itself was accepted before, and is only asked again (2.0.12
 * and later).
 */
struct arrival {
	const void *handle;    /* NULL: nobody */
	char *id;              /* owned */
	const void *connected; /* whose CONNECT event came last, while a login is completed */
};

/*
 * From RELOAD to the next tick the broker asks for its sessions again, each once; on 2.0,
 * and with libwebsockets on 2.1, newcomers come over websockets meanwhile. What BASIC_AUTH
 * is about is said by the session, never by the time alone: see who_asks().
 */
struct reloading {
	bool is_active;
	uint64_t count;    /* of reloads */
	const void **kept; /* owned: the broker's clients then, where it can say; or NULL */
	size_t kept_count;
};

/* The scan of what should be retained. */
struct retained {
	char *mark; /* owned: up to which topic all was gone through; NULL: nothing yet */
	size_t mark_len;
	uint64_t published, cleared, unknown; /* since the start */
};

/* What is not on the log yet, or was a moment ago. */
struct unlogged {
	atomic_uint foreign; /* requests refused on threads of 2.1's http_api */
	int64_t foreign_ns;  /* when that was on the log last */
	int64_t lost_ns;     /* when sessions lost were on the log last */
};

struct plugin {
	mosquitto_plugin_id_t *id;
	pthread_t thread; /* the broker's: the only one that is let in */
	struct broker broker;
	struct options options;
	struct rules *rules;
	struct diag_list faults; /* of the files that were loaded last */
	uint64_t generation;     /* of the rules */
	struct gate gate;
	struct ledger *ledger;
	struct sessions *sessions;
	struct shares *shares;
	struct releases *releases;
	struct repairs *repairs;
	struct holdoffs *holdoffs;
	struct login *login;
	struct notify notify;
	struct feed *feed;
	struct pending_publish pending;
	struct deliveries deliveries;
	struct decision filter; /* of a subscription */
	struct arrival arrival;
	struct reloading reloading;
	struct retained retained;
	struct unlogged unlogged;
	bool is_ending;  /* the broker was told to end, before the last tick: only wills follow */
	bool has_ticked; /* some brokers of 2.0 never do, with per_listener_settings */
	bool is_kicking; /* we disconnect someone: its subscriptions are asked again meanwhile */
};

/* Says later, on the broker's thread, that something was refused on another. Any thread; true. */
bool events_refuse_foreign(struct plugin *plugin) __attribute__((cold));

/* Is this another thread than the broker's (2.1's http_api)? It touches nothing that is shared. */
static inline bool events_is_foreign(struct plugin *plugin)
{
	return !pthread_equal(pthread_self(), plugin->thread) && events_refuse_foreign(plugin);
}

/*
 * A publish that waits for its MESSAGE: something else came, so it was a last will. The second ends
 * with it: the broker is gone but for what we know of its clients.
 */
void events_settle(struct plugin *plugin);
void events_settle_last(struct plugin *plugin);

/* What each event begins with that other threads may raise. False: it is refused. */
static inline bool events_begin(struct plugin *plugin)
{
	if (events_is_foreign(plugin))
		return false;
	events_settle(plugin);
	return true;
}

/*
 * The session of a client, or NULL. One whose client left vouches for nobody else who comes under
 * its handle: by listeners with use_identity_as_username clients come of which nothing was asked.
 */
struct session *events_session(struct plugin *plugin, const struct mosquitto *client);

/*
 * Works out who a session is under rules that came into force without the broker asking for it
 * again, from what it proved itself with: certificate or token are judged by the new rules, a
 * password or SCRAM keys have to be there still, and the same unless its client is away. Whom the
 * new rules do not let in is nobody from then on, and disconnected at the next tick.
 */
void events_renew(struct plugin *plugin, struct session *session);

/*
 * The principal behind a client, or NULL. After a reload it is worked out again by events_renew()
 * when it is heard of next, at the latest by one of the next ticks where it is connected. After a
 * SIGHUP the broker itself asks for every session again, with the passwords that it keeps.
 *
 * Without a session it is nobody, but for what the broker made itself, which has no address: a
 * session restored from disk, a bridge of its own, the source of a retained message.
 */
const struct access_principal *
events_principal(struct plugin *plugin, const struct mosquitto *client, struct session *session);

/*
 * Is the client away, and will it prove only when it is back whose it is? A session that the broker
 * restored from disk has a user name, which a certificate or a token stood for, and no proof of
 * it. What is delivered to it is queued, and judged when it has proved itself: the broker asks
 * again for each queued message (both 2.0 and 2.1).
 */
bool events_is_unproved(const struct plugin *plugin, const struct mosquitto *client,
			const struct session *session, const struct access_principal *principal);

/*
 * Loads the rules that the options name. 0, or @diag says what is wrong with which file, and the
 * plugin's faults are all that is.
 */
int events_load_rules(struct plugin *plugin, struct rules **ret, struct diag *diag);

/* Says on the log what is wrong beside the first fault, a line each. */
void events_log_faults(const struct plugin *plugin);

/* Says on the log which contract is in force. */
void events_log_rules(const struct plugin *plugin, const char *verb);

/* Says on the log which listeners the plugin does not guard; once, at the start. */
void listeners_check(void);

/* Loads the rules again and puts them in force: 0, or @diag says why everything is as it was. */
int events_reload(struct plugin *plugin, struct diag *diag);

/*
 * Shared subscriptions, see events_share.c. A granted one is noted: false where there is no room
 * for it, so that it is refused; one is given up; a delivery was refused to @client; and in the
 * tick those that may have lost their right are judged again.
 */
bool events_share_add(struct plugin *plugin, const struct mosquitto *client,
		      const struct session *session, const struct message *filter);
void events_share_remove(struct plugin *plugin, const struct mosquitto *client,
			 const struct message *filter);
void events_share_lost(struct plugin *plugin, const struct mosquitto *client,
		       const struct message *delivery) __attribute__((cold));
void events_share_tick(struct plugin *plugin);

/*
 * QoS 2 messages between PUBLISH and PUBREL, see events_release.c. A publish was accepted; a
 * delivery at QoS 2 was judged, which may change @decision; in the tick what was replaced by a late
 * one is published again; and a client left.
 */
void events_release_accepted(struct plugin *plugin, struct session *session,
			     const struct message *message, const struct decision *decision);
void events_release_delivery(struct plugin *plugin, const struct mosquitto *client,
			     const struct gate_request *request, struct decision *decision);
void events_release_tick(struct plugin *plugin);
void events_release_left(struct plugin *plugin, const struct session *session);

/* Are these the bytes that @message has? */
static inline bool events_has_payload(const struct message *message, const void *payload,
				      size_t len)
{
	return len == message->payload_len &&
	       (len == 0 || memcmp(payload, message->payload, len) == 0);
}

/*
 * What the broker retains, and what the database says of it: see events_retained.c.
 *
 * Begins to publish all of it again, at start; and one topic's, silently, so that only the broker's
 * retained message changes. @reader was refused an older one and is to get it, if it may read;
 * NULL: nobody is. A last will that was refused and retained all the same gives way to what was
 * there.
 */
void events_retained_begin(struct plugin *plugin);
void events_retained_repair(struct plugin *plugin, const char *topic, size_t len);
void events_retained_owe(struct plugin *plugin, const struct message *delivery,
			 const struct mosquitto *reader);
void events_retained_revert(struct plugin *plugin, const struct message *will);

/* A message that changes what is retained was accepted, and kept. */
static inline void events_retained_note(struct plugin *plugin, const struct message *message)
{
	if (message->is_retained && repairs_is_active(plugin->repairs))
		repairs_note(plugin->repairs, message->topic, message->topic_len,
			     ledger_last(plugin->ledger));
}

/*
 * A client is served: 2.0 has handed out by then what was published in the last tick, which it does
 * right behind it. What we ask for ourselves by disconnecting someone is within the tick.
 */
static inline void events_retained_served(struct plugin *plugin)
{
	if (repairs_is_active(plugin->repairs) && !plugin->broker.has_quota_code &&
	    !plugin->is_kicking)
		repairs_handed_out(plugin->repairs);
}

/*
 * What is retained is handed out to @client, which subscribed, and may read it: @decision is
 * changed where the database says something else.
 */
void events_retained_stored(struct plugin *plugin, const struct mosquitto *client,
			    const struct message *delivery, struct decision *decision);
void events_retained_tick(struct plugin *plugin);

/*
 * Has the row of @message's topic in the table retained the same payload? Returns as
 * ledger_retained_find() does; *is_same is false where it is not 1.
 */
int events_retained_compare(const struct plugin *plugin, const struct message *message,
			    bool *is_same);

/*
 * Properties of a publish (broker's list @list) as bytes, at most @cap, or none where they are
 * more; and a message published with such bytes. False: memory ran out. See properties.c.
 */
size_t properties_read(const struct plugin *plugin, const void *list, unsigned char *ret,
		       size_t cap);
bool events_publish_retained(const struct plugin *plugin, const struct message *message,
			     const void *properties, size_t properties_len);

/*
 * Messages that come again, see events_resend.c. A publish was refused: true where it is one, and
 * @decision allows it then and keeps nothing; and its MESSAGE, which may be changed, is about to be
 * acknowledged.
 */
bool events_resend(struct plugin *plugin, struct session *session,
		   const struct gate_request *request, uint64_t digest, struct decision *decision)
	__attribute__((cold));
void events_resend_hand_out(struct plugin *plugin, struct mosquitto_evt_message *event,
			    const struct gate_request *request) __attribute__((cold));

/* ---- a publish: events_publish.c ---------------------------------------------------------------
 */

/* The principal, if it may do something now: not one whose proof ran out, or whose client left. */
const struct access_principal *events_actor(struct plugin *plugin, const struct mosquitto *client,
					    struct session *session);

/* Of topic and payload, under the ledger's seed. */
uint64_t events_digest(const struct plugin *plugin, const struct message *message)
	__attribute__((noinline));

/* ACL_CHECK of a publish: what the broker is told. */
int events_check_publish(struct plugin *plugin, struct mosquitto_evt_acl_check *event,
			 struct session *session);

/* Makes @decision a refusal for now: the store could not be asked, or not be written. */
void events_refuse_for_now(struct decision *decision, const struct diag *diag)
	__attribute__((cold));

/*
 * The three steps behind an allowed publish: charges its limits, which may make @decision a
 * refusal; commits what it implies (false: nothing was kept, and @decision is a refusal); and does
 * what follows from its being kept. @digest is events_digest()'s.
 */
void events_charge(struct plugin *plugin, struct feed_publish *publish, struct decision *decision);
bool events_commit(struct plugin *plugin, const struct feed_publish *publish,
		   struct decision *decision, uint64_t digest);
void events_accepted(struct plugin *plugin, const struct feed_publish *publish,
		     const struct decision *decision, uint64_t digest);

/* Reports what was refused or observed, and returns what the broker is told by ACL_CHECK. */
int events_answer(struct plugin *plugin, const struct feed_publish *publish,
		  const struct decision *decision, int64_t took_ns);

/* ---- a last will: events_will.c ----------------------------------------------------------------
 */

/* Is what is published for @client its last will? */
bool events_is_will(const struct plugin *plugin, const struct mosquitto *client,
		    const struct session *session);

/* A will was judged: nothing else comes for it, and it is committed now. What the broker is told.
 */
int events_will(struct plugin *plugin, struct feed_publish *publish, struct decision *decision,
		int64_t took_ns);

/* Keeps a copy of the pending publish, where something follows from its being a will. */
void events_will_keep(struct plugin *plugin, const struct session *session);

/* A delivery of what waits for its MESSAGE still, or of a will that is not to be delivered? */
bool events_is_refused_will(struct plugin *plugin, const struct message *delivery)
	__attribute__((cold, noinline));

/* ---- the tick: events_leave.c ------------------------------------------------------------------
 */

/*
 * Sessions of clients that the broker does not ask about again are worked out under new rules, so
 * that none stays, idle or only listening, that these do not let in.
 */
void events_renew_sessions(struct plugin *plugin);

/*
 * Sessions whose proof has run out, or that new rules do not let in, end: only the tick may
 * disconnect.
 */
void events_end_sessions(struct plugin *plugin);

/* Facts for the metrics and the counters. */
struct feed_facts events_facts(const struct plugin *plugin);

/* Logins that waited are answered; from the tick only, since clients connect within. */
void events_finish_logins(struct plugin *plugin);

/* A login waits to be finished; any thread may call. @plugin is the struct plugin. */
void events_wake(void *plugin);

/* The broker's events; TICK is plugin.c's own. */
int events_on_acl_check(int event_id, void *event_data, void *userdata);
int events_on_message(int event_id, void *event_data, void *userdata);
int events_on_leave(int event_id, void *event_data, void *userdata);
int events_on_basic_auth(int event_id, void *event_data, void *userdata);
int events_on_connect(int event_id, void *event_data, void *userdata);
int events_on_auth_start(int event_id, void *event_data, void *userdata);
int events_on_auth_continue(int event_id, void *event_data, void *userdata);
int events_on_reload(int event_id, void *event_data, void *userdata);
int events_on_control(int event_id, void *event_data, void *userdata);

#endif
