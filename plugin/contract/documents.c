#include "contract/documents.h"

#include <openssl/evp.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/packer.h"
#include "contract/bundle.h"

/* ---- writing ----------------------------------------------------------------------------- */

static int write_document(struct sources *sources, const struct sources_file *file,
			  struct packer *packer)
{
	FILE *text = packer_open(packer);
	int rc;

	if (!text)
		return ERR_NOMEM;
	rc = bundle_write(sources, file, text);
	if (fclose(text) != 0 && rc == 0)
		rc = ERR_NOMEM;
	return packer->rc ? packer->rc : rc;
}

/* Writes the document @file, compressed, to @one. */
static int pack_document(struct sources *sources, const struct sources_file *file, size_t most,
			 struct documents_one *one)
{
	struct packer packer;
	int rc = packer_init(&packer, PACKER_ZLIB, most);

	if (rc)
		return rc;
	rc = write_document(sources, file, &packer);
	if (rc == 0)
		rc = packer_end(&packer, &one->packed, &one->packed_len);
	one->len = packer.len;
	packer_clear(&packer);
	return rc;
}

/* ---- one document ------------------------------------------------------------------------ */

/* The channel behind those of /channels: the first of the broker's topics. */
static unsigned first_topic(const struct contract *contract)
{
	unsigned i = 0;

	while (i < contract->channel_count && contract->channel[i].address[0] != '$')
		i++;
	return i;
}

/* Which channels the members are. @topic: the next of the broker's topics. */
static int note_channels(const struct contract *contract, size_t i, const struct config *root,
			 unsigned *topic, struct documents_one *one)
{
	const struct config *topics = config_member(root, "x-broker-topics");

	one->channel_count = config_count(config_member(root, "channels"));
	one->topic_count = config_count(topics);
	one->channel = calloc(one->channel_count + 1, sizeof(*one->channel));
	one->topic = calloc(one->topic_count + 1, sizeof(*one->topic));
	if (!one->channel || !one->topic)
		return ERR_NOMEM;
	if (one->channel_count > 0)
		memcpy(one->channel, contract->member_channel[i],
		       one->channel_count * sizeof(*one->channel));
	for (size_t k = 0; k < one->topic_count; k++)
		one->topic[k] = *topic < contract->channel_count ? (*topic)++ : CONTRACT_NO_CHANNEL;
	return 0;
}

static int make_one(struct contract *contract, size_t i, unsigned *topic, struct documents *all)
{
	const struct sources_file *file = contract->sources.file[i];
	struct documents_one *one = &all->one[i];
	int rc = note_channels(contract, i, file->root, topic, one);

	if (rc == 0)
		rc = pack_document(&contract->sources, file, DOCUMENTS_BYTES_MAX - all->len, one);
	all->len += one->len;
	all->packed_len += one->packed_len;
	return rc;
}

static void print_digest(const unsigned char *hash, char ret[static DOCUMENTS_DIGEST])
{
	for (size_t i = 0; i < DOCUMENTS_DIGEST / 2; i++)
		(void)snprintf(ret + 2 * i, 3, "%02x", hash[i]);
}

bool documents_digest(const void *bytes, size_t len, char ret[static DOCUMENTS_DIGEST])
{
	unsigned char hash[EVP_MAX_MD_SIZE];

	if (EVP_Digest(bytes, len, hash, NULL, EVP_sha256(), NULL) != 1)
		return false;
	print_digest(hash, ret);
	return true;
}

/* Of all the texts, compressed as they are. */
static int find_digest(struct documents *all)
{
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	unsigned char hash[EVP_MAX_MD_SIZE];
	bool is_made = ctx && EVP_DigestInit_ex(ctx, EVP_sha256(), NULL) == 1;

	for (size_t i = 0; i < all->count && is_made; i++)
		is_made = EVP_DigestUpdate(ctx, all->one[i].packed, all->one[i].packed_len) == 1;
	is_made = is_made && EVP_DigestFinal_ex(ctx, hash, NULL) == 1;
	EVP_MD_CTX_free(ctx);
	if (is_made)
		print_digest(hash, all->digest);
	return is_made ? 0 : ERR_NOMEM;
}

static int make_all(struct contract *contract, struct documents *all)
{
	unsigned topic = first_topic(contract);
	int rc = 0;

	for (size_t i = 0; i < all->count && rc == 0; i++)
		rc = make_one(contract, i, &topic, all);
	return rc ? rc : find_digest(all);
}

int documents_make(struct contract *contract, struct documents **ret, struct diag *diag)
{
	struct config_report unsaid = { .rc = 0 }, *report = contract->sources.report;
	struct documents *all = calloc(1, sizeof(*all));
	int rc = ERR_NOMEM;

	if (all) {
		all->count = contract->sources.document_count;
		all->one = calloc(all->count, sizeof(*all->one));
	}
	contract->sources.report = &unsaid;
	if (all && all->one)
		rc = make_all(contract, all);
	contract->sources.report = report;
	if (rc) {
		documents_free(all);
		return rc == ERR_NOMEM ? diag_nomem(diag)
				       : diag_set(diag, ERR_LIMIT,
						  "the documents are too large to be shown: more "
						  "than %u MiB, or too many parts",
						  DOCUMENTS_BYTES_MAX >> 20);
	}
	*ret = all;
	return 0;
}

void documents_free(struct documents *documents)
{
	if (!documents)
		return;
	for (size_t i = 0; documents->one && i < documents->count; i++) {
		free(documents->one[i].packed);
		free(documents->one[i].channel);
		free(documents->one[i].topic);
	}
	free(documents->one);
	free(documents);
}

int documents_read(const struct documents *documents, size_t i, json_t **ret, struct diag *diag)
{
	const struct documents_one *one = &documents->one[i];
	unsigned char *text = NULL;
	size_t len = one->len;
	json_t *document = NULL;

	if (packer_unpack(one->packed, one->packed_len, &text, &len) == 0)
		document = json_loadb((const char *)text, len, JSON_ALLOW_NUL, NULL);
	free(text);
	if (!document)
		return diag_nomem(diag);
	*ret = document;
	return 0;
}
