/*
 * embed.h -- a text file of the tree as a constant in the program.
 *
 *     EMBED(store_sql, "schemas/store/001-initial.sql");
 *
 * declares const char store_sql[] (NUL-terminated, not exported); its length is
 * EMBED_LEN(store_sql). The symbol is global in the program: -flto distributes functions over other
 * files, where a symbol local to this file would not be found. The path is relative to the top of
 * the tree (the build passes -Wa,-I); the Makefile names the dependency, since the compiler cannot
 * see it.
 */
#ifndef PETSTORE_EMBED_H
#define PETSTORE_EMBED_H

#include <stddef.h>

#define EMBED(name, path)                                                                          \
	__asm__(".pushsection .rodata\n"                                                           \
		".balign 16\n"                                                                     \
		".globl embed_" #name "\n"                                                         \
		".globl embed_" #name "_end\n"                                                     \
		".hidden embed_" #name "\n"                                                        \
		".hidden embed_" #name "_end\n"                                                    \
		"embed_" #name ":\n"                                                               \
		".incbin \"" path "\"\n"                                                           \
		"embed_" #name "_end:\n"                                                           \
		".byte 0\n"                                                                        \
		".popsection\n");                                                                  \
	extern __attribute__((visibility("hidden"))) const char name[] __asm__("embed_" #name);    \
	extern __attribute__((visibility("hidden")))                                               \
	const char name##_end[] __asm__("embed_" #name "_end")

/* Bytes of the file that EMBED(name, ...) embedded, without the NUL. */
#define EMBED_LEN(name) ((size_t)(name##_end - (name)))

#endif
