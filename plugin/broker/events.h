/*
 * events.h -- what the files share that answer the broker's events: plugin.c (the entry, the tick),
 * events_publish.c and events_will.c (publishes, last wills), events_acl.c (deliveries,
 * subscriptions), events_login.c and events_leave.c (who connects and leaves), events_reload.c,
 * events_command.c
 * ($CONTROL), and what these call: events_release.c, events_resend.c, events_retained.c,
 * events_adopt.c, events_share.c, properties.c.
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
#include "base/portions.h"
#include "gate/rules.h"
#include "broker/answers.h"
#include "broker/awaited.h"
#include "broker/crossings.h"
#include "ledger/others.h"
#include "broker/releases.h"
#include "broker/repairs.h"
#include "broker/sessions.h"
#include "broker/shares.h"
#include "broker/underway.h"
#include "broker/notify.h"
#include "broker/feed.h"

/*
 * MQTT 5's properties of the pending publish as the gate reads them. Their texts are copies, which
 * stay until the next are read; the bytes of all are bounded.
 */
struct shown_properties {
	struct message_properties properties;
	struct payload_pair user[PAYLOAD_MAX_PAIRS];
	size_t copy_count;
	void *copy[2 * PAYLOAD_MAX_PAIRS + 3]; /* owned, the broker's */
};

/*
 * A publish that is being judged, or that ACL_CHECK allowed and whose MESSAGE has not come yet. One
 * is enough: the broker raises no event for another publish in between. MESSAGE follows at once;
 * only deliveries of log lines come between. If another event comes first, it was no publish but a
 * last will, of a broker that sends the will before it reports that the client is gone.
 */
struct pending_publish {
	const void *handle; /* of the client whose MESSAGE will follow; NULL: none */
	struct gate_request request;
	struct decision decision;
	uint64_t digest; /* of topic and payload: another plugin may change them before MESSAGE */
	int64_t took_ns;
	int64_t now_ns;   /* clock_mono_ns() when it was decided */
	bool is_resend;   /* it was accepted before, and writes nothing */
	bool is_doubtful; /* it may be kept: see events_strict.c */
	/* A copy for events_settle(), when the broker has freed a will; topic NULL: no copy. */
	struct message copied;
	char *copy; /* owned; @copied points into it; used again for the next publish */
	size_t copy_size;
	bool is_refused; /* it was a will (@copied), and deliveries of it are refused */
	unsigned char properties[LEDGER_PROPERTIES_MAX]; /* of a retained message */
	unsigned char whole[DEADLETTER_PROPERTIES_MAX];  /* of a refused one */
	struct shown_properties shown;
	char said[LEDGER_PEER_MAX + 1]; /* who published it at a peer's broker */
	bool is_back;                   /* it was published here, and a peer has brought it back */
};

/* State of the deliveries in this round of the broker. Pointers are only compared. */
struct deliveries {
	const void *settled;      /* payload of a QoS 2 message that may be delivered */
	const void *withheld;     /* payload of a resend whose deliveries are refused */
	const void *subscribing;  /* the client that was granted a filter */
	struct decision decision; /* of the last delivery */
	struct decision adopted;  /* of the last one whose status was taken over */
	uint64_t late;            /* deliveries refused as overtaken and not logged yet */
	char late_topic[128];     /* topic of the last of them, as diag_name() has it */
	int64_t late_ns;          /* when the first of them was refused */
};

/*
 * The client that was authenticated last and is not connected yet. Another client with its client
 * id is being taken over: a publish of that one before its DISCONNECT is its last will. A publish
 * of the arriving client itself was accepted before, and the broker asks again (2.0.12 and later).
 */
struct arrival {
	const void *handle;    /* NULL: none */
	char *id;              /* its client id, owned */
	const void *connected; /* the last CONNECT event's, while a delayed login is completed */
};

/*
 * From RELOAD to the next tick the broker raises BASIC_AUTH once for each of its sessions. On 2.0,
 * and on 2.1 with libwebsockets, new clients may connect by websocket in that time. So the session
 * decides whether a BASIC_AUTH is a repeat, not the time alone: see who_asks().
 */
struct reloading {
	bool is_active;
	uint64_t count;    /* of reloads so far */
	const void **kept; /* broker_list() at RELOAD, owned; or NULL */
	size_t kept_count;
};

/* The scan of the table retained. */
struct retained {
	char *mark; /* the last topic that the scan has done, owned; NULL: none yet */
	size_t mark_len;
	uint64_t published, cleared, unknown; /* since the scan began */
	bool is_walk;       /* it is for what had no room elsewhere, and not after a start */
	bool is_scans_turn; /* it comes before the topics that wait */
};

/* Refused messages that were published again, once mended: see events_mended.c. */
#define MENDED_MAX 64u
struct mended {
	char id[MENDED_MAX]
	       [DECISIONID_TEXT]; /* the last ones, which the database may not know of */
	int64_t second[MENDED_MAX];
	unsigned next;
};

/* The principal that `default` makes of the name of a client without a session: the last one. */
struct named_principal {
	struct access_principal *made; /* owned; NULL: there is none */
	uint64_t generation;
};

/* For log lines that come at most once in a while. */
struct unlogged {
	atomic_uint foreign;  /* requests refused on threads of 2.1's http_api, not logged yet */
	int64_t foreign_ns;   /* when they were logged last */
	int64_t lost_ns;      /* when forgotten sessions were logged last */
	uint64_t back;        /* messages that a peer brought back, not logged yet */
	char back_topic[128]; /* topic of the last of them, as diag_name() has it */
	int64_t back_ns;      /* when they were logged last */
	uint64_t doubts;      /* messages whose outcome is unknown, not logged yet */
	int64_t doubt_ns;     /* when one was logged last */
};

/* Messages that stand and found no room to be published again: all of them, */
struct standing {
	uint64_t unsaid;
	uint64_t walked; /* those that a walk began for, */
	uint64_t logged; /* and those that were logged */
	int64_t logged_ns;
};

/*
 * Commands that are done in a second, and lines that the log gets about them; base/portions.h says
 * how much of it one principal gets.
 */
#define EVENTS_COMMANDS 256u
#define EVENTS_COMMAND_LINES 32u

struct plugin {
	mosquitto_plugin_id_t *id;
	pthread_t thread; /* the broker's; for calls on others see events_http.c */
	struct broker broker;
	struct options options;
	char host[256]; /* this broker's name, plugin_opt_broker or the host's; "": it has none */
	struct rules *rules;
	struct diag_list faults; /* of the files at the last load */
	uint64_t generation;     /* counts the rules that were in force */
	struct gate gate;
	struct ledger *ledger;
	struct sessions *sessions;
	struct shares *shares;
	struct releases *releases;
	struct repairs *repairs;
	struct crossings *crossings; /* NULL: no other broker keeps in the same database */
	struct awaited *awaited;     /* likewise */
	struct standing standing;
	bool is_saying; /* the plugin adds properties to what is accepted, whatever it has */
	struct holdoffs *holdoffs;
	struct login *login;
	struct answers *answers;  /* events_later.h */
	struct lookups *lookups;  /* likewise */
	struct shown *shown;      /* of the answers' thread alone */
	struct underway underway; /* answers to commands */
	struct notify notify;
	struct feed *feed;
	struct pending_publish pending;
	struct deliveries deliveries;
	struct decision filter; /* of a subscription */
	struct arrival arrival;
	struct reloading reloading;
	struct named_principal named;
	struct retained retained;
	struct mended mended;
	struct unlogged unlogged;
	struct portions confirms;      /* time for reads before refusals, of each second */
	struct portions commands;      /* of each second, EVENTS_COMMANDS */
	struct portions command_lines; /* their lines in the log, likewise */
	int64_t rules_ms;              /* unix time at which the rules were put in force */
	uint64_t confirm_us;           /* what the last of them took, EVENTS_CONFIRM_US at least */
	int64_t rest_ns;               /* when a tick did all that ticks do; see plugin.c */
	bool is_ending;  /* the last tick of an ending broker came: only last wills follow */
	bool has_ticked; /* 2.0.11 to 2.0.14 with per_listener_settings never raise TICK */
	bool is_kicking; /* within broker_kick(): the broker asks again for its subscriptions */
};

/* Counts a request refused on another thread; a tick logs it later. For any thread. Always true. */
bool events_refuse_foreign(struct plugin *plugin) __attribute__((cold));

/* Is this another thread than the broker's (2.1's http_api)? Then touch nothing that is shared. */
static inline bool events_is_elsewhere(const struct plugin *plugin)
{
	return !pthread_equal(pthread_self(), plugin->thread);
}

/* The same, where such a call is refused. */
static inline bool events_is_foreign(struct plugin *plugin)
{
	return events_is_elsewhere(plugin) && events_refuse_foreign(plugin);
}

/* BASIC_AUTH and ACL_CHECK on another thread than the broker's: see events_http.c. */
int events_http_login(struct plugin *plugin, const struct mosquitto *client) __attribute__((cold));
int events_http_acl_check(struct plugin *plugin, const struct mosquitto_evt_acl_check *event)
	__attribute__((cold));

/*
 * Another event came before the MESSAGE of the pending publish, so it was a last will: commits or
 * refuses it. events_settle_last() does the same when the plugin is unloaded.
 */
void events_settle(struct plugin *plugin);
void events_settle_last(struct plugin *plugin);

/* Begins an event that the broker may raise on another thread. False: the caller must refuse it. */
static inline bool events_begin(struct plugin *plugin)
{
	if (events_is_foreign(plugin))
		return false;
	events_settle(plugin);
	return true;
}

/*
 * The session of a client, or NULL. The session of a client that left does not count for a new
 * client under its handle, which may not have raised BASIC_AUTH (use_identity_as_username).
 */
struct session *events_session(struct plugin *plugin, const struct mosquitto *client);

/* For a gate_request: how the client logged in. What is asked without a session needs no login. */
static inline enum login_method events_method(const struct session *session)
{
	return session ? session->method : GATE_LOGIN_ANY;
}

/*
 * Finds a session's principal under new rules, where the broker does not raise BASIC_AUTH again. A
 * certificate or token is judged by the new rules; an entry for a password or SCRAM must still
 * exist, and be unchanged unless the client is away. A session that the new rules refuse is barred
 * (SESSION_BARRED) and disconnected at the next tick.
 */
void events_renew(struct plugin *plugin, struct session *session);

/*
 * The principal of a client, or NULL. After a reload events_renew() finds it again at the session's
 * next event, or in one of the next ticks if it is connected. After a SIGHUP the broker itself
 * raises BASIC_AUTH for every session, with the passwords that it keeps.
 *
 * A client without a session has no principal, except those that the broker makes itself, which
 * have no address: a session restored from disk, a bridge of its own, the source of a retained
 * message. They are known by their user name, or, but for a bridge, by having none.
 */
const struct access_principal *
events_principal(struct plugin *plugin, const struct mosquitto *client, struct session *session);

/*
 * The principal called @name, as far as the access file and the files of passwords say who that is:
 * borrowed until the next call. NULL: there is none, it is disabled, or only a certificate or a
 * token can make it.
 */
const struct access_principal *events_named(struct plugin *plugin, const char *name);

/*
 * No operator's command is for who has no name, whatever its roles say. @topic: of a publish, or a
 * filter.
 */
static inline bool events_is_command(const struct session *session, const char *topic)
{
	return session && session->is_anonymous && strncmp(topic, "$CONTROL", 8) == 0;
}

/*
 * Is the client away, with a principal that it will prove only at its next CONNECT? A session that
 * the broker restored from disk has a user name, which came from a certificate or a token, but no
 * proof of it. Deliveries to it are queued, and judged after its login: the broker raises ACL_CHECK
 * again for each queued message (2.0 and 2.1).
 */
bool events_is_unproved(const struct plugin *plugin, const struct mosquitto *client,
			const struct session *session, const struct access_principal *principal);

/*
 * Loads the rules from the files that the options name. 0 and *ret is new; else @diag has the first
 * fault and plugin->faults all of them.
 */
int events_load_rules(struct plugin *plugin, struct rules **ret, struct diag *diag) MUST_CHECK;

/* Logs all faults but the first, a line each. */
void events_log_faults(const struct plugin *plugin);

/* Logs which contract is in force; @verb is what was done with it. */
void events_log_rules(const struct plugin *plugin, const char *verb);

/* Logs which listeners the plugin does not guard; once, at the start. */
void listeners_check(void);

/* Loads the rules again and puts them in force. On failure the old ones stay; @diag says why. */
int events_reload(struct plugin *plugin, struct diag *diag) MUST_CHECK;

/*
 * Shared subscriptions, see events_share.c. events_share_add() records one that was granted; false:
 * no room, so it must be refused. _remove(): the client unsubscribed. _lost(): a delivery to
 * @client was refused. _tick() judges those again that may have lost their right.
 */
bool events_share_add(struct plugin *plugin, const struct mosquitto *client,
		      const struct session *session, const struct message *filter);
void events_share_remove(struct plugin *plugin, const struct mosquitto *client,
			 const struct message *filter);
void events_share_lost(struct plugin *plugin, const struct mosquitto *client,
		       const struct message *delivery) __attribute__((cold));
void events_share_tick(struct plugin *plugin);

/*
 * QoS 2 messages between PUBLISH and PUBREL, see events_release.c. _accepted(): a publish was
 * accepted. _delivery(): a delivery at QoS 2 was judged; may change @decision. _tick() publishes in
 * the place of publishers that left, and logs late messages. _left(): a client left.
 */
void events_release_accepted(struct plugin *plugin, struct session *session,
			     const struct message *message, const struct decision *decision);
void events_release_delivery(struct plugin *plugin, const struct mosquitto *client,
			     const struct gate_request *request, struct decision *decision);
/* @message stands by the database, and is about to be published for that. */
void events_release_stands(struct plugin *plugin, const struct message *message);
void events_release_tick(struct plugin *plugin);
void events_release_left(struct plugin *plugin, const struct session *session);

static inline bool events_has_same_payload(const struct message *a, const struct message *b)
{
	return a->payload_len == b->payload_len &&
	       (a->payload_len == 0 || memcmp(a->payload, b->payload, a->payload_len) == 0);
}

/* For the ledger's calls that find a row: compares it with a message; @ctx is one of these. */
struct events_comparison {
	const struct message *message;
	bool is_same; /* false until a row has the same payload */
};
void events_compare(const struct ledger_retained *row, void *ctx);

/*
 * Retained messages of the broker and of the database, see events_retained.c.
 *
 * _begin() starts to publish all of them again, at the start, _walk() later. _repair() publishes
 * one topic's again for the broker's memory only. _owe() does so after @reader (NULL: none) was
 * refused an older one, and @reader gets it if it may read it. _revert(): a last will was refused
 * after the broker retained it; the message before it is retained again.
 */
void events_retained_begin(struct plugin *plugin);
void events_retained_walk(struct plugin *plugin);
void events_retained_owe(struct plugin *plugin, const struct message *delivery,
			 const struct mosquitto *reader);
void events_retained_revert(struct plugin *plugin, const struct message *will);

/* A message was accepted and kept; if it is retained, repairs must know. */
static inline void events_retained_note(struct plugin *plugin, const struct message *message)
{
	if (message->is_retained && repairs_is_active(plugin->repairs))
		repairs_note(plugin->repairs, message->topic, message->topic_len,
			     ledger_last(plugin->ledger));
}

/*
 * The broker serves a client: then 2.0 has delivered what the plugin published in the last tick,
 * which it does right after the tick. Not so for events within broker_kick(), during the tick.
 */
static inline void events_retained_served(struct plugin *plugin)
{
	if (repairs_is_active(plugin->repairs) && !plugin->broker.has_quota_code &&
	    !plugin->is_kicking)
		repairs_handed_out(plugin->repairs);
}

/*
 * A retained message is delivered to @client, which has just subscribed and may read it. Makes
 * @decision a refusal where the database has another message.
 */
void events_retained_stored(struct plugin *plugin, const struct mosquitto *client,
			    const struct message *delivery, struct decision *decision);
void events_retained_tick(struct plugin *plugin);

/*
 * The same, of a message that @client may read: where the contract only observes, and nothing is
 * known of the entity's status, the ledger takes over what the message says (events_adopt.c).
 */
void events_adopt_stored(struct plugin *plugin, const struct message *delivery,
			 const struct decision *decision);

/*
 * Has the topic's row in the table retained the same payload as @message? Returns as
 * ledger_retained_find() does; *is_same is only true where that is 1.
 */
int events_retained_compare(const struct plugin *plugin, const struct message *message,
			    bool *is_same);

/*
 * See properties.c. properties_read() writes the properties of the broker's list @list as bytes to
 * @ret and returns their number; 0 where they need more than @cap. events_publish_retained()
 * publishes @message with such bytes; false: memory ran out.
 */
size_t properties_read(const struct plugin *plugin, const void *list, unsigned char *ret,
		       size_t cap);
/* The same; *is_cut: there are properties, and they need more, or can't be read. */
size_t properties_read_whole(const struct plugin *plugin, const void *list, unsigned char *ret,
			     size_t cap, bool *is_cut);
bool events_publish_retained(const struct plugin *plugin, const struct message *message,
			     const void *properties, size_t properties_len);

/*
 * Sets @request's properties to what the broker shows of them with its list @list, in
 * plugin->pending: all of them to @is_message or on 2.1, but for the message expiry interval; none
 * to a client of MQTT 3. Leaves them NULL where the broker shows none now.
 */
void properties_show(struct plugin *plugin, const struct mosquitto *client, const void *list,
		     bool is_message, struct gate_request *request) __attribute__((cold));
/* All of @list, which need not be a client's; the broker exports what reads it, or it is NULL. */
void properties_show_list(struct plugin *plugin, const void *list, struct gate_request *request);
/* Frees the copies. */
void properties_forget(struct plugin *plugin);
/* The same without those of peers_is_kept_pair(). */
size_t properties_read_others(const struct plugin *plugin, const void *list, unsigned char *ret,
			      size_t cap, bool *is_cut);
/* The list of bytes as properties_read() wrote them, new; NULL: none, or memory ran out. */
struct mqtt5__property *properties_make(const struct plugin *plugin, const void *bytes, size_t len);

/*
 * Messages that are sent again, see events_resend.c. events_resend(): a publish was refused; true:
 * it is a resend, and @decision now allows it and writes nothing. Or it is observed and adopted;
 * where it is a resend, @decision adopts nothing any more (false). events_resend_hand_out(): its
 * MESSAGE came; may change the message before the broker delivers it.
 */
bool events_resend(struct plugin *plugin, struct session *session,
		   const struct gate_request *request, uint64_t digest, struct decision *decision)
	__attribute__((cold));
void events_resend_hand_out(struct plugin *plugin, struct mosquitto_evt_message *event,
			    const struct gate_request *request) __attribute__((cold));

/*
 * Where brokers share the database, see events_strict.c. events_confirm(): a publish was refused;
 * where that is because of its entity the database is read, and it is decided again if that has
 * something else. These reads take EVENTS_CONFIRMS_US of each second at most, of which one
 * principal gets half; what is refused beyond that is refused by what memory has.
 *
 * events_may_read(): may one more of these reads be made for the client? Its session may be NULL.
 *
 * events_decide_anew(): its write found another entity. True: it is allowed again, and is to be
 * committed. Else @decision is a refusal, or (pending.is_resend) allows what was accepted before.
 *
 * events_doubt(): its write's outcome is unknown. events_leave_open() is the answer to its MESSAGE
 * then: at QoS 1 and 2 the client is closed. events_strict_tick(): where nobody sent it again, and
 * the database has it, subscribers get what stands on its topic.
 */
#define EVENTS_CONFIRMS_US 200000u
#define EVENTS_CONFIRM_US 500u /* what one costs at least */
bool events_may_read(struct plugin *plugin, const struct mosquitto *client,
		     const struct session *session);
void events_confirm(struct plugin *plugin, const struct feed_publish *publish,
		    const struct access_principal *principal, struct decision *decision)
	__attribute__((cold));
bool events_decide_anew(struct plugin *plugin, const struct feed_publish *publish,
			struct decision *decision, uint64_t digest) __attribute__((cold));
void events_doubt(struct plugin *plugin, const struct feed_publish *publish, const char *why)
	__attribute__((cold));
int events_leave_open(struct plugin *plugin, const struct feed_publish *publish)
	__attribute__((cold));
void events_strict_tick(struct plugin *plugin);

/* ---- a publish: events_publish.c ---------------------------------------------------------------
 */

/* The principal of a client that may act now; NULL: none, its proof expired, or it left. */
const struct access_principal *events_actor(struct plugin *plugin, const struct mosquitto *client,
					    struct session *session);

/* message_digest() under the ledger's seed. */
uint64_t events_digest(const struct plugin *plugin, const struct message *message)
	__attribute__((noinline));

/* ACL_CHECK of a publish. Returns the answer to the broker. */
int events_check_publish(struct plugin *plugin, struct mosquitto_evt_acl_check *event,
			 struct session *session);

/*
 * The three steps after an allowed publish. events_charge() charges its limits, which may make
 * @decision a refusal. events_commit() writes it to the ledger; false: nothing was kept, and
 * @decision is a refusal. events_accepted() tells the other parts of the plugin. @digest is
 * events_digest()'s.
 */
void events_charge(struct plugin *plugin, struct feed_publish *publish, struct decision *decision);
bool events_commit(struct plugin *plugin, const struct feed_publish *publish,
		   struct decision *decision, uint64_t digest);
void events_accepted(struct plugin *plugin, const struct feed_publish *publish,
		     const struct decision *decision, uint64_t digest);

/* Reports a publish that was refused or observed. Returns the answer to ACL_CHECK. */
int events_answer(struct plugin *plugin, const struct feed_publish *publish,
		  const struct decision *decision, int64_t took_ns);

/*
 * Who publishes a last will, or was asked to be for what is published; NULL: nobody who may act.
 */
const struct access_principal *events_publisher(struct plugin *plugin,
						const struct mosquitto *client,
						struct session *session, bool is_will);

/* ---- who published what goes over a bridge: peers.c --------------------------------------------
 */

#define PEERS_PROPERTY "petstore-publisher"

/* Once the options are known: as what messages name this broker. */
void peers_name_broker(struct plugin *plugin);

/*
 * The pending publish was allowed and is not kept yet. @name: its publisher's. Keeps with the
 * decision's write who a peer says that it was, and adds the name to other messages where the
 * option wants it. False: a peer brings back what was published here, by the name that
 * plugin_opt_broker gives this broker; the decision is a refusal, which is only counted.
 */
bool peers_on_message(struct plugin *plugin, struct mosquitto_evt_message *event, const char *name)
	__attribute__((cold));

/* Which broker of one database kept a message: see peers_kept.c. */
#define PEERS_ORIGIN "petstore-origin"
#define PEERS_SEQUENCE "petstore-sequence"
#define PEERS_REVISION "petstore-revision"

struct peers_kept {
	char origin[OTHERS_NAME_MAX];
	bool is_kept;      /* it has a sequence */
	bool is_again;     /* it is what the database says, which each broker hears of by itself */
	int64_t sequence;  /* at its origin */
	uint64_t revision; /* of its entity; 0: none */
};

/* Is @name one of these three? */
bool peers_is_kept_pair(const char *name);

/* What the last properties of the broker's list @properties say. False: not all three. */
bool peers_read_kept(const struct plugin *plugin, const void *properties, struct peers_kept *ret);

/* Adds what this broker kept last, or that it kept nothing, to the message. */
void peers_say_kept(const struct plugin *plugin, struct mosquitto_evt_message *event, bool is_kept);

/*
 * What a last will goes out with: its @properties (NULL: not shown, none) but for those that
 * brokers say to each other, and behind them what this broker kept last, or that it kept nothing.
 * The caller's; NULL: memory ran out.
 */
struct mqtt5__property *peers_make_kept(const struct plugin *plugin, const void *properties,
					bool is_kept);

/*
 * Of a client that is no peer, at a broker that shares no database: whatever it said of that counts
 * nowhere. An origin without a name behind it says so.
 */
void peers_take_back(const struct plugin *plugin, struct mosquitto_evt_message *event);

/* Adds to @list that the plugin publishes what the database says; nothing, where it is not shared.
 */
void peers_say_again(const struct plugin *plugin, struct mqtt5__property **list);

/* MESSAGE_OUT of 2.1: removes the three from what goes to others than peers. */
int peers_on_message_out(int event_id, void *event_data, void *userdata);

/* ---- brokers of the same database: events_others.c ---------------------------------------------
 */

/*
 * The pending publish is of a trusted peer (decision.is_kept_there). False: it is dropped, or
 * refused. True: it is delivered; kept here only where the decision has a write.
 */
bool events_others_message(struct plugin *plugin, const struct mosquitto_evt_message *event)
	__attribute__((cold));

/* The pending publish was kept, where that was asked for: says so to peers. */
void events_others_kept(struct plugin *plugin, struct mosquitto_evt_message *event);

/*
 * An allowed last will, which was kept where that was asked for: publishes it in the broker's
 * place, with what peers have to know. False: it goes out as the client made it.
 */
bool events_others_will(struct plugin *plugin, const struct gate_request *request,
			const struct decision *decision);

/* Hears what the database tells of other brokers. */
void events_others_tick(struct plugin *plugin, int64_t now_ns);

/*
 * What stands on a topic by the database is published to all at this broker: events_standing.c.
 * events_standing() does so. _await(): the database told of a retained message; does so unless a
 * bridge brings it in a while. _came(): a bridge brings what another broker @kept.
 */
void events_standing(struct plugin *plugin, const char *topic, size_t len);
void events_standing_await(struct plugin *plugin, const struct others_news *news);
void events_standing_came(struct plugin *plugin, const struct peers_kept *kept);
void events_standing_tick(struct plugin *plugin, int64_t now_ns);

/* A number for principal and client id together, as in struct ledger_resend_query. */
uint64_t events_sender(const struct plugin *plugin, const char *name, const char *client_id);

/* Logs how many messages came back, once in a while. */
void peers_tick(struct plugin *plugin, int64_t now_ns);

/* ---- a last will: events_will.c ----------------------------------------------------------------
 */

/* Is what is published for @client its last will? */
bool events_is_will(const struct plugin *plugin, const struct mosquitto *client,
		    const struct session *session);

/* A will was judged, and no MESSAGE will follow: commits it now. Returns the answer to ACL_CHECK.
 */
int events_will(struct plugin *plugin, struct feed_publish *publish, struct decision *decision,
		int64_t took_ns);

/* Copies the pending publish, if something has to be done should it turn out to be a will. */
void events_will_keep(struct plugin *plugin, const struct session *session);

/* Is it a delivery of a will that was refused? Settles the pending publish if it is that one. */
bool events_is_refused_will(struct plugin *plugin, const struct message *delivery)
	__attribute__((cold, noinline));

/* ---- the tick: events_leave.c ------------------------------------------------------------------
 */

/*
 * Calls events_renew() for sessions that still have old rules, so that a client that sends nothing
 * is disconnected too, if the new rules refuse it.
 */
void events_renew_sessions(struct plugin *plugin);

/*
 * Disconnects clients whose proof expired or that new rules refuse. From the tick only, see
 * broker_kick().
 */
void events_end_sessions(struct plugin *plugin);

/* Facts for the metrics and the counters, borrowed from @plugin. */
struct feed_facts events_facts(const struct plugin *plugin);

/* Answers delayed logins. From the tick only, because the broker raises CONNECT within the call. */
void events_finish_logins(struct plugin *plugin);

/* Wakes the broker's thread because a login has an answer. For any thread. @plugin: a struct
 * plugin. */
void events_wake(void *plugin);

/* Handlers of the broker's events; TICK is in plugin.c. */
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
