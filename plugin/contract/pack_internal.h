/*
 * pack_internal.h -- what pack.c and pack_parts.c share.
 *
 * Whatever memory runs out for is NULL, and then pool.is_failed is set: it is asked for once, at
 * the end.
 */
#ifndef PETSTORE_CONTRACT_PACK_INTERNAL_H
#define PETSTORE_CONTRACT_PACK_INTERNAL_H

#include "base/valuepool.h"
#include "contract/contract.h"

struct packing {
	const struct contract *from;
	struct contract to;
	struct valuepool pool; /* in the arena of @to */
	/* Lists of messages and of operations without their numbers; the note is the list. */
	struct valuepool keys;
	struct arena scratch; /* of @keys */
	const struct contract_facts *facts;
	struct contract_numbers *numbers;
	struct contract_channel *channel; /* that of @to */
	struct entity *entity;            /* likewise */
};

/* A value, and @count of them, whose own pointers lead to what is packed. NULL for none. */
#define PACK_PUT(p, value)                                                                         \
	valuepool_put(&(p)->pool, &(value), sizeof(value), _Alignof(__typeof__(value)))
#define PACK_ALL(p, value, count)                                                                  \
	valuepool_put(&(p)->pool, (value), (count) * sizeof(*(value)),                             \
		      _Alignof(__typeof__(*(value))))

/* What is equal to no other: zeros. */
void *pack_take(struct packing *p, size_t count, size_t size, size_t align);

const char *pack_text(struct packing *p, const char *from);
const char *const *pack_texts(struct packing *p, const char *const *from, size_t count);
struct contract_member pack_member(struct packing *p, struct contract_member from);
const struct contract_param *pack_params(struct packing *p, const struct contract_param *from,
					 size_t count);

/* The messages of a channel. */
const struct contract_message *pack_messages(struct packing *p, const struct contract_message *from,
					     size_t count);

/* @count operations at @from of the channel @old, which has its messages at @message now. */
const struct contract_operation *pack_operations(struct packing *p,
						 const struct contract_operation *from,
						 size_t count, const struct contract_channel *old,
						 const struct contract_message *message);
const char *const *pack_operation_names(struct packing *p, const struct contract_channel *from);

/* The channel that is made of @from, which may be NULL. */
const struct contract_channel *pack_channel_of(const struct packing *p,
					       const struct contract_channel *from);

/* All entities, before the mappings. */
void pack_entities(struct packing *p);
const struct contract_mapping *pack_mapping(struct packing *p, const struct contract_mapping *from);
const struct contract_content *pack_content(struct packing *p, const struct contract_content *from);

#endif
