/*
 * crc32c.h -- the checksum of a journal's records: CRC-32C (Castagnoli, RFC 3720, B.4).
 *
 * Knows bytes only. Uses the processor's instruction where it is there at run time (x86-64
 * with SSE 4.2 and PCLMUL), else a table; both give the same numbers.
 */
#ifndef PETSTORE_CRC32C_H
#define PETSTORE_CRC32C_H

#include <stddef.h>
#include <stdint.h>

/*
 * The checksum of @len bytes at @data following what @crc is the checksum of; 0 begins.
 * crc32c(crc32c(0, "12345", 5), "6789", 4) is 0xe3069283.
 */
uint32_t crc32c(uint32_t crc, const void *data, size_t len);

/* The same by the table alone. */
uint32_t crc32c_portable(uint32_t crc, const void *data, size_t len);

#endif
