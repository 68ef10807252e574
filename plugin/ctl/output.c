#include "ctl/output.h"

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "base/diag.h"
#include "base/utf8.h"

#define TEXT_MAX 512u /* bytes of a text on a terminal, and what a column is filled up to */
#define CELL_MAX (TEXT_MAX + 8u)
#define COLUMNS_MAX 80u
#define WIDTH_DEFAULT 80u
#define GAP 2u      /* between two columns, and in front of a row's further lines */
#define CUT_PART 3u /* a column that is cut loses a third at most: else rows take several lines */

#define RED "\033[31m"
#define GREEN "\033[32m"
#define YELLOW "\033[33m"
#define BOLD "\033[1m"
#define RESET "\033[0m"

/* ---- the terminal ------------------------------------------------------------------------ */

static size_t width_of_line(void)
{
	const char *columns = getenv("COLUMNS");
	struct winsize size;
	char *end;

	if (columns && columns[0]) {
		unsigned long number = strtoul(columns, &end, 10);

		if (*end == '\0' && number <= 100000)
			return number;
	}
	if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0)
		return size.ws_col;
	return isatty(STDOUT_FILENO) ? WIDTH_DEFAULT : 0;
}

void output_init(struct output *ret, bool is_json, const char *color)
{
	const char *no_color = getenv("NO_COLOR"), *terminal = getenv("TERM");

	*ret = (struct output){ .is_json = is_json, .width = width_of_line() };
	if (color && strcmp(color, "auto") != 0)
		ret->is_coloured = strcmp(color, "always") == 0;
	else
		ret->is_coloured = isatty(STDOUT_FILENO) && !(no_color && no_color[0]) &&
				   !(terminal && strcmp(terminal, "dumb") == 0);
}

static const char *colour_of(const struct output *output, enum output_colour kind, const char *text)
{
	static const struct {
		const char *word, *colour;
	} words[] = {
		{ "refused", RED },    { "refuses", RED },     { "error", RED },
		{ "invalid", RED },    { "wrong", RED },       { "banned", RED },
		{ "warning", YELLOW }, { "observed", YELLOW }, { "held-off", YELLOW },
		{ "allowed", GREEN },  { "allows", GREEN },    { "ok", GREEN },
		{ "valid", GREEN },    { "right", GREEN },
	};

	if (!output->is_coloured || kind == OUTPUT_PLAIN)
		return NULL;
	if (kind == OUTPUT_RED)
		return RED;
	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		if (strcmp(words[i].word, text) == 0)
			return words[i].colour;
	return NULL;
}

static void print_coloured(const char *colour, const char *text)
{
	(void)printf("%s%s%s", colour ? colour : "", text, colour ? RESET : "");
}

void output_word(const struct output *output, const char *word)
{
	print_coloured(colour_of(output, OUTPUT_BY_WORD, word), word);
}

void output_print(const char *format, ...)
{
	char *text = NULL, *shown = NULL;
	size_t len, size;
	va_list args;
	bool is_end;

	va_start(args, format);
	if (vasprintf(&text, format, args) < 0)
		text = NULL; /* memory ran out, as below: the line is left out */
	va_end(args);
	len = text ? strlen(text) : 0;
	is_end = len > 0 && text[len - 1] == '\n';
	size = 4 * len + 1;
	if (text)
		shown = malloc(size);
	if (shown)
		(void)fputs(diag_escape(shown, size, text, len - is_end), stdout);
	if (is_end)
		(void)puts("");
	free(shown);
	free(text);
}

/* ---- cells ------------------------------------------------------------------------------- */

/* Where the text of one cell is made; all zero at first. */
struct cell {
	char *room; /* owned; NULL: none yet */
	size_t size;
	char small[CELL_MAX]; /* all that there is where memory ran out */
};

/* @text, escaped, whole where there is no width. There is room for an ellipsis behind it. */
static char *escape(const struct output *output, struct cell *cell, const char *text, size_t len)
{
	size_t size = output->width == 0 ? 4 * len + 1 : 0;

	if (size > TEXT_MAX && size > cell->size) {
		free(cell->room);
		cell->room = malloc(size);
		cell->size = cell->room ? size : 0;
	}
	if (size <= TEXT_MAX || !cell->room)
		return diag_escape(cell->small, TEXT_MAX, text, len);
	return diag_escape(cell->room, cell->size, text, len);
}

/* A title: the name of a column, which is the database's. */
static char *title_of(const struct output *output, const struct output_column *column,
		      struct cell *cell)
{
	return escape(output, cell, column->title, strlen(column->title));
}

/* A cell's text: of a string itself, of anything else its JSON. */
static char *text_of(const struct output *output, const json_t *value, struct cell *cell)
{
	char *text, *ret;

	if (json_is_string(value))
		return escape(output, cell, json_string_value(value), json_string_length(value));
	cell->small[0] = '\0';
	if (!value || json_is_null(value))
		return cell->small;
	if (json_is_boolean(value))
		return strcpy(cell->small, json_is_true(value) ? "yes" : "no");
	text = json_dumps(value, JSON_ENCODE_ANY | JSON_COMPACT);
	ret = text ? escape(output, cell, text, strlen(text)) : cell->small;
	free(text);
	return ret;
}

/* Characters, as a terminal counts them; wide ones are not worth a library. */
static size_t width(const char *text)
{
	return utf8_count(text, strlen(text));
}

/* The character behind the one at @at. */
static char *next(char *at)
{
	do
		at++;
	while (((unsigned char)*at & 0xc0) == 0x80);
	return at;
}

/* Leaves @most characters of the text, the last of them an ellipsis where there were more. */
static void cut(char *text, size_t most)
{
	char *at = text;

	if (width(text) <= most)
		return;
	for (size_t n = 1; n < most; n++)
		at = next(at);
	(void)strcpy(at, "\u2026");
}

/* ---- tables ------------------------------------------------------------------------------ */

struct layout {
	const struct output *output;
	const struct output_column *column;
	size_t count;
	size_t width[COLUMNS_MAX];
	bool is_broken;             /* a row takes several lines, and so may a cell */
	bool is_first[COLUMNS_MAX]; /* of a line */
	struct cell cell;
};

/* The cell of @row; NULL: the title. */
static char *text_at(struct layout *layout, const json_t *row, size_t column)
{
	const struct output_column *at = &layout->column[column];

	return row ? text_of(layout->output, json_object_get(row, at->key), &layout->cell)
		   : title_of(layout->output, at, &layout->cell);
}

static void widen(struct layout *layout, const json_t *row, size_t column)
{
	size_t n = width(text_at(layout, row, column));

	if (n > TEXT_MAX)
		n = TEXT_MAX; /* a longer one moves the rest of its line: else each line were as
				 long */
	if (n > layout->width[column])
		layout->width[column] = n;
}

static void measure(struct layout *layout, const json_t *rows)
{
	const json_t *row;
	size_t i;

	for (size_t c = 0; c < layout->count; c++) {
		widen(layout, NULL, c);
		json_array_foreach(rows, i, row)
			widen(layout, row, c);
	}
}

/* How much a line with all columns is longer than there is room for. */
static size_t surplus(const struct layout *layout)
{
	size_t used = GAP * (layout->count - 1), room = layout->output->width;

	for (size_t c = 0; c < layout->count; c++)
		used += layout->width[c];
	return room > 0 && used > room ? used - room : 0;
}

/* Cuts the widest column where that is enough, else breaks rows into lines. */
static void fit(struct layout *layout)
{
	size_t widest = 0, used = 0, room = layout->output->width, too_much = surplus(layout);

	for (size_t c = 1; c < layout->count; c++)
		if (layout->width[c] > layout->width[widest])
			widest = c;
	if (too_much <= layout->width[widest] / CUT_PART) {
		layout->width[widest] -= too_much;
		return;
	}
	layout->is_broken = true;
	for (size_t c = 0; c < layout->count; c++) {
		if (layout->width[c] + GAP > room)
			layout->width[c] = room > 2 * GAP ? room - GAP : GAP;
		if (c > 0 && used + GAP + layout->width[c] > room) {
			layout->is_first[c] = true;
			used = 0;
		}
		used += layout->width[c] + GAP;
	}
}

/* Prints @text in lines of @most characters, broken at blanks where there are some. */
static void print_broken(const char *colour, char *text, size_t most)
{
	while (width(text) > most) {
		char *at = text, *blank = NULL, kept;

		for (size_t n = 0; n < most; n++) {
			at = next(at);
			blank = *at == ' ' ? at : blank;
		}
		at = blank ? blank : at;
		kept = *at;
		*at = '\0';
		print_coloured(colour, text);
		(void)printf("\n%*s", (int)GAP, "");
		*at = kept;
		text = at + strspn(at, " ");
	}
	print_coloured(colour, text);
}

/* Nothing is printed for cells without a text at the end of a line. @row NULL: the titles. */
static void print_row(struct layout *layout, const json_t *row)
{
	const char *title_colour = layout->output->is_coloured ? BOLD : NULL;
	size_t gap = 0;
	bool is_new = false; /* the next cell begins a line */

	for (size_t c = 0; c < layout->count; c++) {
		char *text = text_at(layout, row, c);
		size_t len;

		if (!layout->is_broken && layout->output->width > 0)
			cut(text, layout->width[c]);
		if (layout->is_first[c]) {
			is_new = true;
			gap = GAP;
		}
		len = width(text);
		if (len > 0) {
			(void)printf("%s%*s", is_new ? "\n" : "", (int)gap, "");
			print_broken(row ? colour_of(layout->output, layout->column[c].colour, text)
					 : title_colour,
				     text, layout->is_broken ? layout->width[c] : SIZE_MAX);
			is_new = false;
			gap = 0;
		}
		gap += GAP + (len < layout->width[c] ? layout->width[c] - len : 0);
	}
	(void)puts("");
}

static void print_table(const struct output *output, json_t *rows,
			const struct output_column *columns)
{
	struct layout layout = { .output = output, .column = columns };
	const json_t *row;
	size_t i;

	while (columns[layout.count].key && layout.count < COLUMNS_MAX)
		layout.count++;
	if (layout.count == 0 || json_array_size(rows) == 0)
		return;
	measure(&layout, rows);
	fit(&layout);
	print_row(&layout, NULL);
	json_array_foreach(rows, i, row)
		print_row(&layout, row);
	free(layout.cell.room);
}

static bool is_empty(const json_t *rows, const char *key)
{
	const json_t *row;
	size_t i;

	json_array_foreach(rows, i, row) {
		const json_t *cell = json_object_get(row, key);

		if (cell && !json_is_null(cell))
			return false;
	}
	return true;
}

void output_rows(const struct output *output, json_t *rows, const struct output_column *columns)
{
	struct output_column found[COLUMNS_MAX + 1] = { { .key = NULL } };
	size_t count = 0;
	const char *key;
	json_t *value;

	if (output->is_json) {
		output_json(rows);
		return;
	}
	json_object_foreach(json_array_get(rows, 0), key, value) {
		if (!columns && count < COLUMNS_MAX && !is_empty(rows, key))
			found[count++] = (struct output_column){ .key = key, .title = key };
	}
	print_table(output, rows, columns ? columns : found);
}

/* ---- one thing --------------------------------------------------------------------------- */

void output_json(const json_t *json)
{
	if (json_dumpf(json, stdout, JSON_INDENT(2) | JSON_ENCODE_ANY | JSON_ENSURE_ASCII) == 0)
		(void)puts("");
}

void output_object(const struct output *output, json_t *object)
{
	struct cell cell = { .room = NULL };
	size_t widest = 0, len;
	const char *key, *text;
	json_t *value;

	if (output->is_json) {
		output_json(object);
		return;
	}
	json_object_foreach(object, key, value) {
		len = width(escape(output, &cell, key, strlen(key)));
		widest = len > widest ? len : widest;
	}
	json_object_foreach(object, key, value) {
		text = escape(output, &cell, key, strlen(key));
		len = width(text);
		(void)printf("%s%*s", text, (int)(widest - len + GAP), "");
		(void)puts(text_of(output, value, &cell));
	}
	free(cell.room);
}
