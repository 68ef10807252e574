/*
 * repairs.h -- retained messages that the broker lost: which topics wait, and what is on its way.
 *
 * A repair is a message that the plugin publishes so that the broker retains it again. It is handed
 * out with the broker's next round, and no reader is to get it, but for one that was refused an
 * older one when it subscribed. The broker copies what it is given, so that a repair is known by
 * its topic and payload: the first message of these bytes that is handed out is taken for it, and
 * all deliveries of that one are. Another one of the same bytes that comes first is denied in its
 * place, and the repair is delivered: to a reader that is the same.
 *
 * What is repaired is read from the database, which may lack what was accepted in the last moment.
 * While repairs wait, the numbers of accepted writes are noted by topic, in two tables by two parts
 * of a hash: a row is believed only when the database has one of the two numbers.
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

#define REPAIRS_WAITING 4096u  /* topics that wait at most */
#define REPAIRS_OF_ONE 1024u   /* of them for one reader */
#define REPAIRS_FOLLOWERS 64u  /* readers that get all that is repaired */
#define REPAIRS_A_SECOND 2000u /* published at most */
#define REPAIRS_A_ROUND 500u

struct repairs;

/* @is_immediate: the broker hands out what is published in a round before it serves a client. */
int repairs_new(bool is_immediate, struct repairs **ret, struct diag *diag);
void repairs_free(struct repairs *repairs); /* NULL is fine */

/*
 * Begins to go through all that should be retained: active until repairs_end_scan(). What was
 * accepted up to write @last has to be in the database first.
 */
void repairs_begin_scan(struct repairs *repairs, uint64_t last);
void repairs_end_scan(struct repairs *repairs);
bool repairs_is_scanning(const struct repairs *repairs);

/* Does something wait, or is on its way? Then accepted writes are to be noted. */
bool repairs_is_active(const struct repairs *repairs);

/* A write of what is retained on a topic was accepted as number @seq. */
void repairs_note(struct repairs *repairs, const char *topic, size_t len, uint64_t seq);

/* Does a database that has all writes up to @arrived say what is retained on the topic? */
bool repairs_is_current(const struct repairs *repairs, const char *topic, size_t len,
			uint64_t arrived);

/* A topic that waits. */
struct repairs_topic {
	const char *topic; /* NUL-terminated */
	size_t len;
	const void *reader; /* the client that is to get the repair; compared only; NULL: none */
};

/* Puts a topic on the list; write @last was the last accepted. False: there is no room for it. */
bool repairs_add(struct repairs *repairs, const struct repairs_topic *topic, uint64_t last);

/*
 * @reader was refused more than there is room for: until the scan is over it gets each repair that
 * it may read. False: there are too many of its kind.
 */
bool repairs_follow(struct repairs *repairs, const void *reader);
bool repairs_is_follower(const struct repairs *repairs, const void *reader);

/* How many wait. */
size_t repairs_waiting(const struct repairs *repairs);

/*
 * The topic that waits longest, borrowed until the next call, and taken from the list at the next
 * call of repairs_done(), or put back behind all others by repairs_put_off(). False: none waits.
 */
bool repairs_next(const struct repairs *repairs, struct repairs_topic *ret);
void repairs_done(struct repairs *repairs);
void repairs_put_off(struct repairs *repairs);

/*
 * A new round begins, with @last the last write accepted: all that was published has been handed
 * out. Of what was overtaken meanwhile the topics wait again.
 */
void repairs_round(struct repairs *repairs, uint64_t last, int64_t now_ns);

/* How many more may be published in this round. */
unsigned repairs_budget(const struct repairs *repairs);

/*
 * @message is being published as a repair, while @last is the last write accepted; @reader as
 * above. False: it is on its way in this round already, and @reader was only added; or there is no
 * room, and nothing is to be published.
 */
bool repairs_publish(struct repairs *repairs, const struct message *message, const void *reader,
		     uint64_t last);

/* The same for a message that all readers get: no repair, but known as one is. */
bool repairs_publish_for_all(struct repairs *repairs, const struct message *message, uint64_t last);

/* All that was published has been handed out, as of now. */
void repairs_handed_out(struct repairs *repairs);

enum repairs_kind {
	REPAIRS_OTHER = 0, /* no repair */
	REPAIRS_SILENT,    /* one, and nobody's business */
	REPAIRS_FOR_ALL,   /* published in the place of a client that is gone */
	REPAIRS_OWED,      /* one that this reader is to get, if it may read it */
};

/* What is being delivered to @reader? */
enum repairs_kind repairs_find(struct repairs *repairs, const struct message *delivery,
			       const void *reader);

/*
 * The same for @reader, which has just subscribed: it may be a retained message that is there, or
 * the repair already, and both have the same bytes. The first of them is refused to it, by where
 * its payload lies, and another one is owed to it: a reader that may have what is there gets the
 * repair for it, and one that may not gets nothing.
 */
enum repairs_kind repairs_find_stored(struct repairs *repairs, const struct message *delivery,
				      const void *reader);

#endif
