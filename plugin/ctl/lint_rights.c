/*
 * lint_rights.c -- may the account that the broker runs as read and write what mosquitto.conf
 * names?
 *
 * A broker that root starts becomes the user of its line `user` before it loads the plugin. Files
 * that root made beside it are root's, and the broker does not start. Only root can find that out:
 * each file is tried by a process of its own, which is that user.
 */
#include <grp.h>
#include <libgen.h>
#include <limits.h>
#include <pwd.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "ctl/lint.h"

#define DEFAULT_USER "mosquitto" /* the broker's own */

enum need {
	NEED_READ,   /* the file, or folder */
	NEED_WRITE,  /* the file, if it is there, and its folder */
	NEED_FOLDER, /* the folder that it is in: the file is replaced */
	NEED_INTO,   /* it is a folder */
};

static const struct {
	const char *word;
	enum need need;
} words[] = {
	{ "plugin", NEED_READ },
	{ "plugin_opt_contract", NEED_READ },
	{ "plugin_opt_contract_root", NEED_READ },
	{ "plugin_opt_contract_schemas", NEED_READ },
	{ "plugin_opt_access", NEED_READ },
	{ "plugin_opt_password_file", NEED_READ },
	{ "plugin_opt_scram_file", NEED_READ },
	{ "plugin_opt_crl_file", NEED_READ },
	{ "plugin_opt_monitor", NEED_READ },
	{ "plugin_opt_database", NEED_WRITE },
	{ "plugin_opt_journal", NEED_WRITE },
	{ "plugin_opt_metrics_file", NEED_FOLDER },
	{ "persistence_location", NEED_INTO },
	{ "certfile", NEED_READ },
	{ "keyfile", NEED_READ },
	{ "cafile", NEED_READ },
	{ "crlfile", NEED_READ },
};

/* May this process do it? */
static bool may(const char *path, enum need need)
{
	char copy[PATH_MAX];

	(void)snprintf(copy, sizeof(copy), "%s", path);
	if (need == NEED_READ)
		return access(path, R_OK) == 0;
	if (need == NEED_WRITE && access(path, F_OK) == 0 && access(path, R_OK | W_OK) != 0)
		return false;
	return access(need == NEED_INTO ? path : dirname(copy), W_OK | X_OK) == 0;
}

/* The same as @user. Where no process could become it: yes. */
static bool user_may(const struct passwd *user, const char *path, enum need need)
{
	int status = 0;
	pid_t pid = fork();

	if (pid == 0) {
		if (initgroups(user->pw_name, user->pw_gid) || setgid(user->pw_gid) ||
		    setuid(user->pw_uid))
			_exit(0);
		_exit(may(path, need) ? 0 : 1);
	}
	if (pid < 0 || waitpid(pid, &status, 0) != pid)
		return true;
	return !WIFEXITED(status) || WEXITSTATUS(status) != 1;
}

static void try_line(struct lint *lint, const struct brokerfile_line *line, enum need need,
		     const struct passwd *user)
{
	static const char *const what[] = { [NEED_READ] = "read it",
					    [NEED_WRITE] = "write it and its folder",
					    [NEED_FOLDER] = "write to its folder",
					    [NEED_INTO] = "write to it" };

	/* A relative path is one of the folder that the broker is started in. What root can't do
	 * either is not there, which others say. */
	if (line->value[0] != '/' || !may(line->value, need) || user_may(user, line->value, need))
		return;
	lint_add(lint, LINT_WARNING,
		 "%s:%u: %s %s: the user %s, as whom the broker runs when root starts it, may not "
		 "%s; expected its owner to be %s",
		 line->file, line->number, line->word, line->value, user->pw_name, what[need],
		 user->pw_name);
}

void lint_rights(struct lint *lint, const struct brokerfile *file)
{
	const struct brokerfile_line *line = brokerfile_find(file, "user", 0);
	const struct passwd *user = getpwnam(line && line->value[0] ? line->value : DEFAULT_USER);

	if (geteuid() != 0 || !user || user->pw_uid == 0)
		return;
	for (size_t i = 0; i < file->line_count; i++)
		for (size_t k = 0; k < sizeof(words) / sizeof(words[0]); k++)
			if (strcmp(file->line[i].word, words[k].word) == 0)
				try_line(lint, &file->line[i], words[k].need, user);
}
