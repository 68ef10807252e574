#include "base/seal.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <string.h>

#include "base/random.h"

int seal_init(struct seal *ret, struct diag *diag)
{
	return random_bytes(ret->key, sizeof(ret->key), diag);
}

void seal_clear(struct seal *seal)
{
	OPENSSL_cleanse(seal->key, sizeof(seal->key));
}

static bool encrypt(EVP_CIPHER_CTX *ctx, const struct seal *seal, const unsigned char *text,
		    unsigned char *sealed)
{
	unsigned char *at = sealed + SEAL_NONCE_BYTES;
	int len;

	return EVP_EncryptInit_ex(ctx, EVP_aes_256_gcm(), NULL, seal->key, sealed) == 1 &&
	       EVP_EncryptUpdate(ctx, at, &len, text, SEAL_TEXT_MAX) == 1 &&
	       EVP_EncryptFinal_ex(ctx, at + len, &len) == 1 &&
	       EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_GCM_GET_TAG, SEAL_TAG_BYTES, at + SEAL_TEXT_MAX) ==
		       1;
}

static bool decrypt(EVP_CIPHER_CTX *ctx, const struct seal *seal, unsigned char *sealed,
		    unsigned char *text)
{
	unsigned char *at = sealed + SEAL_NONCE_BYTES;
	int len;

	return EVP_DecryptInit_ex(ctx, EVP_aes_256_gcm(), NULL, seal->key, sealed) == 1 &&
	       EVP_DecryptUpdate(ctx, text, &len, at, SEAL_TEXT_MAX) == 1 &&
	       EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_GCM_SET_TAG, SEAL_TAG_BYTES, at + SEAL_TEXT_MAX) ==
		       1 &&
	       EVP_DecryptFinal_ex(ctx, text + len, &len) == 1;
}

bool seal_close(const struct seal *seal, const char *text, char ret[SEAL_SIZE])
{
	unsigned char padded[SEAL_TEXT_MAX] = { 0 }, sealed[SEAL_BYTES];
	size_t len = strlen(text);
	EVP_CIPHER_CTX *ctx;
	struct diag diag;
	bool is_sealed;

	if (len > sizeof(padded) || random_bytes(sealed, SEAL_NONCE_BYTES, &diag) != 0)
		return false;
	memcpy(padded, text, len);
	ctx = EVP_CIPHER_CTX_new();
	is_sealed = ctx && encrypt(ctx, seal, padded, sealed);
	EVP_CIPHER_CTX_free(ctx);
	if (is_sealed)
		(void)base64_encode(BASE64_URL, sealed, sizeof(sealed), ret);
	return is_sealed;
}

bool seal_open(const struct seal *seal, const char *sealed, char ret[SEAL_TEXT_MAX + 1])
{
	unsigned char bytes[SEAL_BYTES], text[SEAL_TEXT_MAX];
	size_t len = strlen(sealed);
	EVP_CIPHER_CTX *ctx;
	bool is_open;

	if (len >= SEAL_SIZE ||
	    !base64_decode(BASE64_URL, sealed, len, bytes, sizeof(bytes), &len) ||
	    len != sizeof(bytes))
		return false;
	ctx = EVP_CIPHER_CTX_new();
	is_open = ctx && decrypt(ctx, seal, bytes, text);
	EVP_CIPHER_CTX_free(ctx);
	if (!is_open)
		return false;
	memcpy(ret, text, sizeof(text));
	ret[SEAL_TEXT_MAX] = '\0';
	return true;
}
