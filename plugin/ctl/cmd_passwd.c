/*
 * petstorectl passwd: entries of password files and of SCRAM files.
 *
 * A password is read from the terminal, without showing it, or from standard input; never from
 * the arguments, which every user of the machine can see.
 */
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <inttypes.h>
#include <jansson.h>
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

/* What OWASP's cheat sheet on password storage asks of argon2id. */
#define ARGON_MEMORY 47104 /* KiB */
#define ARGON_PASSES 1
/* The client does this work, and may be a small device. */
#define SCRAM_ITERATIONS 15000

struct passwd_args {
	const char *hash;
	long iterations; /* 0: the hash's default */
	long memory;
	long passes;
	const char *file; /* the operands */
	const char *user;
};

static const struct passwd_args defaults = { .hash = "pbkdf2" };

enum file_kind { FILE_PASSWORDS, FILE_SCRAM };

/* clang-format off */
#define AT(member) .offset = offsetof(struct passwd_args, member)
static const struct args_row options[] = {
	{ "hash", ARGS_WORD, "HASH", "pbkdf2 (the default), argon2id, or scram for a SCRAM file",
	  AT(hash), .words = "pbkdf2 argon2id scram" },
	{ "iterations", ARGS_NUMBER, "N", "of pbkdf2 (210000) and scram (15000)",
	  AT(iterations), 1, PASSWORD_ITERATIONS_MAX },
	{ "memory", ARGS_NUMBER, "KIB", "of argon2id (47104)",
	  AT(memory), 8, PASSWORD_ARGON_MEMORY_MAX },
	{ "passes", ARGS_NUMBER, "N", "of argon2id (1)",
	  AT(passes), 1, PASSWORD_ARGON_PASSES_MAX },
	{ .name = NULL },
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

static bool read_password(const struct passwd_args *args, bool is_new, char *ret, size_t cap,
			  size_t *ret_len)
{
	char prompt[2 * CREDFILE_USER_MAX];

	if (!isatty(STDIN_FILENO))
		return read_line(ret, cap, ret_len);
	(void)snprintf(prompt, sizeof(prompt), "Password for %s: ", args->user);
	/* It counts characters, and puts a NUL behind them. */
	if (EVP_read_pw_string(ret, (int)cap - 1, prompt, is_new) != 0)
		return false;
	*ret_len = strlen(ret);
	return *ret_len > 0;
}

/* ---- files ------------------------------------------------------------------------------ */

#define STORED_MAX (CREDFILE_LINE_MAX + 1)

/* Loads the file as one of that kind. @ret (STORED_MAX): what it stores for @user, "" for nothing.
 */
static int load(const char *path, enum file_kind kind, const char *user, char *ret,
		struct diag *diag)
{
	struct passwords *passwords = NULL;
	struct scram_keys *keys = NULL;
	const char *stored = NULL;
	int rc = kind == FILE_SCRAM ? scram_load(path, &keys, diag)
				    : passwords_load(path, &passwords, diag);

	if (keys)
		stored = credfile_find(&keys->file, user);
	if (passwords)
		stored = credfile_find(&passwords->file, user);
	(void)snprintf(ret, STORED_MAX, "%s", stored ? stored : "");
	passwords_free(passwords);
	scram_free(keys);
	return rc;
}

/*
 * The same for a file of either kind, which one without entries is: as which it was taken is in
 * *kind. What is no good as either is not touched.
 */
static int load_any(const char *path, const char *user, enum file_kind *kind, char *ret,
		    struct diag *diag)
{
	struct diag ignored;
	int rc = load(path, FILE_PASSWORDS, user, ret, diag);

	*kind = rc && load(path, FILE_SCRAM, user, ret, &ignored) == 0 ? FILE_SCRAM
								       : FILE_PASSWORDS;
	return *kind == FILE_SCRAM ? 0 : rc;
}

/* ---- actions ---------------------------------------------------------------------------- */

static long or_default(long given, long otherwise)
{
	return given ? given : otherwise;
}

/* Writes what is to be stored for @password to @ret (PASSWORD_TEXT_MAX). */
static int make(const struct passwd_args *args, const char *password, size_t len, char *ret,
		struct diag *diag)
{
	struct password_cost cost = { .kind = PASSWORD_PBKDF2, .lanes = 1 };

	if (strcmp(args->hash, "scram") == 0)
		return scram_make((uint32_t)or_default(args->iterations, SCRAM_ITERATIONS),
				  password, len, ret, diag);
	if (strcmp(args->hash, "argon2id") == 0)
		cost.kind = PASSWORD_ARGON2;
	cost.iterations = (uint32_t)or_default(args->iterations, PASSWORD_ITERATIONS_NEW);
	cost.memory = (uint32_t)or_default(args->memory, ARGON_MEMORY);
	cost.passes = (uint32_t)or_default(args->passes, ARGON_PASSES);
	return password_make(&cost, password, len, ret, diag);
}

/* The plugin refuses a file whose check would stop the broker for long. */
static void warn_of_stall(const struct passwd_args *args, const char *stored)
{
	uint64_t cost = password_cost_of(stored);

	if (cost > PASSWORD_STALL_NOTED)
		(void)fprintf(
			stderr,
			"petstorectl passwd: %s: a check takes as long as %" PRIu64
			" rounds of pbkdf2, and the broker serves no client meanwhile: expected "
			"%u at most%s\n",
			args->file, cost, PASSWORD_STALL_NOTED,
			cost > PASSWORD_STALL_MAX
				? ", the plugin refuses the file without delayed logins"
				: "");
}

static int set_password(const struct passwd_args *args, struct diag *diag)
{
	enum file_kind kind = strcmp(args->hash, "scram") == 0 ? FILE_SCRAM : FILE_PASSWORDS;
	char password[PASSWORD_MAX_BYTES + 1];
	char stored[STORED_MAX] = "";
	size_t len = 0;
	bool was_there;
	int rc;

	/* The kind has to be what is to be written. */
	if (access(args->file, F_OK) == 0 && load(args->file, kind, args->user, stored, diag))
		return CTL_FAILED;
	if (read_password(args, true, password, sizeof(password), &len))
		rc = make(args, password, len, stored, diag);
	else
		rc = diag_set(diag, ERR_INVALID,
			      "expected a password of 1 to %u bytes, twice the same at a terminal",
			      PASSWORD_MAX_BYTES);
	OPENSSL_cleanse(password, sizeof(password));
	if (!rc)
		rc = credwrite_put(args->file, args->user, stored, &was_there, diag);
	if (!rc && kind == FILE_PASSWORDS)
		warn_of_stall(args, stored);
	OPENSSL_cleanse(stored, sizeof(stored));
	return rc ? CTL_FAILED : CTL_OK;
}

static int delete_entry(const struct passwd_args *args, struct diag *diag)
{
	enum file_kind kind;
	char ignored[STORED_MAX];
	bool was_there;
	int rc = load_any(args->file, args->user, &kind, ignored, diag);

	OPENSSL_cleanse(ignored, sizeof(ignored));
	if (rc || credwrite_put(args->file, args->user, NULL, &was_there, diag))
		return CTL_FAILED;
	if (was_there)
		return CTL_OK;
	(void)ctl_fail(NAME, "%s: there is no user %s", args->file, args->user);
	return CTL_NO;
}

static int check_password(const struct passwd_args *args, struct diag *diag)
{
	char password[PASSWORD_MAX_BYTES + 1], stored[STORED_MAX];
	enum file_kind kind;
	bool is_right = false;
	size_t len = 0;
	int rc = load_any(args->file, args->user, &kind, stored, diag);

	if (!rc && read_password(args, false, password, sizeof(password), &len) && stored[0])
		is_right = kind == FILE_SCRAM ? scram_verify(stored, password, len)
					      : password_verify(stored, password, len);
	OPENSSL_cleanse(password, sizeof(password));
	OPENSSL_cleanse(stored, sizeof(stored));
	if (rc)
		return CTL_FAILED;
	return is_right ? CTL_OK : CTL_NO;
}

static const struct action {
	const char *name;
	int (*run)(const struct passwd_args *args, struct diag *diag);
	const char *answers[2]; /* what is printed for CTL_OK and CTL_NO; NULL: nothing */
} actions[] = {
	{ "set", set_password, { NULL, NULL } },
	{ "delete", delete_entry, { NULL, NULL } },
	{ "check", check_password, { "right", "wrong" } },
};

static void print(const struct ctl_call *call, const struct action *action, int status)
{
	json_t *answer;

	if (!call->is_json && action->answers[status]) {
		output_word(&call->output, action->answers[status]);
		(void)puts("");
	}
	if (!call->is_json)
		return;
	answer = json_pack("{s:s, s:s, s:s, s:b}", "action", action->name, "file", call->operand[1],
			   "user", call->operand[2], "done", status == CTL_OK);
	output_json(answer);
	json_decref(answer);
}

static int check_user(const char *user, struct diag *diag)
{
	const char *fault = names_fault(user, strlen(user), CREDFILE_USER_MAX);

	if (!fault && strchr(user, ':'))
		fault = "has a colon";
	return fault ? diag_set(diag, ERR_INVALID, "the user's name %s", fault) : 0;
}

static int run(struct ctl_call *call)
{
	struct passwd_args *args = call->args;
	const struct action *action = actions;
	int status;

	args->file = call->operand[1];
	args->user = call->operand[2];
	if (check_user(args->user, &call->diag))
		return CTL_FAILED;
	while (strcmp(action->name, call->operand[0]) != 0)
		action++; /* one of ctl_passwd.words */
	status = action->run(args, &call->diag);
	if (status != CTL_FAILED)
		print(call, action, status);
	return status;
}

const struct ctl_command ctl_passwd = {
	.name = NAME,
	.arguments = "[OPTION...] set|delete|check FILE USER",
	.summary = "sets, deletes or checks an entry of a password or SCRAM file",
	.help = "The password is asked for at the terminal, or read as one line from standard\n"
		"input. Other lines of the file stay as they are. The plugin and Mosquitto\n"
		"read the file again at SIGHUP. Mosquitto itself reads pbkdf2 in all versions,\n"
		"and argon2id from 2.1 on where it was built with it.\n",
	.shared = CTL_JSON,
	.options = options,
	.args_size = sizeof(struct passwd_args),
	.defaults = &defaults,
	.words = "set delete check",
	.operands_min = 3,
	.operands_max = 3,
	.run = run,
};
