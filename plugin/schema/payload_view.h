/*
 * payload_view.h -- a message's values as the engine's inner loop reads them.
 *
 * These inline functions read the backend's nodes without the function calls of payload.h.
 * -DPAYLOAD_YYJSON selects them, as it selects the backend. Each kind of value has a bit of its
 * own, so that a type check is one AND. A JSON type may have several bits, because a backend has
 * more kinds than JSON has types.
 *
 * The functions rely on what payload.h promises: UTF-8, finite numbers, no member name twice. A
 * number beyond both 64 bits and double is a raw text with yyjson (YYJSON_READ_BIGNUM_AS_RAW); with
 * Jansson it is kept as jsonbig.h says.
 */
#ifndef PETSTORE_PAYLOAD_VIEW_H
#define PETSTORE_PAYLOAD_VIEW_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "schema/number.h"
#include "schema/payload.h"

#ifdef PAYLOAD_YYJSON

#include <yyjson.h>

/* A kind's bit is numbered by the low five bits of yyjson's tag: type and subtype. */
#define VIEW_BIT(type, subtype) (1u << ((type) | (subtype)))
#define VIEW_NULL VIEW_BIT(YYJSON_TYPE_NULL, 0)
#define VIEW_FALSE VIEW_BIT(YYJSON_TYPE_BOOL, YYJSON_SUBTYPE_FALSE)
#define VIEW_TRUE VIEW_BIT(YYJSON_TYPE_BOOL, YYJSON_SUBTYPE_TRUE)
#define VIEW_INT                                                                                   \
	(VIEW_BIT(YYJSON_TYPE_NUM, YYJSON_SUBTYPE_UINT) |                                          \
	 VIEW_BIT(YYJSON_TYPE_NUM, YYJSON_SUBTYPE_SINT))
#define VIEW_REAL VIEW_BIT(YYJSON_TYPE_NUM, YYJSON_SUBTYPE_REAL)
#define VIEW_BIG VIEW_BIT(YYJSON_TYPE_RAW, 0)
#define VIEW_STRING (VIEW_BIT(YYJSON_TYPE_STR, 0) | VIEW_BIT(YYJSON_TYPE_STR, 1u << 3))
#define VIEW_ARRAY VIEW_BIT(YYJSON_TYPE_ARR, 0)
/* The root object of a message, if the parser noted its names in a table (payload_yyjson.c). */
#define VIEW_ROOT_SUBTYPE (1u << 3)
#define VIEW_ROOT VIEW_BIT(YYJSON_TYPE_OBJ, VIEW_ROOT_SUBTYPE)
#define VIEW_OBJECT (VIEW_BIT(YYJSON_TYPE_OBJ, 0) | VIEW_ROOT)
#define VIEW_NODE yyjson_val

#else

#include <jansson.h>

#include "schema/jsonbig.h"

/* A kind's bit is numbered by Jansson's type; big numbers get a bit of their own. */
#define VIEW_NULL (1u << JSON_NULL)
#define VIEW_FALSE (1u << JSON_FALSE)
#define VIEW_TRUE (1u << JSON_TRUE)
#define VIEW_INT (1u << JSON_INTEGER)
#define VIEW_REAL (1u << JSON_REAL)
#define VIEW_BIG (1u << 16)
#define VIEW_TYPE_NAME (JSON_NULL + 1) /* a struct view_name; Jansson has no such type */
#define VIEW_STRING (1u << JSON_STRING | 1u << VIEW_TYPE_NAME)
#define VIEW_ARRAY (1u << JSON_ARRAY)
#define VIEW_OBJECT (1u << JSON_OBJECT)
#define VIEW_NODE json_t

#endif

#define VIEW_BOOLEAN (VIEW_FALSE | VIEW_TRUE)
#define VIEW_NUMBER (VIEW_INT | VIEW_REAL | VIEW_BIG)
#define VIEW_ANY (VIEW_NULL | VIEW_BOOLEAN | VIEW_NUMBER | VIEW_STRING | VIEW_ARRAY | VIEW_OBJECT)

/* Values are read only, but neither library's readers take const. */
static inline VIEW_NODE *view_node(const struct payload_value *value)
{
	return (VIEW_NODE *)(uintptr_t)value;
}

/* Steps through the items of a VIEW_ARRAY or the members of a VIEW_OBJECT, in order. */
struct view_walk {
	VIEW_NODE *node;
	void *next;   /* yyjson's next node, or Jansson's iterator of an object */
	size_t count; /* yyjson: items or members left; Jansson: items passed */
};

/* Memory for a member's name that is checked as a value (propertyNames). */
struct view_name {
	VIEW_NODE node;
	const char *text;
	size_t len;
};

#ifdef PAYLOAD_YYJSON

static inline uint32_t view_kind(const struct payload_value *value)
{
	return 1u << (view_node(value)->tag & (YYJSON_TYPE_MASK | YYJSON_SUBTYPE_MASK));
}

/* Is the value's kind one of @kinds? */
static inline bool view_is(const struct payload_value *value, uint32_t kinds)
{
	return kinds >> (view_node(value)->tag & (YYJSON_TYPE_MASK | YYJSON_SUBTYPE_MASK)) & 1;
}

/* Of a VIEW_STRING: its bytes, borrowed. */
static inline const char *view_string(const struct payload_value *value, size_t *len)
{
	*len = unsafe_yyjson_get_len(view_node(value));
	return view_node(value)->uni.str;
}

/* Of a VIEW_INT, VIEW_REAL or VIEW_BIG; @kind is its view_kind(). */
static inline void view_number(const struct payload_value *value, uint32_t kind, struct number *ret)
{
	const yyjson_val *node = view_node(value);

	if (kind & VIEW_REAL) {
		ret->kind = NUMBER_REAL;
		ret->d = node->uni.f64;
	} else if (kind & VIEW_BIG) {
		ret->kind = NUMBER_BIG;
		ret->big.text = node->uni.str;
		ret->big.len = unsafe_yyjson_get_len(view_node(value));
	} else if (kind == VIEW_BIT(YYJSON_TYPE_NUM, YYJSON_SUBTYPE_UINT) &&
		   node->uni.u64 > INT64_MAX) {
		ret->kind = NUMBER_UINT;
		ret->u = node->uni.u64;
	} else {
		ret->kind = NUMBER_INT;
		ret->i = node->uni.i64;
	}
}

/* Of a VIEW_ARRAY or VIEW_OBJECT: items or members. */
static inline size_t view_size(const struct payload_value *value)
{
	return unsafe_yyjson_get_len(view_node(value));
}

/* What payload_member() costs at most, in units of work: it may look at all members. */
static inline size_t view_find_units(const struct payload_value *value)
{
	return 1 + view_size(value) / 4;
}

static inline struct view_walk view_walk(const struct payload_value *value)
{
	return (struct view_walk){ view_node(value), view_node(value) + 1, view_size(value) };
}

/* The next item, or NULL behind the last one. */
static inline const struct payload_value *view_item(struct view_walk *walk)
{
	yyjson_val *item = walk->next;

	if (walk->count == 0)
		return NULL;
	walk->count--;
	walk->next = unsafe_yyjson_get_next(item);
	return (const struct payload_value *)item;
}

/* The next member's value, its name in *name and *len; NULL behind the last one. */
static inline const struct payload_value *view_member(struct view_walk *walk, const char **name,
						      size_t *len)
{
	yyjson_val *key = walk->next;

	if (walk->count == 0)
		return NULL;
	walk->count--;
	*name = key->uni.str;
	*len = unsafe_yyjson_get_len(key);
	walk->next = unsafe_yyjson_get_next(key + 1);
	return (const struct payload_value *)(key + 1);
}

/* @name as a VIEW_STRING that is valid as long as *room and the name. */
static inline const struct payload_value *view_name(struct view_name *room, const char *name,
						    size_t len)
{
	room->node.tag = (uint64_t)len << YYJSON_TAG_BIT | YYJSON_TYPE_STR;
	room->node.uni.str = name;
	return (const struct payload_value *)&room->node;
}

#else

/* @name as a VIEW_STRING that is valid as long as *room and the name. */
static inline const struct payload_value *view_name(struct view_name *room, const char *name,
						    size_t len)
{
	room->node.type = (json_type)VIEW_TYPE_NAME;
	room->text = name;
	room->len = len;
	return (const struct payload_value *)room;
}

static inline uint32_t view_kind(const struct payload_value *value)
{
	const json_t *node = view_node(value);

	if (node->type == JSON_STRING &&
	    (unsigned char)json_string_value(node)[0] == JSONTREE_BIG_MARK)
		return VIEW_BIG;
	return 1u << node->type;
}

/* Is the value's kind one of @kinds? */
static inline bool view_is(const struct payload_value *value, uint32_t kinds)
{
	return (kinds & view_kind(value)) != 0;
}

/* Of a VIEW_STRING: its bytes, borrowed. */
static inline const char *view_string(const struct payload_value *value, size_t *len)
{
	const json_t *node = view_node(value);

	if ((int)node->type == VIEW_TYPE_NAME) {
		*len = ((const struct view_name *)value)->len;
		return ((const struct view_name *)value)->text;
	}
	*len = json_string_length(node);
	return json_string_value(node);
}

/* Of a VIEW_INT, VIEW_REAL or VIEW_BIG; @kind is its view_kind(). */
static inline void view_number(const struct payload_value *value, uint32_t kind, struct number *ret)
{
	json_t *node = view_node(value);

	if (kind & VIEW_REAL) {
		ret->kind = NUMBER_REAL;
		ret->d = json_real_value(node);
	} else if (kind & VIEW_BIG) {
		ret->kind = NUMBER_BIG;
		(void)jsonbig_text(node, &ret->big.text, &ret->big.len); /* VIEW_BIG says so */
	} else {
		ret->kind = NUMBER_INT;
		ret->i = json_integer_value(node);
	}
}

/* Of a VIEW_ARRAY or VIEW_OBJECT: items or members. */
static inline size_t view_size(const struct payload_value *value)
{
	json_t *node = view_node(value);

	return node->type == JSON_OBJECT ? json_object_size(node) : json_array_size(node);
}

/* What payload_member() costs, in units of work: an object is a hash table. */
static inline size_t view_find_units(const struct payload_value *value)
{
	(void)value;
	return 2;
}

static inline struct view_walk view_walk(const struct payload_value *value)
{
	json_t *node = view_node(value);

	return (struct view_walk){ node, node->type == JSON_OBJECT ? json_object_iter(node) : NULL,
				   0 };
}

/* The next item, or NULL behind the last one. */
static inline const struct payload_value *view_item(struct view_walk *walk)
{
	return (const struct payload_value *)json_array_get(walk->node, walk->count++);
}

/* The next member's value, its name in *name and *len; NULL behind the last one. */
static inline const struct payload_value *view_member(struct view_walk *walk, const char **name,
						      size_t *len)
{
	json_t *value;

	if (!walk->next)
		return NULL;
	*name = json_object_iter_key(walk->next);
	*len = json_object_iter_key_len(walk->next);
	value = json_object_iter_value(walk->next);
	walk->next = json_object_iter_next(walk->node, walk->next);
	return (const struct payload_value *)value;
}

#endif

#endif
