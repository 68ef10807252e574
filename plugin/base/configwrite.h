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

/*
 * The same with comments. A member whose name begins with CONFIGWRITE_NOTE is none, but a text: one
 * line behind the member that the rest of its name says, in the same object, or behind the object's
 * own key, where there is no rest. With CONFIGWRITE_NOTE twice it becomes lines above that member.
 * Such names are no UTF-8, so that no file has them.
 *
 * @old, which may be NULL: a YAML file, its tree and its text, of which values of the tree are, or
 * stand for. Its comments above these values are kept, and those behind them where the tree has no
 * text of its own.
 */
#define CONFIGWRITE_NOTE "\xff"
struct configwrite_old {
	const struct config *root;
	const char *text;
	size_t len;
};
int configwrite_yaml_notes(const struct config *root, const struct configwrite_old *old,
			   FILE *file) MUST_CHECK;

/* Two spaces for a level, and a newline at the end. */
int configwrite_json(const struct config *root, FILE *file) MUST_CHECK;

/* The same without any white space; @root may be any value of a tree. */
int configwrite_compact(const struct config *root, FILE *file) MUST_CHECK;

/* Writes @len bytes of @text as a string of JSON; ferror() tells whether that failed. */
void configwrite_text(const char *text, size_t len, FILE *file);

#endif
