#include "contract/cut_internal.h"

#include <stdio.h>
#include <string.h>

#include "base/jsonpointer.h"

#define MOVED_MAX 4096u /* parts that become components of their own; further references stay */

/* ---- parts that become components of their own ------------------------------------------- */

/* Is it in a component that stays as a whole? */
static bool is_in_component(const struct cut *cut, const struct cut_pointer *pointer)
{
	char text[CUT_POINTER_MAX];
	size_t used = 0;

	if (strcmp(pointer->token[0], "components") != 0 || pointer->count < 3)
		return false;
	if (pointer->count == 3)
		return true;
	for (size_t i = 0; i < 3; i++)
		used += jsonpointer_put(text + used, sizeof(text) - used, pointer->token[i],
					strlen(pointer->token[i]));
	return json_object_get(cut->reached, text) != NULL;
}

/* The group of components for what stands there. */
static const char *group_of(const char *pointer)
{
	static const char *const known[] = { "messages", "parameters", "securitySchemes",
					     "replies",  "tags",       "externalDocs" };
	const char *last = strrchr(pointer, '/');
	size_t len = (size_t)(last - pointer);

	for (size_t i = 0; i < sizeof(known) / sizeof(*known); i++) {
		size_t name = strlen(known[i]);

		if (len > name && strncmp(last - name, known[i], name) == 0 &&
		    last[-(long)name - 1] == '/')
			return known[i];
	}
	return "schemas";
}

static void find_moved(struct cut *cut)
{
	const json_t *components = json_object_get(cut->from, "components");
	unsigned number = 0;
	const char *text;
	json_t *unused;

	json_object_foreach(cut->reached, text, unused) {
		const char *group = group_of(text);
		char name[32];
		struct cut_pointer pointer;

		if (!cut_read_text(text, &pointer) || is_in_component(cut, &pointer) ||
		    json_object_size(cut->moved) == MOVED_MAX)
			continue;
		do
			(void)snprintf(name, sizeof(name), "part-%u", ++number);
		while (json_object_get(json_object_get(components, group), name));
		if (json_object_set_new(cut->moved, text,
					json_sprintf("#/components/%s/%s", group, name)))
			cut->is_failed = true;
	}
}

/* ---- the result -------------------------------------------------------------------------- */

static json_t *copy(struct cut *cut, const json_t *value, unsigned depth);

/* @made, or NULL, and then memory ran out. */
static json_t *keep(struct cut *cut, json_t *made)
{
	cut->is_failed |= !made;
	return made;
}

/* Strings and the like are the document's own: they never change, and are most of it. */
static json_t *share(const json_t *value)
{
	return json_incref((json_t *)value);
}

/* What @ref is in the result: new; NULL: what has it goes. */
__attribute__((noinline)) static json_t *copy_reference(struct cut *cut, const json_t *ref)
{
	struct cut_pointer pointer;
	json_t *moved;

	if (!cut_read_pointer(json_string_value(ref), &pointer))
		return share(ref);
	if (cut_is_barred(cut, &pointer))
		return NULL;
	moved = json_object_get(cut->moved, pointer.text);
	return share(moved ? moved : ref);
}

static json_t *copy_object(struct cut *cut, const json_t *value, unsigned depth)
{
	const json_t *ref = json_object_get(value, "$ref");
	json_t *made = keep(cut, json_object()), *child;
	const char *key;

	json_object_foreach((json_t *)value, key, child) {
		bool is_ref = child == ref && json_is_string(ref);
		json_t *copied;

		if (cut_goes(cut, value, key, child))
			continue;
		copied = is_ref ? copy_reference(cut, ref) : copy(cut, child, depth + 1);
		if (!copied && is_ref) {
			json_decref(made);
			return NULL;
		}
		if (copied && json_object_set_new(made, key, copied))
			cut->is_failed = true;
	}
	return made;
}

/* New; NULL: it goes, or memory ran out. */
static json_t *copy(struct cut *cut, const json_t *value, unsigned depth)
{
	json_t *made, *child;
	size_t i;

	if (depth == CUT_DEPTH_MAX || cut->is_failed)
		return NULL;
	if (json_is_object(value))
		return copy_object(cut, value, depth);
	if (!json_is_array(value))
		return share(value);
	made = keep(cut, json_array());
	json_array_foreach((json_t *)value, i, child) {
		json_t *copied = copy(cut, child, depth + 1);

		if (copied && json_array_append_new(made, copied))
			cut->is_failed = true;
	}
	return made;
}

static void add(struct cut *cut, json_t *to, const char *key, const json_t *value)
{
	json_t *copied = copy(cut, value, 0);

	if (copied && json_object_set_new(to, key, copied))
		cut->is_failed = true;
}

static void add_group(struct cut *cut, json_t *to, size_t group, const json_t *from)
{
	json_t *made = json_object(), *value;
	const char *key;
	size_t i = 0;

	json_object_foreach((json_t *)from, key, value)
		if (cut_keeps(cut, group, key, value, i++))
			add(cut, made, key, value);
	if (json_object_set_new(to, cut_group(group), made))
		cut->is_failed = true;
}

/* The group @name of @components, made where it is not there. */
static json_t *component_group(struct cut *cut, json_t *components, const char *name)
{
	if (!json_object_get(components, name) &&
	    json_object_set_new(components, name, json_object()))
		cut->is_failed = true;
	return json_object_get(components, name);
}

static json_t *copy_components(struct cut *cut)
{
	const json_t *from = json_object_get(cut->from, "components");
	json_t *made = json_object(), *group, *value;
	const char *name, *key;

	json_object_foreach((json_t *)from, name, group)
		json_object_foreach(group, key, value) {
			char text[CUT_POINTER_MAX] = "/components";
			size_t used = strlen(text);

			used += jsonpointer_put(text + used, sizeof(text) - used, name,
						strlen(name));
			(void)jsonpointer_put(text + used, sizeof(text) - used, key, strlen(key));
			if (json_object_get(cut->reached, text))
				add(cut, component_group(cut, made, name), key, value);
		}
	json_object_foreach(cut->moved, name, value) {
		struct cut_pointer pointer;

		if (cut_read_pointer(json_string_value(value), &pointer))
			add(cut, component_group(cut, made, pointer.token[1]), pointer.token[2],
			    cut_value_at(cut, name));
	}
	return made;
}

static json_t *copy_document(struct cut *cut)
{
	json_t *made = json_object(), *value;
	const char *key;

	json_object_foreach((json_t *)cut->from, key, value) {
		if (cut_is_of_all(key))
			add(cut, made, key, value);
		for (size_t group = 0; group < CUT_GROUPS; group++)
			if (strcmp(key, cut_group(group)) == 0)
				add_group(cut, made, group, value);
	}
	if (json_object_set_new(made, "components", copy_components(cut)))
		cut->is_failed = true;
	return made;
}

int cut_document(const json_t *document, const struct cut_may *may, json_t **ret, struct diag *diag)
{
	struct cut cut = { .from = document,
			   .may = may,
			   .kept = json_object(),
			   .values = json_object(),
			   .readable = json_object(),
			   .reached = json_object(),
			   .queue = json_array(),
			   .kinds = json_object(),
			   .moved = json_object(),
			   .entities = json_object(),
			   .machines = json_object() };
	json_t *made = NULL;

	cut_find(&cut);
	find_moved(&cut);
	if (!cut.is_failed)
		made = copy_document(&cut);
	json_decref(cut.kept);
	json_decref(cut.values);
	json_decref(cut.readable);
	json_decref(cut.reached);
	json_decref(cut.queue);
	json_decref(cut.kinds);
	json_decref(cut.heirs);
	json_decref(cut.moved);
	json_decref(cut.entities);
	json_decref(cut.machines);
	if (cut.is_failed || !made) {
		json_decref(made);
		return diag_nomem(diag);
	}
	*ret = made;
	return 0;
}

int cut_list(const json_t *document, const struct cut_may *may, size_t number, json_t *list,
	     struct diag *diag)
{
	static const char *const words[] = {
		[CUT_NO] = "no", [CUT_OWN] = "own", [CUT_YES] = "yes"
	};
	json_t *channel;
	const char *key;
	size_t i = 0;

	json_object_foreach(json_object_get(document, "channels"), key, channel) {
		const struct cut_rights *rights = i < may->channel_count ? &may->channel[i] : NULL;

		i++;
		if (!rights || (rights->send | rights->receive) == CUT_NO)
			continue;
		if (json_array_append_new(list,
					  json_pack("{sI ss ss ss}", "document", (json_int_t)number,
						    "channel", key, "send", words[rights->send],
						    "receive", words[rights->receive])))
			return diag_nomem(diag);
	}
	return 0;
}
