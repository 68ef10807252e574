#include "gate/rules.h"

#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "gate/rules_made.h"

/* Owned memory behind the const pointers of struct rules. */
struct rules_parts {
	size_t schema_count; /* distinct schemas */
	struct schema **schema;
	struct rules_channel *channel;
	struct rules_message *message;
	size_t warning_count;
	const char *warning[RULES_WARNINGS_MAX];
	struct arena arena;       /* of the warnings */
	struct diag_list *errors; /* while it is loaded; may be NULL */
	bool checks_examples;
};

/* Each text once; what is beyond the bound is left out, and what memory is lacking for. */
static void add_warning(struct rules *rules, const char *said)
{
	struct rules_parts *parts = rules->parts;
	struct diag line;
	const char *text = line.text;

	(void)snprintf(line.text, sizeof(line.text), "%s", said);
	sources_add_place(&rules->contract->sources, &line);
	for (size_t i = 0; i < parts->warning_count; i++)
		if (strcmp(parts->warning[i], text) == 0)
			return;
	if (parts->warning_count == RULES_WARNINGS_MAX)
		return;
	text = arena_text(&parts->arena, text, strlen(text));
	if (text)
		parts->warning[parts->warning_count++] = text;
}

/* A schema's URI and who wants it, to be sorted so that each schema is compiled once. */
struct wanted {
	const char *uri;
	const struct schema **place;
};

static int by_uri(const void *a, const void *b)
{
	return strcmp(((const struct wanted *)a)->uri, ((const struct wanted *)b)->uri);
}

/* A fault of the contract; *first and @diag are the first one's. */
static void add_error(struct rules *rules, int rc, struct diag *text, int *first, struct diag *diag)
{
	sources_add_place(&rules->contract->sources, text);
	if (*first == 0 || rc == ERR_NOMEM)
		*first = diag_set(diag, rc, "%s", text->text);
	if (rules->parts->errors)
		diag_list_add(rules->parts->errors, text->text);
}

/* A file that is no AsyncAPI document is written in what the schemas are that refer to it. */
static enum schema_dialect dialect_of(const json_t *document)
{
	return json_object_get(document, "asyncapi") ? SCHEMA_ASYNCAPI : SCHEMA_UNSAID;
}

/* Does some reference lead to a member "operations", or may it, as it is percent-encoded? */
static bool refers_to_operations(const struct config *value)
{
	const char *text =
		value->key && strcmp(value->key, "$ref") == 0 ? config_string(value) : NULL;

	if (text)
		return strstr(text, "operations") || strchr(text, '%');
	config_foreach(child, value)
		if (refers_to_operations(child))
			return true;
	return false;
}

/*
 * The document as the schema engine reads it. In a large one a third are operations, in which no
 * schema stands: they are left out.
 */
static json_t *document_json(const struct config *root, bool has_operations)
{
	json_t *json =
		has_operations || root->kind != CONFIG_OBJECT ? config_json(root) : json_object();

	if (has_operations || root->kind != CONFIG_OBJECT)
		return json;
	config_foreach_member(member, root) {
		json_t *made;

		if (strcmp(member->key, "operations") == 0)
			continue;
		made = config_json(member);
		if (made && json_object_set_new_nocheck(json, member->key, made) == 0)
			continue;
		json_decref(json);
		return NULL;
	}
	return json;
}

static int add_documents(const struct contract *contract, struct schema_set *set, struct diag *diag)
{
	const struct sources *sources = &contract->sources;
	bool has_operations = false;
	int rc = 0;

	for (size_t i = 0; i < sources->count && !has_operations; i++)
		has_operations = sources->file[i]->original &&
				 refers_to_operations(sources->file[i]->original);
	for (size_t i = 0; rc == 0 && i < sources->count; i++) {
		const struct sources_file *file = sources->file[i];
		json_t *json;

		if (!file->original)
			continue;
		json = document_json(file->original, has_operations);
		rc = json ? schema_set_add(set, file->uri, file->name, json, dialect_of(json), diag)
			  : diag_nomem(diag);
		json_decref(json);
	}
	return rc ? rc : rules_add_made(sources, set, diag);
}

enum schema_dialect rules_dialect(enum contract_dialect dialect)
{
	static const enum schema_dialect dialects[] = {
		[CONTRACT_UNSAID] = SCHEMA_UNSAID,
		[CONTRACT_DRAFT_04] = SCHEMA_DRAFT_04,
		[CONTRACT_DRAFT_06] = SCHEMA_DRAFT_06,
		[CONTRACT_DRAFT_07] = SCHEMA_DRAFT_07,
		[CONTRACT_DRAFT_2019_09] = SCHEMA_DRAFT_2019_09,
		[CONTRACT_DRAFT_2020_12] = SCHEMA_DRAFT_2020_12,
		[CONTRACT_ASYNCAPI] = SCHEMA_ASYNCAPI,
		[CONTRACT_OPENAPI_30] = SCHEMA_OPENAPI_30,
	};

	return dialects[dialect];
}

/* What "schemaFormat" says. */
static int mark_schemas(struct rules *rules, struct schema_set *set, struct diag *diag)
{
	struct diag text;
	int first = 0;

	for (size_t i = 0; i < rules->contract->mark_count && first != ERR_NOMEM; i++) {
		const struct contract_mark *mark = &rules->contract->mark[i];
		int rc = schema_set_mark(set, mark->uri, rules_dialect(mark->dialect), &text);

		if (rc)
			add_error(rules, rc, &text, &first, diag);
	}
	return first;
}

static void add_warnings(struct rules *rules, const struct schema *schema)
{
	const char *text;

	for (size_t i = 0; (text = schema_warning(schema, i)); i++)
		add_warning(rules, text);
}

static int compile_wanted(struct rules *rules, struct schema_set *set, const struct wanted *wanted,
			  size_t count, struct diag *diag)
{
	const struct schema_options options = { .assert_format = true,
						.max_bytes = rules->payload_max,
						.checks_examples = rules->parts->checks_examples,
						.dialect = SCHEMA_ASYNCAPI };
	struct rules_parts *parts = rules->parts;
	struct diag text;
	int first = 0;

	for (size_t i = 0; i < count && first != ERR_NOMEM; i++) {
		bool is_same = i > 0 && strcmp(wanted[i].uri, wanted[i - 1].uri) == 0;
		int rc = 0;

		if (!is_same)
			rc = schema_compile(set, wanted[i].uri, &options,
					    &parts->schema[parts->schema_count], &text);
		if (rc)
			add_error(rules, rc, &text, &first, diag);
		else if (!is_same)
			add_warnings(rules, parts->schema[parts->schema_count++]);
		if (first)
			continue; /* only to find what else is wrong */
		*wanted[i].place = parts->schema[parts->schema_count - 1];
	}
	return first;
}

#define WANTED_OF_MESSAGE 4u /* schemas at most */

/* The schemas of a message, added to the @count in @wanted. Returns how many there are then. */
static size_t want(const struct contract_message *message, struct rules_message *its,
		   struct wanted *wanted, size_t count)
{
	const struct contract_properties *rules = message->properties;

	if (message->schema_uri)
		wanted[count++] = (struct wanted){ message->schema_uri, &its->schema };
	if (!rules)
		return count;
	if (rules->headers_uri)
		wanted[count++] = (struct wanted){ rules->headers_uri, &its->headers };
	if (rules->correlation_uri)
		wanted[count++] = (struct wanted){ rules->correlation_uri, &its->correlation };
	if (rules->response_uri)
		wanted[count++] = (struct wanted){ rules->response_uri, &its->response_topic };
	return count;
}

static size_t want_all(struct rules *rules, struct wanted *wanted)
{
	size_t count = 0;

	for (size_t i = 0; i < rules->contract->channel_count; i++) {
		const struct contract_channel *channel = &rules->contract->channel[i];

		for (size_t m = 0; m < channel->message_count; m++)
			count = want(&channel->message[m],
				     &rules->parts->message[channel->message[m].index], wanted,
				     count);
	}
	return count;
}

static bool is_same(const char *a, const char *b)
{
	return a == b || (a && b && strcmp(a, b) == 0);
}

static bool are_same_properties(const struct contract_properties *a,
				const struct contract_properties *b)
{
	if (!a || !b)
		return a == b;
	return is_same(a->headers_uri, b->headers_uri) &&
	       is_same(a->correlation_header, b->correlation_header) &&
	       is_same(a->correlation_pointer, b->correlation_pointer) &&
	       is_same(a->correlation_uri, b->correlation_uri) &&
	       is_same(a->content_type, b->content_type) &&
	       is_same(a->response_topic, b->response_topic) &&
	       is_same(a->response_uri, b->response_uri) && a->format == b->format;
}

/* Can no publish be the one message and not the other? What takes any bytes is the same, too. */
static bool are_twins(const struct rules *rules, const struct contract_message *a,
		      const struct contract_message *b)
{
	bool is_any = a->format >= CONTRACT_BINARY && b->format >= CONTRACT_BINARY;

	return (is_any || a->format == b->format) && a->has_payload == b->has_payload &&
	       rules->message[a->index].schema == rules->message[b->index].schema &&
	       are_same_properties(a->properties, b->properties);
}

static void describe_message(struct rules *rules, const struct contract_channel *channel,
			     const struct contract_message *message)
{
	struct rules_message *ret = &rules->parts->message[message->index];

	while (!are_twins(rules, &channel->message[ret->twin], message))
		ret->twin++;
	if (message->format == CONTRACT_TEXT && ret->schema)
		ret->types = schema_root_types(ret->schema);
}

static void describe_messages(struct rules *rules)
{
	for (size_t i = 0; i < rules->contract->channel_count; i++) {
		const struct contract_channel *channel = &rules->contract->channel[i];

		for (size_t m = 0; m < channel->message_count; m++)
			describe_message(rules, channel, &channel->message[m]);
	}
}

static int compile_schemas(struct rules *rules, struct diag *diag)
{
	size_t max = rules->contract->message_count * WANTED_OF_MESSAGE + 1;
	struct wanted *wanted = calloc(max, sizeof(*wanted));
	struct schema_set *set = NULL;
	size_t count;
	int rc = ERR_NOMEM, found;

	rules->parts->schema = calloc(max, sizeof(*rules->parts->schema));
	rules->parts->message =
		calloc(rules->contract->message_count + 1, sizeof(*rules->parts->message));
	rules->message = rules->parts->message;
	if (!wanted || !rules->parts->schema || !rules->message) {
		(void)diag_nomem(diag);
		goto out;
	}
	count = want_all(rules, wanted);
	qsort(wanted, count, sizeof(*wanted), by_uri);
	rc = schema_set_new(&set, diag);
	if (rc)
		goto out;
	rc = add_documents(rules->contract, set, diag);
	if (rc)
		goto out;
	rc = mark_schemas(rules, set, diag);
	if (rc == ERR_NOMEM)
		goto out;
	found = compile_wanted(rules, set, wanted, count, rc ? NULL : diag);
	rc = rc ? rc : found;
	if (rc == 0)
		describe_messages(rules);
out:
	schema_set_free(set);
	sources_forget_json(&rules->contract->sources);
#ifdef __GLIBC__
	malloc_trim(0); /* what loading took and gave back would cost each message's allocations */
#endif
	free(wanted);
	return rc;
}

/* What a message must have, and that 2.0 shows it of no last will. */
static void settle_message(struct rules *rules, const struct contract_channel *channel,
			   const struct contract_message *message,
			   const struct payload_value *nothing)
{
	const struct contract_properties *its = message->properties;
	struct rules_message *ret = &rules->parts->message[message->index];
	struct diag text;

	if (!its)
		return;
	ret->needs_headers = ret->headers && schema_check(ret->headers, nothing) != SCHEMA_VALID;
	ret->needs_properties =
		ret->needs_headers || its->correlation_header || its->correlation_pointer;
	rules->has_property_schemas |= ret->headers || ret->correlation || ret->response_topic;
	rules->has_property_rules |= rules->has_property_schemas || ret->needs_properties;
	if (!channel->is_will_allowed || !(ret->needs_headers || its->correlation_header))
		return;
	diag_init(&text);
	(void)diag_set(
		&text, ERR_INVALID,
		"%s: /channels/%s/x-will: message \"%s\" needs user properties: Mosquitto 2.0 "
		"shows none of a last will, and there one is refused (will-forbidden)",
		rules->contract->sources.file[0]->name, channel->name, message->name);
	add_warning(rules, text.text);
}

/* Looks which messages need properties: their headers' schema refuses {}. */
static int settle_messages(struct rules *rules, struct diag *diag)
{
	const struct payload_limits limits = { .max_bytes = 2, .max_depth = 1 };
	struct payload_parser *parser = NULL;
	struct payload_error ignored;
	const struct payload_value *nothing;
	int rc = payload_parser_new(&limits, &parser, diag);

	if (rc)
		return rc;
	nothing = payload_parse(parser, "{}", 2, &ignored);
	for (size_t i = 0; nothing && i < rules->contract->channel_count; i++) {
		const struct contract_channel *channel = &rules->contract->channel[i];

		for (size_t m = 0; m < channel->message_count; m++)
			settle_message(rules, channel, &channel->message[m], nothing);
	}
	payload_parser_free(parser);
	return nothing ? 0 : diag_nomem(diag);
}

/* "FILE: /channels/NAME/parameters/NAME/x-pattern: " before @text. */
static void name_pattern(const struct rules *rules, const struct contract_channel *channel,
			 const struct contract_param *param, struct diag *text)
{
	diag_prefix(text, "%s: /channels/%s/parameters/%s/x-pattern",
		    rules->contract->sources.file[0]->name, channel->name, param->name);
}

/* The values of "default" and "examples" that the pattern would refuse. */
static void warn_of_samples(struct rules *rules, const struct contract_channel *channel,
			    const struct contract_param *param, const struct pattern *pattern)
{
	int64_t work = PATTERN_MAX_WORK;

	for (size_t i = 0; i < param->sample_count; i++) {
		const char *sample = param->sample[i];
		struct diag text;

		if (pattern_search(pattern, sample, strlen(sample), &work) != PATTERN_NO)
			continue;
		diag_init(&text);
		(void)diag_set(&text, ERR_INVALID,
			       "\"%s\", of default or examples, does not match it", sample);
		name_pattern(rules, channel, param, &text);
		add_warning(rules, text.text);
	}
}

/* Compiles the pattern of a topic's parameter. */
static int compile_pattern(struct rules *rules, const struct contract_channel *channel,
			   const struct contract_param *param, struct pattern **ret,
			   struct diag *diag)
{
	struct diag text;
	int rc;

	diag_init(&text);
	rc = pattern_compile(param->pattern, strlen(param->pattern), ret, &text);
	if (rc == ERR_NOMEM)
		return diag_nomem(diag);
	if (rc == 0)
		warn_of_samples(rules, channel, param, *ret);
	if (rc == 0 && pattern_is_linear(*ret))
		return 0;
	if (rc == 0)
		(void)diag_set(&text, ERR_INVALID,
			       "the pattern looks around or refers back: an id that takes too long "
			       "to match is refused (schema-limit)");
	name_pattern(rules, channel, param, &text);
	if (rc)
		return diag_set(diag, rc, "%s", text.text);
	add_warning(rules, text.text);
	return 0;
}

static int compile_patterns(struct rules *rules, const struct contract_channel *channel,
			    struct diag *diag)
{
	struct pattern ***pattern = &rules->parts->channel[channel->index].pattern;
	int rc = 0;

	for (size_t i = 0; i < channel->param_count && rc == 0; i++) {
		const struct contract_param *param = &channel->param[i];

		if (!param->pattern)
			continue;
		if (!*pattern)
			*pattern = calloc(channel->param_count, sizeof(**pattern));
		rc = *pattern ? compile_pattern(rules, channel, param, &(*pattern)[i], diag)
			      : diag_nomem(diag);
	}
	return rc;
}

/* Warns of more time members than are excluded when messages are compared: a repeat with another
 * time in one of the others counts as a change. */
static void warn_of_times(struct rules *rules, const struct contract_channel *channel)
{
	struct diag text;

	if (!channel->content.surplus)
		return;
	diag_init(&text);
	(void)diag_set(
		&text, ERR_LIMIT,
		"%s: /channels/%s: more than %u members of the message are times: a repeat with "
		"another \"%s\" is a change; x-time says which one is the time",
		rules->contract->sources.file[0]->name, channel->name, CONTRACT_TIMES_MAX,
		channel->content.surplus);
	add_warning(rules, text.text);
}

/* Members that a channel names and no message has. */
static void warn_of_members(struct rules *rules)
{
	const char *text;

	for (size_t i = 0; (text = rules->contract->warning[i]); i++)
		add_warning(rules, text);
}

static int compile_channels(struct rules *rules, struct diag *diag)
{
	size_t count = rules->contract->channel_count;
	struct diag text;
	int rc, first = 0;

	rules->parts->channel = calloc(count + 1, sizeof(*rules->parts->channel));
	if (!rules->parts->channel)
		return diag_nomem(diag);
	rules->channel = rules->parts->channel;
	rules->payload_max = 1;
	for (size_t i = 0; i < count; i++) {
		const struct contract_channel *channel = &rules->contract->channel[i];

		warn_of_times(rules, channel);
		if (channel->payload_max > rules->payload_max)
			rules->payload_max = channel->payload_max;
		rc = compile_patterns(rules, channel, &text);
		if (rc)
			add_error(rules, rc, &text, &first, diag);
		if (first == ERR_NOMEM)
			return first;
	}
	warn_of_members(rules);
	rc = compile_schemas(rules, first ? NULL : diag);
	if (rc == 0 && !first)
		rc = settle_messages(rules, diag);
	return first && rc != ERR_NOMEM ? first : rc;
}

static bool has_param(const void *ctx, const char *name)
{
	const struct contract *contract = ctx;

	for (size_t i = 0; i < contract->channel_count; i++) {
		const struct contract_channel *channel = &contract->channel[i];

		for (size_t p = 0; p < channel->param_count; p++)
			if (strcmp(channel->param[p].name, name) == 0)
				return true;
	}
	return false;
}

static void add_scopes(const struct contract_operation *operation, size_t count,
		       struct scopeset *set)
{
	for (size_t o = 0; o < count; o++)
		for (size_t i = 0; i < operation[o].alternative_count; i++)
			scopeset_merge(set, &operation[o].alternative[i].scopes);
}

static void add_step_scopes(const struct contract_transitions *machine, struct scopeset *set)
{
	for (size_t i = 0; machine->scope && i < (machine->count + 1) * machine->count; i++)
		if (machine->scope[i])
			scopeset_add(set, machine->scope[i] - 1u);
}

/* Scopes that only put a status right: held for one's own they are good for nothing. */
static struct scopeset find_whole(const struct contract *contract)
{
	struct scopeset whole = { 0 }, others = { 0 };

	for (size_t i = 0; i < contract->channel_count; i++) {
		const struct contract_channel *channel = &contract->channel[i];
		const struct contract_transitions *machine =
			channel->mapping ? channel->mapping->transitions : NULL;

		add_scopes(channel->send, channel->send_count, &others);
		add_scopes(channel->receive, channel->receive_count, &others);
		if (!machine)
			continue;
		add_step_scopes(machine, &others);
		if (machine->correct >= 0)
			scopeset_add(&whole, (unsigned)machine->correct);
	}
	scopeset_remove(&whole, &others);
	return whole;
}

static int load_access(struct rules *rules, const struct rules_files *files, struct diag *diag)
{
	const struct scopeset whole = find_whole(rules->contract);
	const struct access_scopes scopes = { .name = rules->contract->scope,
					      .has_param = has_param,
					      .ctx = rules->contract,
					      .count = rules->contract->scope_count,
					      .whole = &whole };
	const char *text;
	int rc = access_load(files->access, &scopes, &rules->access, files->errors, diag);

	for (size_t i = 0; rc == 0 && (text = access_warning(rules->access, i)); i++)
		add_warning(rules, text);
	return rc;
}

static int load_files(struct rules *rules, const struct rules_files *files, struct diag *diag)
{
	const struct sources_place place = { .path = files->contract,
					     .root = files->contract_root,
					     .schemas = files->contract_schemas };
	int rc;

	rc = contract_open(&place, &rules->contract, files->errors, diag);
	if (rc)
		return rc;
	if (files->access)
		rc = load_access(rules, files, diag);
	if (rc == 0 && files->password_file)
		rc = passwords_load(files->password_file, &rules->passwords, diag);
	if (rc == 0 && files->scram_file)
		rc = scram_load(files->scram_file, &rules->scram, diag);
	if (rc == 0 && files->crl_file)
		rc = revoked_load(files->crl_file, &rules->revoked, diag);
	return rc;
}

int rules_load(const struct rules_files *files, struct rules **ret, struct diag *diag)
{
	struct rules *rules = calloc(1, sizeof(*rules));
	int rc = ERR_NOMEM;

	if (!rules || !(rules->parts = calloc(1, sizeof(*rules->parts)))) {
		(void)diag_nomem(diag);
		goto out;
	}
	rules->parts->errors = files->errors;
	rules->parts->checks_examples = files->checks_examples;
	rc = load_files(rules, files, diag);
	if (rc)
		goto out;
	rc = compile_channels(rules, diag);
	if (rc)
		goto out;
	*ret = rules;
	rules = NULL; /* handed over */
out:
	if (rc && files->errors) /* where it is of another file, or about all of them */
		diag_list_add(files->errors, diag->text);
	rules_free(rules);
	return rc;
}

const char *rules_warning(const struct rules *rules, size_t i)
{
	return i < rules->parts->warning_count ? rules->parts->warning[i] : NULL;
}

bool rules_keeps(const struct rules *rules)
{
	for (size_t i = 0; i < rules->contract->channel_count; i++) {
		const struct contract_channel *channel = &rules->contract->channel[i];

		if (channel->mapping || channel->is_recorded)
			return true;
	}
	return false;
}

static void free_channels(struct rules *rules)
{
	struct rules_parts *parts = rules->parts;

	if (!parts->channel)
		return;
	for (size_t i = 0; i < rules->contract->channel_count; i++) {
		size_t params = rules->contract->channel[i].param_count;

		for (size_t p = 0; parts->channel[i].pattern && p < params; p++)
			pattern_free(parts->channel[i].pattern[p]);
		free(parts->channel[i].pattern);
	}
	free(parts->channel);
}

void rules_free(struct rules *rules)
{
	if (!rules)
		return;
	if (rules->parts) {
		free_channels(rules);
		for (size_t i = 0; i < rules->parts->schema_count; i++)
			schema_free(rules->parts->schema[i]);
		free(rules->parts->schema);
		free(rules->parts->message);
		arena_clear(&rules->parts->arena);
		free(rules->parts);
	}
	revoked_free(rules->revoked);
	scram_free(rules->scram);
	passwords_free(rules->passwords);
	access_free(rules->access);
	contract_free(rules->contract);
	free(rules);
}
