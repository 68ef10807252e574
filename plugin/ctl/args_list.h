/*
 * args_list.h -- the values of an option that may be given several times.
 */
#ifndef PETSTORE_CTL_ARGS_LIST_H
#define PETSTORE_CTL_ARGS_LIST_H

#include <stddef.h>

#define ARGS_LIST_MAX 64u

struct args_list {
	size_t count;
	const char *item[ARGS_LIST_MAX]; /* borrowed from argv */
};

#endif
