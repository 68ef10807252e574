#include "ctl/init_learn.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "learn/learn.h"
#include "learn/learned.h"

#define CONTRACT "contract.asyncapi.yaml"
#define ACCESS "access.json"
#define PATH_BYTES_MAX 4096u

struct learning {
	struct ctl_call *call;
	const struct init_learn_args *args;
	struct learned *learned;
	size_t count;
	struct traffic *recording[ARGS_LIST_MAX];
	char contract[PATH_BYTES_MAX], access[PATH_BYTES_MAX];
	bool is_widened, has_access;
};

/* ---- files ------------------------------------------------------------------------------ */

static int fail_file(const char *path, struct diag *diag)
{
	return diag_set(diag, ERR_IO, "%s: %s", path,
			errno ? strerror(errno) : "not all could be written");
}

/* Writes a file as a whole or not at all. */
static int replace(struct learning *learning, const char *path,
		   int (*write)(struct learned *learned, FILE *file, struct diag *diag))
{
	struct diag *diag = &learning->call->diag;
	char made[PATH_BYTES_MAX + 8];
	FILE *file;
	int rc;

	(void)snprintf(made, sizeof(made), "%s.new", path);
	errno = 0;
	file = fopen(made, "w");
	if (!file)
		return fail_file(made, diag);
	rc = write(learning->learned, file, diag);
	errno = 0;
	if (fclose(file) != 0 && rc == 0)
		rc = fail_file(made, diag);
	if (rc == 0 && rename(made, path) != 0)
		rc = fail_file(path, diag);
	if (rc)
		(void)unlink(made);
	return rc;
}

static int name_files(struct learning *learning)
{
	const char *out = learning->args->out;
	struct diag *diag = &learning->call->diag;

	if (!out)
		return diag_set(diag, ERR_INVALID, "expected --out DIR, where the contract goes");
	if (strlen(out) + sizeof(CONTRACT) + 1 > PATH_BYTES_MAX)
		return diag_set(diag, ERR_LIMIT, "--out: the name is too long");
	(void)snprintf(learning->contract, PATH_BYTES_MAX, "%s/" CONTRACT, out);
	(void)snprintf(learning->access, PATH_BYTES_MAX, "%s/" ACCESS, out);
	return 0;
}

/* ---- what is done ------------------------------------------------------------------------- */

static int open_all(struct learning *learning)
{
	const struct init_learn_args *args = learning->args;
	const char *given = args->contract;
	struct diag *diag = &learning->call->diag;
	int rc = learn_new(args->title, &learning->learned, diag);

	if (!given && access(learning->contract, F_OK) == 0)
		given = learning->contract;
	learning->is_widened = given != NULL;
	if (rc == 0 && given)
		rc = learn_give(learning->learned, given, diag);
	for (size_t i = 0; rc == 0 && i < args->recording.count; i++) {
		rc = traffic_open(args->recording.item[i], &learning->recording[i], diag);
		learning->count += rc == 0;
	}
	return rc;
}

static int write_all(struct learning *learning)
{
	struct learned_summary summary;
	int rc = 0;

	if (mkdir(learning->args->out, 0777) != 0 && errno != EEXIST)
		rc = fail_file(learning->args->out, &learning->call->diag);
	rc = rc ? rc : replace(learning, learning->contract, learn_write);
	learn_summary(learning->learned, &summary);
	if (rc || summary.schemes == 0 || access(learning->access, F_OK) == 0)
		return rc;
	learning->has_access = true;
	return replace(learning, learning->access, learn_write_access);
}

static void say_left(uint64_t count, const char *why)
{
	if (count > 0)
		(void)ctl_fail("init", "%" PRIu64 " left out: %s", count, why);
}

static void print_count(const char *before, uint64_t count, const char *noun)
{
	(void)printf("%s%" PRIu64 " %s%s", before, count, noun, count == 1 ? "" : "s");
}

static void report(const struct learning *learning)
{
	struct learned_summary summary;

	learn_summary(learning->learned, &summary);
	(void)printf("%s: ", learning->contract);
	if (learning->is_widened)
		print_count("widened in ", summary.changes, "place");
	else
		print_count("", summary.channels, "channel");
	print_count(", from ", summary.messages, "message");
	(void)printf("\n");
	if (learning->has_access)
		(void)printf("%s: who published what; set passwords with petstorectl passwd\n",
			     learning->access);
	say_left(summary.system, "topics that begin with $ are the broker's");
	say_left(summary.unnamed, "no address can name a topic with {, } or control characters");
	say_left(summary.broken, "their payload begins as JSON and is none");
	say_left(summary.passed.refused, "they were refused and not observed, or no publishes");
	say_left(summary.passed.cut, "their payload was not kept as a whole");
	if (summary.passed.is_torn)
		(void)ctl_fail("init", "the last line of a recording is not whole: left out");
}

int init_learn(struct ctl_call *call, const struct init_learn_args *args)
{
	struct learning learning = { .call = call, .args = args };
	int rc = name_files(&learning);

	if (rc == 0)
		rc = open_all(&learning);
	if (rc == 0)
		rc = learn_read(learning.learned, learning.recording, learning.count, &call->diag);
	if (rc == 0)
		rc = write_all(&learning);
	if (rc == 0)
		report(&learning);
	for (size_t i = 0; i < learning.count; i++)
		traffic_close(learning.recording[i]);
	learn_free(learning.learned);
	return rc ? CTL_FAILED : CTL_OK;
}
