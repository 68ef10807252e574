/*
 * Comments in what is written as YAML. libyaml writes none: the tree is written without them, and
 * read again, so that each value has its line; then the lines are copied with the comments.
 */
#include <stdlib.h>
#include <string.h>

#include "base/configwrite_internal.h"
#include "base/utf8.h"

#define NOTE CONFIGWRITE_NOTE[0]

/* The comments of a line. Texts are borrowed. */
struct line_notes {
	const char *above;
	const char *old_above; /* lines of the text that was there; NULL: none */
	size_t old_above_len;
	const char *behind;
	size_t behind_len;
};

struct notes {
	struct line_notes *line; /* from 1 */
	size_t lines;
	const struct configwrite_old *old;
	const char **old_line; /* where each of its lines begins, from 1; NULL: there is none */
	size_t old_lines, old_last; /* how many; that of the value before */
};

/* ---- the comments of a text that was there ------------------------------------------------ */

/* Behind the quoted text at @at, or the end of the line. */
static const char *skip_quoted(const char *at, const char *end)
{
	char quote = *at++;

	for (; at < end && *at != '\n' && *at != quote; at++)
		at += quote == '"' && *at == '\\' && at + 1 < end;
	return at < end && *at == quote ? at + 1 : at;
}

/*
 * The comment at the end of @line, without its #; NULL: there is none. A quote means a quoted text
 * where a value can begin only: it may stand in others.
 */
static const char *comment_of(const char *line, const char *end, size_t *len)
{
	bool begins = true, is_flow = false;
	const char *stop = memchr(line, '\n', (size_t)(end - line));

	end = stop ? stop : end;
	for (const char *at = line; at < end;) {
		if (*at == '#' && at > line && at[-1] == ' ') {
			at += at + 1 < end && at[1] == ' ' ? 2 : 1;
			*len = (size_t)(end - at);
			return at;
		}
		if (begins && (*at == '"' || *at == '\'')) {
			at = skip_quoted(at, end);
			begins = false;
			continue;
		}
		is_flow |= begins && (*at == '{' || *at == '[');
		if (*at != ' ')
			begins = (is_flow && strchr("{[,", *at)) || *at == ':' ||
				 (begins && *at == '-');
		else if (at > line && !strchr(" :-{[,", at[-1]))
			begins = false;
		at++;
	}
	return NULL;
}

static int index_old(struct notes *notes)
{
	const struct configwrite_old *old = notes->old;
	const char *end = old->text + old->len;
	size_t lines = 1;

	for (size_t i = 0; i < old->len; i++)
		lines += old->text[i] == '\n';
	notes->old_line = calloc(lines + 1, sizeof(*notes->old_line));
	if (!notes->old_line)
		return ERR_NOMEM;
	for (const char *at = old->text; at && at < end;) {
		notes->old_line[++notes->old_lines] = at;
		at = memchr(at, '\n', (size_t)(end - at));
		at = at ? at + 1 : NULL;
	}
	return 0;
}

/* The line of the text that was there which @value stands in; 0: none. */
static size_t old_line_of(const struct notes *notes, const struct config *value)
{
	if (!notes->old)
		return 0;
	while (value->origin)
		value = value->origin;
	return value->line <= notes->old_lines && config_root(value) == notes->old->root
		       ? value->line
		       : 0;
}

static bool is_comment(const char *line)
{
	return line[strspn(line, " ")] == '#';
}

/* The comments that stood above line @line, and behind it, to @at. */
static void keep_old(const struct notes *notes, size_t line, struct line_notes *at)
{
	const char *end = notes->old->text + notes->old->len;
	size_t first = line;

	while (first > 1 && is_comment(notes->old_line[first - 1]))
		first--;
	if (first < line && !at->old_above) {
		at->old_above = notes->old_line[first];
		at->old_above_len = (size_t)(notes->old_line[line] - notes->old_line[first]);
	}
	if (!at->behind)
		at->behind = comment_of(notes->old_line[line], end, &at->behind_len);
}

/* ---- which line has which ------------------------------------------------------------------ */

/* The note about member @name of @object: its text, or NULL. */
static const struct config *note_about(const struct config *object, const char *name, bool is_above)
{
	config_foreach_member(note, object) {
		const char *rest = note->key + 1;

		if (!configwrite_is_note(note) || (*rest == NOTE) != is_above)
			continue;
		if (strcmp(rest + is_above, name) == 0)
			return note;
	}
	return NULL;
}

/* @value now stands in the line that @at is of. Of several values in an old line the first one has
 * that line's comments. */
static void note_line(struct notes *notes, const struct config *value, struct line_notes *at,
		      const struct config *above, const struct config *behind)
{
	size_t old = old_line_of(notes, value);

	if (above)
		at->above = above->text;
	if (behind && !at->behind) {
		at->behind = behind->text;
		at->behind_len = behind->count;
	}
	if (old > 0 && old != notes->old_last)
		keep_old(notes, old, at);
	notes->old_last = old;
}

/* @again is @value as it was written, with its lines; its members are those that are no notes. */
static void note_tree(struct notes *notes, const struct config *value, const struct config *again)
{
	const struct config *next = config_first(again, CONFIG_ANY);

	config_foreach(child, value) {
		const struct config *above, *behind;

		if (configwrite_is_note(child))
			continue;
		above = child->key ? note_about(value, child->key, true) : NULL;
		behind = child->key ? note_about(value, child->key, false) : NULL;
		if (next->line <= notes->lines)
			note_line(notes, child, &notes->line[next->line], above,
				  behind ? behind : note_about(child, "", false));
		note_tree(notes, child, next);
		next++;
	}
}

/* ---- writing ------------------------------------------------------------------------------ */

static void put_note(FILE *file, const char *text, size_t len)
{
	for (size_t i = 0; i < len;) {
		uint32_t code;
		size_t n = utf8_read(text + i, len - i, &code);

		if (n == 0 || !utf8_is_plain(code))
			(void)putc('?', file);
		else
			(void)fwrite(text + i, 1, n, file);
		i += n ? n : 1;
	}
}

/* Comments that were there, with their #, before what now stands @indent blanks in. */
static void put_old_above(FILE *file, const char *text, size_t len, int indent)
{
	const char *end = text + len;

	while (text < end) {
		const char *stop = memchr(text, '\n', (size_t)(end - text));

		text += strspn(text, " ");
		stop = stop ? stop : end;
		(void)fprintf(file, "%*s", indent, "");
		put_note(file, text, (size_t)(stop - text));
		(void)putc('\n', file);
		text = stop + 1;
	}
}

/* @text, whose lines end in newlines, as comments before what stands @indent blanks in. */
static void put_above(FILE *file, const char *text, int indent)
{
	while (*text) {
		size_t len = strcspn(text, "\n");

		(void)fprintf(file, "%*s# ", indent, "");
		put_note(file, text, len);
		(void)putc('\n', file);
		text += len + (text[len] == '\n');
	}
}

static void copy(const struct notes *notes, const char *text, size_t len, FILE *file)
{
	const char *end = text + len;

	for (size_t line = 1; text < end; line++) {
		const char *stop = memchr(text, '\n', (size_t)(end - text));
		const struct line_notes *at = line <= notes->lines ? &notes->line[line] : NULL;

		stop = stop ? stop : end;
		if (at && at->old_above)
			put_old_above(file, at->old_above, at->old_above_len,
				      (int)strspn(text, " "));
		if (at && at->above)
			put_above(file, at->above, (int)strspn(text, " "));
		(void)fwrite(text, 1, (size_t)(stop - text), file);
		if (at && at->behind) {
			(void)fputs(" # ", file);
			put_note(file, at->behind, at->behind_len);
		}
		(void)putc('\n', file);
		text = stop + 1;
	}
}

static int write_notes(const struct config *root, struct notes *notes, const char *text, size_t len,
		       FILE *file)
{
	struct config *again = NULL;
	int rc = config_parse("notes.yaml", text, len, &again, NULL);

	for (size_t i = 0; i < len; i++)
		notes->lines += text[i] == '\n';
	notes->line = calloc(notes->lines + 1, sizeof(*notes->line));
	if (rc == 0 && !notes->line)
		rc = ERR_NOMEM;
	if (rc == 0 && notes->old)
		rc = index_old(notes);
	if (rc == 0) {
		note_tree(notes, root, again);
		copy(notes, text, len, file);
	}
	config_free(again);
	return rc;
}

int configwrite_yaml_notes(const struct config *root, const struct configwrite_old *old, FILE *file)
{
	struct notes notes = { .old = old };
	char *text = NULL;
	size_t len = 0;
	FILE *plain = open_memstream(&text, &len);
	int rc = plain ? configwrite_yaml(root, plain) : ERR_NOMEM;

	if (plain && fclose(plain) != 0 && rc == 0)
		rc = ERR_NOMEM;
	if (rc == 0)
		rc = write_notes(root, &notes, text, len, file);
	free(notes.line);
	free(notes.old_line);
	free(text);
	return rc || !ferror(file) ? rc : ERR_IO;
}
