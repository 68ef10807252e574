#include "base/yamlread.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <yaml.h>

#include "base/utf8.h"
#include "base/wordhash.h"
#include "base/yamlcore.h"

#define BUCKETS 4096u
#define TAG_PREFIX "tag:yaml.org,2002:"

/* Where an anchor is defined. A later one of the same name stands before it. */
struct yaml_anchor {
	struct yaml_anchor *next;
	struct yaml_anchor *made; /* the one that was made before it: for freeing */
	struct config value;      /* children are the builder's */
	bool is_open;             /* its value has no end yet */
	char name[];
};

struct yaml_level {
	struct yaml_anchor *anchor; /* of the object or array; mostly NULL */
	bool is_mapping;
	bool has_key; /* a key was read; its value is next */
};

struct yaml_reader {
	yaml_parser_t parser;
	struct configbuild *build;
	const char *text;
	size_t len;
	unsigned documents;
	unsigned anchors;
	struct yaml_anchor *newest;
	struct yaml_anchor *bucket[BUCKETS]; /* by hash of the name; newest first */
	unsigned depth;
	struct yaml_level level[CONFIG_DEPTH_MAX];
};

static struct configbuild_place place_of(const yaml_mark_t *mark)
{
	return (struct configbuild_place){ (uint32_t)mark->line + 1, (uint32_t)mark->column + 1 };
}

/* ---- what is wrong ---------------------------------------------------------------------- */

/* The place of a byte. */
static struct configbuild_place place_at(const struct yaml_reader *reader, size_t offset)
{
	struct configbuild_place place = { 1, 1 };

	for (size_t i = 0; i < offset && i < reader->len; i++) {
		if (reader->text[i] == '\n') {
			place.line++;
			place.column = 1;
		} else if (!utf8_is_inner(reader->text[i])) {
			place.column++;
		}
	}
	return place;
}

/* The reader's own faults have no mark. */
static int fail_bytes(struct yaml_reader *reader)
{
	const yaml_parser_t *parser = &reader->parser;
	struct configbuild_place place = place_at(reader, parser->problem_offset);

	if (parser->problem_value == 0 && strstr(parser->problem, "control"))
		return configbuild_fail(reader->build, place, ERR_SYNTAX,
					"not YAML: a NUL: is it text, in UTF-8?");
	if (strstr(parser->problem, "control"))
		return configbuild_fail(reader->build, place, ERR_SYNTAX,
					"not YAML: the control character U+%04X is not allowed",
					(unsigned)parser->problem_value);
	return configbuild_fail(reader->build, place, ERR_SYNTAX, "not YAML: not UTF-8");
}

/* The byte at the mark, which counts characters; the end of the text has a NUL. */
static const char *byte_at(const struct yaml_reader *reader, const yaml_mark_t *mark)
{
	const char *at = reader->text, *end = reader->text + reader->len;

	for (size_t i = 0; i < mark->index && at < end; i++)
		(void)utf8_next(&at, end);
	return at;
}

/* What to do about a fault, in words; "" where nothing is known. */
static const char *advice(const struct yaml_reader *reader, const yaml_mark_t *mark)
{
	const char *problem = reader->parser.problem;
	const char *at = byte_at(reader, mark);
	char c = at < reader->text + reader->len ? *at : '\0';
	char before = at > reader->text ? at[-1] : '\0';

	if (c == '\t')
		return " (a tab: indent with spaces)";
	if (strstr(problem, "cannot start any token"))
		return " (a text that begins with it has to be quoted)";
	if (strstr(problem, "mapping values are not allowed"))
		return " (a text with \": \" in it has to be quoted, or the indentation is wrong)";
	if (strstr(problem, "did not find expected") && (before == '}' || before == ']'))
		return " (a text that begins with { or [ has to be quoted)";
	if (strstr(problem, "invalid Unicode character"))
		return " (for what JSON writes as \\ud83d\\ude00 write \\U0001f600)";
	if (strstr(problem, "could not find expected ':'"))
		return " (a key has its \": \" in the same line)";
	return "";
}

static int fail_syntax(struct yaml_reader *reader)
{
	const yaml_parser_t *parser = &reader->parser;
	const yaml_mark_t *mark = &parser->problem_mark;

	if (parser->error == YAML_MEMORY_ERROR)
		return configbuild_nomem(reader->build);
	if (parser->error == YAML_READER_ERROR)
		return fail_bytes(reader);
	return configbuild_fail(reader->build, place_of(mark), ERR_SYNTAX, "not YAML: %s%s",
				parser->problem, advice(reader, mark));
}

/* ---- anchors ---------------------------------------------------------------------------- */

static struct yaml_anchor **bucket_of(struct yaml_reader *reader, const char *name)
{
	return &reader->bucket[wordhash(0, name, strlen(name)) % BUCKETS];
}

static const struct yaml_anchor *find_anchor(struct yaml_reader *reader, const char *name)
{
	const struct yaml_anchor *anchor = *bucket_of(reader, name);

	while (anchor && strcmp(anchor->name, name) != 0)
		anchor = anchor->next;
	return anchor;
}

/* *ret is NULL where @name is NULL: the value has no anchor. */
static int open_anchor(struct yaml_reader *reader, const yaml_char_t *name,
		       struct configbuild_place place, struct yaml_anchor **ret)
{
	size_t len = name ? strlen((const char *)name) : 0;
	struct yaml_anchor **bucket, *anchor;

	*ret = NULL;
	if (!name)
		return 0;
	if (reader->anchors++ == YAMLREAD_ANCHORS_MAX)
		return configbuild_fail(reader->build, place, ERR_LIMIT, "more than %u anchors",
					YAMLREAD_ANCHORS_MAX);
	anchor = calloc(1, sizeof(*anchor) + len + 1);
	if (!anchor)
		return configbuild_nomem(reader->build);
	memcpy(anchor->name, name, len);
	bucket = bucket_of(reader, anchor->name);
	anchor->is_open = true;
	anchor->next = *bucket;
	anchor->made = reader->newest;
	*bucket = reader->newest = anchor;
	*ret = anchor;
	return 0;
}

static void close_anchor(const struct yaml_reader *reader, struct yaml_anchor *anchor)
{
	if (!anchor)
		return;
	anchor->value = *configbuild_last(reader->build);
	anchor->is_open = false;
}

/* ---- scalars ---------------------------------------------------------------------------- */

/* The name of a tag of YAML's own; NULL: it is another. */
static const char *tag_name(const yaml_char_t *tag)
{
	size_t len = strlen(TAG_PREFIX);

	return strncmp((const char *)tag, TAG_PREFIX, len) == 0 ? (const char *)tag + len : NULL;
}

static int fail_tag(struct yaml_reader *reader, const yaml_char_t *tag,
		    struct configbuild_place place)
{
	return configbuild_fail(reader->build, place, ERR_INVALID,
				"the tag \"%s\" is not known here, or not of such a value: "
				"expected !!str, !!int, !!float, !!bool, !!null, !!map or !!seq",
				(const char *)tag);
}

static bool is_plain(const yaml_event_t *event)
{
	return event->data.scalar.style == YAML_PLAIN_SCALAR_STYLE;
}

/* What the text is, after its tag and quotes. -1: the tag does not fit it. */
static int kind_of(const yaml_event_t *event)
{
	const char *text = (const char *)event->data.scalar.value;
	size_t len = event->data.scalar.length;
	const yaml_char_t *tag = event->data.scalar.tag;
	enum yamlcore_kind kind = yamlcore_kind(text, len);
	const char *name;
	bool fits;

	if (!tag)
		return is_plain(event) ? (int)kind : YAMLCORE_STRING;
	name = tag_name(tag);
	if (strcmp((const char *)tag, "!") == 0 || (name && strcmp(name, "str") == 0))
		return YAMLCORE_STRING;
	if (!name)
		return -1;
	if (strcmp(name, "float") == 0 && kind == YAMLCORE_DECIMAL)
		return YAMLCORE_FLOAT;
	fits = strcmp(name, "null") == 0    ? kind == YAMLCORE_NULL
	       : strcmp(name, "bool") == 0  ? kind == YAMLCORE_TRUE || kind == YAMLCORE_FALSE
	       : strcmp(name, "int") == 0   ? kind >= YAMLCORE_DECIMAL && kind <= YAMLCORE_HEX
	       : strcmp(name, "float") == 0 ? kind == YAMLCORE_FLOAT || kind == YAMLCORE_INF
					    : false;
	return fits ? (int)kind : -1;
}

/* 0o17 or 0xff; a number that int64_t can't hold becomes a double. */
static int add_bits(struct yaml_reader *reader, const char *text, unsigned bits,
		    struct configbuild_place place)
{
	struct config value = { .kind = CONFIG_INTEGER };
	double real = 0;
	bool is_big = false;

	for (text += 2; *text; text++) {
		int digit = *text <= '9' ? *text - '0' : (*text | 0x20) - 'a' + 10;

		real = real * (1 << bits) + digit;
		is_big = is_big || value.integer > (INT64_MAX - digit) >> bits;
		if (!is_big)
			value.integer = (value.integer << bits) + digit;
	}
	if (is_big) {
		value.kind = CONFIG_REAL;
		value.real = real;
	}
	if (real > 1e300)
		return configbuild_fail(reader->build, place, ERR_LIMIT,
					"a number that is too large");
	return configbuild_value(reader->build, &value, place);
}

static int add_scalar(struct yaml_reader *reader, const yaml_event_t *event,
		      struct configbuild_place place)
{
	const char *text = (const char *)event->data.scalar.value;
	size_t len = event->data.scalar.length;
	int kind = kind_of(event);
	struct config value = { .kind = CONFIG_STRING };

	switch (kind) {
	case YAMLCORE_NULL:
		value.kind = CONFIG_NULL;
		break;
	case YAMLCORE_TRUE:
	case YAMLCORE_FALSE:
		value.kind = CONFIG_BOOLEAN;
		value.boolean = kind == YAMLCORE_TRUE;
		break;
	case YAMLCORE_DECIMAL:
	case YAMLCORE_FLOAT:
		return configbuild_number(reader->build, text, len, kind == YAMLCORE_FLOAT, place);
	case YAMLCORE_OCTAL:
	case YAMLCORE_HEX:
		return add_bits(reader, text, kind == YAMLCORE_HEX ? 4 : 3, place);
	case YAMLCORE_INF:
		return configbuild_fail(reader->build, place, ERR_INVALID,
					"JSON has no number %s: quote it if it is a text", text);
	case YAMLCORE_STRING:
		value.text = text;
		value.count = (uint32_t)len;
		break;
	default:
		return fail_tag(reader, event->data.scalar.tag, place);
	}
	return configbuild_value(reader->build, &value, place);
}

/* ---- keys ------------------------------------------------------------------------------- */

static bool is_merge(const yaml_event_t *event)
{
	const yaml_char_t *tag = event->data.scalar.tag;
	const char *name = tag ? tag_name(tag) : NULL;

	if (tag ? !name || strcmp(name, "merge") != 0 : !is_plain(event))
		return false;
	return event->data.scalar.length == 2 && memcmp(event->data.scalar.value, "<<", 2) == 0;
}

static int fail_key(struct yaml_reader *reader, struct configbuild_place place)
{
	return configbuild_fail(reader->build, place, ERR_INVALID,
				"a key must be a text, as in JSON");
}

/* An anchor at a key names the key's text. */
static int scalar_key(struct yaml_reader *reader, const yaml_event_t *event,
		      struct configbuild_place place)
{
	struct yaml_anchor *anchor;
	int rc = open_anchor(reader, event->data.scalar.anchor, place, &anchor);

	if (rc)
		return rc;
	if (is_merge(event))
		return configbuild_merge(reader->build, place);
	if (kind_of(event) < 0)
		return fail_tag(reader, event->data.scalar.tag, place);
	rc = configbuild_key(reader->build, (const char *)event->data.scalar.value,
			     event->data.scalar.length, place);
	if (rc == 0 && anchor) {
		anchor->is_open = false;
		anchor->value.kind = CONFIG_STRING;
		anchor->value.count = (uint32_t)event->data.scalar.length;
		anchor->value.text = configbuild_next_key(reader->build);
	}
	return rc;
}

static int find_alias(struct yaml_reader *reader, const yaml_event_t *event,
		      struct configbuild_place place, const struct yaml_anchor **ret)
{
	const char *name = (const char *)event->data.alias.anchor;

	*ret = find_anchor(reader, name);
	if (!*ret)
		return configbuild_fail(reader->build, place, ERR_INVALID,
					"there is no anchor \"%s\" before it (a text that begins "
					"with * has to be quoted)",
					name);
	if ((*ret)->is_open)
		return configbuild_fail(reader->build, place, ERR_INVALID,
					"the alias \"%s\" is inside of the value that it names",
					name);
	return 0;
}

static int add_key(struct yaml_reader *reader, const yaml_event_t *event,
		   struct configbuild_place place)
{
	const struct yaml_anchor *anchor;
	int rc;

	if (event->type == YAML_SCALAR_EVENT)
		return scalar_key(reader, event, place);
	if (event->type != YAML_ALIAS_EVENT)
		return fail_key(reader, place);
	rc = find_alias(reader, event, place, &anchor);
	if (rc)
		return rc;
	if (anchor->value.kind != CONFIG_STRING)
		return fail_key(reader, place);
	return configbuild_key(reader->build, anchor->value.text, anchor->value.count, place);
}

/* ---- values ----------------------------------------------------------------------------- */

static int open_level(struct yaml_reader *reader, bool is_mapping, const yaml_char_t *tag,
		      struct yaml_anchor *anchor, struct configbuild_place place)
{
	const char *name = tag ? tag_name(tag) : NULL;
	int rc;

	if (tag && strcmp((const char *)tag, "!") != 0 &&
	    (!name || strcmp(name, is_mapping ? "map" : "seq") != 0))
		return fail_tag(reader, tag, place);
	rc = configbuild_open(reader->build, is_mapping ? CONFIG_OBJECT : CONFIG_ARRAY, place);
	if (rc == 0)
		reader->level[reader->depth++] =
			(struct yaml_level){ .anchor = anchor, .is_mapping = is_mapping };
	return rc;
}

static int add_alias(struct yaml_reader *reader, const yaml_event_t *event,
		     struct configbuild_place place)
{
	const struct yaml_anchor *anchor;
	int rc = find_alias(reader, event, place, &anchor);

	return rc ? rc : configbuild_copy(reader->build, &anchor->value, place);
}

static int add_value(struct yaml_reader *reader, const yaml_event_t *event,
		     struct configbuild_place place)
{
	struct yaml_anchor *anchor = NULL;
	int rc;

	switch (event->type) {
	case YAML_ALIAS_EVENT:
		return add_alias(reader, event, place);
	case YAML_MAPPING_START_EVENT:
		rc = open_anchor(reader, event->data.mapping_start.anchor, place, &anchor);
		return rc ? rc
			  : open_level(reader, true, event->data.mapping_start.tag, anchor, place);
	case YAML_SEQUENCE_START_EVENT:
		rc = open_anchor(reader, event->data.sequence_start.anchor, place, &anchor);
		return rc ? rc
			  : open_level(reader, false, event->data.sequence_start.tag, anchor,
				       place);
	default:
		rc = open_anchor(reader, event->data.scalar.anchor, place, &anchor);
		if (rc == 0)
			rc = add_scalar(reader, event, place);
		if (rc == 0)
			close_anchor(reader, anchor);
		return rc;
	}
}

static int close_level(struct yaml_reader *reader)
{
	int rc = configbuild_close(reader->build);

	if (rc)
		return rc;
	close_anchor(reader, reader->level[--reader->depth].anchor);
	return 0;
}

static int take_event(struct yaml_reader *reader, const yaml_event_t *event)
{
	struct yaml_level *level = reader->depth ? &reader->level[reader->depth - 1] : NULL;
	struct configbuild_place place = place_of(&event->start_mark);

	switch (event->type) {
	case YAML_DOCUMENT_START_EVENT:
		if (reader->documents++ > 0)
			return configbuild_fail(reader->build, place, ERR_INVALID,
						"a second document begins here: expected one");
		return 0;
	case YAML_SEQUENCE_END_EVENT:
	case YAML_MAPPING_END_EVENT:
		return close_level(reader);
	case YAML_ALIAS_EVENT:
	case YAML_SCALAR_EVENT:
	case YAML_SEQUENCE_START_EVENT:
	case YAML_MAPPING_START_EVENT:
		if (!level || !level->is_mapping)
			return add_value(reader, event, place);
		level->has_key = !level->has_key;
		return level->has_key ? add_key(reader, event, place)
				      : add_value(reader, event, place);
	default:
		return 0;
	}
}

/* A text without a document is null. */
static int finish(struct yaml_reader *reader)
{
	const struct config nothing = { .kind = CONFIG_NULL };

	if (reader->documents > 0)
		return 0;
	return configbuild_value(reader->build, &nothing, (struct configbuild_place){ 1, 1 });
}

static int read_all(struct yaml_reader *reader)
{
	bool is_end = false;
	int rc = 0;

	while (rc == 0 && !is_end) {
		yaml_event_t event;

		if (!yaml_parser_parse(&reader->parser, &event))
			return fail_syntax(reader);
		rc = take_event(reader, &event);
		is_end = event.type == YAML_STREAM_END_EVENT;
		yaml_event_delete(&event);
	}
	return rc ? rc : finish(reader);
}

int yamlread(struct configbuild *build, const char *text, size_t len)
{
	struct yaml_reader *reader = calloc(1, sizeof(*reader));
	int rc;

	if (!reader)
		return configbuild_nomem(build);
	reader->build = build;
	reader->text = text;
	reader->len = len;
	if (yaml_parser_initialize(&reader->parser)) {
		yaml_parser_set_input_string(&reader->parser, (const unsigned char *)text, len);
		yaml_parser_set_encoding(&reader->parser, YAML_UTF8_ENCODING);
		rc = read_all(reader);
		yaml_parser_delete(&reader->parser);
	} else {
		rc = configbuild_nomem(build);
	}
	while (reader->newest) {
		struct yaml_anchor *anchor = reader->newest;

		reader->newest = anchor->made;
		free(anchor);
	}
	free(reader);
	return rc;
}
