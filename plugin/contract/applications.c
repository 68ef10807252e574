/*
 * applications.c -- what the documents of a contract are called, whose view they are, and what the
 * access file says of them.
 */
#include "contract/contract_internal.h"

#include <stdio.h>
#include <string.h>

#include "contract/translate.h"

static const struct config_known setting_members[] = {
	{ .name = "x-perspective x-mode x-unlisted" },
};

/* ---- names ------------------------------------------------------------------------------ */

static bool is_text(const char *a, const char *b)
{
	return a && b && strcmp(a, b) == 0;
}

int contract_application(const struct contract *contract, const char *name)
{
	int found = -1;

	for (size_t i = 0; i < contract->application_count; i++)
		if (is_text(contract->application[i].name, name))
			return (int)i;
	for (size_t i = 0; i < contract->application_count; i++)
		if (is_text(contract->application[i].title, name))
			found = found == -1 ? (int)i : -2;
	return found;
}

bool contract_has_operation(const struct contract *contract, unsigned application, const char *name)
{
	const struct contract_application *its = &contract->application[application];

	for (size_t i = 0; i < its->operation_count; i++)
		if (strcmp(its->operation[i], name) == 0)
			return true;
	return false;
}

/* Any text, with nothing in it that ends a line; for people. */
static const char *load_words(struct loader *loader, const struct config *root, const char *key)
{
	const struct config *at = config_member(config_member(root, "info"), key);
	const char *text = config_string(at);

	if (at && at->kind == CONFIG_STRING && !text)
		loader_warn(loader, at, NULL, "has U+0000 in it and is not shown");
	return text ? text : "";
}

/* Two documents may have one title where one of them has an id: access.json then says that. */
static void check_name(struct loader *loader, const struct config *root,
		       const struct contract_application *ours)
{
	const struct config *info = config_member(root, "info"),
			    *at = ours->id || !info ? root : info;
	const char *key = ours->id ? "id" : info ? "title" : NULL;

	for (const struct contract_application *other = loader->application; other < ours; other++)
		if (strcmp(other->name, ours->name) == 0)
			(void)config_fail(loader->report, at, key, ERR_INVALID,
					  "%s is called \"%s\", too: expected an \"id\" of its own",
					  other->file, ours->name);
}

/* ---- settings --------------------------------------------------------------------------- */

/* The member of @settings that is about @application; each is about one. */
static const struct config *find_settings(const struct loader *loader,
					  const struct config *settings,
					  const struct contract_application *application)
{
	const struct config *at = config_member(settings, application->name);
	int titled = contract_application(loader->contract, application->title);

	if (at || titled < 0 || &loader->application[titled] != application)
		return at;
	return config_member(settings, application->title);
}

static bool is_used(const struct loader *loader, const struct config *at)
{
	for (size_t i = 0; i < loader->document_count; i++)
		if (loader->document[i].settings == at)
			return true;
	return false;
}

/* Each member of @settings must be about a document. */
static void check_settings(struct loader *loader, const struct config *settings)
{
	if (!config_expect(loader->report, settings, CONFIG_OBJECT))
		return;
	config_foreach_member(at, settings) {
		char names[DIAG_MAX / 2] = "";
		size_t used = 0;

		(void)config_check(loader->report, at, "what is said of an application",
				   setting_members);
		if (is_used(loader, at))
			continue;
		if (contract_application(loader->contract, at->key) == -2) {
			(void)config_fail(loader->report, at, NULL, ERR_INVALID,
					  "several documents have this title: name the one by its "
					  "id");
			continue;
		}
		for (size_t i = 0; i < loader->document_count && used < sizeof(names); i++)
			used += (size_t)snprintf(
				names + used, sizeof(names) - used, "%s\"%s\"", i > 0 ? ", " : "",
				loader->application[i].name ? loader->application[i].name : "");
		(void)config_fail(loader->report, at, NULL, ERR_INVALID,
				  "no document has this id or title; there are %s", names);
	}
}

const struct config *applications_member(const struct loader *loader, const char *key)
{
	return config_member(loader->doc->settings, key) ? loader->doc->settings
							 : loader->doc->root;
}

bool applications_leaves(const struct loader *loader, const char *key)
{
	return loader->doc->is_plugins && !config_member(applications_member(loader, key), key);
}

/* The names of its operations, of those on channels that are no topics, too. */
static bool name_operations(struct loader *loader, struct contract_application *ret)
{
	const struct config *operations = config_member(loader->doc->root, "operations");
	const char **name;

	if (!operations || operations->kind != CONFIG_OBJECT)
		return true;
	name = loader_take(loader, operations->count, sizeof(*name));
	if (!name)
		return false;
	ret->operation = name;
	config_foreach_member(at, operations)
		name[ret->operation_count++] = at->key;
	return true;
}

/* ---- documents -------------------------------------------------------------------------- */

/* What @file is called: nothing, where it is no object, which the caller says. */
static void load_names(struct loader *loader, const struct sources_file *file,
		       struct contract_application *ret)
{
	ret->file = file->path;
	ret->id = config_string(config_member(file->original, "id"));
	ret->title = load_words(loader, file->original, "title");
	ret->version = load_words(loader, file->original, "version");
	ret->name = ret->id ? ret->id : ret->title;
}

static bool load_application(struct loader *loader, struct sources_file *file,
			     const struct config *settings)
{
	static const char *const views[] = { "application", "client", NULL };
	struct contract_application *ret = &loader->application[loader->doc->application];
	unsigned view = 0;

	if (!config_expect(loader->report, file->original, CONFIG_OBJECT))
		return false;
	check_name(loader, file->original, ret);
	loader->doc->root = file->original;
	loader->doc->settings = find_settings(loader, settings, ret);
	(void)config_word(loader->report, applications_member(loader, "x-perspective"),
			  "x-perspective", views, &view);
	ret->is_client = loader->doc->is_client = view == 1;
	if (!translate_open(&loader->contract->sources, file,
			    ret->is_client ? TRANSLATE_CLIENT : TRANSLATE_APPLICATION))
		return false;
	loader->doc->root = file->root;
	loader->doc->is_translated = file->root != file->original;
	return name_operations(loader, ret);
}

bool applications_load(struct loader *loader, const struct config *settings)
{
	struct contract *contract = loader->contract;
	size_t count = contract->sources.document_count;

	loader->document = arena_take(&loader->scratch, count, sizeof(*loader->document));
	loader->application = loader_take(loader, count, sizeof(*loader->application));
	if (!loader->document || !loader->application)
		return config_nomem(loader->report);
	contract->application = loader->application;
	contract->application_count = loader->document_count = count;
	for (size_t i = 0; i < count; i++)
		load_names(loader, contract->sources.file[i], &loader->application[i]);
	for (size_t i = 0; i < count; i++) {
		loader->doc = &loader->document[i];
		loader->doc->application = (uint16_t)i;
		if (!load_application(loader, contract->sources.file[i], settings) &&
		    loader->report->count == 0)
			return false;
	}
	check_settings(loader, settings);
	contract->title = loader->application[0].title;
	contract->version = loader->application[0].version;
	return loader->report->count == 0;
}
