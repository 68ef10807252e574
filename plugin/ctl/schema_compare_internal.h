/*
 * schema_compare_internal.h -- between the files of schema_compare.
 */
#ifndef PETSTORE_CTL_SCHEMA_COMPARE_INTERNAL_H
#define PETSTORE_CTL_SCHEMA_COMPARE_INTERNAL_H

#include "ctl/pairs.h"
#include "ctl/schema_compare.h"
#include "ctl/message_place.h"

#define SCHEMA_COMPARE_PATH_MAX 512u

/* A comparison, and the place of the message that it has come to. */
struct schema_compare {
	schema_compare_row *row;
	void *ctx;
	unsigned depth;
	unsigned places;
	struct pairs same; /* which values are equal, of those that stand in many places */
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
