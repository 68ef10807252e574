/*
 * configwrite.h -- writes a tree of values (base/config.h) as YAML or JSON.
 *
 * What is written reads back as the same values in the same order; places and, in YAML, comments
 * and aliases are lost. Strings that any reader of YAML, also of 1.1, would take for something else
 * are quoted; text of several lines becomes a literal block.
 */
#ifndef PETSTORE_BASE_CONFIGWRITE_H
#define PETSTORE_BASE_CONFIGWRITE_H

#include <stdio.h>

#include "base/config.h"

/* 0, ERR_NOMEM, or ERR_IO where @file can't be written; the caller flushes and closes it. */
int configwrite_yaml(const struct config *root, FILE *file) MUST_CHECK;

/* Two spaces for a level, and a newline at the end. */
int configwrite_json(const struct config *root, FILE *file) MUST_CHECK;

#endif
