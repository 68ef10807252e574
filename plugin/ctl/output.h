/*
 * output.h -- what a subcommand prints on standard output: columns and words for a person, JSON
 * for a program.
 *
 * A row is a Jansson object. What came from clients may hold anything: columns have it escaped
 * (diag_escape()), JSON is ASCII. A table fits the width: where cutting its widest column does it,
 * that one is cut with an ellipsis, else each row takes several lines. Where there is no width, as
 * in a pipe, each row is a line and nothing is cut, and JSON never is. Whether all could be written
 * is looked at once, by main().
 */
#ifndef PETSTORE_CTL_OUTPUT_H
#define PETSTORE_CTL_OUTPUT_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

struct output {
	bool is_json;
	bool is_coloured;
	size_t width; /* of a line, in characters; 0: any */
};

/*
 * The width is the environment's COLUMNS, else the terminal's, or 80 where that doesn't say it,
 * else any: what is no terminal is read by programs, or kept. Colours are used on a
 * terminal where NO_COLOR is not set, or as @color ("auto", "always", "never"; NULL: "auto") says.
 */
void output_init(struct output *ret, bool is_json, const char *color);

enum output_colour {
	OUTPUT_PLAIN = 0,
	OUTPUT_BY_WORD, /* words such as "refused" and "allowed" have their own */
	OUTPUT_RED,
};

struct output_column {
	const char *key; /* of the row's member; NULL ends the list */
	const char *title;
	enum output_colour colour;
};

/*
 * Prints @rows, an array: as JSON, or in columns under their titles, and nothing at all where
 * there is no row. @columns NULL: every member that some row has a value for.
 */
void output_rows(const struct output *output, json_t *rows, const struct output_column *columns);

/* Prints @object: as JSON, or a line for each member, its name and its value. */
void output_object(const struct output *output, json_t *object);

/* Prints @json, indented. */
void output_json(const json_t *json);

/*
 * printf() for a line, or a part of one. What a file or a client chose may be in it: but for the
 * line's end it is escaped (diag_escape()).
 */
void output_print(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* Prints a word in its colour, if it has one. */
void output_word(const struct output *output, const char *word);

#endif
