/*
 * petstorectl passwd: entries of password files and of SCRAM files.
 *
 * A password is read from the terminal, without showing it, or from standard input; never from
 * the arguments, which every user of the machine can see.
 */
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "access/credfile.h"
#include "access/names.h"
#include "access/password.h"
#include "access/scram.h"
#include "ctl/args.h"
#include "ctl/credwrite.h"
#include "ctl/ctl.h"

#define NAME "passwd"

/* What OWASP's cheat sheet on password storage asks of PBKDF2-HMAC-SHA-512 and argon2id. */
#define PBKDF2_ITERATIONS 210000
#define ARGON_MEMORY 47104 /* KiB */
#define ARGON_PASSES 1
/* The client does this work, and may be a small device. */
#define SCRAM_ITERATIONS 15000

struct passwd {
	const char *hash;
	long iterations; /* 0: the hash's default */
	long memory;
	long passes;
	const char *file;
	const char *user;
};

enum file_kind { FILE_PASSWORDS, FILE_SCRAM };

/* clang-format off */
static const struct args_row options[] = {
	{ "hash", ARGS_TEXT, "HASH", "pbkdf2 (the default), argon2id, or scram for a SCRAM file",
	  offsetof(struct passwd, hash), 0, 0 },
	{ "iterations", ARGS_NUMBER, "N", "of pbkdf2 (210000) and scram (15000)",
	  offsetof(struct passwd, iterations), 1, PASSWORD_ITERATIONS_MAX },
	{ "memory", ARGS_NUMBER, "KIB", "of argon2id (47104)",
	  offsetof(struct passwd, memory), 8, PASSWORD_ARGON_MEMORY_MAX },
	{ "passes", ARGS_NUMBER, "N", "of argon2id (1)",
	  offsetof(struct passwd, passes), 1, PASSWORD_ARGON_PASSES_MAX },
	{ NULL, ARGS_SWITCH, NULL, NULL, 0, 0, 0 },
};
/* clang-format on */

/* ---- reading a password ----------------------------------------------------------------- */

/* One line of standard input, its newline cut off. False: none, too long, or with a NUL. */
static bool read_line(char *ret, size_t cap, size_t *ret_len)
{
	size_t len = 0;
	int c;

	while ((c = getchar()) != EOF && c != '\n') {
		if (len + 1 == cap || c == '\0')
			return false;
		ret[len++] = (char)c;
	}
	ret[len] = '\0';
	*ret_len = len;
	return len > 0;
}

static bool read_password(const struct passwd *passwd, bool is_new, char *ret, size_t cap,
			  size_t *ret_len)
{
	char prompt[2 * CREDFILE_USER_MAX];

	if (!isatty(STDIN_FILENO))
		return read_line(ret, cap, ret_len);
	(void)snprintf(prompt, sizeof(prompt), "Password for %s: ", passwd->user);
	/* It counts characters, and puts a NUL behind them. */
	if (EVP_read_pw_string(ret, (int)cap - 1, prompt, is_new) != 0)
		return false;
	*ret_len = strlen(ret);
	return *ret_len > 0;
}

/* ---- files ------------------------------------------------------------------------------ */

/* Which of the two kinds the file is: what is no good as either is not touched. */
static int find_kind(const char *path, enum file_kind *ret, struct diag *diag)
{
	struct passwords *passwords = NULL;
	struct scram_keys *keys = NULL;
	struct diag other;
	int rc = passwords_load(path, &passwords, diag);

	*ret = FILE_PASSWORDS;
	if (rc && !scram_load(path, &keys, &other)) {
		*ret = FILE_SCRAM;
		rc = 0;
	}
	passwords_free(passwords);
	scram_free(keys);
	return rc;
}

/* The kind has to be what is to be written; a file without entries is of either kind. */
static int check_target(const char *path, enum file_kind kind, struct diag *diag)
{
	struct passwords *passwords = NULL;
	struct scram_keys *keys = NULL;
	int rc = 0;

	if (access(path, F_OK) != 0)
		return 0;
	if (kind == FILE_SCRAM)
		rc = scram_load(path, &keys, diag);
	else
		rc = passwords_load(path, &passwords, diag);
	passwords_free(passwords);
	scram_free(keys);
	return rc;
}

/* ---- actions ---------------------------------------------------------------------------- */

static long or_default(long given, long otherwise)
{
	return given ? given : otherwise;
}

/* Writes what is to be stored for @password to @ret (PASSWORD_TEXT_MAX). */
static int make(const struct passwd *passwd, const char *password, size_t len, char *ret,
		struct diag *diag)
{
	struct password_cost cost = { .kind = PASSWORD_PBKDF2, .lanes = 1 };

	if (strcmp(passwd->hash, "scram") == 0)
		return scram_make((uint32_t)or_default(passwd->iterations, SCRAM_ITERATIONS),
				  password, len, ret, diag);
	if (strcmp(passwd->hash, "argon2id") == 0)
		cost.kind = PASSWORD_ARGON2;
	cost.iterations = (uint32_t)or_default(passwd->iterations, PBKDF2_ITERATIONS);
	cost.memory = (uint32_t)or_default(passwd->memory, ARGON_MEMORY);
	cost.passes = (uint32_t)or_default(passwd->passes, ARGON_PASSES);
	return password_make(&cost, password, len, ret, diag);
}

/* The plugin refuses a file whose check would stop the broker for long. */
static void warn_of_stall(const struct passwd *passwd, const char *stored)
{
	uint64_t cost = password_cost_of(stored);

	if (cost > PASSWORD_STALL_NOTED)
		(void)fprintf(stderr,
			      "petstorectl passwd: %s: a check takes as long as %" PRIu64
			      " rounds of pbkdf2, and the broker serves nobody meanwhile: expected "
			      "%u at most%s\n",
			      passwd->file, cost, PASSWORD_STALL_NOTED,
			      cost > PASSWORD_STALL_MAX
				      ? ", the plugin refuses the file without delayed logins"
				      : "");
}

static int run_set(const struct passwd *passwd)
{
	enum file_kind kind = strcmp(passwd->hash, "scram") == 0 ? FILE_SCRAM : FILE_PASSWORDS;
	char password[PASSWORD_MAX_BYTES + 1];
	char stored[PASSWORD_TEXT_MAX];
	size_t len = 0;
	struct diag diag;
	int rc;

	diag_init(&diag);
	if (check_target(passwd->file, kind, &diag))
		return ctl_fail(NAME, "%s", diag.text);
	if (!read_password(passwd, true, password, sizeof(password), &len)) {
		OPENSSL_cleanse(password, sizeof(password));
		return ctl_fail(NAME,
				"expected a password of 1 to %u bytes, twice the same at a "
				"terminal",
				PASSWORD_MAX_BYTES);
	}
	rc = make(passwd, password, len, stored, &diag);
	OPENSSL_cleanse(password, sizeof(password));
	if (!rc)
		rc = credwrite_put(passwd->file, passwd->user, stored, &diag);
	if (!rc && kind == FILE_PASSWORDS)
		warn_of_stall(passwd, stored);
	OPENSSL_cleanse(stored, sizeof(stored));
	return rc ? ctl_fail(NAME, "%s", diag.text) : CTL_OK;
}

static int run_delete(const struct passwd *passwd)
{
	enum file_kind kind;
	struct diag diag;
	bool was_there = false;

	diag_init(&diag);
	if (find_kind(passwd->file, &kind, &diag) ||
	    credwrite_remove(passwd->file, passwd->user, &was_there, &diag))
		return ctl_fail(NAME, "%s", diag.text);
	if (was_there)
		return CTL_OK;
	(void)ctl_fail(NAME, "%s: there is no user %s", passwd->file, passwd->user);
	return CTL_NO;
}

/* Loads again what find_kind() found: a file that changed in between is one that fails. */
static int verify(const struct passwd *passwd, enum file_kind kind, const char *password,
		  size_t len, bool *ret, struct diag *diag)
{
	struct passwords *passwords = NULL;
	struct scram_keys *keys = NULL;
	const char *stored = NULL;
	int rc;

	if (kind == FILE_SCRAM) {
		rc = scram_load(passwd->file, &keys, diag);
		stored = rc ? NULL : scram_entry(keys, passwd->user);
		*ret = stored && scram_verify(stored, password, len);
	} else {
		rc = passwords_load(passwd->file, &passwords, diag);
		stored = rc ? NULL : passwords_entry(passwords, passwd->user);
		*ret = stored && password_verify(stored, password, len);
	}
	passwords_free(passwords);
	scram_free(keys);
	return rc;
}

static int run_check(const struct passwd *passwd)
{
	char password[PASSWORD_MAX_BYTES + 1];
	enum file_kind kind;
	bool is_right = false;
	size_t len = 0;
	struct diag diag;
	int rc;

	diag_init(&diag);
	rc = find_kind(passwd->file, &kind, &diag);
	if (!rc && read_password(passwd, false, password, sizeof(password), &len))
		rc = verify(passwd, kind, password, len, &is_right, &diag);
	OPENSSL_cleanse(password, sizeof(password));
	if (rc)
		return ctl_fail(NAME, "%s", diag.text);
	(void)puts(is_right ? "right" : "wrong");
	return is_right ? CTL_OK : CTL_NO;
}

static const struct {
	const char *name;
	int (*run)(const struct passwd *passwd);
} actions[] = {
	{ "set", run_set },
	{ "delete", run_delete },
	{ "check", run_check },
};

static int run(int argc, char **argv)
{
	struct passwd passwd = { .hash = "pbkdf2" };
	int first = args_read(&ctl_passwd, argc, argv, &passwd);
	const char *fault;

	if (first < 0)
		return CTL_FAILED;
	passwd.file = argv[first + 1];
	passwd.user = argv[first + 2];
	if (strcmp(passwd.hash, "pbkdf2") != 0 && strcmp(passwd.hash, "argon2id") != 0 &&
	    strcmp(passwd.hash, "scram") != 0)
		return ctl_fail(NAME, "--hash: expected pbkdf2, argon2id or scram");
	fault = names_fault(passwd.user, strlen(passwd.user), CREDFILE_USER_MAX);
	if (!fault && strchr(passwd.user, ':'))
		fault = "has a colon";
	if (fault)
		return ctl_fail(NAME, "the user's name %s", fault);
	for (size_t i = 0; i < sizeof(actions) / sizeof(*actions); i++)
		if (strcmp(actions[i].name, argv[first]) == 0)
			return actions[i].run(&passwd);
	return ctl_fail(NAME, "expected set, delete or check");
}

const struct ctl_command ctl_passwd = {
	.name = NAME,
	.arguments = "[OPTION...] set|delete|check FILE USER",
	.summary = "sets, deletes or checks an entry of a password or SCRAM file",
	.help = "The password is asked for at the terminal, or read as one line from standard\n"
		"input. Other lines of the file stay as they are. The plugin and Mosquitto\n"
		"read the file again at SIGHUP. Mosquitto itself reads pbkdf2 in all versions,\n"
		"and argon2id from 2.1 on where it was built with it.\n",
	.options = options,
	.operands_min = 3,
	.operands_max = 3,
	.run = run,
};
