#include "ledger/pg_lib.h"

#include <dlfcn.h>
#include <stddef.h>
#include <string.h>

/* Its name, and where its address goes. */
struct wanted {
	const char *name;
	size_t at;
};

#define WANTED(name) { #name, offsetof(struct pg_lib, name) },
static const struct wanted wanted[] = { PG_LIB_FUNCTIONS(WANTED) };
#undef WANTED

int pg_lib_open(struct pg_lib *ret, struct diag *diag)
{
	*ret = (struct pg_lib){ .handle = dlopen(PG_LIB_NAME,
						 RTLD_NOW | RTLD_LOCAL | RTLD_NODELETE) };
	if (!ret->handle)
		return diag_set(diag, ERR_IO,
				PG_LIB_NAME " is not installed, which a database in PostgreSQL "
					    "needs: apt install libpq5");
	for (size_t i = 0; i < sizeof(wanted) / sizeof(wanted[0]); i++) {
		void *found = dlsym(ret->handle, wanted[i].name);

		if (!found) {
			pg_lib_close(ret);
			return diag_set(diag, ERR_IO,
					PG_LIB_NAME " has no %s: it must be libpq 14 or later",
					wanted[i].name);
		}
		/* A function's address as an object's: POSIX grants it for dlsym(). */
		memcpy((char *)ret + wanted[i].at, &found, sizeof(found));
	}
	return 0;
}

void pg_lib_close(struct pg_lib *lib)
{
	if (lib->handle)
		(void)dlclose(lib->handle);
	*lib = (struct pg_lib){ 0 };
}
