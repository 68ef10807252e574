#include "access/revoked.h"

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/wholefile.h"

struct revoked {
	unsigned char (*mark)[CERTID_MARK]; /* in order */
	size_t count;
	int64_t ends_ms; /* when the first of the lists runs out; 0: none does */
	char *path;
	char warning[512];
};

static int compare(const void *a, const void *b)
{
	return memcmp(a, b, CERTID_MARK);
}

/* Adds the certificates of one list. */
static int add(struct revoked *revoked, X509_CRL *list, struct diag *diag)
{
	STACK_OF(X509_REVOKED) *entries = X509_CRL_get_REVOKED(list);
	int count = entries ? sk_X509_REVOKED_num(entries) : 0;
	int64_t ends_ms = certid_time(X509_CRL_get0_nextUpdate(list));
	unsigned char(*wider)[CERTID_MARK];

	if (ends_ms && (!revoked->ends_ms || ends_ms < revoked->ends_ms))
		revoked->ends_ms = ends_ms;
	if (count <= 0)
		return 0;
	if ((size_t)count > REVOKED_MAX - revoked->count)
		return diag_set(diag, ERR_LIMIT, "has more than %u certificates", REVOKED_MAX);
	wider = realloc(revoked->mark, (revoked->count + (size_t)count) * sizeof(*wider));
	if (!wider)
		return diag_nomem(diag);
	revoked->mark = wider;
	for (int i = 0; i < count; i++) {
		const X509_REVOKED *entry = sk_X509_REVOKED_value(entries, i);

		if (!certid_mark(X509_CRL_get_issuer(list), X509_REVOKED_get0_serialNumber(entry),
				 revoked->mark[revoked->count]))
			return diag_nomem(diag);
		revoked->count++;
	}
	return 0;
}

/* The lists in @bio, one after the other. */
static int read_lists(struct revoked *revoked, BIO *bio, struct diag *diag)
{
	unsigned count = 0;
	X509_CRL *list;
	int rc = 0;

	while (rc == 0 && (list = PEM_read_bio_X509_CRL(bio, NULL, NULL, NULL))) {
		if (++count > REVOKED_LISTS_MAX)
			rc = diag_set(diag, ERR_LIMIT, "has more than %u lists", REVOKED_LISTS_MAX);
		else
			rc = add(revoked, list, diag);
		X509_CRL_free(list);
	}
	/* At the end of the file there is no further begin line, and nothing else is wrong. */
	if (rc == 0 && ERR_GET_REASON(ERR_peek_last_error()) != PEM_R_NO_START_LINE)
		rc = diag_set(diag, ERR_INVALID,
			      "list %u can't be read, expected an X509 CRL in PEM", count + 1);
	if (rc == 0 && count == 0)
		rc = diag_set(diag, ERR_INVALID, "has no list, expected an X509 CRL in PEM");
	ERR_clear_error();
	return rc;
}

int revoked_load(const char *path, struct revoked **ret, struct diag *diag)
{
	struct revoked *revoked = NULL;
	BIO *bio = NULL;
	char *text = NULL;
	struct diag why;
	size_t len = 0;
	int rc = wholefile_read(path, REVOKED_FILE_MAX, &text, &len, NULL, diag);

	if (rc)
		return rc;
	revoked = calloc(1, sizeof(*revoked));
	bio = BIO_new_mem_buf(text, (int)len);
	if (!revoked || !bio || !(revoked->path = strdup(path))) {
		rc = diag_nomem(diag);
		goto out;
	}
	diag_init(&why);
	ERR_clear_error();
	rc = read_lists(revoked, bio, &why);
	if (rc) {
		(void)diag_set(diag, rc, "%s: %s", path, why.text);
		goto out;
	}
	if (revoked->count > 0)
		qsort(revoked->mark, revoked->count, sizeof(*revoked->mark), compare);
	*ret = revoked;
	revoked = NULL; /* handed over */
out:
	BIO_free(bio);
	free(text);
	revoked_free(revoked);
	return rc;
}

void revoked_free(struct revoked *revoked)
{
	if (!revoked)
		return;
	free(revoked->mark);
	free(revoked->path);
	free(revoked);
}

bool revoked_has(const struct revoked *revoked, const struct certid *certificate)
{
	return revoked->count > 0 && bsearch(certificate->mark, revoked->mark, revoked->count,
					     sizeof(*revoked->mark), compare) != NULL;
}

const char *revoked_warning(struct revoked *revoked, int64_t now_ms)
{
	char end[CLOCK_TEXT_MAX];

	if (!revoked->ends_ms || revoked->ends_ms > now_ms)
		return NULL;
	(void)snprintf(
		revoked->warning, sizeof(revoked->warning),
		"%s: a list in it was to be renewed by %s: what was revoked since is not known",
		revoked->path, clock_print(revoked->ends_ms, end));
	return revoked->warning;
}
