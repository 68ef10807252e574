/*
 * yamlfault.h -- what is said of text that is no YAML: where, libyaml's words, and what to do about
 * the faults that are made most often.
 */
#ifndef PETSTORE_BASE_YAMLFAULT_H
#define PETSTORE_BASE_YAMLFAULT_H

#include <stddef.h>
#include <yaml.h>

#include "base/configbuild.h"

/* After yaml_parser_parse() failed over @text: stores the line in the builder's diag and returns
 * its enum err. */
int yamlfault(struct configbuild *build, const yaml_parser_t *parser, const char *text, size_t len)
	__attribute__((cold));

#endif
