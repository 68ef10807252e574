#include "base/configwrite.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <yaml.h>

#include "base/configwrite_internal.h"
#include "base/utf8.h"
#include "base/yamlcore.h"

#define NUMBER_MAX 40u /* bytes of a number in text */

/* The shortest text that reads back as @real, with a point, which YAML 1.1 asks for. */
static void print_real(char *ret, double real)
{
	char plain[NUMBER_MAX - 2];
	size_t whole;

	for (int precision = 1; precision <= 17; precision++) {
		(void)snprintf(plain, sizeof(plain), "%.*g", precision, real);
		if (strtod(plain, NULL) == real)
			break;
	}
	whole = strspn(plain, "-0123456789");
	if (plain[whole] == '.')
		memcpy(ret, plain, strlen(plain) + 1);
	else
		(void)snprintf(ret, NUMBER_MAX, "%.*s.0%s", (int)whole, plain, plain + whole);
}

static void print_number(char *ret, const struct config *value)
{
	if (value->kind == CONFIG_INTEGER)
		(void)snprintf(ret, NUMBER_MAX, "%" PRId64, value->integer);
	else
		print_real(ret, value->real);
}

static const char *word_of(const struct config *value)
{
	if (value->kind == CONFIG_NULL)
		return "null";
	return value->boolean ? "true" : "false";
}

/* ---- JSON ------------------------------------------------------------------------------- */

void configwrite_text(const char *text, size_t len, FILE *file)
{
	static const char codes[] = "\"\\\b\f\n\r\t", names[] = "\"\\bfnrt";

	(void)putc('"', file);
	for (size_t i = 0; i < len; i++) {
		const char *code = text[i] ? strchr(codes, text[i]) : NULL;

		if (code)
			(void)fprintf(file, "\\%c", names[code - codes]);
		else if ((unsigned char)text[i] < 0x20 || text[i] == 0x7f)
			(void)fprintf(file, "\\u%04x", (unsigned)(unsigned char)text[i]);
		else
			(void)putc(text[i], file);
	}
	(void)putc('"', file);
}

static void put_json(FILE *file, const struct config *value, int depth)
{
	bool is_object = value->kind == CONFIG_OBJECT;
	char number[NUMBER_MAX];
	const char *comma = "";

	if (value->kind == CONFIG_STRING) {
		configwrite_text(value->text, value->count, file);
	} else if (value->kind == CONFIG_INTEGER || value->kind == CONFIG_REAL) {
		print_number(number, value);
		(void)fputs(number, file);
	} else if (value->kind < CONFIG_ARRAY) {
		(void)fputs(word_of(value), file);
	} else if (value->count == 0) {
		(void)fputs(is_object ? "{}" : "[]", file);
	} else {
		(void)putc(is_object ? '{' : '[', file);
		config_foreach(child, value) {
			(void)fprintf(file, "%s\n%*s", comma, 2 * depth + 2, "");
			comma = ",";
			if (is_object) {
				configwrite_text(child->key, strlen(child->key), file);
				(void)fputs(": ", file);
			}
			put_json(file, child, depth + 1);
		}
		(void)fprintf(file, "\n%*s%c", 2 * depth, "", is_object ? '}' : ']');
	}
}

static void put_compact(FILE *file, const struct config *value)
{
	bool is_object = value->kind == CONFIG_OBJECT;
	const char *comma = "";

	if (value->kind < CONFIG_ARRAY) {
		put_json(file, value, 0);
		return;
	}
	(void)putc(is_object ? '{' : '[', file);
	config_foreach(child, value) {
		(void)fputs(comma, file);
		comma = ",";
		if (is_object) {
			configwrite_text(child->key, strlen(child->key), file);
			(void)putc(':', file);
		}
		put_compact(file, child);
	}
	(void)putc(is_object ? '}' : ']', file);
}

int configwrite_compact(const struct config *root, FILE *file)
{
	put_compact(file, root);
	return ferror(file) ? ERR_IO : 0;
}

int configwrite_json(const struct config *root, FILE *file)
{
	put_json(file, root, 0);
	(void)putc('\n', file);
	return ferror(file) ? ERR_IO : 0;
}

/* ---- YAML ------------------------------------------------------------------------------- */

/* What YAML 1.1, which many still read, takes for booleans, or for something special. */
static bool is_old_word(const char *text)
{
	static const char *const words[] = { "y", "n", "yes", "no", "on", "off", "=", "<<" };

	for (size_t i = 0; i < sizeof(words) / sizeof(*words); i++)
		if (strcasecmp(words[i], text) == 0)
			return true;
	return false;
}

/* Dates, 12:30, 1_000, 0b1 and numbers begin with a digit, a sign or a point; 3.0.0 is none. */
static bool may_be_number(const char *text)
{
	size_t len = strlen(text);
	const char *point = strchr(text, '.');

	if (strspn(text, "0123456789.") == len && point && strchr(point + 1, '.'))
		return false;
	return *text && strchr("0123456789+-.", *text) && strpbrk(text, "0123456789") &&
	       strspn(text, "0123456789+-.:_,xXoObBeETZabcdefABCDEF \t") == len;
}

/* Is each line a line that a literal block keeps: without blanks at its ends, and printable? */
static bool is_block(const char *text, size_t len)
{
	if (len == 0 || strchr(" \t\n", *text) || !memchr(text, '\n', len))
		return false;
	for (size_t i = 0; i < len;) {
		uint32_t code;
		size_t n = utf8_read(text + i, len - i, &code);
		bool is_end = i + n == len || text[i + n] == '\n';

		if (n == 0 || (code != '\n' && !utf8_is_plain(code)) || (code == ' ' && is_end))
			return false;
		i += n;
	}
	return true;
}

static yaml_scalar_style_t style_of(const char *text, size_t len, bool is_key)
{
	if (!is_key && is_block(text, len))
		return YAML_LITERAL_SCALAR_STYLE;
	for (size_t i = 0; i < len;) {
		uint32_t code;
		size_t n = utf8_read(text + i, len - i, &code);

		if (n == 0 || !utf8_is_plain(code))
			return YAML_DOUBLE_QUOTED_SCALAR_STYLE;
		i += n;
	}
	if (yamlcore_kind(text, len) != YAMLCORE_STRING || is_old_word(text) || may_be_number(text))
		return YAML_SINGLE_QUOTED_SCALAR_STYLE;
	return YAML_PLAIN_SCALAR_STYLE;
}

/* Takes the event, which a failed initializer did not make. */
static int emit(yaml_emitter_t *emitter, yaml_event_t *event, int is_made)
{
	if (is_made && yaml_emitter_emit(emitter, event))
		return 0;
	return is_made && emitter->error != YAML_MEMORY_ERROR ? ERR_IO : ERR_NOMEM;
}

static int emit_text(yaml_emitter_t *emitter, const char *text, size_t len,
		     yaml_scalar_style_t style)
{
	yaml_event_t event;

	return emit(emitter, &event,
		    yaml_scalar_event_initialize(&event, NULL, NULL, (const yaml_char_t *)text,
						 (int)len, 1, 1, style));
}

static int emit_scalar(yaml_emitter_t *emitter, const struct config *value)
{
	char number[NUMBER_MAX];
	const char *text = number;

	if (value->kind == CONFIG_STRING)
		return emit_text(emitter, value->text, value->count,
				 style_of(value->text, value->count, false));
	if (value->kind == CONFIG_INTEGER || value->kind == CONFIG_REAL)
		print_number(number, value);
	else
		text = word_of(value);
	return emit_text(emitter, text, strlen(text), YAML_PLAIN_SCALAR_STYLE);
}

static int emit_start(yaml_emitter_t *emitter, const struct config *value)
{
	yaml_event_t event;
	int is_made = value->kind == CONFIG_OBJECT
			      ? yaml_mapping_start_event_initialize(&event, NULL, NULL, 1,
								    YAML_BLOCK_MAPPING_STYLE)
			      : yaml_sequence_start_event_initialize(&event, NULL, NULL, 1,
								     YAML_BLOCK_SEQUENCE_STYLE);

	return emit(emitter, &event, is_made);
}

static int emit_end(yaml_emitter_t *emitter, const struct config *value)
{
	yaml_event_t event;

	return emit(emitter, &event,
		    value->kind == CONFIG_OBJECT ? yaml_mapping_end_event_initialize(&event)
						 : yaml_sequence_end_event_initialize(&event));
}

bool configwrite_is_note(const struct config *value)
{
	return value->key && value->key[0] == CONFIGWRITE_NOTE[0];
}

static int emit_value(yaml_emitter_t *emitter, const struct config *value)
{
	int rc;

	if (value->kind < CONFIG_ARRAY)
		return emit_scalar(emitter, value);
	rc = emit_start(emitter, value);
	config_foreach(child, value) {
		if (configwrite_is_note(child))
			continue;
		if (rc == 0 && value->kind == CONFIG_OBJECT)
			rc = emit_text(emitter, child->key, strlen(child->key),
				       style_of(child->key, strlen(child->key), true));
		if (rc == 0)
			rc = emit_value(emitter, child);
		if (rc)
			return rc;
	}
	return rc ? rc : emit_end(emitter, value);
}

static int emit_document(yaml_emitter_t *emitter, const struct config *root)
{
	yaml_event_t event;
	int rc = emit(emitter, &event,
		      yaml_stream_start_event_initialize(&event, YAML_UTF8_ENCODING));

	if (rc == 0)
		rc = emit(emitter, &event,
			  yaml_document_start_event_initialize(&event, NULL, NULL, NULL, 1));
	if (rc == 0)
		rc = emit_value(emitter, root);
	if (rc == 0)
		rc = emit(emitter, &event, yaml_document_end_event_initialize(&event, 1));
	if (rc == 0)
		rc = emit(emitter, &event, yaml_stream_end_event_initialize(&event));
	return rc;
}

int configwrite_yaml(const struct config *root, FILE *file)
{
	yaml_emitter_t emitter;
	int rc;

	if (!yaml_emitter_initialize(&emitter))
		return ERR_NOMEM;
	yaml_emitter_set_output_file(&emitter, file);
	yaml_emitter_set_unicode(&emitter, 1);
	yaml_emitter_set_width(&emitter, -1);
	rc = emit_document(&emitter, root);
	yaml_emitter_delete(&emitter);
	return rc || !ferror(file) ? rc : ERR_IO;
}
