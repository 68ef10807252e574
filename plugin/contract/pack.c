/*
 * pack.c -- a loaded contract, once more, as who decides by it needs it: small and close together.
 *
 * While a contract is loaded its texts are those of the documents' trees, and each channel has
 * objects of its own. Here all of it is copied into one arena, equal values once
 * (base/valuepool.h), and the trees are freed. Values are put in from the inside out, so that what
 * has equal parts is equal. What tools alone ask for is left out.
 */
#include <string.h>

#include "contract/contract_internal.h"
#include "contract/pack_internal.h"

#define LINE 64u /* bytes of a line of the caches */

/* ---- channels ---------------------------------------------------------------------------- */

static const struct contract_alias *aliases(struct packing *p, const struct contract_channel *from)
{
	struct contract_alias made[CONTRACT_ALIASES_MAX];

	memset(made, 0, sizeof(made));
	for (size_t i = 0; i < from->alias_count; i++) {
		made[i].name = pack_text(p, from->alias[i].name);
		made[i].param = from->alias[i].param;
	}
	return PACK_ALL(p, made, from->alias_count);
}

static const struct contract_member *unique(struct packing *p, const struct contract_channel *from)
{
	struct contract_member made[CONTRACT_UNIQUE_MAX];

	for (size_t i = 0; i < from->unique_count; i++)
		made[i] = pack_member(p, from->unique[i]);
	return PACK_ALL(p, made, from->unique_count);
}

static const struct contract_dead_letter *dead_letter(struct packing *p,
						      const struct contract_dead_letter *from)
{
	struct contract_dead_letter made;

	if (!from)
		return NULL;
	memset(&made, 0, sizeof(made));
	made.topic = pack_text(p, from->topic);
	made.is_envelope = from->is_envelope;
	made.index = from->index;
	made.channel = pack_channel_of(p, from->channel);
	return PACK_PUT(p, made);
}

/* Makes @ret, which is a copy of @from but for its address, one of the packed contract. */
static void move_channel(struct packing *p, const struct contract_channel *from,
			 struct contract_channel *ret)
{
	ret->param = pack_params(p, from->param, from->param_count);
	ret->message = pack_messages(p, from->message, from->message_count);
	ret->sole = from->sole ? ret->message : NULL;
	ret->send = pack_operations(p, from->send, from->send_count, from, ret->message);
	ret->receive = pack_operations(p, from->receive, from->receive_count, from, ret->message);
	ret->mapping = pack_mapping(p, from->mapping);
	ret->limits = PACK_ALL(p, from->limits, 1);
	ret->name = pack_text(p, from->name);
	ret->operation_name = pack_operation_names(p, from);
	ret->alias = aliases(p, from);
	ret->port = PACK_ALL(p, from->port, from->port_count);
	ret->time_member = pack_member(p, from->time_member);
	ret->problem_types = pack_text(p, from->problem_types);
	ret->dead_letter = dead_letter(p, from->dead_letter);
	ret->unique = unique(p, from);
	ret->content = pack_content(p, from->content);
}

/* The addresses first, since each search reads one: they are closest together then. */
static void move_channels(struct packing *p)
{
	size_t count = p->from->channel_count;

	p->channel = pack_take(p, count, sizeof(*p->channel), LINE);
	p->to.channel = p->channel;
	p->to.channel_count = count;
	for (size_t i = 0; p->channel && i < count; i++) {
		p->channel[i] = p->from->channel[i];
		p->channel[i].address = pack_text(p, p->from->channel[i].address);
	}
	for (size_t i = 0; p->channel && i < count; i++)
		move_channel(p, &p->from->channel[i], &p->channel[i]);
	p->to.defaults = p->from->defaults;
	move_channel(p, &p->from->defaults, &p->to.defaults);
	p->to.notices = pack_channel_of(p, p->from->notices);
	p->to.alerts = pack_channel_of(p, p->from->alerts);
	p->to.dead_letter_count = p->from->dead_letter_count;
	for (size_t i = 0; i < p->from->dead_letter_count; i++)
		p->to.dead_letter[i] = pack_channel_of(p, p->from->dead_letter[i]);
}

/* As contract.c did it, and found no fault. */
static void move_topics(struct packing *p)
{
	const struct contract_channel *other;
	size_t levels = 0;

	if (p->pool.is_failed)
		return;
	for (size_t i = 0; i < p->to.channel_count; i++)
		levels += address_levels(p->channel[i].address);
	p->to.topics = topics_new(levels);
	p->pool.is_failed = !p->to.topics;
	for (size_t i = 0; i < p->to.channel_count && !p->pool.is_failed; i++)
		p->pool.is_failed = topics_add(p->to.topics, &p->channel[i], &other) != TOPICS_OK;
	p->pool.is_failed = p->pool.is_failed || !topics_settle(p->to.topics);
}

/* ---- the rest ---------------------------------------------------------------------------- */

static void move_applications(struct packing *p)
{
	size_t count = p->from->application_count;
	struct contract_application *made = pack_take(p, count, sizeof(*made), sizeof(void *));

	for (size_t i = 0; made && i < count; i++) {
		const struct contract_application *from = &p->from->application[i];

		made[i].name = pack_text(p, from->name);
		made[i].id = pack_text(p, from->id);
		made[i].title = pack_text(p, from->title);
		made[i].version = pack_text(p, from->version);
		made[i].file = pack_text(p, from->file);
		made[i].is_client = from->is_client;
	}
	p->to.application_count = count;
	p->to.application = made;
}

static void move_servers(struct packing *p)
{
	size_t count = p->from->connect_count;
	struct contract_connect *made = pack_take(p, count, sizeof(*made), sizeof(void *));

	for (size_t i = 0; made && i < count; i++) {
		made[i] = p->from->connect[i];
		made[i].name = pack_text(p, made[i].name);
		made[i].client_id = pack_text(p, made[i].client_id);
	}
	p->to.connect_count = count;
	p->to.connect = made;
	p->to.port_count = p->from->port_count;
	p->to.port = PACK_ALL(p, p->from->port, p->from->port_count);
	p->to.has_port_security = p->from->has_port_security;
}

static void move_all(struct packing *p)
{
	p->to.title = pack_text(p, p->from->title);
	p->to.version = pack_text(p, p->from->version);
	p->to.unlisted = p->from->unlisted;
	p->to.scope_count = p->from->scope_count;
	for (size_t i = 0; i < p->from->scope_count; i++)
		p->to.scope[i] = pack_text(p, p->from->scope[i]);
	move_applications(p);
	move_servers(p);
	pack_entities(p);
	move_channels(p);
	move_topics(p);
}

/* What it owns. */
static void clear(struct contract *contract)
{
	topics_free(contract->topics);
	sources_clear(&contract->sources);
	arena_clear(&contract->arena);
}

int contract_pack(struct contract *contract, const struct contract_facts *facts,
		  struct contract_numbers *numbers, struct diag *diag)
{
	struct packing p = { .from = contract, .facts = facts, .numbers = numbers };
	bool is_failed;

	p.pool.arena = &p.to.arena;
	p.keys.arena = &p.scratch;
	move_all(&p);
	is_failed = p.pool.is_failed || p.keys.is_failed;
	valuepool_clear(&p.pool);
	valuepool_clear(&p.keys);
	arena_clear(&p.scratch);
	if (is_failed) {
		clear(&p.to);
		return diag_nomem(diag);
	}
	clear(contract);
	*contract = p.to;
	return 0;
}
