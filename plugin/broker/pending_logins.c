/*
 * pending_logins.c -- logins that wait for a key derivation.
 *
 * Keeps a copy of each request while the threads of verifier.h derive the key. By the time of the
 * answer the client may be gone, and its handle or its client id may belong to another client. 2.1
 * raises no event when a waiting client leaves. But a new client under the same handle or id proves
 * that the one before is gone, so each login calls pending_logins_forget() first. For the broker's
 * thread alone.
 */
#include <stdlib.h>
#include <string.h>

#include "broker/login_internal.h"

#define THREADS 2u

struct pending_logins {
	struct verifier *verifier;
	size_t count;
	struct pending_login *place[PENDING_LOGINS_MAX]; /* the first @count are taken */
};

int pending_logins_new(void (*wake)(void *ctx), void *ctx, struct pending_logins **ret,
		       struct diag *diag)
{
	struct verifier_options options = {
		.threads = THREADS, .places = PENDING_LOGINS_MAX, .wake = wake, .ctx = ctx
	};
	struct pending_logins *logins = calloc(1, sizeof(*logins));
	int rc;

	if (!logins)
		return diag_nomem(diag);
	rc = verifier_new(&options, &logins->verifier, diag);
	if (rc) {
		free(logins);
		return rc;
	}
	*ret = logins;
	return 0;
}

void pending_logins_free(struct pending_logins *logins)
{
	if (!logins)
		return;
	verifier_free(logins->verifier);
	for (size_t i = 0; i < logins->count; i++)
		pending_login_free(logins->place[i]);
	free(logins);
}

void pending_login_free(struct pending_login *login)
{
	if (!login)
		return;
	verifier_job_free(login->job);
	free((char *)login->request.client_id);
	free((char *)login->request.address);
	free((struct certid *)login->request.certificate);
	free(login);
}

static struct pending_login *pending_login_new(const struct login_request *request,
					       const struct peer *peer)
{
	struct pending_login *login = calloc(1, sizeof(*login));
	struct login_request *copy;

	if (!login)
		return NULL;
	login->peer = *peer;
	copy = &login->request;
	*copy = (struct login_request){ .handle = request->handle,
					.is_clean = request->is_clean,
					.keep_alive = request->keep_alive,
					.port = request->port };
	copy->client_id = strdup(request->client_id);
	copy->address = request->address ? strdup(request->address) : NULL;
	copy->certificate = request->certificate ? certid_dup(request->certificate) : NULL;
	if (!copy->client_id || !copy->address != !request->address ||
	    !copy->certificate != !request->certificate) {
		pending_login_free(login);
		return NULL;
	}
	return login;
}

static bool has_its_share(const struct pending_logins *logins, const struct peer *peer)
{
	size_t count = 0;

	if (peer->kind == PEER_UNKNOWN)
		return false;
	for (size_t i = 0; i < logins->count; i++)
		count += peer_is_same(&logins->place[i]->peer, peer);
	return count >= PENDING_LOGINS_OF_PEER;
}

int pending_logins_add(struct pending_logins *logins, const struct login_request *request,
		       const struct peer *peer, struct passwords *passwords)
{
	struct pending_login *login;
	int rc;

	if (logins->count == PENDING_LOGINS_MAX || has_its_share(logins, peer))
		return ERR_BUSY;
	login = pending_login_new(request, peer);
	if (!login)
		return ERR_NOMEM;
	rc = verifier_submit(logins->verifier, passwords, request->username, request->password,
			     strlen(request->password), &login->number);
	if (rc) {
		pending_login_free(login);
		return rc;
	}
	logins->place[logins->count++] = login;
	return 0;
}

/* The last one takes the place that becomes free. */
static struct pending_login *take_out(struct pending_logins *logins, size_t i)
{
	struct pending_login *login = logins->place[i];

	logins->place[i] = logins->place[--logins->count];
	return login;
}

static bool is_of(const struct pending_login *login, const void *handle, const char *client_id)
{
	return (handle && login->request.handle == handle) ||
	       (client_id && strcmp(login->request.client_id, client_id) == 0);
}

void pending_logins_forget(struct pending_logins *logins, const void *handle, const char *client_id)
{
	/* From the end, since the last takes the place of one that leaves. */
	for (size_t i = logins->count; i-- > 0;) {
		struct pending_login *login = logins->place[i];

		if (login->is_gone || !is_of(login, handle, client_id))
			continue;
		login->is_gone = true;
		if (verifier_cancel(logins->verifier, login->number))
			pending_login_free(take_out(logins, i));
	}
}

struct pending_login *pending_logins_next(struct pending_logins *logins)
{
	struct verifier_job *job = verifier_take(logins->verifier);
	struct pending_login *login;
	size_t i = 0;

	if (!job)
		return NULL;
	while (logins->place[i]->number != job->number) /* each job has its place */
		i++;
	login = take_out(logins, i);
	login->job = job;
	login->request.username = job->user;
	login->request.password = job->password;
	return login;
}
