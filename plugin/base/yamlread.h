/*
 * yamlread.h -- YAML text to a tree of values with their places.
 *
 * libyaml finds the tokens; this file knows what they mean: YAML 1.2 with the core schema
 * (base/yamlcore.h), anchors, aliases and merge keys. One document, without a tag that is not the
 * core schema's. What YAML can say and JSON can not is refused: a key that is no scalar, infinity,
 * an alias to a value that it is in.
 *
 * Why libyaml: Debian 12, 13 and sid have one release of it, 0.2.5; it hands out events with their
 * marks, so that the bounds are ours.
 */
#ifndef PETSTORE_BASE_YAMLREAD_H
#define PETSTORE_BASE_YAMLREAD_H

#include <stddef.h>

#include "base/configbuild.h"

#define YAMLREAD_ANCHORS_MAX 65536u
#define YAMLREAD_DIRECTIVES_MAX 64u

/*
 * libyaml looks at all levels of [ ] and { } that are open for each value in them: values, each
 * times its levels of these. A text in JSON does not come here (base/config_load.c).
 */
#define YAMLREAD_FLOW_MAX (64u << 20)

/* Gives all of @text to @build. On failure its diag has the line. */
int yamlread(struct configbuild *build, const char *text, size_t len) MUST_CHECK;

#endif
