/*
 * petstorectl contract: a contract written anew, as AsyncAPI 3.x (convert) or in one file (bundle).
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/configwrite.h"
#include "contract/bundle.h"
#include "contract/translate.h"
#include "ctl/args.h"
#include "ctl/ctl.h"

#define NAME "contract"

struct contract_args {
	const char *to;
	const char *view;
	const char *output;
	const char *root;
	const char *schemas;
};

/* clang-format off */
static const struct args_row rows[] = {
	{ "to", ARGS_WORD, "FORMAT", "yaml or json (as the name of --output says, else as FILE is)",
	  .offset = offsetof(struct contract_args, to), .words = "yaml json" },
	{ "output", ARGS_FILE, "FILE", "write there (standard output)",
	  .offset = offsetof(struct contract_args, output) },
	{ "view", ARGS_WORD, "VIEW", "of 2.x: application or client (application)",
	  .offset = offsetof(struct contract_args, view), .words = "application client" },
	{ "contract-root", ARGS_FILE, "DIR",
	  "the folder that its references may not leave (its own)",
	  .offset = offsetof(struct contract_args, root) },
	{ "schemas", ARGS_FILE, "DIR", "a folder of documents that references find by their $id",
	  .offset = offsetof(struct contract_args, schemas) },
	{ .name = NULL },
};
/* clang-format on */

/* What is done with one document. */
struct rewriting {
	const struct contract_args *args;
	const char *path;
	struct sources sources;
	struct config_report report;
	struct diag_list faults;
	struct arena arena;
	unsigned notes; /* of what could not be carried over */
};

static void say(const char *text)
{
	(void)fprintf(stderr, "petstorectl " NAME ": %s\n", text);
}

static void take_note(void *ctx, const struct config *at, const char *text)
{
	struct rewriting *rewriting = ctx;
	struct diag line;

	config_line(&line, at, NULL, "%s", text);
	say(line.text);
	rewriting->notes++;
}

/* ---- writing ---------------------------------------------------------------------------- */

static bool is_named(const char *path, const char *ending)
{
	const char *dot = path ? strrchr(path, '.') : NULL;

	return dot && strcmp(dot, ending) == 0;
}

/* As asked for; else what whoever reads the output will take it for, by its name. */
static bool is_json(const struct rewriting *rewriting)
{
	const char *output = rewriting->args->output;

	if (rewriting->args->to)
		return strcmp(rewriting->args->to, "json") == 0;
	if (is_named(output, ".yaml") || is_named(output, ".yml"))
		return false;
	return is_named(output, ".json") || is_named(rewriting->path, ".json");
}

static int fail_writing(const char *path, struct diag *diag)
{
	return diag_set(diag, ERR_IO, "%s: %s", path,
			errno ? strerror(errno) : "not all could be written");
}

static int write_tree(const struct rewriting *rewriting, const struct config *tree, FILE *file,
		      const char *path, struct diag *diag)
{
	int rc;

	errno = 0;
	rc = is_json(rewriting) ? configwrite_json(tree, file) : configwrite_yaml(tree, file);
	if (rc == ERR_NOMEM)
		return diag_nomem(diag);
	return rc ? fail_writing(path, diag) : 0;
}

static int write_output(const struct rewriting *rewriting, const struct config *tree,
			struct diag *diag)
{
	const char *path = rewriting->args->output;
	FILE *file;
	int rc;

	if (!path)
		return write_tree(rewriting, tree, stdout, "standard output", diag);
	file = fopen(path, "w");
	if (!file)
		return fail_writing(path, diag);
	rc = write_tree(rewriting, tree, file, path, diag);
	if (fclose(file) != 0 && rc == 0)
		rc = fail_writing(path, diag);
	return rc;
}

/* ---- the two of them -------------------------------------------------------------------- */

/* The plugin reads a document of 3.x as its clients see it: see contract/translate.h. */
static const struct config *convert(struct rewriting *rewriting)
{
	struct sources *sources = &rewriting->sources;
	bool is_client = rewriting->args->view && strcmp(rewriting->args->view, "client") == 0;
	const struct config *tree = NULL;

	if (translate_open(sources, sources->file[0],
			   is_client ? TRANSLATE_CLIENT : TRANSLATE_APPLICATION))
		tree = bundle_document(sources, sources->file[0], BUNDLE_KEEP, &rewriting->arena);
	if (tree && !is_client && sources->file[0]->root != sources->file[0]->original)
		say("the operations are the application's, as AsyncAPI 3 has them: publish became "
		    "receive, subscribe became send; --view client writes what clients do");
	return tree;
}

static const struct config *bundle(struct rewriting *rewriting)
{
	return bundle_document(&rewriting->sources, rewriting->sources.file[0], BUNDLE_COLLECT,
			       &rewriting->arena);
}

static const struct action {
	const char *name;
	const struct config *(*run)(struct rewriting *rewriting);
} actions[] = {
	{ "convert", convert },
	{ "bundle", bundle },
};

/* The document as @action makes it, to the output. Returns an enum ctl_status. */
static int rewrite(struct rewriting *rewriting, const struct action *action, struct diag *diag)
{
	const struct sources_place place = { .count = 1,
					     .path = &rewriting->path,
					     .root = rewriting->args->root,
					     .schemas = rewriting->args->schemas };
	const struct config *tree = NULL;

	if (sources_open(&rewriting->sources, &rewriting->arena, &place, &rewriting->report))
		tree = action->run(rewriting);
	if (!tree || rewriting->report.rc) {
		for (unsigned i = 0; i < rewriting->faults.count; i++)
			say(rewriting->faults.line[i].text);
		return CTL_FAILED;
	}
	if (write_output(rewriting, tree, diag))
		return CTL_FAILED;
	return rewriting->notes > 0 ? CTL_NO : CTL_OK;
}

static int run(struct ctl_call *call)
{
	struct rewriting rewriting = { .args = call->args, .path = call->operand[1] };
	const struct action *action = actions;
	int status;

	while (strcmp(action->name, call->operand[0]) != 0)
		action++; /* one of ctl_contract.words */
	rewriting.report.all = &rewriting.faults;
	rewriting.sources.warn = take_note;
	rewriting.sources.warn_ctx = &rewriting;
	status = rewrite(&rewriting, action, &call->diag);
	sources_clear(&rewriting.sources);
	arena_clear(&rewriting.arena);
	return status;
}

const struct ctl_command ctl_contract = {
	.name = NAME,
	.arguments = "convert|bundle FILE [OPTION...]",
	.summary = "writes a contract anew: as AsyncAPI 3, or in one file",
	.help = "convert writes a document of AsyncAPI 2.0 to 2.6 as one of 3.0, and one of 3.x "
		"as\n"
		"it is, in YAML or JSON. References to other files stay. In the view of the\n"
		"application, which AsyncAPI 3 describes, `publish` becomes `receive`; the plugin\n"
		"reads operations as its clients see them: --view client.\n\n"
		"bundle puts what references bring from other files, and by $id from --schemas,\n"
		"into the components of one document.\n\n"
		"Comments and anchors of YAML are not kept. Standard error has a line for all "
		"that\n"
		"could not be carried over.\n\n"
		"Exit status: 0 done, 1 done but for those lines, 2 not done.\n",
	.options = rows,
	.args_size = sizeof(struct contract_args),
	.words = "convert bundle",
	.operands_min = 2,
	.operands_max = 2,
	.run = run,
};
