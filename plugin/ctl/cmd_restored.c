/*
 * petstorectl restored: the database is a copy, or its journal is lost; it goes on without.
 */
#include "ledger/restored.h"

#include <stddef.h>
#include <stdio.h>

#include "ctl/args.h"
#include "ctl/ctl.h"
#include "ctl/files.h"

#define NAME "restored"

struct wanted {
	struct files files;
};

/* clang-format off */
static const struct args_row rows[] = {
	FILES_ROW_CONFIG(struct wanted, files),
	{ "database", ARGS_TEXT, "FILE", "the database", FILES_AT(struct wanted, files, database), 0, 0 },
	{ .name = NULL },
};
/* clang-format on */

static int run_restored(int argc, char **argv)
{
	struct wanted wanted = { .files = { .config = NULL } };
	struct diag said, diag;
	int rc;

	diag_init(&said);
	diag_init(&diag);
	if (args_read(&ctl_restored, argc, argv, &wanted) < 0)
		return CTL_FAILED;
	rc = files_find(&wanted.files, &diag);
	if (rc == 0 && !wanted.files.database)
		rc = diag_set(&diag, ERR_INVALID, "no database: give --database or --config");
	if (rc == 0)
		rc = restored(wanted.files.database, &said, &diag);
	files_clear(&wanted.files);
	if (rc < 0)
		return ctl_fail(NAME, "%s", diag.text);
	(void)puts(said.text);
	return rc == 0 ? CTL_OK : CTL_NO;
}

const struct ctl_command ctl_restored = {
	.name = NAME,
	.arguments = "[--config FILE] [--database FILE]",
	.summary = "the database is a copy, or its journal is lost: it goes on without",
	.help = "A database that was in use when it was copied, or whose broker was killed, says "
		"which\n"
		"journal it was in use with, and the broker takes no writes with another one, or "
		"with\n"
		"none: that journal may have writes that are nowhere else. This says that they "
		"are\n"
		"given up. A journal that is there is moved to <journal>.left,\n"
		"or .left-2 and so on. Stop the broker first.\n",
	.options = rows,
	.run = run_restored,
};
