/*
 * bans.h -- clients and principals that may not connect, and until when.
 *
 * A hold is short and doubles with each further one within an hour; a ban has the length that the
 * setting asks for. Both end by themselves, and both can be lifted. Bounded: when the list is full,
 * the one that ends first is removed. The list is in memory: a restart forgets it.
 */
#ifndef PETSTORE_MONITOR_BANS_H
#define PETSTORE_MONITOR_BANS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/diag.h"
#include "monitor/alerts.h"

#define BANS_MAX 4096u
#define BANS_HOLD_MAX_S 3600u
#define BANS_MAX_S 604800u /* a week */
#define BANS_NAME_MAX 128u

struct ban {
	uint64_t subject;
	char client[BANS_NAME_MAX]; /* the client that caused it; longer names are cut */
	char principal[BANS_NAME_MAX];
	enum alert_kind kind; /* the alert that caused it; ALERT_KINDS: none */
	bool is_hold;
	bool is_all;    /* of all clients of the principal */
	bool is_news;   /* see bans_next_news() */
	uint32_t times; /* holds in a row */
	int64_t from_ns;
	int64_t until_ns;
};

struct bans;

int bans_new(struct bans **ret, struct diag *diag) MUST_CHECK;
void bans_free(struct bans *bans); /* NULL is fine */

/* A client or principal, identified by @subject. Strings are borrowed for the call. */
struct bans_subject {
	uint64_t subject;
	const char *client;
	const char *principal;
	bool is_all; /* all clients of the principal; @client is the one that caused it */
};

/* Holds @who off for @seconds, or twice as long as last time. Returns the seconds. */
uint32_t bans_hold(struct bans *bans, const struct bans_subject *who, enum alert_kind kind,
		   uint32_t seconds, int64_t now_ns);

/* The same for what belongs to the last hold: it is no further one, and not twice as long. */
uint32_t bans_hold_again(struct bans *bans, const struct bans_subject *who, enum alert_kind kind,
			 uint32_t seconds, int64_t now_ns);

/* Bans @who for @seconds (at most BANS_MAX_S); never shortens one in force. */
void bans_put(struct bans *bans, const struct bans_subject *who, enum alert_kind kind,
	      uint32_t seconds, int64_t now_ns);

/* How long @subject has to wait, in nanoseconds; 0: not at all. */
int64_t bans_wait(const struct bans *bans, uint64_t subject, int64_t now_ns);

/* Is @subject banned, and not only held? */
bool bans_is_banned(const struct bans *bans, uint64_t subject, int64_t now_ns);

/* Those in force at @now_ns: @index from 0; NULL at the end. */
const struct ban *bans_active(const struct bans *bans, size_t index, int64_t now_ns);
size_t bans_count(const struct bans *bans, int64_t now_ns);

/*
 * Lifts the holds and bans of client id @client (NULL: any) and @principal (NULL: any), also those
 * of all its clients. Returns how many were in force. The next hold is then as short as the first.
 */
size_t bans_lift(struct bans *bans, const char *client, const char *principal, int64_t now_ns);

/* The ban of @subject, if it is in force, is one of this broker's that others are to hear of. */
void bans_tell(struct bans *bans, uint64_t subject);

/* The next of these, borrowed until the next call of any function; NULL: none. */
const struct ban *bans_next_news(struct bans *bans);

/* Does bans_lift() lift @ban? */
bool bans_is_meant(const struct ban *ban, const char *client, const char *principal);

/* Lifts the one of @subject, if there is one. */
void bans_end(struct bans *bans, uint64_t subject);

#endif
