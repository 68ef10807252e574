/*
 * The JSON-Schema-Test-Suite, run against the schema room.
 *
 *     conformance SUITE REMOTES [EXCUSED]
 *
 * SUITE holds tests/<draft>/..., REMOTES what http://localhost:1234/ stands for. Every case that
 * fails is printed; the last line is "N passed, N failed". EXCUSED is a JSON array of optional
 * groups that are known to fail, with the reason; they are printed but count as neither. Exit
 * status 0 where nothing failed, 1 where something did, 2 where the suite cannot be run.
 */
#include <glob.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/jsonfile.h"
#include "schema/jsonbig.h"
#include "schema/jsontext.h"
#include "schema/payload_view.h"
#include "schema/schema.h"

#define REMOTE_URI "http://localhost:1234/"
#define MAX_ERRORS 4
#define PATH_MAX_BYTES 4096

struct remote {
	char *uri;
	json_t *document;
};

struct conformance {
	const char *suite;
	const char *remotes_path;
	json_t *excused; /* NULL: none */
	struct remote *remotes;
	size_t remote_count;
	enum schema_dialect dialect;
	const char *file; /* below tests/ */
	bool assert_format;
	unsigned passed;
	unsigned failed;
	unsigned excused_count;
};

static char *read_file(const char *path, size_t *len)
{
	FILE *file = fopen(path, "rb");
	char *text = NULL;
	long size;

	if (!file || fseek(file, 0, SEEK_END) != 0 || (size = ftell(file)) < 0) {
		perror(path);
		exit(2);
	}
	rewind(file);
	text = malloc((size_t)size + 1);
	*len = text ? fread(text, 1, (size_t)size, file) : 0;
	(void)fclose(file);
	if (!text || *len != (size_t)size) {
		fprintf(stderr, "%s: cannot be read\n", path);
		exit(2);
	}
	return text;
}

static json_t *parse_file(const char *path)
{
	struct payload_error error;
	size_t len;
	char *text = read_file(path, &len);
	json_t *json = jsonbig_parse(text, len, PAYLOAD_MAX_DEPTH, &error);

	if (!json) {
		fprintf(stderr, "%s: at %zu: %s\n", path, error.offset, error.text);
		exit(2);
	}
	free(text);
	return json;
}

/* ---- remotes ----------------------------------------------------------------------------- */

static void load_remotes(struct conformance *c, const char *below)
{
	char pattern[PATH_MAX_BYTES];
	glob_t found;

	snprintf(pattern, sizeof(pattern), "%s/%s*", c->remotes_path, below);
	if (glob(pattern, GLOB_MARK, NULL, &found) != 0)
		return;
	for (size_t i = 0; i < found.gl_pathc; i++) {
		const char *path = found.gl_pathv[i];
		const char *relative = path + strlen(c->remotes_path) + 1;
		size_t len = strlen(path);
		struct remote *remote;

		if (path[len - 1] == '/') {
			load_remotes(c, relative);
			continue;
		}
		if (len < 5 || strcmp(path + len - 5, ".json") != 0)
			continue;
		c->remotes = realloc(c->remotes, (c->remote_count + 1) * sizeof(*c->remotes));
		remote = &c->remotes[c->remote_count++];
		remote->document = parse_file(path);
		if (asprintf(&remote->uri, REMOTE_URI "%s", relative) < 0)
			exit(2);
	}
	globfree(&found);
}

static struct schema_set *new_set(const struct conformance *c, json_t *schema, const char *uri)
{
	struct schema_set *set = NULL;
	struct diag diag;
	int rc = schema_set_new(&set, &diag);

	for (size_t i = 0; i < c->remote_count && rc == 0; i++)
		rc = schema_set_add(set, c->remotes[i].uri, c->remotes[i].uri,
				    c->remotes[i].document, SCHEMA_UNSAID, &diag);
	if (rc == 0)
		rc = schema_set_add(set, uri, "schema", schema, c->dialect, &diag);
	if (rc != 0) {
		fprintf(stderr, "%s: %s\n", c->file, diag.text);
		exit(2);
	}
	return set;
}

/* ---- cases ------------------------------------------------------------------------------- */

static const char *excuse(const struct conformance *c, const char *group, const char *test)
{
	size_t i;
	json_t *row;

	json_array_foreach(c->excused, i, row) {
		const char *file = json_string_value(json_object_get(row, "file"));
		const json_t *of_group = json_object_get(row, "group");
		const json_t *of_test = json_object_get(row, "test");

		if (strcmp(file, c->file) == 0 &&
		    (!of_group || strcmp(json_string_value(of_group), group) == 0) &&
		    (!of_test || strcmp(json_string_value(of_test), test) == 0))
			return json_string_value(json_object_get(row, "reason"));
	}
	return NULL;
}

static void count_failure(struct conformance *c, const char *group, const char *test,
			  const char *what)
{
	const char *reason = excuse(c, group, test);

	printf("%s: %s: %s: %s: %s%s%s\n", reason ? "excused" : "failed", c->file, group, test,
	       what, reason ? ": " : "", reason ? reason : "");
	if (reason)
		c->excused_count++;
	else
		c->failed++;
}

static void run_test(struct conformance *c, const char *group, const struct schema *schema,
		     const struct payload_value *test, bool is_valid, const char *description)
{
	static const char *const words[] = { "invalid", "valid", "limit" };
	const struct payload_value *data = payload_member(test, "data", 4);
	struct schema_error errors[MAX_ERRORS];
	enum schema_answer explained = SCHEMA_INVALID;
	enum schema_answer answer = schema_check(schema, data);
	size_t count = schema_explain(schema, data, errors, MAX_ERRORS, &explained);
	char what[400];

	if (answer != (is_valid ? SCHEMA_VALID : SCHEMA_INVALID))
		snprintf(what, sizeof(what), "is %s, expected %s%s%s", words[answer],
			 words[is_valid], count ? ": " : "", count ? errors[0].message : "");
	else if (explained != answer || (count > 0) == is_valid ||
		 (count > 0 && !errors[0].keyword[0]))
		snprintf(what, sizeof(what), "explain does not agree with check");
	else
		what[0] = '\0';
	if (what[0])
		count_failure(c, group, description, what);
	else
		c->passed++;
}

/* The same value as a message of its own, whose root it is. */
static void run_message(struct conformance *c, const char *group, const struct schema *schema,
			const json_t *data, bool is_valid, const char *description)
{
	struct payload_parser *parser = NULL;
	const struct payload_value *value = NULL;
	struct diag diag;

	diag_init(&diag);
	if (jsontext_parse(data, NULL, NULL, &parser, &value, &diag) != 0)
		count_failure(c, group, description, diag.text);
	else if (schema_check(schema, value) != (is_valid ? SCHEMA_VALID : SCHEMA_INVALID))
		count_failure(c, group, description, "another answer where it is the message");
	payload_parser_free(parser);
}

static void run_group(struct conformance *c, json_t *group, const struct payload_value *view)
{
	const char *description = json_string_value(json_object_get(group, "description"));
	json_t *tests = json_object_get(group, "tests");
	struct view_walk walk = view_walk(payload_member(view, "tests", 5));
	struct schema_options options = { .assert_format = c->assert_format };
	struct schema_set *set;
	struct schema *schema = NULL;
	struct diag diag;
	size_t i;
	json_t *test;
	int rc;

	set = new_set(c, json_object_get(group, "schema"), "test:/schema.json");
	diag_init(&diag);
	rc = schema_compile(set, "test:/schema.json", &options, &schema, &diag);
	schema_set_free(set); /* what was compiled must not need it */
	json_array_foreach(tests, i, test) {
		const struct payload_value *value = view_item(&walk);
		const char *name = json_string_value(json_object_get(test, "description"));

		if (rc != 0)
			count_failure(c, description, name, diag.text);
		else
			run_test(c, description, schema, value,
				 json_is_true(json_object_get(test, "valid")), name);
		if (rc == 0 && !excuse(c, description, name))
			run_message(c, description, schema, json_object_get(test, "data"),
				    json_is_true(json_object_get(test, "valid")), name);
	}
	schema_free(schema);
}

static void run_file(struct conformance *c, const char *path)
{
	struct payload_limits limits = { PAYLOAD_MAX_BYTES, PAYLOAD_MAX_DEPTH };
	struct payload_parser *parser = NULL;
	struct payload_error error;
	const struct payload_value *root;
	struct view_walk walk;
	struct diag diag;
	json_t *groups = parse_file(path);
	size_t len;
	char *text = read_file(path, &len);
	size_t i;
	json_t *group;

	c->file = path + strlen(c->suite) + strlen("/tests/");
	if (payload_parser_new(&limits, &parser, &diag) != 0)
		exit(2);
	root = payload_parse(parser, text, len, &error);
	if (!root) {
		fprintf(stderr, "%s: at %zu: %s\n", path, error.offset, error.text);
		exit(2);
	}
	walk = view_walk(root);
	json_array_foreach(groups, i, group)
		run_group(c, group, view_item(&walk));
	payload_parser_free(parser);
	json_decref(groups);
	free(text);
}

struct draft {
	const char *folder; /* below tests/ */
	enum schema_dialect dialect;
};

static void run_folder(struct conformance *c, const struct draft *draft, const char *folder)
{
	char pattern[PATH_MAX_BYTES];
	glob_t found;

	c->dialect = draft->dialect;
	c->assert_format = strstr(folder, "/format") != NULL ||
			   (draft->dialect == SCHEMA_V1 && strcmp(folder, "/optional") != 0);
	snprintf(pattern, sizeof(pattern), "%s/tests/%s%s/*.json", c->suite, draft->folder, folder);
	if (glob(pattern, 0, NULL, &found) != 0)
		return;
	for (size_t i = 0; i < found.gl_pathc; i++)
		run_file(c, found.gl_pathv[i]);
	globfree(&found);
}

/* One line for each draft: what of it passed. */
static void run_draft(struct conformance *c, const struct draft *draft)
{
	static const char *const folders[] = { "", "/format", "/optional", "/optional/format",
					       "/proposals/propertyDependencies" };
	unsigned passed = c->passed;
	unsigned failed = c->failed;
	unsigned excused = c->excused_count;

	for (size_t f = 0; f < sizeof(folders) / sizeof(folders[0]); f++)
		run_folder(c, draft, folders[f]);
	printf("%s: %u passed, %u failed, %u excused\n", draft->folder, c->passed - passed,
	       c->failed - failed, c->excused_count - excused);
}

int main(int argc, char **argv)
{
	static const struct draft drafts[] = {
		{ "draft4", SCHEMA_DRAFT_04 },
		{ "draft6", SCHEMA_DRAFT_06 },
		{ "draft7", SCHEMA_DRAFT_07 },
		{ "draft2019-09", SCHEMA_DRAFT_2019_09 },
		{ "draft2020-12", SCHEMA_DRAFT_2020_12 },
		{ "v1", SCHEMA_V1 },
	};
	struct conformance c = { 0 };

	if (argc < 3 || argc > 4) {
		fprintf(stderr, "usage: conformance SUITE REMOTES [EXCUSED]\n");
		return 2;
	}
	c.suite = argv[1];
	c.remotes_path = argv[2];
	if (argc == 4)
		c.excused = parse_file(argv[3]);
	load_remotes(&c, "");
	for (size_t d = 0; d < sizeof(drafts) / sizeof(drafts[0]); d++)
		run_draft(&c, &drafts[d]);
	for (size_t i = 0; i < c.remote_count; i++) {
		json_decref(c.remotes[i].document);
		free(c.remotes[i].uri);
	}
	free(c.remotes);
	json_decref(c.excused);
	if (c.excused_count > 0)
		printf("%u excused\n", c.excused_count);
	printf("%u passed, %u failed\n", c.passed, c.failed);
	return c.failed > 0 || c.passed == 0;
}
