/*
 * bundle_write.c -- a document with what its references brought, as text and without a tree of it.
 *
 * The document is walked twice. The first time nothing is written: all components that references
 * make have their names and places then. The second time each value is written as it is met.
 */
#include <string.h>

#include "base/configwrite.h"
#include "contract/bundle_internal.h"

struct bundle_writer {
	struct bundle b;
	FILE *file; /* NULL: the first time */
	size_t values;
};

static void write_value(struct bundle_writer *w, const struct config *value,
			struct bundle_part part, const char *left_out, unsigned depth);

/* ---- texts ------------------------------------------------------------------------------ */

static void put(struct bundle_writer *w, const char *text)
{
	if (w->file)
		(void)fputs(text, w->file); /* ferror() is asked at the end */
}

static void put_string(struct bundle_writer *w, const char *text)
{
	if (w->file)
		configwrite_text(text, strlen(text), w->file);
}

static void put_key(struct bundle_writer *w, const char **comma, const char *key)
{
	put(w, *comma);
	*comma = ",";
	put_string(w, key);
	put(w, ":");
}

/* ---- values ----------------------------------------------------------------------------- */

/* @ref: the new text of its "$ref", or NULL. @left_out: the name of a member, or NULL. */
static void write_object(struct bundle_writer *w, const struct config *value,
			 struct bundle_part part, const char *ref, const char *left_out,
			 unsigned depth)
{
	const char *comma = "";

	put(w, "{");
	config_foreach_member(member, value) {
		if (left_out && strcmp(member->key, left_out) == 0)
			continue;
		put_key(w, &comma, member->key);
		if (ref && strcmp(member->key, "$ref") == 0)
			put_string(w, ref);
		else
			write_value(w, member,
				    part.is_each ? (struct bundle_part){ part.kind, false }
						 : bundle_part_of(part.kind, member->key),
				    NULL, depth + 1);
	}
	put(w, "}");
}

static void write_array(struct bundle_writer *w, const struct config *value, enum bundle_kind kind,
			unsigned depth)
{
	const char *comma = "";

	put(w, "[");
	config_foreach_item(item, value) {
		put(w, comma);
		comma = ",";
		write_value(w, item, (struct bundle_part){ kind, false }, NULL, depth + 1);
	}
	put(w, "]");
}

/* Writes what may be a reference. */
static void write_part(struct bundle_writer *w, const struct config *value, enum bundle_kind kind,
		       const char *left_out, unsigned depth)
{
	const struct bundle_part part = { kind, false };
	const struct config *ref = config_member(value, "$ref"), *in_place = NULL;
	char text[SOURCES_URI_MAX];

	if (!config_string(ref) || !bundle_rewrite(&w->b, ref, kind, text, sizeof(text), &in_place))
		write_object(w, value, part, NULL, left_out, depth);
	else if (in_place)
		write_value(w, in_place, part, NULL, depth + 1);
	else
		write_object(w, value, part, text, left_out, depth);
}

static void write_value(struct bundle_writer *w, const struct config *value,
			struct bundle_part part, const char *left_out, unsigned depth)
{
	if (depth == CONFIG_DEPTH_MAX || w->values++ == BUNDLE_VALUES_MAX)
		bundle_fail(&w->b, ERR_LIMIT);
	if (w->b.drafts.rc)
		return;
	if (part.kind == BUNDLE_DATA || value->kind < CONFIG_ARRAY) {
		if (w->file && configwrite_compact(value, w->file))
			bundle_fail(&w->b, ERR_IO);
	} else if (value->kind == CONFIG_ARRAY) {
		write_array(w, value, part.kind, depth);
	} else if (part.is_each) {
		write_object(w, value, part, NULL, NULL, depth);
	} else {
		write_part(w, value, part.kind, left_out, depth);
	}
}

/* ---- components ------------------------------------------------------------------------- */

#define GROUP_DEPTH 2u
#define ITEM_DEPTH 3u

/* Of the document itself: they stand where bundle_document() puts them. */
static void find_in_components(struct bundle_writer *w, const struct config *own)
{
	struct drafts *drafts = &w->b.drafts;

	config_foreach_member(group, own) {
		struct bundle_part part = bundle_part_of(BUNDLE_COMPONENTS, group->key);

		if (!part.is_each || group->kind != CONFIG_OBJECT) {
			write_value(w, group, part, NULL, GROUP_DEPTH);
			draft_copy(drafts, w->b.components, group);
			continue;
		}
		part.is_each = false;
		(void)bundle_group_of(&w->b, group->key);
		config_foreach_member(item, group) {
			write_value(w, item, part, NULL, ITEM_DEPTH);
			draft_copy(drafts, bundle_group_of(&w->b, group->key), item);
		}
	}
}

static void find_parts(struct bundle_writer *w)
{
	const struct config *root = w->b.main->root, *own = config_member(root, "components");

	w->b.components = draft_object(&w->b.drafts);
	config_foreach_member(member, root) {
		if (member == own && own->kind == CONFIG_OBJECT)
			find_in_components(w, own);
		else
			write_value(w, member, bundle_part_of(BUNDLE_DOCUMENT, member->key), NULL,
				    1);
	}
	/* Each may find more. */
	for (struct bundled *part = w->b.first; part && w->b.drafts.rc == 0; part = part->later)
		write_value(w, part->value, (struct bundle_part){ part->kind, false }, NULL,
			    ITEM_DEPTH);
}

static void write_group(struct bundle_writer *w, const struct draft *group, enum bundle_kind kind)
{
	const char *comma = "", *key;

	put(w, "{");
	for (size_t i = 0; i < draft_count(group); i++) {
		const struct config *value = draft_place_of(draft_child(group, i, &key));
		const struct bundled *part = bundle_find_part(&w->b, value);

		put_key(w, &comma, key);
		write_value(w, value, (struct bundle_part){ part ? part->kind : kind, false },
			    part && bundle_drops_id(part) ? "$id" : NULL, ITEM_DEPTH);
	}
	put(w, "}");
}

static void write_components(struct bundle_writer *w)
{
	const char *comma = "", *key;

	put(w, "{");
	for (size_t i = 0; i < draft_count(w->b.components); i++) {
		const struct draft *group = draft_child(w->b.components, i, &key);
		struct bundle_part part = bundle_part_of(BUNDLE_COMPONENTS, key);

		put_key(w, &comma, key);
		if (draft_place_of(group)) /* none that one finds components in */
			write_value(w, draft_place_of(group), part, NULL, GROUP_DEPTH);
		else
			write_group(w, group, part.kind);
	}
	put(w, "}");
}

/* ---- the document ----------------------------------------------------------------------- */

static void write_document(struct bundle_writer *w)
{
	const struct config *root = w->b.main->root, *own = config_member(root, "components");
	bool has_parts = draft_count(w->b.components) > 0;
	const char *comma = "";

	put(w, "{");
	config_foreach_member(member, root) {
		put_key(w, &comma, member->key);
		if (member == own && (has_parts || own->kind == CONFIG_OBJECT))
			write_components(w);
		else
			write_value(w, member, bundle_part_of(BUNDLE_DOCUMENT, member->key), NULL,
				    1);
	}
	if (has_parts && !own) {
		put_key(w, &comma, "components");
		write_components(w);
	}
	put(w, "}");
}

int bundle_write(struct sources *sources, const struct sources_file *file, FILE *ret)
{
	struct arena scratch = { 0 };
	struct bundle_writer w = { .file = NULL };

	bundle_init(&w.b, sources, file, BUNDLE_COLLECT, &scratch);
	find_parts(&w);
	w.file = ret;
	w.values = 0;
	if (w.b.drafts.rc == 0)
		write_document(&w);
	if (ferror(ret))
		bundle_fail(&w.b, ERR_IO);
	arena_clear(&scratch);
	return w.b.drafts.rc;
}
