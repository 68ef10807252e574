/*
 * yamlscalar.h -- a scalar of YAML, as libyaml hands it out, to a value: by its quotes, its tag and
 * the core schema (base/yamlcore.h).
 */
#ifndef PETSTORE_BASE_YAMLSCALAR_H
#define PETSTORE_BASE_YAMLSCALAR_H

#include <stdbool.h>
#include <yaml.h>

#include "base/configbuild.h"

/* The name of a tag of YAML's own, such as "int"; NULL: it is another. */
const char *yamlscalar_tag(const yaml_char_t *tag);

/* Has it no quotes, and is no block? */
bool yamlscalar_is_plain(const yaml_event_t *event);

/* An enum yamlcore_kind; -1: the tag is not known, or does not fit the text. */
int yamlscalar_kind(const yaml_event_t *event);

/* Adds the value. Infinity and NaN are refused: JSON has no such numbers. */
int yamlscalar_add(struct configbuild *build, const yaml_event_t *event,
		   struct configbuild_place place) MUST_CHECK;

/* Says that the tag is not known here, or not of such a value. */
int yamlscalar_fail_tag(struct configbuild *build, const yaml_char_t *tag,
			struct configbuild_place place) __attribute__((cold));

#endif
