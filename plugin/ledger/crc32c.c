#include "ledger/crc32c.h"

#include <string.h>

#if defined(__x86_64__)
#include <nmmintrin.h>
#include <wmmintrin.h>
#endif

/*
 * table[b] is the remainder of byte b, which is the sum of those of its bits; polynomial
 * 0x1edc6f41, bits reversed.
 */
#define BIT(b, i, remainder) ((b) >> (i)&1 ? UINT32_C(remainder) : 0)
#define ONE(b)                                                                                     \
	BIT(b, 0, 0xf26b8303) ^ BIT(b, 1, 0xe13b70f7) ^ BIT(b, 2, 0xc79a971f) ^                    \
		BIT(b, 3, 0x8ad958cf) ^ BIT(b, 4, 0x105ec76f) ^ BIT(b, 5, 0x20bd8ede) ^            \
		BIT(b, 6, 0x417b1dbc) ^ BIT(b, 7, 0x82f63b78)
#define FOUR(b) ONE(b), ONE((b) + 1), ONE((b) + 2), ONE((b) + 3)
#define SIXTEEN(b) FOUR(b), FOUR((b) + 4), FOUR((b) + 8), FOUR((b) + 12)
#define ALL_FROM(b) SIXTEEN(b), SIXTEEN((b) + 16), SIXTEEN((b) + 32), SIXTEEN((b) + 48)
static const uint32_t table[256] = { ALL_FROM(0), ALL_FROM(64), ALL_FROM(128), ALL_FROM(192) };

uint32_t crc32c_portable(uint32_t crc, const void *data, size_t len)
{
	const unsigned char *byte = data;

	crc = ~crc;
	for (size_t i = 0; i < len; i++)
		crc = table[(crc ^ byte[i]) & 0xff] ^ (crc >> 8);
	return ~crc;
}

#if defined(__x86_64__)

/*
 * One instruction takes eight bytes, but the next one has to wait three cycles for its sum: three
 * lanes of LANE bytes wait together. A sum is moved past the bytes of the lanes behind it by a
 * carry-less product with x^(8n - 33) modulo the polynomial, bits reversed, n being their number
 * (Gopal et al., "Fast CRC Computation for iSCSI Polynomial Using CRC32 Instruction", Intel 2011).
 */
#define LANE 64u
#define PAST_ONE INT64_C(0x9e4addf8) /* n = LANE */
#define PAST_TWO INT64_C(0x0d3b6092) /* n = 2 * LANE */

__attribute__((target("sse4.2,pclmul"))) static inline uint64_t word_sum(uint64_t sum,
									 const unsigned char *byte)
{
	uint64_t word;

	memcpy(&word, byte, sizeof(word));
	return _mm_crc32_u64(sum, word);
}

__attribute__((target("sse4.2,pclmul"))) static inline uint64_t moved(uint64_t sum, int64_t past)
{
	__m128i product =
		_mm_clmulepi64_si128(_mm_cvtsi64_si128((int64_t)sum), _mm_cvtsi64_si128(past), 0);

	return _mm_crc32_u64(0, (uint64_t)_mm_cvtsi128_si64(product));
}

__attribute__((target("sse4.2,pclmul"))) static uint32_t crc32c_x86(uint32_t crc, const void *data,
								    size_t len)
{
	const unsigned char *byte = data;
	uint64_t sum = ~crc;

	for (; len >= 3 * LANE; len -= 3 * LANE, byte += 3 * LANE) {
		uint64_t second = 0, third = 0;

		for (unsigned i = 0; i < LANE; i += 8) {
			sum = word_sum(sum, byte + i);
			second = word_sum(second, byte + LANE + i);
			third = word_sum(third, byte + 2 * LANE + i);
		}
		sum = moved(sum, PAST_TWO) ^ moved(second, PAST_ONE) ^ third;
	}
	for (; len >= 8; len -= 8, byte += 8)
		sum = word_sum(sum, byte);
	crc = (uint32_t)sum;
	for (; len > 0; len--, byte++)
		crc = _mm_crc32_u8(crc, *byte);
	return ~crc;
}

#endif

uint32_t crc32c(uint32_t crc, const void *data, size_t len)
{
#if defined(__x86_64__)
	if (__builtin_cpu_supports("sse4.2") && __builtin_cpu_supports("pclmul"))
		return crc32c_x86(crc, data, len);
#endif
	return crc32c_portable(crc, data, len);
}
