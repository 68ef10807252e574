/*
 * lint_certs.c -- certificates, keys and lists of what is revoked, as the files that lines name
 * have them.
 */
#include <errno.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include "ctl/lint.h"

#define SOON_DAYS 30
#define CRL_SOON_DAYS 7

/* One finding about the file that a line names. */
__attribute__((format(printf, 4, 5))) static void add(struct lint *lint, enum lint_level level,
						      const struct brokerfile_line *line,
						      const char *format, ...)
{
	char text[512];
	va_list args;

	va_start(args, format);
	(void)vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	lint_add(lint, level, "%s:%u: %s: %s", line->file, line->number, line->value, text);
}

static X509 *read_certificate(struct lint *lint, const struct brokerfile_line *line)
{
	FILE *file = fopen(line->value, "re");
	X509 *certificate;

	if (!file) {
		add(lint, LINT_ERROR, line, "%s", strerror(errno));
		return NULL;
	}
	certificate = PEM_read_X509(file, NULL, NULL, NULL);
	(void)fclose(file); /* only read from */
	if (!certificate)
		add(lint, LINT_ERROR, line, "no certificate in PEM");
	ERR_clear_error();
	return certificate;
}

static void check_time(struct lint *lint, const struct brokerfile_line *line,
		       const X509 *certificate)
{
	int days = 0, seconds = 0;

	if (X509_cmp_current_time(X509_get0_notBefore(certificate)) > 0)
		add(lint, LINT_ERROR, line, "not in force yet");
	if (!ASN1_TIME_diff(&days, &seconds, NULL, X509_get0_notAfter(certificate)))
		add(lint, LINT_ERROR, line, "its end can't be read");
	else if (days < 0 || seconds < 0)
		add(lint, LINT_ERROR, line, "expired");
	else if (days < SOON_DAYS)
		add(lint, LINT_WARNING, line, "expires in %d days", days);
}

static void check_names(struct lint *lint, const struct brokerfile_line *line,
			const X509 *certificate)
{
	void *names = X509_get_ext_d2i(certificate, NID_subject_alt_name, NULL, NULL);

	if (!names)
		add(lint, LINT_WARNING, line,
		    "no subjectAltName: clients that check the host's name refuse it");
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

static void check_key(struct lint *lint, const struct brokerfile_line *line,
		      const char *certificate_path, X509 *certificate)
{
	FILE *file = fopen(line->value, "re");
	EVP_PKEY *key = NULL;
	struct stat st;

	if (!file) {
		add(lint, LINT_ERROR, line, "%s", strerror(errno));
		return;
	}
	if (fstat(fileno(file), &st) == 0 && (st.st_mode & (S_IRWXO | S_IWGRP)))
		add(lint, LINT_WARNING, line, "mode %03o lets others at the key",
		    st.st_mode & 0777u);
	key = PEM_read_PrivateKey(file, NULL, no_phrase, NULL);
	(void)fclose(file); /* only read from */
	if (!key)
		add(lint, LINT_ERROR, line, "no key in PEM, or one with a pass phrase");
	else if (certificate && X509_check_private_key(certificate, key) != 1)
		add(lint, LINT_ERROR, line, "not the key of %s", certificate_path);
	EVP_PKEY_free(key);
	ERR_clear_error();
}

void lint_certfile(struct lint *lint, const struct brokerfile_line *certfile,
		   const struct brokerfile_line *keyfile)
{
	X509 *certificate = read_certificate(lint, certfile);

	if (certificate) {
		check_time(lint, certfile, certificate);
		check_names(lint, certfile, certificate);
	}
	if (keyfile)
		check_key(lint, keyfile, certfile->value, certificate);
	else
		add(lint, LINT_ERROR, certfile, "a certfile without its keyfile");
	X509_free(certificate);
}

void lint_cafile(struct lint *lint, const struct brokerfile_line *cafile)
{
	X509 *certificate = read_certificate(lint, cafile);

	if (certificate)
		check_time(lint, cafile, certificate);
	X509_free(certificate);
}

/* ---- lists of what is revoked ----------------------------------------------------------- */

static void check_list(struct lint *lint, const struct brokerfile_line *line, const X509_CRL *list)
{
	const ASN1_TIME *next = X509_CRL_get0_nextUpdate(list);
	int days = 0, seconds = 0;

	if (X509_cmp_current_time(X509_CRL_get0_lastUpdate(list)) > 0)
		add(lint, LINT_ERROR, line, "not in force yet");
	if (!next)
		add(lint, LINT_WARNING, line, "does not say how long it holds");
	else if (!ASN1_TIME_diff(&days, &seconds, NULL, next))
		add(lint, LINT_ERROR, line, "its end can't be read");
	else if (days < 0 || seconds < 0)
		add(lint, LINT_ERROR, line, "out of date: no client with a certificate gets in");
	else if (days < CRL_SOON_DAYS)
		add(lint, LINT_WARNING, line,
		    "out of date in %d days: from then on no client with a certificate gets in",
		    days);
}

void lint_crlfile(struct lint *lint, const struct brokerfile_line *crlfile)
{
	FILE *file = fopen(crlfile->value, "re");
	X509_CRL *list;
	size_t count = 0;

	if (!file) {
		add(lint, LINT_ERROR, crlfile, "%s", strerror(errno));
		return;
	}
	while ((list = PEM_read_X509_CRL(file, NULL, NULL, NULL))) {
		check_list(lint, crlfile, list);
		X509_CRL_free(list);
		count++;
	}
	(void)fclose(file); /* only read from */
	if (count == 0)
		add(lint, LINT_ERROR, crlfile, "no list of revoked certificates in PEM");
	ERR_clear_error();
}
