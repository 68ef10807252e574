/*
 * Access files. What loads must keep its promises: scopes of one kind only, nothing denied
 * that is held, attributes that are found again, an answer to every question.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../unit/accessfake.h"

#define ENSURE(fact)                                                                               \
	do {                                                                                       \
		if (!(fact)) {                                                                     \
			fprintf(stderr, "does not hold: %s\n", #fact);                             \
			abort();                                                                   \
		}                                                                                  \
	} while (0)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bool overlap(const struct scopeset *a, const struct scopeset *b)
{
	for (size_t i = 0; i < SCOPES_MAX / 64; i++)
		if (a->word[i] & b->word[i])
			return true;
	return false;
}

static void check(const struct access *access, const struct access_principal *who)
{
	struct access_param param[] = { { "warehouse", "berlin", 6 },
					{ "petId", NULL, 0 },
					{ "productId", who->name, strlen(who->name) } };
	struct access_held held;
	struct grantset grants;

	ENSURE(access_find(access, who->name) == who);
	ENSURE(!overlap(&who->full, &who->own));
	ENSURE(!overlap(&who->full, &who->denied) && !overlap(&who->own, &who->denied));
	for (size_t n = 0; n <= 3; n++) {
		access_hold(who, param, n, true, &held);
		access_hold_grants(who, param, n, true, &grants);
		ENSURE(!overlap(&held.full, &held.own));
		ENSURE(!overlap(&held.full, &who->denied) && !overlap(&held.own, &who->denied));
		ENSURE(who->has_grants || grantset_is_empty(&grants));
		for (unsigned i = 0; i < GRANTS_MAX; i++)
			ENSURE(!grantset_has(&grants, i) || access_grant(access, i));
	}
	for (size_t i = 0; i < who->attribute_count; i++)
		for (size_t k = 0; k < who->attribute[i].value_count; k++)
			ENSURE(access_attribute_has(who, who->attribute[i].name,
						    who->attribute[i].value[k],
						    strlen(who->attribute[i].value[k])));
	ENSURE(access_client_ok(who, who->name) || who->client_count > 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const struct access_principal *who;
	const struct access_grant *grant;
	struct access *access = NULL;
	struct diag diag;

	diag_init(&diag);
	if (access_parse("f", NULL, (const char *)data, size, &fake_contract, &access, &diag)) {
		ENSURE(diag.text[0] && !access);
		return 0;
	}
	for (size_t i = 0; (who = access_principal(access, i)); i++)
		check(access, who);
	for (size_t i = 0; (grant = access_grant(access, i)); i++)
		for (size_t k = 0; k < grant->operation_count; k++)
			ENSURE(fake_has_operation(NULL, grant->application, grant->operation[k]));
	access_free(access);
	return 0;
}
