/*
 * broker.h -- the broker as we need it, whatever its version.
 *
 * Knows which Mosquitto is running (what only 2.1 has is probed at run time: one binary
 * serves all), reads facts about clients, turns the broker's events into requests, and puts
 * lines on the broker's log. For the broker's thread alone, except broker_probe()'s result.
 */
#ifndef PETSTORE_BROKER_H
#define PETSTORE_BROKER_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "access/certid.h"
#include "base/diag.h"
#include "base/reason.h"
#include "base/who.h"
#include "gate/request.h"

struct mosquitto;
struct mqtt5__property;
struct mosquitto_evt_acl_check;
struct mosquitto_evt_message;

/*
 * libmosquitto's properties, which the broker has in it. Texts that are read are copies, for @free;
 * an empty one may be NULL.
 */
struct broker_properties {
	bool is_there; /* all of them are; else messages go without properties */
	int (*identifier)(const struct mqtt5__property *property);
	const struct mqtt5__property *(*next)(const struct mqtt5__property *property);
	const struct mqtt5__property *(*read_byte)(const struct mqtt5__property *list, int id,
						   uint8_t *ret, bool skip_first);
	const struct mqtt5__property *(*read_text)(const struct mqtt5__property *list, int id,
						   char **ret, bool skip_first);
	const struct mqtt5__property *(*read_binary)(const struct mqtt5__property *list, int id,
						     void **ret, uint16_t *len, bool skip_first);
	const struct mqtt5__property *(*read_pair)(const struct mqtt5__property *list, int id,
						   char **name, char **value, bool skip_first);
	int (*add_byte)(struct mqtt5__property **list, int id, uint8_t value);
	int (*add_text)(struct mqtt5__property **list, int id, const char *value);
	int (*add_binary)(struct mqtt5__property **list, int id, const void *value, uint16_t len);
	int (*add_pair)(struct mqtt5__property **list, int id, const char *name, const char *value);
	void (*free_all)(struct mqtt5__property **list);
	void (*free)(void *copy);
};

/* What the running broker can do. */
struct broker {
	bool has_quota_code; /* a refused MESSAGE may say 0x97, quota exceeded (2.1) */
	bool has_busy_code;  /* a refused login may say 0x89, server busy (2.1) */
	/*
	 * Answers a login that was answered with BROKER_LATER. NULL: 2.0 can't wait, or the
	 * operator does not ask for it.
	 */
	void (*complete_login)(const char *client_id, int result);
	/* Takes a subscription out of a session; NULL: 2.0 has no such call. */
	int (*unsubscribe)(const char *client_id, const char *filter);
	struct broker_properties properties;
	/* Calls @each for all clients that are connected or kept; NULL: 2.0 has no such call. */
	int (*for_all)(int (*each)(const struct mosquitto *client, void *ctx), void *ctx);
	const volatile int *running; /* 1 in its loop, 0 once it is to end; NULL: it does not say */
};

void broker_probe(struct broker *ret);

/*
 * Can the broker answer a login later without harm? 0, or @diag says why not. Mosquitto up to 2.1.2
 * frees a client twice that goes on sending while its login waits: see ARCHITECTURE.md. A broker
 * tells a plugin no version, so its own program is asked for it, and waited for: at start only.
 */
int broker_check_delayed(const struct broker *broker, struct diag *diag);

/* Answers of BASIC_AUTH that 2.0 does not know. */
#define BROKER_LATER (-5) /* complete_login() will be called, on the broker's thread */
#define BROKER_BUSY 137   /* MQTT 5 hears 0x89, server busy */

/*
 * Makes it possible to wake the broker's thread, the caller, out of its wait for the network, so
 * that its tick comes at once and not after up to 100 ms. By SIGURG, which is ignored by
 * default and stays unused where someone else has a handler for it. Any thread may call
 * broker_wake() with the broker's; where it can't be woken it just wakes later.
 */
void broker_wakeable(void);
void broker_wake(pthread_t thread);
void broker_unwakeable(void);

enum broker_level { BROKER_ERROR, BROKER_WARNING, BROKER_NOTICE, BROKER_INFO };

/* One line on the broker's log, "petstore: " in front. The text must be escaped already. */
void broker_log(enum broker_level level, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

/* Who a client says to be, not proved. Strings are borrowed until the client ends. */
struct who broker_who(const struct mosquitto *client);

/*
 * Reads the names in the client's certificate. 1: *ret is filled; 0: it showed none (the
 * listener has to ask: require_certificate); else it can't be used and @diag says why.
 */
int broker_certificate(const struct mosquitto *client, struct certid *ret, struct diag *diag);

/*
 * Makes @name the client's user name. Frees the old one: what was borrowed is gone. False: the
 * broker won't have it, and at a reload would throw out a client without a name by itself.
 */
bool broker_rename(struct mosquitto *client, const char *name);

/*
 * Disconnects a client, from the tick only: inside other callbacks it may be half gone. The client
 * has to be connected: one whose session was restored from disk would be put on the broker's
 * expiry list a second time (2.0). ACL_CHECK is asked for each of its subscriptions within the
 * call, and those refused are deleted; DISCONNECT and its last will come within the call, too.
 */
void broker_kick(const char *client_id);

/* Is it a websocket's client? On 2.0 one that is away is none any more. */
bool broker_is_websocket(const struct mosquitto *client);

/*
 * Makes the client's id one that no client can have, or what it was before: for an exchange of
 * enhanced authentication by someone who is not proved yet. Who leaves in the middle of one is
 * looked up by its id in 2.0.11's table of clients, and whoever has that id is taken out of it,
 * session and all. Nothing on brokers that have it mended for sure (2.1).
 */
void broker_toggle_id(const struct broker *broker, const struct mosquitto *client);

/*
 * Is it not a client, but stands for who published a retained message long ago, whose right to
 * do so is asked again (check_retain_source)? It has a client id and a user name, nothing else.
 */
bool broker_is_source(const struct mosquitto *client);

/*
 * All clients that are connected or have a session that is kept, as an array to be freed with its
 * length in *count, in the order of their addresses. NULL: memory ran out, there are none, or the
 * broker (2.0) can't say.
 */
const void **broker_list(const struct broker *broker, size_t *count);
bool broker_is_listed(const void *const *list, size_t count, const struct mosquitto *client);

/*
 * Publishes @len bytes of @text to @topic at QoS 1, not retained, to all who subscribed and may
 * read. False: memory ran out. The message goes out with the broker's next round; it is not
 * judged by us as a publish.
 */
bool broker_publish(const struct broker *broker, const char *topic, const char *text, size_t len,
		    const char *content_type);

/*
 * Publishes @text to @client_id alone, at QoS 1, whether it subscribed or not. False: memory
 * ran out; a client that is gone is no failure.
 */
bool broker_send(const char *client_id, const char *topic, const char *text, size_t len);

/* Publishes @text to @topic, retained. False: memory ran out. */
bool broker_retain(const char *topic, const char *text);

/* Did the client begin a new session? As it said at its last CONNECT. */
bool broker_is_clean(const struct mosquitto *client);

/* Requests of an ACL_CHECK and of a MESSAGE, to *ret; they borrow what the event holds. */
void broker_acl_request(const struct mosquitto_evt_acl_check *event, struct gate_request *ret);
void broker_message_request(const struct mosquitto_evt_message *event, struct gate_request *ret);

/*
 * How the publisher of a refused message hears of it. MQTT 3.1 and 3.1.1 have no word for a
 * refusal: an acknowledgement says "kept" to them, whatever it is meant to say.
 */
enum broker_answer {
	/* Acknowledged: MQTT 5 hears 0x87, not authorized, older ones nothing; QoS 0 is dropped. */
	BROKER_DENIED,
	/* The same with 0x97, quota exceeded, to MQTT 5: it may send it again later (2.1). */
	BROKER_QUOTA,
	/* Not acknowledged and disconnected, MQTT 5 with 0x80: it sends it again when it is back.
	 */
	BROKER_CLOSED,
};

enum broker_publisher {
	BROKER_OF_CLIENT,
	BROKER_OF_BRIDGE, /* what comes in over a bridge of the broker's own */
	/* Nobody waits for an acknowledgement: a last will, the source of a retained message. */
	BROKER_OF_NOBODY,
};

struct broker_refused {
	enum broker_publisher publisher;
	int version; /* of MQTT: 3 is 3.1, 4 is 3.1.1, 5; anything else is never closed */
	unsigned qos;
	enum reason reason;
	bool is_expired; /* its proof ran out: it is disconnected by the next tick anyway */
};

/*
 * The one place that says which refusal is answered how, see "What a refusal is answered with" in
 * ARCHITECTURE.md. What is not BROKER_DENIED can be said by MESSAGE only: ACL_CHECK lets it pass.
 */
enum broker_answer broker_answer(const struct broker *broker, const struct broker_refused *refused);

/* The MOSQ_ERR_ code with which MESSAGE gives this answer. */
int broker_answer_code(enum broker_answer answer);

/* Of MQTT, as the client speaks it; 0: it is none that ever connected. */
int broker_version(const struct mosquitto *client);

/* Is it a bridge of the broker's own? Only for one who publishes, and has no session of ours. */
bool broker_is_bridge(const struct mosquitto *client);

/*
 * Refuses the CONNECT of who was proved and has to wait, without the word for a bad password: MQTT
 * 5 hears 0x89, server busy, where the broker can say it, from BASIC_AUTH alone (2.1); all others
 * are closed without CONNACK. MQTT 3.1.1's own code 3, server unavailable, can't be said by a
 * plugin.
 */
int broker_hold_off(const struct broker *broker, const struct mosquitto *client, bool is_exchange);

#endif
