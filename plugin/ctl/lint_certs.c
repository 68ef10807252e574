#include <errno.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include "ctl/lint.h"

#define SOON_DAYS 30

static X509 *read_certificate(struct lint *lint, const char *path)
{
	FILE *file = fopen(path, "re");
	X509 *certificate;

	if (!file) {
		lint_add(lint, LINT_ERROR, "%s: %s", path, strerror(errno));
		return NULL;
	}
	certificate = PEM_read_X509(file, NULL, NULL, NULL);
	(void)fclose(file); /* only read from */
	if (!certificate)
		lint_add(lint, LINT_ERROR, "%s: no certificate in PEM", path);
	ERR_clear_error();
	return certificate;
}

static void check_time(struct lint *lint, const char *path, const X509 *certificate)
{
	int days = 0, seconds = 0;

	if (X509_cmp_current_time(X509_get0_notBefore(certificate)) > 0)
		lint_add(lint, LINT_ERROR, "%s: not in force yet", path);
	if (!ASN1_TIME_diff(&days, &seconds, NULL, X509_get0_notAfter(certificate)))
		lint_add(lint, LINT_ERROR, "%s: its end can't be read", path);
	else if (days < 0 || seconds < 0)
		lint_add(lint, LINT_ERROR, "%s: expired", path);
	else if (days < SOON_DAYS)
		lint_add(lint, LINT_WARNING, "%s: expires in %d days", path, days);
}

static void check_names(struct lint *lint, const char *path, const X509 *certificate)
{
	void *names = X509_get_ext_d2i(certificate, NID_subject_alt_name, NULL, NULL);

	if (!names)
		lint_add(lint, LINT_WARNING,
			 "%s: no subjectAltName: clients that check the host's name refuse it",
			 path);
	GENERAL_NAMES_free(names);
}

/* A key that asks for a pass phrase can't be looked at: nobody is asked. */
static int no_phrase(char *text, int size, int is_writing, void *ctx)
{
	(void)text;
	(void)size;
	(void)is_writing;
	(void)ctx;
	return -1;
}

static void check_key(struct lint *lint, const char *path, const char *certificate_path,
		      X509 *certificate)
{
	FILE *file = fopen(path, "re");
	EVP_PKEY *key = NULL;
	struct stat st;

	if (!file) {
		lint_add(lint, LINT_ERROR, "%s: %s", path, strerror(errno));
		return;
	}
	if (fstat(fileno(file), &st) == 0 && (st.st_mode & (S_IRWXO | S_IWGRP)))
		lint_add(lint, LINT_WARNING, "%s: mode %03o lets others at the key", path,
			 st.st_mode & 0777u);
	key = PEM_read_PrivateKey(file, NULL, no_phrase, NULL);
	(void)fclose(file); /* only read from */
	if (!key)
		lint_add(lint, LINT_ERROR, "%s: no key in PEM, or one with a pass phrase", path);
	else if (certificate && X509_check_private_key(certificate, key) != 1)
		lint_add(lint, LINT_ERROR, "%s: not the key of %s", path, certificate_path);
	EVP_PKEY_free(key);
	ERR_clear_error();
}

static bool is_seen(const json_t *list, size_t index)
{
	for (size_t i = 0; i < index; i++)
		if (json_equal(json_array_get(list, i), json_array_get(list, index)))
			return true;
	return false;
}

void lint_certs(struct lint *lint, const json_t *certfiles, const json_t *keyfiles,
		const json_t *cafiles)
{
	for (size_t i = 0; i < json_array_size(certfiles); i++) {
		const char *path = json_string_value(json_array_get(certfiles, i));
		const char *key = json_string_value(json_array_get(keyfiles, i));
		X509 *certificate;

		if (is_seen(certfiles, i))
			continue;
		certificate = read_certificate(lint, path);
		if (certificate) {
			check_time(lint, path, certificate);
			check_names(lint, path, certificate);
		}
		if (key)
			check_key(lint, key, path, certificate);
		else
			lint_add(lint, LINT_ERROR, "%s: a certfile without its keyfile", path);
		X509_free(certificate);
	}
	for (size_t i = 0; i < json_array_size(cafiles); i++) {
		const char *path = json_string_value(json_array_get(cafiles, i));
		X509 *certificate = is_seen(cafiles, i) ? NULL : read_certificate(lint, path);

		if (certificate)
			check_time(lint, path, certificate);
		X509_free(certificate);
	}
}
