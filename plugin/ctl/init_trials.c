#include "ctl/init_trials.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/config.h"
#include "base/utf8.h"
#include "ctl/deref.h"
#include "ctl/sample.h"
#include "ctl/sample_pattern.h"
#include "gate/rules.h"

/*
 * For a parameter of which the document says no value: one that its pattern may allow. NULL, the
 * last: one that is made of the pattern, where there is one.
 */
static const char *const values[] = {
	"1",    "a",          "a1",
	"a-1",  "A1",         "A",
	"2026", "2026-01-15", "00000000-0000-4000-8000-000000000001",
	NULL,
};
#define VALUES (sizeof(values) / sizeof(*values))
#define VALUE_MAX 128u /* bytes of one that is made */

/* What a trial is made of, while it is looked for. */
struct trial_search {
	struct init_trials *trials;
	struct init_trial *trial;
	const struct contract_operation *operation;
	const struct contract_message *message;
	const char *value; /* for parameters, of values[] */
	bool is_made;      /* the payload is, and may be changed for a parameter */
};

/* ---- decisions -------------------------------------------------------------------------- */

static void decide(const struct init_trials *trials, const struct init_account *account,
		   const struct gate_request *request, struct decision *ret)
{
	const struct rules *rules = trials->gate->rules;

	gate_decide(trials->gate, access_find(rules->access, account->name), request, ret);
}

/* Is nothing wrong with @payload from the trial's publisher? The trial gets the reason. */
static bool is_accepted(const struct trial_search *search, const char *payload)
{
	struct init_trial *trial = search->trial;
	const struct message_properties none = properties_absent();
	const struct gate_request request = {
		.action = GATE_PUBLISH,
		.message = { .topic = trial->topic,
			     .topic_len = strlen(trial->topic),
			     .payload = payload,
			     .payload_len = strlen(payload),
			     .qos = trial->qos,
			     .is_retained = trial->is_retained },
		.method = LOGIN_PASSWORD,
		.port = search->trials->port,
		.client_id = trial->publisher->name,
		.shown = &none,
	};
	struct decision decision;

	decide(search->trials, trial->publisher, &request, &decision);
	trial->why = decision.reason;
	trial->is_observed = decision.verdict == VERDICT_ALLOW;
	return trial->is_observed && decision.reason == REASON_NONE;
}

bool init_trials_may_receive(const struct init_trials *trials, const struct init_account *account,
			     const char *filter)
{
	const struct gate_request request = {
		.action = GATE_SUBSCRIBE,
		.message = { .topic = filter, .topic_len = strlen(filter), .qos = 1 },
		.method = LOGIN_PASSWORD,
		.port = trials->port,
		.client_id = account->name,
	};
	struct decision decision;

	decide(trials, account, &request, &decision);
	return decision.verdict == VERDICT_ALLOW;
}

/* Commands are pasted into a terminal, for which a character that does not show may be an order. */
static bool is_shown(const char *text)
{
	size_t len = strlen(text), n;
	uint32_t code;

	for (size_t i = 0; i < len; i += n) {
		n = utf8_read(text + i, len - i, &code);
		if (n == 0 || !utf8_is_plain(code))
			return false;
	}
	return true;
}

/* ---- payloads --------------------------------------------------------------------------- */

/* The payload as it is sent, to be freed; NULL: it can't be shown, or memory ran out. */
static char *payload_text_of(const struct contract_message *message, const json_t *json)
{
	char *text;

	if (message->format != CONTRACT_JSON && json_is_string(json))
		text = strdup(json_string_value(json));
	else
		text = json_dumps(json, JSON_COMPACT | JSON_ENCODE_ANY | JSON_REAL_PRECISION(15));
	if (text && strlen(text) <= INIT_PAYLOAD_MAX && strlen(text) > 0 && is_shown(text))
		return text;
	free(text);
	return NULL;
}

/* A member that names an entity's status gets one that a new entity may have. */
static void set_status(const struct trial_search *search, json_t *json)
{
	const struct contract_mapping *mapping = search->trial->channel->mapping;
	const struct contract_transitions *machine = mapping ? mapping->transitions : NULL;

	if (!machine || !search->is_made)
		return;
	for (size_t i = 0; i < machine->count; i++)
		if (machine->first >> i & 1) {
			(void)json_object_set_new(json, mapping->status_member.name,
						  json_string(machine->status[i]));
			return;
		}
}

/* The text that stands in the topic for the payload's value; NULL: it has none there. */
static const char *value_at(const struct contract_param *param, const json_t *json, char *ret,
			    size_t cap)
{
	const json_t *at = param->member.name ? json_object_get(json, param->member.name) : json;

	if (!param->location || (!param->member.name && param->location[0]))
		return NULL;
	if (json_is_string(at) && json_string_length(at) > 0)
		return json_string_value(at);
	if (!json_is_integer(at))
		return NULL;
	(void)snprintf(ret, cap, "%" JSON_INTEGER_FORMAT, json_integer_value(at));
	return ret;
}

/* What stands for the parameter in the topic; a payload that was made follows it. */
static const char *param_value(const struct trial_search *search,
			       const struct contract_param *param, json_t *json, char *ret,
			       size_t cap)
{
	bool is_of_pattern = !search->value && param->pattern;
	bool is_first = search->value == values[0] || !search->value;
	const char *value = NULL;
	const json_t *member;

	if (param->value_count == 0 && (!search->is_made || (is_first && !is_of_pattern)))
		value = value_at(param, json, ret, cap);
	if (!value && param->value_count > 0)
		value = param->value[0];
	if (!value && param->own != CONTRACT_OWN_NONE)
		value = search->trial->publisher->name;
	if (!value && param->sample_count > 0 && is_first)
		value = param->sample[0];
	if (!value && is_of_pattern && sample_pattern(param->pattern, 1, ret, cap))
		value = ret;
	if (!value)
		value = search->value ? search->value : values[0];
	member = search->is_made && param->member.name ? json_object_get(json, param->member.name)
						       : NULL;
	if (json_is_string(member) && json_string_value(member) != value)
		(void)json_object_set_new(json, param->member.name, json_string(value));
	return value;
}

/* Writes the topic. False: it is too long. */
static bool write_topic(const struct trial_search *search, json_t *json)
{
	const struct contract_channel *channel = search->trial->channel;
	const char *at = channel->address;
	size_t used = 0, param = 0;
	char made[VALUE_MAX];

	while (*at) {
		const char *text = at;
		size_t len = strcspn(at, "{");

		at += len;
		if (len == 0 && param < channel->param_count) {
			text = param_value(search, &channel->param[param++], json, made,
					   sizeof(made));
			len = strlen(text);
			at += strcspn(at, "}");
			at += *at == '}';
		}
		if (len == 0 || used + len > INIT_TOPIC_MAX)
			return false;
		memcpy(search->trial->topic + used, text, len);
		used += len;
	}
	search->trial->topic[used] = '\0';
	return used > 0 && !strpbrk(search->trial->topic, "{}+#") && is_shown(search->trial->topic);
}

/* ---- a payload that is refused ------------------------------------------------------------ */

static bool take_invalid(const struct trial_search *search, json_t *json)
{
	char *text = json ? payload_text_of(search->message, json) : NULL;

	json_decref(json);
	if (text && !is_accepted(search, text)) {
		search->trial->invalid = text;
		return true;
	}
	free(text);
	return false;
}

/* Another type for a member, a member less, one more, or something else altogether. */
static void find_invalid(const struct trial_search *search, json_t *valid)
{
	json_t *copy, *member;
	const char *name;

	json_object_foreach(valid, name, member) {
		copy = json_copy(valid);
		(void)json_object_set_new(copy, name,
					  json_is_string(member) ? json_integer(-1)
								 : json_string("wrong"));
		if (take_invalid(search, copy))
			return;
	}
	json_object_foreach(valid, name, member) {
		copy = json_copy(valid);
		(void)json_object_del(copy, name);
		if (take_invalid(search, copy))
			return;
	}
	if (json_is_object(valid)) {
		copy = json_copy(valid);
		(void)json_object_set_new(copy, "wrong", json_true());
		if (take_invalid(search, copy))
			return;
	}
	if (take_invalid(search, json_string("wrong")) || take_invalid(search, json_integer(-1)))
		return;
	(void)take_invalid(search, json_object());
}

/* ---- looking for one ------------------------------------------------------------------------ */

/* Another account that may receive it, rather an application than a counterpart. */
static const struct init_account *find_subscriber(const struct init_trials *trials,
						  const struct init_trial *trial)
{
	const struct init_account *found = NULL;

	for (size_t i = 0; i < trials->accounts->count; i++) {
		const struct init_account *account = &trials->accounts->account[i];

		if (account == trial->publisher || (found && account->party == CONTRACT_TALKS) ||
		    !init_trials_may_receive(trials, account, trial->topic))
			continue;
		found = account;
		if (account->party != CONTRACT_TALKS)
			return found;
	}
	if (!found && init_trials_may_receive(trials, trial->publisher, trial->topic))
		found = trial->publisher;
	return found;
}

/* @json: borrowed. Is it a message to try, on some topic of the channel? */
static bool try_payload(struct trial_search *search, const json_t *json)
{
	for (size_t i = 0; i < VALUES; i++) {
		json_t *copy = json_deep_copy(json);
		char *text = NULL;
		bool is_ok;

		search->value = values[i];
		set_status(search, copy);
		is_ok = write_topic(search, copy);
		if (is_ok)
			text = payload_text_of(search->message, copy);
		is_ok = text && is_accepted(search, text);
		if (is_ok) {
			search->trial->valid = text;
			search->trial->subscriber = find_subscriber(search->trials, search->trial);
			find_invalid(search, copy);
		} else {
			free(text);
		}
		json_decref(copy);
		if (is_ok)
			return true;
	}
	return false;
}

static bool try_examples(struct trial_search *search)
{
	config_foreach_item(each, search->message->examples) {
		const struct config *payload = config_member(each, "payload");
		json_t *json = payload ? config_json(payload) : NULL;
		bool is_ok = json && try_payload(search, json);

		json_decref(json);
		if (is_ok)
			return true;
	}
	return false;
}

static bool try_schema(struct trial_search *search)
{
	const struct contract *contract = search->trials->gate->rules->contract;
	struct deref_result result;
	json_t *schema = NULL, *json;
	bool is_ok;

	if (search->message->schema_uri)
		schema = deref_schema(contract, search->message->schema_uri, false, &result);
	json = schema ? sample_of(schema) : json_string("text");
	search->is_made = true;
	is_ok = json && try_payload(search, json);
	search->is_made = false;
	json_decref(json);
	json_decref(schema);
	return is_ok;
}

static bool try_operation(struct trial_search *search)
{
	struct init_trial *trial = search->trial;
	const struct contract_operation *operation = search->operation;

	trial->qos = operation->qos > 1 ? operation->qos : 1;
	trial->is_retained = operation->retain == CONTRACT_RETAIN_MUST;
	for (size_t i = 0; i < operation->message_count; i++) {
		search->message = operation->message[i];
		if (try_examples(search) || try_schema(search))
			return true;
	}
	return false;
}

/* A message that @publisher (NULL: anybody) may publish and that another account gets. */
static bool find_trial(struct trial_search *search, const struct init_account *publisher,
		       bool is_heard)
{
	const struct contract *contract = search->trials->gate->rules->contract;
	const struct init_accounts *accounts = search->trials->accounts;

	for (size_t c = 0; c < contract->channel_count; c++)
		for (size_t i = 0; i < contract->channel[c].send_count; i++)
			for (size_t a = 0; a < accounts->count; a++) {
				const struct init_account *account = &accounts->account[a];

				search->operation = &contract->channel[c].send[i];
				if ((publisher && account != publisher) ||
				    !init_accounts_is_of(account, search->operation))
					continue;
				*search->trial =
					(struct init_trial){ .publisher = account,
							     .channel = &contract->channel[c] };
				if (try_operation(search) &&
				    (!is_heard || search->trial->subscriber))
					return true;
				free(search->trial->valid);
				free(search->trial->invalid);
			}
	return false;
}

void init_trials_find(struct init_trials *ret)
{
	struct trial_search search = { .trials = ret, .trial = &ret->trial[0] };

	ret->count = 0;
	if (!find_trial(&search, NULL, true) && !find_trial(&search, NULL, false))
		return;
	ret->count = 1;
	search.trial = &ret->trial[1];
	if (ret->trial[0].subscriber && ret->trial[0].subscriber != ret->trial[0].publisher &&
	    find_trial(&search, ret->trial[0].subscriber, true))
		ret->count = 2;
}

void init_trials_clear(struct init_trials *trials)
{
	for (size_t i = 0; i < trials->count; i++) {
		free(trials->trial[i].valid);
		free(trials->trial[i].invalid);
	}
	trials->count = 0;
}
