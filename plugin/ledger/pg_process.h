/*
 * pg_process.h -- which process has a broker's name, and whether it is gone for certain.
 *
 * A broker that was killed and started again need not wait for its own name: where the process that
 * had it was one of this machine, the kernel says that it is gone. Of other machines, and of
 * containers that do not see each other's processes, nothing is known.
 */
#ifndef PETSTORE_PG_PROCESS_H
#define PETSTORE_PG_PROCESS_H

#include <stdbool.h>

#define PG_PROCESS_MAX 128u

/*
 * Writes what tells this process from all others to @ret (PG_PROCESS_MAX bytes): the machine's
 * start, the namespace of its number, the number, and when it began (proc(5)). "": not known.
 * Returns @ret.
 */
char *pg_process_self(char *ret);

/* Was @text a process of this machine, which is gone? False where that is not certain. */
bool pg_process_is_gone(const char *text);

#endif
