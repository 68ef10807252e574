#include "base/configbuild.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/configbuild_internal.h"
#include "base/jsonpointer.h"
#include "base/wordhash.h"

#define SHARED 1024u     /* texts that are remembered, since most stand there often */
#define SHARED_MAX 64u   /* bytes of a text that is */
#define POINTER_MAX 256u /* bytes of a pointer that is shown: the text behind it has to fit */
#define FEW 16u          /* members that are compared one by one; config.c has an index of more */

int configbuild_new(const char *name, size_t text_len, struct diag *diag, struct configbuild **ret)
{
	struct configbuild *build = calloc(1, sizeof(*build));

	if (build)
		build->root = config_new_root(name, &build->arena);
	if (!build || !build->root) {
		free(build);
		return diag_nomem(diag);
	}
	build->name = name;
	build->diag = diag;
	build->copies_max = CONFIGBUILD_COPIES_MIN + text_len;
	*ret = build;
	return 0;
}

void configbuild_free(struct configbuild *build)
{
	if (!build)
		return;
	config_free(build->root);
	free(build->pending);
	free(build);
}

/* ---- what is wrong ---------------------------------------------------------------------- */

/* The pointer of what is open, and of the next member. */
static void write_pointer(const struct configbuild *build, char *ret, size_t cap)
{
	size_t used = 0;
	char digits[32];

	ret[0] = '\0';
	for (unsigned i = 1; i < build->depth; i++) {
		const struct config *value = &build->pending[build->level[i].first - 1];
		const char *token = value->key;

		if (!token) {
			(void)snprintf(digits, sizeof(digits), "%zu",
				       build->level[i].first - 1 - build->level[i - 1].first);
			token = digits;
		}
		used += jsonpointer_put(ret + used, cap - used, token, strlen(token));
	}
	if (build->key)
		(void)jsonpointer_put(ret + used, cap - used, build->key, strlen(build->key));
}

int configbuild_fail(struct configbuild *build, struct configbuild_place place, int err,
		     const char *format, ...)
{
	char pointer[POINTER_MAX];
	va_list args;

	if (!build->diag)
		return err;
	va_start(args, format);
	(void)diag_vset(build->diag, err, format, args);
	va_end(args);
	write_pointer(build, pointer, sizeof(pointer));
	if (pointer[0])
		diag_prefix(build->diag, "%s", pointer);
	if (place.line)
		diag_prefix(build->diag, "%s:%u:%u", build->name, place.line, place.column);
	else
		diag_prefix(build->diag, "%s", build->name);
	return err;
}

int configbuild_nomem(struct configbuild *build)
{
	return diag_nomem(build->diag);
}

/* ---- memory ----------------------------------------------------------------------------- */

static const char *copy_text(struct configbuild *build, const char *text, size_t len)
{
	struct shared_text *shared;

	if (len > SHARED_MAX)
		return arena_text(build->arena, text, len);
	shared = &build->shared[wordhash(0, text, len) % CONFIGBUILD_SHARED];
	if (shared->text && shared->len == len && memcmp(shared->text, text, len) == 0)
		return shared->text;
	shared->text = arena_text(build->arena, text, len);
	shared->len = len;
	return shared->text;
}

int configbuild_charge(struct configbuild *build, size_t count, struct configbuild_place place)
{
	build->values += count;
	if (build->values <= CONFIG_VALUES_MAX)
		return 0;
	return configbuild_fail(build, place, ERR_LIMIT, "more than %u values", CONFIG_VALUES_MAX);
}

struct config *configbuild_push(struct configbuild *build, const struct config *value,
				struct configbuild_place place)
{
	struct config *made;

	if (build->used == build->cap) {
		size_t cap = build->cap ? 2 * build->cap : 64;

		made = realloc(build->pending, cap * sizeof(*made));
		if (!made) {
			(void)diag_nomem(build->diag);
			return NULL;
		}
		build->pending = made;
		build->cap = cap;
	}
	if (build->key)
		place = build->key_place;
	made = &build->pending[build->used++];
	*made = *value;
	made->up = made->origin = NULL;
	made->key = build->key;
	made->line = place.line;
	made->column = place.column;
	build->key = NULL;
	return made;
}

/* ---- values ----------------------------------------------------------------------------- */

int configbuild_key(struct configbuild *build, const char *text, size_t len,
		    struct configbuild_place place)
{
	if (memchr(text, '\0', len))
		return configbuild_fail(build, place, ERR_INVALID,
					"the name of a member has U+0000 in it");
	build->key = copy_text(build, text, len);
	build->key_place = place;
	return build->key ? 0 : diag_nomem(build->diag);
}

int configbuild_merge(struct configbuild *build, struct configbuild_place place)
{
	if (build->level[build->depth - 1].has_merge)
		return configbuild_fail(build, place, ERR_INVALID,
					"a second merge key: expected one, with "
					"a list");
	build->level[build->depth - 1].has_merge = true;
	build->key = configbuild_merge_key;
	build->key_place = place;
	return 0;
}

const char *configbuild_next_key(const struct configbuild *build)
{
	return build->key;
}

int configbuild_value(struct configbuild *build, const struct config *value,
		      struct configbuild_place place)
{
	struct config copy = *value;
	int rc = configbuild_charge(build, 1, place);

	if (rc)
		return rc;
	if (copy.kind == CONFIG_STRING) {
		copy.text = copy_text(build, value->text, value->count);
		if (!copy.text)
			return diag_nomem(build->diag);
	}
	return configbuild_push(build, &copy, place) ? 0 : ERR_NOMEM;
}

static bool read_integer(const char *text, size_t len, int64_t *ret)
{
	size_t i = *text == '-' || *text == '+';
	int64_t sum = 0;

	for (; i < len; i++) {
		int digit = text[i] - '0';

		if (digit < 0 || digit > 9 || __builtin_mul_overflow(sum, 10, &sum) ||
		    __builtin_sub_overflow(sum, digit, &sum))
			return false;
	}
	if (*text != '-' && __builtin_sub_overflow(0, sum, &sum))
		return false;
	*ret = sum;
	return true;
}

int configbuild_number(struct configbuild *build, const char *text, size_t len, bool is_real,
		       struct configbuild_place place)
{
	struct config value = { .kind = CONFIG_INTEGER };
	char *copy;

	if (!is_real && read_integer(text, len, &value.integer))
		return configbuild_value(build, &value, place);
	copy = strndup(text, len);
	if (!copy)
		return configbuild_nomem(build);
	value.kind = CONFIG_REAL;
	value.real = strtod(copy, NULL);
	free(copy);
	if (isfinite(value.real))
		return configbuild_value(build, &value, place);
	return configbuild_fail(build, place, ERR_LIMIT, "a number that is too large");
}

const struct config *configbuild_last(const struct configbuild *build)
{
	return &build->pending[build->used - 1];
}

int configbuild_open(struct configbuild *build, enum config_kind kind,
		     struct configbuild_place place)
{
	const struct config value = { .kind = kind };
	int rc = configbuild_charge(build, 1, place);

	if (rc)
		return rc;
	if (build->depth == CONFIG_DEPTH_MAX)
		return configbuild_fail(build, place, ERR_LIMIT, "more than %u levels",
					CONFIG_DEPTH_MAX);
	if (!configbuild_push(build, &value, place))
		return ERR_NOMEM;
	build->level[build->depth++] = (struct build_level){ .first = build->used };
	return 0;
}

/* ---- closing ---------------------------------------------------------------------------- */

static int fail_twice(struct configbuild *build, const struct config *object, uint32_t i)
{
	const struct config *first = object->item, *second = &object->item[i];
	struct configbuild_place place = { second->line, second->column };

	while (strcmp(first->key, second->key) != 0)
		first++;
	build->key = second->key;
	if (place.line == 0)
		return configbuild_fail(build, place, ERR_INVALID, "occurs twice");
	return configbuild_fail(build, place, ERR_INVALID, "occurs twice, first at %u:%u",
				first->line, first->column);
}

static bool is_twice(const struct config *object, uint32_t i)
{
	for (uint32_t k = 0; k < i && object->count <= FEW; k++)
		if (strcmp(object->item[k].key, object->item[i].key) == 0)
			return true;
	return false;
}

/* Says where its parent is to each child of @value, which has its final address now. */
static void adopt(struct config *value)
{
	struct config *children = (struct config *)value->item; /* ours, in the arena */

	for (uint32_t i = 0; value->kind >= CONFIG_ARRAY && i < value->count; i++)
		children[i].up = value;
}

int configbuild_close(struct configbuild *build)
{
	size_t first = build->level[build->depth - 1].first;
	struct config *closed, *item;
	int rc = 0;

	if (build->level[build->depth - 1].has_merge)
		rc = configbuild_add_merged(build, first);
	if (rc)
		return rc;
	closed = &build->pending[first - 1];
	item = config_take_items(build->arena, closed, build->used - first);
	if (!item)
		return diag_nomem(build->diag);
	for (uint32_t i = 0; i < closed->count; i++) {
		item[i] = build->pending[first + i];
		adopt(&item[i]);
		if (!config_add_to_index(closed, i) ||
		    (closed->kind == CONFIG_OBJECT && is_twice(closed, i)))
			return fail_twice(build, closed, i);
	}
	build->used = first;
	build->depth--;
	return 0;
}

struct config *configbuild_finish(struct configbuild *build)
{
	struct config *root = build->root;
	const char *name = root->key;

	*root = build->pending[0];
	root->key = name;
	adopt(root);
	build->root = NULL; /* handed over */
	return root;
}
