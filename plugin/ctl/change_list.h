/*
 * change_list.h -- what diff and replay share: rules with one file exchanged, and a list of
 * decisions that differ.
 */
#ifndef PETSTORE_CTL_CHANGE_LIST_H
#define PETSTORE_CTL_CHANGE_LIST_H

#include <jansson.h>
#include <stdbool.h>

#include "ctl/files.h"
#include "ctl/output.h"

struct change_list {
	json_t *rows; /* what is printed; objects */
	long limit;   /* of rows; 0: all */
	unsigned allows;
	unsigned refuses;
};

/* Is @path a contract, with a member "asyncapi" or a folder? Else it is an access file. */
int change_list_kind(const char *path, bool *is_contract, struct diag *diag) MUST_CHECK;

/*
 * Loads the rules of @files with @path in the place of its contract or its access file, as
 * change_list_kind() said.
 */
int change_list_open(const char *path, bool is_contract, const struct files *files,
		     struct scene *ret, struct diag *diag) MUST_CHECK;

/* Adds a row: something that is now allowed or refused. Strings may be NULL. */
void change_list_add(struct change_list *list, bool is_allowed, const char *who, const char *what,
		     const char *topic, const char *format, ...)
	__attribute__((format(printf, 6, 7)));

/* @more: members for JSON beside the list's own, an object; or NULL. */
void change_list_print(const struct change_list *list, json_t *more, const struct output *output);

#endif
