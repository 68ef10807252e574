/*
 * broker.h -- one interface to all supported versions of the broker.
 *
 * Finds out at run time what the running Mosquitto has (one binary serves all versions), reads
 * facts about clients, turns the broker's events into requests, and writes lines to the broker's
 * log. For the broker's thread alone, except broker_probe()'s result.
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
#include "gate/decision.h"

struct mosquitto;
struct mqtt5__property;
struct mosquitto_evt_acl_check;
struct mosquitto_evt_message;

/*
 * The functions for MQTT 5 properties that the broker exports. Texts that are read are copies, to
 * be freed with @free; an empty one may be NULL.
 */
struct broker_properties {
	bool is_there; /* all functions were found; else messages go without properties */
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
	bool has_quota_code; /* MESSAGE may be refused with 0x97, quota exceeded (2.1) */
	bool has_busy_code;  /* BASIC_AUTH may be refused with 0x89, server busy (2.1) */
	/*
	 * Completes a login that BASIC_AUTH answered with BROKER_LATER. NULL: 2.0, which can't
	 * delay a login, or plugin_opt_delayed_logins is off.
	 */
	void (*complete_login)(const char *client_id, int result);
	bool has_connect_event; /* CONNECT says which logins succeeded (2.1) */
	/* The port of the client's listener; NULL: 2.0 has no such call. */
	int (*client_port)(const struct mosquitto *client);
	/* Removes a subscription from a session; NULL: 2.0 has no such call. */
	int (*unsubscribe)(const char *client_id, const char *filter);
	struct broker_properties properties;
	/* Calls @each for all clients that are connected or have a kept session; NULL: 2.0. */
	int (*for_all)(int (*each)(const struct mosquitto *client, void *ctx), void *ctx);
	const volatile int *running; /* 1: in its main loop; 0: it is ending; NULL: unknown */
};
void broker_probe(struct broker *ret);

/*
 * For a 2.0 that exports functions to make properties and none to read them: fills in those that
 * read, by the layout of its lists (property_layout.c). False: it has another one.
 */
bool property_layout_use(struct broker_properties *api);

/*
 * Can the broker delay a login without harm? 0, or an error and @diag says why not. Mosquitto up to
 * 2.1.2 frees a client twice that goes on sending while its login waits: see ARCHITECTURE.md. No
 * call gives the broker's version, so this runs the broker's program for it and waits: call it at
 * the start only.
 */
int broker_check_delayed(const struct broker *broker, struct diag *diag) MUST_CHECK;

/* Answers of BASIC_AUTH that 2.0 does not know. */
#define BROKER_LATER (-5) /* complete_login() will be called, on the broker's thread */
#define BROKER_BUSY 137   /* an MQTT 5 client gets 0x89, server busy */

/*
 * broker_wakeable() prepares the calling thread, the broker's: broker_wake(thread), from any
 * thread, then ends its wait for the network, so that the next tick comes at once and not after up
 * to 100 ms. Uses SIGURG, which is ignored by default; if another handler is installed for it, both
 * do nothing. broker_unwakeable() removes the handler.
 */
void broker_wakeable(void);
void broker_wake(pthread_t thread);
void broker_unwakeable(void);

enum broker_level { BROKER_ERROR, BROKER_WARNING, BROKER_NOTICE, BROKER_INFO };

/* Writes one line, with "petstore: " in front, to the broker's log. The caller escapes the text. */
void broker_log(enum broker_level level, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

/* What the client claims to be; is_proved is false. Borrowed until the broker frees the client. */
struct who broker_who(const struct mosquitto *client);

/*
 * Reads the names in the client's certificate. 1: *ret is filled; 0: the client showed none (the
 * listener needs require_certificate); negative: it can't be used and @diag says why.
 */
int broker_certificate(const struct mosquitto *client, struct certid *ret,
		       struct diag *diag) MUST_CHECK;

/*
 * Sets the client's user name. Frees the old one, so pointers to it are invalid. False: the broker
 * refused it; then the login must be refused, since at a reload the broker itself disconnects
 * clients without a name.
 */
bool broker_rename(struct mosquitto *client, const char *name);

/*
 * Disconnects a client. Call it from TICK only: in other events the broker goes on with the client
 * afterwards. The client must be connected: 2.0 would put one whose session was restored from disk
 * on its expiry list a second time. Within the call the broker raises ACL_CHECK for each
 * subscription of the client, deletes those that are refused, and raises DISCONNECT and ACL_CHECK
 * for the last will.
 */
void broker_kick(const char *client_id);

/* Is it connected by a websocket? On 2.0 false for a client that is away. */
bool broker_is_websocket(const struct mosquitto *client);

/*
 * Changes the client's id to one that no client can have, or back. Used during an exchange of
 * enhanced authentication, while the client is not proved. If such a client disconnects, 2.0.11
 * removes the client with its id from the table of clients, also when that is another client with a
 * session. Does nothing on 2.1, which does not have this fault.
 */
void broker_toggle_id(const struct broker *broker, const struct mosquitto *client);

/*
 * Is @client no connection, but the publisher of a retained message, whose right to publish it the
 * broker asks again (check_retain_source)? Such a one has a client id and a user name only.
 */
bool broker_is_source(const struct mosquitto *client);

/*
 * All clients that are connected or have a kept session, as a sorted array of pointers, with its
 * length in *count; to be freed with free(). NULL: there are none, memory ran out, or it is 2.0,
 * which has no such list. broker_is_listed() searches the array.
 */
const void **broker_list(const struct broker *broker, size_t *count);
bool broker_is_listed(const void *const *list, size_t count, const struct mosquitto *client);

/*
 * Publishes @message to @client_id alone, or (NULL) to all who subscribed and may read. @properties
 * (NULL: none) are the broker's afterwards, or freed. False: memory ran out. The message goes out
 * with the broker's next round; we do not judge it as a publish.
 */
bool broker_publish_take(const struct broker *broker, const char *client_id,
			 const struct message *message, struct mqtt5__property *properties);

/*
 * Publishes @len bytes of @text to @topic at QoS 1, not retained. @content_type is MQTT 5's
 * property. False: memory ran out. The broker delivers it in its next round and raises ACL_CHECK
 * for the deliveries, but not for the publish.
 */
bool broker_publish(const struct broker *broker, const char *topic, const char *text, size_t len,
		    const char *content_type);

/*
 * Publishes @text to the client @client_id alone, also without a subscription. At QoS 0: whoever
 * comes under this client id later gets nothing that the broker kept of it. False: memory ran out.
 * True, too, if there is no such client.
 */
bool broker_send(const char *client_id, const char *topic, const char *text, size_t len);

/* Publishes @text to @topic, retained. False: memory ran out. */
bool broker_retain(const char *topic, const char *text);

/* Turn an event into a request, *ret, which borrows from the event. */
void broker_acl_request(const struct mosquitto_evt_acl_check *event, struct gate_request *ret);
void broker_message_request(const struct mosquitto_evt_message *event, struct gate_request *ret);

/*
 * How a refused publish is answered. MQTT 3.1 and 3.1.1 have no code for a refusal: to their
 * clients an acknowledgement always means "kept".
 */
enum broker_answer {
	/* Acknowledged: to MQTT 5 with 0x87, not authorized, else without a code; QoS 0: dropped.
	 */
	BROKER_DENIED,
	/* The same with 0x97, quota exceeded, to MQTT 5: the client may send it again later (2.1).
	 */
	BROKER_QUOTA,
	/* Not acknowledged; the client is disconnected, MQTT 5 with 0x80, and sends the message
	 * again after its next CONNECT. */
	BROKER_CLOSED,
	/*
	 * Taken, and delivered to nobody: broker_withhold(). Of a message that is refused by PUBREC
	 * Mosquitto's bridges never give back the place among the 20 that may be on their way; once
	 * none is left they stand still until they connect anew.
	 */
	BROKER_WITHHELD,
};

enum broker_publisher {
	BROKER_OF_CLIENT,
	BROKER_OF_BRIDGE, /* a bridge that this broker's configuration has */
	/* No client waits for an acknowledgement: a last will, the source of a retained message. */
	BROKER_OF_NOBODY,
};

struct broker_refused {
	enum broker_publisher publisher;
	int version; /* of MQTT: 3 is 3.1, 4 is 3.1.1, 5 is 5; others are never closed */
	unsigned qos;
	enum reason reason;
	bool is_expired; /* the client's proof has expired; the next tick disconnects it */
	bool is_peer;    /* another broker, whose bridge sends again what was not acknowledged */
};

/*
 * Chooses the answer to a refusal: see "What a refusal is answered with" in ARCHITECTURE.md. Only
 * MESSAGE can give an answer other than BROKER_DENIED: for those ACL_CHECK allows the publish.
 */
enum broker_answer broker_answer(const struct broker *broker, const struct broker_refused *refused);

/* The MOSQ_ERR_ code with which MESSAGE gives this answer. */
int broker_answer_code(enum broker_answer answer);

/*
 * The broker takes the message of a MESSAGE event that is answered BROKER_WITHHELD under a topic
 * that no channel has, and does not retain it; its deliveries are to be refused. Its topic is
 * overwritten: nothing may be said of it afterwards.
 */
void broker_withhold(struct mosquitto_evt_message *event);

/* Is it the topic of such a message? Not that of any channel. */
bool broker_is_withheld(const struct message *message);

/* Is it a bridge of this broker's? Call it only for a publisher that has no struct session. */
bool broker_is_bridge(const struct mosquitto *client);

/*
 * The code that refuses the CONNECT of a proved client that has to wait, without the CONNACK code
 * for a bad password. MQTT 5 gets 0x89, server busy, from BASIC_AUTH on 2.1 (@is_exchange is
 * false); all others are closed without CONNACK. A plugin can't send MQTT 3.1.1's code 3, server
 * unavailable.
 */
int broker_hold_off(const struct broker *broker, const struct mosquitto *client, bool is_exchange);

#endif
