#include "monitor/metrics_brokers.h"

#include <inttypes.h>

#include "monitor/metricstext.h"

static uint64_t positive(int64_t number)
{
	return number > 0 ? (uint64_t)number : 0;
}

/* A number of each broker. */
static uint64_t silence(const struct metrics_broker *broker)
{
	return positive(broker->silent_ms);
}

static uint64_t aliveness(const struct metrics_broker *broker)
{
	return broker->is_alive;
}

static uint64_t waits(const struct metrics_broker *broker)
{
	return positive(broker->waiting);
}

static uint64_t lag(const struct metrics_broker *broker)
{
	return positive(broker->lag_ms);
}

static uint64_t losses(const struct metrics_broker *broker)
{
	return positive(broker->overruled);
}

/* clang-format off */
static const struct {
	const char *name, *type;
	uint64_t (*value)(const struct metrics_broker *broker);
	unsigned divisor;
	const char *help;
} families[] = {
	{ "broker_alive", "gauge", aliveness, 1, "Whether the broker says that it is there, and takes writes." },
	{ "broker_silent_seconds", "gauge", silence, 1000, "Since the broker said so last; not of one that was stopped, or takes no writes." },
	{ "broker_waiting", "gauge", waits, 1, "Accepted writes of the broker that the database has not." },
	{ "broker_lag_seconds", "gauge", lag, 1000, "How old the oldest of them is." },
	{ "broker_overruled_total", NULL, losses, 1, "Steps of the broker that another broker's came before." },
};
/* clang-format on */

void metrics_brokers_print(FILE *out, const struct metrics_broker *broker, size_t count)
{
	for (size_t i = 0; count > 0 && i < sizeof(families) / sizeof(families[0]); i++) {
		metricstext_head(out, families[i].name, families[i].type, families[i].help);
		for (size_t j = 0; j < count; j++) {
			if (broker[j].is_out && families[i].value == silence)
				continue;
			(void)fprintf(out, "petstore_%s{", families[i].name);
			metricstext_label(out, "broker", broker[j].name);
			(void)fputs("} ", out);
			metricstext_number(out, families[i].value(&broker[j]), families[i].divisor);
			(void)fputc('\n', out);
		}
	}
}

void metrics_brokers_visit(const struct metrics_broker *broker, size_t count,
			   void (*visit)(const char *topic, const char *value, void *ctx),
			   void *ctx)
{
	uint64_t alive = 0, overruled = 0, late_ms = 0;
	char text[32];

	if (count == 0)
		return;
	for (size_t i = 0; i < count; i++) {
		alive += broker[i].is_alive;
		overruled += losses(&broker[i]);
		if (broker[i].is_own)
			late_ms = lag(&broker[i]);
	}
	(void)snprintf(text, sizeof(text), "%zu", count);
	visit("brokers/known", text, ctx);
	(void)snprintf(text, sizeof(text), "%" PRIu64, alive);
	visit("brokers/alive", text, ctx);
	(void)snprintf(text, sizeof(text), "%" PRIu64, overruled);
	visit("brokers/overruled", text, ctx);
	(void)snprintf(text, sizeof(text), "%.3f", (double)late_ms / 1000);
	visit("brokers/lag", text, ctx);
}
