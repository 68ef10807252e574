/*
 * sample.h -- a value that a JSON Schema may accept, for commands to try.
 *
 * It is a guess: contains and not are not followed, and of patterns the regular ones. Whoever uses
 * it holds it against the schema.
 */
#ifndef PETSTORE_CTL_SAMPLE_H
#define PETSTORE_CTL_SAMPLE_H

#include <jansson.h>

#define SAMPLE_DEPTH_MAX 16u    /* levels of the value; deeper members are left out */
#define SAMPLE_VALUES_MAX 1000u /* in all; further members are left out */

/*
 * @schema is one of deref_schema(). Of objects it makes all members, of alternatives the first
 * one. New; NULL: there is none, or memory ran out.
 */
json_t *sample_of(json_t *schema);

#endif
