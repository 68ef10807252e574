/*
 * accessfake.h -- a contract's scopes, topic parameters and applications, for tests of the access
 * room.
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

static const struct fake_application {
	const char *id, *title, *operation[4];
} fake_applications[] = {
	{ "urn:lights", "Lights API", { "turnOn", "turnOff", "report" } },
	{ "urn:shop", "Shop", { "order", "ship", "report" } },
	{ "urn:twin:1", "Twin", { "hello" } },
	{ "urn:twin:2", "Twin", { "hello" } },
};
#define FAKE_APPLICATIONS (sizeof(fake_applications) / sizeof(*fake_applications))

static inline int fake_find_application(const void *ctx, const char *name)
{
	int found = ACCESS_APPLICATION_NONE;

	(void)ctx;
	for (size_t i = 0; i < FAKE_APPLICATIONS; i++) {
		if (strcmp(fake_applications[i].id, name) == 0)
			return (int)i;
		if (strcmp(fake_applications[i].title, name) == 0)
			found = found >= 0 ? ACCESS_APPLICATION_TWO : (int)i;
	}
	return found;
}

static inline const char *fake_application(const void *ctx, size_t number)
{
	(void)ctx;
	return number < FAKE_APPLICATIONS ? fake_applications[number].title : NULL;
}

static inline const char *fake_operation(const void *ctx, unsigned application, size_t i)
{
	(void)ctx;
	return fake_applications[application].operation[i];
}

static inline bool fake_has_operation(const void *ctx, unsigned application, const char *name)
{
	const char *each;

	for (size_t i = 0; (each = fake_operation(ctx, application, i)); i++)
		if (strcmp(each, name) == 0)
			return true;
	return false;
}

static const struct access_offer fake_contract = { .count = FAKE_SCOPES,
						   .name = fake_scopes,
						   .has_param = fake_has_param,
						   .find_application = fake_find_application,
						   .has_operation = fake_has_operation,
						   .application = fake_application,
						   .operation = fake_operation };

/* The scope's number, or FAKE_SCOPES. */
static inline unsigned fake_scope(const char *name)
{
	unsigned i = 0;

	while (i < FAKE_SCOPES && strcmp(fake_scopes[i], name) != 0)
		i++;
	return i;
}

#endif
