/* One line of a credential file put, replaced or taken out; all others stay. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>

#include "ctl/credwrite.h"
#include "failalloc.h"
#include "folder.h"

static void put_file(const char *path, const char *text)
{
	FILE *file = fopen(path, "we");

	assert_non_null(file);
	assert_true(fputs(text, file) >= 0);
	assert_int_equal(fclose(file), 0);
}

static void assert_file(const char *path, const char *expected)
{
	char text[1024];
	FILE *file = fopen(path, "re");
	size_t len;

	assert_non_null(file);
	len = fread(text, 1, sizeof(text) - 1, file);
	text[len] = '\0';
	(void)fclose(file);
	assert_string_equal(text, expected);
}

static unsigned mode_of(const char *path)
{
	struct stat st;

	assert_int_equal(stat(path, &st), 0);
	return st.st_mode & 07777u;
}

static int make_folder(void **state)
{
	static struct folder folder;

	folder_make(&folder);
	*state = &folder;
	return 0;
}

static int remove_folder(void **state)
{
	folder_remove(*state);
	return 0;
}

static void test_credwrite_put__keeps_all_other_lines(void **state)
{
	static const struct {
		const char *before, *user, *after;
	} rows[] = {
		{ "", "ann", "ann:new\n" },
		{ "bob:1\n", "ann", "bob:1\nann:new\n" },
		{ "bob:1", "ann", "bob:1\nann:new\n" },
		{ "ann:1\n", "ann", "ann:new\n" },
		{ "ann:1", "ann", "ann:new\n" },
		{ "# who\n\nann:1\r\n# then\nbob:2\n\n", "ann",
		  "# who\n\nann:new\n# then\nbob:2\n\n" },
		{ "# ann:1\nanna:2\nan:3\n", "ann", "# ann:1\nanna:2\nan:3\nann:new\n" },
		{ "bob:ann:1\nann:1\ncid:2", "ann", "bob:ann:1\nann:new\ncid:2" },
	};
	const char *path = folder_file(*state, "passwd");
	bool was_there;
	struct diag diag;

	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		put_file(path, rows[i].before);
		assert_int_equal(credwrite_put(path, rows[i].user, "new", &was_there, &diag), 0);
		assert_file(path, rows[i].after);
	}
}

static void test_credwrite_put__takes_out_one_line(void **state)
{
	static const struct {
		const char *before, *after;
		bool was_there;
	} rows[] = {
		{ "", "", false },
		{ "ann:1\n", "", true },
		{ "ann:1", "", true },
		{ "# x\nann:1\nbob:2\n", "# x\nbob:2\n", true },
		{ "bob:2\nann:1", "bob:2\n", true },
		{ "anna:1\nbob:ann:2\n# ann:3\n", "anna:1\nbob:ann:2\n# ann:3\n", false },
	};
	const char *path = folder_file(*state, "passwd");
	struct diag diag;

	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		bool was_there = !rows[i].was_there;

		put_file(path, rows[i].before);
		assert_int_equal(credwrite_put(path, "ann", NULL, &was_there, &diag), 0);
		assert_int_equal(was_there, rows[i].was_there);
		assert_file(path, rows[i].after);
	}
}

static void test_credwrite_put__makes_a_file_for_its_owner_only(void **state)
{
	const char *path = folder_file(*state, "passwd");
	mode_t mask = umask(0);
	bool was_there = true;
	struct diag diag;

	assert_int_equal(credwrite_put(path, "ann", NULL, &was_there, &diag), 0);
	assert_false(was_there);
	assert_int_equal(credwrite_put(path, "ann", "1", &was_there, &diag), 0);
	(void)umask(mask);
	assert_file(path, "ann:1\n");
	assert_int_equal(mode_of(path), 0600);
}

static void test_credwrite_put__narrows_the_mode_it_finds(void **state)
{
	static const unsigned rows[][2] = { { 0644, 0640 }, { 0666, 0640 }, { 0640, 0640 },
					    { 0600, 0600 }, { 0777, 0640 }, { 0660, 0640 } };
	const char *path = folder_file(*state, "passwd");
	bool was_there;
	struct diag diag;

	put_file(path, "");
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		assert_int_equal(chmod(path, rows[i][0]), 0);
		assert_int_equal(credwrite_put(path, "ann", "1", &was_there, &diag), 0);
		assert_int_equal(mode_of(path), rows[i][1]);
	}
}

static void test_credwrite_put__goes_through_a_symbolic_link(void **state)
{
	struct folder *folder = *state;
	char path[300];
	struct stat st;
	bool was_there;
	struct diag diag;

	(void)snprintf(path, sizeof(path), "%s", folder_file(folder, "passwd"));
	put_file(path, "bob:1\n");
	assert_int_equal(symlink("passwd", folder_file(folder, "link")), 0);
	assert_int_equal(credwrite_put(folder_file(folder, "link"), "ann", "2", &was_there, &diag),
			 0);
	assert_file(path, "bob:1\nann:2\n");
	assert_int_equal(lstat(folder_file(folder, "link"), &st), 0);
	assert_true(S_ISLNK(st.st_mode));
}

static void test_credwrite_put__leaves_nothing_behind_where_it_fails(void **state)
{
	struct folder *folder = *state;
	bool was_there;
	struct diag diag;

	assert_int_equal(credwrite_put(folder->path, "ann", "1", &was_there, &diag), ERR_IO);
	assert_non_null(strstr(diag.text, "not a regular file"));
	assert_int_equal(credwrite_put(folder->path, "ann", NULL, &was_there, &diag), ERR_IO);
	assert_int_equal(credwrite_put("/nonexistent/passwd", "ann", "1", &was_there, &diag),
			 ERR_IO);
	assert_non_null(strstr(diag.text, "No such file"));
	/* folder_remove() in the teardown fails where a file is left that it can't see. */
}

static void test_credwrite_put__survives_each_failing_allocation(void **state)
{
	const char *path = folder_file(*state, "passwd");

	put_file(path, "bob:1\n");
	for (size_t n = 1;; n++) {
		bool was_there;
		struct diag diag;
		int rc;

		failalloc_start(n);
		rc = credwrite_put(path, "ann", "2", &was_there, &diag);
		if (!failalloc_stop()) {
			assert_int_equal(rc, 0);
			assert_int_equal(n, 3);
			break;
		}
		assert_int_equal(rc, ERR_NOMEM);
		assert_file(path, "bob:1\n");
	}
	assert_file(path, "bob:1\nann:2\n");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, make_folder, remove_folder)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_credwrite_put__keeps_all_other_lines),
		TEST(test_credwrite_put__takes_out_one_line),
		TEST(test_credwrite_put__makes_a_file_for_its_owner_only),
		TEST(test_credwrite_put__narrows_the_mode_it_finds),
		TEST(test_credwrite_put__goes_through_a_symbolic_link),
		TEST(test_credwrite_put__leaves_nothing_behind_where_it_fails),
		TEST(test_credwrite_put__survives_each_failing_allocation),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
