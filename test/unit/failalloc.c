#include "failalloc.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

void *__real_malloc(size_t size);
void *__real_calloc(size_t count, size_t size);
void *__real_realloc(void *old, size_t size);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t count, size_t size);
void *__wrap_realloc(void *old, size_t size);
char *__wrap_strdup(const char *text);
char *__wrap_strndup(const char *text, size_t max);

/* One thread at a time counts; the writer thread of the ledger's tests is left alone. */
static __thread bool is_counting;
static __thread bool has_failed;
static __thread size_t fail_at;
static __thread size_t count;

static bool fails(void)
{
	if (!is_counting)
		return false;
	count++;
	if (fail_at == 0 || count < fail_at)
		return false;
	has_failed = true;
	return true;
}

void *__wrap_malloc(size_t size)
{
	return fails() ? NULL : __real_malloc(size);
}

void *__wrap_calloc(size_t n, size_t size)
{
	return fails() ? NULL : __real_calloc(n, size);
}

void *__wrap_realloc(void *old, size_t size)
{
	return fails() ? NULL : __real_realloc(old, size);
}

char *__wrap_strndup(const char *text, size_t max)
{
	size_t len = strnlen(text, max);
	char *copy = __wrap_malloc(len + 1);

	if (copy) {
		memcpy(copy, text, len);
		copy[len] = '\0';
	}
	return copy;
}

char *__wrap_strdup(const char *text)
{
	return __wrap_strndup(text, strlen(text));
}

void failalloc_start(size_t nth)
{
	json_set_alloc_funcs(__wrap_malloc, free);
	fail_at = nth;
	count = 0;
	has_failed = false;
	is_counting = true;
}

bool failalloc_stop(void)
{
	is_counting = false;
	return has_failed;
}

size_t failalloc_count(void)
{
	return count;
}
