#include "schema/uri.h"

#include <stdbool.h>
#include <string.h>

#include "base/diag.h"

struct uri_part {
	const char *text; /* NULL: the part is not there, which differs from "" */
	size_t len;
};

/* scheme ":" "//" authority path "?" query, the fragment left away */
struct uri {
	struct uri_part scheme;
	struct uri_part authority;
	struct uri_part path;
	struct uri_part query;
};

static struct uri_part take(const char *text, size_t len)
{
	return (struct uri_part){ text, len };
}

static struct uri split(const char *text)
{
	struct uri uri = { 0 };
	const char *end = text + strcspn(text, "#");
	size_t n = strcspn(text, ":/?#");

	if (n > 0 && text[n] == ':') {
		uri.scheme = take(text, n);
		text += n + 1;
	}
	if (end - text >= 2 && text[0] == '/' && text[1] == '/') {
		text += 2;
		uri.authority = take(text, strcspn(text, "/?#"));
		text += uri.authority.len;
	}
	uri.path = take(text, strcspn(text, "?#"));
	text += uri.path.len;
	if (text < end)
		uri.query = take(text + 1, (size_t)(end - text) - 1);
	return uri;
}

/* Removes the last segment and the slash in front of it. */
static size_t drop_segment(const char *path, size_t len)
{
	while (len > 0 && path[--len] != '/')
		;
	return len;
}

/* RFC 3986, section 5.2.4, in place. Returns the new length. */
static size_t remove_dots(char *path, size_t len)
{
	size_t out = 0;
	size_t i = 0;

	while (i < len) {
		size_t left = len - i;
		size_t n = 1;
		size_t segment = 0;

		if (path[i] == '/')
			segment = strcspn(path + i + 1, "/");
		if (path[i] == '/' && segment <= 2 && strncmp(path + i + 1, "..", segment) == 0 &&
		    segment > 0) {
			if (segment == 2)
				out = drop_segment(path, out);
			i += 1 + segment;
			if (i >= len)
				path[out++] = '/';
			continue;
		}
		n = path[i] == '/' ? 1 + segment : strcspn(path + i, "/");
		if (n > left)
			n = left;
		memmove(path + out, path + i, n);
		out += n;
		i += n;
	}
	path[out] = '\0';
	return out;
}

struct uri_text {
	char *text;
	size_t len;
};

static void put(struct uri_text *w, const char *before, struct uri_part span, const char *after)
{
	if (!span.text)
		return;
	w->len += strlen(strcpy(w->text + w->len, before));
	memcpy(w->text + w->len, span.text, span.len);
	w->len += span.len;
	w->len += strlen(strcpy(w->text + w->len, after));
}

/* The path of a reference that has neither scheme nor authority. */
static void put_merged(struct uri_text *w, const struct uri *base, const struct uri *ref)
{
	struct uri_part folder = base->path;

	while (folder.len > 0 && folder.text[folder.len - 1] != '/')
		folder.len--;
	if (base->authority.text && base->path.len == 0)
		folder = take("/", 1);
	if (ref->path.len > 0 && ref->path.text[0] == '/')
		folder.len = 0;
	put(w, "", folder, "");
	put(w, "", ref->path, "");
}

int uri_resolve(struct arena *arena, const char *base, const char *ref, char **ret)
{
	size_t size = strlen(base) + strlen(ref) + 8;
	struct uri b = split(base);
	struct uri r = split(ref);
	struct uri_text w = { NULL, 0 };
	bool is_absolute = r.scheme.text;
	bool is_same = !r.scheme.text && !r.authority.text && r.path.len == 0;
	size_t path;

	if (strlen(base) > URI_MAX_BYTES || strlen(ref) > URI_MAX_BYTES)
		return ERR_LIMIT;
	w.text = arena_alloc(arena, size);
	if (!w.text)
		return ERR_NOMEM;
	put(&w, "", is_absolute ? r.scheme : b.scheme, ":");
	put(&w, "//", is_absolute || r.authority.text ? r.authority : b.authority, "");
	path = w.len;
	if (is_same)
		put(&w, "", b.path, "");
	else if (is_absolute || r.authority.text)
		put(&w, "", r.path, "");
	else
		put_merged(&w, &b, &r);
	w.text[w.len] = '\0';
	if (!is_same && w.text[path] == '/')
		w.len = path + remove_dots(w.text + path, w.len - path);
	put(&w, "?", is_same && !r.query.text ? b.query : r.query, "");
	w.text[w.len] = '\0';
	*ret = w.text;
	return 0;
}

const char *uri_fragment(const char *ref)
{
	const char *hash = strchr(ref, '#');

	return hash ? hash + 1 : "";
}
