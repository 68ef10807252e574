/*
 * Who has which scopes: test/data/access/decisions/<name>/{access.json,decisions} say what
 * holds, test/data/access/invalid/<name>/{access.json,error} what a file must not say.
 */
#include <dirent.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "access/access_internal.h"
#include "base/commands.h"
#include "accessfake.h"
#include "failalloc.h"
#include "place.h"

#define DATA "test/data/access"
#define ARRAY(a) (sizeof(a) / sizeof(*(a)))

static unsigned scope_number(const char *name)
{
	unsigned scope = fake_scope(name);

	if (scope == FAKE_SCOPES)
		fail_msg("no scope %s", name);
	return scope;
}

static struct access *parse(const char *text)
{
	struct access *access = NULL;
	struct diag diag;

	diag_init(&diag);
	if (access_parse("access.json", NULL, text, strlen(text), &fake_contract, &access, &diag))
		fail_msg("%s", diag.text);
	return access;
}

/* ---- decisions as data ------------------------------------------------------------------ */

struct question {
	const char *file;
	unsigned line;
	const struct access *access;
	size_t words;
	char *word[16];
};

/* What the asked user has where the words from @first on are the topic's parameters. */
static void hold(const struct question *q, size_t first, struct access_held *ret,
		 struct grantset *grants)
{
	const struct access_principal *who = access_find(q->access, q->word[1]);
	struct access_param param[8];
	size_t count = 0;

	for (size_t i = first; i < q->words; i++) {
		char *equals = strchr(q->word[i], '=');

		assert_non_null(equals);
		*equals = '\0';
		param[count].name = q->word[i];
		param[count].text = strcmp(equals + 1, "+") == 0 ? NULL : equals + 1;
		param[count++].len = strlen(equals + 1);
	}
	access_hold(who, param, count, true, ret);
	access_hold_grants(who, param, count, true, grants);
	if (who->rule_count == 0) {
		assert_memory_equal(&ret->full, &who->full, sizeof(ret->full));
		assert_memory_equal(&ret->own, &who->own, sizeof(ret->own));
		assert_memory_equal(grants, &who->grants, sizeof(*grants));
	}
	assert_true(who->has_grants || grantset_is_empty(grants));
}

static const char *answer_scope(const struct question *q)
{
	struct access_held held;
	struct grantset grants;

	hold(q, 3, &held, &grants);
	if (scopeset_has(&held.full, scope_number(q->word[2])))
		return "full";
	return scopeset_has(&held.own, scope_number(q->word[2])) ? "own" : "none";
}

/* USER is|talksTo APPLICATION OPERATION ... */
static const char *answer_grant(const struct question *q)
{
	int application = fake_find_application(NULL, q->word[3]);
	const struct access_grant *grant;
	struct access_held held;
	struct grantset grants;

	assert_true(application >= 0);
	assert_true(fake_has_operation(NULL, (unsigned)application, q->word[4]));
	hold(q, 5, &held, &grants);
	for (unsigned i = 0; (grant = access_grant(q->access, i)); i++) {
		bool is_listed = grant->operation_count == 0;

		for (size_t k = 0; k < grant->operation_count; k++)
			is_listed |= strcmp(grant->operation[k], q->word[4]) == 0;
		if (is_listed && grantset_has(&grants, i) &&
		    grant->application == (unsigned)application &&
		    grant->is_counterpart == (strcmp(q->word[2], "talksTo") == 0))
			return "granted";
	}
	return "ungranted";
}

/* What the access object says, in the words of the first column. */
static const char *answer(const struct question *q)
{
	const char *expected = q->word[0];
	const struct access_principal *who = access_find(q->access, q->word[1]);

	if (!who)
		return "unknown";
	if (strstr(expected, "abled"))
		return who->is_disabled ? "disabled" : "enabled";
	if (strstr(expected, "certificate"))
		return who->needs_certificate ? "certificate" : "no-certificate";
	if (strncmp(expected, "client", 6) == 0)
		return access_client_ok(who, strcmp(q->word[2], "-") ? q->word[2] : NULL)
			       ? "client-ok"
			       : "client-no";
	if (strstr(expected, "attribute"))
		return access_attribute_has(who, q->word[2], q->word[3], strlen(q->word[3]))
			       ? "attribute"
			       : "no-attribute";
	if (strstr(expected, "granted"))
		return answer_grant(q);
	if (strstr(expected, "command"))
		return access_may_ask(who) && !access_lacks(who, q->word[2]) ? "command"
									     : "no-command";
	if (strstr(expected, "peer"))
		return who->is_peer ? "peer" : "no-peer";
	return answer_scope(q);
}

static size_t run_decisions(const char *folder)
{
	char path[512];
	char line[512];
	struct question q = { .file = path };
	struct access *access = NULL;
	struct diag diag;
	size_t asked = 0;
	FILE *file;

	(void)snprintf(path, sizeof(path), "%s/access.json", folder);
	if (access_load(path, &fake_contract, &access, NULL, &diag))
		fail_msg("%s", diag.text);
	q.access = access;
	(void)snprintf(path, sizeof(path), "%s/decisions", folder);
	file = fopen(path, "re");
	assert_non_null(file);
	for (q.line = 1; fgets(line, sizeof(line), file); q.line++) {
		const char *found;

		q.words = 0;
		for (char *word = strtok(line, " \n"); word; word = strtok(NULL, " \n"))
			q.word[q.words++] = word;
		if (q.words == 0 || q.word[0][0] == '#')
			continue;
		found = answer(&q);
		if (strcmp(found, q.word[0]) != 0)
			fail_msg("%s:%u: expected %s, found %s", path, q.line, q.word[0], found);
		asked++;
	}
	(void)fclose(file);
	access_free(access);
	return asked;
}

static void test_access_find__decides_as_the_tables_say(void **state)
{
	(void)state;
	assert_true(run_decisions(DATA "/decisions/petstore") > 30);
	assert_true(run_decisions(DATA "/decisions/rules") > 30);
	assert_true(run_decisions(DATA "/decisions/grants") > 30);
}

/* ---- bad files as data ------------------------------------------------------------------ */

static void read_line(const char *folder, const char *name, char *ret, size_t cap)
{
	char path[512];
	FILE *file;

	(void)snprintf(path, sizeof(path), "%s/%s", folder, name);
	file = fopen(path, "re");
	if (!file || !fgets(ret, (int)cap, file))
		fail_msg("%s: cannot be read", path);
	ret[strcspn(ret, "\n")] = '\0';
	(void)fclose(file);
}

/* Cuts "<folder>/" wherever it stands in @text. */
static void cut_folder(char *text, const char *folder)
{
	size_t len = strlen(folder);
	char *at;

	while ((at = strstr(text, folder)))
		memmove(at, at + len + 1, strlen(at + len + 1) + 1);
}

static void check_invalid(const char *name)
{
	char folder[256];
	char path[512];
	char expected[DIAG_MAX];
	struct access *access = NULL;
	struct diag diag;

	(void)snprintf(folder, sizeof(folder), DATA "/invalid/%s", name);
	(void)snprintf(path, sizeof(path), "%s/access.json", folder);
	read_line(folder, "error", expected, sizeof(expected));
	diag_init(&diag);
	if (access_load(path, &fake_contract, &access, NULL, &diag) == 0)
		fail_msg("%s: was accepted", path);
	assert_null(access);
	cut_folder(diag.text, folder);
	if (!place_says(diag.text, expected))
		fail_msg("%s: expected \"%s\", found \"%s\"", path, expected, diag.text);
}

static void test_access_load__names_what_is_wrong(void **state)
{
	DIR *dir = opendir(DATA "/invalid");
	const struct dirent *entry;
	size_t count = 0;

	(void)state;
	assert_non_null(dir);
	while ((entry = readdir(dir))) {
		if (entry->d_name[0] == '.')
			continue;
		check_invalid(entry->d_name);
		count++;
	}
	(void)closedir(dir);
	assert_true(count > 60);
}

static void test_access_load__reports_a_missing_file(void **state)
{
	struct access *access = NULL;
	struct diag diag;

	(void)state;
	assert_int_equal(access_load(DATA "/none.json", &fake_contract, &access, NULL, &diag),
			 ERR_IO);
	assert_string_equal(diag.text, DATA "/none.json: No such file or directory");
	assert_null(access);
}

static void test_access_parse__where_needs_a_contract_with_parameters(void **state)
{
	static const char text[] = "{\"roles\":{\"a\":{\"where\":{\"petId\":\"x\"}}},\"users\":{}}";
	struct access_offer bare = fake_contract;
	struct access *access = NULL;
	struct diag diag;

	(void)state;
	bare.has_param = NULL;
	assert_int_equal(access_parse("f", NULL, text, strlen(text), &bare, &access, &diag),
			 ERR_INVALID);
	assert_string_equal(diag.text, "f:1:25: /roles/a/where/petId: the contract has no topic "
				       "parameter of this name");
}

static void test_access_parse__limits_the_contracts_scopes(void **state)
{
	struct access_offer many = { .count = SCOPES_MAX + 1, .name = fake_scopes };
	struct access *access = NULL;
	struct diag diag;

	(void)state;
	assert_int_equal(access_parse("f", NULL, "{}", 2, &many, &access, &diag), ERR_LIMIT);
}

/* ---- the rest --------------------------------------------------------------------------- */

static void test_access_principal__lists_all_and_their_roles(void **state)
{
	struct access *access =
		parse("{\"roles\":{\"a\":{},\"b\":{\"includes\":[\"a\"]}},"
		      "\"users\":{\"x\":{\"roles\":[\"b\"]},\"y\":{\"roles\":[]}}}");

	(void)state;
	assert_string_equal(access_principal(access, 0)->name, "x");
	assert_int_equal(access_principal(access, 0)->role_count, 1);
	assert_string_equal(access_principal(access, 0)->role[0], "b");
	assert_string_equal(access_principal(access, 1)->name, "y");
	assert_int_equal(access_principal(access, 1)->role_count, 0);
	assert_null(access_principal(access, 2));
	assert_false(access_has_certificates(access));
	assert_false(access_has_issuers(access));
	access_free(access);
	access_free(NULL);
	access_principal_drop(NULL);
}

static void test_access_attribute_has__no_value_has_a_nul(void **state)
{
	struct access *access = parse("{\"roles\":{},\"users\":{\"x\":{\"roles\":[],"
				      "\"attributes\":{\"petId\":[\"\",\"a\"],\"e\":[]}}}}");
	const struct access_principal *who = access_find(access, "x");

	(void)state;
	assert_true(access_attribute_has(who, "petId", "a", 1));
	assert_true(access_attribute_has(who, "petId", "", 0));
	assert_true(access_attribute_has(who, "petId", "abc", 1));
	assert_false(access_attribute_has(who, "petId", "a\0b", 3));
	assert_false(access_attribute_has(who, "petId", "\0", 1));
	assert_false(access_attribute_has(who, "e", "", 0));
	access_free(access);
}

/* Roles that say the same give one grant; the order of the operations does not matter. */
static void test_access_grant__is_numbered_once(void **state)
{
	struct access *access = parse(
		"{ \"roles\": {"
		" \"a\": { \"is\": [\"Shop\"], \"operations\": [\"ship\", \"order\"] },"
		" \"b\": { \"is\": [\"urn:shop\"], \"operations\": [\"order\", \"ship\"] },"
		" \"c\": { \"is\": [\"Shop\"], \"talksTo\": [\"Lights API\"] } }, \"users\": {} }");

	(void)state;
	assert_int_equal(access_grant(access, 0)->application, 1);
	assert_int_equal(access_grant(access, 0)->operation_count, 2);
	assert_string_equal(access_grant(access, 0)->operation[0], "order");
	assert_string_equal(access_grant(access, 0)->operation[1], "ship");
	assert_int_equal(access_grant(access, 1)->operation_count, 0);
	assert_false(access_grant(access, 1)->is_counterpart);
	assert_int_equal(access_grant(access, 2)->application, 0);
	assert_true(access_grant(access, 2)->is_counterpart);
	assert_null(access_grant(access, 3));
	access_free(access);
}

static const char *many_operation(const void *ctx, unsigned application, size_t i)
{
	static char name[16];

	(void)ctx;
	(void)application;
	(void)snprintf(name, sizeof(name), "o%zu", i);
	return i <= GRANTS_MAX ? name : NULL;
}

static bool many_has_operation(const void *ctx, unsigned application, const char *name)
{
	return !ctx && application < FAKE_APPLICATIONS && name[0] == 'o';
}

static void test_access_parse__limits_the_number_of_grants(void **state)
{
	size_t cap = 64 * (size_t)GRANTS_MAX + 100, used;
	char *text = malloc(cap);
	struct access_offer many = fake_contract;
	struct access *access = NULL;
	struct diag diag;

	(void)state;
	assert_non_null(text);
	many.operation = many_operation;
	many.has_operation = many_has_operation;
	for (unsigned count = GRANTS_MAX; count <= GRANTS_MAX + 1; count++) {
		used = (size_t)sprintf(text, "{\"users\":{},\"roles\":{\"r\":{}");
		for (unsigned i = 0; i < count; i++)
			used += (size_t)sprintf(
				text + used,
				",\"r%u\":{\"is\":[\"Shop\"],\"operations\":[\"o%u\"]}", i, i);
		used += (size_t)sprintf(text + used, "}}");
		assert_true(used < cap);
		assert_int_equal(access_parse("f", NULL, text, used, &many, &access, &diag),
				 count > GRANTS_MAX ? ERR_LIMIT : 0);
		if (count > GRANTS_MAX)
			assert_non_null(strstr(diag.text,
					       "/roles/r512/is/0: the roles give more than 512 "
					       "different grants"));
		else
			assert_non_null(access_grant(access, GRANTS_MAX - 1));
		access_free(access);
		access = NULL;
	}
	free(text);
}

/* The text is read once: the contract gets its node with its place, then the roles are read. */
static void test_access_open__applications_before_the_contract(void **state)
{
	struct access_file *file = NULL;
	struct access *access = NULL;
	const struct config *applications;
	struct diag diag;

	(void)state;
	assert_int_equal(access_open(DATA "/decisions/grants/access.json", &file, NULL, &diag), 0);
	applications = access_applications(file);
	assert_non_null(config_member(applications, "Lights API"));
	assert_true(applications->line > 0);
	assert_int_equal(access_build(file, &fake_contract, &access, NULL, &diag), 0);
	access_close(file);
	assert_non_null(access_find(access, "lamp"));
	access_free(access);
	access_close(NULL);
	file = NULL;
	assert_int_equal(access_open(DATA "/decisions/rules/access.json", &file, NULL, &diag), 0);
	assert_null(access_applications(file));
	access_close(file);
}

static void test_access_parse__no_application_without_an_offer(void **state)
{
	static const char text[] = "{\"roles\":{\"a\":{\"is\":[\"Shop\"],\"operations\":"
				   "[\"order\"]}},\"users\":{}}";
	struct access_offer bare = { .count = FAKE_SCOPES, .name = fake_scopes };
	struct access *access = NULL;
	struct diag diag;

	(void)state;
	assert_int_equal(access_parse("f", NULL, text, strlen(text), &bare, &access, &diag),
			 ERR_INVALID);
	assert_string_equal(diag.text, "f:1:22: /roles/a/is/0: no document describes the "
				       "application \"Shop\"");
}

/* ---- everybody else --------------------------------------------------------------------- */

#define OTHERS                                                                                     \
	"{ \"roles\": {"                                                                           \
	" \"guest\": { \"scopes\": [\"read:pets\"] },"                                             \
	" \"self\": { \"talksTo\": [\"Shop\"], \"where\": { \"petId\": \"{name}\" } },"            \
	" \"device\": { \"is\": [\"Lights API\"], \"clientIds\": [\"*\"] },"                       \
	" \"ops\": { \"clientIds\": [\"console\", \"ops-*\"] } },"                                 \
	" \"clientIds\": [\"{name}\", \"{name}/*\"],"                                              \
	" \"default\": { \"roles\": [\"guest\", \"self\"] },"                                      \
	" \"anonymous\": { \"roles\": [\"device\"] },"                                             \
	" \"users\": { \"eva\": { \"roles\": [] }, \"root\": { \"roles\": [\"ops\"] } } }"

static bool is_known_name(const void *ctx, const char *name)
{
	return strcmp(name, ctx) == 0;
}

static void test_access_default__is_what_the_entry_says_under_a_name(void **state)
{
	struct access *access = parse(OTHERS);
	const struct access_param param = { "petId", "tom", 3 };
	struct access_principal *who = NULL;
	struct grantset grants;
	struct diag diag;

	(void)state;
	assert_non_null(access_unlisted(access));
	assert_int_equal(access_default(access, "tom", &who, &diag), 0);
	assert_string_equal(who->name, "tom");
	assert_int_equal(who->role_count, 2);
	assert_true(scopeset_has(&who->full, scope_number("read:pets")));
	assert_false(who->is_anonymous);
	assert_true(access_client_ok(who, "tom/1"));
	assert_false(access_client_ok(who, "eva"));
	access_hold_grants(who, &param, 1, true, &grants);
	assert_false(grantset_is_empty(&grants)); /* {name} is its own */
	access_all_grants(who, &grants);
	assert_false(grantset_is_empty(&grants));
	access_principal_drop(who);
	who = NULL;
	assert_int_equal(access_default(access, "a/b", &who, &diag), ERR_INVALID);
	assert_int_equal(access_default(access, "anonymous", &who, &diag), ERR_INVALID);
	assert_string_equal(diag.text,
			    "the name that the login gives is that of clients without a name");
	assert_null(who);
	assert_null(access_find(access, "tom"));
	access_free(access);
}

static void test_access_anonymous__is_one_principal_and_no_user(void **state)
{
	struct access *access = parse(OTHERS);
	const struct access_principal *nobody = access_anonymous(access), *user;

	(void)state;
	assert_non_null(nobody);
	assert_true(nobody->is_anonymous);
	assert_string_equal(nobody->name, ACCESS_ANONYMOUS);
	assert_true(nobody->has_grants);
	assert_false(scopeset_has(&nobody->full, scope_number("read:pets")));
	assert_true(access_client_ok(nobody, "lamp-7"));
	assert_null(access_find(access, ACCESS_ANONYMOUS));
	assert_true(access_is_barred(nobody, "$CONTROL/petstore/v1"));
	assert_false(access_is_barred(nobody, "pets/1/status"));
	assert_false(access_is_barred(access_find(access, "eva"), "$CONTROL/petstore/v1"));
	assert_false(access_is_barred(NULL, "$CONTROL/petstore/v1"));
	for (size_t i = 0; (user = access_principal(access, i)); i++)
		assert_false(user->is_anonymous);
	access_free(access);
}

static void test_access_client_is_others__what_is_bound_to_a_name(void **state)
{
	struct access *access = parse(OTHERS);

	(void)state;
	assert_true(access_client_is_others(access, "eva", NULL, NULL));
	assert_true(access_client_is_others(access, "eva/phone", NULL, NULL));
	assert_false(access_client_is_others(access, "evamaria", NULL, NULL));
	assert_false(access_client_is_others(access, "root", NULL, NULL)); /* not by its pattern */
	assert_true(access_client_is_others(access, "console", NULL, NULL));
	assert_true(access_client_is_others(access, "ops-7", NULL, NULL));
	assert_false(access_client_is_others(access, "lamp-7", NULL, NULL));
	assert_false(access_client_is_others(access, "", NULL, NULL));
	assert_false(access_client_is_others(access, "tom/1", NULL, NULL));
	assert_true(access_client_is_others(access, "tom/1", is_known_name, "tom"));
	assert_false(access_client_is_others(access, "tom2", is_known_name, "tom"));
	access_free(access);
}

static void test_access_anonymous__none_where_the_file_has_none(void **state)
{
	struct access *access = parse("{\"roles\":{},\"users\":{\"anonymous\":{\"roles\":[]}}}");
	struct access_principal *who = NULL;
	struct diag diag;

	(void)state;
	assert_null(access_anonymous(access));
	assert_null(access_anonymous(NULL));
	assert_null(access_unlisted(access));
	assert_non_null(access_find(access, "anonymous"));
	assert_int_equal(access_default(access, "tom", &who, &diag), ERR_INVALID);
	assert_string_equal(diag.text, "the user has no entry in the access file");
	access_free(access);
	/* Without any list of client ids it has some, where a user may use all. */
	access = parse("{\"roles\":{},\"users\":{},\"anonymous\":{\"roles\":[]}}");
	assert_true(access_client_ok(access_anonymous(access), "anonymous/1"));
	assert_false(access_client_ok(access_anonymous(access), "x"));
	access_free(access);
}

/* A chain of every role there may be: deep, and no circle. */
static void test_access_parse__follows_a_chain_of_all_roles(void **state)
{
	size_t cap = 64 * (size_t)ACCESS_ROLES_MAX;
	char *text = malloc(cap);
	size_t used = 0;
	struct access *access;

	(void)state;
	assert_non_null(text);
	used += (size_t)sprintf(text, "{\"roles\":{\"r0\":{\"scopes\":[\"write:orders\"]}");
	for (unsigned i = 1; i < ACCESS_ROLES_MAX; i++)
		used += (size_t)sprintf(text + used, ",\"r%u\":{\"includes\":[\"r%u\"]}", i, i - 1);
	used += (size_t)sprintf(text + used, "},\"users\":{\"x\":{\"roles\":[\"r%u\"]}}}",
				ACCESS_ROLES_MAX - 1);
	assert_true(used < cap);
	access = parse(text);
	assert_true(scopeset_has(&access_find(access, "x")->full, scope_number("write:orders")));
	access_free(access);
	free(text);
}

static void test_access_parse__limits_the_number_of_roles(void **state)
{
	size_t cap = 32 * (size_t)ACCESS_ROLES_MAX;
	char *text = malloc(cap);
	size_t used = 0;
	struct access *access = NULL;
	struct diag diag;

	(void)state;
	assert_non_null(text);
	used += (size_t)sprintf(text, "{\"users\":{},\"roles\":{\"r\":{}");
	for (unsigned i = 0; i < ACCESS_ROLES_MAX; i++)
		used += (size_t)sprintf(text + used, ",\"r%u\":{}", i);
	(void)sprintf(text + used, "}}");
	assert_int_equal(
		access_parse("f", NULL, text, strlen(text), &fake_contract, &access, &diag),
		ERR_LIMIT);
	assert_string_equal(diag.text, "f:1:13: /roles: expected at most 1024 roles, found 1025");
	free(text);
}

static void test_access_parse__takes_100000_users(void **state)
{
	const unsigned count = 100000;
	char *text = malloc(count * 80ul);
	char name[32];
	size_t used = 0;
	struct access *access;

	(void)state;
	assert_non_null(text);
	used += (size_t)sprintf(text,
				"{\"roles\":{\"a\":{\"scopes\":[\"read:pets\"]}},\"users\":{");
	for (unsigned i = 0; i < count; i++)
		used += (size_t)sprintf(text + used,
					"%s\"u%u\":{\"roles\":[\"a\"],\"attributes\":{\"petId\":"
					"\"p%u\"}}",
					i ? "," : "", i, i);
	(void)sprintf(text + used, "}}");
	access = parse(text);
	free(text);
	for (unsigned i = 0; i < count; i++) {
		(void)sprintf(name, "u%u", i);
		assert_ptr_equal(access_find(access, name), access_principal(access, i));
	}
	assert_null(access_find(access, "u100000"));
	/* 600 bytes a user, the index included. */
	assert_true(sizeof(*access) + access->arena.total < count * 624ul);
	access_free(access);
}

static void test_access_load__survives_each_failing_allocation(void **state)
{
	static const char *const files[] = { DATA "/decisions/petstore/access.json",
					     DATA "/decisions/rules/access.json",
					     DATA "/decisions/grants/access.json",
					     DATA "/tokens/access.json" };
	size_t failed = 0;

	(void)state;
	for (size_t f = 0; f < ARRAY(files); f++) {
		for (size_t n = 1;; n++) {
			struct access *access = NULL;
			struct diag diag;
			int rc;

			diag_init(&diag);
			failalloc_start(n);
			rc = access_load(files[f], &fake_contract, &access, NULL, &diag);
			if (!failalloc_stop()) {
				assert_int_equal(rc, 0);
				access_free(access);
				break;
			}
			failed++;
			/* Inside Jansson it may read as a syntax error. */
			assert_true(rc == ERR_NOMEM || rc == ERR_SYNTAX);
			assert_null(access);
			assert_string_not_equal(diag.text, "");
		}
	}
	assert_true(failed > 20);
}

static void test_access_find__limits_are_the_most_generous_of_its_roles(void **state)
{
	struct access *access =
		parse("{ \"roles\": {"
		      " \"slow\": { \"limits\": { \"messagesPerSecond\": 5, \"burst\": 50,"
		      " \"subscriptions\": 10 } },"
		      " \"fast\": { \"limits\": { \"messagesPerSecond\": 20, \"bytesPerSecond\": 7,"
		      " \"connectsPerMinute\": 3, \"topicLevels\": 4 } },"
		      " \"both\": { \"includes\": [\"slow\", \"fast\"] }, \"free\": {} },"
		      " \"users\": { \"s\": { \"roles\": [\"slow\", \"free\"] },"
		      " \"b\": { \"roles\": [\"both\"] }, \"f\": { \"roles\": [\"free\"] } } }");
	const struct limits *limits = access_find(access, "s")->limits;

	(void)state;
	assert_int_equal(limits->messages_per_second, 5);
	assert_int_equal(limits->burst, 50);
	assert_int_equal(limits->connects_per_minute, 0);
	limits = access_find(access, "b")->limits;
	assert_int_equal(limits->messages_per_second, 20);
	assert_int_equal(limits->burst, 0); /* it belongs to the slower rate */
	assert_int_equal(limits->bytes_per_second, 7);
	assert_int_equal(limits->subscriptions, 10);
	assert_int_equal(limits->connects_per_minute, 3);
	assert_int_equal(limits->topic_levels, 4);
	assert_int_equal(limits->topic_bytes, 0);
	assert_null(access_find(access, "f")->limits);
	access_free(access);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_access_find__limits_are_the_most_generous_of_its_roles),
		cmocka_unit_test(test_access_find__decides_as_the_tables_say),
		cmocka_unit_test(test_access_load__names_what_is_wrong),
		cmocka_unit_test(test_access_load__reports_a_missing_file),
		cmocka_unit_test(test_access_parse__where_needs_a_contract_with_parameters),
		cmocka_unit_test(test_access_parse__limits_the_contracts_scopes),
		cmocka_unit_test(test_access_principal__lists_all_and_their_roles),
		cmocka_unit_test(test_access_attribute_has__no_value_has_a_nul),
		cmocka_unit_test(test_access_grant__is_numbered_once),
		cmocka_unit_test(test_access_parse__limits_the_number_of_grants),
		cmocka_unit_test(test_access_open__applications_before_the_contract),
		cmocka_unit_test(test_access_parse__no_application_without_an_offer),
		cmocka_unit_test(test_access_default__is_what_the_entry_says_under_a_name),
		cmocka_unit_test(test_access_anonymous__is_one_principal_and_no_user),
		cmocka_unit_test(test_access_client_is_others__what_is_bound_to_a_name),
		cmocka_unit_test(test_access_anonymous__none_where_the_file_has_none),
		cmocka_unit_test(test_access_parse__follows_a_chain_of_all_roles),
		cmocka_unit_test(test_access_parse__limits_the_number_of_roles),
		cmocka_unit_test(test_access_parse__takes_100000_users),
		cmocka_unit_test(test_access_load__survives_each_failing_allocation),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
