/*
 * journalfile.h -- a journal's file in a folder of its own, for each test of a program.
 *
 * Included by one test program each; everything is static.
 */
#ifndef PETSTORE_JOURNALFILE_H
#define PETSTORE_JOURNALFILE_H

#include <stdlib.h>
#include <string.h>

#include "folder.h"
#include "ledger/journal.h"

static const unsigned char ours[JOURNAL_IDENTITY] = "the database";

struct fixture {
	struct folder folder;
	char path[300];
	struct journal *journal;
	struct diag diag;
};

static inline int set_up(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	assert_non_null(f);
	folder_make(&f->folder);
	(void)strcpy(f->path, folder_file(&f->folder, "ring"));
	diag_init(&f->diag);
	*state = f;
	return 0;
}

static inline int tear_down(void **state)
{
	struct fixture *f = *state;

	journal_close(f->journal);
	folder_remove(&f->folder);
	free(f);
	return 0;
}

static inline struct journal *open_journal(struct fixture *f)
{
	f->journal = NULL;
	assert_int_equal(journal_open(f->path, &f->journal, &f->diag), 0);
	return f->journal;
}

static inline void close_journal(struct fixture *f)
{
	journal_close(f->journal);
	f->journal = NULL;
}

static inline struct journal_facts inspect(const struct journal *journal)
{
	struct journal_facts facts;

	journal_inspect(journal, &facts);
	return facts;
}

#endif
