/*
 * revoked.h -- certificates that their authority has taken back (RFC 5280, 5).
 *
 * The broker's TLS checks its own lists when a client connects. This list is for sessions that are
 * connected already, and for listeners whose list the broker reads only at its start. The file is
 * the operator's and trusted: the lists' signatures are not checked. Loaded once, never changed.
 */
#ifndef PETSTORE_ACCESS_REVOKED_H
#define PETSTORE_ACCESS_REVOKED_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "access/certid.h"
#include "base/diag.h"

#define REVOKED_FILE_MAX ((size_t)64 << 20) /* bytes of the file */
#define REVOKED_LISTS_MAX 256u
#define REVOKED_MAX 1000000u /* certificates in all of them */

struct revoked;

/*
 * Reads @path: one or more lists in PEM. On success *ret is new. On failure it is untouched and
 * @diag names the file, and which list of it.
 */
int revoked_load(const char *path, struct revoked **ret, struct diag *diag) MUST_CHECK;
void revoked_free(struct revoked *revoked); /* NULL is fine */

bool revoked_has(const struct revoked *revoked, const struct certid *certificate);

/* One line about a list that has run out by @now_ms (unix time), good while @revoked is; or NULL.
 */
const char *revoked_warning(struct revoked *revoked, int64_t now_ms);

#endif
