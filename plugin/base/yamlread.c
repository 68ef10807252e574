#include "base/yamlread.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <yaml.h>

#include "base/wordhash.h"
#include "base/yamlfault.h"
#include "base/yamlscalar.h"

#define BUCKETS 4096u

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
	bool is_flow; /* [ ] or { } */
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
	unsigned flow_levels;                /* that are open */
	size_t flow_work;
	unsigned depth;
	struct yaml_level level[CONFIG_DEPTH_MAX];
};

static struct configbuild_place place_of(const yaml_mark_t *mark)
{
	return (struct configbuild_place){ (uint32_t)mark->line + 1, (uint32_t)mark->column + 1 };
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

/* ---- keys ------------------------------------------------------------------------------- */

static bool is_merge(const yaml_event_t *event)
{
	const yaml_char_t *tag = event->data.scalar.tag;
	const char *name = tag ? yamlscalar_tag(tag) : NULL;

	if (tag ? !name || strcmp(name, "merge") != 0 : !yamlscalar_is_plain(event))
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
	if (yamlscalar_kind(event) < 0)
		return yamlscalar_fail_tag(reader->build, event->data.scalar.tag, place);
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
	return configbuild_key_copy(reader->build, anchor->value.text, anchor->value.count, place);
}

/* ---- values ----------------------------------------------------------------------------- */

static int open_level(struct yaml_reader *reader, struct yaml_level level, const yaml_char_t *tag,
		      struct configbuild_place place)
{
	bool is_mapping = level.is_mapping;
	const char *name = tag ? yamlscalar_tag(tag) : NULL;
	int rc;

	if (tag && strcmp((const char *)tag, "!") != 0 &&
	    (!name || strcmp(name, is_mapping ? "map" : "seq") != 0))
		return yamlscalar_fail_tag(reader->build, tag, place);
	rc = configbuild_open(reader->build, is_mapping ? CONFIG_OBJECT : CONFIG_ARRAY, place);
	if (rc)
		return rc;
	reader->level[reader->depth++] = level;
	reader->flow_levels += level.is_flow;
	return 0;
}

static int add_alias(struct yaml_reader *reader, const yaml_event_t *event,
		     struct configbuild_place place)
{
	const struct yaml_anchor *anchor;
	int rc = find_alias(reader, event, place, &anchor);

	return rc ? rc : configbuild_copy(reader->build, &anchor->value, place);
}

static int add_mapping(struct yaml_reader *reader, const yaml_event_t *event,
		       struct configbuild_place place)
{
	struct yaml_level level = { .is_mapping = true };
	int rc = open_anchor(reader, event->data.mapping_start.anchor, place, &level.anchor);

	level.is_flow = event->data.mapping_start.style == YAML_FLOW_MAPPING_STYLE;
	return rc ? rc : open_level(reader, level, event->data.mapping_start.tag, place);
}

static int add_sequence(struct yaml_reader *reader, const yaml_event_t *event,
			struct configbuild_place place)
{
	struct yaml_level level = { .is_mapping = false };
	int rc = open_anchor(reader, event->data.sequence_start.anchor, place, &level.anchor);

	level.is_flow = event->data.sequence_start.style == YAML_FLOW_SEQUENCE_STYLE;
	return rc ? rc : open_level(reader, level, event->data.sequence_start.tag, place);
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
		return add_mapping(reader, event, place);
	case YAML_SEQUENCE_START_EVENT:
		return add_sequence(reader, event, place);
	default:
		rc = open_anchor(reader, event->data.scalar.anchor, place, &anchor);
		if (rc == 0)
			rc = yamlscalar_add(reader->build, event, place);
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
	reader->depth--;
	reader->flow_levels -= reader->level[reader->depth].is_flow;
	close_anchor(reader, reader->level[reader->depth].anchor);
	return 0;
}

static int take_event(struct yaml_reader *reader, const yaml_event_t *event)
{
	struct yaml_level *level = reader->depth ? &reader->level[reader->depth - 1] : NULL;
	struct configbuild_place place = place_of(&event->start_mark);

	reader->flow_work += reader->flow_levels;
	if (reader->flow_work > YAMLREAD_FLOW_MAX)
		return configbuild_fail(reader->build, place, ERR_LIMIT,
					"too many values in too many levels of [ ] and { }");
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
			return yamlfault(reader->build, &reader->parser, reader->text, reader->len);
		rc = take_event(reader, &event);
		is_end = event.type == YAML_STREAM_END_EVENT;
		yaml_event_delete(&event);
	}
	return rc ? rc : finish(reader);
}

/* Does a line begin at @at? As libyaml sees it: LF, CR, NEL, LS and PS end one. */
static bool begins_line(const char *text, const char *at)
{
	size_t before = (size_t)(at - text);

	return before == 0 || at[-1] == '\n' || at[-1] == '\r' ||
	       (before >= 2 && memcmp(at - 2, "\xc2\x85", 2) == 0) ||
	       (before >= 3 && memcmp(at - 3, "\xe2\x80\xa8", 3) == 0) ||
	       (before >= 3 && memcmp(at - 3, "\xe2\x80\xa9", 3) == 0);
}

/*
 * libyaml compares each directive with all before it. A line of a text that begins with % is none,
 * and counts as well.
 */
static int bound_directives(struct yaml_reader *reader)
{
	const char *end = reader->text + reader->len, *at = reader->text;
	struct configbuild_place place = { 1, 1 };
	unsigned count = 0;

	for (; (at = memchr(at, '%', (size_t)(end - at))); at++)
		if (begins_line(reader->text, at) && count++ == YAMLREAD_DIRECTIVES_MAX)
			break;
	if (!at)
		return 0;
	for (const char *c = reader->text; c < at; c++)
		place.line += *c == '\n';
	return configbuild_fail(reader->build, place, ERR_LIMIT,
				"more than %u lines that begin with %%, as a directive",
				YAMLREAD_DIRECTIVES_MAX);
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
		rc = bound_directives(reader);
		rc = rc ? rc : read_all(reader);
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
