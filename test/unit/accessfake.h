/*
 * accessfake.h -- a contract's scopes and topic parameters, for tests of the access room.
 */
#ifndef PETSTORE_ACCESSFAKE_H
#define PETSTORE_ACCESSFAKE_H

#include <stddef.h>
#include <string.h>

#include "access/access.h"

static const char *const fake_scopes[] = {
	"read:pets",      "write:pets",     "read:orders",     "write:orders", "read:payments",
	"write:payments", "read:inventory", "write:inventory", "read:sys",
};
#define FAKE_SCOPES (sizeof(fake_scopes) / sizeof(*fake_scopes))

static bool fake_has_param(const void *ctx, const char *name)
{
	(void)ctx;
	return strcmp(name, "petId") == 0 || strcmp(name, "warehouse") == 0 ||
	       strcmp(name, "productId") == 0;
}

static const struct access_scopes fake_contract = { .count = FAKE_SCOPES,
						    .name = fake_scopes,
						    .has_param = fake_has_param };

/* The scope's number, or FAKE_SCOPES. */
static inline unsigned fake_scope(const char *name)
{
	unsigned i = 0;

	while (i < FAKE_SCOPES && strcmp(fake_scopes[i], name) != 0)
		i++;
	return i;
}

#endif
