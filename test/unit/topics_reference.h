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
#include <string.h>

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

/*
 * Has @address the topic? The rank says how well, as text: a 'c' for a literal level, a 'b'
 * for a parameter, at the end an 'a' for a "#" and a 'b' for none; the greatest in strcmp()
 * wins.
 */
static inline bool reference_match(const char *address, const char *topic, size_t len, char *rank)
{
	const char *end = topic + len;
	const char *address_end = address + strlen(address);
	const char *a, *t;
	size_t a_len, t_len;

	for (;;) {
		bool has_t;

		if (!reference_level(&address, address_end, &a, &a_len)) {
			strcpy(rank, "b");
			return topic == NULL;
		}
		if (a_len == 1 && *a == '#') {
			strcpy(rank, "a");
			return true;
		}
		has_t = reference_level(&topic, end, &t, &t_len);
		if (!has_t)
			return false;
		/* A parameter takes ids only: the level "{x}" of a topic is no id, and no literal.
		 */
		if (*a == '{' ? !topics_is_id(t, t_len)
			      : a_len != t_len || memcmp(a, t, a_len) != 0)
			return false;
		*rank++ = *a == '{' ? 'b' : 'c';
	}
}

/* The one channel that has the topic; -1: none. */
static inline int reference_find(const struct contract_channel *channel, size_t count,
				 const char *topic, size_t len)
{
	char best[CONTRACT_LEVELS_MAX + 3] = "";
	char rank[CONTRACT_LEVELS_MAX + 3];
	int found = -1;

	if (len == 0 || len > 65535)
		return -1;
	for (size_t i = 0; i < len; i++)
		if (topic[i] == '+' || topic[i] == '#' || topic[i] == '\0')
			return -1;
	for (size_t i = 0; i < count; i++) {
		if (!reference_match(channel[i].address, topic, len, rank))
			continue;
		if (found < 0 || strcmp(rank, best) > 0) {
			found = (int)i;
			strcpy(best, rank);
		}
	}
	return found;
}

/* Is there a topic that filter (well-formed, unshared, with a wildcard) and address both have? */
static inline bool reference_overlap(const char *address, const char *filter, size_t len)
{
	const char *end = filter + len;
	const char *address_end = address + strlen(address);
	const char *a, *f;
	size_t a_len, f_len;

	for (bool is_first = true;; is_first = false) {
		bool has_a = reference_level(&address, address_end, &a, &a_len);
		bool has_f = reference_level(&filter, end, &f, &f_len);
		bool is_plus = has_f && f_len == 1 && *f == '+';
		bool is_hash = has_f && f_len == 1 && *f == '#';

		if (is_first && (is_plus || is_hash) && *a == '$')
			return false;
		if (is_hash || (has_a && a_len == 1 && *a == '#'))
			return true;
		if (!has_a || !has_f)
			return has_a == has_f;
		if (is_plus)
			continue;
		if (*a == '{' ? !topics_is_id(f, f_len)
			      : a_len != f_len || memcmp(a, f, a_len) != 0)
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
	int found;

	memset(reached, 0, count * sizeof(*reached));
	filter = reference_unshare(filter, &len);
	if (!filter || !reference_is_filter(filter, len))
		return;
	if (!memchr(filter, '+', len) && !memchr(filter, '#', len)) {
		found = reference_find(channel, count, filter, len);
		if (found >= 0)
			reached[found] = true;
		return;
	}
	for (size_t i = 0; i < count; i++)
		reached[i] = reference_overlap(channel[i].address, filter, len);
}

#endif
