/*
 * entity_rules.c -- what a publish changes in its entity: owner, status, columns.
 */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/sametext.h"
#include "gate/judgement.h"

/* ---- state: what the publish means ---------------------------------------------------- */

static int find_status(const struct contract_transitions *transitions, const char *text, size_t len)
{
	for (size_t i = 0; i < transitions->count; i++)
		if (transitions->status_len[i] == len &&
		    sametext(transitions->status[i], text, len))
			return (int)i;
	return -1;
}

/* "APPROVED, CANCELLED", or "nothing". */
static const char *list_statuses(const struct contract_transitions *transitions, uint64_t set,
				 char *ret, size_t cap)
{
	size_t used = 0;

	(void)snprintf(ret, cap, "nothing");
	for (size_t i = 0; i < transitions->count; i++) {
		int n;

		if (!((set >> i) & 1))
			continue;
		n = snprintf(ret + used, cap - used, "%s%s", used ? ", " : "",
			     transitions->status[i]);
		if (n < 0 || (size_t)n >= cap - used)
			break;
		used += (size_t)n;
	}
	return ret;
}

static bool refuse_transition(struct judgement *j, const char *from, const char *to, size_t to_len,
			      uint64_t allowed)
{
	char next[128];

	(void)snprintf(j->decision->current_status, sizeof(j->decision->current_status), "%s",
		       from);
	judgement_point_member(j, j->mapping->status_member.name, "transition");
	list_statuses(j->mapping->transitions, allowed, next, sizeof(next));
	if (!from[0])
		return judgement_refuse(j, REASON_TRANSITION_ILLEGAL,
					"a new %s begins with %s, not with %.*s",
					j->mapping->entity->name, next, (int)to_len, to);
	return judgement_refuse(j, REASON_TRANSITION_ILLEGAL, "%s is %s: %s may follow, not %.*s",
				j->mapping->entity->name, from, next, (int)to_len, to);
}

static struct value *add_value(struct decision *decision, unsigned column)
{
	struct value *value = &decision->value[decision->write.value_count++];

	*value = (struct value){ .column = column };
	return value;
}

/* From where to where does the message move the entity, which may stand there already? */
static inline __attribute__((always_inline)) void find_step(struct judgement *j)
{
	const char *from = j->state.is_known ? j->state.status[j->mapping->slot] : "";

	j->status = "";
	j->status_len = 0;
	j->to = payload_string(payload_member(j->payload, j->mapping->status_member.name,
					      j->mapping->status_member.len),
			       &j->status, &j->status_len)
			? find_status(j->mapping->transitions, j->status, j->status_len)
			: -1;
	j->from = from[0] ? find_status(j->mapping->transitions, from, strlen(from)) : -1;
	j->is_repeat = j->to >= 0 && j->from == j->to;
}

/* Where the entity has a status that the contract no longer knows, no step is allowed. */
static uint64_t allowed_steps(const struct judgement *j)
{
	if (j->from >= 0)
		return j->mapping->transitions->next[j->from];
	return j->state.is_known && j->state.status[j->mapping->slot][0]
		       ? 0
		       : j->mapping->transitions->first;
}

/*
 * A principal that may correct takes any step from an entity's status. Cold: a correction is rare,
 * and what leads here is a refusal otherwise.
 */
__attribute__((cold, noinline)) static bool correct(struct judgement *j)
{
	const char *from = j->state.is_known ? j->state.status[j->mapping->slot] : "";

	if (j->mapping->transitions->correct < 0 || !from[0] || j->is_own_needed ||
	    permission_holds(j, (unsigned)j->mapping->transitions->correct) != GATE_FULL)
		return false;
	(void)snprintf(j->decision->current_status, sizeof(j->decision->current_status), "%s",
		       from);
	j->decision->is_correction = true;
	return true;
}

static bool refuse_step(struct judgement *j, int scope)
{
	const char *from = j->from < 0 ? "a new one" : j->mapping->transitions->status[j->from];
	const char *to = j->mapping->transitions->status[j->to];

	judgement_point_member(j, j->mapping->status_member.name, "step");
	if (scope < 0)
		return judgement_refuse(
			j, REASON_STEP_SCOPE,
			"%s: %s may act only on what belongs to it, and there is no step from "
			"%s to %s",
			j->mapping->entity->name, j->principal->name, from, to);
	return judgement_refuse(j, REASON_STEP_SCOPE,
				"%s: from %s to %s needs the scope %s, which %s lacks",
				j->mapping->entity->name, from, to,
				j->gate->rules->contract->scope[scope], j->principal->name);
}

/* May the principal take the step from status @from (-1: to begin), which the contract has? */
static bool may_take(struct judgement *j, int from)
{
	int scope = contract_step_scope(j->mapping->transitions, from, j->to);
	enum gate_grant grant;

	if (scope < 0)
		return !j->is_own_needed;
	grant = permission_holds(j, (unsigned)scope);
	return grant == GATE_FULL ||
	       (grant == GATE_OWN && (j->is_own_needed || permission_is_own(j, j->match)));
}

/*
 * A message with the current status changes no status, but replaces the entity's other columns. So
 * its sender needs the right to some step that leads to this status.
 */
__attribute__((cold, noinline)) static bool check_repeat(struct judgement *j)
{
	const struct contract_transitions *transitions = j->mapping->transitions;

	for (int from = -1; from < (int)transitions->count; from++) {
		uint64_t steps = from < 0 ? transitions->first : transitions->next[from];

		if (((steps >> j->to) & 1) && may_take(j, from))
			return true;
	}
	if (correct(j)) {
		j->decision->is_correction = false; /* nothing is moved */
		return true;
	}
	judgement_point_member(j, j->mapping->status_member.name, "step");
	return judgement_refuse(j, REASON_STEP_SCOPE, "%s is %s, which %s may take no step to",
				j->mapping->entity->name, transitions->status[j->to],
				j->principal->name);
}

/* Is it asked who may take the step? Where it has a scope, or the principal has ":own" only. */
static bool is_step_asked(const struct judgement *j)
{
	const struct contract_transitions *transitions = j->mapping->transitions;

	if (j->is_own_needed)
		return true;
	return transitions->scope && j->to >= 0 &&
	       (j->is_repeat || contract_step_scope(transitions, j->from, j->to) >= 0);
}

__attribute__((noinline)) static bool check_step(struct judgement *j)
{
	const struct contract_transitions *transitions = j->mapping->transitions;

	if (j->to < 0)
		return true; /* what is no status is refused for that */
	if (j->is_repeat)
		return check_repeat(j);
	if (!((allowed_steps(j) >> j->to) & 1)) {
		/* Illegal: said by the next question, where it refuses. */
		if (!j->is_own_needed || j->mode[CONTRACT_TRANSITION] == CONTRACT_ENFORCE)
			return true;
		return refuse_step(j, -1);
	}
	if (may_take(j, j->from))
		return true;
	return (contract_step_scope(transitions, j->from, j->to) >= 0 && correct(j)) ||
	       refuse_step(j, contract_step_scope(transitions, j->from, j->to));
}

/* The status that the message says becomes the entity's. */
static inline __attribute__((always_inline)) void write_status(struct judgement *j)
{
	struct value *value = add_value(j->decision, j->mapping->entity->slot[j->mapping->slot]);

	value->type = VALUE_TEXT;
	value->text = j->status;
	value->len = j->status_len;
}

/*
 * Judges the change from the entity's status, which may be the one that is said. Where
 * nothing is known of it, the status must be one to begin with.
 */
static bool check_transition(struct judgement *j)
{
	const char *from = j->state.is_known ? j->state.status[j->mapping->slot] : "";

	if (j->to < 0)
		return judgement_refuse(j, REASON_TRANSITION_ILLEGAL,
					"\"%.*s\" is not a status of %s",
					j->status_len > 80 ? 80 : (int)j->status_len, j->status,
					j->mapping->entity->name);
	if (!j->is_repeat && !((allowed_steps(j) >> j->to) & 1) && !correct(j))
		return refuse_transition(j, from, j->status, j->status_len, allowed_steps(j));
	if (j->is_repeat && !repeat_check(j))
		return false;
	write_status(j);
	return true;
}

static bool is_text(const char *text, size_t len, const char *expected)
{
	return strlen(expected) == len && sametext(text, expected, len);
}

/* The owner that the payload names, if it does. */
static inline __attribute__((always_inline)) bool read_owner(struct judgement *j)
{
	struct ledger_write *write = &j->decision->write;

	if (!j->mapping->owner_member.name ||
	    !payload_string(payload_member(j->payload, j->mapping->owner_member.name,
					   j->mapping->owner_member.len),
			    &write->owner, &write->owner_len))
		return true;
	if (write->owner_len <= ENTITY_OWNER_MAX)
		return true;
	return judgement_refuse(j, REASON_PAYLOAD_TOO_LARGE, "%s is longer than %u bytes",
				j->mapping->owner_member.name, ENTITY_OWNER_MAX);
}

/*
 * For a principal that may act on its own entities only. An entity that does not exist yet is its
 * own if the payload names it as the owner; check_step() asks whether the contract has such a step.
 * An entity that exists without an owner is not its own. This is asked before the entity's state,
 * because the refusal must not show the state of another principal's entity.
 */
static bool check_own_publish(struct judgement *j)
{
	const struct ledger_write *write = &j->decision->write;
	struct ledger_state state;

	if (j->is_own_needed && write->owner && j->mapping->transitions &&
	    is_text(write->owner, write->owner_len, j->principal->name)) {
		if (!judgement_look(j, j->mapping->entity, j->id.text, j->id.len, &state))
			return false;
		if (!state.is_known)
			return true;
	}
	return permission_own(j);
}

static bool refuse_owner(struct judgement *j, const char *member, const char *what,
			 const char *text, size_t len)
{

	judgement_point_member(j, member, "owner");
	return judgement_refuse(j, REASON_OWNER_CHANGE, "the %s has another %s than \"%.*s\"",
				j->mapping->entity->name, what, len > 80 ? 80 : (int)len, text);
}

/* An owner that is known does not change, nor does the link that leads to it. */
static bool check_owner(struct judgement *j, const struct ledger_state *state)
{
	const struct ledger_write *write = &j->decision->write;
	const struct contract_fill *link = j->mapping->link;
	const struct payload_value *member;
	const char *text = "";
	size_t len = 0;

	if (!state->is_known)
		return true;
	if (write->owner && state->owner[0] &&
	    !is_text(write->owner, write->owner_len, state->owner))
		return refuse_owner(j, j->mapping->owner_member.name, "owner", write->owner,
				    write->owner_len);
	member = link && state->link[0]
			 ? payload_member(j->payload, link->member.name, link->member.len)
			 : NULL;
	if (!member || (payload_string(member, &text, &len) && is_text(text, len, state->link)))
		return true;
	return refuse_owner(j, link->member.name, j->mapping->entity->owner_entity->name, text,
			    len);
}

static void fill_value(struct value *to, enum value_type type, const struct payload_value *from)
{
	bool truth;

	if (type == VALUE_TEXT && payload_string(from, &to->text, &to->len))
		to->type = VALUE_TEXT;
	else if (type == VALUE_INTEGER && payload_integer(from, &to->integer))
		to->type = VALUE_INTEGER;
	else if (type == VALUE_REAL && payload_number(from, &to->real) && isfinite(to->real))
		to->type = VALUE_REAL;
	else if (type == VALUE_BOOLEAN && payload_boolean(from, &truth)) {
		to->type = VALUE_BOOLEAN;
		to->integer = truth;
	}
}

static void fill_columns(struct judgement *j)
{
	for (size_t i = 0; i < j->mapping->fill_count; i++) {
		const struct contract_fill *fill = &j->mapping->fill[i];
		const struct payload_value *member =
			payload_member(j->payload, fill->member.name, fill->member.len);

		if (member)
			fill_value(add_value(j->decision, fill->column), fill->type, member);
	}
}

static bool check_entity(struct judgement *j)
{
	j->has_state = judgement_look(j, j->mapping->entity, j->id.text, j->id.len, &j->state);
	return j->has_state && check_owner(j, &j->state);
}

/* The match points into a copy of the topic, which the next topic that is matched overwrites. */
void entity_rules_begin(struct judgement *j)
{
	const struct contract_mapping *mapping = j->match->channel->mapping;
	const struct contract_span *id = &j->match->param[mapping->param];

	j->mapping = mapping;
	j->id.text = j->request->message.topic + (id->text - j->gate->memo_base);
	j->id.len = id->len;
	if (j->gate->ledger)
		ledger_expect(j->gate->ledger, mapping->entity->index, j->id.text, j->id.len);
}

/* Ownership, owner and status change. */
bool entity_rules_check(struct judgement *j)
{
	if (!read_owner(j) || !judgement_ask(j, GATE_STEP_OWN, check_own_publish) ||
	    !judgement_ask(j, GATE_STEP_ENTITY, check_entity))
		return false;
	if (!j->mapping->transitions || !j->has_state)
		return true;
	find_step(j);
	if (is_step_asked(j) && !judgement_ask(j, GATE_STEP_STEP, check_step))
		return false;
	return judgement_ask(j, GATE_STEP_TRANSITION, check_transition);
}

static bool look(struct judgement *j)
{
	j->has_state = judgement_look(j, j->mapping->entity, j->id.text, j->id.len, &j->state);
	return j->has_state;
}

static bool take_step(struct judgement *j)
{
	if (j->is_repeat)
		repeat_take_over(j);
	else if (!peer_rules_step(j))
		return false;
	write_status(j);
	return true;
}

bool entity_rules_take_over(struct judgement *j)
{
	if (!read_owner(j) || !judgement_ask(j, GATE_STEP_ENTITY, look))
		return false;
	if (!j->mapping->transitions || !j->has_state)
		return true;
	find_step(j);
	return judgement_ask(j, GATE_STEP_TRANSITION, take_step);
}

void entity_rules_read(struct judgement *j)
{
	if (!read_owner(j))
		return; /* it is left alone: what stands is read from the database */
	j->state = (struct ledger_state){ 0 };
	j->has_state = true;
	if (!j->mapping->transitions)
		return;
	find_step(j);
	if (j->to >= 0)
		write_status(j);
}

bool entity_rules_current(struct judgement *j)
{
	const struct contract_mapping *mapping = j->match->channel->mapping;
	const struct contract_span *id = &j->match->param[mapping->param];
	const char *text = "", *current;
	struct ledger_state state;
	size_t len = 0;

	if (j->request->message.payload_len == 0 || !message_rules_json(j) ||
	    !payload_string(payload_member(j->payload, mapping->status_member.name,
					   mapping->status_member.len),
			    &text, &len) ||
	    find_status(mapping->transitions, text, len) < 0 ||
	    !judgement_look(j, mapping->entity, id->text, id->len, &state) || !state.is_known) {
		j->decision->reason = REASON_NONE;
		return true;
	}
	current = state.status[mapping->slot];
	if (!current[0] || is_text(text, len, current))
		return true;
	return judgement_refuse(j, REASON_OVERTAKEN, "%.*s is said, and %s is the current status",
				len > 80 ? 80 : (int)len, text, current);
}

/* After a reload: are the columns there that the channel fills? The others are not asked for. */
__attribute__((cold, noinline)) static bool check_columns(struct judgement *j)
{
	const struct entity *entity = j->mapping->entity;
	const char *table = NULL;

	if (j->mapping->transitions)
		table = ledger_lacks(j->gate->ledger, entity->index,
				     entity->slot[j->mapping->slot]);
	for (size_t i = 0; !table && i < j->mapping->fill_count; i++)
		table = ledger_lacks(j->gate->ledger, entity->index, j->mapping->fill[i].column);
	return !table || judgement_lack(j, table);
}

/* Has the journal to be synced for it? A strict step is committed where no disk of ours matters. */
static bool is_synced(const struct judgement *j)
{
	return j->match->channel->durability == CONTRACT_POWER && !entity_rules_is_strict(j);
}

bool entity_rules_store(struct judgement *j)
{
	size_t bytes = j->request->message.topic_len + j->request->message.payload_len;

	if (j->has_state && j->gate->ledger && !ledger_has_all(j->gate->ledger) &&
	    !check_columns(j))
		return false;
	if (!j->gate->ledger || ledger_is_ready(j->gate->ledger, bytes, is_synced(j)))
		return true;
	return judgement_refuse(j, REASON_STORE_UNAVAILABLE,
				"the write cannot be kept now, try again later");
}

/* A step's is worked out when it is said again, from its event. */
static uint64_t content_to_keep(const struct judgement *j)
{
	const struct contract_channel *channel = j->match->channel;

	if (j->is_repeat)
		return j->content;
	if (!channel->content->mark || !j->has_state || !j->gate->ledger ||
	    (channel->is_recorded && !entity_rules_is_strict(j)))
		return 0;
	return repeat_content(j);
}

bool entity_rules_shares(const struct judgement *j)
{
	return j->gate->ledger && ledger_shares_database(j->gate->ledger);
}

/* The database is asked whether the entity is what it was decided on. */
__attribute__((cold, noinline)) static void describe_strict(struct judgement *j)
{
	struct ledger_write *write = &j->decision->write;

	write->is_strict = true;
	write->is_guard = j->decision->has_retained && j->has_state;
	write->slot = j->has_state && j->mapping->transitions ? (int)j->mapping->slot : -1;
	if (!write->is_guard)
		return;
	write->entity = j->mapping->entity->index;
	write->id = j->id.text;
	write->id_len = j->id.len;
	write->value_count = 0;
	write->owner = NULL;
}

void entity_rules_describe(struct judgement *j)
{
	struct ledger_write *write = &j->decision->write;

	write->entity = ENTITY_NONE;
	write->id = NULL;
	write->id_len = 0;
	if (j->has_state && !j->decision->has_retained) {
		write->entity = j->mapping->entity->index;
		write->id = j->id.text;
		write->id_len = j->id.len;
		fill_columns(j);
	}
	write->mark = j->match->channel->content->mark;
	write->is_shared = j->match->channel->content->is_shared;
	write->content = content_to_keep(j);
	write->value = j->decision->value;
	write->received_ms = 0;
	write->publisher = write->client_id = NULL;
	write->is_unrecorded = !j->match->channel->is_recorded || j->decision->has_retained;
	write->is_power =
		j->match->channel->durability == CONTRACT_POWER && !j->decision->has_retained;
	write->kind = j->decision->kind ? j->decision->kind->name : NULL;
	write->message = j->request->message;
	write->properties = NULL;
	write->properties_len = 0;
	write->is_correction = j->decision->is_correction;
	write->is_adopted = j->decision->is_adopted;
	if (write->is_adopted)
		adopt_drop_unfit(j);
	write->is_taken_over = j->decision->is_taken_over;
	write->peer = NULL; /* the caller's, which sees the properties */
	write->unique = j->unique;
	write->is_strict = write->is_guard = false;
	write->digest = write->sender = 0; /* the caller's, which has the one at hand */
	if (entity_rules_is_strict(j))
		describe_strict(j);
}
