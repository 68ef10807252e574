#include "access/credcache.h"

#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/rand.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>

#define ENTRIES_MAX 1000000u
#define DIGEST_BYTES 32u
#define KEY_BYTES 32u
#define INPUT_MAX 4096u /* bytes of a user, a stored hash or a password */

struct credcache_entry {
	unsigned char digest[DIGEST_BYTES];
	LIST_ENTRY(credcache_entry) chain; /* of its bucket */
	TAILQ_ENTRY(credcache_entry) use;
};

LIST_HEAD(credcache_bucket, credcache_entry);
TAILQ_HEAD(credcache_uses, credcache_entry);

struct credcache {
	EVP_MAC_CTX *mac; /* has the key; a fetch and a key schedule less each time */
	size_t max;
	size_t count;               /* entry[0..count) are in use */
	struct credcache_uses uses; /* newest first */
	size_t mask;
	struct credcache_bucket *bucket;
	struct credcache_entry *entry;
};

/* HMAC-SHA-256 under a new random key; NULL where OpenSSL can't. */
static EVP_MAC_CTX *mac_new(void)
{
	unsigned char key[KEY_BYTES];
	char digest[] = "SHA256";
	OSSL_PARAM params[] = {
		OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, digest, 0),
		OSSL_PARAM_construct_end(),
	};
	EVP_MAC *mac = EVP_MAC_fetch(NULL, "HMAC", NULL);
	EVP_MAC_CTX *ctx = mac ? EVP_MAC_CTX_new(mac) : NULL;

	if (ctx && (RAND_bytes(key, sizeof(key)) != 1 ||
		    EVP_MAC_init(ctx, key, sizeof(key), params) != 1)) {
		EVP_MAC_CTX_free(ctx);
		ctx = NULL;
	}
	OPENSSL_cleanse(key, sizeof(key));
	EVP_MAC_free(mac);
	return ctx;
}

int credcache_new(size_t max, struct credcache **ret, struct diag *diag)
{
	struct credcache *cache;
	size_t buckets = 8;

	if (max < 1 || max > ENTRIES_MAX)
		return diag_set(diag, ERR_LIMIT, "expected room for 1 to %u credentials, not %zu",
				ENTRIES_MAX, max);
	while (buckets < max)
		buckets *= 2;
	cache = calloc(1, sizeof(*cache));
	if (!cache)
		return diag_nomem(diag);
	cache->bucket = malloc(buckets * sizeof(*cache->bucket));
	cache->entry = malloc(max * sizeof(*cache->entry));
	cache->mac = mac_new();
	if (!cache->bucket || !cache->entry || !cache->mac) {
		bool is_memory = !cache->bucket || !cache->entry;

		credcache_free(cache);
		return is_memory ? diag_nomem(diag)
				 : diag_set(diag, ERR_IO, "OpenSSL makes no key for HMAC-SHA-256");
	}
	cache->max = max;
	cache->mask = buckets - 1;
	credcache_drop(cache);
	*ret = cache;
	return 0;
}

void credcache_free(struct credcache *cache)
{
	if (!cache)
		return;
	EVP_MAC_CTX_free(cache->mac); /* wipes the key */
	free(cache->bucket);
	free(cache->entry);
	free(cache);
}

void credcache_drop(struct credcache *cache)
{
	cache->count = 0;
	TAILQ_INIT(&cache->uses);
	memset(cache->bucket, 0, (cache->mask + 1) * sizeof(*cache->bucket));
}

/* With its length in front, so that no two inputs read the same. */
static bool add(const struct credcache *cache, const char *text, size_t len)
{
	uint32_t prefix = (uint32_t)len;

	return len <= INPUT_MAX &&
	       EVP_MAC_update(cache->mac, (const unsigned char *)&prefix, sizeof(prefix)) == 1 &&
	       (len == 0 || EVP_MAC_update(cache->mac, (const unsigned char *)text, len) == 1);
}

static bool digest_of(const struct credcache *cache, const char *user, const char *stored,
		      const char *password, size_t password_len, unsigned char *ret)
{
	size_t len = 0;

	/* Without a key it begins again with the one that it has. */
	return EVP_MAC_init(cache->mac, NULL, 0, NULL) == 1 && add(cache, user, strlen(user)) &&
	       add(cache, stored, strlen(stored)) && add(cache, password, password_len) &&
	       EVP_MAC_final(cache->mac, ret, &len, DIGEST_BYTES) == 1 && len == DIGEST_BYTES;
}

/* The digest is keyed, so its first bytes are as good a hash as any. */
static struct credcache_bucket *bucket_of(const struct credcache *cache,
					  const unsigned char *digest)
{
	uint32_t hash;

	memcpy(&hash, digest, sizeof(hash));
	return &cache->bucket[hash & cache->mask];
}

static struct credcache_entry *find(const struct credcache *cache, const unsigned char *digest)
{
	struct credcache_entry *entry;

	LIST_FOREACH(entry, bucket_of(cache, digest), chain)
		if (CRYPTO_memcmp(entry->digest, digest, DIGEST_BYTES) == 0)
			break;
	return entry;
}

/* A place for one more entry: a fresh one, or the one that was not used for longest. */
static struct credcache_entry *make_room(struct credcache *cache)
{
	struct credcache_entry *entry = TAILQ_LAST(&cache->uses, credcache_uses);

	if (cache->count < cache->max)
		return &cache->entry[cache->count++];
	TAILQ_REMOVE(&cache->uses, entry, use);
	LIST_REMOVE(entry, chain);
	return entry;
}

bool credcache_knows(struct credcache *cache, const char *user, const char *stored,
		     const char *password, size_t password_len)
{
	unsigned char digest[DIGEST_BYTES];
	struct credcache_entry *entry = NULL;

	if (digest_of(cache, user, stored, password, password_len, digest))
		entry = find(cache, digest);
	if (!entry)
		return false;
	TAILQ_REMOVE(&cache->uses, entry, use);
	TAILQ_INSERT_HEAD(&cache->uses, entry, use);
	return true;
}

void credcache_keep(struct credcache *cache, const char *user, const char *stored,
		    const char *password, size_t password_len)
{
	unsigned char digest[DIGEST_BYTES];
	struct credcache_entry *entry;

	if (!digest_of(cache, user, stored, password, password_len, digest) || find(cache, digest))
		return;
	entry = make_room(cache);
	memcpy(entry->digest, digest, DIGEST_BYTES);
	LIST_INSERT_HEAD(bucket_of(cache, digest), entry, chain);
	TAILQ_INSERT_HEAD(&cache->uses, entry, use);
}
