#include "ctl/files.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* ---- mosquitto.conf ---------------------------------------------------------------------- */

/* The name of the option that the line sets, without what stands in front; NULL: it sets none. */
static const char *option_name(const struct brokerfile_line *line)
{
	static const char *const heads[] = { "plugin_opt_", "auth_opt_" };

	for (size_t i = 0; i < sizeof(heads) / sizeof(heads[0]); i++)
		if (strncmp(line->word, heads[i], strlen(heads[i])) == 0)
			return line->word + strlen(heads[i]);
	return NULL;
}

/* A plugin's options follow its own line; only ours count. */
static void keep_options(struct files *files)
{
	bool ours = true;

	for (size_t i = 0; i < files->broker.line_count; i++) {
		const struct brokerfile_line *line = &files->broker.line[i];
		const char *plugin = brokerfile_plugin(line), *name = option_name(line);

		if (plugin)
			ours = brokerfile_is_own(plugin, NULL);
		if (ours && name && files->option_count < FILES_OPTIONS_MAX)
			files->option[files->option_count++] =
				(struct options_pair){ .key = name, .value = line->value };
	}
}

const char *files_option(const struct files *files, const char *name)
{
	for (size_t i = files->option_count; i-- > 0;)
		if (strcmp(files->option[i].key, name) == 0)
			return files->option[i].value;
	return NULL;
}

static bool is_part(const struct brokerfile *whole, const char *path)
{
	struct stat part, each;

	if (stat(path, &part) != 0)
		return false;
	for (size_t i = 0; i < whole->line_count; i++)
		if ((i == 0 || whole->line[i].file != whole->line[i - 1].file) &&
		    stat(whole->line[i].file, &each) == 0 && each.st_dev == part.st_dev &&
		    each.st_ino == part.st_ino)
			return true;
	return false;
}

/* The mosquitto.conf that includes the file, if there is one; what `make run` writes is whole. */
static bool read_whole(struct files *files)
{
	const char *name = strrchr(files->config, '/');
	struct diag diag;
	char path[4096];

	diag_init(&diag);
	if (!name ||
	    snprintf(path, sizeof(path), "%.*s/../mosquitto.conf", (int)(name - files->config),
		     files->config) >= (int)sizeof(path) ||
	    brokerfile_read(path, NULL, &files->broker, &diag))
		return false;
	if (is_part(&files->broker, files->config))
		return true;
	brokerfile_clear(&files->broker);
	return false;
}

/* ---- its listeners ------------------------------------------------------------------------ */

const struct brokerfile_line *files_line(const struct brokerfile *file, size_t listener,
					 const char *word)
{
	const struct brokerfile_line *found = NULL;

	for (size_t i = 0; i < file->line_count; i++)
		if (file->line[i].listener == listener && !file->line[i].bridge &&
		    strcmp(file->line[i].word, word) == 0)
			found = &file->line[i];
	return found;
}

const char *files_value(const struct brokerfile *file, size_t listener, const char *word)
{
	const struct brokerfile_line *line = files_line(file, listener, word);

	return line ? line->value : "";
}

const char *files_address(const struct brokerfile *file, size_t listener)
{
	const struct brokerfile_line *line = file->listener[listener].line;
	const char *address;

	if (!line)
		return files_value(file, listener, "bind_address");
	address = line->value + strcspn(line->value, " \t");
	return address + strspn(address, " \t");
}

bool files_is_local(const struct brokerfile *file, size_t listener)
{
	const char *address = files_address(file, listener);

	if (file->listener_count == 1 && !address[0] && !files_line(file, 0, "port"))
		return true; /* no listener at all: the broker keeps to itself */
	return strncmp(address, "127.", 4) == 0 || strcmp(address, "::1") == 0 ||
	       strcmp(address, "localhost") == 0 || address[0] == '/' ||
	       strcmp(files_value(file, listener, "bind_interface"), "lo") == 0;
}

/* ---- which configuration ---------------------------------------------------------------- */

/*
 * Could only the caller (and root) have made this file what it is? Any user may have made a link,
 * or a file in a folder that others may write to.
 */
static bool is_own(const char *path)
{
	struct stat st;

	return lstat(path, &st) == 0 && !S_ISLNK(st.st_mode) &&
	       (st.st_uid == geteuid() || st.st_uid == 0) &&
	       (st.st_mode & (S_IWGRP | S_IWOTH)) == 0;
}

static bool is_run_config_own(void)
{
	return is_own(".") && is_own("build") && is_own("build/run") && is_own(FILES_RUN_CONFIG);
}

const char *files_default(void)
{
	const char *named = getenv(FILES_ENVIRONMENT);

	if (named && named[0])
		return named;
	if (access(FILES_CONFIG, R_OK) == 0)
		return FILES_CONFIG;
	return is_run_config_own() ? FILES_RUN_CONFIG : NULL;
}

static void find_config(struct files *files, const char *name)
{
	if (files->config || files->contract.count || files->access || files->database)
		return;
	files->config = files_default();
	if (files->config && files->config != getenv(FILES_ENVIRONMENT))
		(void)fprintf(stderr, "petstorectl %s: reads %s\n", name, files->config);
	else if (!files->config && access(FILES_RUN_CONFIG, F_OK) == 0)
		(void)fprintf(stderr,
			      "petstorectl %s: " FILES_RUN_CONFIG
			      " is not read without --config: it "
			      "or a folder above it is a link, another user's, or others may write "
			      "to it\n",
			      name);
}

static const char *option_or(const char *given, const struct files *files, const char *name)
{
	return given ? given : files_option(files, name);
}

const char *files_first(const struct args_list *list)
{
	return list->count > 0 ? list->item[0] : NULL;
}

/* All of the configuration's, in their order. */
static void find_contracts(struct files *files)
{
	for (size_t i = 0; i < files->option_count; i++)
		if (strcmp(files->option[i].key, "contract") == 0 &&
		    files->contract.count < ARGS_LIST_MAX)
			files->contract.item[files->contract.count++] = files->option[i].value;
}

int files_find(struct files *files, const char *name, struct diag *diag)
{
	bool is_other;
	int rc;

	find_config(files, name);
	if (files->config && (strcmp(files->config, FILES_RUN_CONFIG) == 0 || !read_whole(files))) {
		rc = brokerfile_read(files->config, NULL, &files->broker, diag);
		if (rc)
			return rc;
	}
	keep_options(files);
	/* The configuration's root is that of its own contract. */
	if (!files->contract.count) {
		find_contracts(files);
		files->contract_root = option_or(files->contract_root, files, "contract_root");
	}
	files->contract_schemas = option_or(files->contract_schemas, files, "contract_schemas");
	files->access = option_or(files->access, files, "access");
	files->passwords = option_or(files->passwords, files, "password_file");
	is_other = files->database && !ledger_is_shared(files->database);
	files->database = option_or(files->database, files, "database");
	/* The journal is that of the configuration's database. */
	if (!is_other) {
		files->broker_name = option_or(files_option(files, "broker"), files, "origin");
		files->journal = files_option(files, "journal");
	}
	return 0;
}

struct ledger_place files_ledger(const struct files *files)
{
	return (struct ledger_place){ .database = files->database,
				      .broker = files->broker_name,
				      .journal = files->journal };
}

struct sources_place files_place(const struct files *files)
{
	return (struct sources_place){ .count = files->contract.count,
				       .path = files->contract.item,
				       .root = files->contract_root,
				       .schemas = files->contract_schemas };
}

int files_contract(const struct files *files, struct contract **ret, struct diag_list *all,
		   struct diag *diag)
{
	const struct sources_place place = files_place(files);
	struct access_file *access = NULL;
	struct diag ignored;
	int rc;

	diag_init(&ignored);
	if (files->access)
		diag_ignore(access_open(files->access, &access, NULL, &ignored));
	rc = contract_open(&place, access ? access_applications(access) : NULL, ret, all, diag);
	access_close(access);
	return rc;
}

int files_need(const struct files *files, const char *option, const char *path, struct diag *diag)
{
	/* A database may be a connection string as well. */
	const char *kind = strcmp(option, "database") == 0 ? "PLACE" : "FILE";

	if (path)
		return 0;
	if (files->config)
		return diag_set(diag, ERR_INVALID,
				"%s: has no line plugin_opt_%s; expected one, or --%s %s",
				files->config, option, option, kind);
	return diag_set(diag, ERR_INVALID,
			"--%s %s is missing, or --config FILE, a mosquitto.conf (looked for: "
			"$" FILES_ENVIRONMENT ", " FILES_CONFIG ", " FILES_RUN_CONFIG ")",
			option, kind);
}

/* ---- one of them, read whole ---------------------------------------------------------------- */

int files_read(const char *path, size_t max, char **ret, size_t *ret_len, struct diag *diag)
{
	bool is_input = strcmp(path, "-") == 0;
	FILE *file = is_input ? stdin : fopen(path, "rbe");
	char *text = file ? malloc(max + 1) : NULL; /* the system gives what is written to only */
	size_t len = text ? fread(text, 1, max + 1, file) : 0;
	int rc = 0;

	path = is_input ? "standard input" : path;
	if (!file || (text && ferror(file)))
		rc = diag_set(diag, ERR_IO, "%s: %s", path, strerror(errno));
	else if (!text)
		rc = diag_nomem(diag);
	else if (len > max)
		rc = diag_set(diag, ERR_LIMIT, "%s: larger than %zu bytes", path, max);
	if (file && !is_input)
		(void)fclose(file); /* only read from */
	if (rc) {
		free(text);
		return rc;
	}
	*ret = text;
	*ret_len = len;
	return 0;
}

struct files_spot files_spot(const char *text, size_t len, size_t offset)
{
	struct files_spot spot = { 1, 1 };

	for (size_t i = 0; i < offset && i < len; i++) {
		if (text[i] == '\n')
			spot = (struct files_spot){ spot.line + 1, 1 };
		else if (((unsigned char)text[i] & 0xc0) != 0x80) /* a character's first byte */
			spot.column++;
	}
	return spot;
}

/* ---- what decides ------------------------------------------------------------------------ */

int files_rules(const struct files *files, struct rules **ret, struct diag *diag)
{
	/* Passwords are not asked for, and few may read them. */
	struct rules_files wanted = { .contract = files_place(files),
				      .access = files->access,
				      .keeps_documents = true };
	int rc = files_need(files, "contract", files_first(&files->contract), diag);

	return rc ? rc : rules_load(&wanted, ret, diag);
}

int scene_open(const struct files *files, struct scene *ret, struct diag *diag)
{
	int rc = files_need(files, "contract", files_first(&files->contract), diag);

	memset(ret, 0, sizeof(*ret));
	if (rc)
		goto out;
	rc = files_need(files, "access", files->access, diag);
	if (rc)
		goto out;
	rc = files_rules(files, &ret->rules, diag);
	if (rc)
		goto out;
	if (files->database)
		rc = ledger_open_reader(files->database, &ret->rules->contract->plan, &ret->ledger,
					diag);
	if (rc)
		goto out;
	rc = gate_init(&ret->gate, ret->rules, ret->ledger, diag);
out:
	if (rc)
		scene_clear(ret);
	return rc;
}

void scene_clear(struct scene *scene)
{
	gate_clear(&scene->gate);
	access_principal_drop(scene->made);
	ledger_close(scene->ledger);
	rules_free(scene->rules);
	memset(scene, 0, sizeof(*scene));
}

const struct access_principal *scene_principal(struct scene *scene, const char *name, bool *can_be)
{
	struct access *access = scene->rules->access;
	const struct access_principal *user = access_find(access, name);
	struct diag ignored;
	int rc;

	scene->is_unlisted = false;
	if (user)
		return user;
	if (access_anonymous(access) && strcmp(name, ACCESS_ANONYMOUS) == 0)
		return access_anonymous(access);
	access_principal_drop(scene->made);
	scene->made = NULL;
	rc = access_certificate_named(access, name, &scene->made, &ignored);
	if (can_be)
		*can_be = rc && name[0] && (rc == ERR_LIMIT || access_has_issuers(access));
	/* Whether it has a password is not known here. */
	scene->is_unlisted = rc == ERR_INVALID && name[0] &&
			     access_default(access, name, &scene->made, &ignored) == 0;
	return scene->made;
}
