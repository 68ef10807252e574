/*
 * schema_compare_internal.h -- between the files of schema_compare.
 */
#ifndef PETSTORE_CTL_SCHEMA_COMPARE_INTERNAL_H
#define PETSTORE_CTL_SCHEMA_COMPARE_INTERNAL_H

#include "ctl/pairs.h"
#include "ctl/schema_compare.h"

#define SCHEMA_COMPARE_PATH_MAX 512u
#define MESSAGE_PLACE_PARTS_MAX 64u

/*
 * What one place of a message has to satisfy: a schema, and what stands below its allOf as if it
 * stood beside it. For schemas without references (deref.h). Parts are borrowed.
 * All of them have to be satisfied. Zeros: anything goes.
 */
struct message_place {
	size_t count;
	/* The first is the outermost, where it is one schema. */
	const json_t *part[MESSAGE_PLACE_PARTS_MAX];
	bool is_false; /* nothing does */
	bool is_cut;   /* there was more than fits */
};

/* A comparison, and the place of the message that it has come to. */
struct schema_compare {
	schema_compare_row *row;
	void *ctx;
	unsigned depth;
	unsigned places;
	json_t *same; /* which values are equal, of those that stand in many places */
	char path[SCHEMA_COMPARE_PATH_MAX];
};

/* The same place in both. */
struct schema_pair {
	struct message_place old, new;
};

/* One difference at the place that is looked at. */
void schema_compare_add(struct schema_compare *compare, enum schema_compare_answer answer,
			const char *format, ...) __attribute__((format(printf, 3, 4)));

/* "KEYWORD: VALUE" */
void schema_compare_add_value(struct schema_compare *compare, enum schema_compare_answer answer,
			      const char *keyword, const json_t *value);

void schema_compare_types(struct schema_compare *compare, const struct schema_pair *pair);
void schema_compare_values(struct schema_compare *compare, const struct schema_pair *pair);
void schema_compare_bounds(struct schema_compare *compare, const struct schema_pair *pair);
void schema_compare_askers(struct schema_compare *compare, const struct schema_pair *pair);

#endif
