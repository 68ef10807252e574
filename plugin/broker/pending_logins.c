#include "broker/pending_logins.h"

#include <stdlib.h>
#include <string.h>

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
	free((char *)login->who.client_id);
	free((char *)login->who.address);
	free((struct certid *)login->who.certificate);
	free(login);
}

static struct pending_login *pending_login_new(const struct pending_login_who *who)
{
	struct pending_login *login = calloc(1, sizeof(*login));
	struct certid *certificate = NULL;

	if (!login)
		return NULL;
	if (who->certificate) {
		certificate = malloc(sizeof(*certificate));
		if (certificate)
			certid_copy(certificate, who->certificate);
	}
	login->who = (struct pending_login_who){
		.handle = who->handle,
		.client_id = strdup(who->client_id),
		.address = who->address ? strdup(who->address) : NULL,
		.peer = who->peer,
		.certificate = certificate,
		.is_clean = who->is_clean,
	};
	if (!login->who.client_id || (who->address && !login->who.address) ||
	    (who->certificate && !certificate)) {
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
		count += peer_is_same(&logins->place[i]->who.peer, peer);
	return count >= PENDING_LOGINS_OF_PEER;
}

int pending_logins_enter(struct pending_logins *logins, const struct pending_login_who *who,
			 struct passwords *passwords, const char *user, const char *password)
{
	struct pending_login *login;
	int rc;

	if (logins->count == PENDING_LOGINS_MAX || has_its_share(logins, &who->peer))
		return ERR_BUSY;
	login = pending_login_new(who);
	if (!login)
		return ERR_NOMEM;
	rc = verifier_submit(logins->verifier, passwords, user, password, strlen(password),
			     &login->number);
	if (rc) {
		pending_login_free(login);
		return rc;
	}
	logins->place[logins->count++] = login;
	return 0;
}

/* The last one takes the place that becomes free. */
static struct pending_login *leave(struct pending_logins *logins, size_t i)
{
	struct pending_login *login = logins->place[i];

	logins->place[i] = logins->place[--logins->count];
	return login;
}

static bool is_meant(const struct pending_login *login, const void *handle, const char *client_id)
{
	return (handle && login->who.handle == handle) ||
	       (client_id && strcmp(login->who.client_id, client_id) == 0);
}

void pending_logins_forget(struct pending_logins *logins, const void *handle, const char *client_id)
{
	/* From the end, since the last takes the place of one that leaves. */
	for (size_t i = logins->count; i-- > 0;) {
		struct pending_login *login = logins->place[i];

		if (login->is_gone || !is_meant(login, handle, client_id))
			continue;
		login->is_gone = true;
		if (verifier_cancel(logins->verifier, login->number))
			pending_login_free(leave(logins, i));
	}
}

struct pending_login *pending_logins_next(struct pending_logins *logins)
{
	struct verifier_job *job = verifier_take(logins->verifier);
	size_t i = 0;

	if (!job)
		return NULL;
	while (logins->place[i]->number != job->number) /* each job has its place */
		i++;
	logins->place[i]->job = job;
	return leave(logins, i);
}
