#include "parked.h"

#include <stdlib.h>
#include <string.h>

#define THREADS 2u

struct parking {
	struct verifier *verifier;
	size_t count;
	struct parked *place[PARKED_MAX]; /* the first @count are taken */
};

int parking_new(void (*wake)(void *ctx), void *ctx, struct parking **ret, struct diag *diag)
{
	struct verifier_options options = {
		.threads = THREADS, .places = PARKED_MAX, .wake = wake, .ctx = ctx
	};
	struct parking *parking = calloc(1, sizeof(*parking));
	int rc;

	if (!parking)
		return diag_nomem(diag);
	rc = verifier_new(&options, &parking->verifier, diag);
	if (rc) {
		free(parking);
		return rc;
	}
	*ret = parking;
	return 0;
}

void parking_free(struct parking *parking)
{
	if (!parking)
		return;
	verifier_free(parking->verifier);
	for (size_t i = 0; i < parking->count; i++)
		parked_free(parking->place[i]);
	free(parking);
}

void parked_free(struct parked *parked)
{
	if (!parked)
		return;
	verifier_job_free(parked->job);
	free((char *)parked->who.client_id);
	free((char *)parked->who.address);
	free((struct certid *)parked->who.certificate);
	free(parked);
}

static struct parked *parked_new(const struct parked_who *who)
{
	struct parked *parked = calloc(1, sizeof(*parked));
	struct certid *certificate = NULL;

	if (!parked)
		return NULL;
	if (who->certificate) {
		certificate = malloc(sizeof(*certificate));
		if (certificate)
			certid_copy(certificate, who->certificate);
	}
	parked->who = (struct parked_who){
		.handle = who->handle,
		.client_id = strdup(who->client_id),
		.address = who->address ? strdup(who->address) : NULL,
		.peer = who->peer,
		.certificate = certificate,
		.is_clean = who->is_clean,
	};
	if (!parked->who.client_id || (who->address && !parked->who.address) ||
	    (who->certificate && !certificate)) {
		parked_free(parked);
		return NULL;
	}
	return parked;
}

static bool has_its_share(const struct parking *parking, const struct peer *peer)
{
	size_t count = 0;

	if (peer->kind == PEER_UNKNOWN)
		return false;
	for (size_t i = 0; i < parking->count; i++)
		count += peer_is_same(&parking->place[i]->who.peer, peer);
	return count >= PARKED_OF_PEER;
}

int parking_enter(struct parking *parking, const struct parked_who *who,
		  struct passwords *passwords, const char *user, const char *password)
{
	struct parked *parked;
	int rc;

	if (parking->count == PARKED_MAX || has_its_share(parking, &who->peer))
		return ERR_BUSY;
	parked = parked_new(who);
	if (!parked)
		return ERR_NOMEM;
	rc = verifier_submit(parking->verifier, passwords, user, password, strlen(password),
			     &parked->number);
	if (rc) {
		parked_free(parked);
		return rc;
	}
	parking->place[parking->count++] = parked;
	return 0;
}

/* The last one takes the place that becomes free. */
static struct parked *leave(struct parking *parking, size_t i)
{
	struct parked *parked = parking->place[i];

	parking->place[i] = parking->place[--parking->count];
	return parked;
}

static bool is_meant(const struct parked *parked, const void *handle, const char *client_id)
{
	return (handle && parked->who.handle == handle) ||
	       (client_id && strcmp(parked->who.client_id, client_id) == 0);
}

void parking_forget(struct parking *parking, const void *handle, const char *client_id)
{
	/* From the end, since the last takes the place of one that leaves. */
	for (size_t i = parking->count; i-- > 0;) {
		struct parked *parked = parking->place[i];

		if (parked->is_gone || !is_meant(parked, handle, client_id))
			continue;
		parked->is_gone = true;
		if (verifier_cancel(parking->verifier, parked->number))
			parked_free(leave(parking, i));
	}
}

struct parked *parking_next(struct parking *parking)
{
	struct verifier_job *job = verifier_take(parking->verifier);
	size_t i = 0;

	if (!job)
		return NULL;
	while (parking->place[i]->number != job->number) /* each job has its place */
		i++;
	parking->place[i]->job = job;
	return leave(parking, i);
}
