/*
 * petstorectl lint: everything that is wrong or doubtful in the files, before the broker sees
 * them.
 */
#include "ctl/lint.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "access/scram.h"
#include "base/embed.h"
#include "base/jsonfile.h"
#include "ctl/args.h"
#include "ctl/cells.h"
#include "ctl/ctl.h"
#include "ctl/deref.h"
#include "ctl/pairs.h"
#include "monitor/settings.h"
#include "base/options.h"
#include "broker/own_messages.h"

#define ERRORS_MAX 32u
#define DEPTH_MAX 600u /* of an expanded schema: references and levels */
#define OPTIONS_MAX 64u
#define PAIRS_TRIED 100000000u /* of users, at their client ids: about a second */

EMBED(extensions, "schemas/contract-extensions.schema.json");

struct lint_args {
	const char *passwords;
	bool strict;
};

/* clang-format off */
static const struct args_row rows[] = {
	{ "passwords", ARGS_FILE, "FILE", "the password file",
	  .offset = offsetof(struct lint_args, passwords) },
	{ "strict", ARGS_SWITCH, NULL, "warnings count as errors",
	  .offset = offsetof(struct lint_args, strict) },
	{ .name = NULL },
};
/* clang-format on */

void lint_add(struct lint *lint, enum lint_level level, const char *format, ...)
{
	char raw[DIAG_MAX], text[DIAG_MAX];
	va_list args;

	va_start(args, format);
	(void)vsnprintf(raw, sizeof(raw), format, args);
	va_end(args);
	diag_escape(text, sizeof(text), raw, strlen(raw));
	*(level == LINT_ERROR ? &lint->errors : &lint->warnings) += 1;
	(void)json_array_append_new(
		lint->findings, json_pack("{s:s, s:s}", "level",
					  level == LINT_ERROR ? "error" : "warning", "text", text));
}

/* ---- the configuration ------------------------------------------------------------------ */

/* The line that a fault of the options is about: "plugin_opt_NAME: ...". */
static const struct brokerfile_line *line_of(const struct brokerfile *file, const char *text)
{
	const struct brokerfile_line *found = NULL;

	for (size_t i = 0; i < file->line_count; i++) {
		size_t len = strlen(file->line[i].word);

		if (strncmp(text, file->line[i].word, len) == 0 && text[len] == ':')
			found = &file->line[i];
	}
	return found;
}

/* What the start says of the options' values and of the monitor's file. */
static int try_options(const struct options_pair *pair, size_t count, struct diag *diag)
{
	struct options options;
	struct settings settings;
	int rc = options_init(&options, pair, count, diag);

	if (rc)
		return rc;
	if (options.monitor)
		rc = settings_load(options.monitor, &settings, diag);
	options_clear(&options);
	return rc;
}

static void check_options(struct lint *lint, const struct files *files)
{
	struct options_pair pair[OPTIONS_MAX];
	const struct brokerfile_line *line;
	struct diag diag;
	size_t count = 0;
	bool ours = true;

	for (size_t i = 0; i < files->broker.line_count && count < OPTIONS_MAX; i++) {
		const char *plugin = brokerfile_plugin(&files->broker.line[i]);

		if (plugin)
			ours = brokerfile_is_own(plugin, NULL);
		pair[count].value = files->broker.line[i].value;
		if (ours && files_is_option(&files->broker.line[i], &pair[count].key))
			count++;
	}
	if (try_options(pair, count, &diag) == 0)
		return;
	line = line_of(&files->broker, diag.text);
	if (line)
		lint_add(lint, LINT_ERROR, "%s:%u: %s", line->file, line->number, diag.text);
	else
		lint_add(lint, LINT_ERROR, "%s: %s", files->config, diag.text);
}

static void check_config(struct lint *lint, const struct files *files)
{
	if (!files->config)
		return;
	check_options(lint, files);
	lint_config(lint, &files->broker, files->config);
}

/* The largest payload that some channel takes. */
static size_t largest_payload(const struct contract *contract)
{
	size_t largest = 0;

	for (size_t i = 0; i < contract_channel_count(contract); i++) {
		const struct contract_channel *channel = contract_channel(contract, i);

		if (channel->send.name && channel->payload_max > largest)
			largest = channel->payload_max;
	}
	return largest;
}

/* ---- the contract, as a document -------------------------------------------------------- */

struct checker {
	struct schema_set *set;
	struct schema *schema;
	struct payload_parser *parser;
};

static void checker_clear(struct checker *checker)
{
	payload_parser_free(checker->parser);
	schema_free(checker->schema);
	schema_set_free(checker->set);
}

static int checker_init(struct checker *ret, struct diag *diag)
{
	const struct schema_options options = { .max_work = SCHEMA_FILE_WORK };
	struct payload_limits limits = { PAYLOAD_MAX_BYTES, 128 };
	json_t *json = NULL;
	int rc;

	memset(ret, 0, sizeof(*ret));
	rc = jsonfile_parse("contract-extensions.schema.json", extensions, EMBED_LEN(extensions),
			    &json, diag);
	if (rc == 0)
		rc = schema_set_new(&ret->set, diag);
	if (rc == 0)
		rc = schema_set_add(ret->set, "lint:extensions", "contract-extensions.schema.json",
				    json, diag);
	if (rc == 0)
		rc = schema_compile(ret->set, "lint:extensions", &options, &ret->schema, diag);
	if (rc == 0)
		rc = payload_parser_new(&limits, &ret->parser, diag);
	json_decref(json);
	return rc;
}

/* All that the schema of our extensions finds, where the loader stops at the first. */
static void check_extensions(struct lint *lint, const char *path, const json_t *document)
{
	struct schema_error errors[ERRORS_MAX];
	struct checker checker;
	struct diag diag;
	char *text = json_dumps(document, JSON_COMPACT);
	const struct payload_value *value = NULL;
	struct payload_error error;
	enum schema_answer answer;
	size_t count = 0;

	if (checker_init(&checker, &diag))
		lint_add(lint, LINT_ERROR, "%s", diag.text);
	else if (text)
		value = payload_parse(checker.parser, text, strlen(text), &error);
	if (value)
		count = schema_explain(checker.schema, value, errors, ERRORS_MAX, &answer);
	for (size_t i = 0; i < count; i++)
		lint_add(lint, LINT_ERROR, "%s: %s: %s", path, errors[i].instance,
			 errors[i].message);
	free(text);
	checker_clear(&checker);
}

/* ---- schemas ---------------------------------------------------------------------------- */

static bool is_named(const json_t *list, const char *name)
{
	for (size_t i = 0; i < json_array_size(list); i++) {
		const char *each = json_string_value(json_array_get(list, i));

		if (each && strcmp(each, name) == 0)
			return true;
	}
	return false;
}

/* Can the value be no object at all? */
static bool excludes_objects(const json_t *schema)
{
	const json_t *type = json_object_get(schema, "type");

	if (json_object_get(schema, "enum") || json_object_get(schema, "const"))
		return true; /* one by one */
	if (json_is_array(type))
		return !is_named(type, "object");
	return type && strcmp(json_string_value(type), "object") != 0;
}

/* A schema that is walked over; what stands in several places of it is looked at once. */
struct survey {
	struct lint *lint;
	const char *where; /* the file, and the pointer to the channel */
	struct pairs closed;
	struct pairs walked;
};

static bool is_closed(struct survey *survey, const json_t *schema);

static bool are_closed(struct survey *survey, const json_t *list, bool is_one_enough)
{
	size_t closed = 0, count = json_array_size(list);

	for (size_t i = 0; i < count; i++)
		closed += is_closed(survey, json_array_get(list, i));
	return is_one_enough ? closed > 0 : count > 0 && closed == count;
}

static bool is_closed_at_all(struct survey *survey, const json_t *schema)
{
	const json_t *additional = json_object_get(schema, "additionalProperties");

	return excludes_objects(schema) || json_object_get(schema, "$ref") || /* a circle */
	       json_is_false(additional) || json_is_object(additional) ||
	       json_is_false(json_object_get(schema, "unevaluatedProperties")) ||
	       are_closed(survey, json_object_get(schema, "allOf"), true) ||
	       are_closed(survey, json_object_get(schema, "anyOf"), false) ||
	       are_closed(survey, json_object_get(schema, "oneOf"), false);
}

/* Does it take only members that it says something of? */
static bool is_closed(struct survey *survey, const json_t *schema)
{
	uintptr_t known;

	if (!json_is_object(schema))
		return json_is_false(schema);
	if (pairs_get(&survey->closed, schema, NULL, &known))
		return known;
	known = is_closed_at_all(survey, schema);
	(void)pairs_put(&survey->closed, schema, NULL, known);
	return known;
}

static void walk_schema(struct survey *survey, const json_t *schema, const struct jsonpath *path,
			unsigned depth);

/* What stands below @schema, of which allOf and the like are parts. */
static void walk_members(struct survey *survey, const json_t *schema, const struct jsonpath *path,
			 unsigned depth)
{
	static const char *const parts[] = { "allOf", "anyOf", "oneOf", "then", "else" };
	const json_t *items = json_object_get(schema, "items");
	struct jsonpath at = { .up = path, .key = "*" };
	json_t *value;

	if (depth == 0 || !json_is_object(schema) || pairs_seen(&survey->walked, schema, NULL))
		return;
	json_object_foreach(json_object_get(schema, "properties"), at.key, value)
		walk_schema(survey, value, &at, depth - 1);
	at.key = "*";
	if (items)
		walk_schema(survey, items, &at, depth - 1);
	for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
		const json_t *part = json_object_get(schema, parts[i]);

		walk_members(survey, part, path, depth - 1); /* then, else */
		for (size_t k = 0; k < json_array_size(part); k++)
			walk_members(survey, json_array_get(part, k), path, depth - 1);
	}
}

static void tell_open(struct survey *survey, const struct jsonpath *path)
{
	char pointer[512];

	lint_add(survey->lint, LINT_WARNING,
		 "%s: the payload%s%s takes members that it does not name (a misspelt one "
		 "passes): set additionalProperties or unevaluatedProperties to false",
		 survey->where, path->up ? " at " : "",
		 jsonpath_print(path, pointer, sizeof(pointer)));
}

static void walk_schema(struct survey *survey, const json_t *schema, const struct jsonpath *path,
			unsigned depth)
{
	if (!is_closed(survey, schema))
		tell_open(survey, path);
	walk_members(survey, schema, path, depth);
}

static void check_schema(struct lint *lint, const char *path, const struct contract *contract,
			 const struct contract_channel *channel)
{
	const struct jsonpath root = { .up = NULL };
	char where[512];
	struct survey survey = { .lint = lint, .where = where };
	enum deref_extent extent;
	json_t *schema = deref_schema(contract, channel->schema_uri, &extent);

	(void)snprintf(where, sizeof(where), "%s: /channels/%s", path, channel->name);
	if (extent == EXPAND_STOPPED)
		lint_add(lint, LINT_WARNING,
			 "%s: the payload's schema refers to itself in too many ways to be looked "
			 "at "
			 "(more than %u parts): whether it is closed is not known",
			 where, EXPAND_MAX);
	else
		walk_schema(&survey, schema, &root, DEPTH_MAX);
	pairs_clear(&survey.closed);
	pairs_clear(&survey.walked);
	json_decref(schema);
}

static bool begins(const char *text, const char *head)
{
	return strncmp(text, head, strlen(head)) == 0;
}

/*
 * What is meant for the plugin's own messages and is not theirs, and commands that are anyone's.
 */
static void check_own_topics(struct lint *lint, const char *path, const struct contract *contract)
{
	for (size_t i = 0; i < contract_channel_count(contract); i++) {
		const struct contract_channel *channel = contract_channel(contract, i);
		bool is_notice = begins(channel->address, CONTRACT_NOTICES "/");
		bool is_alert = begins(channel->address, CONTRACT_ALERTS "/");

		if ((is_notice && !contract_notices(contract)) ||
		    (is_alert && !contract_alerts(contract)))
			lint_add(lint, LINT_WARNING,
				 "%s: /channels/%s/address: nothing is told here; for %s expected "
				 "%s, a receive operation and no send operation",
				 path, channel->name, is_notice ? "notices" : "alerts",
				 is_notice ? CONTRACT_NOTICES "/{principal}/{clientId}"
					   : CONTRACT_ALERTS "/{kind}");
		if (begins(channel->address, "$CONTROL/") && channel->send.name &&
		    channel->send.alternative_count == 0)
			lint_add(lint, LINT_WARNING,
				 "%s: /x-broker-topics/%s: every client may give commands; "
				 "expected \"security\"",
				 path, channel->name);
	}
}

static void check_schemas(struct lint *lint, const char *path, const struct contract *contract)
{
	size_t count = contract_channel_count(contract);

	for (size_t i = 0; i < count; i++) {
		const struct contract_channel *channel = contract_channel(contract, i);
		bool is_first = true;

		if (!channel->schema_uri || !channel->send.name)
			continue;
		for (size_t k = 0; k < i; k++) {
			const char *before = contract_channel(contract, k)->schema_uri;

			is_first &= !before || strcmp(before, channel->schema_uri) != 0;
		}
		if (is_first)
			check_schema(lint, path, contract, channel);
	}
}

/* ---- channels, scopes, roles, users ----------------------------------------------------- */

/* The groups of rules that are in @mode on the channel, in one line. */
static void tell_mode(struct lint *lint, const char *path, const struct contract_channel *channel,
		      enum contract_mode mode, const char *what)
{
	char groups[128] = "";

	for (int g = 0; g < CONTRACT_GROUPS; g++)
		if (channel->mode[g] == mode)
			(void)snprintf(groups + strlen(groups), sizeof(groups) - strlen(groups),
				       "%s%s", groups[0] ? ", " : "",
				       contract_group_name((enum contract_group)g));
	if (groups[0])
		lint_add(lint, LINT_WARNING, "%s: /channels/%s: x-mode: %s: %s", path,
			 channel->name, groups, what);
}

static void check_channels(struct lint *lint, const char *path, const struct contract *contract)
{
	for (size_t i = 0; i < contract_channel_count(contract); i++) {
		const struct contract_channel *channel = contract_channel(contract, i);

		if (channel->address[0] == '$')
			continue; /* the broker's, or a plugin's: one direction, any bytes */
		if (!channel->send.name && !channel->receive.name)
			lint_add(lint, LINT_WARNING,
				 "%s: /channels/%s: no operation reaches it: nobody may publish or "
				 "receive there",
				 path, channel->name);
		else if (channel->send.name && !channel->receive.name)
			lint_add(lint, LINT_WARNING,
				 "%s: /channels/%s: has no receive operation: nobody hears it",
				 path, channel->name);
		if (channel->send.name && !channel->schema_uri)
			lint_add(lint, LINT_WARNING,
				 "%s: /channels/%s: has no payload schema: any bytes pass", path,
				 channel->name);
		tell_mode(lint, path, channel, CONTRACT_OBSERVE, "only observed");
		tell_mode(lint, path, channel, CONTRACT_OFF, "not looked at");
	}
}

static bool is_granted(const struct access *access, unsigned scope)
{
	const struct access_principal *principal;

	for (size_t i = 0; (principal = access_principal(access, i)); i++) {
		if (scopeset_has(&principal->full, scope) || scopeset_has(&principal->own, scope))
			return true;
		if (principal->rule_count > 0)
			return true; /* by topic: which is not asked here */
	}
	/* Certificates and tokens may bring anything. */
	return access_has_certificates(access) || access_has_issuers(access);
}

static void check_scopes(struct lint *lint, const char *path, const struct contract *contract,
			 const struct access *access)
{
	for (size_t i = 0; i < contract_scope_count(contract); i++)
		if (!is_granted(access, (unsigned)i))
			lint_add(lint, LINT_WARNING, "%s: no user has the scope %s", path,
				 contract_scope(contract, i));
}

/* Somewhere in the file, a list called "roles" or "includes" names it. */
static bool is_used(json_t *json, const char *role)
{
	const char *key;
	json_t *value;
	size_t i;

	json_object_foreach(json, key, value) {
		if ((strcmp(key, "roles") == 0 || strcmp(key, "includes") == 0) &&
		    is_named(value, role))
			return true;
		if (is_used(value, role))
			return true;
	}
	json_array_foreach(json, i, value)
		if (is_used(value, role))
			return true;
	return false;
}

/* By itself, or by a role that it includes; access_load() has seen that there is no circle. */
static bool grants_scopes(const json_t *roles, const json_t *role)
{
	const json_t *included = json_object_get(role, "includes");

	if (json_array_size(json_object_get(role, "scopes")) > 0)
		return true;
	for (size_t i = 0; i < json_array_size(included); i++)
		if (grants_scopes(roles, json_object_get(roles, json_string_value(json_array_get(
									included, i)))))
			return true;
	return false;
}

/* Is there a reason for the role other than what it grants? */
static bool restricts(const json_t *role)
{
	return json_object_get(role, "deny") || json_object_get(role, "clientIds") ||
	       json_object_get(role, "limits") || json_object_get(role, "requires");
}

static void check_roles(struct lint *lint, const char *path)
{
	json_t *document = NULL;
	struct diag diag;
	const char *name;
	json_t *roles, *role;

	if (jsonfile_load(path, &document, &diag))
		return; /* access_load() has said so */
	roles = json_object_get(document, "roles");
	json_object_foreach(roles, name, role) {
		if (!grants_scopes(roles, role) && !restricts(role))
			lint_add(lint, LINT_WARNING, "%s: /roles/%s: grants nothing", path, name);
		if (!is_used(document, name))
			lint_add(lint, LINT_WARNING, "%s: /roles/%s: nobody has it", path, name);
	}
	json_decref(document);
}

/* Whoever may use another's client id may end its connection and take its session over. */
static void check_client_ids(struct lint *lint, const char *path, const struct access *access)
{
	const struct access_principal *principal;
	const char *first = NULL;
	size_t count = 0;

	for (size_t i = 0; (principal = access_principal(access, i)); i++) {
		if (principal->client_count > 0 || principal->is_disabled)
			continue;
		first = first ? first : principal->name;
		count++;
	}
	if (count > 0)
		lint_add(lint, LINT_WARNING,
			 "%s: /clientIds: %zu user%s (%s%s) may use every client id, others' too; "
			 "expected [\"{name}\", \"{name}/*\"]",
			 path, count, count == 1 ? "" : "s", first, count == 1 ? "" : ", ...");
}

/* Whose name may @principal use as its client id, beside its own? @tries counts down. */
static const struct access_principal *
whose_id(const struct access *access, const struct access_principal *principal, size_t *tries)
{
	const struct access_principal *other;

	for (size_t i = 0; *tries > 0 && (other = access_principal(access, i)); i++, --*tries)
		if (other != principal && access_client_ok(principal, other->name))
			return other;
	return NULL;
}

/* Patterns that reach others' ids: "*", or "{name}-*" where one name is the head of another. */
static void check_patterns(struct lint *lint, const char *path, const struct access *access)
{
	const struct access_principal *principal, *other, *victim = NULL;
	const char *first = NULL;
	size_t tries = PAIRS_TRIED;
	size_t count = 0;

	for (size_t i = 0; (principal = access_principal(access, i)); i++) {
		if (principal->client_count == 0 || principal->is_disabled)
			continue;
		other = whose_id(access, principal, &tries);
		if (!other)
			continue;
		victim = victim ? victim : other;
		first = first ? first : principal->name;
		count++;
	}
	if (count > 0)
		lint_add(lint, LINT_WARNING,
			 "%s: /clientIds: %zu user%s may use another's name as client id (%s "
			 "that of %s); expected [\"{name}\", \"{name}/*\"]",
			 path, count, count == 1 ? "" : "s", first, victim->name);
	if (tries == 0)
		lint_add(lint, LINT_WARNING,
			 "%s: /clientIds: more than %u pairs of users: whether the others may use "
			 "each other's names was not looked at",
			 path, PAIRS_TRIED);
}

static void check_passwords(struct lint *lint, const char *path, const struct access *access)
{
	bool has_other_ways = access_has_certificates(access) || access_has_issuers(access);
	const struct access_principal *principal;
	struct passwords *passwords = NULL;
	struct diag diag;

	if (passwords_load(path, &passwords, &diag)) {
		lint_add(lint, LINT_ERROR, "%s", diag.text);
		return;
	}
	if (passwords_warning(passwords))
		lint_add(lint, LINT_WARNING, "%s", passwords_warning(passwords));
	if (passwords_weakness(passwords))
		lint_add(lint, LINT_WARNING, "%s", passwords_weakness(passwords));
	if (passwords_cost(passwords) > PASSWORD_STALL_NOTED)
		lint_add(lint, LINT_WARNING,
			 "%s: the broker serves nobody while the password of %s is checked, or a "
			 "wrong one: %" PRIu64 " rounds, expected %u at most%s",
			 path, passwords_costliest(passwords), passwords_cost(passwords),
			 PASSWORD_STALL_NOTED,
			 passwords_cost(passwords) > PASSWORD_STALL_MAX
				 ? "; without delayed logins the plugin refuses the file"
				 : "");
	for (size_t i = 0; (principal = access_principal(access, i)); i++)
		if (!has_other_ways && !principal->is_disabled &&
		    !passwords_entry(passwords, principal->name))
			lint_add(lint, LINT_WARNING, "%s: user %s has no password", path,
				 principal->name);
	passwords_free(passwords);
}

/* The file of SCRAM keys, where the configuration names one. */
static void check_scram(struct lint *lint, const struct files *files)
{
	const char *path = json_string_value(json_object_get(files->lines, "scram_file"));
	struct scram_keys *keys = NULL;
	struct diag diag;

	if (!path)
		return;
	if (scram_load(path, &keys, &diag))
		lint_add(lint, LINT_ERROR, "%s", diag.text);
	else if (scram_warning(keys))
		lint_add(lint, LINT_WARNING, "%s", scram_warning(keys));
	scram_free(keys);
}

/* Names in the password file that the access file does not know can't connect. */
static void check_names(struct lint *lint, const char *path, const struct access *access)
{
	FILE *file = fopen(path, "re");
	char *line = NULL;
	size_t cap = 0;

	while (file && getline(&line, &cap, file) > 0) {
		line[strcspn(line, ":\n")] = '\0';
		if (line[0] && line[0] != '#' && !access_find(access, line))
			lint_add(lint, LINT_WARNING,
				 "%s: user %s is not in the access file and can't connect", path,
				 line);
	}
	free(line);
	if (file)
		(void)fclose(file); /* only read from */
}

/* ---- all of it -------------------------------------------------------------------------- */

static void check_access(struct lint *lint, const struct files *files, const char *passwords,
			 const struct rules *rules)
{
	check_scopes(lint, files->access, rules->contract, rules->access);
	check_roles(lint, files->access);
	check_client_ids(lint, files->access, rules->access);
	check_patterns(lint, files->access, rules->access);
	if (passwords) {
		check_passwords(lint, passwords, rules->access);
		check_names(lint, passwords, rules->access);
	}
}

/* Also compiles schemas and patterns. */
static void check_rules(struct lint *lint, const struct files *files, const char *passwords)
{
	struct rules_files wanted = { .contract = files->contract, .access = files->access };
	struct rules *rules = NULL;
	struct diag diag;

	if (rules_load(&wanted, &rules, &diag)) {
		lint_add(lint, LINT_ERROR, "%s", diag.text);
		return;
	}
	if (own_messages_check(rules, &diag))
		lint_add(lint, LINT_ERROR, "%s", diag.text);
	for (size_t i = 0; rules_warning(rules, i); i++)
		lint_add(lint, LINT_WARNING, "%s", rules_warning(rules, i));
	check_own_topics(lint, files->contract, rules->contract);
	check_schemas(lint, files->contract, rules->contract);
	if (files->access)
		check_access(lint, files, passwords, rules);
	rules_free(rules);
}

static void check_contract(struct lint *lint, const struct files *files, const char *passwords)
{
	struct contract *contract = NULL;
	json_t *document = NULL;
	struct diag diag;
	unsigned before;

	if (jsonfile_load(files->contract, &document, &diag)) {
		lint_add(lint, LINT_ERROR, "%s", diag.text);
		return;
	}
	before = lint->errors;
	check_extensions(lint, files->contract, document);
	if (contract_load(files->contract, &contract, &diag)) {
		if (lint->errors == before || !strstr(diag.text, "/x-"))
			lint_add(lint, LINT_ERROR, "%s", diag.text);
		json_decref(document);
		return;
	}
	lint_machines(lint, files->contract, document);
	json_decref(document);
	lint_sizes(lint, &files->broker, largest_payload(contract));
	check_channels(lint, files->contract, contract);
	check_rules(lint, files, passwords);
	contract_free(contract);
}

static void print(const struct lint *lint, const struct output *output)
{
	size_t i;
	json_t *finding;

	if (output->is_json) {
		output_json(lint->findings);
		return;
	}
	json_array_foreach(lint->findings, i, finding) {
		output_word(output, cells_text(finding, "level"));
		(void)printf(": %s\n", cells_text(finding, "text"));
	}
	(void)printf("%u error%s, %u warning%s\n", lint->errors, lint->errors == 1 ? "" : "s",
		     lint->warnings, lint->warnings == 1 ? "" : "s");
}

static int run(struct ctl_call *call)
{
	const struct lint_args *args = call->args;
	struct lint lint = { .findings = NULL };

	if (files_need(&call->files, "contract", call->files.contract, &call->diag))
		return CTL_FAILED;
	lint.findings = json_array();
	check_config(&lint, &call->files);
	check_contract(&lint, &call->files,
		       args->passwords ? args->passwords : call->files.passwords);
	check_scram(&lint, &call->files);
	print(&lint, &call->output);
	json_decref(lint.findings);
	return lint.errors || (args->strict && lint.warnings) ? CTL_NO : CTL_OK;
}

const struct ctl_command ctl_lint = {
	.name = "lint",
	.arguments = "[--config FILE] [--contract FILE] [--access FILE] [OPTION...]",
	.summary = "what is wrong or doubtful in contract, accounts, certificates",
	.help = "Errors are what the broker would refuse to start with; warnings what it takes "
		"but\n"
		"you may not have meant. --config looks at all of the broker's configuration:\n"
		"listeners that the plugin does not guard, settings that let somebody in or lose\n"
		"messages, certificates and lists of revoked ones. A finding names file and "
		"line.\n\n"
		"Exit status: 0 no error, 1 errors (with --strict also warnings), 2 no file.\n",
	.shared = CTL_JSON | CTL_CONFIG | CTL_CONTRACT | CTL_ACCESS,
	.options = rows,
	.args_size = sizeof(struct lint_args),
	.run = run,
};
