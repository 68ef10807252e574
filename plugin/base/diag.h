/*
 * diag.h -- how a lower room reports what went wrong.
 *
 * Knows one line of text and the error numbers; knows nothing of logs. A room that fails
 * returns a negative enum err and leaves exactly one line in the caller's struct diag; only
 * the plugin's events and petstorectl print it. The line names the file, the JSON
 * Pointer or line where there is one, and what was expected; it holds no control characters,
 * whatever the bad input was.
 *
 * Functions that store a line are cold: the compiler moves the code of failures away from the code
 * of successes.
 */
#ifndef PETSTORE_DIAG_H
#define PETSTORE_DIAG_H

#include <stdarg.h>
#include <stddef.h>

/* Answers of functions that can fail: 0, or one of these. Never mixed with enum verdict. */
enum err {
	ERR_NOMEM = -1,   /* memory ran out */
	ERR_IO = -2,      /* a file can't be read, written or made */
	ERR_SYNTAX = -3,  /* not the format it should be (JSON, base64, a line) */
	ERR_INVALID = -4, /* well-formed, but not allowed or not consistent */
	ERR_LIMIT = -5,   /* larger than its named maximum */
	ERR_VERSION = -6, /* written by a newer version or by another program */
	ERR_BUSY = -7,    /* not available now; a later call may succeed */
	ERR_DOUBT = -8,   /* it may have happened: it was sent, and no answer came */
	ERR_STALE = -9,   /* something else stands there by now: decide again */
};

/* mosquitto cuts a log line at 1000 bytes; 800 leaves room for the prefix. */
#define DIAG_MAX 800

struct diag {
	char text[DIAG_MAX]; /* NUL-terminated; "" while nothing was stored */
};

/*
 * Of functions that can fail: a caller that does not look at the result does not compile. Where
 * failing changes nothing it says so by diag_ignore().
 */
#define MUST_CHECK __attribute__((warn_unused_result))

static inline void diag_ignore(int rc)
{
	(void)rc;
}

void diag_init(struct diag *diag);

/*
 * Stores the line, replacing what was there, and returns @err so that a failure reads
 * `return diag_set(diag, ERR_INVALID, "...")`. What diag_escape() escapes comes out as \xNN; a
 * line that is too long ends in "...". @diag may be NULL.
 */
int diag_set(struct diag *diag, int err, const char *format, ...)
	__attribute__((format(printf, 3, 4), cold));
int diag_vset(struct diag *diag, int err, const char *format, va_list args)
	__attribute__((format(printf, 3, 0), cold));

/* Puts the text and ": " in front of the stored line: the caller's file, the outer object. */
void diag_prefix(struct diag *diag, const char *format, ...)
	__attribute__((format(printf, 2, 3), cold));

/* The faults of a file, one line each; an empty list is all zero. */
#define DIAG_LIST_MAX 50u

struct diag_list {
	unsigned count;
	struct diag line[DIAG_LIST_MAX];
};

/* Adds @line, unless the list has it already or is full. */
void diag_list_add(struct diag_list *list, const char *line) __attribute__((cold));

/* Stores "out of memory" and returns ERR_NOMEM. */
int diag_nomem(struct diag *diag) __attribute__((cold));

/*
 * Copies @len bytes of @text to @ret (room for @cap bytes, NUL included) with everything
 * escaped that could forge a line, steer a terminal or mislead the eye: bytes that are not
 * UTF-8, and what utf8_is_plain() names. Cuts with "..." when it does not fit. Returns @ret.
 */
char *diag_escape(char *ret, size_t cap, const char *text, size_t len);

/*
 * The same for a name that a client chose (a topic, a client id, a principal) and that more words
 * of the line follow: where it is not printable ASCII without spaces, quotes, backslashes and
 * parentheses, it comes out in double quotes, with these two escaped as well, so that it is read as
 * one word. So is a cut one.
 */
char *diag_name(char *ret, size_t cap, const char *text, size_t len);

#endif
