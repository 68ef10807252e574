/*
 * configwrite_internal.h -- what configwrite.c and configwrite_notes.c share.
 */
#ifndef PETSTORE_BASE_CONFIGWRITE_INTERNAL_H
#define PETSTORE_BASE_CONFIGWRITE_INTERNAL_H

#include <stdbool.h>

#include "base/configwrite.h"

/* Is @value a comment and no member? */
bool configwrite_is_note(const struct config *value);

#endif
