#include "learn/maker.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/configwrite.h"

#define TEXT_MAX 1024u /* of what is put together here; what is longer is cut */
#define ROOM_TIMES 4u

static const char *keep(struct maker *maker, const char *text)
{
	const char *kept = arena_text(maker->drafts.arena, text, strlen(text));

	if (!kept && maker->drafts.rc == 0)
		maker->drafts.rc = ERR_NOMEM;
	return kept;
}

void maker_put(struct maker *maker, struct draft *object, const char *name, struct draft *value)
{
	const char *kept = keep(maker, name);

	if (kept)
		draft_put(&maker->drafts, object, kept, value);
}

static const char *format_text(char *text, const char *format, va_list args)
	__attribute__((format(printf, 2, 0)));

static const char *format_text(char *text, const char *format, va_list args)
{
	(void)vsnprintf(text, TEXT_MAX, format, args);
	return text;
}

void maker_text(struct maker *maker, struct draft *object, const char *name, const char *format,
		...)
{
	char text[TEXT_MAX];
	va_list args;

	va_start(args, format);
	maker_put(maker, object, name,
		  draft_string(&maker->drafts, format_text(text, format, args)));
	va_end(args);
}

void maker_integer(struct maker *maker, struct draft *object, const char *name, int64_t integer)
{
	maker_put(maker, object, name, draft_integer(&maker->drafts, integer));
}

struct draft *maker_object(struct maker *maker, struct draft *object, const char *name)
{
	struct draft *made = draft_object(&maker->drafts);

	maker_put(maker, object, name, made);
	return made;
}

struct draft *maker_member(struct maker *maker, struct draft *object, const char *name)
{
	struct draft *there = draft_get(&maker->drafts, object, name);

	return there ? there : maker_object(maker, object, name);
}

struct draft *maker_reference(struct maker *maker, const char *format, ...)
{
	struct draft *made = draft_object(&maker->drafts);
	char text[TEXT_MAX];
	va_list args;

	va_start(args, format);
	maker_text(maker, made, "$ref", "#%s", format_text(text, format, args));
	va_end(args);
	return made;
}

static void note(struct maker *maker, struct draft *object, const char *head, const char *name,
		 const char *text)
{
	const char *key = maker_format(maker, "%s%s", head, name);

	if (key)
		draft_put(&maker->drafts, object, key, draft_string(&maker->drafts, text));
}

void maker_note(struct maker *maker, struct draft *object, const char *name, const char *format,
		...)
{
	char text[TEXT_MAX];
	va_list args;

	va_start(args, format);
	note(maker, object, CONFIGWRITE_NOTE, name, format_text(text, format, args));
	va_end(args);
}

void maker_note_above(struct maker *maker, struct draft *object, const char *name,
		      const char *format, ...)
{
	char text[TEXT_MAX];
	va_list args;

	va_start(args, format);
	note(maker, object, CONFIGWRITE_NOTE CONFIGWRITE_NOTE, name,
	     format_text(text, format, args));
	va_end(args);
}

const char *maker_format(struct maker *maker, const char *format, ...)
{
	char text[TEXT_MAX];
	va_list args;

	va_start(args, format);
	(void)format_text(text, format, args);
	va_end(args);
	return keep(maker, text);
}

const char *maker_count(char *ret, uint64_t count, const char *one)
{
	(void)snprintf(ret, MAKER_COUNT_MAX, "%" PRIu64 " %s%s", count, one, count == 1 ? "" : "s");
	return ret;
}

int64_t maker_room(uint64_t seen, int64_t least)
{
	int64_t room = least;

	while ((uint64_t)room < ROOM_TIMES * seen && room < INT64_C(1) << 40)
		room *= 2;
	return room;
}
