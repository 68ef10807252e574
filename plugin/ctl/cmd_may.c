/*
 * petstorectl may: a table of everything that a user may do, or the names of the access file's
 * users.
 */
#include <stdio.h>
#include <string.h>

#include "base/commands.h"
#include "base/config.h"
#include "ctl/args.h"
#include "ctl/ctl.h"

struct may_args {
	const char *login;
};

/* clang-format off */
#define AT(member) .offset = offsetof(struct may_args, member)
static const struct args_row rows[] = {
	{ "login", ARGS_WORD, "METHOD", "after this login: password, certificate, token or scram "
	  "(any)", AT(login), .words = CTL_LOGINS },
	{ .name = NULL },
};

static const struct output_column columns[] = {
	{ "address", "topic", OUTPUT_PLAIN }, { "publish", "publish", OUTPUT_PLAIN },
	{ "qos", "QoS from", OUTPUT_PLAIN }, { "retain", "retain", OUTPUT_PLAIN },
	{ "will", "will", OUTPUT_PLAIN }, { "receive", "receive", OUTPUT_PLAIN }, { .key = NULL },
};

/* Where some channel has several operations or messages. */
static const struct output_column long_columns[] = {
	{ "address", "topic", OUTPUT_PLAIN }, { "operation", "operation", OUTPUT_PLAIN },
	{ "messages", "messages", OUTPUT_PLAIN }, { "publish", "publish", OUTPUT_PLAIN },
	{ "qos", "QoS from", OUTPUT_PLAIN }, { "retain", "retain", OUTPUT_PLAIN },
	{ "will", "will", OUTPUT_PLAIN }, { "receive", "receive", OUTPUT_PLAIN }, { .key = NULL },
};
/* clang-format on */

/* Who, after which login. */
struct may_subject {
	const struct rules *rules;
	const struct access_principal *principal;
	enum login_method method;
};

/* For any topic of the channel: every parameter is open. */
static const char *grant_word(const struct may_subject *asked,
			      const struct contract_channel *channel,
			      const struct contract_operation *operation, size_t count)
{
	static const char *const words[] = {
		[GATE_NONE] = "no", [GATE_OWN] = "own", [GATE_FULL] = "yes"
	};
	struct contract_match match = { .channel = channel };
	enum gate_grant grant;

	if (count == 0 || asked->principal->is_disabled ||
	    access_is_barred(asked->principal, channel->address))
		return "no";
	grant = gate_grant(asked->rules, asked->principal, asked->method, operation, count, &match);
	if (grant != GATE_NONE || operation != channel->receive)
		return words[grant];
	for (size_t i = 0; i < channel->param_count; i++)
		if (channel->param[i].own != CONTRACT_OWN_NONE)
			return "as addressed"; /* what carries its name and client id */
	return "no";
}

/* What may be said of publishing under @operation; all is empty where @publish is "no". */
static void add_publish(json_t *row, const char *publish,
			const struct contract_operation *operation)
{
	static const char *const retain[] = { "may", "must", "must not" };
	bool can = strcmp(publish, "no") != 0;

	(void)json_object_set_new(row, "publish", json_string(publish));
	(void)json_object_set_new(row, "qos", can ? json_integer(operation->qos) : json_null());
	(void)json_object_set_new(row, "retain", json_string(can ? retain[operation->retain] : ""));
}

/* The first operation that admits it; without one the first. */
static const struct contract_operation *admitting(const struct may_subject *asked,
						  const struct contract_channel *channel)
{
	for (size_t i = 0; i < channel->send_count; i++)
		if (strcmp(grant_word(asked, channel, &channel->send[i], 1), "no") != 0)
			return &channel->send[i];
	return channel->send;
}

static json_t *operation_json(const struct may_subject *asked,
			      const struct contract_channel *channel,
			      const struct contract_operation *operation)
{
	json_t *row = json_pack("{s:s}", "operation", operation->name), *names = json_array();

	for (size_t i = 0; i < operation->message_count; i++)
		(void)json_array_append_new(names, json_string(operation->message[i]->name));
	(void)json_object_set_new(row, "messages", names);
	add_publish(row, grant_word(asked, channel, operation, 1), operation);
	return row;
}

static json_t *row_of(const struct may_subject *asked, const struct contract_channel *channel)
{
	const char *publish = grant_word(asked, channel, channel->send, channel->send_count);
	const char *will = strcmp(publish, "no") == 0 ? ""
			   : channel->is_will_allowed ? "may"
						      : "must not";
	json_t *row = json_pack("{s:s, s:s}", "channel", channel->name, "address",
				channel->address),
	       *operations = json_array();

	add_publish(row, publish, admitting(asked, channel));
	(void)json_object_set_new(row, "will", json_string(will));
	(void)json_object_set_new(
		row, "receive",
		json_string(grant_word(asked, channel, channel->receive, channel->receive_count)));
	if (channel->send_count > 1 || (channel->send_count > 0 && channel->message_count > 1)) {
		for (size_t i = 0; i < channel->send_count; i++)
			(void)json_array_append_new(
				operations, operation_json(asked, channel, &channel->send[i]));
		(void)json_object_set(row, "operations", operations);
	}
	json_decref(operations);
	return row;
}

/* ---- steps ------------------------------------------------------------------------------- */

static bool holds(const struct may_subject *asked, const struct contract_channel *channel,
		  int scope, enum gate_grant least)
{
	struct contract_alternative needed = { .methods = 0 };
	struct contract_operation operation = { .alternative_count = 1, .alternative = &needed };
	struct contract_match match = { .channel = channel };

	if (scope < 0 || asked->principal->is_disabled)
		return false;
	scopeset_add(&needed.scopes, (unsigned)scope);
	return gate_grant(asked->rules, asked->principal, asked->method, &operation, 1, &match) >=
	       least;
}

/* "PLACED -> CANCELLED": the steps of a user that may publish on @channel for its own only. */
static void add_own_steps(json_t *list, const struct may_subject *asked,
			  const struct contract_channel *channel)
{
	const struct contract_transitions *machine =
		channel->mapping ? channel->mapping->transitions : NULL;

	if (!machine ||
	    strcmp(grant_word(asked, channel, channel->send, channel->send_count), "own") != 0)
		return;
	for (int from = -1; from < (int)machine->count; from++) {
		uint64_t next = from < 0 ? machine->first : machine->next[from];

		for (int to = 0; to < (int)machine->count; to++)
			if ((next >> to & 1) &&
			    holds(asked, channel, contract_step_scope(machine, from, to), GATE_OWN))
				(void)json_array_append_new(
					list,
					json_sprintf("%s: %s -> %s", channel->address,
						     from < 0 ? "(new)" : machine->status[from],
						     machine->status[to]));
	}
}

/* May it put a status of the channel right? */
static bool may_correct(const struct may_subject *asked, const struct contract_channel *channel)
{
	return channel->mapping && channel->mapping->transitions &&
	       strcmp(grant_word(asked, channel, channel->send, channel->send_count), "yes") == 0 &&
	       holds(asked, channel, channel->mapping->transitions->correct, GATE_FULL);
}

static void print_list(const char *title, const json_t *list)
{
	const json_t *each;
	size_t i;

	if (json_array_size(list) > 0)
		(void)printf("\n%s\n", title);
	json_array_foreach(list, i, each)
		output_print("  %s\n", json_string_value(each));
}

static json_t *texts_json(const char *const *text, size_t count)
{
	json_t *list = json_array();

	for (size_t i = 0; i < count; i++)
		(void)json_array_append_new(list, json_string(text[i]));
	return list;
}

static json_t *attributes_json(const struct access_principal *principal)
{
	json_t *object = json_object();

	for (size_t i = 0; i < principal->attribute_count; i++) {
		const struct access_attribute *attribute = &principal->attribute[i];

		(void)json_object_set_new(object, attribute->name,
					  texts_json(attribute->value, attribute->value_count));
	}
	return object;
}

/* What its roles say it is, and whom they say that it talks to; where `where` limits it, too. */
static json_t *applications_json(const struct may_subject *asked)
{
	json_t *list = json_array();
	const struct access_grant *grant;
	struct grantset all;

	access_all_grants(asked->principal, &all);
	for (unsigned i = 0; (grant = access_grant(asked->rules->access, i)); i++)
		if (grantset_has(&all, i))
			(void)json_array_append_new(
				list,
				json_pack("{s:s, s:s, s:o}", "application",
					  asked->rules->contract->application[grant->application]
						  .name,
					  "party", grant->is_counterpart ? "talksTo" : "is",
					  "operations",
					  texts_json(grant->operation, grant->operation_count)));
	return list;
}

/* Of its roles with `where`, a text each. */
static json_t *where_json(const struct access_principal *principal)
{
	json_t *list = json_array();
	char text[512];

	for (size_t i = 0; i < principal->rule_count; i++)
		(void)json_array_append_new(
			list, json_string(access_where(principal, i, text, sizeof(text))));
	return list;
}

/* What it may ask of a broker's plugin; empty: nothing. */
static json_t *commands_json(const struct access_principal *principal)
{
	json_t *list = json_array();

	if (!access_may_ask(principal))
		return list;
	(void)json_array_append_new(list, json_string("whoami"));
	(void)json_array_append_new(list, json_string("contract"));
	for (unsigned i = 0; commands_scope(i); i++)
		if (!access_lacks(principal, commands_name(i)))
			(void)json_array_append_new(list, json_string(commands_name(i)));
	return list;
}

/* "start, stop" */
static json_t *joined(const json_t *names)
{
	const json_t *name;
	char text[512] = "";
	size_t used = 0, i;

	json_array_foreach(names, i, name) {
		int n = snprintf(text + used, sizeof(text) - used, "%s%s", used ? ", " : "",
				 json_string_value(name));

		used = n > 0 && (size_t)n < sizeof(text) - used ? used + (size_t)n : used;
	}
	text[used] = '\0';
	return json_string(text);
}

/* A row for each channel, or for each of its operations where it has several of anything. */
static void print_channels(const json_t *channels, const struct output *output)
{
	json_t *list = json_array(), *each, *operation, *row;
	bool is_long = false;
	size_t i, k;

	json_array_foreach(channels, i, each) {
		if (!json_object_get(each, "operations"))
			(void)json_array_append(list, each);
		json_array_foreach(json_object_get(each, "operations"), k, operation) {
			row = json_copy(each);
			(void)json_object_update(row, operation);
			(void)json_object_set_new(row, "messages",
						  joined(json_object_get(operation, "messages")));
			(void)json_array_append_new(list, row);
			is_long = true;
		}
	}
	output_rows(output, list, is_long ? long_columns : columns);
	json_decref(list);
}

/* "  is Streetlights API", "  talks to Shop: order, ship" */
static void print_applications(const json_t *applications)
{
	const json_t *each;
	size_t i;

	json_array_foreach(applications, i, each) {
		const char *party = json_string_value(json_object_get(each, "party"));
		json_t *operations = joined(json_object_get(each, "operations"));

		output_print("%s %s%s%s\n", strcmp(party, "is") == 0 ? "is" : "talks to",
			     json_string_value(json_object_get(each, "application")),
			     json_string_length(operations) ? ": " : "",
			     json_string_value(operations));
		json_decref(operations);
	}
	if (i > 0)
		(void)puts("");
}

/* Of topics that no channel has; NULL: they are refused to everybody. */
static json_t *unlisted_json(const struct may_subject *asked)
{
	enum contract_unlisted_mode mode = asked->rules->contract->unlisted.mode;
	const char *word[2];

	if (mode == CONTRACT_UNLISTED_REFUSE)
		return NULL;
	for (unsigned i = 0; i < 2; i++)
		word[i] = asked->principal->is_disabled       ? "no"
			  : mode == CONTRACT_UNLISTED_OBSERVE ? "observed"
			  : gate_admits_unlisted(asked->rules, asked->principal, i == 0) ? "yes"
											 : "no";
	return json_pack("{s:s, s:s}", "publish", word[0], "receive", word[1]);
}

static void print_unlisted(const json_t *unlisted)
{
	if (unlisted)
		(void)printf("\nOn topics that no channel has: publish %s, receive %s.\n",
			     json_string_value(json_object_get(unlisted, "publish")),
			     json_string_value(json_object_get(unlisted, "receive")));
}

/* Beside those that are for whoever is signed in. */
static void print_commands(json_t *list)
{
	json_t *names = joined(list);

	if (json_array_size(list) > 2)
		(void)printf("\nCommands: %s.\n", json_string_value(names));
	json_decref(names);
}

static void print_text(const struct access_principal *principal, const json_t *whole,
		       const struct output *output)
{
	if (principal->is_anonymous)
		(void)puts("What clients without a name may:");
	else if (json_is_true(json_object_get(whole, "byDefault")))
		output_print("%s is not listed; what `default` gives whoever proves the name:\n",
			     principal->name);
	output_print("%s%s, roles", principal->name, principal->is_disabled ? " (disabled)" : "");
	for (size_t i = 0; i < principal->role_count; i++)
		output_print("%s %s", i ? "," : "", principal->role[i]);
	(void)printf("%s\n\n", principal->role_count ? "" : " none");
	print_applications(json_object_get(whole, "applications"));
	print_channels(json_object_get(whole, "channels"), output);
	print_unlisted(json_object_get(whole, "unlisted"));
	print_commands(json_object_get(whole, "commands"));
	print_list("Steps on its own:", json_object_get(whole, "ownSteps"));
	print_list("Puts a status right on:", json_object_get(whole, "corrects"));
	print_list("Some of this holds only on topics where:", json_object_get(whole, "where"));
}

static void print(const struct may_subject *asked, const struct scene *scene,
		  const struct output *output)
{
	const struct access_principal *principal = asked->principal;
	json_t *channels = json_array(), *steps = json_array(), *corrects = json_array(), *whole;
	json_t *unlisted = unlisted_json(asked);

	for (size_t i = 0; i < scene->rules->contract->channel_count; i++) {
		const struct contract_channel *channel = &scene->rules->contract->channel[i];

		(void)json_array_append_new(channels, row_of(asked, channel));
		add_own_steps(steps, asked, channel);
		if (may_correct(asked, channel))
			(void)json_array_append_new(corrects, json_string(channel->address));
	}
	whole = json_pack("{s:s, s:b, s:b, s:o, s:o, s:o, s:o, s:o, s:o, s:o}", "user",
			  principal->name, "byDefault", (int)scene->is_unlisted, "disabled",
			  (int)principal->is_disabled, "roles",
			  texts_json(principal->role, principal->role_count), "applications",
			  applications_json(asked), "attributes", attributes_json(principal),
			  "channels", channels, "ownSteps", steps, "corrects", corrects, "commands",
			  commands_json(principal));
	if (unlisted)
		(void)json_object_set_new(whole, "unlisted", unlisted);
	if (principal->rule_count > 0)
		(void)json_object_set_new(whole, "where", where_json(principal));
	if (output->is_json)
		output_json(whole);
	else
		print_text(principal, whole, output);
	json_decref(whole);
}

/* ---- which users there are ---------------------------------------------------------------- */

/* A line each: no name has what would end it, or mislead the eye (names_fault()). */
static void print_users(const struct config *users, const struct output *output)
{
	json_t *list = json_array();

	config_foreach_member(user, users) {
		if (output->is_json)
			(void)json_array_append_new(list, json_string(user->key));
		else
			(void)puts(user->key);
	}
	if (output->is_json)
		output_json(list);
	json_decref(list);
}

/* Without a contract: what users may is not asked. */
static int list_users(struct ctl_call *call)
{
	struct access_file *file = NULL;
	const struct config *users;
	int status = CTL_FAILED;

	if (files_need(&call->files, "access", call->files.access, &call->diag) ||
	    access_open(call->files.access, &file, NULL, &call->diag))
		return CTL_FAILED;
	if (access_users(file, &users, &call->diag) == 0) {
		print_users(users, &call->output);
		status = CTL_OK;
	}
	access_close(file);
	return status;
}

static int run(struct ctl_call *call)
{
	const struct may_args *args = call->args;
	struct may_subject asked = { .method = ctl_login(args->login) };
	struct scene scene = { .rules = NULL };
	int status;

	if (call->count == 0)
		return args->login ? ctl_fail(call->name, "--login is about one user: usage: "
							  "petstorectl may USER [OPTION...]")
				   : list_users(call);
	call->files.database = NULL; /* scopes do not depend on it, and few may read it */
	if (scene_open(&call->files, &scene, &call->diag))
		return CTL_FAILED;
	asked.rules = scene.rules;
	asked.principal = scene_principal(&scene, call->operand[0], NULL);
	if (asked.principal)
		print(&asked, &scene, &call->output);
	else
		ctl_no_user(call, &scene, call->operand[0]);
	status = asked.principal ? CTL_OK : CTL_NO;
	scene_clear(&scene);
	return status;
}

const struct ctl_command ctl_may = {
	.name = "may",
	.arguments = "[USER] [OPTION...]",
	.summary = "everything that a user may do, or which users there are",
	.help = "\"own\" is what belongs to the user, by the database or by an attribute.\n\n"
		"Without USER: the users of the access file, a line each. That needs no "
		"contract.\n",
	.shared = CTL_JSON | CTL_CONFIG | CTL_CONTRACT | CTL_ACCESS,
	.options = rows,
	.args_size = sizeof(struct may_args),
	.operands_min = 0,
	.operands_max = 1,
	.run = run,
};
