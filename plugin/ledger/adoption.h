/*
 * adoption.h -- gives entities the status that they have already: many of them, in one transaction.
 *
 * For petstorectl, while no broker has the database: the broker's thread keeps entities in memory,
 * and the journal numbers of its own, so that nobody else may write them while it runs. All that is
 * added is in the database after adoption_commit(), or none of it, whatever happens.
 */
#ifndef PETSTORE_ADOPTION_H
#define PETSTORE_ADOPTION_H

#include <stdint.h>

#include "base/diag.h"
#include "base/entity.h"
#include "ledger/ledger_types.h"

#define ADOPTION_RECORD_MAX ((size_t)8 << 20) /* bytes of what is added at once */

struct adoption;

/* Of a journal that has to be made; see journal_format(). */
struct adoption_journal {
	size_t bytes, bytes_max;
};

/*
 * Opens the database of @place as a start of the broker would, makes it where it does not exist,
 * brings it up to date, and makes the tables of @plan, which is borrowed until adoption_close();
 * replays the journal, which is made as @journal says where there is none. Then holds the journal's
 * lock, so that no broker uses it meanwhile; of a shared database: no broker of this name.
 * ERR_BUSY: one does; ERR_INVALID: the files are another user's, and the broker could not use what
 * is made beside them. Other errors are those of ledger_open().
 */
int adoption_open(const struct ledger_place *place, const struct adoption_journal *journal,
		  const struct entity_plan *plan, struct adoption **ret,
		  struct diag *diag) MUST_CHECK;

/* What the database had of the entity when it was opened, as ledger_look() says it. */
int adoption_find(struct adoption *adoption, unsigned entity, const char *id, size_t id_len,
		  struct ledger_state *ret, struct diag *diag) MUST_CHECK;

/*
 * Adds a write; its time and that it is adopted are set here. Each entity once at most. ERR_LIMIT,
 * ERR_INVALID: it is no write that ledger_commit() would keep; the others may be added all the
 * same.
 */
int adoption_add(struct adoption *adoption, const struct ledger_write *write,
		 struct diag *diag) MUST_CHECK;

/* Puts all that was added into the database, synced. Afterwards only adoption_close() is called. */
int adoption_commit(struct adoption *adoption, struct diag *diag) MUST_CHECK;

/* Of the digests in the database's rows, see ledger_seed(). */
uint64_t adoption_seed(const struct adoption *adoption);

/* Without adoption_commit() nothing was changed but what adoption_open() did. NULL is fine. */
void adoption_close(struct adoption *adoption);

#endif
