/* mosquitto.conf: lines, listeners, and whom a plugin line guards. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>

#include "base/brokerbridge.h"
#include "failalloc.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static char folder[] = "/tmp/brokerfile.XXXXXX";

static const char *write_file(const char *name, const char *text)
{
	static char path[256];
	FILE *file;

	(void)snprintf(path, sizeof(path), "%s/%s", folder, name);
	file = fopen(path, "we");
	assert_non_null(file);
	assert_true(fputs(text, file) >= 0);
	assert_int_equal(fclose(file), 0);
	return path;
}

/* Which listeners are there, as letters: g guarded, o open, c closed, d decided by others. */
static void check(const char *text, const char *expected)
{
	struct brokerfile file;
	struct diag diag;
	char found[16] = "";
	size_t len = 0;

	if (brokerfile_read(write_file("a.conf", text), NULL, &file, &diag))
		fail_msg("%s", diag.text);
	for (size_t i = 0; i < file.listener_count; i++) {
		const struct brokerfile_listener *each = &file.listener[i];

		if (!each->is_there)
			continue;
		found[len++] = each->is_guarded     ? 'g'
			       : each->has_others   ? 'd'
			       : each->is_anonymous ? 'o'
						    : 'c';
	}
	if (strcmp(found, expected) != 0)
		fail_msg("expected %s, found %s for:\n%s", expected, found, text);
	brokerfile_clear(&file);
}

#define OURS "plugin /usr/lib/mosquitto_petstore.so\n"
#define EACH "per_listener_settings true\n"

static void test_brokerfile_read__knows_who_is_guarded(void **state)
{
	static const struct {
		const char *text;
		const char *expected;
	} cases[] = {
		{ "", "c" },
		{ OURS, "g" },
		{ OURS "listener 1883\nlistener 1884\n", "gg" },
		{ "listener 1883\n" OURS "listener 1884\nallow_anonymous true\n", "gg" },
		{ EACH OURS "listener 1\nlistener 2\n", "gcc" },
		{ EACH "listener 1\n" OURS "listener 2\nallow_anonymous true\n", "go" },
		{ EACH "allow_anonymous true\nlistener 1\n" OURS "listener 2\n", "gc" },
		{ EACH "listener 1\n" OURS "listener 2\n" OURS, "gg" },
		{ EACH "listener 1\n" OURS "listener 2\npassword_file p\n", "gd" },
		{ EACH "listener 1\n" OURS "listener 2\nplugin other.so\n", "gd" },
		{ EACH "global_plugin /x/libpetstore.so\nlistener 1\nlistener 2\n", "gg" },
		{ "plugin_load p /x/petstore.so\nlistener 1\nplugin_use p\nlistener 2\n", "gc" },
		{ "plugin_load p /x/petstore.so\nlistener 1\nlistener 2\n"
		  "listener_allow_anonymous true\n",
		  "co" },
		{ "plugin_load pp /x/petstore.so\nlistener 1\nplugin_use p\n", "c" },
		{ "#" OURS "  # " OURS "listener 1\n", "c" },
		{ "port 1\nlistener 2\n" OURS, "gg" },
		{ OURS "per_listener_settings false\nlistener 1\n", "g" },
		{ "plugin petstore/other.so\nlistener 1\n", "d" },
		{ OURS "connection b\nallow_anonymous true\nlistener 1\n", "g" },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++)
		check(cases[i].text, cases[i].expected);
}

static void test_brokerfile_read__includes_folders(void **state)
{
	char path[512], text[1024];
	struct brokerfile file;
	struct diag diag;

	(void)state;
	(void)snprintf(path, sizeof(path), "%s/conf.d", folder);
	assert_int_equal(mkdir(path, 0700), 0);
	(void)write_file("conf.d/2.conf", "allow_anonymous true\n");
	(void)write_file("conf.d/1.conf", "listener 7\n\ninclude_dir /nowhere\n");
	(void)write_file("conf.d/3.txt", "listener 8\n");
	(void)snprintf(text, sizeof(text), "listener 6\ninclude_dir %s\nmount_point m\n", path);
	assert_int_equal(brokerfile_read(write_file("b.conf", text), NULL, &file, &diag), 0);
	assert_int_equal(file.listener_count, 3);
	assert_int_equal(file.line_count, 6);
	assert_string_equal(file.line[3].value, "/nowhere");
	assert_int_equal(file.line[3].number, 3);
	assert_int_equal(file.line[4].listener, 0); /* each file begins before its first listener */
	assert_non_null(strstr(file.line[4].file, "/conf.d/2.conf"));
	assert_int_equal(file.line[5].listener, 1); /* and the file before goes on as it was */
	brokerfile_clear(&file);
}

static void test_brokerfile_read__says_what_it_can_not_read(void **state)
{
	struct brokerfile file;
	struct diag diag;
	char pipe[256];

	(void)state;
	assert_int_equal(brokerfile_read("/nowhere/x.conf", NULL, &file, &diag), ERR_IO);
	assert_string_equal(diag.text, "/nowhere/x.conf: No such file or directory");
	(void)snprintf(pipe, sizeof(pipe), "%s/pipe", folder);
	assert_int_equal(mkfifo(pipe, 0600), 0);
	assert_int_equal(brokerfile_read(pipe, NULL, &file, &diag), ERR_IO);
	assert_non_null(strstr(diag.text, "expected a regular file"));
	assert_int_equal(brokerfile_read(folder, NULL, &file, &diag), ERR_IO);
	assert_int_equal(
		brokerfile_read(write_file("c.conf", "include_dir /nowhere\n"), NULL, &file, &diag),
		ERR_IO);
	assert_string_equal(diag.text, "include_dir /nowhere: No such file or directory");
}

/* A copy or link of the plugin under another name is the plugin all the same. */
static void test_brokerfile_read__knows_itself_by_its_file(void **state)
{
	char own[256], link[256], text[600], line[300];
	struct brokerfile file;
	struct diag diag;

	(void)state;
	(void)snprintf(own, sizeof(own), "%s", write_file("contract.so", ""));
	(void)snprintf(link, sizeof(link), "%s/gate.so", folder);
	assert_int_equal(symlink(own, link), 0);
	(void)snprintf(text, sizeof(text), "plugin %s\nlistener 1\n", link);
	assert_int_equal(brokerfile_read(write_file("f.conf", text), own, &file, &diag), 0);
	assert_false(brokerfile_unguarded(&file, line, sizeof(line)));
	brokerfile_clear(&file);
	assert_int_equal(brokerfile_read(write_file("f.conf", text), NULL, &file, &diag), 0);
	assert_true(brokerfile_unguarded(&file, line, sizeof(line)));
	brokerfile_clear(&file);
}

static void test_brokerfile_unguarded__fits_into_its_room(void **state)
{
	char text[4096] = EACH "allow_anonymous true\n", line[300];
	struct brokerfile file;
	struct diag diag;

	(void)state;
	for (int i = 0; i < 40; i++)
		(void)strcat(text, "listener 1\n");
	(void)strcat(text, OURS "listener 9\nallow_anonymous true\n");
	assert_int_equal(brokerfile_read(write_file("d.conf", text), NULL, &file, &diag), 0);
	assert_true(brokerfile_unguarded(&file, line, sizeof(line)));
	assert_int_equal(strncmp(line, "40 of 41 listeners are not enforced", 35), 0);
	assert_non_null(strstr(line, "; listener 9 ("));
	assert_non_null(strstr(line, "open to everybody"));
	assert_non_null(strstr(line, " more"));
	brokerfile_clear(&file);
}

static void test_brokerfile_read__survives_failing_allocations(void **state)
{
	const char *path = write_file("e.conf", OURS "listener 1\nallow_anonymous true\n");

	(void)state;
	for (size_t n = 1;; n++) {
		struct brokerfile file;
		struct diag diag;
		int rc;

		failalloc_start(n);
		rc = brokerfile_read(path, NULL, &file, &diag);
		if (!failalloc_stop()) {
			assert_int_equal(rc, 0);
			brokerfile_clear(&file);
			break;
		}
		assert_int_equal(rc, ERR_NOMEM);
		assert_null(file.line);
	}
}

/* The bridges of a file, a letter each: what is wrong with them, and which way they go. */
static void check_bridges(const char *text, const char *expected)
{
	struct brokerfile file;
	struct brokerbridge bridge;
	struct diag diag;
	char found[64] = "";
	size_t at = 0, len = 0;

	assert_int_equal(brokerfile_read(write_file("b.conf", text), NULL, &file, &diag), 0);
	while (brokerbridge_next(&file, &at, &bridge)) {
		const char *fault = brokerbridge_fault(&file, &bridge);

		len += (size_t)sprintf(found + len, "%s%u%s%s ", bridge.line->value, bridge.ways,
				       !fault                     ? ""
				       : strstr(fault, "nobody,") ? " nobody"
								  : " unasked",
				       bridge.remote_user ? " in" : "");
	}
	assert_string_equal(found, expected);
	brokerfile_clear(&file);
}

static void test_brokerbridge_next__knows_ways_and_faults(void **state)
{
	(void)state;
	check_bridges("topic # in\nlistener 1\ntopic # both\n", "");
	check_bridges("connection a\ntopic x\ntopic y out 2 l/ r/\n", "a1 ");
	check_bridges("connection a\ntopic x in\nconnection b\nlocal_username u\ntopic # in 2\n"
		      "remote_username v\n",
		      "a2 nobody b2 in ");
	check_bridges("connection a\ntopic x \tboth 1\nlisten on\nlocal_username u\nlistener 1\n"
		      "local_username late\nconnection a\ntopic x both\nusername old\n",
		      "a3 a3 nobody in ");
	check_bridges("per_listener_settings true\nconnection a\nlocal_username u\ntopic x in\n"
		      "connection b\ntopic x out\n",
		      "a2 unasked b1 ");
	check_bridges("per_listener_settings true\nplugin /x/mosquitto_petstore.so\nconnection a\n"
		      "local_username u\ntopic x in\n",
		      "a2 unasked ");
	check_bridges("per_listener_settings true\nglobal_plugin /x/mosquitto_petstore.so\n"
		      "connection a\nlocal_username u\ntopic x in\n",
		      "a2 ");
}

static int make_folder(void **state)
{
	(void)state;
	return mkdtemp(folder) ? 0 : -1;
}

static int remove_folder(void **state)
{
	char command[64];

	(void)state;
	(void)snprintf(command, sizeof(command), "rm -r %s", folder);
	return system(command);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_brokerfile_read__knows_who_is_guarded),
		cmocka_unit_test(test_brokerfile_read__includes_folders),
		cmocka_unit_test(test_brokerfile_read__says_what_it_can_not_read),
		cmocka_unit_test(test_brokerfile_read__survives_failing_allocations),
		cmocka_unit_test(test_brokerfile_read__knows_itself_by_its_file),
		cmocka_unit_test(test_brokerfile_unguarded__fits_into_its_room),
		cmocka_unit_test(test_brokerbridge_next__knows_ways_and_faults),
	};

	return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
