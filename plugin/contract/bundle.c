#include "contract/bundle_internal.h"

#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "base/jsonpointer.h"

#define NAME_BYTES 64u /* of a component that is made, without its number */
#define NAME_CHARS "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789.-_"

static struct draft *walk(struct bundle *b, const struct config *value, struct bundle_part part,
			  unsigned depth);

void bundle_fail(struct bundle *b, int err)
{
	if (b->drafts.rc == 0)
		b->drafts.rc = err;
}

/* ---- components that are made ----------------------------------------------------------- */

static struct bundled **bucket_of(struct bundle *b, const struct config *value)
{
	return &b->bucket[((uintptr_t)value / sizeof(*value)) % BUNDLE_BUCKETS];
}

struct bundled *bundle_find_part(struct bundle *b, const struct config *value)
{
	struct bundled *part = *bucket_of(b, value);

	while (part && part->value != value)
		part = part->next;
	return part;
}

struct draft *bundle_group_of(struct bundle *b, const char *name)
{
	struct draft *group = draft_get(&b->drafts, b->components, name);

	if (group)
		return group;
	group = draft_object(&b->drafts);
	draft_put(&b->drafts, b->components, name, group);
	return group;
}

/* A name for the component: the value's own, or its file's, and a number where that is taken. */
static const char *name_of(struct bundle *b, const struct config *value, const char *group)
{
	const struct config *own_group =
		config_member(config_member(b->main->root, "components"), group);
	struct draft *made = bundle_group_of(b, group);
	const char *own = value->key ? value->key : "item", *slash = strrchr(own, '/');
	char name[NAME_BYTES], text[NAME_BYTES + 16];
	size_t used = 0;

	own = slash && slash[1] ? slash + 1 : own;
	for (; *own && used + 1 < sizeof(name); own++)
		name[used++] = strchr(NAME_CHARS, *own) ? *own : '_';
	name[used] = '\0';
	if (!value->up && strchr(name, '.') > name)
		*strchr(name, '.') = '\0';
	(void)snprintf(text, sizeof(text), "%s", used ? name : "item");
	for (unsigned i = 2; b->drafts.rc == 0 &&
			     (config_member(own_group, text) || draft_get(&b->drafts, made, text));
	     i++)
		(void)snprintf(text, sizeof(text), "%s-%u", name, i);
	return arena_text(b->sources->arena, text, strlen(text));
}

static struct bundled *add_part(struct bundle *b, const struct config *value, enum bundle_kind kind)
{
	struct bundled *part = arena_alloc(b->drafts.arena, sizeof(*part));
	const char *group = bundle_group(kind, b->is_2);

	if (b->part_count++ == BUNDLE_PARTS_MAX)
		bundle_fail(b, ERR_LIMIT);
	if (!part || b->drafts.rc) {
		bundle_fail(b, ERR_NOMEM);
		return NULL;
	}
	*part = (struct bundled){ .next = *bucket_of(b, value), .value = value, .kind = kind };
	part->name = name_of(b, value, group);
	if (!part->name) {
		bundle_fail(b, ERR_NOMEM);
		return NULL;
	}
	/* The name is taken from now on; the value comes later. */
	draft_put(&b->drafts, bundle_group_of(b, group), part->name,
		  draft_alias(&b->drafts, value));
	*bucket_of(b, value) = part;
	*(b->last ? &b->last->later : &b->first) = part;
	b->last = part;
	return part;
}

/* Writes the way from @top, or from the root of the file ("#", or nothing), to @value. */
static size_t write_fragment(const struct config *value, const struct config *top, char *ret,
			     size_t cap)
{
	const struct config *way[CONFIG_DEPTH_MAX];
	size_t used = 0, depth = 0;
	char digits[32];

	for (; value != top && value->up && depth < CONFIG_DEPTH_MAX; value = value->up)
		way[depth++] = value;
	if (!top && depth > 0)
		used = (size_t)snprintf(ret, cap, "#");
	while (depth-- > 0) {
		const char *token = way[depth]->key;

		if (!token)
			(void)snprintf(digits, sizeof(digits), "%td",
				       way[depth] - way[depth]->up->item);
		used += sources_put_token(ret + used, cap - used, token ? token : digits);
	}
	return used;
}

/* Writes the reference to @value, which is @part or below it, to @ret. */
static bool write_reference(struct bundle *b, const struct bundled *part,
			    const struct config *value, char *ret, size_t cap)
{
	size_t used =
		(size_t)snprintf(ret, cap, "#/components/%s", bundle_group(part->kind, b->is_2));

	used += sources_put_token(ret + used, cap - used, part->name);
	used += write_fragment(value, part->value, ret + used, cap - used);
	return used + 1 < cap;
}

/* The reference to @value, which is in no place of the result yet, or in a component. */
static bool collect(struct bundle *b, const struct config *value, enum bundle_kind kind, char *ret,
		    size_t cap)
{
	const struct bundled *part = NULL;

	for (const struct config *at = value; at && !part; at = at->up)
		part = bundle_find_part(b, at);
	if (!part)
		part = add_part(b, value, kind);
	return part && write_reference(b, part, value, ret, cap);
}

/* ---- references ------------------------------------------------------------------------- */

/* The path from the folder of the file @from to the file @to, both by their names. */
static void write_path(const char *from, const char *to, char *ret, size_t cap)
{
	size_t common = 0, used = 0;

	for (size_t i = 0; from[i] && from[i] == to[i]; i++)
		if (from[i] == '/')
			common = i + 1;
	for (const char *at = from + common; (at = strchr(at, '/')); at++)
		used += (size_t)snprintf(ret + used, used < cap ? cap - used : 0, "../");
	if (used < cap)
		(void)sources_encode(ret + used, cap - used, to + common);
}

/* Is what the fragment names in the document, as it is written? */
static bool is_in_place(struct bundle *b, const char *ref)
{
	char pointer[SOURCES_URI_MAX + 1];

	if (strlen(ref) > SOURCES_URI_MAX)
		return true; /* not for us to follow */
	memcpy(pointer, ref + 1, strlen(ref));
	return !sources_decode(pointer) || b->main->root == b->main->original ||
	       sources_at(b->sources, b->main, pointer) != NULL;
}

bool bundle_rewrite(struct bundle *b, const struct config *ref, enum bundle_kind kind, char *ret,
		    size_t cap, const struct config **ret_inline)
{
	const char *text = config_string(ref);
	const struct sources_file *from = sources_file_of(b->sources, ref), *to;
	struct config_report unused = { .rc = 0 };
	const struct config *value;
	bool is_own = from == b->main && text[0] == '#';

	if (kind == BUNDLE_LINK || (is_own && is_in_place(b, text)) ||
	    (from == b->main && !is_own && b->files == BUNDLE_KEEP))
		return false;
	value = sources_resolve(b->sources, ref, &unused);
	if (!value) {
		if (unused.rc == ERR_NOMEM)
			bundle_fail(b, ERR_NOMEM);
		if (b->sources->warn)
			b->sources->warn(b->sources->warn_ctx, ref,
					 "stays as it is, since it leads to nothing here");
		return false;
	}
	to = sources_file_of(b->sources, value);
	if (b->files == BUNDLE_KEEP && to != b->main) {
		if (to->id)
			(void)snprintf(ret, cap, "%s", to->id);
		else
			write_path(b->main->name, to->name, ret, cap);
		write_fragment(value, NULL, ret + strlen(ret), cap - strlen(ret));
		return true;
	}
	if (to == b->main && !is_own) {
		(void)snprintf(ret, cap, "%s", strchr(text, '#') ? strchr(text, '#') : "#");
		return true;
	}
	if (!bundle_group(kind, b->is_2)) {
		*ret_inline = value;
		return true;
	}
	return collect(b, value, kind, ret, cap);
}

/* ---- the walk --------------------------------------------------------------------------- */

static struct draft *walk_object(struct bundle *b, const struct config *value,
				 enum bundle_kind kind, const char *ref, unsigned depth)
{
	struct draft *made = draft_place(draft_object(&b->drafts), value);

	config_foreach_member(member, value) {
		if (ref && strcmp(member->key, "$ref") == 0)
			draft_put(&b->drafts, made, "$ref", draft_string(&b->drafts, ref));
		else
			draft_put(&b->drafts, made, member->key,
				  walk(b, member, bundle_part_of(kind, member->key), depth + 1));
	}
	return made;
}

static struct draft *walk_each(struct bundle *b, const struct config *value, enum bundle_kind kind,
			       unsigned depth)
{
	bool is_object = value->kind == CONFIG_OBJECT;
	struct draft *made =
		draft_place(is_object ? draft_object(&b->drafts) : draft_array(&b->drafts), value);

	config_foreach(child, value) {
		struct draft *item = walk(b, child, (struct bundle_part){ kind, false }, depth + 1);

		if (is_object)
			draft_put(&b->drafts, made, child->key, item);
		else
			draft_add(&b->drafts, made, item);
	}
	return made;
}

static struct draft *walk(struct bundle *b, const struct config *value, struct bundle_part part,
			  unsigned depth)
{
	const struct config *ref = config_member(value, "$ref"), *in_place = NULL;
	char text[SOURCES_URI_MAX];

	if (depth == CONFIG_DEPTH_MAX)
		bundle_fail(b, ERR_LIMIT);
	if (b->drafts.rc)
		return NULL;
	if (part.kind == BUNDLE_DATA || value->kind < CONFIG_ARRAY)
		return draft_alias(&b->drafts, value);
	if (value->kind == CONFIG_ARRAY || part.is_each)
		return walk_each(b, value, part.kind, depth);
	if (!config_string(ref) ||
	    !bundle_rewrite(b, ref, part.kind, text, sizeof(text), &in_place))
		return walk_object(b, value, part.kind, NULL, depth);
	return in_place ? walk(b, in_place, part, depth + 1)
			: walk_object(b, value, part.kind, text, depth);
}

/* Components of the document itself, beside which some may stand already. */
static void walk_components(struct bundle *b, const struct config *own)
{
	config_foreach_member(group, own) {
		struct bundle_part part = bundle_part_of(BUNDLE_COMPONENTS, group->key);

		if (!part.is_each || group->kind != CONFIG_OBJECT) {
			draft_put(&b->drafts, b->components, group->key, walk(b, group, part, 0));
			continue;
		}
		part.is_each = false;
		(void)bundle_group_of(b, group->key);
		config_foreach_member(item, group) {
			struct draft *made = walk(b, item, part, 0);

			draft_put(&b->drafts, bundle_group_of(b, group->key), item->key, made);
		}
	}
}

static struct draft *walk_document(struct bundle *b)
{
	const struct config *root = b->main->root;
	struct draft *made = draft_place(draft_object(&b->drafts), root);
	const struct config *own = config_member(root, "components");

	b->components = draft_place(draft_object(&b->drafts), own);
	config_foreach_member(member, root) {
		struct bundle_part part = bundle_part_of(BUNDLE_DOCUMENT, member->key);

		if (member == own && own->kind == CONFIG_OBJECT) {
			draft_put(&b->drafts, made, "components", b->components);
			walk_components(b, own);
		} else {
			draft_put(&b->drafts, made, member->key, walk(b, member, part, 0));
		}
	}
	return made;
}

/* The components that were found, each of which may find more. */
static void make_parts(struct bundle *b)
{
	for (struct bundled *part = b->first; part && b->drafts.rc == 0; part = part->later) {
		struct draft *group = bundle_group_of(b, bundle_group(part->kind, b->is_2));
		struct draft *made =
			walk(b, part->value, (struct bundle_part){ part->kind, false }, 0);

		if (bundle_drops_id(part) && draft_kind(made) == CONFIG_OBJECT)
			draft_remove(&b->drafts, made, "$id");
		draft_put(&b->drafts, group, part->name, made);
	}
}

void bundle_init(struct bundle *ret, struct sources *sources, const struct sources_file *file,
		 enum bundle_files files, struct arena *scratch)
{
	const struct config *version = config_member(file->root, "asyncapi");

	*ret = (struct bundle){
		.sources = sources, .drafts = { .arena = scratch }, .files = files, .main = file
	};
	ret->is_2 = config_string(version) && strncmp(version->text, "2.", 2) == 0;
}

const struct config *bundle_document(struct sources *sources, const struct sources_file *file,
				     enum bundle_files files, struct arena *arena)
{
	struct arena scratch = { 0 };
	struct bundle b;
	const struct config *made = NULL;
	struct draft *root;

	bundle_init(&b, sources, file, files, &scratch);
	root = walk_document(&b);
	make_parts(&b);
	if (draft_count(b.components) > 0)
		draft_put(&b.drafts, root, "components", b.components);
	if (b.drafts.rc == 0)
		made = draft_freeze(&b.drafts, root, arena, b.main->name);
	if (b.drafts.rc == ERR_NOMEM)
		(void)config_nomem(sources->report);
	else if (b.drafts.rc)
		(void)config_fail(sources->report, b.main->root, NULL, b.drafts.rc,
				  "has more values, levels or references than can be written");
	arena_clear(&scratch);
	return made;
}
