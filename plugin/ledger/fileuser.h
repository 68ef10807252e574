/*
 * fileuser.h -- whose files the broker's are: what petstorectl makes beside them must be that
 * user's.
 */
#ifndef PETSTORE_LEDGER_FILEUSER_H
#define PETSTORE_LEDGER_FILEUSER_H

#include "base/diag.h"

/*
 * ERR_INVALID: the file @path, or, where there is none yet, its folder, is another user's than who
 * runs this; @diag says whose, and, with @command, how to run it. ERR_IO: there is no such folder.
 */
int fileuser_check(const char *path, const char *command, struct diag *diag) MUST_CHECK;

#endif
