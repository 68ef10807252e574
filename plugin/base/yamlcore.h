/*
 * yamlcore.h -- what a scalar without quotes is, by the core schema of YAML 1.2 (section 10.3.2).
 *
 * "no", "on", 1_000, 0b1, 12:30 and dates are strings there; 0777 is seven hundred seventy-seven
 * and 0o777 is octal.
 */
#ifndef PETSTORE_BASE_YAMLCORE_H
#define PETSTORE_BASE_YAMLCORE_H

#include <stddef.h>

enum yamlcore_kind {
	YAMLCORE_STRING = 0,
	YAMLCORE_NULL,    /* null, Null, NULL, ~ or nothing */
	YAMLCORE_TRUE,    /* true, True, TRUE */
	YAMLCORE_FALSE,   /* false, False, FALSE */
	YAMLCORE_DECIMAL, /* [-+]?[0-9]+ */
	YAMLCORE_OCTAL,   /* 0o[0-7]+ */
	YAMLCORE_HEX,     /* 0x[0-9a-fA-F]+ */
	YAMLCORE_FLOAT,   /* [-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)? */
	YAMLCORE_INF,     /* [-+]?(\.inf|\.Inf|\.INF) or \.nan|\.NaN|\.NAN: no numbers of JSON */
};

enum yamlcore_kind yamlcore_kind(const char *text, size_t len);

#endif
