/* import_rows.c -- rows of a file as entities: CSV, or an object of JSON a line. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/csv.h"
#include "base/entity.h"
#include "ctl/import.h"

/* ---- columns ------------------------------------------------------------------------------- */

/* What the plugin keeps itself: it begins anew, and a listing of another database has it. */
static bool is_begun_anew(const char *name)
{
	return entity_is_own_column(name) && strcmp(name, "id") != 0 && strcmp(name, "owner") != 0;
}

enum import_target import_target(struct import *import, const char *name, unsigned *column)
{
	const struct entity *entity = import->entity;
	struct suggest suggest;

	if (strcmp(name, "id") == 0)
		return IMPORT_ID;
	if (strcmp(name, "owner") == 0)
		return IMPORT_OWNER;
	if (is_begun_anew(name))
		return IMPORT_NOWHERE;
	for (*column = 0; *column < entity->column_count; ++*column)
		if (strcmp(name, entity->column[*column].name) == 0)
			return IMPORT_COLUMN;
	suggest = suggest_begin(name);
	suggest_add(&suggest, "id owner");
	for (size_t i = 0; i < entity->column_count; i++)
		suggest_add(&suggest, entity->column[i].name);
	import_fault(import, "%s has no column \"%s\"%s", entity->table, name,
		     suggest_text(&suggest));
	return IMPORT_UNKNOWN;
}

static struct value *add_value(struct import_row *row, unsigned column)
{
	struct value *value = &row->value[row->write.value_count++];

	*value = (struct value){ .column = column };
	return value;
}

static void begin_row(const struct import *import, struct import_row *ret)
{
	ret->entity = import->entity;
	ret->slot = IMPORT_ANY_SLOT;
	ret->write = (struct ledger_write){ .entity = import->entity->index,
					    .value = ret->value,
					    .is_unrecorded = true };
}

/* ---- CSV ----------------------------------------------------------------------------------- */

struct csv_import {
	struct csv csv;
	size_t count; /* of the fields in each record */
	enum import_target target[CSV_FIELDS_MAX];
	unsigned column[CSV_FIELDS_MAX];
};

static bool read_integer(const char *text, int64_t *ret)
{
	char *end;

	errno = 0;
	*ret = strtoll(text, &end, 10);
	return errno == 0 && *end == '\0' && strspn(text, "+-0123456789") == strlen(text);
}

/* No hexadecimal, infinity or NaN, which strtod() reads as well. */
static bool read_real(const char *text, double *ret)
{
	char *end;

	errno = 0;
	*ret = strtod(text, &end);
	return errno == 0 && *end == '\0' && strspn(text, "+-0123456789.eE") == strlen(text);
}

static bool read_boolean(const char *text, int64_t *ret)
{
	*ret = strcmp(text, "true") == 0 || strcmp(text, "1") == 0;
	return *ret || strcmp(text, "false") == 0 || strcmp(text, "0") == 0;
}

/* False: it is not of the column's type. */
static bool read_text(const struct csv_field *field, enum value_type type, struct value *ret)
{
	ret->type = type;
	ret->text = field->text;
	ret->len = field->len;
	if (type == VALUE_INTEGER)
		return read_integer(field->text, &ret->integer);
	if (type == VALUE_BOOLEAN)
		return read_boolean(field->text, &ret->integer);
	return type != VALUE_REAL || read_real(field->text, &ret->real);
}

static const char *type_word(enum value_type type)
{
	return type == VALUE_INTEGER   ? "an integer"
	       : type == VALUE_REAL    ? "a number"
	       : type == VALUE_BOOLEAN ? "true or false"
				       : "a text";
}

static void fault_type(struct import *import, const struct entity_column *column, const char *text,
		       size_t len)
{
	char shown[80];

	import_fault(import, "%s: expected %s, not %s", column->name, type_word(column->type),
		     diag_name(shown, sizeof(shown), text, len));
}

/* False: it is a fault. An empty field says nothing of its column. */
static bool take_field(struct import *import, const struct csv_import *from, size_t i,
		       struct import_row *ret)
{
	const struct csv_field *field = &from->csv.field[i];
	const struct entity_column *column;

	if (field->len == 0 || from->target[i] == IMPORT_NOWHERE)
		return true;
	if (from->target[i] == IMPORT_ID) {
		ret->write.id = field->text;
		ret->write.id_len = field->len;
		return true;
	}
	if (from->target[i] == IMPORT_OWNER) {
		ret->write.owner = field->text;
		ret->write.owner_len = field->len;
		return true;
	}
	column = &import->entity->column[from->column[i]];
	if (read_text(field, column->type, add_value(ret, from->column[i])))
		return true;
	fault_type(import, column, field->text, field->len);
	return false;
}

static int put_record(struct import *import, const struct csv_import *from)
{
	struct import_row row;

	begin_row(import, &row);
	if (from->csv.count != from->count) {
		import_fault(import, "expected %zu fields, as in the first line, not %zu",
			     from->count, from->csv.count);
		return 0;
	}
	for (size_t i = 0; i < from->count; i++)
		if (!take_field(import, from, i, &row))
			return 0;
	return import_put(import, &row);
}

/* False: the first record names no columns that the rest could be read by. */
static bool take_head(struct import *import, struct csv_import *ret)
{
	bool has_id = false, is_right = true;

	ret->count = ret->csv.count;
	for (size_t i = 0; i < ret->count; i++) {
		const char *name = ret->csv.field[i].text;

		ret->target[i] = import_target(import, name, &ret->column[i]);
		is_right &= ret->target[i] != IMPORT_UNKNOWN;
		has_id |= ret->target[i] == IMPORT_ID;
		for (size_t k = 0; k < i; k++) {
			if (strcmp(name, ret->csv.field[k].text) != 0)
				continue;
			import_fault(import, "the column \"%s\" is there twice", name);
			is_right = false;
		}
	}
	if (!has_id)
		import_fault(import,
			     "expected the columns' names in the first line, id among them");
	return is_right && has_id;
}

int import_csv(struct import *import)
{
	struct csv_import *from = malloc(sizeof(*from));
	bool has_head = false;
	struct diag diag;
	int rc = 1;

	if (!from)
		return diag_nomem(&import->call->diag);
	csv_init(&from->csv, import->file);
	while (rc > 0 && (rc = csv_next(&from->csv, &diag)) != 0) {
		import->line = from->csv.record_line;
		if (rc == ERR_IO) {
			rc = diag_set(&import->call->diag, rc, "%s: %s", import->path, diag.text);
		} else if (rc < 0) {
			import_fault(import, "%s", diag.text);
			rc = has_head; /* without the head nothing can be read */
		} else if (!has_head) {
			has_head = take_head(import, from);
			rc = has_head;
		} else {
			rc = put_record(import, from);
			rc = rc ? rc : 1;
		}
	}
	import->line = import->line ? import->line : 1;
	if (rc == 0 && !has_head && import->faults == 0)
		import_fault(import, "expected the columns' names in the first line");
	free(from);
	return rc < 0 ? rc : 0;
}

/* ---- JSON ---------------------------------------------------------------------------------- */

/* A line into @room (IMPORT_LINE_MAX), without its end. Its length; -1: the file is at its end; -2:
 * it is longer. */
static long read_line(FILE *file, char *room)
{
	size_t len = 0;
	int c;

	while ((c = getc_unlocked(file)) != EOF && c != '\n') {
		if (len < IMPORT_LINE_MAX)
			room[len] = (char)c;
		len++;
	}
	if (len > IMPORT_LINE_MAX)
		return -2;
	return c == EOF && len == 0 ? -1 : (long)len;
}

/*
 * The next line of JSON that is not empty, as a new object. 1: there is one; 0: the file is at its
 * end; negative as above. Lines that are none are faults.
 */
static int next_object(struct import *import, char *room, json_t **ret)
{
	json_error_t error;
	long len;

	for (*ret = NULL; !*ret;) {
		len = read_line(import->file, room);
		if (len == -1)
			break;
		import->line++;
		if (len == -2) {
			import_fault(import, "a line of more than %zu bytes", IMPORT_LINE_MAX);
			continue;
		}
		while (len > 0 && strchr(" \t\r", room[len - 1]))
			len--;
		if (len == 0)
			continue;
		*ret = json_loadb(room, (size_t)len, JSON_REJECT_DUPLICATES, &error);
		if (!*ret || !json_is_object(*ret)) {
			import_fault(import, "expected an object of JSON%s%s", *ret ? "" : ": ",
				     *ret ? "" : error.text);
			json_decref(*ret);
			*ret = NULL;
		}
	}
	if (ferror(import->file))
		return diag_set(&import->call->diag, ERR_IO, "%s: %s", import->path,
				strerror(errno));
	return *ret != NULL;
}

/* False: it is not of the column's type. */
static bool read_json(const json_t *member, enum value_type type, struct value *ret)
{
	ret->type = type;
	switch (type) {
	case VALUE_INTEGER:
		ret->integer = json_integer_value(member);
		return json_is_integer(member);
	case VALUE_REAL:
		ret->real = json_number_value(member);
		return json_is_number(member);
	case VALUE_BOOLEAN:
		ret->integer =
			json_is_integer(member) ? json_integer_value(member) : json_is_true(member);
		return json_is_boolean(member) ||
		       (json_is_integer(member) && (ret->integer == 0 || ret->integer == 1));
	case VALUE_TEXT:
	case VALUE_NULL:
		break;
	}
	ret->text = json_string_value(member);
	ret->len = json_string_length(member);
	return json_is_string(member);
}

static bool take_text(struct import *import, const char *name, const json_t *member,
		      const char **text, size_t *len)
{
	*text = json_string_value(member);
	*len = json_string_length(member);
	if (*text)
		return true;
	import_fault(import, "%s: expected a text", name);
	return false;
}

static bool take_member(struct import *import, const char *name, const json_t *member,
			struct import_row *ret)
{
	unsigned column;
	enum import_target target = import_target(import, name, &column);
	char *text;

	if (target == IMPORT_UNKNOWN)
		return false;
	if (target == IMPORT_NOWHERE || json_is_null(member))
		return true;
	if (target == IMPORT_ID)
		return take_text(import, name, member, &ret->write.id, &ret->write.id_len);
	if (target == IMPORT_OWNER)
		return take_text(import, name, member, &ret->write.owner, &ret->write.owner_len);
	if (read_json(member, import->entity->column[column].type, add_value(ret, column)))
		return true;
	text = json_dumps(member, JSON_ENCODE_ANY | JSON_COMPACT);
	fault_type(import, &import->entity->column[column], text ? text : "",
		   text ? strlen(text) : 0);
	free(text);
	return false;
}

static int put_object(struct import *import, json_t *object)
{
	bool is_right = true;
	struct import_row row;
	const char *name;
	json_t *member;

	begin_row(import, &row);
	json_object_foreach(object, name, member)
		is_right = is_right && take_member(import, name, member, &row);
	return is_right ? import_put(import, &row) : 0;
}

int import_each_object(struct import *import, import_put_object *put)
{
	char *room = malloc(IMPORT_LINE_MAX + 1);
	json_t *object;
	int rc;

	if (!room)
		return diag_nomem(&import->call->diag);
	while ((rc = next_object(import, room, &object)) == 1) {
		rc = put(import, object);
		json_decref(object);
		if (rc)
			break;
	}
	free(room);
	return rc;
}

int import_objects(struct import *import)
{
	return import_each_object(import, put_object);
}
