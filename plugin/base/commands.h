/*
 * commands.h -- the scopes of the plugin's commands on $CONTROL/petstore/v1.
 *
 * Each command but those that are for whoever is signed in has one of its own, "control:NAME". They
 * are there under any contract: roles, `deny`, issuers and tokens name them as any scope. They are
 * held in full or not at all. Of wildcards only "control:*" has them: "*" means the contract's
 * scopes. A contract may declare a scope of the same name, and then the word gives both.
 */
#ifndef PETSTORE_COMMANDS_H
#define PETSTORE_COMMANDS_H

#include <stdbool.h>
#include <stddef.h>

#include "base/scopeset.h"

#define COMMANDS_TOPIC "$CONTROL/petstore/v1"
#define COMMANDS_RESPONSE_TOPIC "$CONTROL/petstore/v1/response"

#define COMMANDS_PREFIX "control:"

/* The scope of the @i-th command, "control:status"; NULL behind the last. */
const char *commands_scope(unsigned i);

/* The same without what all begin with. */
const char *commands_name(unsigned i);

/* Adds what one word of `scopes` names of them. False: nothing. */
bool commands_add(const char *word, size_t len, struct scopeset *ret);

#endif
