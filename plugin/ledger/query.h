/*
 * query.h -- reads a database, whether a broker is writing to it or not.
 *
 * For petstorectl and for the thread of a broker's that answers commands: lists and counts rows of
 * the store's tables and of the entities'. Knows tables and columns by name, as they are in the
 * database; needs no plan and no contract. Nothing is changed, and no other process waits for it:
 * each call reads what was committed when it began. A place is a path or a connection string, as in
 * store.h. Not for the broker's thread.
 */
#ifndef PETSTORE_LEDGER_QUERY_H
#define PETSTORE_LEDGER_QUERY_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/diag.h"
#include "ledger/ledger_types.h"

#define QUERY_FILTERS_MAX 10u

struct query;

/* ERR_IO, ERR_INVALID (no database), ERR_VERSION (another program's, or a newer plugin's). */
int query_open(const char *place, struct query **ret, struct diag *diag) MUST_CHECK;
void query_close(struct query *query); /* NULL is fine */

/*
 * The same for a program that waits no longer than @wait_ms for each call, @application by name
 * where the database shows who is connected.
 */
int query_open_bounded(const char *place, const char *application, unsigned wait_ms,
		       struct query **ret, struct diag *diag) MUST_CHECK;

/*
 * The calls that follow end with ERR_LIMIT when it is @until_ns (clock_mono_ns()), or *@is_ending;
 * then the connection may be of no use, and is to be closed. 0: they have no bound.
 */
void query_bound(struct query *query, int64_t until_ns, const atomic_bool *is_ending);

/* A table's cell; a payload that is not UTF-8 comes as text all the same. */
struct query_cell {
	const char *name;
	enum value_type type; /* VALUE_NULL, VALUE_TEXT, VALUE_INTEGER or VALUE_REAL */
	const char *text;     /* of text: @len bytes */
	size_t len;
	int64_t integer;
	double real;
};

/* Borrowed for the call. */
struct query_row {
	size_t count;
	const struct query_cell *cell;
};

/* The cell called @name, or NULL. */
const struct query_cell *query_cell(const struct query_row *row, const char *name);

/* Called for each row in turn; false ends the listing. It may list other rows itself. */
typedef bool query_visit(const struct query_row *row, void *ctx);

enum query_test {
	QUERY_IS,
	QUERY_FROM,   /* the column's value is not below @text */
	QUERY_AFTER,  /* above it */
	QUERY_UNTIL,  /* not above it */
	QUERY_BELOW,  /* below it */
	QUERY_BEGINS, /* with @text, byte by byte */
	QUERY_NULL    /* it has none; @text is not used */
};

struct query_filter {
	const char *column;
	enum query_test test;
	const char *text;
};

#define QUERY_LIST_MAX 256u

/* One of these is the column's value. */
struct query_list {
	const char *column;
	size_t count;
	const char *const *text;
};

#define QUERY_SPOTS_MAX 24u

/* Topics from the text @from on, and below @until. */
struct query_spot {
	const char *from, *until;
	/*
	 * NULL, or: each id of @table stands behind @head and before both, whose row has the owner
	 * @owner; with @link_table: whose row has in @link_column the id of a row there that has.
	 */
	const char *head;
	const char *table, *owner, *link_column, *link_table;
};

#define QUERY_OWN_IDS_MAX 32u

/* Of an entity's table: rows of which one of these is true. All strings are borrowed. */
struct query_own {
	const char *owner; /* it is the row's owner, */
	/* or that of the row of @link_table whose id is in @link_column; NULL: no such */
	const char *link_column, *link_table;
	size_t id_count; /* or the row has one of these ids */
	const char *const *id;
};

/* What is wanted of a table. All strings are borrowed. */
struct query_wanted {
	const char *table;
	size_t filter_count; /* all must hold */
	const struct query_filter *filter;
	const char *order; /* column, or NULL: in no order */
	bool is_descending;
	uint64_t limit;                /* 0: all */
	const char *then;              /* a second column of the order, likewise; or NULL */
	const char *past[2];           /* with @then: rows behind that with these two; NULL: all */
	const struct query_own *own;   /* NULL: whoever owns them */
	const struct query_list *list; /* NULL: whatever the column's value is */
	/*
	 * Of the table of events: rows with a topic in one of the spots; 0: with any. Those of
	 * entities are for @by "topic" only.
	 */
	size_t spot_count;
	const struct query_spot *spot;
	/*
	 * The column whose index finds the rows, in that index's order of texts: what is asked of
	 * the others is looked at row for row. NULL: as the engine thinks best.
	 */
	const char *by;
	/* With @by: its index is gone through in its order, unless statistics know better. */
	bool is_through;
	uint64_t skip;             /* so many of the first rows are left out; with a limit */
	size_t column_count;       /* 0: all */
	const char *const *column; /* these alone; none is a payload */
	/* Of longer texts so many bytes are read at least, and maybe no more; 0: all. */
	unsigned text_max;
};

/* Lists rows. ERR_INVALID: no such table or column, which @diag names with those there are. */
int query_rows(struct query *query, const struct query_wanted *wanted, query_visit *visit,
	       void *ctx, struct diag *diag) MUST_CHECK;

/*
 * Counts rows by the values of @column: cells @column, "count", and "first" and "last" of
 * column @time. The most frequent comes first. @wanted->order is not used.
 */
int query_groups(struct query *query, const struct query_wanted *wanted, const char *column,
		 const char *time, query_visit *visit, void *ctx, struct diag *diag) MUST_CHECK;

/* Is there such a table? Entities' tables and the store's own. */
bool query_has(struct query *query, const char *table);

/* The entities' tables, cell "table" in each row. */
int query_tables(struct query *query, query_visit *visit, void *ctx, struct diag *diag) MUST_CHECK;

/* The unix time, by the database's clock, which may be another machine's. */
int query_now(struct query *query, int64_t *ret_ms, struct diag *diag) MUST_CHECK;

#endif
