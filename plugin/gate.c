#include "gate.h"

#include <stdio.h>
#include <string.h>

/* The life of a decision, from here to gate_decide() at the end of the file. */
struct judgement {
	struct gate *gate;
	const struct access_principal *principal;
	const struct gate_request *request;
	struct decision *decision;
	struct contract_match match;
	const struct payload_value *payload; /* NULL until parsed */
	bool is_own_needed; /* the scope holds for the principal's own entities only */
	bool is_repeat;     /* the entity stands where the message moves it */
	bool has_state;     /* of the entity, below */
	struct ledger_state state;
};

/* ---- asking -------------------------------------------------------------------------- */

const char *gate_step_name(enum gate_step step)
{
	static const char *const names[GATE_STEP_COUNT] = {
#define X(name, text, group) [name] = text,
		GATE_STEP_TABLE(X)
#undef X
	};

	return (unsigned)step < GATE_STEP_COUNT ? names[step] : "";
}

enum contract_group gate_step_group(enum gate_step step)
{
	static const enum contract_group groups[GATE_STEP_COUNT] = {
#define X(name, text, group) [name] = group,
		GATE_STEP_TABLE(X)
#undef X
	};

	return groups[step];
}

/* A topic of no channel is under the document's own modes. */
static enum contract_mode mode_of(const struct judgement *j, enum contract_group group)
{
	const struct contract_channel *channel = j->match.channel;

	return channel ? channel->mode[group] : contract_mode(j->gate->rules->contract)[group];
}

/* What is wrong is only observed: the first of it is remembered, and the way is free. */
static bool observe(struct judgement *j)
{
	struct decision *d = j->decision;

	if (!d->is_observed) {
		j->gate->first.reason = d->reason;
		j->gate->first.error = d->error;
		memcpy(j->gate->first.standing, d->standing, sizeof(d->standing));
	}
	d->is_observed = true;
	d->error.instance[0] = d->error.schema[0] = d->error.keyword[0] = d->error.message[0] = 0;
	d->standing[0] = '\0';
	return true;
}

/* False: refused. */
static bool ask_as(struct judgement *j, enum gate_step step, enum contract_group group,
		   bool (*check)(struct judgement *j))
{
	enum contract_mode mode = mode_of(j, group);

	if (mode == CONTRACT_OFF)
		return true;
	j->decision->asked |= 1u << step;
	if (check(j))
		return true;
	j->decision->failed |= 1u << step;
	return mode == CONTRACT_OBSERVE && observe(j);
}

static bool ask(struct judgement *j, enum gate_step step, bool (*check)(struct judgement *j))
{
	return ask_as(j, step, gate_step_group(step), check);
}

/* ---- saying no ----------------------------------------------------------------------- */

/* Marks the decision as refused. Always false, so that a check reads `return refuse(...)`. */
__attribute__((format(printf, 3, 4))) static bool refuse(struct judgement *j, enum reason reason,
							 const char *format, ...)
{
	char text[2 * sizeof(j->decision->error.message)];
	va_list args;

	j->decision->reason = reason;
	if (j->request->action == GATE_DELIVER)
		return false;
	va_start(args, format);
	(void)vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	diag_escape(j->decision->error.message, sizeof(j->decision->error.message), text,
		    strlen(text));
	return false;
}

/* The same about a member of the payload. */
static void point(struct judgement *j, const char *pointer, const char *keyword)
{
	struct schema_error *error = &j->decision->error;

	(void)snprintf(error->instance, sizeof(error->instance), "%s", pointer);
	(void)snprintf(error->keyword, sizeof(error->keyword), "%s", keyword);
}

static bool refuse_scope(struct judgement *j, const struct contract_operation *operation)
{
	const struct contract *contract = j->gate->rules->contract;
	char names[128] = "";
	size_t used = 0;

	if (j->request->action == GATE_DELIVER)
		return refuse(j, REASON_SCOPE_MISSING, "scope missing");
	for (size_t i = 0; i < contract_scope_count(contract); i++) {
		int n;

		if (operation->alternative_count == 0 ||
		    !scopeset_has(&operation->alternative[0], (unsigned)i))
			continue;
		n = snprintf(names + used, sizeof(names) - used, " %s",
			     contract_scope(contract, i));
		used += n > 0 && (size_t)n < sizeof(names) - used ? (size_t)n : 0;
	}
	return refuse(j, REASON_SCOPE_MISSING, "operation %s needs the scope%s, which %s lacks",
		      operation->name, names, j->principal->name);
}

/* ---- channel and permission ---------------------------------------------------------- */

static const struct contract_match *find_channel(struct gate *gate, const char *topic, size_t len)
{
	if (len > 0 && len == gate->memo_len && memcmp(topic, gate->memo_topic, len) == 0)
		return &gate->memo;
	gate->memo_len = 0;
	if (len <= sizeof(gate->memo_topic)) {
		/* The match points into its topic: match our copy, which stays. */
		memcpy(gate->memo_topic, topic, len);
		gate->memo_len = len;
		topic = gate->memo_topic;
	}
	gate->memo_base = topic;
	gate->memo = contract_match(gate->rules->contract, topic, len);
	return &gate->memo;
}

static enum gate_grant operation_grant(const struct contract_operation *operation,
				       const struct scopeset *full, const struct scopeset *own)
{
	enum gate_grant best = GATE_NONE;

	if (!operation->name)
		return GATE_NONE;
	if (operation->alternative_count == 0)
		return GATE_FULL;
	for (size_t i = 0; i < operation->alternative_count; i++) {
		struct scopeset both = *full;

		if (scopeset_covers(full, &operation->alternative[i]))
			return GATE_FULL;
		scopeset_merge(&both, own);
		if (scopeset_covers(&both, &operation->alternative[i]))
			best = GATE_OWN;
	}
	return best;
}

enum gate_grant gate_grant(const struct access_principal *principal,
			   const struct contract_operation *operation,
			   const struct contract_match *match)
{
	struct access_param param[CONTRACT_PARAMS_MAX];
	struct access_held held;

	if (principal->rule_count == 0)
		return operation_grant(operation, &principal->full, &principal->own);
	for (size_t i = 0; i < match->channel->param_count; i++)
		param[i] = (struct access_param){ match->channel->param[i].name,
						  match->param[i].text, match->param[i].len };
	access_hold(principal, param, match->channel->param_count, &held);
	return operation_grant(operation, &held.full, &held.own);
}

/* Is what @match is about for the asking client alone? Its id stands in the topic. */
static bool is_addressed(const struct judgement *j, const struct contract_match *match)
{
	const char *id = j->request->client_id;
	bool is = false;

	for (size_t i = 0; i < match->channel->param_count; i++) {
		const struct contract_span *span = &match->param[i];

		if (!match->channel->param[i].is_client_id)
			continue;
		if (!id || !span->text || strlen(id) != span->len ||
		    memcmp(id, span->text, span->len) != 0)
			return false;
		is = true;
	}
	return is;
}

static enum gate_grant receive_grant(const struct judgement *j, const struct contract_match *match)
{
	enum gate_grant grant = gate_grant(j->principal, &match->channel->receive, match);

	return grant != GATE_FULL && is_addressed(j, match) ? GATE_FULL : grant;
}

static bool check_scope(struct judgement *j)
{
	const struct contract_channel *channel = j->match.channel;
	bool is_send = j->request->action == GATE_PUBLISH;
	const struct contract_operation *operation = is_send ? &channel->send : &channel->receive;

	if (!operation->name)
		return refuse(j, REASON_DIRECTION, "channel %s has no %s operation", channel->name,
			      is_send ? "send" : "receive");
	switch (is_send ? gate_grant(j->principal, operation, &j->match)
			: receive_grant(j, &j->match)) {
	case GATE_FULL:
		return true;
	case GATE_OWN:
		j->is_own_needed = true;
		return true;
	case GATE_NONE:
		break;
	}
	return refuse_scope(j, operation);
}

static bool check_topic(struct judgement *j)
{
	if (!j->match.channel)
		return refuse(j, REASON_TOPIC_UNKNOWN, "no channel of the contract has this topic");
	return true;
}

static bool is_listed(const struct contract_param *param, const struct contract_span *span)
{
	for (size_t i = 0; i < param->value_count; i++)
		if (strlen(param->value[i]) == span->len &&
		    memcmp(param->value[i], span->text, span->len) == 0)
			return true;
	return false;
}

static bool check_params(struct judgement *j)
{
	const struct contract_channel *channel = j->match.channel;
	const struct rules_channel *more = &j->gate->rules->channel[channel->index];

	for (size_t i = 0; i < channel->param_count; i++) {
		const struct contract_param *param = &channel->param[i];
		const struct contract_span *span = &j->match.param[i];

		if (param->value_count > 0 && !is_listed(param, span))
			return refuse(j, REASON_TOPIC_PARAMETER,
				      "%s is \"%.*s\", which the contract does not list",
				      param->name, (int)span->len, span->text);
		if (more->pattern[i] &&
		    pattern_search(more->pattern[i], span->text, span->len) != PATTERN_YES)
			return refuse(j, REASON_TOPIC_PARAMETER,
				      "%s is \"%.*s\", which does not match %s", param->name,
				      (int)span->len, span->text, param->pattern);
	}
	return true;
}

/* ---- ownership ----------------------------------------------------------------------- */

static bool is_attributed(const struct judgement *j, const struct contract_match *match)
{
	for (size_t i = 0; i < match->channel->param_count; i++)
		if (match->param[i].text &&
		    access_attribute_has(j->principal, match->channel->param[i].name,
					 match->param[i].text, match->param[i].len))
			return true;
	return false;
}

static bool look(struct judgement *j, const struct contract_entity *entity, const char *id,
		 size_t len, struct ledger_state *ret)
{
	struct diag diag;

	memset(ret, 0, sizeof(*ret));
	if (!j->gate->ledger)
		return true;
	if (ledger_look(j->gate->ledger, entity->index, id, len, ret, &diag) == 0)
		return true;
	return refuse(j, REASON_STORE_UNAVAILABLE, "the store can't be asked now");
}

/*
 * The owner of the entity that @match is about: its own, or that of the entity it links to.
 * *ret is "" where nobody is known to own it. False: refused, the store is out of reach.
 */
static bool find_owner(struct judgement *j, const struct contract_match *match, const char **ret)
{
	const struct contract_mapping *mapping = match->channel->mapping;
	const struct contract_span *id = &match->param[mapping->param];
	struct ledger_state state;
	char link[LEDGER_ID_MAX + 1];

	*ret = "";
	if (!look(j, mapping->entity, id->text, id->len, &state))
		return false;
	if (!state.is_known)
		return true;
	*ret = state.owner;
	if (state.owner[0] || !mapping->entity->owner_entity || !state.link[0])
		return true;
	(void)snprintf(link, sizeof(link), "%s", state.link); /* the next look replaces it */
	if (!look(j, mapping->entity->owner_entity, link, strlen(link), &state))
		return false;
	*ret = state.is_known ? state.owner : "";
	return true;
}

/* Is what @match is about the principal's own? A wildcard in place of the id is not. */
static bool is_own(struct judgement *j, const struct contract_match *match)
{
	const struct contract_mapping *mapping = match->channel->mapping;
	const char *owner;

	if (is_attributed(j, match))
		return true;
	if (!mapping || !match->param[mapping->param].text)
		return false;
	return find_owner(j, match, &owner) && strcmp(owner, j->principal->name) == 0;
}

static bool check_own(struct judgement *j)
{
	if (!j->is_own_needed || is_own(j, &j->match))
		return true;
	if (j->decision->reason == REASON_STORE_UNAVAILABLE)
		return false;
	return refuse(j, REASON_NOT_OWNER, "%s may act on its own only, and this is not",
		      j->principal->name);
}

/* ---- payload ------------------------------------------------------------------------- */

static bool check_size(struct judgement *j)
{
	if (j->request->payload_len == 0)
		return refuse(j, REASON_PAYLOAD_EMPTY, "the payload is empty");
	if (j->request->payload_len > j->match.channel->payload_max)
		return refuse(j, REASON_PAYLOAD_TOO_LARGE,
			      "the payload has %zu bytes, the channel takes at most %zu",
			      j->request->payload_len, j->match.channel->payload_max);
	return true;
}

static bool parse(struct judgement *j)
{
	struct payload_error error;

	j->payload = payload_parse(j->gate->parser, j->request->payload, j->request->payload_len,
				   &error);
	if (j->payload)
		return true;
	if (error.fault == PAYLOAD_NOMEM)
		return refuse(j, REASON_INTERNAL, "out of memory");
	if (error.fault == PAYLOAD_TOO_LARGE)
		return refuse(j, REASON_PAYLOAD_TOO_LARGE, "%s", error.text);
	return refuse(j, REASON_PAYLOAD_NOT_JSON, "at byte %zu: %s", error.offset, error.text);
}

static bool check_schema(struct judgement *j)
{
	const struct schema *schema = j->gate->rules->channel[j->match.channel->index].schema;
	enum schema_answer answer = schema_check(schema, j->payload);

	if (answer == SCHEMA_VALID)
		return true;
	(void)schema_explain(schema, j->payload, &j->decision->error, 1, &answer);
	j->decision->reason =
		answer == SCHEMA_LIMIT ? REASON_SCHEMA_LIMIT : REASON_SCHEMA_VIOLATION;
	return false;
}

/* The value that RFC 6901 pointer @pointer names; objects only, as locations go. */
static const struct payload_value *value_at(const struct payload_value *value, const char *pointer)
{
	char token[128];

	while (value && *pointer == '/') {
		size_t raw = strcspn(++pointer, "/");
		size_t len = 0;

		for (size_t i = 0; i < raw && len < sizeof(token); i++) {
			token[len] = pointer[i];
			if (pointer[i] == '~' && i + 1 < raw)
				token[len] = pointer[++i] == '1' ? '/' : '~';
			len++;
		}
		value = payload_member(value, token, len);
		pointer += raw;
	}
	return value;
}

/* What the contract says stands in the payload as well as in the topic must be the same. */
static bool check_ids(struct judgement *j)
{
	const struct contract_channel *channel = j->match.channel;

	for (size_t i = 0; i < channel->param_count; i++) {
		const struct contract_param *param = &channel->param[i];
		const struct contract_span *span = &j->match.param[i];
		const char *text = NULL;
		size_t len = 0;

		if (!param->location)
			continue;
		if (payload_string(value_at(j->payload, param->location), &text, &len) &&
		    len == span->len && memcmp(text, span->text, len) == 0)
			continue;
		point(j, param->location, "location");
		return refuse(j, REASON_ID_MISMATCH,
			      "%s is \"%.*s\" in the topic and \"%.*s\" in the payload",
			      param->name, (int)span->len, span->text, len > 80 ? 80 : (int)len,
			      text ? text : "");
	}
	return true;
}

/* ---- the contract's delivery terms ---------------------------------------------------- */

static bool check_will(struct judgement *j)
{
	if (!j->request->is_will || j->match.channel->is_will_allowed)
		return true;
	return refuse(j, REASON_WILL_FORBIDDEN, "channel %s takes no last will",
		      j->match.channel->name);
}

static bool check_retain(struct judgement *j)
{
	enum contract_retain retain = j->match.channel->send.retain;

	if (j->request->is_retained && retain == CONTRACT_RETAIN_MUST_NOT)
		return refuse(j, REASON_RETAIN_FORBIDDEN, "channel %s takes no retained messages",
			      j->match.channel->name);
	if (!j->request->is_retained && retain == CONTRACT_RETAIN_MUST)
		return refuse(j, REASON_RETAIN_REQUIRED, "channel %s takes retained messages only",
			      j->match.channel->name);
	return true;
}

static bool check_qos(struct judgement *j)
{
	unsigned least = j->match.channel->send.qos;

	if (j->request->qos >= least)
		return true;
	return refuse(j, REASON_QOS_TOO_LOW, "QoS %u was used, channel %s takes %u and above",
		      j->request->qos, j->match.channel->name, least);
}

/* ---- state: what the publish means ---------------------------------------------------- */

static int find_status(const struct contract_transitions *transitions, const char *text, size_t len)
{
	for (size_t i = 0; i < transitions->count; i++)
		if (strncmp(transitions->status[i], text, len) == 0 &&
		    transitions->status[i][len] == '\0')
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
	const struct contract_mapping *mapping = j->match.channel->mapping;
	char next[128];
	char pointer[128];

	(void)snprintf(j->decision->standing, sizeof(j->decision->standing), "%s", from);
	(void)snprintf(pointer, sizeof(pointer), "/%s", mapping->status_member);
	point(j, pointer, "transition");
	list_statuses(mapping->transitions, allowed, next, sizeof(next));
	if (!from[0])
		return refuse(j, REASON_TRANSITION_ILLEGAL,
			      "a new %s begins with %s, not with %.*s", mapping->entity->name, next,
			      (int)to_len, to);
	return refuse(j, REASON_TRANSITION_ILLEGAL, "%s is %s: %s may follow, not %.*s",
		      mapping->entity->name, from, next, (int)to_len, to);
}

static struct ledger_value *add_value(struct decision *decision, unsigned column)
{
	struct ledger_value *value = &decision->value[decision->write.value_count++];

	*value = (struct ledger_value){ .column = column };
	return value;
}

/*
 * Judges the change of status from where the entity stands; it may stand there already. Where
 * nothing is known of it, the status must be one to begin with.
 */
static bool check_transition(struct judgement *j)
{
	const struct contract_mapping *mapping = j->match.channel->mapping;
	const struct contract_transitions *transitions = mapping->transitions;
	const char *from = j->state.is_known ? j->state.status[mapping->slot] : "";
	struct ledger_value *value;
	const char *text = "";
	size_t len = 0;
	uint64_t allowed;
	int to, now;

	if (!payload_string(payload_member(j->payload, mapping->status_member,
					   strlen(mapping->status_member)),
			    &text, &len) ||
	    (to = find_status(transitions, text, len)) < 0)
		return refuse(j, REASON_TRANSITION_ILLEGAL, "\"%.*s\" is not a status of %s",
			      len > 80 ? 80 : (int)len, text, mapping->entity->name);
	now = from[0] ? find_status(transitions, from, strlen(from)) : -1;
	j->is_repeat = now == to;
	/* A standing status that the contract no longer knows leaves no way on: refused. */
	allowed = now >= 0 ? transitions->next[now] : from[0] ? 0 : transitions->first;
	if (!j->is_repeat && !((allowed >> to) & 1))
		return refuse_transition(j, from, text, len, allowed);
	value = add_value(j->decision, mapping->entity->slot[mapping->slot]);
	value->type = LEDGER_TEXT;
	value->text = text;
	value->len = len;
	return true;
}

static bool is_text(const char *text, size_t len, const char *expected)
{
	return strlen(expected) == len && memcmp(text, expected, len) == 0;
}

/* The owner that the payload names, if it does. */
static bool read_owner(struct judgement *j)
{
	const struct contract_mapping *mapping = j->match.channel->mapping;
	struct ledger_write *write = &j->decision->write;

	if (!mapping->owner_member ||
	    !payload_string(payload_member(j->payload, mapping->owner_member,
					   strlen(mapping->owner_member)),
			    &write->owner, &write->owner_len))
		return true;
	if (write->owner_len <= LEDGER_OWNER_MAX)
		return true;
	return refuse(j, REASON_SCHEMA_LIMIT, "%s is longer than %u bytes", mapping->owner_member,
		      LEDGER_OWNER_MAX);
}

/*
 * Whoever may act on his own only: what has no owner yet is his when the payload says so.
 * Asked before anything about the entity's state, which is not his to know otherwise.
 */
static bool check_own_publish(struct judgement *j)
{
	const struct ledger_write *write = &j->decision->write;
	const char *owner = "";

	if (j->is_own_needed && write->owner &&
	    is_text(write->owner, write->owner_len, j->principal->name)) {
		if (!find_owner(j, &j->match, &owner))
			return false;
		if (!owner[0])
			return true;
	}
	return check_own(j);
}

/* An owner that stands does not change. */
static bool check_owner(struct judgement *j, const struct ledger_state *state)
{
	const struct contract_mapping *mapping = j->match.channel->mapping;
	const struct ledger_write *write = &j->decision->write;
	char pointer[128];

	if (!write->owner || !state->is_known || !state->owner[0] ||
	    is_text(write->owner, write->owner_len, state->owner))
		return true;
	(void)snprintf(pointer, sizeof(pointer), "/%s", mapping->owner_member);
	point(j, pointer, "owner");
	return refuse(j, REASON_OWNER_CHANGE, "the %s has another owner than \"%.*s\"",
		      mapping->entity->name, (int)write->owner_len, write->owner);
}

static void fill_value(struct ledger_value *to, enum contract_type type,
		       const struct payload_value *from)
{
	bool truth;

	if (type == CONTRACT_TEXT && payload_string(from, &to->text, &to->len))
		to->type = LEDGER_TEXT;
	else if (type == CONTRACT_INTEGER && payload_integer(from, &to->integer))
		to->type = LEDGER_INTEGER;
	else if (type == CONTRACT_REAL && payload_number(from, &to->real))
		to->type = LEDGER_REAL;
	else if (type == CONTRACT_BOOLEAN && payload_boolean(from, &truth)) {
		to->type = LEDGER_BOOLEAN;
		to->integer = truth;
	}
}

static void fill_columns(struct judgement *j)
{
	const struct contract_mapping *mapping = j->match.channel->mapping;

	for (size_t i = 0; i < mapping->fill_count; i++) {
		const struct contract_fill *fill = &mapping->fill[i];
		const struct payload_value *member =
			payload_member(j->payload, fill->member, fill->member_len);

		if (member)
			fill_value(add_value(j->decision, fill->column),
				   mapping->entity->column[fill->column].type, member);
	}
}

static bool check_entity(struct judgement *j)
{
	const struct contract_mapping *mapping = j->match.channel->mapping;
	const struct contract_span *id = &j->match.param[mapping->param];

	j->has_state = look(j, mapping->entity, id->text, id->len, &j->state);
	return j->has_state && check_owner(j, &j->state);
}

/* Ownership, owner and status change. */
static bool check_state(struct judgement *j)
{
	const struct contract_mapping *mapping = j->match.channel->mapping;

	if (!read_owner(j) || !ask(j, GATE_STEP_OWN, check_own_publish) ||
	    !ask(j, GATE_STEP_ENTITY, check_entity))
		return false;
	return !mapping->transitions || !j->has_state ||
	       ask(j, GATE_STEP_TRANSITION, check_transition);
}

static bool check_store(struct judgement *j)
{
	size_t bytes = j->request->topic_len + j->request->payload_len;

	if (!j->gate->ledger || ledger_is_ready(j->gate->ledger, bytes))
		return true;
	return refuse(j, REASON_STORE_UNAVAILABLE, "the write cannot be kept now, try again later");
}

static void describe_write(struct judgement *j)
{
	struct ledger_write *write = &j->decision->write;

	write->entity = LEDGER_NO_ENTITY;
	if (j->has_state) {
		const struct contract_mapping *mapping = j->match.channel->mapping;
		const struct contract_span *id = &j->match.param[mapping->param];

		write->entity = mapping->entity->index;
		/* The match points into the memo, which the next delivery may replace. */
		write->id = j->request->topic + (id->text - j->gate->memo_base);
		write->id_len = id->len;
		fill_columns(j);
	}
	write->value = j->decision->value;
	write->is_unrecorded = !j->match.channel->is_recorded;
	write->is_power = j->match.channel->durability == CONTRACT_POWER;
	write->topic = j->request->topic;
	write->topic_len = j->request->topic_len;
	write->payload = j->request->payload;
	write->payload_len = j->request->payload_len;
	write->qos = j->request->qos;
	write->is_retained = j->request->is_retained;
}

/* ---- the four questions --------------------------------------------------------------- */

/* What can't be read has no status: parsing is asked for where either group wants it. */
static bool ask_json(struct judgement *j)
{
	bool is_needed = j->match.channel->mapping && mode_of(j, CONTRACT_SCHEMA) == CONTRACT_OFF;

	return ask_as(j, GATE_STEP_JSON, is_needed ? CONTRACT_TRANSITION : CONTRACT_SCHEMA, parse);
}

static bool check_payload(struct judgement *j)
{
	if (!j->match.channel->schema_uri)
		return j->request->payload_len == 0 || ask(j, GATE_STEP_SIZE, check_size);
	if (!ask(j, GATE_STEP_SIZE, check_size) || !ask_json(j))
		return false;
	return !j->payload ||
	       (ask(j, GATE_STEP_SCHEMA, check_schema) && ask(j, GATE_STEP_IDS, check_ids));
}

static uint32_t steps_of(enum contract_group group)
{
	uint32_t steps = 0;

	for (unsigned step = 0; step < GATE_STEP_COUNT; step++)
		if (gate_step_group((enum gate_step)step) == group)
			steps |= 1u << step;
	return steps;
}

/*
 * Is there something to keep? Only what schema and transitions were asked about and have
 * nothing against: what is merely observed or not looked at moves no state.
 */
static bool is_to_be_kept(struct judgement *j)
{
	const struct contract_channel *channel = j->match.channel;
	uint32_t failed = j->decision->failed;

	if (failed && failed & (steps_of(CONTRACT_SCHEMA) | steps_of(CONTRACT_TRANSITION)))
		return false;
	if (mode_of(j, CONTRACT_SCHEMA) == CONTRACT_OFF)
		return false;
	return j->has_state ? !j->is_repeat : channel->is_recorded;
}

/* What the contract asks of a publish, once it is known that the client may publish there. */
static bool check_terms(struct judgement *j)
{
	const struct contract_mapping *mapping = j->match.channel->mapping;

	if (j->request->payload_len == 0 && j->request->is_retained) /* clears what is retained */
		return ask(j, GATE_STEP_RETAIN, check_retain) && ask(j, GATE_STEP_OWN, check_own);
	if (!check_payload(j) || !ask(j, GATE_STEP_QOS, check_qos) ||
	    !ask(j, GATE_STEP_RETAIN, check_retain))
		return false;
	if (mapping && j->payload && mode_of(j, CONTRACT_TRANSITION) != CONTRACT_OFF) {
		if (!check_state(j))
			return false;
	} else if (!ask(j, GATE_STEP_OWN, check_own)) {
		return false;
	}
	if (!is_to_be_kept(j))
		return true;
	if (!ask(j, GATE_STEP_STORE, check_store))
		return false;
	j->decision->has_write = !(j->decision->failed & 1u << GATE_STEP_STORE);
	if (j->decision->has_write)
		describe_write(j);
	return true;
}

/* Finds the channel and asks for the scope. *is_done: there is nothing more to ask about. */
static bool check_permission(struct judgement *j, bool *is_done)
{
	j->match = *find_channel(j->gate, j->request->topic, j->request->topic_len);
	j->decision->channel = j->match.channel;
	*is_done = !j->match.channel;
	return ask(j, GATE_STEP_TOPIC, check_topic) &&
	       (*is_done || ask(j, GATE_STEP_SCOPE, check_scope));
}

static bool judge_publish(struct judgement *j)
{
	bool is_done;

	if (!check_permission(j, &is_done))
		return false;
	return is_done || (ask(j, GATE_STEP_PARAMETERS, check_params) &&
			   ask(j, GATE_STEP_WILL, check_will) && check_terms(j));
}

static bool judge_delivery(struct judgement *j)
{
	bool is_done;

	return check_permission(j, &is_done) && (is_done || ask(j, GATE_STEP_OWN, check_own));
}

struct reach {
	struct judgement *j;
	const struct contract_channel *forbidden; /* one that was reached but is not readable */
	bool is_other;                            /* since it is someone else's */
	bool is_observed;                         /* one of those is only observed */
};

static bool has_wildcard(const struct contract_match *match)
{
	for (size_t i = 0; i < match->channel->param_count; i++)
		if (!match->param[i].text)
			return true;
	return false;
}

static bool is_readable(const struct contract_match *match, void *ctx)
{
	struct reach *reach = ctx;
	struct judgement *j = reach->j;
	enum contract_mode mode = match->channel->mode[CONTRACT_PERMISSION];
	enum gate_grant grant;

	if (!match->channel->receive.name)
		return false;
	grant = mode == CONTRACT_OFF ? GATE_FULL : receive_grant(j, match);
	/* A wildcard may reach what is one's own: each delivery is judged again. */
	if (grant == GATE_FULL || (grant == GATE_OWN && (has_wildcard(match) || is_own(j, match))))
		return true;
	reach->forbidden = match->channel;
	reach->is_other = grant == GATE_OWN;
	reach->is_observed |= mode == CONTRACT_OBSERVE;
	return false;
}

static bool refuse_filter(struct judgement *j, const struct reach *reach)
{
	if (!reach->forbidden)
		return refuse(j, REASON_FILTER_UNREACHABLE,
			      "no channel of the contract lies under this filter");
	j->decision->channel = reach->forbidden;
	if (reach->is_other)
		return refuse(j, REASON_NOT_OWNER, "%s may read its own only, and this is not",
			      j->principal->name);
	return refuse_scope(j, &reach->forbidden->receive);
}

/* A filter is granted when some channel it can reach is readable. */
static bool judge_subscription(struct judgement *j)
{
	enum contract_mode mode = contract_mode(j->gate->rules->contract)[CONTRACT_PERMISSION];
	struct reach reach = { .j = j };
	bool is_reachable;

	is_reachable = contract_reach(j->gate->rules->contract, j->request->topic,
				      j->request->topic_len, is_readable, &reach);
	j->decision->asked |= 1u << GATE_STEP_TOPIC;
	if (is_reachable || reach.forbidden)
		j->decision->asked |= 1u << GATE_STEP_SCOPE;
	/* A store that was out of reach on the way is no matter. */
	if (is_reachable || (!reach.forbidden && mode == CONTRACT_OFF))
		return true;
	j->decision->failed |= 1u << (reach.forbidden ? GATE_STEP_SCOPE : GATE_STEP_TOPIC);
	(void)refuse_filter(j, &reach);
	return (reach.forbidden ? reach.is_observed : mode == CONTRACT_OBSERVE) && observe(j);
}

static bool judge(struct judgement *j)
{
	if (j->request->action == GATE_UNSUBSCRIBE)
		return true; /* giving up a subscription needs no leave */
	j->decision->asked |= 1u << GATE_STEP_IDENTITY;
	if (!j->principal || j->principal->is_disabled) {
		j->decision->failed |= 1u << GATE_STEP_IDENTITY;
		return refuse(j, REASON_IDENTITY_UNKNOWN, "the client has no identity in force");
	}
	switch (j->request->action) {
	case GATE_PUBLISH:
		return judge_publish(j);
	case GATE_DELIVER:
		return judge_delivery(j);
	case GATE_SUBSCRIBE:
		return judge_subscription(j);
	case GATE_UNSUBSCRIBE:
		break;
	}
	return refuse(j, REASON_INTERNAL, "there is no such action");
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
	memcpy(d->standing, j->gate->first.standing, sizeof(d->standing));
}

void gate_decide(struct gate *gate, const struct access_principal *principal,
		 const struct gate_request *request, struct decision *ret)
{
	struct judgement j = {
		.gate = gate, .principal = principal, .request = request, .decision = ret
	};

	ret->verdict = VERDICT_DENY;
	ret->reason = REASON_NONE;
	ret->is_observed = false;
	ret->asked = ret->failed = 0;
	ret->channel = NULL;
	ret->error.instance[0] = ret->error.schema[0] = '\0';
	ret->error.keyword[0] = ret->error.message[0] = '\0';
	ret->standing[0] = '\0';
	ret->has_write = false;
	memset(&ret->write, 0, sizeof(ret->write));
	if (judge(&j)) {
		ret->verdict = VERDICT_ALLOW;
		settle_observed(&j);
		return;
	}
	ret->is_observed = false;
	if (ret->reason == REASON_NONE)
		ret->reason = REASON_INTERNAL; /* a refusal that nobody explained is our bug */
}

/* ---- life ------------------------------------------------------------------------------ */

#define GATE_DEPTH 64u

static int make_parser(const struct rules *rules, struct payload_parser **ret, struct diag *diag)
{
	struct payload_limits limits = { .max_bytes = rules->payload_max, .max_depth = GATE_DEPTH };

	return payload_parser_new(&limits, ret, diag);
}

int gate_init(struct gate *ret, const struct rules *rules, struct ledger *ledger, struct diag *diag)
{
	memset(ret, 0, sizeof(*ret));
	ret->ledger = ledger;
	return gate_use(ret, rules, diag);
}

int gate_use(struct gate *gate, const struct rules *rules, struct diag *diag)
{
	struct payload_parser *parser = NULL;
	int rc = make_parser(rules, &parser, diag);

	if (rc)
		return rc;
	payload_parser_free(gate->parser);
	gate->parser = parser;
	gate->rules = rules;
	gate->memo_len = 0;
	return 0;
}

void gate_clear(struct gate *gate)
{
	payload_parser_free(gate->parser);
	memset(gate, 0, sizeof(*gate));
}
