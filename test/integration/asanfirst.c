/*
 * asanfirst.c -- preloaded behind libasan, into a broker whose plugin is built with ASan: has ASan
 * begin before any library does.
 *
 * It begins in the first malloc(), and asks libc for the text of an error there. libgpg-error,
 * which Debian 12's broker is linked with, makes the first one within bindtextdomain(), whose lock
 * that text needs as well: the lock is broken, and libpq waits for it for ever.
 */
#include <stdlib.h>

__attribute__((constructor)) static void begin(void)
{
	void *volatile memory = malloc(1);

	free(memory);
}
