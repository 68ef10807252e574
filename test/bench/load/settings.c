/* settings.c -- what the load was asked for. */
#include "settings.h"

#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NUMBER(name, member, least, most)                                                          \
	{                                                                                          \
		name, offsetof(struct settings, member), least, most                               \
	}
#define TEXT(name, member)                                                                         \
	{                                                                                          \
		name, offsetof(struct settings, member), 0, 0                                      \
	}

static const struct option {
	const char *name;
	size_t at;
	unsigned long least, most; /* most is 0: a text */
} options[] = {
	NUMBER("port", port, 1, 65535),
	NUMBER("version", version, 4, 5),
	NUMBER("qos", qos, 0, 2),
	NUMBER("clients", clients, 1, 20000),
	NUMBER("subscribers", subscribers, 0, 1000),
	NUMBER("window", window, 1, SETTINGS_WINDOW_MAX),
	NUMBER("messages", messages, 1, 50000000),
	NUMBER("warm-up", warm_up, 0, 50000000),
	NUMBER("seconds", seconds, 0, 3600),
	NUMBER("rate", rate, 0, 10000000),
	NUMBER("pause", pause, 0, 100000),
	NUMBER("pid", pid, 0, 1ul << 30),
	TEXT("user", user),
	TEXT("password", password),
	TEXT("client-id", client_id),
	TEXT("work", work),
	TEXT("tls", tls),
};

static void usage(void)
{
	(void)fprintf(stderr, "usage: load --port N [--OPTION VALUE]...\n");
	for (size_t i = 0; i < sizeof(options) / sizeof(options[0]); i++) {
		(void)fprintf(stderr, "  --%s", options[i].name);
		if (options[i].most)
			(void)fprintf(stderr, " %lu..%lu", options[i].least, options[i].most);
		(void)fprintf(stderr, "\n");
	}
	exit(2);
}

static void set(struct settings *settings, const struct option *option, const char *value)
{
	void *at = (char *)settings + option->at;
	unsigned long number;
	char *end;

	if (!option->most) {
		*(const char **)at = value;
		return;
	}
	number = strtoul(value, &end, 10);
	if (end == value || *end || number < option->least || number > option->most)
		usage();
	*(unsigned long *)at = number;
}

void settings_read(int argc, char **argv, struct settings *ret)
{
	*ret = (struct settings){ .version = 5,
				  .qos = 1,
				  .clients = 16,
				  .window = 16,
				  .messages = 20000,
				  .password = "",
				  .client_id = "load",
				  .work = "steps" };
	for (int i = 1; i < argc; i += 2) {
		size_t k = 0, count = sizeof(options) / sizeof(options[0]);

		while (k < count && (strncmp(argv[i], "--", 2) != 0 ||
				     strcmp(argv[i] + 2, options[k].name) != 0))
			k++;
		if (k == count || i + 1 == argc)
			usage();
		set(ret, &options[k], argv[i + 1]);
	}
	if (!ret->port)
		usage();
}
