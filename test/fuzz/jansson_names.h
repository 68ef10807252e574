/*
 * jansson_names.h -- other names for a second backend of payload.h in one program.
 *
 * payload_common.c and payload_jansson.c are compiled with this in front (-include) where
 * payload_yyjson.c is the program's own backend; fuzz_payload_diff.c calls both.
 */
#ifndef PETSTORE_JANSSON_NAMES_H
#define PETSTORE_JANSSON_NAMES_H

#define payload_backend jansson_payload_backend
#define payload_backend_new jansson_payload_backend_new
#define payload_backend_parse jansson_payload_backend_parse
#define payload_parser_new jansson_payload_parser_new
#define payload_parser_free jansson_payload_parser_free
#define payload_parse jansson_payload_parse
#define payload_member jansson_payload_member
#define payload_span jansson_payload_span
#define payload_string jansson_payload_string
#define payload_integer jansson_payload_integer
#define payload_number jansson_payload_number
#define payload_boolean jansson_payload_boolean

#endif
