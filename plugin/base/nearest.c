#include "base/nearest.h"

#include <ctype.h>
#include <string.h>

static unsigned least(unsigned a, unsigned b)
{
	return a < b ? a : b;
}

static bool is_same(char a, char b)
{
	return tolower((unsigned char)a) == tolower((unsigned char)b);
}

/* Optimal string alignment, by three rows of the table. */
static unsigned distance(const char *a, size_t a_len, const char *b, size_t b_len)
{
	unsigned row[3][NEAREST_BYTES_MAX + 1];

	for (unsigned k = 0; k <= b_len; k++)
		row[0][k] = k;
	for (unsigned i = 1; i <= a_len; i++) {
		unsigned *now = row[i % 3];
		const unsigned *last = row[(i - 1) % 3];

		now[0] = i;
		for (size_t k = 1; k <= b_len; k++) {
			now[k] = least(least(last[k], now[k - 1]) + 1,
				       last[k - 1] + !is_same(a[i - 1], b[k - 1]));
			if (i > 1 && k > 1 && is_same(a[i - 1], b[k - 2]) &&
			    is_same(a[i - 2], b[k - 1]))
				now[k] = least(now[k], row[(i - 2) % 3][k - 2] + 1);
		}
	}
	return row[a_len % 3][b_len];
}

void nearest_try(struct nearest *nearest, const char *known)
{
	size_t len = strlen(nearest->word), known_len = strlen(known);
	unsigned most = len < 5 ? 1 : len < 8 ? 2 : 3, found;

	if (len == 0 || len > NEAREST_BYTES_MAX || known_len > NEAREST_BYTES_MAX ||
	    len > known_len + most || known_len > len + most)
		return;
	found = distance(nearest->word, len, known, known_len);
	if (found > most || found >= len || (nearest->best && found >= nearest->distance))
		return;
	nearest->best = known;
	nearest->distance = found;
}
