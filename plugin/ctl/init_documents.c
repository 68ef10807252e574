#include "ctl/init_documents.h"

#include <errno.h>
#include <libgen.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/arena.h"
#include "contract/contract.h"
#include "gate/gate.h"
#include "gate/rules.h"

#define PLUGIN "mosquitto_petstore.so"
/* Where `make install` puts it. */
#ifndef INIT_PLUGIN_FOLDER
#define INIT_PLUGIN_FOLDER "/usr/local/lib"
#endif

struct making {
	struct ctl_call *call;
	struct init_setting setting;
	struct init_folder folder;
	struct init_accounts accounts;
	struct init_trials trials;
	const char *document[ARGS_LIST_MAX + 1]; /* and ours */
	char notices[PATH_MAX];                  /* where ours is written */
	struct contract *contract;               /* of the documents alone */
	struct rules *rules;                     /* with what is made */
	struct gate gate;
	struct arena arena;
};

/* ---- what is named ---------------------------------------------------------------------- */

/* A line of the configuration can't hold everything that a path may. */
static int check_path(const char *path, struct diag *diag)
{
	for (const char *at = path; *at; at++)
		if ((unsigned char)*at < 0x20)
			return diag_set(
				diag, ERR_INVALID,
				"a path with a control character: no line of mosquitto.conf "
				"can name it");
	if (path[0] && path[strlen(path) - 1] == ' ')
		return diag_set(diag, ERR_INVALID,
				"%s: ends with a space: no line of mosquitto.conf can name it",
				path);
	return 0;
}

static int find_documents(struct making *making, struct diag *diag)
{
	const struct ctl_call *call = making->call;
	char real[PATH_MAX];
	int rc = 0;

	for (int i = 0; rc == 0 && i < call->count; i++) {
		if (!realpath(call->operand[i], real))
			return diag_set(diag, ERR_IO, "%s: %s", call->operand[i], strerror(errno));
		making->document[i] = arena_text(&making->arena, real, strlen(real));
		rc = making->document[i] ? check_path(real, diag) : diag_nomem(diag);
	}
	if (rc == 0 && making->setting.args->root) {
		if (!realpath(making->setting.args->root, making->setting.root))
			return diag_set(diag, ERR_IO, "%s: %s", making->setting.args->root,
					strerror(errno));
		rc = check_path(making->setting.root, diag);
	}
	making->setting.document = making->document;
	making->setting.document_count = (size_t)call->count;
	return rc;
}

/* The folder that petstorectl is in, and how it is called in commands. */
static void find_tool(struct making *making, char folder[PATH_MAX])
{
	ssize_t len = readlink("/proc/self/exe", folder, PATH_MAX - 1);
	const char *last;

	folder[len > 0 ? len : 0] = '\0';
	(void)snprintf(making->setting.tool, PATH_MAX, "%s", folder);
	(void)dirname(folder); /* cuts it */
	last = strrchr(folder, '/');
	if (last && strcmp(last, "/bin") == 0) /* it is installed */
		(void)snprintf(making->setting.tool, PATH_MAX, "petstorectl");
}

/* Beside petstorectl, as `make` leaves it; in lib/ of the PREFIX that it is in; or in LIBDIR. */
static int find_plugin(struct making *making, struct diag *diag)
{
	const char *given = making->setting.args->plugin;
	char *ret = making->setting.plugin, folder[PATH_MAX], beside[PATH_MAX], lib[PATH_MAX];

	find_tool(making, folder);
	(void)snprintf(beside, sizeof(beside), "%.*s/" PLUGIN, PATH_MAX - 64, folder);
	(void)snprintf(lib, sizeof(lib), "%.*s/../lib/" PLUGIN, PATH_MAX - 64, folder);
	if (given && !realpath(given, ret))
		return diag_set(diag, ERR_IO, "%s: %s", given, strerror(errno));
	if (given || realpath(beside, ret) || realpath(lib, ret) ||
	    realpath(INIT_PLUGIN_FOLDER "/" PLUGIN, ret))
		return check_path(ret, diag);
	return diag_set(
		diag, ERR_INVALID,
		"expected --plugin FILE, since there is none of %s, %s and " INIT_PLUGIN_FOLDER
		"/" PLUGIN,
		beside, lib);
}

/* ---- what is made ----------------------------------------------------------------------- */

/* The documents, and ours where there is one. */
static struct sources_place place_of(const struct making *making, bool has_ours)
{
	return (struct sources_place){
		.count = making->setting.document_count + has_ours,
		.path = making->document,
		.root = making->setting.root[0] ? making->setting.root : NULL,
	};
}

static int load_contract(struct making *making, struct diag *diag)
{
	const struct sources_place place = place_of(making, false);

	return contract_open(&place, NULL, &making->contract, NULL, diag);
}

/* Writes what @file, of open_memstream(), has written to @text. */
static int write_text(struct making *making, const char *name, mode_t mode, FILE *file, char **text,
		      const size_t *len, struct diag *diag)
{
	bool is_whole = ferror(file) == 0;
	int rc;

	is_whole = fclose(file) == 0 && is_whole;
	rc = is_whole ? init_folder_write(&making->folder, name, mode, *text, *len, diag)
		      : diag_nomem(diag);
	free(*text);
	return rc;
}

enum piece {
	PIECE_ACCESS,
	PIECE_PASSWORDS,
	PIECE_CREDENTIALS,
	PIECE_NOTICES,
	PIECE_CONF,
	PIECE_COMMANDS
};

static int write_piece(struct making *making, enum piece piece, struct diag *diag)
{
	static const struct {
		const char *name;
		mode_t mode;
	} files[] = {
		[PIECE_ACCESS] = { INIT_ACCESS, 0644 },
		[PIECE_PASSWORDS] = { INIT_PASSWORDS, 0600 },
		[PIECE_CREDENTIALS] = { INIT_CREDENTIALS, 0600 },
		[PIECE_NOTICES] = { INIT_NOTICES, 0644 },
		[PIECE_CONF] = { INIT_CONF, 0644 },
		[PIECE_COMMANDS] = { INIT_COMMANDS, 0600 },
	};
	char *text = NULL;
	size_t len = 0;
	FILE *file = open_memstream(&text, &len);
	int rc = 0, failed;

	if (!file)
		return diag_nomem(diag);
	if (piece == PIECE_ACCESS)
		rc = init_accounts_write_access(&making->accounts, making->contract, file, diag);
	else if (piece == PIECE_PASSWORDS)
		rc = init_accounts_write_passwords(&making->accounts, file, diag);
	else if (piece == PIECE_CREDENTIALS)
		init_accounts_write_credentials(&making->accounts, file);
	else if (piece == PIECE_NOTICES)
		init_texts_notices(file);
	else if (piece == PIECE_CONF)
		init_texts_conf(&making->setting, file);
	else
		init_texts_commands(&making->setting, &making->trials, file);
	failed = write_text(making, files[piece].name, files[piece].mode, file, &text, &len, diag);
	return rc ? rc : failed;
}

/* Loads the documents and what was made as the broker would. */
static int load_rules(struct making *making, struct diag *diag)
{
	struct rules_files files = { .contract = place_of(making, making->setting.has_notices),
				     .keeps_documents = true };
	char access[PATH_MAX];
	int rc;

	(void)snprintf(access, sizeof(access), "%.*s/" INIT_ACCESS, PATH_MAX - 64,
		       making->folder.made);
	files.access = access;
	rc = rules_load(&files, &making->rules, diag);
	if (rc == 0)
		rc = gate_init(&making->gate, making->rules, NULL, diag);
	making->setting.hears = rc == 0 && making->rules->contract->notices;
	return rc;
}

/* The documents have no channel for notices: they get one, if one folder has all of them. */
static int add_notices(struct making *making, struct diag *diag)
{
	const struct sources_place place = place_of(making, true);
	struct contract *whole = NULL;
	int rc;

	if (making->contract->notices)
		return 0;
	rc = write_piece(making, PIECE_NOTICES, diag);
	if (rc)
		return rc;
	(void)snprintf(making->notices, sizeof(making->notices), "%.*s/" INIT_NOTICES,
		       PATH_MAX - 64, making->folder.made);
	making->document[place.count - 1] = making->notices;
	rc = contract_open(&place, NULL, &whole, NULL, diag);
	contract_free(whole);
	making->setting.has_notices = rc == 0;
	if (rc == 0 || strncmp(diag->text, making->notices, strlen(making->notices)) != 0)
		return rc;
	(void)ctl_fail("init",
		       "without notices of refusals: %s is outside of the contract's root, or no "
		       "folder below / has it and the documents",
		       making->setting.args->out);
	diag_init(diag);
	init_folder_forget(&making->folder);
	return 0;
}

static int make_all(struct making *making, struct diag *diag)
{
	int rc = write_piece(making, PIECE_ACCESS, diag);

	if (rc == 0)
		rc = add_notices(making, diag);
	if (rc == 0)
		rc = load_rules(making, diag);
	if (rc)
		return rc;
	making->trials.gate = &making->gate;
	making->trials.accounts = &making->accounts;
	making->trials.port = (uint16_t)making->setting.args->port;
	init_trials_find(&making->trials);
	rc = write_piece(making, PIECE_PASSWORDS, diag);
	if (rc == 0)
		rc = write_piece(making, PIECE_CREDENTIALS, diag);
	if (rc == 0)
		rc = write_piece(making, PIECE_CONF, diag);
	if (rc == 0)
		rc = write_piece(making, PIECE_COMMANDS, diag);
	rc = rc ? rc : init_folder_finish(&making->folder, diag);
	if (rc == 0)
		init_texts_commands(&making->setting, &making->trials, stdout);
	return rc;
}

static int make(struct making *making, struct diag *diag)
{
	const struct init_documents_args *args = making->setting.args;
	int rc;

	if (!args->out)
		return diag_set(diag, ERR_INVALID, "expected --out DIR, where the files go");
	rc = find_documents(making, diag);
	if (rc == 0)
		rc = load_contract(making, diag);
	if (rc == 0)
		rc = find_plugin(making, diag);
	if (rc == 0)
		rc = init_accounts_make(making->contract, &making->accounts, diag);
	if (rc == 0)
		rc = init_folder_open(args->out, args->is_forced, &making->folder, diag);
	if (rc == 0)
		rc = check_path(making->folder.path, diag);
	return rc ? rc : make_all(making, diag);
}

int init_documents(struct ctl_call *call, const struct init_documents_args *args)
{
	struct making *making = calloc(1, sizeof(*making));
	int rc;

	if (!making)
		return diag_nomem(&call->diag) ? CTL_FAILED : CTL_OK;
	making->call = call;
	making->setting.args = args;
	making->setting.folder = &making->folder;
	making->setting.accounts = &making->accounts;
	rc = make(making, &call->diag);
	init_trials_clear(&making->trials);
	gate_clear(&making->gate);
	rules_free(making->rules);
	contract_free(making->contract);
	init_folder_drop(&making->folder);
	arena_clear(&making->arena);
	free(making);
	return rc ? CTL_FAILED : CTL_OK;
}
