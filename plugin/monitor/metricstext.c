#include "monitor/metricstext.h"

#include <inttypes.h>
#include <stdatomic.h>

void metricstext_head(FILE *out, const char *name, const char *type, const char *help)
{
	(void)fprintf(out, "# HELP petstore_%s %s\n", name, help);
	if (type)
		(void)fprintf(out, "# TYPE petstore_%s %s\n", name, type);
}

void metricstext_number(FILE *out, uint64_t value, unsigned divisor)
{
	if (divisor == 1)
		(void)fprintf(out, "%" PRIu64, value);
	else
		(void)fprintf(out, "%.9g", (double)value / divisor);
}

void metricstext_value(FILE *out, const char *name, const char *type, const char *help,
		       uint64_t value, unsigned divisor)
{
	metricstext_head(out, name, type, help);
	(void)fprintf(out, "petstore_%s ", name);
	metricstext_number(out, value, divisor);
	(void)fputc('\n', out);
}

void metricstext_label(FILE *out, const char *name, const char *value)
{
	(void)fprintf(out, "%s=\"", name);
	for (; *value; value++) {
		if (*value == '"' || *value == '\\')
			(void)fputc('\\', out);
		if ((unsigned char)*value >= 0x20)
			(void)fputc(*value, out);
	}
	(void)fputc('"', out);
}

void metricstext_histogram(FILE *out, const char *name, const char *help,
			   const struct histogram *histogram, unsigned divisor)
{
	uint64_t sum = atomic_load_explicit(&histogram->sum, memory_order_relaxed);
	uint64_t count = 0;

	metricstext_head(out, name, "histogram", help);
	for (unsigned i = 0; i <= histogram->bounds; i++) {
		count += atomic_load_explicit(&histogram->bucket[i], memory_order_relaxed);
		(void)fprintf(out, "petstore_%s_bucket{le=\"", name);
		if (i < histogram->bounds)
			metricstext_number(out, histogram->bound[i], divisor);
		else
			(void)fputs("+Inf", out);
		(void)fprintf(out, "\"} %" PRIu64 "\n", count);
	}
	(void)fprintf(out, "petstore_%s_sum ", name);
	metricstext_number(out, sum, divisor);
	(void)fprintf(out, "\npetstore_%s_count %" PRIu64 "\n", name, count);
}
