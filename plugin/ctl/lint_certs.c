/*
 * lint_certs.c -- checks the certificates, keys and revocation lists in the files that
 * mosquitto.conf names.
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

/* NULL, and a finding, where the file that the line names can't be opened. */
static FILE *open_file(struct lint *lint, const struct brokerfile_line *line)
{
	FILE *file = fopen(line->value, "re");

	if (!file)
		add(lint, LINT_ERROR, line, "%s", strerror(errno));
	return file;
}

/* When a certificate, or a list of what is revoked, holds. */
static void check_time(struct lint *lint, const struct brokerfile_line *line, bool is_list,
		       const ASN1_TIME *from, const ASN1_TIME *until)
{
	int days = 0, seconds = 0;

	if (X509_cmp_current_time(from) > 0)
		add(lint, LINT_ERROR, line, "not in force yet");
	if (is_list && !until)
		add(lint, LINT_WARNING, line, "does not say how long it holds");
	else if (!ASN1_TIME_diff(&days, &seconds, NULL, until))
		add(lint, LINT_ERROR, line, "its end can't be read");
	else if (days < 0 || seconds < 0)
		add(lint, LINT_ERROR, line, "%s",
		    is_list ? "out of date: no client with a certificate gets in" : "expired");
	else if (days < (is_list ? CRL_SOON_DAYS : SOON_DAYS))
		add(lint, LINT_WARNING, line, "%s in %d days%s",
		    is_list ? "out of date" : "expires", days,
		    is_list ? ": from then on no client with a certificate gets in" : "");
}

/* NULL, and a finding, where there is none; else it is to be freed, and its time was looked at. */
static X509 *read_certificate(struct lint *lint, const struct brokerfile_line *line)
{
	FILE *file = open_file(lint, line);
	X509 *certificate;

	if (!file)
		return NULL;
	certificate = PEM_read_X509(file, NULL, NULL, NULL);
	(void)fclose(file); /* only read from */
	if (certificate)
		check_time(lint, line, false, X509_get0_notBefore(certificate),
			   X509_get0_notAfter(certificate));
	else
		add(lint, LINT_ERROR, line, "no certificate in PEM");
	ERR_clear_error();
	return certificate;
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

/* A key that needs a pass phrase can't be looked at: the user is not asked for it. */
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
	FILE *file = open_file(lint, line);
	EVP_PKEY *key;
	struct stat st;

	if (!file)
		return;
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

	if (certificate)
		check_names(lint, certfile, certificate);
	if (keyfile)
		check_key(lint, keyfile, certfile->value, certificate);
	else
		add(lint, LINT_ERROR, certfile, "a certfile without its keyfile");
	X509_free(certificate);
}

void lint_cafile(struct lint *lint, const struct brokerfile_line *cafile)
{
	X509_free(read_certificate(lint, cafile));
}

void lint_crlfile(struct lint *lint, const struct brokerfile_line *crlfile)
{
	FILE *file = open_file(lint, crlfile);
	X509_CRL *list;
	size_t count = 0;

	if (!file)
		return;
	while ((list = PEM_read_X509_CRL(file, NULL, NULL, NULL))) {
		check_time(lint, crlfile, true, X509_CRL_get0_lastUpdate(list),
			   X509_CRL_get0_nextUpdate(list));
		X509_CRL_free(list);
		count++;
	}
	(void)fclose(file); /* only read from */
	if (count == 0)
		add(lint, LINT_ERROR, crlfile, "no list of revoked certificates in PEM");
	ERR_clear_error();
}
