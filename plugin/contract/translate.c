#include "contract/translate_internal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/jsonpointer.h"
#include "base/suggest.h"

#define NEWEST_2 6u
#define NEWEST_3 1u

/* ---- what all of it needs --------------------------------------------------------------- */

void translate_note(struct translator *t, const struct config *at, const char *format, ...)
{
	struct diag line;
	va_list args;

	if (!t->sources->warn)
		return;
	va_start(args, format);
	(void)diag_vset(&line, 0, format, args);
	va_end(args);
	t->sources->warn(t->sources->warn_ctx, at, line.text);
}

void translate_refuse(struct translator *t, const struct config *at)
{
	(void)config_fail(t->sources->report, at, NULL, ERR_INVALID,
			  "is of AsyncAPI 3, and \"asyncapi\" says %s",
			  config_member(t->root, "asyncapi")->text);
}

void translate_check(struct translator *t, const struct config *at, const char *noun,
		     const char *words, const char *words_of_3)
{
	char list[SUGGEST_LIST_MAX];

	config_foreach_member(member, at) {
		struct suggest suggest = suggest_begin(member->key);
		const char *meant;

		if (strncmp(member->key, "x-", 2) == 0 || suggest_has(words, member->key))
			continue;
		if (suggest_has(words_of_3, member->key)) {
			translate_refuse(t, member);
			continue;
		}
		suggest_add(&suggest, words);
		meant = suggest_text(&suggest);
		(void)config_fail(t->sources->report, member, NULL, ERR_INVALID,
				  "unknown member%s %s of AsyncAPI 2 may have %s",
				  *meant ? meant : ";", noun, suggest_list(words, list));
	}
}

const char *translate_text(struct translator *t, const char *text)
{
	const char *copy = arena_text(t->sources->arena, text, strlen(text));

	if (!copy && t->drafts.rc == 0)
		t->drafts.rc = ERR_NOMEM;
	return copy;
}

struct draft *translate_reference(struct translator *t, const struct config *place,
				  const char *const token[4])
{
	char text[SOURCES_URI_MAX + 1] = "#";
	size_t used = 1;
	struct draft *made = draft_place(draft_object(&t->drafts), place);

	for (int i = 0; i < 4 && token[i]; i++)
		used += sources_put_token(text + used, sizeof(text) - used, token[i]);
	draft_put(&t->drafts, made, "$ref", draft_place(draft_string(&t->drafts, text), place));
	return made;
}

const struct config *translate_component(const struct translator *t, const struct config *at,
					 const char *group)
{
	const char *ref = config_string(config_member(at, "$ref"));
	char head[64], name[SOURCES_URI_MAX + 1];
	size_t len = (size_t)snprintf(head, sizeof(head), "#/components/%s/", group);

	if (!ref || strncmp(ref, head, len) != 0 || strlen(ref) >= sizeof(name) ||
	    sources_file_of(t->sources, at) != t->file)
		return NULL;
	memcpy(name, ref + len, strlen(ref + len) + 1);
	if (strpbrk(name, "/%"))
		return NULL; /* it is looked for as any other */
	name[jsonpointer_decode(name, strlen(name))] = '\0';
	return config_member(config_member(t->components, group), name);
}

struct draft *translate_item(struct translator *t, const struct config *at, const char *group,
			     translate_part *part)
{
	if (translate_component(t, at, group))
		return draft_alias(&t->drafts, at);
	at = sources_follow(t->sources, at);
	if (!at || at->kind != CONFIG_OBJECT)
		return draft_alias(&t->drafts, at); /* its reader says what is wrong */
	return part(t, at);
}

struct draft *translate_map(struct translator *t, const struct config *at, const char *group,
			    translate_part *part)
{
	struct draft *made;

	if (at->kind != CONFIG_OBJECT)
		return draft_alias(&t->drafts, at);
	made = draft_place(draft_object(&t->drafts), at);
	config_foreach_member(member, at)
		draft_put(&t->drafts, made, member->key, translate_item(t, member, group, part));
	return made;
}

/* ---- the document ----------------------------------------------------------------------- */

/* A component with alternatives is carried over where it is used. */
static struct draft *message_component(struct translator *t, const struct config *at)
{
	return config_member(at, "oneOf") ? NULL : translate_message_body(t, at);
}

static struct draft *components(struct translator *t, const struct config *at)
{
	static const struct group {
		const char *name;
		translate_part *part;
	} groups[] = {
		{ "messages", message_component },
		{ "messageTraits", translate_message_trait },
		{ "operationTraits", translate_operation_trait },
		{ "parameters", translate_parameter },
		{ "servers", translate_server },
		{ "securitySchemes", translate_scheme },
		{ NULL, NULL },
	};
	struct draft *made = draft_place(draft_object(&t->drafts), at);

	if (at->kind != CONFIG_OBJECT)
		return draft_alias(&t->drafts, at);
	config_foreach_member(member, at) {
		const struct group *group = groups;

		while (group->name && strcmp(group->name, member->key) != 0)
			group++;
		if (group->name)
			draft_put(&t->drafts, made, member->key,
				  translate_map(t, member, group->name, group->part));
		else if (strcmp(member->key, "channels") != 0) /* they are where they are used */
			draft_copy(&t->drafts, made, member);
	}
	return made;
}

/* Members of the document that belong to info in 3.x. */
static struct draft *info(struct translator *t, const struct config *at)
{
	static const char *const moved[] = { "tags", "externalDocs" };
	struct draft *made = draft_alias(&t->drafts, at);

	for (size_t i = 0; i < sizeof(moved) / sizeof(*moved); i++)
		if (at->kind == CONFIG_OBJECT && config_member(t->root, moved[i]))
			draft_put(&t->drafts, made, moved[i],
				  draft_alias(&t->drafts, config_member(t->root, moved[i])));
	return made;
}

/* Members of the document that are carried over by themselves. */
static bool is_elsewhere(const char *key)
{
	static const char *const names[] = { "asyncapi", "tags", "externalDocs", "components" };

	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++)
		if (strcmp(names[i], key) == 0)
			return true;
	return false;
}

static struct draft *document(struct translator *t)
{
	struct drafts *drafts = &t->drafts;
	struct draft *made = draft_place(draft_object(drafts), t->root);
	const struct config *channels = config_member(t->root, "channels");

	draft_put(drafts, made, "asyncapi",
		  draft_place(draft_string(drafts, "3.0.0"), config_member(t->root, "asyncapi")));
	t->channels = draft_place(draft_object(drafts), channels ? channels : t->root);
	t->operations = draft_place(draft_object(drafts), channels ? channels : t->root);
	config_foreach_member(member, t->root) {
		if (strcmp(member->key, "info") == 0)
			draft_put(drafts, made, "info", info(t, member));
		else if (strcmp(member->key, "servers") == 0)
			draft_put(drafts, made, "servers",
				  translate_map(t, member, "servers", translate_server));
		else if (strcmp(member->key, "channels") == 0 && member->kind == CONFIG_OBJECT)
			translate_channels(t, member);
		else if (strcmp(member->key, "operations") == 0)
			translate_refuse(t, member);
		else if (!is_elsewhere(member->key))
			draft_copy(drafts, made, member);
	}
	if (channels && channels->kind == CONFIG_OBJECT) {
		draft_put(drafts, made, "channels", t->channels);
		draft_put(drafts, made, "operations", t->operations);
	}
	if (t->components)
		draft_put(drafts, made, "components", components(t, t->components));
	if (t->view == TRANSLATE_CLIENT)
		draft_put(drafts, made, "x-perspective",
			  draft_place(draft_string(drafts, "client"), t->root));
	return made;
}

static bool translate(struct sources *sources, struct sources_file *file, enum translate_view view)
{
	struct arena scratch = { 0 };
	struct translator t = { .sources = sources,
				.file = file,
				.drafts = { .arena = &scratch },
				.view = view,
				.root = file->original,
				.components = config_member(file->original, "components") };
	unsigned before = sources->report->count;
	struct draft *made = document(&t);
	const struct config *root = draft_freeze(&t.drafts, made, sources->arena, file->path);

	arena_clear(&scratch);
	if (t.drafts.rc == ERR_NOMEM)
		return config_nomem(sources->report);
	if (!root)
		return config_fail(sources->report, file->original, NULL, ERR_LIMIT,
				   "has more values or levels than can be translated");
	if (sources->report->count > before)
		return false;
	file->root = root;
	return true;
}

/* ---- the version ------------------------------------------------------------------------ */

/* Reads "2.6.0", to which "-rc1" and the like may be added. */
static bool read_version(const char *text, unsigned part[3], const char **rest)
{
	for (int i = 0; i < 3; i++) {
		size_t digits = strspn(text, "0123456789");

		if (digits == 0 || digits > 4 || (i < 2 && text[digits] != '.'))
			return false;
		part[i] = (unsigned)strtoul(text, NULL, 10);
		text += digits + (i < 2);
	}
	*rest = text;
	return *text == '\0' || *text == '-';
}

bool translate_open(struct sources *sources, struct sources_file *file, enum translate_view view)
{
	static const char expected[] = "expected a version of AsyncAPI, \"2.0.0\" to \"2.6.0\", "
				       "\"3.0.0\" or \"3.1.0\"";
	struct translator t = { .sources = sources, .file = file, .root = file->original };
	const struct config *at = config_member(t.root, "asyncapi");
	const char *text = config_string(at), *rest = "";
	unsigned part[3], newest;

	if (!config_expect(sources->report, t.root, CONFIG_OBJECT))
		return false;
	if (!text || !read_version(text, part, &rest) || part[0] < 2 || part[0] > 3)
		return config_fail(sources->report, t.root, "asyncapi", ERR_INVALID, "%s",
				   expected);
	newest = part[0] == 2 ? NEWEST_2 : NEWEST_3;
	if (part[1] > newest)
		translate_note(&t, at, "\"%s\" is not known and is read as %u.%u.0", text, part[0],
			       newest);
	else if (part[2] > 0 || *rest)
		translate_note(&t, at, "\"%s\" is not known and is read as %u.%u.0", text, part[0],
			       part[1]);
	return part[0] == 3 || translate(sources, file, view);
}
