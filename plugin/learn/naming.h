/*
 * naming.h -- names in a learned contract: of parameters, channels, operations, tables.
 */
#ifndef PETSTORE_LEARN_NAMING_H
#define PETSTORE_LEARN_NAMING_H

#include "learn/maker.h"
#include "learn/observed.h"

#define NAMING_MAX 200u /* bytes of a name */

/*
 * Names the parameters of @observed that have no name yet: by the member of the payload that is the
 * same, else by the level before. Then writes its address.
 */
void naming_address(struct maker *maker, struct observed *observed);

/* The member that the parameter's location names; NULL: no member is always the same. */
const char *naming_location(const struct observed_param *param);

/* "petsStatus" of pets/{petId}/status, to @ret (NAMING_MAX). */
void naming_key(const char *address, char *ret);

/* Letters, digits and _ of @text, and at least one: to @ret (NAMING_MAX). */
void naming_word(const char *text, char *ret);

/* The text as a table's name: "pets_status", to @ret (NAMING_MAX). */
void naming_table(const char *key, char *ret);

#endif
