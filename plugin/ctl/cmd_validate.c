/*
 * petstorectl validate: checks documents against a JSON Schema, without a broker.
 */
#include <errno.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/config.h"
#include "base/percent.h"
#include "ctl/args.h"
#include "ctl/ctl.h"
#include "schema/jsonbig.h"
#include "schema/schema.h"
#include "schema/uri.h"

#define NAME "validate"
#define MAX_ERRORS 64u

/* Schema files that one schema may bring in. */
#define MAX_FILES 256u

struct validate_args {
	const char *schema;
	const char *dialect;
	bool format;
};

/* In the order of enum schema_dialect, from SCHEMA_DRAFT_04 on. */
#define DIALECTS                                                                                   \
	"draft-04 draft-06 draft-07 draft-2019-09 draft-2020-12 draft-v1 asyncapi openapi-3.0"

static const struct args_row rows[] = {
	{ "schema", ARGS_FILE, "FILE", "the schema",
	  .offset = offsetof(struct validate_args, schema) },
	{ "dialect", ARGS_WORD, "DIALECT",
	  "what a schema without $schema is written in, as draft-2020-12 (the default) or asyncapi",
	  .words = DIALECTS, .offset = offsetof(struct validate_args, dialect) },
	{ "format", ARGS_SWITCH, NULL, "`format` is asserted, as contracts do",
	  .offset = offsetof(struct validate_args, format) },
	{ .name = NULL },
};

struct validate {
	const struct output *output;
	struct arena arena; /* URIs and paths */
	struct schema_set *set;
	struct schema *schema;
	struct payload_parser *parser;
	const char *schema_path;
	const char *uris[MAX_FILES]; /* of the schema files that were loaded */
	size_t uri_count;
	bool assert_format;
	enum schema_dialect dialect;
	json_t *results; /* of every instance */
	struct diag diag;
};

static json_t *load_yaml(struct validate *v, const char *path)
{
	struct config *root = NULL;
	json_t *json = config_load(path, path, &root, &v->diag) == 0 ? config_json(root) : NULL;

	config_free(root);
	return json;
}

/* "FILE:LINE:COLUMN: ..." as contracts and access files have it. */
static void say_fault(const char *name, const char *text, size_t len,
		      const struct payload_error *fault, struct diag *ret)
{
	struct files_spot spot = files_spot(text, len, fault->offset);

	(void)diag_set(ret, ERR_SYNTAX, "%s:%lu:%lu: %s%s", name, spot.line, spot.column,
		       fault->fault == PAYLOAD_NOT_JSON ? "not JSON: " : "", fault->text);
}

static json_t *load_json(struct validate *v, const char *path)
{
	struct payload_error error;
	char *text = NULL;
	size_t len;
	int rc = files_read(path, PAYLOAD_MAX_BYTES, &text, &len, &v->diag);
	json_t *json = rc == 0 ? jsonbig_parse(text, len, PAYLOAD_MAX_DEPTH, &error) : NULL;

	if (text && !json)
		say_fault(path, text, len, &error, &v->diag);
	free(text);
	return json;
}

/* ---- the schema and the files it names --------------------------------------------------- */

/* file:///where/it/is, everything that is not plain as %XX. */
static char *file_uri(struct validate *v, const char *path)
{
	char *full = realpath(path, NULL);
	size_t len = full ? strlen(full) : 0;
	char *uri = full ? arena_alloc(&v->arena, 3 * len + 8) : NULL;

	if (uri)
		(void)percent_encode(stpcpy(uri, "file://"), 3 * len + 1, full, len, "/");
	free(full);
	return uri;
}

static bool is_loaded(const struct validate *v, const char *uri)
{
	for (size_t i = 0; i < v->uri_count; i++)
		if (strcmp(v->uris[i], uri) == 0)
			return true;
	return false;
}

static int load_schema(struct validate *v, const char *path, const char *uri);

struct schema_file {
	struct validate *v;
	const char *path;
	const char *base; /* of the references in it */
};

/*
 * A reference like "money.json#/$defs/x": the file beside (or below) this one, under the URI
 * that the reference will be looked up by. One that leads elsewhere, or to no file, is left for
 * the compiler to complain about.
 */
static int load_reference(const struct schema_file *file, const char *ref)
{
	struct validate *v = file->v;
	size_t folder = strcspn(ref, "#?");
	const char *slash = strrchr(file->path, '/');
	char *relative = arena_text(&v->arena, ref, folder);
	char *uri = NULL;
	char *path;

	if (!relative)
		return diag_nomem(&v->diag);
	if (folder == 0 || ref[strcspn(ref, ":/")] == ':' || ref[0] == '/' ||
	    strstr(relative, ".."))
		return 0;
	(void)percent_decode(relative);
	folder = slash ? (size_t)(slash - file->path) + 1 : 0;
	path = arena_alloc(&v->arena, folder + strlen(relative) + 1);
	if (!path || uri_resolve(&v->arena, file->base, ref, &uri) == ERR_NOMEM)
		return diag_nomem(&v->diag);
	memcpy(path, file->path, folder);
	strcpy(path + folder, relative);
	if (!uri || is_loaded(v, uri) || access(path, R_OK) != 0)
		return 0;
	return load_schema(v, path, uri);
}

static int load_references(const struct schema_file *file, json_t *json)
{
	const char *name;
	json_t *child;
	size_t index;
	int rc = 0;

	json_object_foreach(json, name, child) {
		if (strcmp(name, "$ref") == 0 && json_is_string(child))
			rc = load_reference(file, json_string_value(child));
		else
			rc = load_references(file, child);
		if (rc)
			return rc;
	}
	json_array_foreach(json, index, child) {
		rc = load_references(file, child);
		if (rc)
			return rc;
	}
	return 0;
}

static int load_schema(struct validate *v, const char *path, const char *uri)
{
	struct schema_file file = { v, path, uri };
	json_t *json = NULL;
	const char *id;
	char *base = NULL;
	int rc = 0;

	if (v->uri_count == MAX_FILES)
		return diag_set(&v->diag, ERR_LIMIT, "%s: more than %u schema files", path,
				MAX_FILES);
	json = config_is_yaml(path) ? load_yaml(v, path) : load_json(v, path);
	if (!json)
		return ERR_INVALID;
	if (json_is_string(json_object_get(json, "asyncapi")) && v->uri_count == 0) {
		json_decref(json);
		return diag_set(&v->diag, ERR_INVALID,
				"%s: is an AsyncAPI document, expected a JSON Schema, as one with "
				"\"$ref\": \"%s#/components/schemas/NAME\" beside it; "
				"petstorectl explain publish holds a message against the document",
				path, strrchr(path, '/') ? strrchr(path, '/') + 1 : path);
	}
	v->uris[v->uri_count++] = uri;
	id = json_string_value(json_object_get(json, "$id"));
	if (id && uri_resolve(&v->arena, uri, id, &base) == 0)
		file.base = base;
	rc = schema_set_add(v->set, uri, path, json, SCHEMA_UNSAID, &v->diag);
	if (rc == 0)
		rc = load_references(&file, json);
	json_decref(json);
	return rc;
}

static int compile(struct validate *v)
{
	struct schema_options options = { .assert_format = v->assert_format,
					  .dialect = v->dialect };
	struct payload_limits limits = { PAYLOAD_MAX_BYTES, PAYLOAD_MESSAGE_DEPTH };
	int rc = schema_set_new(&v->set, &v->diag);
	char *uri;

	if (rc)
		return rc;
	uri = file_uri(v, v->schema_path);
	if (!uri)
		return diag_set(&v->diag, ERR_IO, "%s: %s", v->schema_path, strerror(errno));
	rc = load_schema(v, v->schema_path, uri);
	if (rc)
		return rc;
	rc = schema_compile(v->set, uri, &options, &v->schema, &v->diag);
	return rc ? rc : payload_parser_new(&limits, &v->parser, &v->diag);
}

/* ---- instances --------------------------------------------------------------------------- */

/* What is said of a value, and the value where it is known, which has a place. */
static void print_error(const char *name, const struct schema_error *error, const struct config *at)
{
	(void)printf("%s", name);
	if (at)
		(void)printf(":%u:%u", at->line, at->column);
	(void)printf(": %s%s%s%s%s%s\n", error->instance, error->instance[0] ? ": " : "",
		     error->message, error->schema[0] ? " (" : "", error->schema,
		     error->schema[0] ? ")" : "");
}

/* @list, whose reference is taken, are the errors; @answer: "valid", or what else the document is.
 * Memory that runs out here leaves an entry out, which the array's length shows. */
static void add_result(struct validate *v, const char *name, const char *answer, json_t *list)
{
	(void)json_array_append_new(v->results, json_pack("{s:s, s:b, s:s, s:o}", "instance", name,
							  "valid", strcmp(answer, "valid") == 0,
							  "answer", answer, "errors", list));
}

static json_t *error_json(const struct schema_error *error, const struct config *at)
{
	json_t *json =
		json_pack("{s:s, s:s, s:s, s:s}", "instance", error->instance, "schema",
			  error->schema, "keyword", error->keyword, "message", error->message);

	if (at) {
		(void)json_object_set_new(json, "line", json_integer(at->line));
		(void)json_object_set_new(json, "column", json_integer(at->column));
	}
	return json;
}

/* @root is the document with its places; NULL: memory ran out, and nothing has a place. */
static void add_answer(struct validate *v, const char *name, const char *answer,
		       const struct schema_error *error, size_t count, const struct config *root)
{
	bool is_valid = strcmp(answer, "valid") == 0;
	json_t *list = json_array();

	for (size_t i = 0; i < count; i++) {
		const struct config *at = root ? config_at(root, error[i].instance) : NULL;

		if (!v->output->is_json && !is_valid)
			print_error(name, &error[i], at);
		(void)json_array_append_new(list, error_json(&error[i], at));
	}
	if (!v->output->is_json && is_valid) {
		(void)printf("%s: ", name);
		output_word(v->output, "valid");
		(void)puts("");
	}
	add_result(v, name, answer, list);
}

/* The document is no JSON, or more than is read. */
static void add_fault(struct validate *v, const char *name, const char *text, size_t len,
		      const struct payload_error *fault)
{
	struct files_spot spot = files_spot(text, len, fault->offset);
	struct diag line;

	say_fault(name, text, len, fault, &line);
	if (!v->output->is_json)
		(void)printf("%s\n", line.text);
	(void)diag_set(&line, 0, "at byte %zu: %s", fault->offset, fault->text);
	add_result(v, name, "not-json",
		   json_pack("[{s:s, s:s, s:s, s:s, s:I, s:I}]", "instance", "", "schema", "",
			     "keyword", "", "message", line.text, "line", (json_int_t)spot.line,
			     "column", (json_int_t)spot.column));
}

static int check_text(struct validate *v, const char *name, const char *text, size_t len)
{
	static const char *const answers[] = { "invalid", "valid", "limit" };
	struct schema_error errors[MAX_ERRORS];
	struct payload_error fault;
	const struct payload_value *value = payload_parse(v->parser, text, len, &fault);
	enum schema_answer answer;
	struct config *root = NULL;
	struct diag unread;
	size_t count;

	if (!value) {
		add_fault(v, name, text, len, &fault);
		return CTL_NO;
	}
	count = schema_explain(v->schema, value, errors, MAX_ERRORS, &answer);
	if (answer != SCHEMA_VALID && config_parse_json(name, text, len, &root, &unread) != 0)
		root = NULL;
	add_answer(v, name, answers[answer], errors, count, root);
	config_free(root);
	return answer == SCHEMA_VALID ? CTL_OK : CTL_NO;
}

static int check_instance(struct validate *v, const char *path)
{
	char *text = NULL;
	size_t len;
	int status;

	if (files_read(path, PAYLOAD_MAX_BYTES, &text, &len, &v->diag))
		return ctl_fail(NAME, "%s", v->diag.text);
	status = check_text(v, strcmp(path, "-") == 0 ? "standard input" : path, text, len);
	free(text);
	return status;
}

static int check_instances(struct validate *v, int count, char **paths)
{
	int status = CTL_OK;
	json_t *whole;

	for (int i = 0; i < count; i++) {
		int one = check_instance(v, paths[i]);

		if (one > status)
			status = one;
	}
	whole = json_pack("{s:b, s:O}", "valid", status == CTL_OK, "results", v->results);
	if (v->output->is_json)
		output_json(whole);
	json_decref(whole);
	return status;
}

static enum schema_dialect dialect_named(const char *word)
{
	const char *at = DIALECTS;
	unsigned dialect = SCHEMA_DRAFT_04;

	if (!word)
		return SCHEMA_UNSAID;
	for (size_t len = strlen(word); strncmp(at, word, len) != 0 || (at[len] && at[len] != ' ');
	     dialect++)
		at = strchr(at, ' ') + 1; /* it is one of them */
	return (enum schema_dialect)dialect;
}

static int run(struct ctl_call *call)
{
	static char standard_input[] = "-";
	char *only[] = { standard_input };
	const struct validate_args *args = call->args;
	struct validate v = { .output = &call->output,
			      .schema_path = args->schema,
			      .assert_format = args->format,
			      .dialect = dialect_named(args->dialect),
			      .results = json_array() };
	int status;

	if (!args->schema)
		status = ctl_fail(NAME, "usage: petstorectl %s %s", NAME, ctl_validate.arguments);
	else if (compile(&v) != 0)
		status = ctl_fail(NAME, "%s", v.diag.text);
	else
		status = check_instances(&v, call->count ? call->count : 1,
					 call->count ? call->operand : only);
	payload_parser_free(v.parser);
	schema_free(v.schema);
	schema_set_free(v.set);
	json_decref(v.results);
	arena_clear(&v.arena);
	return status;
}

const struct ctl_command ctl_validate = {
	.name = NAME,
	.arguments = "--schema FILE [--dialect DIALECT] [--format] [--json] [INSTANCE...]",
	.summary = "holds JSON documents against a JSON Schema",
	.help = "Without INSTANCE, and for \"-\", standard input is read. $schema says what the "
		"schema is\n"
		"written in; a file without it is read in the dialect of the one that refers to "
		"it.\n"
		"A contract reads its schemas as asyncapi unless a schemaFormat says otherwise.\n"
		"DIALECT: draft-04, draft-06, draft-07, draft-2019-09, draft-2020-12, draft-v1,\n"
		"asyncapi or openapi-3.0. A $ref to a file beside the schema is followed; nothing "
		"is\n"
		"fetched. --json prints one document with all results.\n\n"
		"Exit status: 0 all are valid, 1 one is not, 2 a file or the schema is no use.\n",
	.shared = CTL_JSON,
	.options = rows,
	.args_size = sizeof(struct validate_args),
	.operands_max = INT_MAX,
	.run = run,
};
