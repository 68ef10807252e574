#include "base/brokerfile.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

#define MORE_MAX 40u /* bytes of "and N more" at the end of a line */

/* Where a walk through the files stands. */
struct reader {
	struct brokerfile *to;
	struct diag *diag;
	size_t listener; /* of the file that is read */
	const char *bridge;
};

/* @list with room for one element more than @count, of @size bytes each; NULL: memory ran out. */
static void *make_room(void *list, size_t count, size_t *cap, size_t size)
{
	size_t wider = *cap ? 2 * *cap : 16;
	void *more = count < *cap ? list : realloc(list, wider * size);

	if (more && count == *cap)
		*cap = wider;
	return more;
}

static bool add_line(struct reader *reader, const struct brokerfile_line *line)
{
	struct brokerfile *to = reader->to;
	void *list = make_room(to->line, to->line_count, &to->cap[0], sizeof(*line));

	if (!list)
		return false;
	to->line = list;
	to->line[to->line_count++] = *line;
	return true;
}

static bool add_listener(struct reader *reader)
{
	struct brokerfile *to = reader->to;
	void *list =
		make_room(to->listener, to->listener_count, &to->cap[1], sizeof(*to->listener));

	if (!list)
		return false;
	to->listener = list;
	to->listener[to->listener_count] = (struct brokerfile_listener){ .line = NULL };
	reader->listener = to->listener_count++;
	return true;
}

/* Splits "  word   the rest  \n" in place. */
static char *split(char *line, char **rest)
{
	char *word, *end;

	while (isspace((unsigned char)*line))
		line++;
	word = line;
	while (*line && !isspace((unsigned char)*line))
		line++;
	if (*line)
		*line++ = '\0';
	while (isspace((unsigned char)*line))
		line++;
	end = line + strlen(line);
	while (end > line && isspace((unsigned char)end[-1]))
		*--end = '\0';
	*rest = line;
	return word;
}

static int read_file(struct reader *reader, const char *path, bool is_first);

static int is_conf(const struct dirent *entry)
{
	size_t len = strlen(entry->d_name);

	return len > 5 && strcmp(entry->d_name + len - 5, ".conf") == 0;
}

/* Like the broker: the *.conf of the folder, by name, and none from within one of them. */
static int read_folder(struct reader *reader, const char *folder)
{
	struct dirent **entry = NULL;
	int count = scandir(folder, &entry, is_conf, alphasort);
	int rc = 0;

	if (count < 0)
		return diag_set(reader->diag, ERR_IO, "include_dir %s: %s", folder,
				strerror(errno));
	for (int i = 0; i < count; i++) {
		char path[4096];

		if (snprintf(path, sizeof(path), "%s/%s", folder, entry[i]->d_name) >=
		    (int)sizeof(path))
			rc = rc ? rc : diag_set(reader->diag, ERR_LIMIT, "%s: too long", folder);
		if (!rc)
			rc = read_file(reader, path, false);
		free(entry[i]);
	}
	free(entry);
	return rc;
}

static int keep(struct reader *reader, const char *file, unsigned number, char *text)
{
	struct arena *arena = &reader->to->arena;
	struct brokerfile_line line = { .file = file, .number = number };
	char *value;
	const char *word = split(text, &value);

	if (!word[0] || word[0] == '#')
		return 0;
	if (reader->to->line_count == BROKERFILE_LINES_MAX)
		return diag_set(reader->diag, ERR_LIMIT, "%s:%u: more than %u lines", file, number,
				BROKERFILE_LINES_MAX);
	if (strcmp(word, "listener") == 0 && !add_listener(reader))
		return diag_nomem(reader->diag);
	line.word = arena_text(arena, word, strlen(word));
	line.value = arena_text(arena, value, strlen(value));
	if (strcmp(word, "listener") == 0)
		reader->bridge = NULL;
	else if (strcmp(word, "connection") == 0)
		reader->bridge = line.value;
	line.listener = reader->listener;
	line.bridge = reader->bridge;
	if (!line.word || !line.value || !add_line(reader, &line))
		return diag_nomem(reader->diag);
	return 0;
}

static int read_lines(struct reader *reader, FILE *file, const char *path, bool is_first)
{
	char *line = NULL;
	size_t cap = 0;
	ssize_t len;
	unsigned number = 0;
	int rc = 0;

	while (rc == 0 && (len = getline(&line, &cap, file)) > 0) {
		const struct brokerfile *to = reader->to;
		size_t before = to->line_count;

		number++;
		if (len > (ssize_t)BROKERFILE_LINE_MAX)
			rc = diag_set(reader->diag, ERR_LIMIT, "%s:%u: longer than %u bytes", path,
				      number, BROKERFILE_LINE_MAX);
		else
			rc = keep(reader, path, number, line);
		if (!rc && is_first && to->line_count > before &&
		    strcmp(to->line[before].word, "include_dir") == 0) {
			size_t listener = reader->listener;
			const char *bridge = reader->bridge;

			rc = read_folder(reader, to->line[before].value);
			reader->listener = listener;
			reader->bridge = bridge;
		}
	}
	free(line);
	return rc;
}

/* Opens regular files only: a pipe from which the broker read its configuration is empty by now. */
static FILE *open_file(const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	struct stat st;
	FILE *file;

	if (fd < 0)
		return NULL;
	if (fstat(fd, &st) != 0 || !S_ISREG(st.st_mode)) {
		(void)close(fd);
		errno = EINVAL;
		return NULL;
	}
	file = fdopen(fd, "r");
	if (!file)
		(void)close(fd);
	return file;
}

static int read_file(struct reader *reader, const char *path, bool is_first)
{
	const char *name = arena_text(&reader->to->arena, path, strlen(path));
	FILE *file;
	int rc;

	if (!name)
		return diag_nomem(reader->diag);
	if (reader->to->files++ == BROKERFILE_FILES_MAX)
		return diag_set(reader->diag, ERR_LIMIT, "%s: more than %u files", path,
				BROKERFILE_FILES_MAX);
	file = open_file(path);
	if (!file)
		return diag_set(reader->diag, ERR_IO, "%s: %s", path,
				errno == EINVAL ? "expected a regular file" : strerror(errno));
	reader->listener = 0;
	reader->bridge = NULL;
	rc = read_lines(reader, file, name, is_first);
	(void)fclose(file); /* only read from */
	return rc;
}

/* ---- what it means ---------------------------------------------------------------------- */

bool brokerfile_is_true(const char *value)
{
	return strcasecmp(value, "true") == 0 || strcmp(value, "1") == 0;
}

bool brokerfile_is_own(const char *path, const char *own)
{
	const char *name = strrchr(path, '/');
	struct stat a, b;

	if (strstr(name ? name : path, BROKERFILE_NAME))
		return true;
	return own && stat(path, &a) == 0 && stat(own, &b) == 0 && a.st_dev == b.st_dev &&
	       a.st_ino == b.st_ino;
}

const char *brokerfile_plugin(const struct brokerfile_line *line)
{
	const char *path = line->value;

	if (strcmp(line->word, "plugin") == 0 || strcmp(line->word, "auth_plugin") == 0 ||
	    strcmp(line->word, "global_plugin") == 0)
		return path;
	if (strcmp(line->word, "plugin_load") != 0)
		return NULL;
	path += strcspn(path, " \t"); /* its name comes first */
	return path + strspn(path, " \t");
}

/* 2.1: the plugin_load line that a plugin_use line names. */
static const struct brokerfile_line *loaded_as(const struct brokerfile *file, const char *name)
{
	size_t len = strlen(name);

	for (size_t i = 0; i < file->line_count; i++) {
		const struct brokerfile_line *line = &file->line[i];

		if (strcmp(line->word, "plugin_load") == 0 &&
		    strncmp(line->value, name, len) == 0 &&
		    (line->value[len] == ' ' || line->value[len] == '\t'))
			return line;
	}
	return NULL;
}

static bool is_any(const char *word, const char *const *list)
{
	for (; *list; list++)
		if (strcmp(word, *list) == 0)
			return true;
	return false;
}

/* Marks the listeners for which the line counts: its own, or all of them. */
static void mark(struct brokerfile *file, const struct brokerfile_line *line, bool is_listeners,
		 bool is_ours)
{
	for (size_t i = 0; i < file->listener_count; i++) {
		struct brokerfile_listener *listener = &file->listener[i];

		if (is_listeners && i != line->listener)
			continue;
		listener->is_guarded |= is_ours;
		listener->has_others |= !is_ours;
	}
}

static void mark_line(struct brokerfile *file, const struct brokerfile_line *line, const char *own)
{
	const char *path = brokerfile_plugin(line);
	const struct brokerfile_line *load;

	file->plugins += path && brokerfile_is_own(path, own);
	if (strcmp(line->word, "plugin_use") == 0) {
		load = loaded_as(file, line->value);
		if (load)
			mark(file, line, true, brokerfile_is_own(brokerfile_plugin(load), own));
	} else if (strcmp(line->word, "global_plugin") == 0) {
		mark(file, line, false, brokerfile_is_own(path, own));
	} else if (path && strcmp(line->word, "plugin_load") != 0) {
		mark(file, line, file->per_listener, brokerfile_is_own(path, own));
	} else if (strcmp(line->word, "password_file") == 0) {
		mark(file, line, file->per_listener, false);
	}
}

/* 2.0 makes a default listener where a line before the first listener needs one. */
static bool needs_default(const struct brokerfile *file, const struct brokerfile_line *line)
{
	static const char *const always[] = { "port",
					      "bind_address",
					      "bind_interface",
					      "cafile",
					      "capath",
					      "certfile",
					      "keyfile",
					      "crlfile",
					      "psk_hint",
					      "require_certificate",
					      "max_connections",
					      "mount_point",
					      "socket_domain",
					      "use_identity_as_username",
					      "use_subject_as_username",
					      "use_username_as_clientid",
					      NULL };
	static const char *const secure[] = { "plugin", "auth_plugin", "password_file", "psk_file",
					      NULL };

	if (line->listener != 0 || line->bridge)
		return false;
	return is_any(line->word, always) || (file->per_listener && is_any(line->word, secure));
}

static const struct brokerfile_line *find(const struct brokerfile *file, const char *word,
					  size_t listener, bool is_any_listener)
{
	const struct brokerfile_line *found = NULL;

	for (size_t i = 0; i < file->line_count; i++)
		if (strcmp(file->line[i].word, word) == 0 && !file->line[i].bridge &&
		    (is_any_listener || file->line[i].listener == listener))
			found = &file->line[i];
	return found;
}

const struct brokerfile_line *brokerfile_find(const struct brokerfile *file, const char *word,
					      size_t listener)
{
	return find(file, word, listener, !file->per_listener);
}

static void mark_anonymous(struct brokerfile *file)
{
	for (size_t i = 0; i < file->listener_count; i++) {
		struct brokerfile_listener *listener = &file->listener[i];
		const struct brokerfile_line *line =
			find(file, "listener_allow_anonymous", i, false); /* 2.1 */

		if (!line)
			line = brokerfile_find(file, "allow_anonymous", i);
		listener->is_anonymous = line && brokerfile_is_true(line->value);
	}
}

static void understand(struct brokerfile *file, const char *own)
{
	size_t at = 0;

	for (size_t i = 0; i < file->line_count; i++) {
		const struct brokerfile_line *line = &file->line[i];

		if (strcmp(line->word, "listener") == 0)
			file->listener[++at] =
				(struct brokerfile_listener){ .line = line, .is_there = true };
		if (strcmp(line->word, "per_listener_settings") == 0)
			file->per_listener = brokerfile_is_true(line->value) ? line : NULL;
	}
	file->listener[0].is_there = file->listener_count == 1;
	for (size_t i = 0; i < file->line_count; i++) {
		mark_line(file, &file->line[i], own);
		file->listener[0].is_there |= needs_default(file, &file->line[i]);
	}
	mark_anonymous(file);
}

/* ---- all of it -------------------------------------------------------------------------- */

int brokerfile_read(const char *path, const char *own, struct brokerfile *ret, struct diag *diag)
{
	struct reader reader = { .to = ret, .diag = diag };
	int rc;

	*ret = (struct brokerfile){ .line = NULL };
	rc = add_listener(&reader) ? read_file(&reader, path, true) : diag_nomem(diag);
	if (rc)
		brokerfile_clear(ret);
	else
		understand(ret, own);
	return rc;
}

void brokerfile_clear(struct brokerfile *file)
{
	free(file->line);
	free(file->listener);
	arena_clear(&file->arena);
	*file = (struct brokerfile){ .line = NULL };
}

/* How bad an unguarded listener is: those that are open come first. */
enum opening { OPEN_TO_ALL, OPEN_BY_OTHERS, OPEN_TO_NONE, OPENINGS };

static enum opening opening_of(const struct brokerfile_listener *listener)
{
	if (listener->has_others)
		return OPEN_BY_OTHERS;
	return listener->is_anonymous ? OPEN_TO_ALL : OPEN_TO_NONE;
}

/* One listener; 0 where it does not fit. */
static size_t name_listener(const struct brokerfile_listener *listener, char *ret, size_t cap)
{
	static const char *const words[OPENINGS] = {
		[OPEN_TO_ALL] = "open to everybody by allow_anonymous true",
		[OPEN_BY_OTHERS] = "another plugin or a password file decides",
		[OPEN_TO_NONE] = "refuses every client",
	};
	const struct brokerfile_line *line = listener->line;
	int len = snprintf(ret, cap, "; listener %s (%s:%u): %s", line ? line->value : "1883",
			   line ? line->file : "the default", line ? line->number : 0,
			   words[opening_of(listener)]);

	if (len > 0 && (size_t)len < cap)
		return (size_t)len;
	ret[0] = '\0';
	return 0;
}

static bool is_bare(const struct brokerfile_listener *listener)
{
	return listener->is_there && !listener->is_guarded;
}

bool brokerfile_unguarded(const struct brokerfile *file, char *ret, size_t cap)
{
	size_t all = 0, bare = 0, named = 0, used, more = 0;

	for (size_t i = 0; i < file->listener_count; i++) {
		all += file->listener[i].is_there;
		bare += is_bare(&file->listener[i]);
	}
	if (bare == 0)
		return false;
	used = (size_t)snprintf(ret, cap,
				"%zu of %zu listeners are not enforced, for no plugin line counts "
				"for them%s",
				bare, all,
				file->per_listener ? " (per_listener_settings true)" : "");
	for (int opening = 0; opening < OPENINGS; opening++)
		for (size_t i = 0; i < file->listener_count; i++) {
			if (!is_bare(&file->listener[i]) ||
			    (int)opening_of(&file->listener[i]) != opening)
				continue;
			if (more == 0)
				more = name_listener(&file->listener[i], ret + used,
						     cap - used - MORE_MAX) == 0;
			used += strlen(ret + used);
			named += more == 0;
		}
	if (named < bare)
		(void)snprintf(ret + used, cap - used, "; and %zu more", bare - named);
	return true;
}
