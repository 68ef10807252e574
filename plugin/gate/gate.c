#include "gate/gate.h"

#include <stdio.h>
#include <string.h>

#include "base/wordhash.h"
#include "gate/judgement.h"
#include "ledger/others.h"

const char *gate_step_name(enum gate_step step)
{
	static const char *const names[GATE_STEP_COUNT] = {
#define X(name, text, group) [name] = text,
		GATE_STEP_TABLE(X)
#undef X
	};

	return (unsigned)step < GATE_STEP_COUNT ? names[step] : "";
}

/* ---- the four questions --------------------------------------------------------------- */

static bool check_payload(struct judgement *j)
{
	j->decision->kind = j->match->channel->sole;
	return j->decision->kind ? message_rules_payload(j) : kinds_payload(j);
}

/*
 * Properties that only matter where they are there are not asked for as long as none is shown: most
 * messages have none.
 */
static inline __attribute__((always_inline)) bool ask_properties(struct judgement *j)
{
	const struct contract_message *kind = j->decision->kind;

	if (!kind || !kind->properties)
		return true;
	if (!j->request->shown && !j->gate->rules->message[kind->index].needs_properties) {
		if (j->decision->open == GATE_OPEN_NOTHING)
			j->decision->open = GATE_OPEN_IF_PRESENT;
		return true;
	}
	return judgement_ask(j, GATE_STEP_PROPERTIES, property_rules_check);
}

static inline bool ask_reply(struct judgement *j)
{
	const struct contract_reply *reply = j->operation ? j->operation->reply : NULL;

	return !reply || judgement_ask(j, GATE_STEP_REPLY, reply_rules_check);
}

/* The steps of schema and transition, as bits. */
#define X(step, name, group) (group == CONTRACT_SCHEMA || group == CONTRACT_TRANSITION) << step |
static const uint32_t keeping_steps = GATE_STEP_TABLE(X) 0;
#undef X

/*
 * Is there something to keep? Only where the schema's and the transition's questions were asked and
 * answered with yes, or what the message says of its entity is to be taken over: other messages
 * that are only observed, or not checked, change no entity.
 */
static bool is_to_be_kept(struct judgement *j)
{
	const struct contract_channel *channel = j->match->channel;

	if (j->decision->failed & keeping_steps)
		return adopt_observed(j, j->decision->failed & keeping_steps);
	if (j->mode[CONTRACT_SCHEMA] == CONTRACT_OFF)
		return false;
	if (j->has_state ? j->is_same : !channel->is_recorded)
		return false;
	return channel->unique_count == 0 || !repeat_is_said(j);
}

/*
 * On a channel that keeps messages every retained message is kept, also a repeated status and what
 * is only observed, so that it can be published again when the broker was killed and lost it.
 */
static bool changes_retained(const struct judgement *j)
{
	const struct contract_channel *channel = j->match->channel;

	return j->request->message.is_retained && (channel->mapping || channel->is_recorded);
}

/*
 * A strict channel's repeat is no write, but memory may be wrong about the current status: the
 * database is asked.
 */
static bool asks_database(const struct judgement *j)
{
	return j->match->channel->is_strict && j->has_state && j->is_repeat &&
	       !(j->decision->failed & keeping_steps) && entity_rules_is_strict(j);
}

/* Could what the message implies be kept? Then the decision says what. */
static bool check_store(struct judgement *j)
{
	bool is_kept = !j->request->is_source && is_to_be_kept(j);
	bool has_room;

	if (j->request->is_source || (!is_kept && !changes_retained(j) && !asks_database(j)))
		return true;
	if (!judgement_ask(j, GATE_STEP_STORE, entity_rules_store))
		return false;
	has_room = !(j->decision->failed & 1u << GATE_STEP_STORE);
	j->decision->has_write = has_room && is_kept;
	j->decision->has_retained = has_room && !is_kept;
	if (has_room)
		entity_rules_describe(j);
	else
		j->decision->is_adopted = false;
	return true;
}

/*
 * An empty payload with the retain flag clears the retained message. It is a publish with an event
 * of its own, but changes no entity.
 */
__attribute__((noinline)) static bool check_clear(struct judgement *j)
{
	if (!j->match->channel->sole)
		kinds_operation(j);
	return judgement_ask(j, GATE_STEP_QOS, message_rules_qos) &&
	       judgement_ask(j, GATE_STEP_RETAIN, message_rules_retain) &&
	       judgement_ask(j, GATE_STEP_OWN, permission_own) && check_store(j);
}

/* Another broker decided and kept it in the same database, or may have: what does it mean? */
static bool keep_there(struct judgement *j)
{
	if (j->match->channel->mapping && j->payload)
		entity_rules_read(j);
	entity_rules_describe(j);
	j->decision->is_kept_there = true;
	return true;
}

/*
 * What a trusted peer says was decided by its broker; what the message is, is asked all the same. A
 * role with ":own" alone is still for what belongs to the peer.
 */
__attribute__((cold, noinline)) static bool take_over(struct judgement *j)
{
	bool is_clear = j->request->message.payload_len == 0 && j->request->message.is_retained;

	if (is_clear && !j->match->channel->sole)
		kinds_operation(j);
	if (!is_clear && (!check_payload(j) || !ask_properties(j)))
		return false;
	if (!judgement_ask(j, GATE_STEP_OWN, permission_own))
		return false;
	j->decision->is_taken_over = true;
	if (j->gate->is_shared && !j->request->is_of_elsewhere)
		return keep_there(j);
	if (j->match->channel->mapping && j->payload &&
	    j->mode[CONTRACT_TRANSITION] != CONTRACT_OFF && !entity_rules_take_over(j))
		return false;
	return check_store(j);
}

/* What the contract asks of a publish, once it is known that the client may publish there. */
static inline __attribute__((always_inline)) bool check_message(struct judgement *j)
{
	const struct contract_mapping *mapping = j->match->channel->mapping;

	if (!j->operation && j->match->channel->sole)
		j->operation = j->match->channel->send; /* that it admits none is only observed */
	if (j->is_trusted)
		return take_over(j);
	if (j->request->message.payload_len == 0 && j->request->message.is_retained)
		return check_clear(j);
	if (!check_payload(j) || !ask_properties(j) || !ask_reply(j) ||
	    !judgement_ask(j, GATE_STEP_QOS, message_rules_qos) ||
	    !judgement_ask(j, GATE_STEP_RETAIN, message_rules_retain))
		return false;
	if (mapping && j->payload && j->mode[CONTRACT_TRANSITION] != CONTRACT_OFF) {
		if (!entity_rules_check(j))
			return false;
	} else if (!judgement_ask(j, GATE_STEP_OWN, permission_own)) {
		return false;
	}
	return check_store(j);
}

__attribute__((cold)) bool judgement_message(struct judgement *j)
{
	return check_message(j);
}

/* Looks the modes up once, because some ten questions need them. */
static void find_modes(struct judgement *j)
{
	const struct contract_channel *channel = j->match->channel;

	memcpy(j->mode, channel ? channel->mode : j->gate->rules->contract->defaults.mode,
	       sizeof(j->mode));
	for (unsigned group = 0; j->gate->is_forced && group < CONTRACT_GROUPS; group++)
		j->mode[group] = gate_mode(j->gate, channel, (enum contract_group)group);
}

/* Finds the channel and asks for the scope. *is_done: there is nothing more to ask about. */
static bool check_permission(struct judgement *j, bool *is_done)
{
	j->match = permission_channel(j->gate, j->request->message.topic,
				      j->request->message.topic_len);
	j->decision->channel = j->match->channel;
	find_modes(j);
	*is_done = !j->match->channel;
	if (!judgement_ask(j, GATE_STEP_TOPIC, permission_topic))
		return false;
	if (*is_done)
		return true;
	return judgement_ask(j, GATE_STEP_SCOPE, permission_scope);
}

/* Most principals have no limits, and most topics are far from the contract's. */
static bool ask_length(struct judgement *j)
{
	const struct contract_channel *channel = j->match->channel;

	return (!j->principal->limits &&
		(!channel->has_length_limits ||
		 j->request->message.topic_len <= channel->limits->topic_bytes)) ||
	       judgement_ask(j, GATE_STEP_LENGTH, message_rules_length);
}

/*
 * Is the entity still the principal's own, as it was at PUBLISH? True, too, where the entity is
 * unknown or the store can't be asked: then no other owner is known.
 */
static bool is_still_own(struct judgement *j)
{
	const struct contract_mapping *mapping = j->match->channel->mapping;
	struct ledger_state state = { .is_known = true };

	if (!j->is_own_needed || permission_is_own(j, j->match))
		return true;
	if (mapping && (j->decision->reason == REASON_STORE_UNAVAILABLE ||
			!judgement_look(j, mapping->entity, j->match->param[mapping->param].text,
					j->match->param[mapping->param].len, &state) ||
			!state.is_known)) {
		j->decision->reason = REASON_NONE;
		return true;
	}
	return permission_own(j);
}

__attribute__((cold, noinline)) static bool judge_again(struct judgement *j)
{
	return judgement_ask(j, GATE_STEP_OWN, is_still_own);
}

static bool judge_publish(struct judgement *j)
{
	struct ledger_write *write = &j->decision->write;
	bool is_done;

	write->owner = NULL; /* these three are filled on the way, the rest at its end */
	write->owner_len = 0;
	write->value_count = 0;

	if (j->principal->is_peer) {
		if (!peer_rules_begin(j, &is_done))
			return false;
		if (is_done)
			return true;
	}
	if (!check_permission(j, &is_done))
		return false;
	if (is_done)
		return j->request->is_asked_again || unlisted_rules_limits(j);
	if (j->request->is_asked_again)
		return judge_again(j);
	if (j->match->channel->mapping)
		entity_rules_begin(j);
	return ask_length(j) && judgement_ask(j, GATE_STEP_PARAMETERS, permission_params) &&
	       judgement_ask(j, GATE_STEP_WILL, message_rules_will) && check_message(j);
}

/* Is each accepted message of the channel a step of the contract's? */
static bool moves_status(const struct judgement *j)
{
	const struct contract_mapping *mapping = j->match->channel->mapping;

	return mapping && mapping->transitions &&
	       j->mode[CONTRACT_TRANSITION] == CONTRACT_ENFORCE &&
	       j->mode[CONTRACT_SCHEMA] == CONTRACT_ENFORCE;
}

/*
 * Up to QoS 1 the broker delivers a message in the call in which it was judged. At QoS 2 it waits
 * for the publisher's PUBREL, which no plugin sees: at its delivery the message must still have the
 * current status.
 */
static bool judge_delivery(struct judgement *j)
{
	bool is_done;

	if (!check_permission(j, &is_done))
		return false;
	return is_done ||
	       (judgement_ask(j, GATE_STEP_OWN, permission_own) &&
		(j->request->message.qos < 2 || j->request->is_settled || !moves_status(j) ||
		 judgement_ask(j, GATE_STEP_TRANSITION, entity_rules_current)));
}

static bool judge(struct judgement *j)
{
	if (j->request->action == GATE_UNSUBSCRIBE)
		return true; /* giving up a subscription needs no leave */
	j->decision->asked |= 1u << GATE_STEP_IDENTITY;
	if (!j->principal || j->principal->is_disabled) {
		j->decision->failed |= 1u << GATE_STEP_IDENTITY;
		return judgement_refuse(j, REASON_IDENTITY_UNKNOWN,
					"the client has no identity in force");
	}
	if (j->request->message.topic_len > 0 && j->request->message.topic[0] == '$' &&
	    command_rules_admit(j))
		return true;
	switch (j->request->action) {
	case GATE_PUBLISH:
		return judge_publish(j);
	case GATE_DELIVER:
		return judge_delivery(j);
	case GATE_SUBSCRIBE:
		find_modes(j);
		return judgement_ask(j, GATE_STEP_LENGTH, message_rules_length) &&
		       subscription_judge(j);
	case GATE_UNSUBSCRIBE:
		break;
	}
	return judgement_refuse(j, REASON_INTERNAL, "there is no such action");
}

/* Of an allowed request: the first thing that would have refused it, or nothing. */
static void settle_observed(struct judgement *j)
{
	struct decision *d = j->decision;

	if (!d->is_observed) {
		d->reason = REASON_NONE;
		return;
	}
	d->reason = j->gate->first.reason;
	d->error = j->gate->first.error;
	memcpy(d->current_status, j->gate->first.current_status, sizeof(d->current_status));
}

/* Says which of several messages the fault is about. */
__attribute__((cold, noinline)) static void name_kind(struct decision *d)
{
	size_t used = strlen(d->error.message);

	if (d->channel->message_count > 1)
		(void)snprintf(d->error.message + used, sizeof(d->error.message) - used,
			       " (message %s)", d->kind->name);
}

void gate_decide(struct gate *gate, const struct access_principal *principal,
		 const struct gate_request *request, struct decision *ret)
{
	struct judgement j;

	judgement_begin(&j, gate, principal, request, ret);
	ret->verdict = VERDICT_DENY;
	ret->reason = REASON_NONE;
	ret->is_observed = false;
	ret->asked = ret->failed = 0;
	ret->channel = NULL;
	ret->kind = NULL;
	ret->open = GATE_OPEN_NOTHING;
	ret->error.instance[0] = ret->error.schema[0] = '\0';
	ret->error.keyword[0] = ret->error.message[0] = '\0';
	ret->current_status[0] = '\0';
	ret->has_write = ret->has_retained = ret->is_correction = ret->is_adopted = ret->is_repeat =
		false;
	ret->is_peer = ret->is_taken_over = ret->is_kept_there = ret->is_echo = false;
	ret->payload = NULL;
	if (judge(&j)) {
		ret->verdict = VERDICT_ALLOW;
		settle_observed(&j);
	} else {
		ret->is_observed = false;
		if (ret->reason == REASON_NONE)
			ret->reason = REASON_INTERNAL; /* a denial without a reason is our bug */
	}
	if (ret->kind && ret->reason != REASON_NONE)
		name_kind(ret);
	ret->payload = j.payload;
}

/* What @question says of a message that moves a status; true of any other. */
static bool ask_of_status(struct gate *gate, const struct gate_request *request,
			  judgement_question *question)
{
	struct decision decision = { .verdict = VERDICT_DENY };
	struct judgement j;

	judgement_begin(&j, gate, NULL, request, &decision);
	j.match = permission_channel(gate, request->message.topic, request->message.topic_len);
	if (!j.match->channel || !j.match->channel->mapping ||
	    !j.match->channel->mapping->transitions)
		return true;
	return question(&j);
}

bool gate_is_current(struct gate *gate, const struct gate_request *request)
{
	return ask_of_status(gate, request, entity_rules_current);
}

bool gate_is_last(struct gate *gate, const struct gate_request *request)
{
	return ask_of_status(gate, request, repeat_is_last);
}

void gate_refuse(struct decision *decision, enum reason reason, const char *text)
{
	decision->verdict = VERDICT_DENY;
	decision->is_observed = false;
	decision->reason = reason;
	decision->error.instance[0] = decision->error.keyword[0] = '\0';
	diag_escape(decision->error.message, sizeof(decision->error.message), text, strlen(text));
}

size_t gate_faults(const struct rules *rules, const struct decision *decision,
		   struct schema_error *ret, size_t max)
{
	if (max == 0 || decision->error.keyword[0] == '\0')
		return 0;
	/* That of an event in binary mode is not the payload. */
	if (decision->reason == REASON_SCHEMA_VIOLATION && decision->payload && decision->kind &&
	    !decision->kind->is_cloudevents)
		return schema_explain_answer(rules->message[decision->kind->index].schema,
					     decision->payload, SCHEMA_INVALID, ret, max);
	ret[0] = decision->error;
	return 1;
}

enum gate_grant gate_grant(const struct rules *rules, const struct access_principal *principal,
			   enum login_method method, const struct contract_operation *operation,
			   size_t count, const struct contract_match *match)
{
	struct permission_login login = { .method = method };

	return permission_best(rules, principal, login, operation, count, match);
}

bool gate_admits_unlisted(const struct rules *rules, const struct access_principal *principal,
			  bool is_publish)
{
	const struct contract_unlisted *unlisted = &rules->contract->unlisted;

	return unlisted->mode == CONTRACT_UNLISTED_PASS &&
	       unlisted_rules_admit(is_publish ? &unlisted->send : &unlisted->receive, principal);
}

/* As gate_confirm(), of one entity; *ret is what is known of it then. */
static int confirm(struct gate *gate, const struct entity *entity, const char *id, size_t len,
		   unsigned age_ms, struct ledger_state *ret)
{
	int changed = ledger_confirm(gate->ledger, entity->index, id, len, age_ms, NULL);
	int rc = changed < 0 ? changed
			     : ledger_look(gate->ledger, entity->index, id, len, ret, NULL);

	return rc < 0 ? rc : changed;
}

int gate_confirm(struct gate *gate, const struct message *message, unsigned age_ms)
{
	const struct contract_match *match =
		permission_channel(gate, message->topic, message->topic_len);
	const struct contract_mapping *mapping = match->channel ? match->channel->mapping : NULL;
	char link[ENTITY_ID_MAX + 1];
	const struct entity *owner;
	struct ledger_state state;
	int rc, changed;

	if (!mapping || !gate->ledger)
		return 0;
	changed = confirm(gate, mapping->entity, match->param[mapping->param].text,
			  match->param[mapping->param].len, age_ms, &state);
	owner = mapping->entity->owner_entity;
	if (changed < 0 || !owner || state.link[0] == '\0')
		return changed;
	(void)snprintf(link, sizeof(link), "%s", state.link);
	rc = confirm(gate, owner, link, strlen(link), age_ms, &state);
	return rc < 0 ? rc : changed || rc;
}

uint64_t gate_entity_key(struct gate *gate, const struct message *message, uint64_t seed)
{
	const struct contract_match *match =
		permission_channel(gate, message->topic, message->topic_len);
	const struct contract_mapping *mapping = match->channel ? match->channel->mapping : NULL;
	uint64_t key;

	if (!mapping || !mapping->transitions)
		return 0;
	key = wordhash(seed ^ (mapping->entity->index * ENTITY_SLOTS_MAX + mapping->slot),
		       match->param[mapping->param].text, match->param[mapping->param].len);
	return key ? key : 1;
}

/* ---- life ------------------------------------------------------------------------------ */

int gate_init(struct gate *ret, const struct rules *rules, struct ledger *ledger, struct diag *diag)
{
	struct payload_limits limits = { .max_bytes = rules->payload_max,
					 .max_depth = PAYLOAD_MESSAGE_DEPTH };
	struct payload_limits of_property = { .max_bytes = PROPERTIES_BYTES_MAX, .max_depth = 3 };
	struct payload_limits of_event = { .max_bytes = rules->payload_max + PROPERTIES_BYTES_MAX,
					   .max_depth = PAYLOAD_MESSAGE_DEPTH + 1 };
	int rc = 0;

	if (of_event.max_bytes > PAYLOAD_MAX_BYTES)
		of_event.max_bytes = PAYLOAD_MAX_BYTES;
	memset(ret, 0, sizeof(*ret));
	ret->ledger = ledger;
	ret->is_shared = ledger && ledger_shares_database(ledger);
	ret->rules = rules;
	if (rules->has_property_schemas)
		rc = payload_parser_new(&of_property, &ret->property_parser, diag);
	if (rc == 0)
		rc = payload_parser_new(&limits, &ret->parser, diag);
	if (rc == 0 && rules->has_events)
		rc = payload_parser_new(&of_event, &ret->event_parser, diag);
	if (rc)
		gate_clear(ret);
	return rc;
}

bool gate_force(struct gate *gate, enum contract_group group, enum contract_mode mode)
{
	if (group == CONTRACT_PERMISSION)
		return false;
	gate->forced[group] = (uint8_t)(mode + 1);
	gate->is_forced = true;
	return true;
}

void gate_clear(struct gate *gate)
{
	payload_parser_free(gate->parser);
	payload_parser_free(gate->property_parser);
	payload_parser_free(gate->event_parser);
	memset(gate, 0, sizeof(*gate));
}
