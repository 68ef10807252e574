/*
 * Configuration files: which reader a file has, and what is said of one that can't be read.
 */
#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/config.h"
#include "base/configbuild.h"
#include "base/jsonfile.h"
#include "base/jsonread.h"
#include "base/utf8.h"
#include "base/wholefile.h"
#include "base/yamlread.h"

enum config_format { FORMAT_ANY, FORMAT_JSON, FORMAT_YAML };

struct config_source {
	const char *name;
	const char *text;
	size_t len;
	bool has_places;
	struct diag *diag;
};

bool config_is_yaml(const char *name)
{
	const char *dot = strrchr(name, '.');

	return dot && (strcasecmp(dot, ".yaml") == 0 || strcasecmp(dot, ".yml") == 0);
}

static enum config_format format_of(const char *name)
{
	const char *dot = strrchr(name, '.');

	if (dot && strcasecmp(dot, ".json") == 0)
		return FORMAT_JSON;
	return config_is_yaml(name) ? FORMAT_YAML : FORMAT_ANY;
}

/* Does the text begin as JSON does? An empty one is taken for it. */
static bool looks_like_json(const struct config_source *source)
{
	size_t i = 0;

	while (i < source->len && source->text[i] && strchr(" \t\r\n", source->text[i]))
		i++;
	return i == source->len || (source->text[i] && strchr("{[\"", source->text[i]));
}

/* Jansson has words for what is wrong with the text. */
static int say_syntax(const struct config_source *source, struct configbuild_place place)
{
	json_t *json = NULL;
	int rc = jsonfile_parse(source->name, source->text, source->len, &json, source->diag);

	if (rc)
		return rc;
	json_decref(json);
	return diag_set(source->diag, ERR_SYNTAX, "%s:%u:%u: not JSON", source->name, place.line,
			place.column);
}

static int read_json(const struct config_source *source, bool is_last, struct config **ret)
{
	struct configbuild_place place = { 0, 0 };
	struct configbuild *build = NULL;
	int rc = configbuild_new(source->name, source->len, source->diag, &build);

	if (rc)
		return rc;
	rc = jsonread(build, source->text, source->len, source->has_places, &place);
	if (rc == 0)
		*ret = configbuild_finish(build);
	configbuild_free(build);
	return rc == ERR_SYNTAX && is_last ? say_syntax(source, place) : rc;
}

static int read_yaml(const struct config_source *source, struct config **ret)
{
	struct configbuild *build = NULL;
	int rc = configbuild_new(source->name, source->len, source->diag, &build);

	if (rc)
		return rc;
	rc = yamlread(build, source->text, source->len);
	if (rc == 0)
		*ret = configbuild_finish(build);
	configbuild_free(build);
	return rc;
}

/* Without a byte order mark, a text that begins with two characters of ASCII. */
static bool looks_like_utf16(const struct config_source *source)
{
	const char *at = source->text;

	return source->len >= 4 &&
	       ((!at[0] && at[1] && !at[2] && at[3]) || (at[0] && !at[1] && at[2] && !at[3]));
}

static int read_any(struct config_source *source, enum config_format format, struct config **ret)
{
	int rc;

	if (source->len >= 2 &&
	    (memcmp(source->text, "\xff\xfe", 2) == 0 || memcmp(source->text, "\xfe\xff", 2) == 0))
		return diag_set(source->diag, ERR_SYNTAX, "%s:1:1: is UTF-16: save it as UTF-8",
				source->name);
	if (looks_like_utf16(source))
		return diag_set(source->diag, ERR_SYNTAX,
				"%s:1:1: looks like UTF-16: save it as UTF-8", source->name);
	if (utf8_has_mark(source->text, source->len)) {
		source->text += 3;
		source->len -= 3;
	}
	if (format == FORMAT_JSON || (format == FORMAT_ANY && looks_like_json(source)))
		return read_json(source, true, ret);
	rc = looks_like_json(source) ? read_json(source, false, ret) : ERR_SYNTAX;
	return rc == ERR_SYNTAX ? read_yaml(source, ret) : rc;
}

int config_parse(const char *name, const char *text, size_t len, struct config **ret,
		 struct diag *diag)
{
	struct config_source source = { name, text, len, true, diag };

	return read_any(&source, format_of(name), ret);
}

int config_parse_json(const char *name, const char *text, size_t len, struct config **ret,
		      struct diag *diag)
{
	struct config_source source = { name, text, len, true, diag };

	return read_any(&source, FORMAT_JSON, ret);
}

int config_parse_message(const char *name, const char *text, size_t len, struct config **ret,
			 struct diag *diag)
{
	const struct config_source source = { name, text, len, false, diag };

	return read_json(&source, true, ret);
}

int config_load(const char *path, const char *name, struct config **ret, struct diag *diag)
{
	char *text = NULL;
	size_t len = 0;
	int rc = wholefile_read(path, CONFIG_BYTES_MAX, &text, &len, NULL, diag);

	if (rc == 0)
		rc = config_parse(name, text, len, ret, diag);
	free(text);
	return rc;
}
