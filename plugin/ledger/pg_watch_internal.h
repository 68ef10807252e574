/*
 * pg_watch_internal.h -- what the watch's files share: pg_watch.c (the thread, its list, the calls
 * of the broker's thread), pg_watch_read.c (what is asked of the database), pg_watch_bans.c (bans).
 */
#ifndef PETSTORE_PG_WATCH_INTERNAL_H
#define PETSTORE_PG_WATCH_INTERNAL_H

#include <pthread.h>
#include <stdatomic.h>

#include "ledger/pg.h"
#include "ledger/pg_watch.h"

/* A number of a strict step that had no event when the ones behind it were read. */
struct watch_gap {
	int64_t number; /* 0: none */
	int64_t until_ns;
};

/* Up to where the events of one broker were read. The thread's own. */
struct watch_origin {
	char name[OTHERS_NAME_MAX];
	bool is_own;
	int64_t applied;                  /* of its journal */
	int64_t strict;                   /* of its strict steps, 0 or below */
	struct watch_gap gap[WATCH_GAPS]; /* a ring */
	unsigned next_gap;
	int64_t gaps_ns; /* when they were asked for last */
};

/* A part of the list: news, and the texts that they point into. */
struct watch_chunk {
	struct watch_chunk *next;
	unsigned count;
	char *text; /* owned */
	size_t used, size;
	struct others_news news[WATCH_ROWS];
};

/* A ban that waits for the database. */
struct watch_ban {
	bool is_principal, is_lifted;
	char name[OTHERS_NAME_MAX], principal[OTHERS_NAME_MAX], cause[32];
	int64_t until_ms;
};

struct pg_watch {
	char *conninfo;
	struct pg_ending *ending;
	char broker[OTHERS_NAME_MAX];
	pthread_t thread;
	bool has_thread;
	int event; /* ends the thread's wait */
	_Atomic bool is_stopping;
	_Atomic bool has_carried; /* others are to be notified */

	/* the thread's own */
	struct pg *pg; /* NULL: not connected */
	bool has_listen;
	bool has_begun;           /* the brokers' rows were read once */
	_Atomic int64_t asked_ns; /* when all was read last; read by others, too */
	bool is_lost;             /* OTHERS_LOST went out, and not all could be read since */
	int64_t own_overruled;    /* seq of the last overruled event of ours that was read */
	int64_t ban_seq;          /* of the last ban that was read */
	uint64_t ban_hash[16];    /* those with that seq */
	unsigned ban_hashes;
	struct watch_origin origin[OTHERS_BROKERS_MAX];
	unsigned origins;

	/* the broker's thread's own */
	struct watch_chunk *taken; /* being handed out */
	unsigned at;

	_Atomic unsigned chunks; /* that wait */
	pthread_mutex_t lock;    /* for what follows; held for a copy only */
	pthread_cond_t is_taken; /* there is room */
	struct watch_chunk *first, *last;
	struct others_broker known[OTHERS_BROKERS_MAX];
	unsigned known_count;
	struct watch_ban ban[OTHERS_BANS_MAX]; /* a ring */
	unsigned ban_first, ban_count;
};

/* A new part with room for @size bytes of texts; NULL: memory ran out. */
struct watch_chunk *watch_chunk_new(size_t size);
/* Copies a text into the part's room, with a NUL behind it. */
const char *watch_keep(struct watch_chunk *chunk, const void *text, size_t len);
/* The same of a value of @rows; *len may be NULL. */
const char *watch_text_of(struct watch_chunk *chunk, const struct pg_rows *rows, unsigned row,
			  unsigned column, size_t *len);
/* Gives the part to the broker's thread; waits for room. False: the thread is to end; it is freed.
 */
bool watch_push_take(struct pg_watch *watch, struct watch_chunk *chunk);

/* Connects, and listens where the server can. */
int watch_connect(struct pg_watch *watch, struct diag *diag) MUST_CHECK;
/* Reads all that is new and writes the bans that wait. After an error the connection is no good. */
int watch_read(struct pg_watch *watch, struct diag *diag) MUST_CHECK;
/* Writes the bans that wait; reads those that are new. The same errors. */
int watch_write_bans(struct pg_watch *watch, struct diag *diag) MUST_CHECK;
int watch_read_bans(struct pg_watch *watch, struct diag *diag) MUST_CHECK;

#endif
