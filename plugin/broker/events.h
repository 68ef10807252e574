/*
 * events.h -- what the door's files share: plugin.c (the life of a PUBLISH, wiring), events_login.c
 * (who connects), events_reload.c (loading and reloading), events_command.c ($CONTROL).
 *
 * Only these files and broker.c see Mosquitto's headers, and only they log. Every function is
 * called by the broker's thread.
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
struct pending {
	const void *handle; /* whose MESSAGE is to follow; NULL: none */
	struct gate_request request;
	/* Topic and payload, one behind the other, for a will is freed when its turn comes. */
	char *copy; /* owned; kept from one to the next */
	size_t copy_size;
	size_t topic_len;
	size_t payload_len;
	bool is_copied;  /* it is worth knowing whether it is a will */
	bool is_resend;  /* it came before, and writes nothing */
	bool is_refused; /* it was one, and is delivered to nobody; the copy says which */
	uint64_t digest; /* of topic and payload: another plugin may have rewritten them */
	int64_t took_ns;
	int64_t now_ns; /* when it was decided; the MESSAGE follows at once */
	unsigned char properties[LEDGER_PROPERTIES_MAX]; /* of what is retained */
	struct decision decision;
};

struct plugin {
	mosquitto_plugin_id_t *id;
	struct broker broker;
	struct options options;
	struct rules *rules;
	uint64_t generation; /* of the rules */
	struct ledger *ledger;
	struct gate gate;
	struct sessions *sessions;
	struct shares *shares;
	struct releases *releases;
	struct repairs *repairs;
	struct retained {
		char *mark; /* owned: up to which topic all was gone through; NULL: nothing yet */
		size_t mark_len;
		uint64_t published, cleared, unknown; /* since the start */
	} retained;
	const void *settled;     /* payload of a QoS 2 message that may be handed out */
	const void *subscribing; /* who was granted a filter, in this round of the broker's */
	const void *withheld;    /* payload of a resend that is delivered to nobody */
	uint64_t late;           /* deliveries that were refused since the last tick */
	char late_topic[128];    /* of the last of them */
	int64_t late_ns;         /* when the first of them was */
	struct holdoffs *holdoffs;
	struct login *login;
	pthread_t thread; /* the broker's: the only one that is let in */
	struct pending pending;
	struct decision delivery;
	struct decision filter; /* of a subscription */
	/*
	 * Who was authenticated last, and is not connected yet: a client of that id under another
	 * handle is being taken over, and what is published for it before its disconnect is its
	 * will. What is published for itself was accepted before, and is only asked again (2.0.12
	 * and later). NULL: nobody.
	 */
	const void *connecting;
	char *connecting_id;
	const void
		*connected; /* whose CONNECT event came last, while events_finish_logins() asks */
	/*
	 * From RELOAD to the next tick the broker asks for its sessions again, each once; on 2.0,
	 * and with libwebsockets on 2.1, newcomers come over websockets meanwhile. What BASIC_AUTH
	 * is about is said by the session, never by the time alone: see who_asks().
	 */
	bool is_reloading;
	bool is_ending;    /* the broker was told to end, before the last tick: only wills follow */
	bool has_ticked;   /* some brokers of 2.0 never do, with per_listener_settings */
	uint64_t reload;   /* counts them */
	const void **kept; /* owned: the broker's clients then, where it can say; or NULL */
	size_t kept_count;
	bool is_kicking; /* we disconnect someone: its subscriptions are asked again meanwhile */
	atomic_uint foreign; /* requests refused on threads of 2.1's http_api, not yet on the log */
	int64_t foreign_ns;  /* when that was on the log last */
	int64_t lost_ns;     /* when sessions lost were on the log last */
	struct notify notify;
	struct feed *feed;
};

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
 * Is the client away, and will it say only when it is back who it is? A session that the broker
 * restored from disk has a user name, which a certificate or a token stood for, and no proof of
 * it. What is delivered to it is queued, and judged when it has proved itself: the broker asks
 * again for each queued message (both 2.0 and 2.1).
 */
bool events_is_unproved(const struct plugin *plugin, const struct mosquitto *client,
			const struct session *session, const struct access_principal *principal);

/* Loads the rules that the options name. 0, or @diag says what is wrong with which file. */
int events_load_rules(struct plugin *plugin, struct rules **ret, struct diag *diag);

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
		      const struct session *session, const struct gate_request *request);
void events_share_remove(struct plugin *plugin, const struct mosquitto *client,
			 const struct gate_request *request);
void events_share_lost(struct plugin *plugin, const struct mosquitto *client,
		       const struct gate_request *request) __attribute__((cold));
void events_share_tick(struct plugin *plugin);

/*
 * QoS 2 messages between PUBLISH and PUBREL, see events_release.c. A publish was accepted, its
 * topic being the last that the gate was asked about; a delivery at QoS 2 was judged, which may
 * change
 * @decision; and in the tick what was replaced by a late one is published again.
 */
void events_release_accepted(struct plugin *plugin, struct session *session,
			     const struct gate_request *request, const struct decision *decision);
void events_release_delivery(struct plugin *plugin, const struct mosquitto *client,
			     const struct gate_request *request, struct decision *decision);
void events_release_tick(struct plugin *plugin);
void events_release_left(struct plugin *plugin, const struct session *session);

/* Are these the bytes that @request has? */
static inline bool events_has_payload(const struct gate_request *request, const void *payload,
				      size_t len)
{
	return len == request->message.payload_len &&
	       (len == 0 || memcmp(payload, request->message.payload, len) == 0);
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
void events_retained_owe(struct plugin *plugin, const struct gate_request *delivery,
			 const struct mosquitto *reader);
void events_retained_revert(struct plugin *plugin, const struct gate_request *will);

/* A message that changes what is retained was accepted, and kept. */
static inline void events_retained_note(struct plugin *plugin, const struct gate_request *request)
{
	if (request->message.is_retained && repairs_is_active(plugin->repairs))
		repairs_note(plugin->repairs, request->message.topic, request->message.topic_len,
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
			    const struct gate_request *delivery, struct decision *decision);
void events_retained_tick(struct plugin *plugin);

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

/* What the metrics and the counters tell beside their own. */
struct feed_facts events_facts(const struct plugin *plugin);

/* A publish that waits for its MESSAGE: something else came, so it was a last will. */
void events_settle(struct plugin *plugin);

/* On a foreign thread: says later, on the broker's, that something was refused. */
void events_refuse_foreign(struct plugin *plugin);

/* Logins that waited are answered; from the tick only, since clients connect within. */
void events_finish_logins(struct plugin *plugin);

/* A login waits to be finished; any thread may call. @plugin is the struct plugin. */
void events_wake(void *plugin);

/* The broker's events; the others are plugin.c's own. */
int events_on_basic_auth(int event_id, void *event_data, void *userdata);
int events_on_connect(int event_id, void *event_data, void *userdata);
int events_on_auth_start(int event_id, void *event_data, void *userdata);
int events_on_auth_continue(int event_id, void *event_data, void *userdata);
int events_on_reload(int event_id, void *event_data, void *userdata);
int events_on_control(int event_id, void *event_data, void *userdata);

#endif
