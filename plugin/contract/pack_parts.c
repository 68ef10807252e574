/*
 * pack_parts.c -- the parts of a contract, copied for pack.c.
 */
#include <stdlib.h>
#include <string.h>

#include "contract/pack_internal.h"

const char *pack_text(struct packing *p, const char *from)
{
	return valuepool_text(&p->pool, from);
}

void *pack_take(struct packing *p, size_t count, size_t size, size_t align)
{
	void *taken = arena_alloc_at(&p->to.arena, count * size, align);

	p->pool.is_failed |= !taken;
	return taken;
}

/* A copy of a list of texts. */
const char *const *pack_texts(struct packing *p, const char *const *from, size_t count)
{
	const char **list = calloc(count + 1, sizeof(*list));
	const char *const *ret = NULL;

	if (!list) {
		p->pool.is_failed = true;
		return NULL;
	}
	for (size_t i = 0; i < count; i++)
		list[i] = pack_text(p, from[i]);
	ret = PACK_ALL(p, list, count);
	free(list);
	return ret;
}

struct contract_member pack_member(struct packing *p, struct contract_member from)
{
	return (struct contract_member){ pack_text(p, from.name), from.len };
}

/* ---- parameters, messages ---------------------------------------------------------------- */

const struct contract_param *pack_params(struct packing *p, const struct contract_param *from,
					 size_t count)
{
	struct contract_param made[CONTRACT_PARAMS_MAX];

	memset(made, 0, sizeof(made));
	for (size_t i = 0; from && i < count; i++) {
		made[i].name = pack_text(p, from[i].name);
		made[i].location = pack_text(p, from[i].location);
		made[i].header = pack_text(p, from[i].header);
		made[i].member = pack_member(p, from[i].member);
		made[i].pattern = pack_text(p, from[i].pattern);
		made[i].own = from[i].own;
		made[i].value_count = from[i].value_count;
		made[i].value = pack_texts(p, from[i].value, from[i].value_count);
	}
	return from ? PACK_ALL(p, made, count) : NULL;
}

static const struct contract_properties *properties(struct packing *p,
						    const struct contract_properties *from)
{
	struct contract_properties made;

	if (!from)
		return NULL;
	memset(&made, 0, sizeof(made));
	made.correlation_header = pack_text(p, from->correlation_header);
	made.correlation_pointer = pack_text(p, from->correlation_pointer);
	made.content_type = pack_text(p, from->content_type);
	made.response_topic = pack_text(p, from->response_topic);
	made.format = from->format;
	return PACK_PUT(p, made);
}

static void copy_message(struct packing *p, const struct contract_message *from,
			 struct contract_message *ret)
{
	ret->name = pack_text(p, from->name);
	ret->content_type = pack_text(p, from->content_type);
	ret->format = from->format;
	ret->is_cloudevents = from->is_cloudevents;
	ret->has_payload = from->has_payload;
	ret->properties = properties(p, from->properties);
}

const struct contract_message *pack_messages(struct packing *p, const struct contract_message *from,
					     size_t count)
{
	struct contract_message key[CONTRACT_MESSAGES_MAX], *made;
	struct valuepool_value *known;

	if (count == 0)
		return NULL;
	memset(key, 0, sizeof(key));
	for (size_t i = 0; i < count; i++) {
		copy_message(p, &from[i], &key[i]);
		key[i].at = p->facts->message[from[i].index]; /* only to be compared */
	}
	known = valuepool_find(&p->keys, key, count * sizeof(*key), _Alignof(__typeof__(*key)));
	if (!known || known->note)
		return known ? known->note : NULL;
	known->note = made = pack_take(p, count, sizeof(*made), _Alignof(__typeof__(*made)));
	for (size_t i = 0; made && i < count; i++) {
		made[i] = key[i];
		made[i].at = NULL;
		made[i].index = (unsigned)p->to.message_count++;
		p->numbers->message[made[i].index] = from[i].index;
	}
	return made;
}

/* ---- operations -------------------------------------------------------------------------- */

const struct contract_channel *pack_channel_of(const struct packing *p,
					       const struct contract_channel *from)
{
	return from ? &p->channel[from->index] : NULL;
}

static const struct contract_reply *reply(struct packing *p, const struct contract_reply *from)
{
	const struct contract_channel **list;
	struct contract_reply made;

	if (!from)
		return NULL;
	list = calloc(from->channel_count + 1, sizeof(*list));
	if (!list) {
		p->pool.is_failed = true;
		return NULL;
	}
	memset(&made, 0, sizeof(made));
	for (size_t i = 0; i < from->channel_count; i++)
		list[i] = pack_channel_of(p, from->channel[i]);
	made.channel_count = from->channel_count;
	made.channel = PACK_ALL(p, list, from->channel_count);
	free(list);
	made.is_any = from->is_any;
	made.is_fixed = from->is_fixed;
	made.header = pack_text(p, from->header);
	made.pointer = pack_text(p, from->pointer);
	made.needs_topic = from->needs_topic;
	return PACK_PUT(p, made);
}

/* Which of its channel's messages an operation has. */
static const struct contract_message *const *messages_of(struct packing *p,
							 const struct contract_operation *from,
							 const struct contract_channel *old,
							 const struct contract_message *message)
{
	const struct contract_message **list = calloc(from->message_count + 1u, sizeof(*list));
	const struct contract_message *const *ret = NULL;

	if (!list) {
		p->pool.is_failed = true;
		return NULL;
	}
	for (size_t i = 0; i < from->message_count; i++)
		list[i] = message ? message + (from->message[i] - old->message) : NULL;
	ret = PACK_ALL(p, list, from->message_count);
	free(list);
	return ret;
}

static void copy_operation(struct packing *p, const struct contract_operation *from,
			   const struct contract_channel *old,
			   const struct contract_message *message, struct contract_operation *ret)
{
	ret->alternative = PACK_ALL(p, from->alternative, from->alternative_count);
	ret->reply = reply(p, from->reply);
	ret->param = pack_params(p, from->param, old->param_count);
	ret->message = messages_of(p, from, old, message);
	ret->message_count = from->message_count;
	ret->alternative_count = from->alternative_count;
	ret->party = from->party;
	ret->qos = from->qos;
	ret->retain = from->retain;
	ret->is_send = from->is_send;
	ret->application = from->application;
}

/* The @count operations at @from of the channel @old, which has its messages at @message now. */
const struct contract_operation *pack_operations(struct packing *p,
						 const struct contract_operation *from,
						 size_t count, const struct contract_channel *old,
						 const struct contract_message *message)
{
	struct contract_operation key[CONTRACT_OPERATIONS_MAX], *made;
	struct valuepool_value *known;

	if (count == 0)
		return NULL;
	memset(key, 0, sizeof(key));
	for (size_t i = 0; i < count; i++) {
		copy_operation(p, &from[i], old, message, &key[i]);
		if (from[i].party != CONTRACT_ANYBODY) /* only to be compared */
			key[i].name = p->facts->party[from[i].index];
	}
	known = valuepool_find(&p->keys, key, count * sizeof(*key), _Alignof(__typeof__(*key)));
	if (!known || known->note)
		return known ? known->note : NULL;
	known->note = made = pack_take(p, count, sizeof(*made), _Alignof(__typeof__(*made)));
	for (size_t i = 0; made && i < count; i++) {
		made[i] = key[i];
		made[i].name = NULL;
		if (from[i].party == CONTRACT_ANYBODY)
			continue;
		made[i].index = p->to.party_count++;
		p->numbers->party[made[i].index] = from[i].index;
	}
	return made;
}

const char *const *pack_operation_names(struct packing *p, const struct contract_channel *from)
{
	const char *name[2 * CONTRACT_OPERATIONS_MAX];
	size_t count = 0;

	for (size_t i = 0; i < from->send_count; i++)
		name[count++] = pack_text(p, from->send[i].name);
	for (size_t i = 0; i < from->receive_count; i++)
		name[count++] = pack_text(p, from->receive[i].name);
	return PACK_ALL(p, name, count);
}

/* ---- entities ---------------------------------------------------------------------------- */

static const struct entity *entity_of(const struct packing *p, const struct entity *from)
{
	return from ? &p->entity[from->index] : NULL;
}

static const struct entity_column *columns(struct packing *p, const struct entity *from)
{
	struct entity_column made[ENTITY_COLUMNS_MAX];

	memset(made, 0, sizeof(made));
	for (size_t i = 0; i < from->column_count; i++) {
		made[i].name = pack_text(p, from->column[i].name);
		made[i].type = from->column[i].type;
		made[i].is_indexed = from->column[i].is_indexed;
	}
	return PACK_ALL(p, made, from->column_count);
}

static struct entity_steps steps(struct packing *p, const struct entity_steps *from)
{
	return (struct entity_steps){ .count = from->count,
				      .status = pack_texts(p, from->status, from->count),
				      .first = from->first,
				      .next = PACK_ALL(p, from->next, from->count) };
}

void pack_entities(struct packing *p)
{
	const struct entity_plan *from = &p->from->plan;

	p->entity = pack_take(p, from->entity_count, sizeof(*p->entity), sizeof(void *));
	for (size_t i = 0; p->entity && i < from->entity_count; i++) {
		p->entity[i] = from->entity[i];
		p->entity[i].name = pack_text(p, from->entity[i].name);
		p->entity[i].table = pack_text(p, from->entity[i].table);
		p->entity[i].column = columns(p, &from->entity[i]);
		p->entity[i].owner_entity = entity_of(p, from->entity[i].owner_entity);
		for (size_t k = 0; k < from->entity[i].slot_count; k++)
			p->entity[i].steps[k] = steps(p, &from->entity[i].steps[k]);
	}
	p->to.plan = (struct entity_plan){ from->entity_count, p->entity };
}

static const struct contract_transitions *transitions(struct packing *p,
						      const struct contract_transitions *from)
{
	struct contract_transitions made;

	if (!from)
		return NULL;
	memset(&made, 0, sizeof(made));
	made.name = pack_text(p, from->name);
	made.count = from->count;
	made.status = pack_texts(p, from->status, from->count);
	made.status_len = PACK_ALL(p, from->status_len, from->count);
	made.first = from->first;
	made.next = PACK_ALL(p, from->next, from->count);
	if (from->scope)
		made.scope = PACK_ALL(p, from->scope, (from->count + 1) * from->count);
	made.correct = from->correct;
	made.repeat = from->repeat;
	made.longest_s = PACK_ALL(p, from->longest_s, from->count);
	return PACK_PUT(p, made);
}

const struct contract_mapping *pack_mapping(struct packing *p, const struct contract_mapping *from)
{
	struct contract_fill fill[ENTITY_COLUMNS_MAX];
	struct contract_mapping made;

	if (!from)
		return NULL;
	memset(fill, 0, sizeof(fill));
	memset(&made, 0, sizeof(made));
	for (size_t i = 0; i < from->fill_count; i++) {
		fill[i].column = from->fill[i].column;
		fill[i].type = from->fill[i].type;
		fill[i].member = pack_member(p, from->fill[i].member);
	}
	made.entity = entity_of(p, from->entity);
	made.param = from->param;
	made.owner_member = pack_member(p, from->owner_member);
	made.slot = from->slot;
	made.status_member = pack_member(p, from->status_member);
	made.transitions = transitions(p, from->transitions);
	made.fill_count = from->fill_count;
	made.fill = PACK_ALL(p, fill, from->fill_count);
	if (from->link && made.fill)
		made.link = made.fill + (from->link - from->fill);
	return PACK_PUT(p, made);
}

const struct contract_content *pack_content(struct packing *p, const struct contract_content *from)
{
	struct contract_content made;

	memset(&made, 0, sizeof(made));
	made.mark = from->mark;
	made.time_count = from->time_count;
	for (size_t i = 0; i < from->time_count; i++)
		made.time[i] = pack_member(p, from->time[i]);
	made.surplus = pack_text(p, from->surplus);
	made.is_shared = from->is_shared;
	return PACK_PUT(p, made);
}
