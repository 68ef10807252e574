/*
 * Topics and filters against addresses of every shape: the trie answers what matching level by
 * level answers. The input is both topic and filter.
 */
#include <stdint.h>
#include <stdlib.h>

#include "../unit/topics_reference.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct contract_channel channels[] = {
	{ .address = "a" },
	{ .address = "a/b" },
	{ .address = "a/{x}" },
	{ .address = "a/{x}/c" },
	{ .address = "a/b/{y}/d" },
	{ .address = "{x}/b" },
	{ .address = "{x}/{y}/c/{z}" },
	{ .address = "{x}/b/c/d" },
	{ .address = "{x}/{y}/{z}/d/e/f" },
	{ .address = "a/b/c/d/e/f/g/h/i/j/k/l/m/n/o/p" },
	{ .address = "{a}/{b}/{c}/{d}/e/f/g/h/{i}/{j}/{k}/l/m/n/o/{p}" },
	{ .address = "$SYS/#" },
	{ .address = "$SYS/a" },
	{ .address = "$SYS/a/b/#" },
	{ .address = "$s/a" },
	{ .address = "\xc3\xa9/{x}" },
	{ .address = "/" },
	{ .address = "/a/" },
	{ .address = "//{x}" },
	{ .address = "a//+" },
	{ .address = "+/+/b" },
	{ .address = "a/b/#" },
	{ .address = "b/#" },
	{ .address = "+/#" },
	{ .address = "a/{x}.{y}" },
	{ .address = "a/{x}.{y}/{z}" },
	{ .address = "a/{x}{y}{z}c" },
	{ .address = "d-{x}/b" },
	{ .address = "d-{x}-e/b" },
	{ .address = "d-{x}-{y}-e/b" },
	{ .address = "d-a{x}/{y}" },
	{ .address = "{x}a/c/{y}b" },
	{ .address = "{x}\xc3\xa9{y}/c" },
	{ .address = "e/{x}/c/{y}" },
	{ .address = "f/g/h" },
	{ .address = "f/i/{x}" },
	{ .address = "$t" },
};

#define COUNT (sizeof(channels) / sizeof(*channels))

static bool collect(const struct contract_match *match, void *ctx)
{
	bool *reached = ctx;

	if (reached[match->channel->index])
		abort(); /* each channel once */
	reached[match->channel->index] = true;
	return false;
}

static struct topics *build(void)
{
	struct topics *topics = topics_new(COUNT * CONTRACT_LEVELS_MAX);
	const struct contract_channel *other;
	struct topics_pair pair;

	for (unsigned i = 0; topics && i < COUNT; i++) {
		channels[i].index = i;
		for (const char *at = channels[i].address; (at = strchr(at, '{')); at++)
			channels[i].param_count++;
		if (topics_add(topics, &channels[i], &other))
			abort();
	}
	if (topics && (topics_check(topics, &pair) || !topics_settle(topics)))
		abort();
	return topics;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct topics *topics;
	const char *text = (const char *)data;
	bool reached[COUNT] = { false };
	bool reachable[COUNT];
	struct contract_span param[CONTRACT_PARAMS_MAX];
	struct contract_match match;

	if (!topics)
		topics = build();
	topics_find(topics, text, size, &match);
	if ((match.channel ? (int)match.channel->index : -1) !=
	    reference_find(channels, COUNT, text, size, param))
		abort();
	for (size_t i = 0; match.channel && i < match.channel->param_count; i++)
		if (match.param[i].text != param[i].text || match.param[i].len != param[i].len)
			abort();
	/* A guess: it ends, and reads no more than that. */
	(void)topics_nearest(topics, text, size, NULL, NULL);
	if (topics_reach(topics, text, size, collect, reached))
		abort();
	reference_reach(channels, COUNT, text, size, reachable);
	if (memcmp(reached, reachable, sizeof(reached)) != 0)
		abort();
	return 0;
}
