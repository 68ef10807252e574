/*
 * table.h -- rows on standard output: columns for a person, JSON for a program.
 *
 * A row is a Jansson object. What came from clients may hold anything: columns have it escaped
 * (diag_escape()), JSON is ASCII.
 */
#ifndef PETSTORE_CTL_TABLE_H
#define PETSTORE_CTL_TABLE_H

#include <jansson.h>
#include <stdbool.h>

struct output_column {
	const char *key; /* of the row's member; NULL ends the list */
	const char *title;
};

/* Prints @rows in columns under their titles; nothing at all where there is no row. */
void output_print(json_t *rows, const struct output_column *columns);

/* Prints @json, indented. False: standard output does not take it. */
bool output_print_json(const json_t *json);

/* One line for each member of @object: its name and its value. */
void output_print_object(json_t *object);

/* A cell's text: of a string itself, of anything else its JSON. @ret has room for @cap bytes. */
char *output_text(const json_t *value, char *ret, size_t cap);

#endif
