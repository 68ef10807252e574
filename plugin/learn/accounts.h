/*
 * accounts.h -- who published what, where a recording says so: a scope for each set of publishers,
 * and an access.json that grants them.
 */
#ifndef PETSTORE_LEARN_ACCOUNTS_H
#define PETSTORE_LEARN_ACCOUNTS_H

#include "base/diag.h"
#include "learn/maker.h"

struct learned;

/*
 * Sets learned->scheme. Channels that the same users publish on have the same one. None has any
 * where some messages name no publisher, or where there would be more than a contract can have.
 */
int accounts_schemes(struct learned *learned) MUST_CHECK;

/* Adds the security scheme @scheme to the document's components, unless it is there. */
void accounts_put_scheme(struct maker *maker, struct draft *components, const char *scheme);

/* The access.json. NULL: no channel has a scheme, or memory ran out, which the maker knows. */
struct draft *accounts_access(struct learned *learned);

#endif
