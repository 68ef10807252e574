/*
 * lookups_internal.h -- what the files of the lookups share: lookups.c (the job, the connection,
 * what an answer has) and those that answer a command or help to.
 */
#ifndef PETSTORE_LOOKUPS_INTERNAL_H
#define PETSTORE_LOOKUPS_INTERNAL_H

#include "base/seal.h"
#include "broker/lookups.h"
#include "gate/gate.h"
#include "ledger/query.h"

#define LOOKUPS_TEXT_MAX 1024u    /* bytes of a column's text that an answer has */
#define LOOKUPS_PAYLOAD_MAX 4096u /* of a payload */
#define LOOKUPS_BYTES_MAX 57344u  /* of the rows of an answer, as they are sent */
#define LOOKUPS_ONE_MAX 24576u    /* of these, of an entity that its history follows */
#define LOOKUPS_PAGE 50u
/* A list is answered with what it has after so long; the next page goes on. */
#define LOOKUPS_ENOUGH_MS (LOOKUPS_MS / 2)
#define LOOKUPS_OWNERS 1024u
#define LOOKUPS_AT_ONCE 200u /* topics that are looked at together */
#define LOOKUPS_FEW 10000u   /* rows of a spot, or entities, that are found by an index */

struct lookups {
	char *place;         /* NULL: there is no database */
	struct seal seal;    /* of where a list stands that is gone on with */
	struct query *query; /* NULL: not open */
};

/* Owner and link of an entity, as the database had them; id "": no entity. */
struct lookups_owner {
	unsigned entity;
	bool is_known;
	char id[ENTITY_ID_MAX + 1];
	char owner[ENTITY_OWNER_MAX + 1];
	char link[ENTITY_ID_MAX + 1];
};

/* A row of the table of events that may be shown; topic: owned. */
struct lookups_candidate {
	int64_t seq;
	char *topic;
};

/* A question that is being answered. */
struct lookup {
	struct lookups *lookups;
	struct later_who who;
	enum control_command command;
	struct control_members members; /* their texts are in @texts */
	char *texts;                    /* owned */

	/* While it runs: */
	struct query *query;
	struct gate gate;
	struct gate_request asks; /* a delivery to who asks: gate_view(), gate_views() */
	struct decision decision;
	const atomic_bool *is_ending;
	int64_t until_ns;
	size_t limit;
	size_t bytes;         /* of the rows so far */
	json_t *rows;         /* an array */
	char next[SEAL_SIZE]; /* "": there are no more rows */
	bool is_failed;       /* memory ran out, or a failure was said on the way of a decision */
	bool is_unread;       /* the database could not be read */
	struct control_answer *ret;
	unsigned turn;               /* whose place the next of too many gets */
	struct lookups_owner *owner; /* LOOKUPS_OWNERS that were asked about, by a hash */
	/* What is judged together: who owns one of them is asked for all. */
	const struct lookups_candidate *batch;
	size_t batch_count;
};

/* A failure; always false. @code may be NULL. */
bool lookups_fail(struct lookup *lookup, const char *code, const char *format, ...)
	__attribute__((format(printf, 3, 4), cold));

/* The database refused or took too long: says so by @rc and @diag. Always false. */
bool lookups_fail_read(struct lookup *lookup, int rc, const struct diag *diag)
	__attribute__((cold));

/* The scope of the first of @operation's alternatives is missing. Always false. */
bool lookups_fail_scope(struct lookup *lookup, const struct contract_operation *operation,
			const char *what) __attribute__((cold));

/* Has it taken so long that it is answered with what there is? */
bool lookups_is_enough(const struct lookup *lookup);

/* Lists rows; false: it failed, which is said. */
bool lookups_read(struct lookup *lookup, const struct query_wanted *wanted, query_visit *visit,
		  void *ctx);

/*
 * How many bytes @row takes in an answer; its texts are cut to a few bytes where that would be more
 * than @most, so that what one client wrote keeps no other row from anybody. 0: memory ran out, or
 * it is NULL.
 */
size_t lookups_fit(json_t *row, size_t most);

/*
 * Adds the row, which it takes, unless the answer is full. False: it is, and there are more. A row
 * that has no room in an empty answer, even where lookups_fit() cut it, is a failure.
 */
bool lookups_add_take(struct lookup *lookup, json_t *row);

/*
 * A range of texts that begin with @prefix, for an index: sets the filters' tests, columns and
 * texts; @end (of strlen(@prefix) + 1 bytes) holds the text of the last. Returns how many.
 */
#define LOOKUPS_RANGE 3u
size_t lookups_range(const char *column, const char *prefix, char *end,
		     struct query_filter filter[LOOKUPS_RANGE]);

/* Has what is @wanted more rows than LOOKUPS_FEW? Its limit is not used. */
bool lookups_is_many(struct lookup *lookup, const struct query_wanted *wanted, bool *ret);

/* A cell's text of less than @cap bytes, without a NUL in it. False: it is none. */
bool lookups_take_text(const struct query_row *row, const char *name, char *ret, size_t cap);

/* What who asks may see of a kind's rows, as gate_view() says it. */
struct lookups_view {
	enum gate_grant grant;
	uint64_t columns;
};

/* May who asks see this one? *columns: which of its columns. */
bool lookups_may_see(struct lookup *lookup, const struct entity *entity,
		     const struct lookups_view *view, const char *id, uint64_t *columns);

/* The row, with these of the entity's columns; new, NULL: memory ran out. */
json_t *lookups_row(const struct entity *entity, const struct query_row *row, uint64_t columns);

/* The rows of a kind of which who asks may see some. */
json_t *lookups_list_rows(struct lookup *lookup, const struct entity *entity,
			  const struct lookups_view *view);

/* Where an entity stands in the order of changes. */
struct lookups_spot {
	char time[64];
	char id[ENTITY_ID_MAX + 1];
};

/* Does @a come behind @b in a list, latest change first? */
bool lookups_is_behind(const struct lookups_spot *a, const struct lookups_spot *b);

/*
 * Entities of a kind whose first status has an index by time (entity.is_timed[0]), of the status
 * that is asked for, behind @after (id "": all), latest change first: where they stand, without a
 * look at what else is asked of them. One that changes meanwhile may come again where it was.
 * *ret: new; NULL: their statuses are not of the kind that this can list. False: it failed, which
 * is said.
 */
struct lookups_changed;
bool lookups_changed_new(struct lookup *lookup, const struct entity *entity,
			 const struct lookups_spot *after, struct lookups_changed **ret);
void lookups_changed_free(struct lookups_changed *changed); /* NULL is fine */

/* The next @max of them to @ret; fewer: there are no more. False: it failed, which is said. */
bool lookups_changed_next(struct lookups_changed *changed, size_t max, struct lookups_spot *ret,
			  size_t *count);

/* The gate's, see struct gate: who owns an entity. @ctx is the lookup. */
bool lookups_look(void *ctx, const struct entity *entity, const char *id, size_t len,
		  struct ledger_state *ret);

/* Of a row of @entity's table that was read: nobody need ask who owns it. */
void lookups_learn(struct lookup *lookup, const struct entity *entity, const struct query_row *row);

/* May who asks read an event of this topic, as a message that is delivered now? */
bool lookups_may_read(struct lookup *lookup, const char *topic, size_t len);

/*
 * Which topics there are that who asks may read: others are not looked at. By index where few
 * events have them, each else while the events are gone through.
 */
struct lookups_reach {
	bool is_all; /* all of them, or it can't be said in so few spots */
	size_t few_count, many_count;
	struct query_spot few[QUERY_SPOTS_MAX], many[QUERY_SPOTS_MAX];
	size_t used;
	char text[16384]; /* of the spots */
};

/* Of the topics that begin with @prefix. False: it failed, which is said. */
bool lookups_find_reach(struct lookup *lookup, const char *prefix, struct lookups_reach *ret);

/* A time as the database writes it, to @ret (CLOCK_TEXT_MAX). False: it is none, which is said. */
bool lookups_time(struct lookup *lookup, const char *name, const char *text, char *ret);

/* Is @text a number of a row? False: it is none, which is said. NULL is one. */
bool lookups_is_place(struct lookup *lookup, const char *text);

/* An event as the answers have it, new; NULL: it is not for who asks, or memory ran out. */
json_t *lookups_event(struct lookup *lookup, const struct query_row *row);

/* The same, whoever asks; NULL: memory ran out. */
json_t *lookups_event_json(const struct query_row *row);

/* The data of the rows. */
json_t *lookups_page(const struct lookup *lookup, const char *name);

/* These answer a command: the data, new; NULL: a failure that was said, or memory ran out. */
typedef json_t *lookups_answer(struct lookup *lookup);
lookups_answer lookups_list_entities, lookups_get_entity, lookups_list_events,
	lookups_list_refusals, lookups_count_refusals;

#endif
