#include "broker/shown.h"

#include <stdlib.h>
#include <string.h>

#include "base/packer.h"
#include "contract/cut.h"
#include "gate/gate.h"

struct kept {
	char key[DOCUMENTS_DIGEST]; /* of the documents and the rights; "": free */
	uint64_t used;
	struct shown_text text;
};

struct shown {
	struct kept kept[SHOWN_TEXTS_MAX];
	uint64_t uses;
	size_t bytes; /* of all texts */
	/* The last one that was unpacked, and its text's digest; NULL: none. */
	unsigned char *plain;
	char plain_digest[DOCUMENTS_DIGEST];
};

int shown_new(struct shown **ret, struct diag *diag)
{
	*ret = calloc(1, sizeof(**ret));
	return *ret ? 0 : diag_nomem(diag);
}

static void forget(struct shown *shown, struct kept *kept)
{
	shown->bytes -= kept->text.packed_len;
	free(kept->text.packed);
	*kept = (struct kept){ .used = 0 };
}

void shown_forget(struct shown *shown)
{
	for (size_t i = 0; i < SHOWN_TEXTS_MAX; i++)
		forget(shown, &shown->kept[i]);
	free(shown->plain);
	shown->plain = NULL;
}

void shown_free(struct shown *shown)
{
	if (!shown)
		return;
	shown_forget(shown);
	free(shown);
}

/* ---- who may what ------------------------------------------------------------------------ */

static enum cut_right right_of(const struct rules *rules, const struct access_principal *principal,
			       enum login_method method, const struct contract_channel *channel,
			       bool is_send)
{
	static const enum cut_right rights[] = {
		[GATE_NONE] = CUT_NO, [GATE_OWN] = CUT_OWN, [GATE_FULL] = CUT_YES
	};

	return rights[gate_may(rules, principal, method, channel, is_send)];
}

/* Of each channel, by its index; NULL: memory ran out. */
static struct cut_rights *find_rights(const struct rules *rules,
				      const struct access_principal *principal,
				      enum login_method method)
{
	size_t count = rules->contract->channel_count;
	struct cut_rights *rights = calloc(count + 1, sizeof(*rights));

	for (size_t i = 0; rights && i < count; i++) {
		const struct contract_channel *channel = &rules->contract->channel[i];

		rights[i].send = (uint8_t)right_of(rules, principal, method, channel, true);
		rights[i].receive = (uint8_t)right_of(rules, principal, method, channel, false);
	}
	return rights;
}

/* By the members of a document; NULL: memory ran out. */
static struct cut_rights *by_member(const struct cut_rights *rights, const unsigned *channel,
				    size_t count)
{
	struct cut_rights *ret = calloc(count + 1, sizeof(*ret));

	for (size_t i = 0; ret && i < count; i++)
		if (channel[i] != CONTRACT_NO_CHANNEL)
			ret[i] = rights[channel[i]];
	return ret;
}

/* ---- texts ------------------------------------------------------------------------------- */

/* Adds the @i-th document, cut, and what may be done with its channels. */
static int add_document(const struct documents *documents, size_t i,
			const struct cut_rights *rights, json_t *list, json_t *may,
			struct diag *diag)
{
	const struct documents_one *one = &documents->one[i];
	struct cut_rights *channel = by_member(rights, one->channel, one->channel_count);
	struct cut_rights *topic = by_member(rights, one->topic, one->topic_count);
	const struct cut_may its = { one->channel_count, one->topic_count, channel, topic };
	json_t *document = NULL, *cut = NULL;
	int rc =
		channel && topic ? documents_read(documents, i, &document, diag) : diag_nomem(diag);

	if (rc == 0)
		rc = cut_list(document, &its, i, may, diag);
	if (rc == 0)
		rc = cut_document(document, &its, &cut, diag);
	if (rc == 0 && json_array_append_new(list, cut))
		rc = diag_nomem(diag);
	json_decref(document);
	free(channel);
	free(topic);
	return rc;
}

static int print(const char *text, size_t len, void *ctx)
{
	return packer_write(ctx, text, len);
}

/* Writes @root, compressed, to @ret. */
static int pack_text(const json_t *root, struct shown_text *ret)
{
	struct packer packer;
	int rc = packer_init(&packer, PACKER_GZIP, SIZE_MAX);

	if (rc)
		return rc;
	if (json_dump_callback(root, print, &packer, JSON_COMPACT))
		rc = ERR_NOMEM;
	if (rc == 0)
		rc = packer_end(&packer, &ret->packed, &ret->packed_len);
	ret->len = packer.len;
	packer_clear(&packer);
	return rc;
}

static int make_text(const struct documents *documents, const struct cut_rights *rights,
		     struct shown_text *ret, struct diag *diag)
{
	json_t *list = json_array(), *may = json_array(), *root;
	int rc = 0;

	for (size_t i = 0; i < documents->count && rc == 0; i++)
		rc = add_document(documents, i, rights, list, may, diag);
	root = json_pack("{so so}", "documents", list, "may", may); /* takes both in any case */
	if (rc == 0 && (!root || pack_text(root, ret)))
		rc = diag_nomem(diag);
	json_decref(root);
	if (rc)
		return rc;
	if (documents_digest(ret->packed, ret->packed_len, ret->digest))
		return 0;
	free(ret->packed);
	ret->packed = NULL;
	return diag_nomem(diag);
}

/* A free place for a text of @len bytes; those that were not used for longest go. */
static struct kept *make_room(struct shown *shown, size_t len)
{
	for (;;) {
		struct kept *oldest = NULL, *unused = NULL;

		for (size_t i = 0; i < SHOWN_TEXTS_MAX; i++) {
			struct kept *kept = &shown->kept[i];

			if (!kept->key[0])
				unused = kept;
			else if (!oldest || kept->used < oldest->used)
				oldest = kept;
		}
		if (unused && (!oldest || shown->bytes + len <= SHOWN_BYTES_MAX))
			return unused;
		forget(shown, oldest);
	}
}

static bool make_key(const struct rules *rules, const struct cut_rights *rights,
		     char ret[static DOCUMENTS_DIGEST])
{
	size_t bytes = rules->contract->channel_count * sizeof(*rights);
	char *whole = malloc(DOCUMENTS_DIGEST + bytes);
	bool is_made = false;

	if (whole) {
		memcpy(whole, rules->documents->digest, DOCUMENTS_DIGEST);
		memcpy(whole + DOCUMENTS_DIGEST, rights, bytes);
		is_made = documents_digest(whole, DOCUMENTS_DIGEST + bytes, ret);
	}
	free(whole);
	return is_made;
}

int shown_make(struct shown *shown, const struct rules *rules,
	       const struct access_principal *principal, enum login_method method,
	       const struct shown_text **ret, struct diag *diag)
{
	struct cut_rights *rights = find_rights(rules, principal, method);
	struct kept made = { .used = ++shown->uses };
	int rc = 0;

	if (!rights || !make_key(rules, rights, made.key)) {
		free(rights);
		return diag_nomem(diag);
	}
	for (size_t i = 0; i < SHOWN_TEXTS_MAX; i++)
		if (strcmp(shown->kept[i].key, made.key) == 0) {
			shown->kept[i].used = shown->uses;
			*ret = &shown->kept[i].text;
			free(rights);
			return 0;
		}
	rc = make_text(rules->documents, rights, &made.text, diag);
	free(rights);
	if (rc == 0) {
		struct kept *place = make_room(shown, made.text.packed_len);

		*place = made;
		shown->bytes += made.text.packed_len;
		*ret = &place->text;
	}
	return rc;
}

int shown_plain(struct shown *shown, const struct shown_text *text, const char **ret,
		struct diag *diag)
{
	size_t len = text->len;

	if (!shown->plain || strcmp(shown->plain_digest, text->digest) != 0) {
		free(shown->plain);
		shown->plain = NULL;
		if (packer_unpack(text->packed, text->packed_len, &shown->plain, &len) != 0)
			return diag_nomem(diag); /* what was packed here is whole */
		memcpy(shown->plain_digest, text->digest, sizeof(shown->plain_digest));
	}
	*ret = (const char *)shown->plain;
	return 0;
}

/* ---- parts ------------------------------------------------------------------------------- */

static bool is_inside(char byte)
{
	return ((unsigned char)byte & 0xc0) == 0x80;
}

size_t shown_part(const char *plain, size_t len, size_t offset)
{
	size_t end = offset, written = 0;

	if (offset < len && is_inside(plain[offset]))
		return 0;
	while (end < len && end - offset < SHOWN_PART_BYTES && written < SHOWN_PART_WRITTEN) {
		written += plain[end] == '"' || plain[end] == '\\' ? 2 : 1;
		end++;
	}
	while (end > offset && end < len && is_inside(plain[end]))
		end--;
	return end;
}
