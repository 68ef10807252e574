/* The contract: what is loaded, what is refused and with which words. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
/* cmocka.h wants the first two above */
#include <cmocka.h>
#include <jansson.h>

#include "base/jsonfile.h"
#include "contract/contract.h"
#include "failalloc.h"
#include "place.h"

#define DATA "test/data/contract/"
#define NAME "contract.asyncapi.json"
#define FAULTS "test/data/ctl/faults.asyncapi.json"

/* ---- a folder to load changed contracts from -------------------------------------------- */

struct folder {
	char path[64];
	char contract[128];
	char files[128];
};

static const char *const data_files[] = { "common.schema.json", "lost.schema.json",
					  "note.asyncapi.json", "status.schema.json" };

static void copy_file(const char *from, const char *to)
{
	char text[65536];
	FILE *in = fopen(from, "r"), *out = fopen(to, "w");
	size_t len;

	assert_non_null(in);
	assert_non_null(out);
	len = fread(text, 1, sizeof(text), in);
	assert_true(len > 0 && len < sizeof(text));
	assert_int_equal(fwrite(text, 1, len, out), len);
	assert_int_equal(fclose(out), 0);
	(void)fclose(in);
}

/* The folder has copies of the files beside the contract: a link would lead out of it. */
static void folder_init(struct folder *ret)
{
	char from[128], to[400];

	(void)snprintf(ret->path, sizeof(ret->path), "/tmp/contract-XXXXXX");
	assert_non_null(mkdtemp(ret->path));
	(void)snprintf(ret->contract, sizeof(ret->contract), "%s/" NAME, ret->path);
	(void)snprintf(ret->files, sizeof(ret->files), "%s/files", ret->path);
	assert_int_equal(mkdir(ret->files, 0700), 0);
	for (size_t i = 0; i < sizeof(data_files) / sizeof(*data_files); i++) {
		(void)snprintf(from, sizeof(from), DATA "files/%s", data_files[i]);
		(void)snprintf(to, sizeof(to), "%s/%s", ret->files, data_files[i]);
		copy_file(from, to);
	}
}

static void folder_clear(struct folder *folder)
{
	char path[400];

	(void)unlink(folder->contract);
	for (size_t i = 0; i < sizeof(data_files) / sizeof(*data_files); i++) {
		(void)snprintf(path, sizeof(path), "%s/%s", folder->files, data_files[i]);
		(void)unlink(path);
	}
	assert_int_equal(rmdir(folder->files), 0);
	assert_int_equal(rmdir(folder->path), 0);
}

static json_t *read_json(const char *path)
{
	json_t *json = json_load_file(path, JSON_ALLOW_NUL, NULL);

	assert_non_null(json);
	return json;
}

/* RFC 7396. Returns a new reference; borrows both. */
static json_t *merge(json_t *to, json_t *patch)
{
	json_t *ret;
	const char *key;
	json_t *value;

	if (!json_is_object(patch))
		return json_incref(patch);
	ret = json_is_object(to) ? json_copy(to) : json_object();
	json_object_foreach(patch, key, value) {
		if (json_is_null(value))
			(void)json_object_del(ret, key);
		else
			json_object_set_new(ret, key, merge(json_object_get(to, key), value));
	}
	return ret;
}

/* ---- what is loaded --------------------------------------------------------------------- */

/* What the operation asks for, behind @head; nothing: nothing. */
static void print_needs(FILE *out, const struct contract *contract,
			const struct contract_operation *operation, const char *head)
{
	for (size_t i = 0; i < operation->alternative_count; i++) {
		fputs(i ? " or" : head, out);
		for (unsigned s = 0; s < contract->scope_count; s++)
			if (scopeset_has(&operation->alternative[i].scopes, s))
				fprintf(out, " %s", contract->scope[s]);
		for (unsigned m = 0; m <= LOGIN_BOTH; m++)
			if (login_methods_told(operation->alternative[i].methods) >> m & 1)
				fprintf(out, " by %s", login_method_name((enum login_method)m));
		if (operation->alternative[i].methods == CONTRACT_NOBODY)
			fputs(" what nobody has", out);
	}
}

static void print_operation(FILE *out, const struct contract *contract, const char *action,
			    const struct contract_operation *operation)
{
	static const char *const retain[] = { "may", "must", "must not" };

	fprintf(out, "  %s %s, qos %u, %s be retained", action, operation->name, operation->qos,
		retain[operation->retain]);
	print_needs(out, contract, operation, ", needs");
	fputc('\n', out);
}

static void print_params(FILE *out, const struct contract_channel *channel)
{
	for (size_t i = 0; i < channel->param_count; i++) {
		const struct contract_param *param = &channel->param[i];

		fprintf(out, "  parameter %s", param->name);
		if (param->location)
			fprintf(out, " is %s", param->location);
		if (param->pattern)
			fprintf(out, " like %s", param->pattern);
		if (param->own != CONTRACT_OWN_NONE)
			fprintf(out, " for the %s of this %s",
				param->own == CONTRACT_OWN_CLIENT ? "client" : "principal",
				param->own == CONTRACT_OWN_CLIENT ? "id" : "name");
		for (size_t v = 0; v < param->value_count; v++)
			fprintf(out, " %s%s", v ? "or " : "one of ", param->value[v]);
		fputc('\n', out);
	}
}

/* " (write:pets)" */
static void print_step_scope(FILE *out, const struct contract *contract,
			     const struct contract_transitions *machine, int from, size_t to)
{
	int scope = contract_step_scope(machine, from, (int)to);

	if (scope >= 0)
		fprintf(out, " (%s)", contract->scope[scope]);
}

static void print_transitions(FILE *out, const struct contract *contract,
			      const struct contract_transitions *machine)
{
	static const char *const repeats[] = { "update", "same", "refuse" };

	fprintf(out, "    repeats %s\n", repeats[machine->repeat]);
	if (machine->correct >= 0)
		fprintf(out, "    corrected by %s\n", contract->scope[machine->correct]);
	for (size_t i = 0; i < machine->count; i++) {
		fprintf(out, "    %s%s", machine->first >> i & 1 ? "*" : "", machine->status[i]);
		if (machine->first >> i & 1)
			print_step_scope(out, contract, machine, -1, i);
		fprintf(out, " ->");
		for (size_t k = 0; k < machine->count; k++) {
			if (!(machine->next[i] >> k & 1))
				continue;
			fprintf(out, " %s", machine->status[k]);
			print_step_scope(out, contract, machine, (int)i, k);
		}
		if (machine->longest_s[i])
			fprintf(out, " within %u s", machine->longest_s[i]);
		fputc('\n', out);
	}
}

static void print_mapping(FILE *out, const struct contract *contract,
			  const struct contract_channel *channel)
{
	const struct contract_mapping *map = channel->mapping;

	if (!map)
		return;
	fprintf(out, "  entity %s by %s", map->entity->name, channel->param[map->param].name);
	if (map->owner_member.name)
		fprintf(out, " of %s", map->owner_member.name);
	for (size_t i = 0; i < map->fill_count; i++) {
		assert_int_equal(map->fill[i].member.len, strlen(map->fill[i].member.name));
		fprintf(out, ", %s = %s", map->entity->column[map->fill[i].column].name,
			map->fill[i].member.name);
	}
	fputc('\n', out);
	if (!map->transitions)
		return;
	fprintf(out, "  moves %s to %s\n", map->entity->column[map->entity->slot[map->slot]].name,
		map->status_member.name);
	fprintf(out, "    but for");
	for (size_t i = 0; i < channel->content->time_count; i++)
		fprintf(out, " %s", channel->content->time[i].name);
	fprintf(out, "%s\n", channel->content->is_shared ? ", shares a column" : "");
	print_transitions(out, contract, map->transitions);
}

static void print_channel(FILE *out, const struct contract *contract, size_t index)
{
	static const char *const modes[] = { "enforce", "observe", "off" };
	const struct contract_channel *channel = &contract->channel[index];

	assert_int_equal(channel->index, index);
	fprintf(out, "channel %s: %s (", channel->name, channel->address);
	if (channel->mode[CONTRACT_PERMISSION] == CONTRACT_ENFORCE &&
	    channel->mode[CONTRACT_TRANSITION] == channel->mode[CONTRACT_SCHEMA] &&
	    channel->mode[CONTRACT_LIMITS] == channel->mode[CONTRACT_SCHEMA])
		fprintf(out, "%s)\n", modes[channel->mode[CONTRACT_SCHEMA]]);
	else
		for (int g = 0; g < CONTRACT_GROUPS; g++)
			fprintf(out, "%s %s%s", contract_group_name((enum contract_group)g),
				modes[channel->mode[g]], g + 1 < CONTRACT_GROUPS ? ", " : ")\n");
	print_params(out, channel);
	for (size_t i = 0; i < channel->send_count; i++)
		print_operation(out, contract, "send", &channel->send[i]);
	for (size_t i = 0; i < channel->receive_count; i++)
		print_operation(out, contract, "receive", &channel->receive[i]);
	fprintf(out, "  payload %s, at most %u bytes\n",
		channel->message_count > 0 && channel->message->schema_uri
			? channel->message->schema_uri
			: "-",
		channel->payload_max);
	fprintf(out, "  will %s, %s, %s, %s\n", channel->is_will_allowed ? "allowed" : "forbidden",
		channel->is_recorded ? "recorded" : "not recorded",
		channel->durability == CONTRACT_POWER ? "power" : "process",
		channel->is_strict ? "strict" : "eventual");
	if (channel->limits->messages_per_second || channel->limits->bytes_per_second)
		fprintf(out, "  %u messages a second, burst %u; %u bytes\n",
			channel->limits->messages_per_second, channel->limits->burst,
			channel->limits->bytes_per_second);
	if (channel->interval_s)
		fprintf(out, "  every %u s\n", channel->interval_s);
	if (channel->time_member.name)
		fprintf(out, "  time in %s\n", channel->time_member.name);
	for (unsigned i = 0; i < channel->unique_count; i++)
		fprintf(out, "  unique by %.*s\n", (int)channel->unique[i].len,
			channel->unique[i].name);
	print_mapping(out, contract, channel);
}

static void print_entity(FILE *out, const struct contract *contract, size_t index)
{
	static const char *const types[] = { "text", "integer", "real", "boolean" };
	const struct entity *entity = &contract->plan.entity[index];

	assert_int_equal(entity->index, index);
	fprintf(out, "entity %s, table %s\n", entity->name, entity->table);
	for (unsigned i = 0; i < entity->column_count; i++) {
		fprintf(out, "  %s %s%s", entity->column[i].name,
			types[entity->column[i].type - VALUE_TEXT],
			entity->column[i].is_indexed ? ", indexed" : "");
		for (size_t s = 0; s < entity->slot_count; s++)
			if (entity->slot[s] == i)
				fprintf(out, ", status %zu", s);
		if (entity->link_column == (int)i)
			fprintf(out, ", owned by the owner of this %s", entity->owner_entity->name);
		fputc('\n', out);
	}
}

static char *describe(const struct contract *contract)
{
	char *text = NULL;
	size_t len = 0;
	FILE *out = open_memstream(&text, &len);

	assert_non_null(out);
	fprintf(out, "%s %s\n", contract->title, contract->version);
	for (size_t i = 0; i < contract->sources.count; i++) {
		struct sources_file *file = contract->sources.file[i];

		assert_true(json_is_object(sources_json(file)));
		fprintf(out, "file %s as %s\n", file->name, file->uri);
	}
	for (size_t i = 0; i < contract->scope_count; i++)
		fprintf(out, "scope %s\n", contract->scope[i]);
	for (size_t i = 0; i < contract->plan.entity_count; i++)
		print_entity(out, contract, i);
	for (size_t i = 0; i < contract->channel_count; i++)
		print_channel(out, contract, i);
	assert_int_equal(fclose(out), 0);
	return text;
}

static struct contract *load(const char *path)
{
	struct contract *contract = NULL;
	struct diag diag;

	diag_init(&diag);
	if (contract_load(path, &contract, NULL, &diag) != 0)
		fail_msg("%s", diag.text);
	assert_string_equal(diag.text, "");
	return contract;
}

/* Holds the description of a contract against the file that says what it should be. */
static void check_description(const char *path, const char *expected_path)
{
	struct contract *contract = load(path);
	char *actual = describe(contract);
	FILE *file = fopen(expected_path, "r");
	char expected[1024];
	char *line = actual;
	unsigned number = 0;

	assert_non_null(file);
	while (fgets(expected, sizeof(expected), file)) {
		size_t len = strcspn(line, "\n");

		number++;
		expected[strcspn(expected, "\n")] = '\0';
		if (strlen(expected) != len || memcmp(expected, line, len) != 0)
			fail_msg("%s:%u:\n  expected: %s\n  but it is: %.*s", expected_path, number,
				 expected, (int)len, line);
		line += len + (line[len] != '\0');
	}
	assert_string_equal(line, "");
	assert_true(number > 0);
	(void)fclose(file);
	free(actual);
	contract_free(contract);
}

static void test_contract_load__petstore(void **state)
{
	(void)state;
	check_description("schemas/petstore.asyncapi.json", DATA "petstore.expected");
}

static void test_contract_load__smarthome(void **state)
{
	(void)state;
	check_description("test/data/smarthome/smarthome.asyncapi.json", DATA "smarthome.expected");
}

/* The one place that can't be told by a golden file: a path without a folder. */
static void test_contract_load__from_the_folder_itself(void **state)
{
	struct contract *contract;
	char *home = getcwd(NULL, 0);

	(void)state;
	assert_non_null(home);
	assert_int_equal(chdir("schemas"), 0);
	contract = load("petstore.asyncapi.json");
	assert_int_equal(contract->channel_count, 9);
	contract_free(contract);
	assert_int_equal(chdir(home), 0);
	free(home);
}

static void test_contract_match__finds_the_channels(void **state)
{
	struct contract *contract = load("schemas/petstore.asyncapi.json");
	struct contract_match match;

	(void)state;
	for (size_t i = 0; i < contract->channel_count; i++) {
		const struct contract_channel *channel = &contract->channel[i];
		const char *brace = strchr(channel->address, '{');
		char topic[64];
		size_t used = 0;

		if (!brace)
			continue; /* the broker's */
		for (const char *at = channel->address; *at; at++) {
			if (*at != '{') {
				topic[used++] = *at;
				continue;
			}
			memcpy(topic + used, "abc123", 6);
			used += 6;
			at = strchr(at, '}');
		}
		topic[used] = '\0';
		match = topics_match(contract->topics, topic, strlen(topic));
		assert_ptr_equal(match.channel, channel);
		assert_int_equal(match.param[0].len, 6);
		assert_ptr_equal(match.param[0].text, topic + (brace - channel->address));
	}
	match = topics_match(contract->topics, "$SYS/broker/uptime", 18);
	assert_string_equal(match.channel->address, "$SYS/#");
	assert_null(topics_match(contract->topics, "orders/abc123", 13).channel);
	contract_free(contract);
}

/* ---- what is refused -------------------------------------------------------------------- */

/* Loads what must not load. The words to *ret, without the folder's name. */
static int refuse(const struct folder *folder, struct diag *ret)
{
	struct contract *contract = NULL;
	struct diag diag;
	int rc;

	diag_init(&diag);
	rc = contract_load(folder->contract, &contract, NULL, &diag);
	contract_free(contract);
	diag_init(ret);
	return rc ? diag_set(ret, rc, "%s", place_plain(diag.text)) : 0;
}

static void test_contract_load__refuses_each_change(void **state)
{
	json_t *base = read_json(DATA "base.asyncapi.json");
	json_t *cases = read_json(DATA "invalid.json");
	struct contract *contract;
	struct folder folder;
	struct diag diag;
	json_t *one;
	size_t i;

	(void)state;
	folder_init(&folder);
	/* Unchanged it loads: what is refused below is refused for its change. */
	assert_int_equal(json_dump_file(base, folder.contract, 0), 0);
	contract = load(folder.contract);
	contract_free(contract);
	json_array_foreach(cases, i, one) {
		json_t *changed = merge(base, json_object_get(one, "change"));

		assert_int_equal(json_dump_file(changed, folder.contract, 0), 0);
		if (refuse(&folder, &diag) == 0)
			fail_msg("%s: accepted", json_string_value(json_object_get(one, "name")));
		if (!place_says(diag.text, json_string_value(json_object_get(one, "error"))))
			fail_msg("%s:\n  expected: %s\n  but it is: %s",
				 json_string_value(json_object_get(one, "name")),
				 json_string_value(json_object_get(one, "error")), diag.text);
		json_decref(changed);
	}
	assert_true(json_array_size(cases) > 180);
	folder_clear(&folder);
	json_decref(cases);
	json_decref(base);
}

/* Two channels move one status: they say the same of it, or there is one fault with both places. */
static void test_contract_load__a_status_has_one_consistency(void **state)
{
	static const struct {
		const char *status, *note; /* x-consistency; NULL: left out */
		bool is_fault;
	} cases[] = { { NULL, NULL, false },       { "strict", "strict", false },
		      { "eventual", NULL, false }, { "strict", NULL, true },
		      { NULL, "strict", true },    { "eventual", "strict", true } };
	struct folder folder;

	(void)state;
	folder_init(&folder);
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		json_t *base = read_json(DATA "base.asyncapi.json");
		json_t *channels = json_object_get(base, "channels");
		json_t *status = json_object_get(channels, "status");
		json_t *note = json_deep_copy(status);
		struct contract *contract = NULL;
		struct diag diag;

		diag_init(&diag);
		json_object_set_new(note, "address", json_string("other/{thingId}/status"));
		if (cases[i].status)
			json_object_set_new(status, "x-consistency", json_string(cases[i].status));
		if (cases[i].note)
			json_object_set_new(note, "x-consistency", json_string(cases[i].note));
		json_object_set_new(channels, "note", note);
		json_object_del(base, "operations");
		json_object_set_new(base, "operations",
				    json_pack("{s:{s:s,s:{s:s}},s:{s:s,s:{s:s}}}", "a", "action",
					      "send", "channel", "$ref", "#/channels/status", "b",
					      "action", "send", "channel", "$ref",
					      "#/channels/note"));
		assert_int_equal(json_dump_file(base, folder.contract, 0), 0);
		if (cases[i].is_fault) {
			assert_int_equal(refuse(&folder, &diag), ERR_INVALID);
			assert_non_null(strstr(diag.text, "which moves state of entity \"thing\" "
							  "too, is "));
			assert_non_null(strstr(diag.text, NAME ":1:"));
		} else {
			contract = load(folder.contract);
			assert_int_equal(contract->channel[0].is_strict, cases[i].note != NULL);
			contract_free(contract);
		}
		json_decref(base);
	}
	folder_clear(&folder);
}

static void test_contract_load__says_all_that_is_wrong(void **state)
{
	static const char *const lines[] = {
		FAULTS ": /info/versoin: unknown member; did you mean \"version\"?",
		FAULTS ": /info: expected a member \"version\"",
		FAULTS ": /channels/note/adress: unknown member; did you mean",
		FAULTS ": /channels/news/messages/news/contentType: expected a string",
		FAULTS ": /operations/sendNews/messages: expected an array",
		FAULTS ": /channels/news/messages/news/payload: expected a JSON",
		FAULTS ": /operations/sendNews/channel/$ref: there is no",
		FAULTS ": /channels/news/parameters/section/enum: expected 1 to",
	};
	struct diag_list all = { .count = 0 };
	struct contract *contract = NULL;
	struct diag diag;

	(void)state;
	assert_int_equal(contract_load(FAULTS, &contract, &all, &diag), ERR_INVALID);
	assert_null(contract);
	assert_int_equal(all.count, sizeof(lines) / sizeof(*lines));
	assert_string_equal(all.line[0].text, diag.text);
	for (unsigned i = 0; i < all.count; i++)
		assert_memory_equal(place_cut(all.line[i].text), lines[i], strlen(lines[i]));
}

/* Two references to one missing file are one line, and none about what would have stood there. */
static void test_contract_load__says_once_that_a_file_is_missing(void **state)
{
	static const char text[] =
		"{\"asyncapi\":\"3.0.0\",\"info\":{\"title\":\"t\",\"version\":\"1\"},"
		"\"channels\":{\"a\":{\"address\":\"a\",\"messages\":{\"m\":{\"payload\":{}}}}},"
		"\"operations\":{"
		"\"s\":{\"action\":\"send\",\"channel\":{\"$ref\":\"#/channels/a\"},"
		"\"security\":[{\"$ref\":\"gone.json#/s\"}]},"
		"\"r\":{\"action\":\"receive\",\"channel\":{\"$ref\":\"#/channels/a\"},"
		"\"security\":[{\"$ref\":\"gone.json#/s\"}]}}}";
	struct diag_list all = { .count = 0 };
	struct contract *contract = NULL;
	struct folder folder;
	struct diag diag;
	FILE *file;

	(void)state;
	folder_init(&folder);
	file = fopen(folder.contract, "w");
	assert_non_null(file);
	assert_true(fputs(text, file) >= 0 && fclose(file) == 0);
	assert_true(contract_load(folder.contract, &contract, &all, &diag) < 0);
	folder_clear(&folder);
	for (unsigned i = 0; i < all.count; i++)
		assert_non_null(strstr(all.line[i].text, "No such file"));
	assert_int_equal(all.count, 1);
}

static void test_contract_load__refuses_what_is_no_document(void **state)
{
	static const struct {
		const char *text, *error;
		int rc;
	} rows[] = {
		{ "", NAME ":1:1: not JSON: unexpected token near end of file", ERR_SYNTAX },
		{ "{\n\"a\": }", NAME ":2:6: not JSON: unexpected token near '}'", ERR_SYNTAX },
		{ "{\"a\":1,\"a\":2}", NAME ":1:8: /a: occurs twice, first at 1:2", ERR_INVALID },
		{ "[]", NAME ":1:1: expected an object", ERR_INVALID },
		{ "7", NAME ":1:1: expected an object", ERR_INVALID },
		{ "{}",
		  NAME ":1:1: /asyncapi: expected a version of AsyncAPI, \"2.0.0\" to \"2.6.0\", "
		       "\"3.0.0\" or \"3.1.0\"",
		  ERR_INVALID },
	};
	struct folder folder;
	struct diag diag;

	(void)state;
	folder_init(&folder);
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		FILE *file = fopen(folder.contract, "w");

		assert_non_null(file);
		fputs(rows[i].text, file);
		assert_int_equal(fclose(file), 0);
		assert_int_equal(refuse(&folder, &diag), rows[i].rc);
		assert_string_equal(diag.text, rows[i].error);
	}
	(void)unlink(folder.contract);
	assert_int_equal(refuse(&folder, &diag), ERR_IO);
	assert_string_equal(diag.text, NAME ": No such file or directory");
	folder_clear(&folder);
}

/* ---- references ------------------------------------------------------------------------- */

/* What is asked for here is written as $ref wherever AsyncAPI lets it be. */
static void test_contract_load__follows_references_everywhere(void **state)
{
	static const char text[] =
		"{ 'channels': { 'note': { '$ref': '#/components/channels/n~1~0' } },"
		"  'operations': {"
		"    'sendNote': { '$ref': '" NAME "#/components/operations/s' } },"
		"  'components': {"
		"    'channels': { 'n/~': { 'address': 'notes/{id}',"
		"      'messages': { 'm': { '$ref': '#/components/messages/a%20b' } },"
		"      'parameters': { 'id': { '$ref': '#/components/parameters/id' } } } },"
		"    'messages': { 'a b': { 'payload': { '$ref': '#/components/schemas/p' },"
		"      'bindings': { '$ref': '#/components/messageBindings/b' } } },"
		"    'messageBindings': { 'b': { 'mqtt': { 'bindingVersion': '0.2.0' } } },"
		"    'parameters': { 'id': { '$ref': '#/components/parameters/other' },"
		"      'other': { 'location': '$message.payload#/id' } },"
		"    'schemas': { 'p': { '$ref': './files/../files/common.schema.json#/$defs/id' } "
		"},"
		"    'operationBindings': { 'o': { 'mqtt': { 'qos': 2 } } },"
		"    'operations': { 's': { 'action': 'send',"
		"      'channel': { '$ref': '#/channels/note' },"
		"      'bindings': { '$ref': '#/components/operationBindings/o' } } } } }";
	json_t *base = read_json(DATA "base.asyncapi.json");
	char quoted[sizeof(text)];
	const struct contract_channel *channel;
	struct contract *contract;
	struct folder folder;
	json_t *patch;
	json_t *changed;

	(void)state;
	for (size_t i = 0; i < sizeof(text); i++)
		quoted[i] = text[i] == '\'' ? '"' : text[i];
	patch = json_loads(quoted, 0, NULL);
	assert_non_null(patch);
	json_object_del(json_object_get(json_object_get(base, "channels"), "note"), "address");
	json_object_del(json_object_get(json_object_get(base, "channels"), "note"), "messages");
	json_object_clear(json_object_get(json_object_get(base, "operations"), "sendNote"));
	changed = merge(base, patch);
	folder_init(&folder);
	assert_int_equal(json_dump_file(changed, folder.contract, 0), 0);
	contract = load(folder.contract);
	channel = topics_match(contract->topics, "notes/7", 7).channel;
	assert_string_equal(channel->name, "note");
	assert_string_equal(channel->send->name, "sendNote");
	assert_int_equal(channel->send->qos, 2);
	assert_string_equal(channel->param[0].location, "/id");
	assert_string_equal(channel->message->schema_uri,
			    "contract:/files/common.schema.json#/$defs/id");
	contract_free(contract);
	folder_clear(&folder);
	json_decref(changed);
	json_decref(patch);
	json_decref(base);
}

/* A schema's reference to an $id of its own file, or to a URI, is no file's name. */
static void test_contract_load__leaves_the_names_of_schemas_alone(void **state)
{
	json_t *base = read_json(DATA "base.asyncapi.json");
	json_t *schema =
		json_pack("{s:{s:{s:s,s:s}},s:[{s:s},{s:s},{s:s}]}", "$defs", "a", "$id",
			  "inner.json", "type", "string", "anyOf", "$ref", "inner.json", "$ref",
			  "https://json-schema.org/draft/2020-12/schema", "$ref", "#anchor");
	struct contract *contract;
	struct folder folder;
	json_t *message;

	(void)state;
	message = jsonfile_at(base, "/channels/note/messages/note");
	json_object_set_new(message, "payload", schema);
	folder_init(&folder);
	assert_int_equal(json_dump_file(base, folder.contract, 0), 0);
	contract = load(folder.contract);
	assert_string_equal(topics_match(contract->topics, "notes", 5).channel->message->schema_uri,
			    "contract:/" NAME "#/channels/note/messages/note/payload");
	assert_int_equal(contract->sources.count, 3);
	contract_free(contract);
	folder_clear(&folder);
	json_decref(base);
}

/* Each reply without a channel is looked for among all channels: the square of them is bounded. */
static void test_contract_load__bounds_the_search_for_replies(void **state)
{
	enum { CHANNELS = 2100 };
	json_t *base = read_json(DATA "base.asyncapi.json");
	json_t *channels = json_object_get(base, "channels");
	json_t *operations = json_object_get(base, "operations");
	struct contract *contract = NULL;
	struct diag_list all = { .count = 0 };
	struct folder folder;
	struct diag diag;

	(void)state;
	for (int i = 0; i < CHANNELS; i++) {
		char name[16], ref[32];

		(void)snprintf(name, sizeof(name), "c%d", i);
		(void)snprintf(ref, sizeof(ref), "#/channels/c%d", i);
		json_object_set_new(channels, name,
				    json_pack("{s:s,s:{s:{}}}", "address", name, "messages", "m"));
		json_object_set_new(operations, name,
				    json_pack("{s:s,s:{s:s},s:{s:[{s:s}]}}", "action", "send",
					      "channel", "$ref", ref, "reply", "messages", "$ref",
					      "#/channels/c0/messages/m"));
	}
	folder_init(&folder);
	assert_int_equal(json_dump_file(base, folder.contract, 0), 0);
	assert_int_equal(contract_load(folder.contract, &contract, &all, &diag), ERR_LIMIT);
	assert_non_null(strstr(diag.text, "comparisons: name the reply's channel"));
	assert_int_equal(all.count, 1);
	folder_clear(&folder);
	json_decref(base);
}

static void test_contract_load__takes_schemas_with_a_format(void **state)
{
	json_t *base = read_json(DATA "base.asyncapi.json");
	json_t *message = jsonfile_at(base, "/channels/status/messages/status");
	json_t *payload = json_pack("{s:s,s:O}", "schemaFormat",
				    "application/schema+json;version=draft-2020-12", "schema",
				    json_object_get(message, "payload"));
	struct contract *contract;
	struct folder folder;

	(void)state;
	json_object_set_new(message, "payload", payload);
	folder_init(&folder);
	assert_int_equal(json_dump_file(base, folder.contract, 0), 0);
	contract = load(folder.contract);
	assert_string_equal(contract->channel[0].message->schema_uri,
			    "contract:/files/status.schema.json");
	contract_free(contract);
	folder_clear(&folder);
	json_decref(base);
}

/* ---- what is doubtful ------------------------------------------------------------------- */

/* The channel that sends notes, with the payload and the members of @row; its warnings. */
static struct contract *load_note(const struct folder *folder, json_t *row)
{
	json_t *base = read_json(DATA "base.asyncapi.json");
	json_t *channels = json_object_get(base, "channels");
	json_t *note = json_object_get(channels, "note");
	json_t *message = jsonfile_at(note, "/messages/note");
	struct contract *contract;

	json_object_del(json_object_get(channels, "status"), "x-entity");
	json_object_set(message, "payload", json_object_get(row, "payload"));
	json_object_update(note, json_object_get(row, "channel"));
	assert_int_equal(json_dump_file(base, folder->contract, 0), 0);
	contract = load(folder->contract);
	json_decref(base);
	return contract;
}

static void test_contract_warning__members_that_no_message_has(void **state)
{
	json_t *cases = read_json(DATA "doubtful.json");
	struct folder folder;
	json_t *row;
	size_t i;

	(void)state;
	folder_init(&folder);
	json_array_foreach(cases, i, row) {
		const char *name = json_string_value(json_object_get(row, "name"));
		json_t *expected = json_object_get(row, "warnings");
		struct contract *contract = load_note(&folder, row);
		size_t k = 0;

		for (; contract->warning[k]; k++) {
			const char *text = json_string_value(json_array_get(expected, k));

			if (!text || !place_says(contract->warning[k], text))
				fail_msg("%s: warns: %s", name, contract->warning[k]);
		}
		if (k != json_array_size(expected))
			fail_msg("%s: %zu warnings, expected %zu", name, k,
				 json_array_size(expected));
		contract_free(contract);
	}
	folder_clear(&folder);
	json_decref(cases);
}

/* The changed contract as contract_load() takes it; its warnings but those of the base. */
static void check_warnings(const struct contract *contract, const char *name, json_t *expected)
{
	size_t i = 0;

	for (size_t k = 0; contract->warning[k]; k++) {
		const char *text = json_string_value(json_array_get(expected, i));

		if (strstr(contract->warning[k], "/channels/status/x-entity"))
			continue;
		if (!text || !place_says(contract->warning[k], text))
			fail_msg("%s:\n  expected: %s\n  but it is: %s", name,
				 text ? text : "no warning", contract->warning[k]);
		i++;
	}
	if (i != json_array_size(expected))
		fail_msg("%s: does not warn: %s", name,
			 json_string_value(json_array_get(expected, i)));
}

/* What sending to "note" asks for. *ret is new; NULL: there is no such channel. */
static void say_needs(const struct contract *contract, char **ret)
{
	size_t len;
	FILE *out;

	*ret = NULL;
	for (size_t i = 0; i < contract->channel_count; i++) {
		if (strcmp(contract->channel[i].name, "note") != 0)
			continue;
		out = open_memstream(ret, &len);
		assert_non_null(out);
		print_needs(out, contract, contract->channel[i].send, "needs");
		(void)fclose(out);
	}
}

/* Servers: which channels are topics, and what their security adds to an operation's. */
static void test_contract_load__servers(void **state)
{
	json_t *base = read_json(DATA "base.asyncapi.json");
	json_t *cases = read_json(DATA "servers.json");
	struct folder folder;
	json_t *one;
	size_t i;

	(void)state;
	folder_init(&folder);
	json_array_foreach(cases, i, one) {
		const char *name = json_string_value(json_object_get(one, "name"));
		const char *expected = json_string_value(json_object_get(one, "send"));
		json_t *changed = merge(base, json_object_get(one, "change"));
		struct contract *contract;
		char *needs;

		assert_int_equal(json_dump_file(changed, folder.contract, 0), 0);
		contract = load(folder.contract);
		check_warnings(contract, name, json_object_get(one, "warnings"));
		say_needs(contract, &needs);
		if (!needs != !expected || (needs && strcmp(needs, expected) != 0))
			fail_msg("%s:\n  expected: %s\n  but it is: %s", name, expected, needs);
		free(needs);
		contract_free(contract);
		json_decref(changed);
	}
	folder_clear(&folder);
	json_decref(cases);
	json_decref(base);
}

static void test_contract_load__takes_each_change(void **state)
{
	json_t *base = read_json(DATA "base.asyncapi.json");
	json_t *cases = read_json(DATA "loads.json");
	struct folder folder;
	json_t *one;
	size_t i;

	(void)state;
	folder_init(&folder);
	json_array_foreach(cases, i, one) {
		const char *name = json_string_value(json_object_get(one, "name"));
		json_t *changed = merge(base, json_object_get(one, "change"));
		struct contract *contract = NULL;
		struct diag diag;

		assert_int_equal(json_dump_file(changed, folder.contract, 0), 0);
		if (contract_load(folder.contract, &contract, NULL, &diag))
			fail_msg("%s: %s", name, diag.text);
		check_warnings(contract, name, json_object_get(one, "warnings"));
		contract_free(contract);
		json_decref(changed);
	}
	folder_clear(&folder);
	json_decref(cases);
	json_decref(base);
}

static void test_contract_warning__the_last_says_that_there_are_more(void **state)
{
	json_t *root = read_json(DATA "base.asyncapi.json");
	json_t *channels = json_object_get(root, "channels");
	struct contract *contract = NULL;
	struct folder folder;
	struct diag diag;
	const char *last;

	(void)state;
	folder_init(&folder);
	for (unsigned i = 0; i < 2 * CONTRACT_WARNINGS_MAX; i++) {
		char name[16];

		(void)snprintf(name, sizeof(name), "nowhere%u", i);
		assert_int_equal(json_object_set_new(channels, name, json_object()), 0);
	}
	assert_int_equal(json_dump_file(root, folder.contract, 0), 0);
	assert_int_equal(contract_load(folder.contract, &contract, NULL, &diag), 0);
	last = contract->warning[CONTRACT_WARNINGS_MAX - 1];
	assert_non_null(last);
	assert_non_null(strstr(last, ": and further warnings: no more than 255 are shown"));
	assert_null(contract->warning[CONTRACT_WARNINGS_MAX]);
	contract_free(contract);
	folder_clear(&folder);
	json_decref(root);
}

static const struct contract_channel *find_note(const struct contract *contract)
{
	return topics_match(contract->topics, "notes", 5).channel;
}

/* The document's holds for channels without their own, and false says that there is none. */
static void test_contract_load__dead_letters(void **state)
{
	static const char change[] =
		"{\"x-dead-letter\":\"lost/all\",\"channels\":{"
		"\"lost\":{\"address\":\"lost/{kind}\",\"parameters\":{\"kind\":{}}},"
		"\"a\":{\"address\":\"a\",\"x-dead-letter\":false},"
		"\"b\":{\"address\":\"b\",\"x-dead-letter\":{\"topic\":\"lost/b\",\"as\":"
		"\"envelope\"}}},\"operations\":{"
		"\"lost\":{\"action\":\"receive\",\"channel\":{\"$ref\":\"#/channels/lost\"}},"
		"\"a\":{\"action\":\"send\",\"channel\":{\"$ref\":\"#/channels/a\"}},"
		"\"b\":{\"action\":\"send\",\"channel\":{\"$ref\":\"#/channels/b\"}}}}";
	json_t *base = read_json(DATA "base.asyncapi.json");
	json_t *patch = json_loads(change, 0, NULL);
	json_t *changed = merge(base, patch);
	const struct contract_channel *lost, *b;
	struct contract *contract = NULL;
	struct folder folder;
	struct diag diag;

	(void)state;
	folder_init(&folder);
	assert_int_equal(json_dump_file(changed, folder.contract, 0), 0);
	if (contract_load(folder.contract, &contract, NULL, &diag))
		fail_msg("%s", diag.text);
	lost = topics_match(contract->topics, "lost/x", 6).channel;
	b = topics_match(contract->topics, "b", 1).channel;
	assert_string_equal(find_note(contract)->dead_letter->topic, "lost/all");
	assert_false(find_note(contract)->dead_letter->is_envelope);
	assert_ptr_equal(find_note(contract)->dead_letter->channel, lost);
	assert_null(topics_match(contract->topics, "a", 1).channel->dead_letter);
	assert_null(topics_match(contract->topics, "news/local", 10).channel->dead_letter);
	assert_null(lost->dead_letter);
	assert_string_equal(b->dead_letter->topic, "lost/b");
	assert_true(b->dead_letter->is_envelope);
	assert_int_equal(contract->dead_letter_count, 1);
	assert_ptr_equal(contract->dead_letter[b->dead_letter->index], lost);
	contract_free(contract);
	json_decref(patch);
	folder_clear(&folder);
	json_decref(changed);
	json_decref(base);
}

static void test_contract_load__merges_traits_in_their_order(void **state)
{
	static const char text[] =
		"{ 'channels': { 'note': { 'messages': { 'note': {"
		"    'payload': { 'type': 'string' },"
		"    'traits': [ { '$ref': '#/components/messageTraits/text' },"
		"                { 'contentType': 'image/png' },"
		"                { 'contentType': 'text/plain', 'title': 'a note' } ] } } } },"
		"  'operations': { 'sendNote': { 'bindings': { 'mqtt': { 'qos': 1 } },"
		"    'traits': [ { 'bindings': { 'mqtt': { 'qos': 2, 'retain': true } } },"
		"                { '$ref': '#/components/operationTraits/held' } ] } },"
		"  'components': {"
		"    'messageTraits': { 'text': { 'contentType': 'application/xml' } },"
		"    'operationTraits': { 'held': { 'bindings': { 'mqtt': { 'retain': false } } } "
		"} } }";
	json_t *base = read_json(DATA "base.asyncapi.json");
	char quoted[sizeof(text)];
	struct contract *contract;
	const struct contract_channel *note;
	struct folder folder;
	json_t *patch, *changed;

	(void)state;
	for (size_t i = 0; i < sizeof(text); i++)
		quoted[i] = text[i] == '\'' ? '"' : text[i];
	patch = json_loads(quoted, 0, NULL);
	assert_non_null(patch);
	changed = merge(base, patch);
	folder_init(&folder);
	assert_int_equal(json_dump_file(changed, folder.contract, 0), 0);
	contract = load(folder.contract);
	note = find_note(contract);
	assert_int_equal(note->message->format, CONTRACT_TEXT);
	assert_string_equal(note->message->content_type, "text/plain");
	assert_string_equal(note->message->schema_uri,
			    "contract:/" NAME "#/channels/note/messages/note/payload");
	assert_int_equal(note->send->qos, 1);
	assert_int_equal(note->send->retain, CONTRACT_RETAIN_MUST_NOT);
	contract_free(contract);
	folder_clear(&folder);
	json_decref(changed);
	json_decref(patch);
	json_decref(base);
}

/* No end of ways through a schema that refers to itself: only so many are gone. */
static void test_contract_load__schemas_that_refer_to_themselves(void **state)
{
	json_t *base = read_json(DATA "base.asyncapi.json");
	json_t *message = jsonfile_at(base, "/channels/status/messages/status");
	json_t *schema = json_pack("{s:{s:{}}}", "properties", "state");
	json_t *list = json_array();
	struct contract *contract;
	struct folder folder;

	(void)state;
	for (int i = 0; i < 1000; i++)
		json_array_append_new(list, json_pack("{s:s}", "$ref",
						      "#/channels/status/messages/status/payload"));
	json_object_set_new(schema, "anyOf", list);
	json_object_set_new(message, "payload", schema);
	folder_init(&folder);
	assert_int_equal(json_dump_file(base, folder.contract, 0), 0);
	contract = load(folder.contract);
	assert_null(contract->warning[0]); /* "/who" may be in what was not looked at */
	contract_free(contract);
	folder_clear(&folder);
	json_decref(base);
}

static void test_contract_warning__the_repositorys_contracts(void **state)
{
	static const char *const paths[] = { "schemas/petstore.asyncapi.json",
					     "test/data/smarthome/smarthome.asyncapi.json" };

	(void)state;
	for (size_t i = 0; i < sizeof(paths) / sizeof(*paths); i++) {
		struct contract *contract = load(paths[i]);

		if (contract->warning[0])
			fail_msg("%s", contract->warning[0]);
		contract_free(contract);
	}
}

/* ---- size ------------------------------------------------------------------------------- */

/* @count channels that differ in the first level, the second, or the last one. */
static json_t *make_big(size_t count)
{
	json_t *base = read_json(DATA "base.asyncapi.json");
	json_t *channels = json_object_get(base, "channels");
	json_t *operations = json_object_get(base, "operations");
	json_t *status = json_object_get(channels, "status");
	char name[32], text[96];

	for (size_t i = 0; i < count; i++) {
		static const char *const shapes[] = { "s%zu/{thingId}/x", "deep/s%zu/{thingId}",
						      "deep/{thingId}/s%zu" };
		json_t *channel = json_copy(status);

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
		(void)snprintf(text, sizeof(text), shapes[i % 3], i);
#pragma GCC diagnostic pop
		(void)snprintf(name, sizeof(name), "c%zu", i);
		json_object_set_new(channel, "address", json_string(text));
		json_object_set_new(channels, name, channel);
		(void)snprintf(text, sizeof(text), "#/channels/%s", name);
		(void)snprintf(name, sizeof(name), "send%zu", i);
		json_object_set_new(
			operations, name,
			json_pack("{s:s,s:{s:s}}", "action", "send", "channel", "$ref", text));
	}
	return base;
}

static bool count_visit(const struct contract_match *match, void *ctx)
{
	(void)match;
	++*(size_t *)ctx;
	return false;
}

static void test_contract_load__ten_thousand_channels(void **state)
{
	enum { COUNT = 10000 };
	json_t *big = make_big(COUNT);
	struct contract *contract;
	struct folder folder;
	size_t visits = 0;

	(void)state;
	folder_init(&folder);
	assert_int_equal(json_dump_file(big, folder.contract, 0), 0);
	contract = load(folder.contract);
	assert_int_equal(contract->channel_count, COUNT + 4);
	for (size_t i = 0; i < COUNT; i++) {
		static const char *const heads[] = { "s", "deep/s", "deep/abc/s" };
		static const char *const tails[] = { "/abc/x", "/abc", "" };
		struct contract_match match;
		char topic[64], name[16];

		(void)snprintf(topic, sizeof(topic), "%s%zu%s", heads[i % 3], i, tails[i % 3]);
		(void)snprintf(name, sizeof(name), "c%zu", i);
		match = topics_match(contract->topics, topic, strlen(topic));
		assert_non_null(match.channel);
		assert_string_equal(match.channel->name, name);
		assert_memory_equal(match.param[0].text, "abc", 3);
	}
	assert_false(topics_reach(contract->topics, "#", 1, count_visit, &visits));
	assert_int_equal(visits, COUNT + 3); /* all but the broker's */
	contract_free(contract);
	folder_clear(&folder);
	json_decref(big);
}

static void test_contract_load__refuses_too_many_channels(void **state)
{
	json_t *base = read_json(DATA "base.asyncapi.json");
	json_t *channels = json_object_get(base, "channels");
	struct folder folder;
	struct diag diag;
	char name[16];

	(void)state;
	for (size_t i = 0; i < CONTRACT_CHANNELS_MAX; i++) {
		(void)snprintf(name, sizeof(name), "c%zu", i);
		json_object_set_new(channels, name, json_object());
	}
	folder_init(&folder);
	assert_int_equal(json_dump_file(base, folder.contract, JSON_COMPACT), 0);
	assert_int_equal(refuse(&folder, &diag), ERR_LIMIT);
	assert_true(place_says(diag.text, NAME ": /channels: more than 65536 channels"));
	folder_clear(&folder);
	json_decref(base);
}

static void test_contract_load__refuses_too_many_scopes(void **state)
{
	json_t *base = read_json(DATA "base.asyncapi.json");
	json_t *scopes = jsonfile_at(base, "/components/securitySchemes/read/scopes");
	struct folder folder;
	struct diag diag;
	char name[16];

	(void)state;
	for (unsigned i = 0; i < SCOPES_MAX; i++) {
		(void)snprintf(name, sizeof(name), "read:%u", i);
		json_array_append_new(scopes, json_string(name));
	}
	folder_init(&folder);
	assert_int_equal(json_dump_file(base, folder.contract, 0), 0);
	assert_int_equal(refuse(&folder, &diag), ERR_LIMIT);
	assert_true(place_says(diag.text, NAME ": /components/securitySchemes/read/scopes/256: "
					       "more than 256 scopes"));
	folder_clear(&folder);
	json_decref(base);
}

static void test_contract_load__failing_allocations(void **state)
{
	struct contract *contract = NULL;
	struct diag diag;

	(void)state;
	for (size_t n = 1;; n++) {
		int rc;

		diag_init(&diag);
		failalloc_start(n);
		rc = contract_load(DATA "base.asyncapi.json", &contract, NULL, &diag);
		if (!failalloc_stop()) {
			assert_int_equal(rc, 0);
			assert_true(n > 20);
			break;
		}
		/* Where Jansson's lexer has no memory, it says that the token is none. */
		assert_true(rc == ERR_NOMEM || (rc == ERR_SYNTAX && strstr(diag.text, "not JSON")));
		assert_null(contract);
	}
	contract_free(contract);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_contract_load__petstore),
		cmocka_unit_test(test_contract_load__smarthome),
		cmocka_unit_test(test_contract_load__from_the_folder_itself),
		cmocka_unit_test(test_contract_match__finds_the_channels),
		cmocka_unit_test(test_contract_load__refuses_each_change),
		cmocka_unit_test(test_contract_load__a_status_has_one_consistency),
		cmocka_unit_test(test_contract_load__says_all_that_is_wrong),
		cmocka_unit_test(test_contract_load__says_once_that_a_file_is_missing),
		cmocka_unit_test(test_contract_load__refuses_what_is_no_document),
		cmocka_unit_test(test_contract_load__follows_references_everywhere),
		cmocka_unit_test(test_contract_load__leaves_the_names_of_schemas_alone),
		cmocka_unit_test(test_contract_load__bounds_the_search_for_replies),
		cmocka_unit_test(test_contract_load__takes_schemas_with_a_format),
		cmocka_unit_test(test_contract_warning__members_that_no_message_has),
		cmocka_unit_test(test_contract_warning__the_repositorys_contracts),
		cmocka_unit_test(test_contract_load__takes_each_change),
		cmocka_unit_test(test_contract_warning__the_last_says_that_there_are_more),
		cmocka_unit_test(test_contract_load__servers),
		cmocka_unit_test(test_contract_load__dead_letters),
		cmocka_unit_test(test_contract_load__merges_traits_in_their_order),
		cmocka_unit_test(test_contract_load__schemas_that_refer_to_themselves),
		cmocka_unit_test(test_contract_load__ten_thousand_channels),
		cmocka_unit_test(test_contract_load__refuses_too_many_channels),
		cmocka_unit_test(test_contract_load__refuses_too_many_scopes),
		cmocka_unit_test(test_contract_load__failing_allocations),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
