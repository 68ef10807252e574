/*
 * repairs.h -- retained messages that the broker lost: topics that wait, and repairs on their way.
 *
 * A repair is a message that the plugin publishes so that the broker retains it again. The broker
 * delivers it in its next round. No subscriber is to get it, except one that was refused an older
 * message when it subscribed. The broker copies what it is given, so a repair is recognised by its
 * topic and payload: the first delivered message with these bytes counts as the repair, with all
 * its deliveries. If it was another message with the same bytes, that one is denied and the repair
 * is delivered later, which is the same for a subscriber.
 *
 * Repairs are read from the database, which may lack the last accepted writes. So while repairs
 * wait, the numbers of accepted writes are noted by topic, in two tables by two parts of a hash. A
 * row is used only when the database has all writes up to the smaller of the topic's two numbers.
 *
 * For the broker's thread alone.
 */
#ifndef PETSTORE_REPAIRS_H
#define PETSTORE_REPAIRS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/diag.h"
#include "base/message.h"

#define REPAIRS_WAITING 4096u  /* topics that wait, at most */
#define REPAIRS_OF_ONE 1024u   /* topics that wait for one reader, at most */
#define REPAIRS_FOLLOWERS 64u  /* readers that get every repair, at most */
#define REPAIRS_A_SECOND 2000u /* repairs published per second, at most */
#define REPAIRS_A_ROUND 500u   /* and per round of the broker */

struct repairs;

/* @is_immediate: the broker delivers what is published in a round before it serves clients. */
int repairs_new(bool is_immediate, struct repairs **ret, struct diag *diag) MUST_CHECK;
void repairs_free(struct repairs *repairs); /* NULL is fine */

/*
 * Begins a scan of all topics that should be retained, until repairs_end_scan(). A row is used only
 * when the database has all writes up to @last.
 */
void repairs_begin_scan(struct repairs *repairs, uint64_t last);
void repairs_end_scan(struct repairs *repairs);
bool repairs_is_scanning(const struct repairs *repairs);

/* Is there a scan, a waiting topic or a repair on its way? Then repairs_note() must be called. */
bool repairs_is_active(const struct repairs *repairs);

/* Write @seq, which changes what is retained on the topic, was accepted. */
void repairs_note(struct repairs *repairs, const char *topic, size_t len, uint64_t seq);

/* Is the topic's row current in a database that has all writes up to @arrived? */
bool repairs_is_current(const struct repairs *repairs, const char *topic, size_t len,
			uint64_t arrived);

/* A topic that waits. */
struct repairs_topic {
	const char *topic; /* NUL-terminated */
	size_t len;
	const void *reader; /* the client that gets the repair; only compared; NULL: none */
	bool is_for_all;    /* all readers get it: it may be news to them */
};

/* Adds a topic to those that wait; @last is the last accepted write. False: there is no room. */
bool repairs_add(struct repairs *repairs, const struct repairs_topic *topic, uint64_t last);

/*
 * @reader was refused more messages than there is room for: until the scan ends it gets each repair
 * that it may read. False: there are REPAIRS_FOLLOWERS such readers already.
 */
bool repairs_follow(struct repairs *repairs, const void *reader);
bool repairs_is_follower(const struct repairs *repairs, const void *reader);

/* How many topics wait; may one more wait that is for no reader? */
size_t repairs_waiting(const struct repairs *repairs);
bool repairs_has_room(const struct repairs *repairs);

/*
 * The topic that waits longest, or with @after that many behind it, borrowed until the next call.
 * Then repairs_done() removes the first, or repairs_put_off() puts it behind all others. False:
 * none waits.
 */
bool repairs_next(const struct repairs *repairs, size_t after, struct repairs_topic *ret);
void repairs_done(struct repairs *repairs);
void repairs_put_off(struct repairs *repairs);

/*
 * A new round of the broker begins; @last is the last accepted write. All published repairs have
 * been delivered. Topics with a newer write since their repair was published wait again.
 */
void repairs_round(struct repairs *repairs, uint64_t last, int64_t now_ns);

/* How many more repairs may be published in this round. */
unsigned repairs_budget(const struct repairs *repairs);

/*
 * The caller is about to publish @message as a repair; @last is the last accepted write, @reader as
 * above. False: do not publish, because the same repair is on its way in this round and @reader was
 * added to it, or because there is no room.
 */
bool repairs_publish(struct repairs *repairs, const struct message *message, const void *reader,
		     uint64_t last);

/* The same for a message that all readers get: no repair, but recognised like one. */
bool repairs_publish_for_all(struct repairs *repairs, const struct message *message, uint64_t last);

/* All that was published has been delivered by now. */
void repairs_handed_out(struct repairs *repairs);

enum repairs_kind {
	REPAIRS_OTHER = 0, /* no repair */
	REPAIRS_SILENT,    /* a repair that this reader does not get */
	REPAIRS_FOR_ALL,   /* a message published in the place of a client that is gone */
	REPAIRS_OWED,      /* a repair that this reader gets, if it may read it */
};

/* What is being delivered to @reader? */
enum repairs_kind repairs_find(struct repairs *repairs, const struct message *delivery,
			       const void *reader);

/*
 * The same for @reader, which has just subscribed. The delivery may be the retained message or the
 * repair; both have the same bytes. The first one is refused, recognised later by the address of
 * its payload, and the other one is owed to @reader. So a reader that may read the message gets it
 * once, and one that may not gets nothing.
 */
enum repairs_kind repairs_find_stored(struct repairs *repairs, const struct message *delivery,
				      const void *reader);

#endif
