/*
 * payload_yyjson.c -- payload.h on yyjson: a struct payload_value is a yyjson_val.
 *
 * Everything a message needs is taken when the parser is made: a padded buffer that yyjson
 * works in (INSITU), the pool for its nodes, and a table for the names of large objects. All
 * of it is sized for the largest message and touched only as far as a message reaches.
 *
 * yyjson accepts members that occur twice, U+0000 in names and any depth, so one walk over the
 * nodes looks for these. After a refusal jsonscan.h says what and where, as it does in the Jansson
 * build.
 *
 * Most members that are looked up are the root's. The walk reads their names anyway, so it notes
 * where they are, in a table that payload_member() finds from the root.
 */
#include <endian.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <yyjson.h>

#include "base/sametext.h"
#include "base/wordhash.h"
#include "schema/jsonscan.h"
#include "schema/jsonspan.h"
#include "schema/payload_backend.h"
#include "schema/payload_view.h"

/* Objects up to this many members are compared pair by pair, where a filter asks for it. */
#define SMALL_OBJECT 24u

/* Zeros behind the text: what yyjson wants, and padded_key() reads eight bytes of any name. */
#define PADDING (YYJSON_PADDING_SIZE + 8u)

/* The names of one small object: a slot for each hash, which more than one name may want. */
struct names {
	uint64_t taken;  /* slots, a bit each; what is in the others is of earlier messages */
	uint64_t shared; /* slots that several names want, of which the last has it */
	struct {
		uint64_t key;
		yyjson_val *name;
	} slot[64];
};

/*
 * How yyjson lays out what it reads: the document, padded to whole nodes, then the root. Only
 * a root that is found there (in the pool's first block, then) is marked as VIEW_ROOT.
 */
#define ROOT_OFFSET                                                                                \
	((sizeof(yyjson_doc) + sizeof(yyjson_val) - 1) / sizeof(yyjson_val) * sizeof(yyjson_val))

/* One block behind the other; the last one may grow. yyjson's own pool looks for holes. */
struct pool {
	char *start;
	size_t size;
	size_t used;
	size_t last; /* where the last block begins */
};

struct yyjson_parser {
	struct payload_parser base;
	char *text;          /* max_bytes and PADDING */
	struct names *names; /* of the root; the pool's memory follows it */
	struct names inner;  /* of any other object; not looked up */
	yyjson_val string;   /* of payload_backend_string() */
	struct pool pool;
	yyjson_alc alc;  /* over the pool */
	uint32_t *slots; /* hash table of one object's members: 1-based, 0 is free */
	uint64_t seed[2];
};

/* The shortest member but one is `"a":0,`. */
static size_t most_members(const struct payload_limits *limits)
{
	return limits->max_bytes / 6 + 2;
}

/* Slots for @members: a power of two, at most half full. */
static size_t slot_count(size_t members)
{
	size_t n = 64;

	while (n < 2 * members)
		n *= 2;
	return n;
}

const char *payload_backend(void)
{
	return "yyjson " YYJSON_VERSION_STRING;
}

/* ---- memory ----------------------------------------------------------------------------- */

static bool pool_stretch(struct pool *pool, size_t size)
{
	size_t most = pool->size - pool->last;

	if (size > most)
		return false;
	size = (size + 15) & ~(size_t)15;
	pool->used = pool->last + (size < most ? size : most);
	return true;
}

static void *pool_take(void *ctx, size_t size)
{
	struct pool *pool = ctx;
	size_t last = pool->last;

	pool->last = pool->used;
	if (pool_stretch(pool, size))
		return pool->start + pool->last;
	pool->last = last;
	return NULL;
}

static void *pool_resize(void *ctx, void *old, size_t old_size, size_t size)
{
	struct pool *pool = ctx;
	void *moved;

	if (old == pool->start + pool->last)
		return pool_stretch(pool, size) ? old : NULL;
	moved = pool_take(pool, size);
	if (moved)
		memcpy(moved, old, old_size < size ? old_size : size);
	return moved;
}

static void pool_return(void *ctx, void *old)
{
	(void)ctx;
	(void)old; /* the next message begins anew */
}

static void parser_free(struct yyjson_parser *parser)
{
	if (!parser)
		return;
	free(parser->base.headers);
	free(parser->text);
	free(parser->names);
	free(parser->slots);
	free(parser);
}

int payload_backend_new(const struct payload_limits *limits, struct payload_parser **ret,
			struct diag *diag)
{
	struct yyjson_parser *parser = calloc(1, sizeof(*parser));
	int rc = ERR_NOMEM;

	if (!parser)
		goto out;
	parser->base.limits = *limits;
	parser->alc = (yyjson_alc){ pool_take, pool_resize, pool_return, &parser->pool };
	parser->pool.size = yyjson_read_max_memory_usage(limits->max_bytes, YYJSON_READ_INSITU);
	parser->names = malloc(sizeof(*parser->names) + parser->pool.size);
	parser->text = malloc(limits->max_bytes + PADDING);
	parser->slots = malloc(slot_count(most_members(limits)) * sizeof(*parser->slots));
	if (!parser->text || !parser->names || !parser->slots)
		goto out;
	parser->pool.start = (char *)(parser->names + 1);
	if (getrandom(parser->seed, sizeof(parser->seed), 0) != sizeof(parser->seed)) {
		rc = ERR_IO;
		goto out;
	}
	*ret = &parser->base;
	parser = NULL; /* handed over */
	rc = 0;
out:
	parser_free(parser);
	if (rc == ERR_NOMEM)
		return diag_nomem(diag);
	if (rc)
		return diag_set(diag, rc, "the system has no random numbers");
	return rc;
}

void payload_parser_free(struct payload_parser *parser)
{
	parser_free((struct yyjson_parser *)parser);
}

/* ---- names ------------------------------------------------------------------------------ */

static bool same_name(const yyjson_val *a, const yyjson_val *b)
{
	size_t len = (size_t)(a->tag >> YYJSON_TAG_BIT);

	return len == (size_t)(b->tag >> YYJSON_TAG_BIT) &&
	       memcmp(a->uni.str, b->uni.str, len) == 0;
}

static yyjson_val *next_name(yyjson_val *name)
{
	return unsafe_yyjson_get_next(name + 1);
}

/* Does one of the names from @first to before @name equal @name? */
static bool occurs_before(yyjson_val *first, const yyjson_val *name)
{
	for (yyjson_val *at = first; at != name; at = next_name(at))
		if (same_name(at, name))
			return true;
	return false;
}

/* The name in a large object that occurs a second time, or NULL. */
static const yyjson_val *find_twice_large(struct yyjson_parser *parser, yyjson_val *object)
{
	size_t members = unsafe_yyjson_get_len(object);
	size_t mask = slot_count(members) - 1;
	yyjson_val *root = object; /* slots hold distances from here */
	yyjson_val *name = object + 1;

	memset(parser->slots, 0, (mask + 1) * sizeof(*parser->slots));
	for (size_t i = 0; i < members; i++, name = next_name(name)) {
		/* Under the parser's random seed: a message cannot choose colliding names. */
		uint64_t hash =
			wordhash(parser->seed[0], name->uni.str, unsafe_yyjson_get_len(name));
		size_t at = (size_t)wordhash_mix(hash, parser->seed[1]);

		while (parser->slots[at &= mask]) {
			if (same_name(root + parser->slots[at], name))
				return name;
			at++;
		}
		parser->slots[at] = (uint32_t)(name - root);
	}
	return NULL;
}

/* The first eight bytes of a name and its length, in one number, and the slot that it wants. */
static inline uint64_t padded_key(const char *padded, size_t len)
{
	static const unsigned char ends[16] = { 255, 255, 255, 255, 255, 255, 255, 255 };
	uint64_t head;
	uint64_t mask;

	/* All names lie in the padded buffer; what is behind a short one does not count. */
	memcpy(&head, padded, 8);
	memcpy(&mask, ends + 8 - (len < 8 ? len : 8), 8);
	return le64toh(head & mask) + len;
}

static inline unsigned slot_of(uint64_t key)
{
	return (unsigned)(key * WORDHASH_GOLDEN >> 58);
}

/* padded_key() of a name that is asked for: nothing is read behind its end. */
static inline uint64_t asked_key(const char *name, size_t len)
{
	uint64_t head = 0;
	uint32_t low, high;

	if (len >= 8) {
		memcpy(&head, name, 8);
		head = le64toh(head);
	} else if (len >= 4) {
		memcpy(&low, name, 4);
		memcpy(&high, name + len - 4, 4);
		head = le32toh(low) | (uint64_t)le32toh(high) << (8 * len - 32);
	} else {
		for (size_t i = 0; i < len; i++)
			head |= (uint64_t)(unsigned char)name[i] << 8 * i;
	}
	return head + len;
}

/* Are two names of the same length and the same key the same? */
static inline bool same_behind_key(const char *a, const char *b, size_t len)
{
	uint64_t last[2];

	if (len <= 8)
		return true;
	if (len > 16)
		return memcmp(a + 8, b + 8, len - 8) == 0;
	memcpy(&last[0], a + len - 8, 8);
	memcpy(&last[1], b + len - 8, 8);
	return last[0] == last[1];
}

/* ---- the walk --------------------------------------------------------------------------- */

struct node_check {
	struct yyjson_parser *parser;
	const yyjson_val *bad_name;
	bool has_whole_real; /* a real without a fraction, which its text may have had */
};

static bool walk_value(struct node_check *w, yyjson_val *value, unsigned depth);

/* Notes a real that may have been rounded to a whole one. */
static inline void look_at(struct node_check *w, const yyjson_val *value)
{
	if ((value->tag & (YYJSON_TYPE_MASK | YYJSON_SUBTYPE_MASK)) ==
		    (YYJSON_TYPE_NUM | YYJSON_SUBTYPE_REAL) &&
	    value->uni.f64 == trunc(value->uni.f64))
		w->has_whole_real = true;
}

/* Has the array no items that have items or members themselves? Then its nodes are all. */
static inline bool is_flat(yyjson_val *array)
{
	return unsafe_yyjson_get_next(array) == array + 1 + unsafe_yyjson_get_len(array);
}

/* The @left values from @at on, each behind a name if it is a member. */
static bool walk_values(struct node_check *w, yyjson_val *at, size_t left, size_t name,
			unsigned depth)
{
	for (; left > 0; left--) {
		at += name;
		look_at(w, at);
		if (unsafe_yyjson_is_ctn(at) && !walk_value(w, at, depth))
			return false;
		at = unsafe_yyjson_get_next(at);
	}
	return true;
}

static bool walk_array(struct node_check *w, yyjson_val *array, unsigned depth)
{
	size_t left = unsafe_yyjson_get_len(array);
	yyjson_val *at = array + 1;

	if (depth == w->parser->base.limits.max_depth || !is_flat(array))
		return walk_values(w, at, left, 0, depth);
	for (; left > 0; left--)
		look_at(w, at++);
	return true;
}

/* Has no name of the object a NUL in it? One that needs no escapes when written has none. */
static __attribute__((noinline)) bool check_nul(struct node_check *w, yyjson_val *object)
{
	yyjson_val *name = object + 1;

	for (size_t left = unsafe_yyjson_get_len(object); left > 0; left--, name = next_name(name))
		if (!(name->tag & YYJSON_SUBTYPE_NOESC) &&
		    memchr(name->uni.str, '\0', unsafe_yyjson_get_len(name))) {
			w->bad_name = name;
			return false;
		}
	return true;
}

static __attribute__((noinline)) bool walk_large(struct node_check *w, yyjson_val *object,
						 unsigned depth)
{
	w->bad_name = find_twice_large(w->parser, object);
	return !w->bad_name && check_nul(w, object) &&
	       walk_values(w, object + 1, unsafe_yyjson_get_len(object), 1, depth);
}

static bool walk_object(struct node_check *w, yyjson_val *object, unsigned depth)
{
	struct names *names = depth == 1 ? w->parser->names : &w->parser->inner;
	size_t left = unsafe_yyjson_get_len(object);
	uint64_t plain = YYJSON_SUBTYPE_NOESC;
	uint64_t taken = 0, shared = 0;
	yyjson_val *name = object + 1;

	if (left > SMALL_OBJECT)
		return walk_large(w, object, depth);
	for (; left > 0; left--) {
		uint64_t key = padded_key(name->uni.str, (size_t)(name->tag >> YYJSON_TAG_BIT));
		unsigned slot = slot_of(key);

		if (taken >> slot & 1) {
			if (occurs_before(object + 1, name)) {
				w->bad_name = name;
				return false;
			}
			shared |= UINT64_C(1) << slot;
		}
		taken |= UINT64_C(1) << slot;
		names->slot[slot].key = key;
		names->slot[slot].name = name;
		plain &= name->tag;
		if (!unsafe_yyjson_is_ctn(name + 1)) {
			look_at(w, name + 1);
			name += 2;
			continue;
		}
		if (!walk_value(w, name + 1, depth))
			return false;
		name = next_name(name);
	}
	names->taken = taken;
	names->shared = shared;
	return plain || check_nul(w, object);
}

/* False where something is wrong in @value, a container with @depth others around it. */
static bool walk_value(struct node_check *w, yyjson_val *value, unsigned depth)
{
	if (depth == w->parser->base.limits.max_depth)
		return false;
	return unsafe_yyjson_is_obj(value) ? walk_object(w, value, depth + 1)
					   : walk_array(w, value, depth + 1);
}

/* Says of a root that was walked that its names are known. */
static void mark_root(const struct yyjson_parser *parser, yyjson_val *root)
{
	if ((char *)root == parser->pool.start + ROOT_OFFSET && unsafe_yyjson_is_obj(root) &&
	    unsafe_yyjson_get_len(root) <= SMALL_OBJECT)
		root->tag |= VIEW_ROOT_SUBTYPE;
}

/* ---- parsing ---------------------------------------------------------------------------- */

/*
 * The numbers of @doc whose double is whole while their text (as the caller still has it) is not
 * become their text, as those beyond a double are. Values stand in the order of the text.
 */
static __attribute__((noinline)) void keep_rounded(struct yyjson_parser *parser, yyjson_doc *doc,
						   const char *text, size_t len)
{
	yyjson_val *value = yyjson_doc_get_root(doc);
	size_t at = 0;
	size_t start;

	for (; jsonspan_next_number(text, len, &at, &start); value++) {
		while (!unsafe_yyjson_is_num(value) && !unsafe_yyjson_is_raw(value))
			value++;
		if (!unsafe_yyjson_is_real(value) || !number_needs_text(text + start, at - start))
			continue;
		/* The copy is not read again, but for strings, which are elsewhere. */
		memcpy(parser->text + start, text + start, at - start);
		value->tag = (uint64_t)(at - start) << YYJSON_TAG_BIT | YYJSON_TYPE_RAW;
		value->uni.str = parser->text + start;
	}
}

/* The first member name in the text that its object has had before. */
static const yyjson_val *find_twice(struct yyjson_parser *parser, yyjson_val *value)
{
	const yyjson_val *found = NULL;
	bool is_object = unsafe_yyjson_is_obj(value);
	yyjson_val *at = value + 1;

	if (is_object && unsafe_yyjson_get_len(value) > 0)
		found = find_twice_large(parser, value);
	for (size_t left = unsafe_yyjson_get_len(value); left > 0; left--) {
		const yyjson_val *other;

		at += is_object;
		other = unsafe_yyjson_is_ctn(at) ? find_twice(parser, at) : NULL;
		if (other && (!found || other->uni.str < found->uni.str))
			found = other;
		at = unsafe_yyjson_get_next(at);
	}
	return found;
}

/* Says why yyjson, or the walk, did not accept what the caller still has in @text. */
static void explain(struct yyjson_parser *parser, const char *text, size_t len, yyjson_val *root,
		    const struct node_check *w, struct payload_error *error)
{
	struct jsonscan scan;

	if (!jsonscan_run(text, len, parser->base.limits.max_depth, NULL, 0, &scan))
		jsonscan_report(&scan, error);
	else if (w->bad_name)
		payload_report(error, PAYLOAD_DUPLICATE, /* at its quote */
			       (size_t)(find_twice(parser, root)->uni.str - parser->text) - 1,
			       "a member name occurs twice");
	else
		payload_report(error, PAYLOAD_NOMEM, 0, "out of memory");
}

const struct payload_value *payload_backend_parse(struct payload_parser *base, const char *text,
						  size_t len, struct payload_error *error)
{
	struct yyjson_parser *parser = (struct yyjson_parser *)base;
	struct node_check w = { .parser = parser };
	yyjson_val *root;
	yyjson_doc *doc;

	memcpy(parser->text, text, len);
	memset(parser->text + len, 0, PADDING);
	/* The document before needs no freeing. */
	parser->pool.used = parser->pool.last = 0;
	doc = yyjson_read_opts(parser->text, len, YYJSON_READ_INSITU | YYJSON_READ_BIGNUM_AS_RAW,
			       &parser->alc, NULL);
	root = yyjson_doc_get_root(doc);
	if (!root || (unsafe_yyjson_is_ctn(root) && !walk_value(&w, root, 0))) {
		explain(parser, text, len, root, &w, error);
		return NULL;
	}
	if (!unsafe_yyjson_is_ctn(root))
		look_at(&w, root);
	if (w.has_whole_real)
		keep_rounded(parser, doc, text, len);
	mark_root(parser, root);
	return (const struct payload_value *)root;
}

const struct payload_value *payload_backend_string(struct payload_parser *base, const char *text,
						   size_t len, struct payload_error *error)
{
	struct yyjson_parser *parser = (struct yyjson_parser *)base;

	(void)error; /* all memory is there */
	memcpy(parser->text, text, len);
	parser->string.tag = (uint64_t)len << YYJSON_TAG_BIT | YYJSON_TYPE_STR;
	parser->string.uni.str = parser->text;
	return (const struct payload_value *)&parser->string;
}

/* ---- values ----------------------------------------------------------------------------- */

/* Member by member. */
static __attribute__((noinline)) const struct payload_value *
find_member(yyjson_val *object, const char *name, size_t len)
{
	size_t left = unsafe_yyjson_get_len(object);
	yyjson_val *at = object + 1;

	for (; left > 0; left--, at = next_name(at))
		if (unsafe_yyjson_get_len(at) == len && sametext(at->uni.str, name, len))
			return (const struct payload_value *)(at + 1);
	return NULL;
}

/* Of a VIEW_ROOT, by the table in front of its document. */
static inline const struct payload_value *find_in_root(yyjson_val *root, const char *name,
						       size_t len)
{
	const struct names *names = (struct names *)((char *)root - ROOT_OFFSET) - 1;
	uint64_t key = asked_key(name, len);
	unsigned slot = slot_of(key);
	yyjson_val *found = names->slot[slot].name;

	if (!(names->taken >> slot & 1))
		return NULL;
	if (names->slot[slot].key == key && unsafe_yyjson_get_len(found) == len &&
	    same_behind_key(found->uni.str, name, len))
		return (const struct payload_value *)(found + 1);
	return names->shared >> slot & 1 ? find_member(root, name, len) : NULL;
}

const struct payload_value *payload_member(const struct payload_value *value, const char *name,
					   size_t len)
{
	if (!value)
		return NULL;
	if (view_is(value, VIEW_ROOT))
		return find_in_root(view_node(value), name, len);
	return view_is(value, VIEW_OBJECT) ? find_member(view_node(value), name, len) : NULL;
}

bool payload_span(const struct payload_parser *parser, const struct payload_value *root,
		  const char *text, size_t len, const char *name, size_t name_len, size_t *start,
		  size_t *end)
{
	yyjson_val *value = view_node(payload_member(root, name, name_len));

	/* A member's name is the node in front of its value. */
	if (!yyjson_is_str(value) || !(value[-1].tag & YYJSON_SUBTYPE_NOESC))
		return false;
	/* Strings stay where they are in the copy of the text, shortened where they had escapes. */
	*start = (size_t)(unsafe_yyjson_get_str(value) -
			  ((const struct yyjson_parser *)parser)->text);
	*end = value->tag & YYJSON_SUBTYPE_NOESC ? *start + unsafe_yyjson_get_len(value)
						 : jsonspan_end(text, len, *start);
	return true;
}
