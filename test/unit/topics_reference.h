/*
 * topics_reference.h -- matching topics and filters the slow, obvious way.
 *
 * One address against one topic or filter, level by level, as MQTT 5, 4.7 reads: what the trie
 * is held against by test_topics.c and fuzz_topics.c.
 */
#ifndef PETSTORE_TOPICS_REFERENCE_H
#define PETSTORE_TOPICS_REFERENCE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "base/utf8.h"
#include "contract/contract.h"
#include "contract/topics.h"

/* Cuts the first level off *text; NULL *ret behind the last one. */
static inline bool reference_level(const char **text, const char *end, const char **ret,
				   size_t *ret_len)
{
	const char *stop = *text;

	if (!*text)
		return false;
	while (stop < end && *stop != '/')
		stop++;
	*ret = *text;
	*ret_len = (size_t)(stop - *text);
	*text = stop < end ? stop + 1 : NULL;
	return true;
}

/* Is the text what a parameter may stand for: UTF-8 without "+", "#" and U+0000? */
static inline bool reference_is_text(const char *text, size_t len)
{
	for (size_t i = 0; i < len;) {
		size_t n = utf8_length((const unsigned char *)text + i, len - i);

		if (n == 0 || text[i] == '+' || text[i] == '#' || text[i] == '\0')
			return false;
		i += n;
	}
	return true;
}

/*
 * Is @level of an address, text and parameters, the same as @text? Tries all texts for each
 * parameter, the shortest first, and stores them in @param.
 */
static inline bool reference_parts(const char *level, const char *level_end, const char *text,
				   const char *end, struct contract_span *param)
{
	if (level == level_end)
		return text == end;
	if (*level != '{')
		return text < end && *text == *level &&
		       reference_parts(level + 1, level_end, text + 1, end, param);
	while (*level++ != '}')
		;
	for (const char *stop = text + 1; stop <= end; stop++) {
		if (stop < end && ((unsigned char)*stop & 0xc0) == 0x80)
			continue; /* within a character */
		*param = (struct contract_span){ text, (size_t)(stop - text) };
		if (reference_parts(level, level_end, stop, end, param + 1))
			return true;
	}
	return false;
}

/* How many parameters stand in the level? */
static inline size_t reference_params(const char *level, size_t len)
{
	size_t count = 0;

	for (size_t i = 0; i < len; i++)
		count += level[i] == '{';
	return count;
}

/* Does the level of an address match the level of a topic? */
static inline bool reference_has(const char *a, size_t a_len, const char *t, size_t t_len,
				 struct contract_span *param)
{
	if (a_len == 1 && *a == '+')
		return reference_is_text(t, t_len);
	if (!memchr(a, '{', a_len))
		return a_len == t_len && memcmp(a, t, a_len) == 0;
	return reference_is_text(t, t_len) && reference_parts(a, a + a_len, t, t + t_len, param);
}

#define REFERENCE_RANK_MAX 5000

/*
 * Adds what the level of an address counts, as text: of two addresses that match a topic, that with
 * the greater rank in strcmp() wins. 9: a byte of text, 5: a parameter, 3: the end of the level, 2:
 * a "+"; at the end of the address 1: a "#", 4: none.
 */
static inline char *reference_rank(char *rank, const char *a, size_t a_len)
{
	bool is_plus = a_len == 1 && *a == '+';

	for (size_t i = 0; i < a_len && !is_plus; i++) {
		*rank++ = a[i] == '{' ? '5' : '9';
		if (a[i] == '{')
			while (a[i] != '}')
				i++;
	}
	*rank++ = is_plus ? '2' : '3';
	return rank;
}

/* Has @address the topic? Its rank, and its parameters, if it has. */
static inline bool reference_match(const char *address, const char *topic, size_t len, char *rank,
				   struct contract_span *param)
{
	const char *end = topic + len;
	const char *address_end = address + strlen(address);
	const char *a, *t;
	size_t a_len, t_len;

	for (bool is_first = true;; is_first = false) {
		if (!reference_level(&address, address_end, &a, &a_len)) {
			strcpy(rank, "4");
			return topic == NULL;
		}
		if (is_first && *topic == '$' && *a != '$')
			return false;
		if (a_len == 1 && *a == '#') {
			strcpy(rank, "1");
			return !topic || reference_is_text(topic, (size_t)(end - topic));
		}
		if (!reference_level(&topic, end, &t, &t_len) ||
		    !reference_has(a, a_len, t, t_len, param))
			return false;
		param += reference_params(a, a_len);
		rank = reference_rank(rank, a, a_len);
	}
}

/* The one channel that has the topic, and its parameters; -1: none. Aborts where two win. */
static inline int reference_find(const struct contract_channel *channel, size_t count,
				 const char *topic, size_t len, struct contract_span *param)
{
	char best[REFERENCE_RANK_MAX] = "";
	char rank[REFERENCE_RANK_MAX];
	struct contract_span found_param[CONTRACT_PARAMS_MAX];
	int found = -1;

	if (len == 0 || len > 65535)
		return -1;
	for (size_t i = 0; i < len; i++)
		if (topic[i] == '+' || topic[i] == '#' || topic[i] == '\0')
			return -1;
	for (size_t i = 0; i < count; i++) {
		if (!reference_match(channel[i].address, topic, len, rank, found_param))
			continue;
		if (found >= 0 && strcmp(rank, best) == 0)
			abort(); /* a tie */
		if (found < 0 || strcmp(rank, best) > 0) {
			found = (int)i;
			strcpy(best, rank);
			memcpy(param, found_param, sizeof(found_param));
		}
	}
	return found;
}

/* Is there a topic that filter (well-formed, unshared, with a wildcard) and address both have? */
static inline bool reference_overlap(const char *address, const char *filter, size_t len)
{
	const char *end = filter + len;
	const char *address_end = address + strlen(address);
	struct contract_span ignored[CONTRACT_PARAMS_MAX];
	const char *a, *f;
	size_t a_len, f_len;

	for (bool is_first = true;; is_first = false) {
		bool has_a = reference_level(&address, address_end, &a, &a_len);
		bool has_f = reference_level(&filter, end, &f, &f_len);
		bool is_plus = has_f && f_len == 1 && *f == '+';
		bool is_hash = has_f && f_len == 1 && *f == '#';

		if (is_first && (is_plus || is_hash) && *a == '$')
			return false;
		if (is_first && f_len > 0 && *f == '$' && *a != '$')
			return false;
		if (is_hash || (has_a && a_len == 1 && *a == '#'))
			return true;
		if (!has_a || !has_f)
			return has_a == has_f;
		if (!is_plus && !reference_has(a, a_len, f, f_len, ignored))
			return false;
	}
}

/* Is the filter one, by MQTT 5, 4.7.1 and 4.7.3? */
static inline bool reference_is_filter(const char *filter, size_t len)
{
	const char *end = filter + len;
	const char *f;
	size_t f_len;

	if (len == 0 || len > 65535 || memchr(filter, 0, len))
		return false;
	for (size_t i = 0, n; i < len; i += n)
		if (!(n = utf8_length((const unsigned char *)filter + i, len - i)))
			return false;
	while (reference_level(&filter, end, &f, &f_len)) {
		bool has_plus = memchr(f, '+', f_len) != NULL;
		bool has_hash = memchr(f, '#', f_len) != NULL;

		if ((has_plus || has_hash) && f_len != 1)
			return false;
		if (has_hash && filter)
			return false;
	}
	return true;
}

/* "$share/group/filter" -> filter; NULL where it begins like one and is none. */
static inline const char *reference_unshare(const char *filter, size_t *len)
{
	const char *rest = filter;
	const char *end = filter + *len;
	const char *f;
	size_t f_len;

	if (*len == 0 || !reference_level(&rest, end, &f, &f_len) || f_len != 6 ||
	    memcmp(f, "$share", 6) != 0)
		return filter;
	if (!reference_level(&rest, end, &f, &f_len) || f_len == 0 || memchr(f, '+', f_len) ||
	    memchr(f, '#', f_len) || !rest)
		return NULL;
	*len = (size_t)(end - rest);
	/* A shared subscription of a shared subscription is none. */
	f = rest;
	return *len >= 6 && memcmp(f, "$share", 6) == 0 && (*len == 6 || f[6] == '/') ? NULL : rest;
}

/* Sets reached[i] for each channel that the filter can reach, as topics_reach() says. */
static inline void reference_reach(const struct contract_channel *channel, size_t count,
				   const char *filter, size_t len, bool *reached)
{
	struct contract_span ignored[CONTRACT_PARAMS_MAX];
	int found;

	memset(reached, 0, count * sizeof(*reached));
	filter = reference_unshare(filter, &len);
	if (!filter || !reference_is_filter(filter, len))
		return;
	if (!memchr(filter, '+', len) && !memchr(filter, '#', len)) {
		found = reference_find(channel, count, filter, len, ignored);
		if (found >= 0)
			reached[found] = true;
		return;
	}
	for (size_t i = 0; i < count; i++)
		reached[i] = reference_overlap(channel[i].address, filter, len);
}

#endif
