#include "access/credfile.h"

#include <openssl/crypto.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "access/names.h"
#include "base/utf8.h"
#include "base/wholefile.h"

static bool is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\r';
}

/* Cuts "user:secret" at its first colon. NULL, or what is wrong, a literal. */
static const char *split(char *line, size_t len, struct credfile_entry *ret)
{
	char *colon = memchr(line, ':', len);

	if (len > CREDFILE_LINE_MAX)
		return "the line is too long";
	if (memchr(line, '\0', len))
		return "the line holds a NUL byte";
	if (!colon)
		return "expected user:hash";
	if (colon == line)
		return "the user's name is empty";
	if (names_text_fault(line, (size_t)(colon - line), CREDFILE_USER_MAX))
		return "the user's name is too long, not UTF-8 or has a character that does not "
		       "show";
	*colon = '\0';
	*ret = (struct credfile_entry){ line, colon + 1, 0 };
	return NULL;
}

/* Lines that are not empty: at least the number of entries. */
static size_t count_lines(const char *text, size_t len)
{
	size_t count = 1;

	for (const char *at = text; (at = memchr(at, '\n', len - (size_t)(at - text))); at++)
		count++;
	return count;
}

static int read_line(struct credfile *file, char *line, size_t len, size_t number,
		     credfile_fault *fault, void *ctx, const char **ret_fault)
{
	struct credfile_entry entry;
	uint32_t index = (uint32_t)file->count;

	while (len > 0 && is_blank(line[len - 1]))
		len--;
	if (len == 0 || line[0] == '#')
		return 0;
	line[len] = '\0';
	*ret_fault = split(line, len, &entry);
	if (!*ret_fault)
		*ret_fault = fault(entry.secret, ctx);
	if (*ret_fault)
		return ERR_INVALID;
	if (file->count == CREDFILE_USERS_MAX) {
		*ret_fault = "too many users";
		return ERR_LIMIT;
	}
	if (nametable_put(&file->table, entry.user, strlen(entry.user), index) != index) {
		*ret_fault = "the user stands in the file twice";
		return ERR_INVALID;
	}
	entry.line = (uint32_t)number; /* of a file of CREDFILE_MAX_BYTES at most */
	file->entry[file->count++] = entry;
	return 0;
}

static int read_lines(struct credfile *file, const char *name, credfile_fault *fault, void *ctx,
		      struct diag *diag)
{
	size_t lines = count_lines(file->text, file->text_len);
	char *at = file->text;
	char *end = at + file->text_len;

	if (utf8_has_mark(file->text, file->text_len))
		return diag_set(diag, ERR_SYNTAX,
				"%s:1: begins with a byte order mark: save it without one", name);
	if (lines > CREDFILE_USERS_MAX)
		lines = CREDFILE_USERS_MAX; /* the rest are comments, or one too many */
	file->entry = arena_take(&file->arena, lines, sizeof(*file->entry));
	if (!file->entry || !nametable_init(&file->table, &file->arena, lines))
		return diag_nomem(diag);
	for (size_t number = 1; at < end; number++) {
		char *newline = memchr(at, '\n', (size_t)(end - at));
		char *stop = newline ? newline : end;
		const char *text = NULL;
		int rc = read_line(file, at, (size_t)(stop - at), number, fault, ctx, &text);

		if (rc)
			return diag_set(diag, rc, "%s:%zu: %s", name, number, text);
		at = stop + 1;
	}
	return 0;
}

/* What @name has, and a warning where others may do more with it than they should. */
static int load(struct credfile *file, const char *name, struct diag *diag)
{
	struct stat st;
	int rc = wholefile_read(name, CREDFILE_MAX_BYTES, &file->text, &file->text_len, &st, diag);

	if (rc || !(st.st_mode & (S_IROTH | S_IWGRP | S_IWOTH)))
		return rc;
	(void)diag_set(&file->line, 0, "%s: mode %04o lets others %s it; chmod 0640 or less", name,
		       (unsigned)st.st_mode & 07777u,
		       st.st_mode & (S_IWGRP | S_IWOTH) ? "change" : "read");
	file->warning = file->line.text;
	return 0;
}

static int copy(struct credfile *file, const char *text, size_t len, struct diag *diag)
{
	file->text = malloc(len + 1);
	if (!file->text)
		return diag_nomem(diag);
	memcpy(file->text, text, len);
	file->text_len = len;
	return 0;
}

int credfile_read(const char *name, const char *text, size_t len, credfile_fault *fault, void *ctx,
		  struct credfile *ret, struct diag *diag)
{
	int rc = text ? copy(ret, text, len, diag) : load(ret, name, diag);

	if (rc == 0) {
		ret->text[ret->text_len] = '\0';
		rc = read_lines(ret, name, fault, ctx, diag);
	}
	if (rc)
		credfile_clear(ret);
	return rc;
}

void credfile_clear(struct credfile *file)
{
	if (file->text)
		OPENSSL_cleanse(file->text, file->text_len);
	arena_clear(&file->arena);
	free(file->text);
	*file = (struct credfile){ .count = 0 };
}

bool credfile_number(const char **at, char after, uint32_t max, uint32_t *ret)
{
	const char *s = *at;
	uint64_t number = 0;

	if (*s < '1' || *s > '9')
		return false;
	for (; *s >= '0' && *s <= '9'; s++) {
		number = 10 * number + (uint64_t)(*s - '0');
		if (number > max)
			return false;
	}
	if (*s != after)
		return false;
	*at = s + 1;
	*ret = (uint32_t)number;
	return true;
}

const char *credfile_find(const struct credfile *file, const char *user)
{
	uint32_t i = nametable_find(&file->table, user, strlen(user));

	return i == NAMETABLE_NONE ? NULL : file->entry[i].secret;
}
