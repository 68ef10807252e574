/* Client certificates: their names, and whom they stand for. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>
#include <openssl/x509v3.h>

#include "access/certid.h"
#include "accessfake.h"
#include "failalloc.h"

/* One name to be put into a certificate; @type is an ASN.1 string type. */
struct put {
	enum certid_kind kind;
	const char *text;
	int len; /* 0: strlen() */
	int type;
};

static void put_subject(X509 *certificate, const struct put *put, int len)
{
	int nid = put->kind == CERTID_CN ? NID_commonName : NID_organizationalUnitName;

	assert_int_equal(X509_NAME_add_entry_by_NID(X509_get_subject_name(certificate), nid,
						    put->type ? put->type : V_ASN1_UTF8STRING,
						    (const unsigned char *)put->text, len, -1, 0),
			 1);
}

static void put_alternative(GENERAL_NAMES *names, const struct put *put, int len)
{
	static const int types[] = {
		[CERTID_DNS] = GEN_DNS, [CERTID_EMAIL] = GEN_EMAIL, [CERTID_URI] = GEN_URI
	};
	GENERAL_NAME *name = GENERAL_NAME_new();
	ASN1_IA5STRING *text = ASN1_IA5STRING_new();

	assert_non_null(name);
	assert_int_equal(ASN1_STRING_set(text, put->text, len), 1);
	GENERAL_NAME_set0_value(name, types[put->kind], text);
	assert_true(sk_GENERAL_NAME_push(names, name) > 0);
}

/* A certificate with just these names; nothing else of it is looked at. */
static X509 *certificate_of(const struct put *put, size_t count)
{
	X509 *certificate = X509_new();
	GENERAL_NAMES *names = sk_GENERAL_NAME_new_null();

	assert_non_null(certificate);
	assert_non_null(names);
	for (size_t i = 0; i < count; i++) {
		int len = put[i].len ? put[i].len : (int)strlen(put[i].text);

		if (put[i].kind == CERTID_CN || put[i].kind == CERTID_OU)
			put_subject(certificate, &put[i], len);
		else
			put_alternative(names, &put[i], len);
	}
	if (sk_GENERAL_NAME_num(names) > 0)
		assert_int_equal(X509_add1_ext_i2d(certificate, NID_subject_alt_name, names, 0, 0),
				 1);
	GENERAL_NAMES_free(names);
	return certificate;
}

static int read_names(const struct put *put, size_t count, struct certid *id, struct diag *diag)
{
	X509 *certificate = certificate_of(put, count);
	int rc = certid_read(certificate, id, diag);

	X509_free(certificate);
	return rc;
}

/* ---- names ------------------------------------------------------------------------------ */

static void test_certid_read__finds_every_kind(void **state)
{
	static const struct put put[] = {
		{ CERTID_URI, "spiffe://petstore/collar/7", 0, 0 },
		{ CERTID_CN, "collar-7", 0, V_ASN1_PRINTABLESTRING },
		{ CERTID_OU, "Fleet", 0, 0 },
		{ CERTID_OU, "\0Z\0o\0\xeb", 6, V_ASN1_BMPSTRING },
		{ CERTID_DNS, "collar-7.example", 0, 0 },
		{ CERTID_EMAIL, "ann@example", 0, 0 },
	};
	static const struct {
		enum certid_kind kind;
		const char *text;
	} found[] = {
		{ CERTID_CN, "collar-7" },          { CERTID_OU, "Fleet" },
		{ CERTID_OU, "Zo\xc3\xab" },        { CERTID_URI, "spiffe://petstore/collar/7" },
		{ CERTID_DNS, "collar-7.example" }, { CERTID_EMAIL, "ann@example" },
	};
	struct certid id;
	struct diag diag;

	(void)state;
	assert_int_equal(read_names(put, sizeof(put) / sizeof(*put), &id, &diag), 0);
	assert_int_equal(id.count, sizeof(found) / sizeof(*found));
	for (size_t i = 0; i < id.count; i++) {
		assert_int_equal(id.name[i].kind, found[i].kind);
		assert_int_equal(id.name[i].len, strlen(found[i].text));
		assert_memory_equal(id.text + id.name[i].at, found[i].text, id.name[i].len);
	}
}

static void test_certid_read__refuses_names_that_could_be_another(void **state)
{
	static const struct {
		struct put put;
		const char *error;
	} rows[] = {
		{ { CERTID_CN, "collar-7\0.evil", 14, 0 },
		  "the certificate's cn has a control character" },
		{ { CERTID_DNS, "a.example\0.evil", 15, 0 },
		  "the certificate's dns has a control character" },
		{ { CERTID_URI, "spiffe://a\0b", 12, 0 },
		  "the certificate's uri has a control character" },
		{ { CERTID_EMAIL, "ann@a\0b", 7, 0 },
		  "the certificate's email has a control character" },
		{ { CERTID_CN, "*", 0, 0 }, "the certificate's cn has one of + # / * { }" },
		{ { CERTID_CN, "collar-*", 0, 0 }, "the certificate's cn has one of + # / * { }" },
		{ { CERTID_CN, "collar/7", 0, 0 }, "the certificate's cn has one of + # / * { }" },
		{ { CERTID_CN, "+", 0, 0 }, "the certificate's cn has one of + # / * { }" },
		{ { CERTID_CN, "#", 0, 0 }, "the certificate's cn has one of + # / * { }" },
		{ { CERTID_CN, "{cn}", 0, 0 }, "the certificate's cn has one of + # / * { }" },
		{ { CERTID_OU, "a/b", 0, 0 }, "the certificate's ou has one of + # / * { }" },
		{ { CERTID_DNS, "*.example", 0, 0 },
		  "the certificate's dns has one of + # / * { }" },
		{ { CERTID_EMAIL, "ann+x@example", 0, 0 },
		  "the certificate's email has one of + # / * { }" },
		{ { CERTID_URI, "spiffe://a/*", 0, 0 },
		  "the certificate's uri has one of + # * { }" },
		{ { CERTID_URI, "spiffe://a#b", 0, 0 },
		  "the certificate's uri has one of + # * { }" },
		{ { CERTID_CN, "a\nb", 0, 0 }, "the certificate's cn has a control character" },
		{ { CERTID_CN,
		    "a\xe2\x80\xa8"
		    "b",
		    0, 0 },
		  "the certificate's cn has a control character" },
		{ { CERTID_DNS, "a\xff", 0, 0 }, "the certificate's dns is not UTF-8" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		struct certid id;
		struct diag diag;

		assert_int_equal(read_names(&rows[i].put, 1, &id, &diag), ERR_INVALID);
		if (strcmp(diag.text, rows[i].error) != 0)
			fail_msg("row %zu: expected \"%s\", found \"%s\"", i, rows[i].error,
				 diag.text);
	}
}

static void test_certid_read__refuses_a_second_cn(void **state)
{
	static const struct put put[] = { { CERTID_CN, "ann", 0, 0 }, { CERTID_CN, "bob", 0, 0 } };
	struct certid id;
	struct diag diag;

	(void)state;
	assert_int_equal(read_names(put, 2, &id, &diag), ERR_INVALID);
	assert_string_equal(diag.text, "the certificate has two names of kind cn");
}

static void test_certid_read__bounds_names_and_bytes(void **state)
{
	struct put put[CERTID_NAMES_MAX + 1];
	char text[CERTID_NAME_MAX + 2];
	struct certid id;
	struct diag diag;

	(void)state;
	memset(text, 'x', sizeof(text));
	text[CERTID_NAME_MAX] = '\0';
	for (size_t i = 0; i <= CERTID_NAMES_MAX; i++)
		put[i] = (struct put){ CERTID_DNS, "a.example", 0, 0 };
	assert_int_equal(read_names(put, CERTID_NAMES_MAX, &id, &diag), 0);
	assert_int_equal(read_names(put, CERTID_NAMES_MAX + 1, &id, &diag), ERR_LIMIT);
	for (size_t i = 0; i < CERTID_NAMES_MAX; i++)
		put[i].text = text;
	assert_int_equal(read_names(put, 16, &id, &diag), 0);
	assert_int_equal(read_names(put, 17, &id, &diag), ERR_LIMIT);
	put[0].len = CERTID_NAME_MAX + 1;
	text[CERTID_NAME_MAX] = 'x';
	assert_int_equal(read_names(put, 1, &id, &diag), ERR_INVALID);
	assert_string_equal(diag.text, "the certificate's dns is too long");
}

static void test_certid_read__refuses_alternative_names_it_cannot_read(void **state)
{
	X509 *certificate = X509_new();
	ASN1_OCTET_STRING *junk = ASN1_OCTET_STRING_new();
	X509_EXTENSION *extension;
	struct certid id;
	struct diag diag;

	(void)state;
	assert_int_equal(ASN1_OCTET_STRING_set(junk, (const unsigned char *)"\x30\x7f", 2), 1);
	extension = X509_EXTENSION_create_by_NID(NULL, NID_subject_alt_name, 0, junk);
	assert_int_equal(X509_add_ext(certificate, extension, -1), 1);
	assert_int_equal(certid_read(certificate, &id, &diag), ERR_INVALID);
	assert_string_equal(diag.text, "the certificate's alternative names can't be read");
	X509_EXTENSION_free(extension);
	ASN1_OCTET_STRING_free(junk);
	X509_free(certificate);
}

/* ---- principals ------------------------------------------------------------------------- */

#define DATA "test/data/access/certificates/"

static struct access *access_of(void)
{
	struct access *access = NULL;
	struct diag diag;

	if (access_load(DATA "access.json", &fake_contract, &access, NULL, &diag))
		fail_msg("%s", diag.text);
	return access;
}

/* "cn=collar-7" into a name to be put. */
static struct put put_of(char *word)
{
	char *equals = strchr(word, '=');
	struct put put = { .kind = CERTID_KINDS };

	assert_non_null(equals);
	*equals = '\0';
	put.text = equals + 1;
	for (enum certid_kind kind = 0; kind < CERTID_KINDS; kind++)
		if (strcmp(certid_kinds[kind], word) == 0)
			put.kind = kind;
	assert_true(put.kind < CERTID_KINDS);
	return put;
}

/* "collar-7 roles=collar,x petId=7 disabled certificate", as the expectations say it. */
static void describe(const struct access_principal *who, char *ret)
{
	ret += sprintf(ret, "%s roles=", who->name);
	for (size_t i = 0; i < who->role_count; i++)
		ret += sprintf(ret, "%s%s", i ? "," : "", who->role[i]);
	for (size_t i = 0; i < who->attribute_count; i++) {
		ret += sprintf(ret, " %s=", who->attribute[i].name);
		for (size_t k = 0; k < who->attribute[i].value_count; k++)
			ret += sprintf(ret, "%s%s", k ? "," : "", who->attribute[i].value[k]);
	}
	if (who->is_disabled)
		ret += sprintf(ret, " disabled");
	if (who->needs_certificate)
		(void)sprintf(ret, " certificate");
}

/* A line is "NAME... => DESCRIPTION" or "NAME... => error: TEXT". */
static void check_line(struct access *access, char *line, unsigned number)
{
	char *arrow = strstr(line, " => ");
	struct put put[8];
	size_t count = 0;
	struct access_principal *who = NULL;
	char found[2 * DIAG_MAX];
	struct certid id;
	struct diag diag;

	assert_non_null(arrow);
	*arrow = '\0';
	for (char *word = strtok(line, " "); word; word = strtok(NULL, " "))
		put[count++] = put_of(word);
	assert_int_equal(read_names(put, count, &id, &diag), 0);
	if (access_certificate(access, &id, &who, &diag))
		(void)snprintf(found, sizeof(found), "error: %s", diag.text);
	else
		describe(who, found);
	if (who && strcmp(who->name, "collar-13") == 0)
		assert_true(who->has_entry);
	access_principal_drop(who);
	if (strcmp(found, arrow + 4) != 0)
		fail_msg(DATA "expectations:%u: found %s", number, found);
}

static void test_access_certificate__does_as_the_file_says(void **state)
{
	struct access *access = access_of();
	FILE *file = fopen(DATA "expectations", "re");
	char line[512];
	size_t checked = 0;

	(void)state;
	assert_non_null(file);
	assert_true(access_has_certificates(access));
	for (unsigned number = 1; fgets(line, sizeof(line), file); number++) {
		line[strcspn(line, "\n")] = '\0';
		if (line[0] == '\0' || line[0] == '#')
			continue;
		check_line(access, line, number);
		checked++;
	}
	assert_true(checked > 15);
	(void)fclose(file);
	access_free(access);
}

static void test_access_certificate__without_a_name_matches_nothing(void **state)
{
	struct access *access = access_of();
	struct access_principal *who = NULL;
	struct certid id;
	struct diag diag;

	(void)state;
	assert_int_equal(read_names(NULL, 0, &id, &diag), 0);
	assert_int_equal(access_certificate(access, &id, &who, &diag), ERR_INVALID);
	assert_null(who);
	access_free(access);
}

static void test_access_certificate__grants_the_roles_scopes(void **state)
{
	static const struct put put = { CERTID_CN, "collar-7", 0, 0 };
	struct access *access = access_of();
	struct access_principal *who = NULL;
	struct certid id;
	struct diag diag;

	(void)state;
	assert_int_equal(read_names(&put, 1, &id, &diag), 0);
	assert_int_equal(access_certificate(access, &id, &who, &diag), 0);
	access_free(access); /* the principal holds on to it */
	assert_true(scopeset_has(&who->own, fake_scope("write:pets")));
	assert_false(scopeset_has(&who->full, fake_scope("write:pets")));
	assert_true(access_attribute_has(who, "petId", "7", 1));
	assert_true(access_client_ok(who, "collar-7"));
	assert_false(access_client_ok(who, "collar-8"));
	assert_false(who->has_entry); /* it is made by a rule; collar-13 is a user as well */
	access_principal_drop(who);
}

static void test_access_certificate__survives_each_failing_allocation(void **state)
{
	static const struct put put = { CERTID_CN, "ann", 0, 0 };
	struct access *access = access_of();
	struct certid id;
	struct diag diag;

	(void)state;
	assert_int_equal(read_names(&put, 1, &id, &diag), 0);
	for (size_t n = 1;; n++) {
		struct access_principal *who = NULL;
		int rc;

		failalloc_start(n);
		rc = access_certificate(access, &id, &who, &diag);
		if (!failalloc_stop()) {
			assert_int_equal(rc, 0);
			assert_true(n > 2);
			access_principal_drop(who);
			break;
		}
		assert_int_equal(rc, ERR_NOMEM);
		assert_null(who);
	}
	access_free(access);
}

static void test_certid_dup__stands_alone(void **state)
{
	struct certid *id = calloc(1, sizeof(*id));
	struct certid *copy;

	(void)state;
	assert_non_null(id);
	memcpy(id->text, "collar-7staff", 13);
	id->used = 13;
	id->count = 2;
	id->name[0].kind = CERTID_CN;
	id->name[0].len = 8;
	id->name[1].kind = CERTID_OU;
	id->name[1].at = 8;
	id->name[1].len = 5;
	copy = certid_dup(id);
	free(id);
	assert_non_null(copy);
	assert_int_equal(copy->count, 2);
	assert_int_equal(copy->name[1].kind, CERTID_OU);
	assert_memory_equal(copy->text + copy->name[0].at, "collar-7", 8);
	assert_memory_equal(copy->text + copy->name[1].at, "staff", 5);
	free(copy);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_certid_read__finds_every_kind),
		cmocka_unit_test(test_certid_read__refuses_names_that_could_be_another),
		cmocka_unit_test(test_certid_read__refuses_a_second_cn),
		cmocka_unit_test(test_certid_read__bounds_names_and_bytes),
		cmocka_unit_test(test_certid_read__refuses_alternative_names_it_cannot_read),
		cmocka_unit_test(test_certid_dup__stands_alone),
		cmocka_unit_test(test_access_certificate__does_as_the_file_says),
		cmocka_unit_test(test_access_certificate__without_a_name_matches_nothing),
		cmocka_unit_test(test_access_certificate__grants_the_roles_scopes),
		cmocka_unit_test(test_access_certificate__survives_each_failing_allocation),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
