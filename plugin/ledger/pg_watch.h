/*
 * pg_watch.h -- a thread that reads what other brokers carried into the shared database.
 *
 * It has a connection of its own. It listens for PETSTORE_CHANNEL where the server has LISTEN, and
 * asks every WATCH_POLL_MS anyway: first the brokers' rows, then events of those only whose numbers
 * moved. What it read waits in a list of WATCH_CHUNKS_MAX parts for the broker's thread; while that
 * is full it reads no further, so that nothing is lost, but late. Where it was late or away for
 * WATCH_LATE_MS, the first news is OTHERS_LOST: what memory has may be that old.
 *
 * A strict step that was in doubt may be committed, or sent again under its number, after steps
 * with later ones: numbers that have no event are asked for again, WATCH_GAPS of each broker.
 *
 * Also writes this broker's bans to the table, where all brokers read them.
 */
#ifndef PETSTORE_PG_WATCH_H
#define PETSTORE_PG_WATCH_H

#include "ledger/others.h"

#define WATCH_CHANNEL "petstore" /* of LISTEN and NOTIFY */
#define WATCH_POLL_MS 200
#define WATCH_PACE_MS 10 /* no more often than that, however many notifications come */
#define WATCH_LATE_MS 1000
#define WATCH_DEAF_MS 600    /* without an answer nothing is heard; it asks three times as often */
#define WATCH_ROWS 512u      /* of one part */
#define WATCH_CHUNKS_MAX 16u /* parts that wait */
#define WATCH_BACK 10000
#define WATCH_GAPS 256u
#define WATCH_GAPS_MS 500   /* they are asked for so often */
#define WATCH_GAP_MS 600000 /* a number has no event for so long: it was a refused step's */
#define WATCH_WAIT_MS 2000  /* for an answer of the database's */

struct pg_live;
struct store_place;
struct pg_watch;

/*
 * Begins to watch the database at @place as its broker; both are copied. Asks for the
 * brokers' rows before it returns, so that all that is carried from now on will be heard. Where the
 * database can't be reached then, the thread goes on trying, and hears WATCH_BACK numbers of each
 * broker beside.
 */
int pg_watch_new(const struct store_place *place, struct pg_watch **ret,
		 struct diag *diag) MUST_CHECK;
void pg_watch_free(struct pg_watch *watch); /* ends the thread; NULL is fine */

/*
 * The broker's thread: as ledger_next_other(), ledger_is_hearing(), ledger_brokers() and
 * ledger_share_ban().
 */
bool pg_watch_next(struct pg_watch *watch, struct others_news *ret);
bool pg_watch_is_hearing(const struct pg_watch *watch, int64_t now_ns);
size_t pg_watch_brokers(struct pg_watch *watch, struct others_broker *ret, size_t max);
/* 1: the database has a broker of this name, as @live finds; 0: it has not. Errors of a read. */
int pg_watch_find(struct pg_live *live, const char *name, struct diag *diag) MUST_CHECK;
void pg_watch_ban(struct pg_watch *watch, const struct others_ban *ban);

/* Something of this broker's was committed: others are notified. For any thread; never waits. */
void pg_watch_carried(struct pg_watch *watch);

#endif
