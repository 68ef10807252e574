/*
 * record.h -- an accepted publish as bytes, as the journal holds it.
 *
 * Tables and columns are named by the store's permanent numbers (store.h), so that a record
 * means the same under every contract. Numbers are in the machine's byte order, as the
 * journal's file is.
 */
#ifndef PETSTORE_RECORD_H
#define PETSTORE_RECORD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/diag.h"
#include "ledger/ledger_types.h"

struct record_text {
	const char *text; /* not NUL-terminated; NULL: the message does not have it (owner only) */
	size_t len;
};

struct record {
	uint32_t table;     /* permanent number; 0: an event only */
	bool is_unrecorded; /* no event */
	bool is_retained;
	bool is_will;
	bool is_correction;
	bool is_adopted;
	bool is_taken_over;
	/* It is of no entity, since it only repeats a status: what is retained may be newer. */
	bool is_repeat;
	unsigned qos;
	int64_t received_ms;
	uint64_t digest;   /* as in struct ledger_write; 0: not known */
	uint64_t unique;   /* likewise */
	uint64_t revision; /* of the entity, after this write; 0: there is none */
	/*
	 * Of a step in a ledger that several brokers share: which status it moves (the permanent
	 * number of its column; 0: none, or the ledger is not shared), and what it was when the
	 * step was decided; empty: the entity had none. See settle.h.
	 */
	uint32_t before_column;
	struct record_text id, owner, topic, publisher, client_id, payload;
	struct record_text kind;       /* the message's name in the contract; empty: not known */
	struct record_text peer;       /* who published it at a peer's broker; empty: not said */
	struct record_text before;     /* see before_column */
	struct record_text properties; /* of what is retained; see ledger.h */
	size_t value_count;            /* at most ENTITY_COLUMNS_MAX */
	struct value *value;           /* by permanent numbers; the caller's */
};

/* Bytes that record_encode() will write. */
size_t record_bytes(const struct record *record);

/* The most that a record holds beside its topic, payload, names and values. */
#define RECORD_OVERHEAD                                                                            \
	(152u + ENTITY_STATUS_MAX + LEDGER_KIND_MAX + LEDGER_PEER_MAX + 16u * ENTITY_COLUMNS_MAX)

/* Limits that the format has; ERR_LIMIT where a text is longer. */
int record_check(const struct record *record, struct diag *diag) MUST_CHECK;

/* Writes the record, which record_check() accepted, to @ret, which has record_bytes(). */
void record_encode(const struct record *record, void *ret);

/*
 * Reads a record; the texts in *ret point into @data, and its values go to @value, which has room
 * for ENTITY_COLUMNS_MAX of them. ERR_SYNTAX: these bytes are none;
 * ERR_VERSION: of a kind that only a newer plugin knows.
 */
int record_decode(const void *data, size_t len, struct value *value, struct record *ret,
		  struct diag *diag) MUST_CHECK;

#endif
