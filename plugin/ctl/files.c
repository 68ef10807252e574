#include "ctl/files.h"

#include <ctype.h>
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* clang-format off */
const struct args_row files_rows[] = {
	{ "json", ARGS_SWITCH, NULL, "JSON", offsetof(struct files_wanted, json), 0, 0 },
	FILES_ROW_CONFIG(struct files_wanted, files),
	FILES_ROW_CONTRACT(struct files_wanted, files),
	FILES_ROW_ACCESS(struct files_wanted, files),
	{ .name = NULL },
};
/* clang-format on */

/* ---- mosquitto.conf ---------------------------------------------------------------------- */

/* Splits "  word   the rest  \n" in place. */
static char *split(char *line, char **rest)
{
	char *word, *end;

	while (isspace((unsigned char)*line))
		line++;
	word = line;
	while (*line && !isspace((unsigned char)*line))
		line++;
	if (*line)
		*line++ = '\0';
	while (isspace((unsigned char)*line))
		line++;
	end = line + strlen(line);
	while (end > line && isspace((unsigned char)end[-1]))
		*--end = '\0';
	*rest = line;
	return word;
}

static bool is_certificate(const char *word)
{
	return strcmp(word, "certfile") == 0 || strcmp(word, "cafile") == 0 ||
	       strcmp(word, "keyfile") == 0;
}

/* A plugin's options follow its own line; only ours count. */
static bool is_ours(const char *path)
{
	const char *name = strrchr(path, '/');

	return strstr(name ? name : path, "petstore") != NULL;
}

/* Listeners may repeat a line: those are kept as arrays, options as they stand. */
static int keep_line(json_t *lines, const char *word, const char *value)
{
	json_t *list;

	if (!is_certificate(word))
		return json_object_set_new(lines, word, json_string(value)) ? ERR_NOMEM : 0;
	list = json_object_get(lines, word);
	if (!list) {
		list = json_array();
		if (json_object_set_new(lines, word, list))
			return ERR_NOMEM;
	}
	return json_array_append_new(list, json_string(value)) ? ERR_NOMEM : 0;
}

static int read_lines(FILE *file, json_t *lines)
{
	char *line = NULL;
	size_t cap = 0;
	bool ours = true;
	int rc = 0;

	while (rc == 0 && getline(&line, &cap, file) > 0) {
		char *value;
		const char *word = split(line, &value);

		if (strcmp(word, "plugin") == 0 || strcmp(word, "global_plugin") == 0 ||
		    strcmp(word, "auth_plugin") == 0) {
			ours = is_ours(value);
			continue;
		}
		if (is_certificate(word))
			; /* of a listener, which stands below the plugin */
		else if (!ours || (strncmp(word, "plugin_opt_", 11) != 0 &&
				   strncmp(word, "auth_opt_", 9) != 0))
			continue;
		if (strncmp(word, "plugin_opt_", 11) == 0)
			word += 11;
		else if (strncmp(word, "auth_opt_", 9) == 0)
			word += 9;
		rc = keep_line(lines, word, value);
	}
	free(line);
	return rc;
}

static int read_config(struct files *files, struct diag *diag)
{
	FILE *file = fopen(files->config, "re");
	int rc;

	if (!file)
		return diag_set(diag, ERR_IO, "%s: %s", files->config, strerror(errno));
	rc = files->lines ? read_lines(file, files->lines) : ERR_NOMEM;
	(void)fclose(file); /* only read from */
	return rc ? diag_nomem(diag) : 0;
}

static void fill(const struct files *files, const char *name, const char **ret)
{
	if (!*ret)
		*ret = json_string_value(json_object_get(files->lines, name));
}

int files_find(struct files *files, struct diag *diag)
{
	bool is_bare = !files->contract && !files->access && !files->database;
	int rc = 0;

	files->lines = json_object();
	if (!files->config && is_bare && access(FILES_CONFIG, R_OK) == 0)
		files->config = FILES_CONFIG;
	if (files->config)
		rc = read_config(files, diag);
	if (rc)
		return rc;
	fill(files, "contract", &files->contract);
	fill(files, "access", &files->access);
	fill(files, "password_file", &files->passwords);
	fill(files, "database", &files->database);
	return 0;
}

void files_clear(struct files *files)
{
	json_decref(files->lines);
	files->lines = NULL;
}

/* ---- what decides ------------------------------------------------------------------------ */

int scene_open(const struct files *files, struct scene *ret, struct diag *diag)
{
	/* Passwords are not asked for, and few may read them. */
	struct rules_files wanted = { .contract = files->contract, .access = files->access };
	int rc;

	memset(ret, 0, sizeof(*ret));
	if (!files->contract || !files->access)
		return diag_set(diag, ERR_INVALID,
				"--%s is missing (or --config, to name them all)",
				files->contract ? "access" : "contract");
	rc = rules_load(&wanted, &ret->rules, diag);
	if (rc == 0 && files->database)
		rc = ledger_open_reader(files->database, &ret->rules->plan, &ret->ledger, diag);
	if (rc == 0)
		rc = gate_init(&ret->gate, ret->rules, ret->ledger, diag);
	if (rc)
		scene_clear(ret);
	return rc;
}

void scene_clear(struct scene *scene)
{
	gate_clear(&scene->gate);
	ledger_close(scene->ledger);
	rules_free(scene->rules);
	memset(scene, 0, sizeof(*scene));
}
