/*
 * metricstext.h -- the pieces of a metrics file: heads, values, labels and histograms.
 *
 * What they write is valid both in OpenMetrics 1.0 and in Prometheus's exposition format 0.0.4. All
 * names get "petstore_" in front. What @out does not take shows at its end, ferror(). For the
 * monitor's files that print numbers.
 */
#ifndef PETSTORE_MONITOR_METRICSTEXT_H
#define PETSTORE_MONITOR_METRICSTEXT_H

#include <stdint.h>
#include <stdio.h>

#include "base/histogram.h"

/*
 * Counters have no TYPE line (@type NULL). The two formats can't agree on one: in 0.0.4 it names
 * the sample ("x_total"), in OpenMetrics the family ("x"). Without it they are untyped in the one
 * and unknown in the other, which queries never ask about, and the file is valid in both.
 */
void metricstext_head(FILE *out, const char *name, const char *type, const char *help);

/* @value / @divisor. */
void metricstext_number(FILE *out, uint64_t value, unsigned divisor);

/* A family of one sample without labels: head and value. */
void metricstext_value(FILE *out, const char *name, const char *type, const char *help,
		       uint64_t value, unsigned divisor);

/* name="value", with what the formats want escaped. Control characters are left out. */
void metricstext_label(FILE *out, const char *name, const char *value);

/* A whole family. Bounds and sum are divided by @divisor. */
void metricstext_histogram(FILE *out, const char *name, const char *help,
			   const struct histogram *histogram, unsigned divisor);

#endif
