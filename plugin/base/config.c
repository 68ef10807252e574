#include "base/config.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/config_internal.h"
#include "base/jsonpointer.h"
#include "base/wordhash.h"

#define FEW 16u /* members are looked for one by one up to here, by hash from here on */

/* What config_free() gets is the root. */
struct config_file {
	struct config root; /* first */
	struct arena arena;
};

/* ---- trees ------------------------------------------------------------------------------ */

struct config *config_new_root(const char *name, struct arena **ret_arena)
{
	struct config_file *file = calloc(1, sizeof(*file));

	if (!file)
		return NULL;
	file->root.kind = CONFIG_NULL;
	file->root.key = arena_text(&file->arena, name, strlen(name));
	if (!file->root.key) {
		config_free(&file->root);
		return NULL;
	}
	*ret_arena = &file->arena;
	return &file->root;
}

/* The index of an object with many members stands behind them: numbers of members from 1. */
static size_t slots_of(size_t count)
{
	size_t slots = 4 * FEW;

	while (slots < 2 * count)
		slots *= 2;
	return slots;
}

static uint32_t *index_of(const struct config *object)
{
	return (uint32_t *)(object->item + object->count);
}

/* Where member @key is in the index, or would be. Keys are the operator's: no client can choose
 * keys that collide. */
static uint32_t *find_slot(const struct config *object, const char *key)
{
	uint32_t *slot = index_of(object);
	size_t mask = slots_of(object->count) - 1;
	size_t i = (size_t)wordhash(0, key, strlen(key)) & mask;

	while (slot[i] && strcmp(object->item[slot[i] - 1].key, key) != 0)
		i = (i + 1) & mask;
	return &slot[i];
}

struct config *config_take_items(struct arena *arena, struct config *ret, size_t count)
{
	bool has_index = ret->kind == CONFIG_OBJECT && count > FEW;
	struct config *item =
		arena_alloc(arena, count * sizeof(*item) +
					   (has_index ? slots_of(count) : 0) * sizeof(uint32_t));

	for (size_t i = 0; i < count && item; i++)
		item[i].up = ret;
	ret->item = item;
	ret->count = item ? (uint32_t)count : 0;
	return item;
}

bool config_add_to_index(struct config *object, size_t i)
{
	uint32_t *slot;

	if (object->kind != CONFIG_OBJECT || object->count <= FEW)
		return true;
	slot = find_slot(object, object->item[i].key);
	if (*slot)
		return false;
	*slot = (uint32_t)i + 1;
	return true;
}

void config_free(struct config *root)
{
	struct config_file *file = (struct config_file *)root;

	if (!file)
		return;
	arena_clear(&file->arena);
	free(file);
}

json_t *config_json(const struct config *value)
{
	json_t *json;

	switch (value->kind) {
	case CONFIG_OBJECT:
	case CONFIG_ARRAY:
		break;
	case CONFIG_STRING:
		return json_stringn_nocheck(value->text, value->count);
	case CONFIG_INTEGER:
		return json_integer(value->integer);
	case CONFIG_REAL:
		return json_real(value->real);
	case CONFIG_BOOLEAN:
		return json_boolean(value->boolean);
	default:
		return json_null();
	}
	json = value->kind == CONFIG_OBJECT ? json_object() : json_array();
	config_foreach(child, value) {
		json_t *made = json ? config_json(child) : NULL;

		/* Both take it, also when they fail. */
		if (made && (child->key ? json_object_set_new_nocheck(json, child->key, made)
					: json_array_append_new(json, made)) == 0)
			continue;
		json_decref(json);
		return NULL;
	}
	return json;
}

/* ---- walking ---------------------------------------------------------------------------- */

size_t config_count(const struct config *value)
{
	return value && value->kind >= CONFIG_ARRAY ? value->count : 0;
}

const struct config *config_first(const struct config *parent, enum config_kind kind)
{
	bool is_kind = kind == CONFIG_ANY || (parent && parent->kind == kind);

	return is_kind && config_count(parent) > 0 ? parent->item : NULL;
}

const struct config *config_member(const struct config *object, const char *key)
{
	if (!object || object->kind != CONFIG_OBJECT)
		return NULL;
	if (object->count > FEW) {
		uint32_t number = *find_slot(object, key);

		return number ? &object->item[number - 1] : NULL;
	}
	config_foreach_member(member, object)
		if (strcmp(member->key, key) == 0)
			return member;
	return NULL;
}

size_t config_items(const struct config *list)
{
	return list && list->kind == CONFIG_ARRAY ? list->count : 1;
}

const struct config *config_item(const struct config *list, size_t i)
{
	return list && list->kind == CONFIG_ARRAY ? &list->item[i] : list;
}

bool config_is(const struct config *value, const char *text)
{
	return value && value->kind == CONFIG_STRING && value->count == strlen(text) &&
	       memcmp(value->text, text, value->count) == 0;
}

bool config_equal(const struct config *a, const struct config *b)
{
	if (a->kind != b->kind)
		return false;
	switch (a->kind) {
	case CONFIG_NULL:
		return true;
	case CONFIG_BOOLEAN:
		return a->boolean == b->boolean;
	case CONFIG_INTEGER:
		return a->integer == b->integer;
	case CONFIG_REAL:
		return a->real == b->real;
	default:
		break;
	}
	if (a->count != b->count)
		return false;
	if (a->kind == CONFIG_STRING)
		return memcmp(a->text, b->text, a->count) == 0;
	for (uint32_t i = 0; i < a->count; i++)
		if ((a->item[i].key && strcmp(a->item[i].key, b->item[i].key) != 0) ||
		    !config_equal(&a->item[i], &b->item[i]))
			return false;
	return true;
}

const char *config_string(const struct config *value)
{
	return value && value->kind == CONFIG_STRING && strlen(value->text) == value->count
		       ? value->text
		       : NULL;
}

const struct config *config_at(const struct config *root, const char *pointer)
{
	char token[JSONPOINTER_TOKEN_MAX];
	size_t i = 0;

	while (root && *pointer == '/') {
		if (!jsonpointer_next(&pointer, token, sizeof(token)))
			return NULL;
		if (root->kind != CONFIG_ARRAY)
			root = config_member(root, token);
		else
			root = jsonpointer_index(token, root->count, &i) ? &root->item[i] : NULL;
	}
	return *pointer ? NULL : root;
}

static const struct config *origin_of(const struct config *value)
{
	while (value && value->origin)
		value = value->origin;
	return value;
}

const struct config *config_root(const struct config *value)
{
	for (value = origin_of(value); value->up;)
		value = origin_of(value->up);
	return value;
}

char *config_pointer(const struct config *value, const char *key, char *ret, size_t cap)
{
	const struct config *way[CONFIG_DEPTH_MAX];
	char digits[32];
	size_t depth = 0, used = 0;

	ret[0] = '\0';
	value = origin_of(value);
	for (; value && value->up && depth < CONFIG_DEPTH_MAX; value = origin_of(value->up))
		way[depth++] = value;
	while (depth-- > 0) {
		const char *token = way[depth]->key;

		if (!token) {
			(void)snprintf(digits, sizeof(digits), "%td",
				       way[depth] - way[depth]->up->item);
			token = digits;
		}
		used += jsonpointer_put(ret + used, cap - used, token, strlen(token));
	}
	if (key)
		(void)jsonpointer_put(ret + used, cap - used, key, strlen(key));
	return ret;
}

/* ---- what is wrong ---------------------------------------------------------------------- */

__attribute__((format(printf, 4, 0))) static void vline(struct diag *diag,
							const struct config *value, const char *key,
							const char *format, va_list args)
{
	char pointer[DIAG_MAX / 2]; /* the text behind it has to fit */
	const struct config *member = key ? config_member(value, key) : NULL;
	const struct config *root, *place;

	if (member) {
		value = member;
		key = NULL;
	}
	root = config_root(value);
	place = origin_of(value);
	while (place->line == 0 && place->up)
		place = origin_of(place->up);
	(void)diag_vset(diag, 0, format, args);
	config_pointer(value, key, pointer, sizeof(pointer));
	if (pointer[0])
		diag_prefix(diag, "%s", pointer);
	if (place->line)
		diag_prefix(diag, "%s:%u:%u", root->key, place->line, place->column);
	else
		diag_prefix(diag, "%s", root->key);
}

void config_line(struct diag *diag, const struct config *value, const char *key, const char *format,
		 ...)
{
	va_list args;

	va_start(args, format);
	vline(diag, value, key, format, args);
	va_end(args);
}

bool config_add(struct config_report *report, int err, const char *line)
{
	if (report->rc == ERR_NOMEM)
		return false;
	if (report->count++ == 0 || err == ERR_NOMEM)
		report->rc = diag_set(report->diag, err, "%s", line);
	if (report->all)
		diag_list_add(report->all, line);
	return false;
}

bool config_is_full(const struct config_report *report)
{
	return report->count >= CONFIG_FAULTS_MAX ||
	       (report->all ? report->all->count == DIAG_LIST_MAX : report->count > 0);
}

bool config_fail(struct config_report *report, const struct config *value, const char *key, int err,
		 const char *format, ...)
{
	struct diag line;
	va_list args;

	if (config_is_full(report)) {
		report->count += report->rc != ERR_NOMEM;
		return false;
	}
	va_start(args, format);
	vline(&line, value, key, format, args);
	va_end(args);
	return config_add(report, err, line.text);
}

bool config_nomem(struct config_report *report)
{
	struct diag line;

	return config_add(report, diag_nomem(&line), line.text);
}

void config_warn(struct config_report *report, const struct config *value, const char *key,
		 const char *format, ...)
{
	struct diag text;
	va_list args;

	if (!report->doubts)
		return;
	va_start(args, format);
	(void)vsnprintf(text.text, sizeof(text.text), format, args);
	va_end(args);
	report->doubts->warn(report->doubts->ctx, value, key, text.text);
}
