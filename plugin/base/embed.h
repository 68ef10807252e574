/*
 * embed.h -- a text file of the tree as a constant in the program.
 *
 *     EMBED(store_sql, "schemas/store/001-initial.sql");
 *
 * declares const char store_sql[] (NUL-terminated, seen in this file only); its length is
 * EMBED_LEN(store_sql). The path is relative to the top of the tree (the build passes -Wa,-I); the
 * Makefile names the dependency, since the compiler cannot see it.
 */
#ifndef PETSTORE_EMBED_H
#define PETSTORE_EMBED_H

#include <stddef.h>

#define EMBED(name, path)                                                                          \
	__asm__(".pushsection .rodata\n"                                                           \
		".balign 16\n"                                                                     \
		".local embed_" #name "\n"                                                         \
		".local embed_" #name "_end\n"                                                     \
		"embed_" #name ":\n"                                                               \
		".incbin \"" path "\"\n"                                                           \
		"embed_" #name "_end:\n"                                                           \
		".byte 0\n"                                                                        \
		".popsection\n");                                                                  \
	extern const char name[] __asm__("embed_" #name);                                          \
	extern const char name##_end[] __asm__("embed_" #name "_end")

/* The length in bytes of what EMBED(name, ...) brought in, the final NUL not counted. */
#define EMBED_LEN(name) ((size_t)(name##_end - (name)))

#endif
