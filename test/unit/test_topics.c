/* The topic trie: a rules file, and random topics against the slow, obvious way. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
/* cmocka.h wants the four above first */
#include <cmocka.h>

#include "base/arena.h"
#include "contract/contract.h"
#include "contract/topics.h"
#include "failalloc.h"
#include "topics_reference.h"

#define CASES "test/data/contract/topics.cases"
#define CHANNELS_MAX 64

struct world {
	size_t count;
	struct contract_channel channel[CHANNELS_MAX];
	struct topics *topics;
	size_t built;       /* channels that are in it */
	struct arena arena; /* names, addresses, parameters */
	const char *place;  /* "file:line", for a failure */
};

static void world_add(struct world *world, const char *name, const char *address)
{
	struct contract_channel *channel = &world->channel[world->count];
	struct contract_param *param =
		arena_take(&world->arena, CONTRACT_PARAMS_MAX, sizeof(*param));

	*channel = (struct contract_channel){ .index = (unsigned)world->count++, .param = param };
	channel->name = arena_text(&world->arena, name, strlen(name));
	channel->address = arena_text(&world->arena, address, strlen(address));
	for (const char *at = strchr(address, '{'); at; at = strchr(at + 1, '{')) {
		param[channel->param_count++].name =
			arena_text(&world->arena, at + 1, strcspn(at + 1, "}"));
	}
}

static void world_build(struct world *world)
{
	const struct contract_channel *other;
	struct topics_pair pair;

	topics_free(world->topics);
	world->topics = topics_new(CHANNELS_MAX * CONTRACT_LEVELS_MAX);
	assert_non_null(world->topics);
	for (size_t i = 0; i < world->count; i++)
		assert_int_equal(topics_add(world->topics, &world->channel[i], &other), TOPICS_OK);
	assert_int_equal(topics_check(world->topics, &pair), TOPICS_OK);
	assert_true(topics_settle(world->topics));
	world->built = world->count;
}

static void world_clear(struct world *world)
{
	topics_free(world->topics);
	arena_clear(&world->arena);
}

/* "name" and "<joint>parameter=level" for each parameter. */
static void print_match(char *ret, size_t cap, const struct contract_match *match,
			const char *joint)
{
	const struct contract_channel *channel = match->channel;
	size_t used = (size_t)snprintf(ret, cap, "%s", channel ? channel->name : "-");

	for (size_t p = 0; channel && p < channel->param_count; p++)
		used += (size_t)snprintf(ret + used, cap - used, "%s%s=%.*s", joint,
					 channel->param[p].name,
					 match->param[p].text ? (int)match->param[p].len : 1,
					 match->param[p].text ? match->param[p].text : "*");
}

static void check(const struct world *world, const char *line, const char *expected,
		  const char *actual)
{
	if (strcmp(expected, actual) != 0)
		fail_msg("%s: %s\n  expected: %s\n  but it is: %s", world->place, line, expected,
			 actual);
}

static void run_match(struct world *world, const char *topic, const char *expected)
{
	struct contract_match match = topics_match(world->topics, topic, strlen(topic));
	char text[1024];

	print_match(text, sizeof(text), &match, " ");
	check(world, topic, expected, text);
}

struct seen {
	char text[CHANNELS_MAX][256];
};

static bool see(const struct contract_match *match, void *ctx)
{
	struct seen *seen = ctx;
	char *text = seen->text[match->channel->index];

	assert_string_equal(text, ""); /* each channel once */
	print_match(text, sizeof(seen->text[0]), match, ",");
	return false;
}

static void run_reach(struct world *world, const char *filter, const char *expected)
{
	static struct seen seen;
	char text[4096] = "";
	size_t used = 0;

	memset(&seen, 0, sizeof(seen));
	assert_false(topics_reach(world->topics, filter, strlen(filter), see, &seen));
	for (size_t i = 0; i < world->count; i++)
		if (seen.text[i][0])
			used += (size_t)snprintf(text + used, sizeof(text) - used, "%s%s",
						 used ? " " : "", seen.text[i]);
	check(world, filter, expected, used ? text : "-");
}

static void run_nearest(struct world *world, const char *topic, const char *expected)
{
	const struct contract_channel *nearest =
		topics_nearest(world->topics, topic, strlen(topic), NULL, NULL);

	check(world, topic, expected, nearest ? nearest->name : "-");
}

static void run_forget(struct world *world, const char *all, const char *channels)
{
	(void)all;
	(void)channels;
	world->count = 0;
}

static void run_unshare(struct world *world, const char *filter, const char *expected)
{
	size_t len = strlen(filter);
	const char *rest = topics_unshare(filter, &len);

	assert_int_equal(len, strlen(rest));
	check(world, filter, expected, rest);
}

static void run_line(struct world *world, char *line)
{
	static const struct {
		const char *verb;
		void (*run)(struct world *, const char *, const char *);
	} verbs[] = { { "channel", world_add }, { "match", run_match },
		      { "reach", run_reach },   { "nearest", run_nearest },
		      { "forget", run_forget }, { "unshare", run_unshare } };
	char *subject = line + strcspn(line, " ");
	char *object;

	*subject++ = '\0';
	object = subject + strcspn(subject, " ");
	*object++ = '\0';
	if (strcmp(line, "channel") != 0 && world->built != world->count)
		world_build(world);
	for (size_t i = 0; i < sizeof(verbs) / sizeof(*verbs); i++) {
		if (strcmp(verbs[i].verb, line) == 0) {
			verbs[i].run(world, subject, object);
			return;
		}
	}
	fail_msg("%s: no such verb: %s", world->place, line);
}

static void test_topics__cases(void **state)
{
	struct world world = { 0 };
	FILE *file = fopen(CASES, "r");
	char line[4096];
	char place[64];
	unsigned number = 0;
	unsigned run = 0;

	(void)state;
	assert_non_null(file);
	world.place = place;
	while (fgets(line, sizeof(line), file)) {
		(void)snprintf(place, sizeof(place), "%s:%u", CASES, ++number);
		line[strcspn(line, "\n")] = '\0';
		if (!line[0] || line[0] == '#')
			continue;
		run_line(&world, line);
		run++;
	}
	(void)fclose(file);
	assert_true(run > 100);
	world_clear(&world);
}

static void test_topics_match__refuses_what_mqtt_has_not(void **state)
{
	struct world world = { 0 };
	char *giant = malloc(65536);

	(void)state;
	assert_non_null(giant);
	memset(giant, 'a', 65536);
	memcpy(giant, "$SYS/", 5);
	world_add(&world, "sys", "$SYS/#");
	world_add(&world, "one", "{a}");
	world_build(&world);
	assert_null(topics_match(world.topics, "", 0).channel);
	assert_null(topics_match(world.topics, "a\0b", 3).channel);
	assert_null(topics_match(world.topics, "$SYS/\0", 6).channel);
	assert_non_null(topics_match(world.topics, giant, 65535).channel);
	assert_null(topics_match(world.topics, giant, 65536).channel);
	assert_false(topics_reach(world.topics, "", 0, see, NULL));
	assert_false(topics_reach(world.topics, "+\0", 2, see, NULL));
	giant[65535] = '+';
	giant[65534] = '/';
	assert_false(topics_reach(world.topics, giant, 65536, see, NULL));
	free(giant);
	world_clear(&world);
}

static bool collect(const struct contract_match *match, void *ctx)
{
	bool *reached = ctx;

	assert_false(reached[match->channel->index]);
	reached[match->channel->index] = true;
	return false;
}

static void test_topics_match__takes_utf8_only(void **state)
{
	static const char *const bad[] = { "a/\x80",         "a/\xc3",    "a/\xc0\xaf",
					   "a/\xed\xa0\x80", "p/x\xff.b", "p/a.\xc3",
					   "w/\x80/b",       "r/\x80",    "r/a/\x80" };
	struct world world = { 0 };

	(void)state;
	world_add(&world, "param", "a/{x}");
	world_add(&world, "parts", "p/{x}.{y}");
	world_add(&world, "plus", "w/+/b");
	world_add(&world, "rest", "r/#");
	world_build(&world);
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
		if (topics_match(world.topics, bad[i], strlen(bad[i])).channel)
			fail_msg("bad[%zu] has a channel", i);
	assert_non_null(topics_match(world.topics, "a/\xf0\x9f\x90\xb6", 6).channel);
	assert_non_null(topics_match(world.topics, "a/\x01", 3).channel); /* the broker's matter */
	assert_null(topics_match(world.topics, "a/b\0c", 5).channel);
	assert_null(topics_match(world.topics, "r/b\0c", 5).channel);
	assert_null(topics_match(world.topics, "p/b.\0c", 6).channel);
	world_clear(&world);
}

static void test_topics__takes_long_levels(void **state)
{
	struct world world = { 0 };
	char text[512];
	bool reached[1];

	(void)state;
	world_add(&world, "p", "a/{x}/{y}.{z}/+/#");
	world_build(&world);
	for (unsigned i = 0; i < 5; i++) {
		for (unsigned bad = 0; bad < 4; bad++) {
			/* Each level in turn is long, and then has a byte that is not UTF-8. */
			(void)snprintf(text, sizeof(text), "a/%0*d/%0*d.%0*d/%0*d/%0*d",
				       i == 0 ? 90 : 1, 0, i == 1 ? 90 : 1, 0, i == 2 ? 90 : 1, 0,
				       i == 3 ? 90 : 1, 0, i == 4 ? 90 : 1, 0);
			if (bad & 1)
				memset(strstr(text, "0000") ? strstr(text, "0000") : text + 2, 0xff,
				       1);
			assert_int_equal(topics_match(world.topics, text, strlen(text)).channel !=
						 NULL,
					 !(bad & 1));
			strcat(text, bad & 2 ? "/+" : "/#");
			reached[0] = false;
			(void)topics_reach(world.topics, text, strlen(text), collect, reached);
			assert_int_equal(reached[0], !(bad & 1));
		}
	}
	world_clear(&world);
}

static bool is_second(const struct contract_match *match, void *ctx)
{
	(void)match;
	return ++*(unsigned *)ctx == 2;
}

static void test_topics_reach__stops_at_the_first_yes(void **state)
{
	struct world world = { 0 };
	unsigned visits = 0;

	(void)state;
	world_add(&world, "a", "x/a");
	world_add(&world, "b", "x/b");
	world_add(&world, "c", "x/{c}");
	world_build(&world);
	assert_true(topics_reach(world.topics, "#", 1, is_second, &visits));
	assert_int_equal(visits, 2);
	world_clear(&world);
}

static enum topics_fault add_pair(const char *const addresses[2], struct topics_pair *ret)
{
	static struct contract_channel channel[2];
	struct topics *topics = topics_new(2 * CONTRACT_LEVELS_MAX);
	const struct contract_channel *other = NULL;
	enum topics_fault fault = TOPICS_OK;

	assert_non_null(topics);
	*ret = (struct topics_pair){ 0 };
	for (size_t i = 0; i < 2 && !fault; i++) {
		channel[i] = (struct contract_channel){ .address = addresses[i] };
		fault = topics_add(topics, &channel[i], &other);
		if (fault == TOPICS_SAME)
			*ret = (struct topics_pair){ &channel[i], other };
	}
	if (!fault)
		fault = topics_check(topics, ret);
	topics_free(topics);
	return fault;
}

static void test_topics_add__names_the_channel_that_was_there(void **state)
{
	static const char *const pairs[][2] = { { "a/{x}/b", "a/{other}/b" },
						{ "a/b", "a/b" },
						{ "a/", "a/" },
						{ "+", "+" },
						{ "#", "#" },
						{ "a/d-{x}.{y}", "a/d-{b}.{a}" },
						{ "$SYS/#", "$SYS/#" } };

	(void)state;
	for (size_t i = 0; i < sizeof(pairs) / sizeof(*pairs); i++) {
		struct topics_pair pair;

		assert_int_equal(add_pair(pairs[i], &pair), TOPICS_SAME);
		assert_string_equal(pair.other->address, pairs[i][0]);
		assert_string_equal(pair.channel->address, pairs[i][1]);
	}
}

static void test_topics_check__a_tie_names_both(void **state)
{
	static const char *const ties[][2] = {
		{ "a/{x}.{y}", "a/{x}-{y}" },         { "{x}b", "{x}ab" },
		{ "{x}-{y}/b/c", "{x}.{y}/+/c" },     { "{x}-{y}/b/{z}", "{x}.{y}/{q}/c-{z}" },
		{ "{x}-{y}/b", "{x}.{y}/#" },         { "{x}-{y}", "{x}.{y}/#" },
		{ "{x}-{y}/{z}", "{x}.{y}/{a}.{b}" },
	};
	static const char *const others[][2] = {
		{ "{x}-{y}", "{x}-{y}/b" },
		{ "{x}-{y}/b", "{x}.{y}/c" },
		{ "{x}-{y}/b/{z}", "{x}.{y}/c/{z}" },
		{ "{x}-a", "{x}.b" },
		{ "a-{x}.{y}", "b-{x}-{y}" },
		{ "a-{x}.{y}", "a-b{x}-{y}" },
		{ "{x}.{y}", "{x}" },
		{ "{x}.{y}", "{x}{y}" },
		{ "{x}.{y}", "{x}.{y}.{z}" },
		{ "{x}-{y}/", "{x}.{y}/{z}" },
		{ "a/{x}", "a/+" },
		{ "a/{x}", "+/b" },
	};
	struct topics_pair pair;

	(void)state;
	for (size_t i = 0; i < sizeof(ties) / sizeof(*ties); i++) {
		if (add_pair(ties[i], &pair) != TOPICS_TIE)
			fail_msg("%s and %s are a tie", ties[i][0], ties[i][1]);
		assert_true(pair.channel->address != pair.other->address);
		assert_true(pair.channel->address == ties[i][0] ||
			    pair.channel->address == ties[i][1]);
		assert_true(pair.other->address == ties[i][0] || pair.other->address == ties[i][1]);
	}
	for (size_t i = 0; i < sizeof(others) / sizeof(*others); i++)
		if (add_pair(others[i], &pair) != TOPICS_OK)
			fail_msg("%s and %s are no tie", others[i][0], others[i][1]);
}

/* ---- many addresses ---------------------------------------------------------------------- */

#define MANY 65536

struct many {
	struct contract_channel *channel;
	char (*address)[64];
	struct topics *topics;
};

/* @format with @number in the place of each '@'. */
static void put_number(char *ret, size_t cap, const char *format, size_t number)
{
	size_t used = 0;

	for (; *format; format++)
		used += (size_t)(*format == '@' ? snprintf(ret + used, cap - used, "%zu", number)
						: snprintf(ret + used, cap - used, "%c", *format));
}

/* Addresses by @format with the numbers from 0; stops at the first fault, which is returned. */
static enum topics_fault make_many(struct many *many, const char *format, size_t count)
{
	const struct contract_channel *other;
	struct topics_pair pair;
	enum topics_fault fault = TOPICS_OK;

	many->channel = calloc(count, sizeof(*many->channel));
	many->address = calloc(count, sizeof(*many->address));
	many->topics = topics_new(count * 8);
	assert_true(many->channel && many->address && many->topics);
	for (size_t i = 0; i < count && !fault; i++) {
		put_number(many->address[i], sizeof(many->address[i]), format, i);
		many->channel[i].address = many->address[i];
		many->channel[i].index = (unsigned)i;
		fault = topics_add(many->topics, &many->channel[i], &other);
	}
	return fault ? fault : topics_check(many->topics, &pair);
}

static void free_many(struct many *many)
{
	topics_free(many->topics);
	free(many->channel);
	free(many->address);
}

static void test_topics__as_many_as_a_contract_has(void **state)
{
	static const char *const formats[] = { "a/@/{x}", "x@-{id}/y", "{id}-y@/x",
					       "x@-{id}.{n}-y@/{z}", "{id}/@.{x}" };
	static const char *const topics[] = { "a/4711/b", "x4711-b/y", "b-y4711/x",
					      "x4711-b.b-y4711/b", "b/4711.b" };

	(void)state;
	for (size_t i = 0; i < sizeof(formats) / sizeof(*formats); i++) {
		struct contract_match match;
		struct many many;

		assert_int_equal(make_many(&many, formats[i], MANY), TOPICS_OK);
		match = topics_match(many.topics, topics[i], strlen(topics[i]));
		assert_non_null(match.channel);
		assert_int_equal(match.channel->index, 4711);
		free_many(&many);
	}
}

/* What would make a search slow is refused, and at once. */
static void test_topics__refuses_what_takes_long(void **state)
{
	static const char *const formats[] = { "a-{x}@{y}-b", "a/{x}:@:{y}:@:{z}" };
	const struct contract_channel *other;
	enum topics_fault fault = TOPICS_OK;
	struct topics_pair pair;
	struct topics *topics;
	struct many many;

	(void)state;
	for (size_t i = 0; i < sizeof(formats) / sizeof(*formats); i++) {
		assert_int_equal(make_many(&many, formats[i], MANY), TOPICS_CROWDED);
		free_many(&many);
	}
	/* Each level is "a" or a parameter. */
	topics = topics_new((size_t)MANY * 16);
	assert_non_null(topics);
	many.channel = calloc(MANY, sizeof(*many.channel));
	many.address = calloc(MANY, sizeof(*many.address));
	for (unsigned i = 0; i < MANY && !fault; i++) {
		for (unsigned bit = 0; bit < 16; bit++)
			strcat(many.address[i], i >> bit & 1 ? "/a" : "/{}");
		many.channel[i].address = many.address[i];
		fault = topics_add(topics, &many.channel[i], &other);
	}
	assert_int_equal(fault, TOPICS_OK);
	assert_int_equal(topics_check(topics, &pair), TOPICS_COSTLY);
	many.topics = topics;
	free_many(&many);
}

static void test_topics_new__failing_allocations(void **state)
{
	(void)state;
	for (size_t n = 1;; n++) {
		struct topics *topics;

		failalloc_start(n);
		topics = topics_new(100);
		if (!failalloc_stop()) {
			assert_non_null(topics);
			assert_true(n > 3);
			topics_free(topics);
			return;
		}
		assert_null(topics);
	}
}

/* ---- random topics ---------------------------------------------------------------------- */

static uint32_t next_random(uint32_t *seed)
{
	*seed = *seed * 1664525u + 1013904223u;
	return *seed >> 8;
}

static void make_text(uint32_t *seed, const char *const *words, size_t count, char *ret)
{
	unsigned levels = 1 + next_random(seed) % 6;

	*ret = '\0';
	for (unsigned i = 0; i < levels; i++) {
		strcat(ret, i ? "/" : "");
		strcat(ret, words[next_random(seed) % count]);
	}
}

static void compare(const struct world *world, const char *text)
{
	size_t len = strlen(text);
	struct contract_match match = topics_match(world->topics, text, len);
	struct contract_span param[CONTRACT_PARAMS_MAX];
	int expected = reference_find(world->channel, world->count, text, len, param);
	bool reached[CHANNELS_MAX] = { false };
	bool reachable[CHANNELS_MAX];

	if ((match.channel ? (int)match.channel->index : -1) != expected)
		fail_msg("match %s: %s, expected %d", text,
			 match.channel ? match.channel->address : "-", expected);
	for (size_t i = 0; match.channel && i < match.channel->param_count; i++) {
		assert_ptr_equal(match.param[i].text, param[i].text);
		assert_int_equal(match.param[i].len, param[i].len);
	}
	(void)topics_nearest(world->topics, text, len, NULL, NULL);
	assert_false(topics_reach(world->topics, text, len, collect, reached));
	reference_reach(world->channel, world->count, text, len, reachable);
	for (size_t i = 0; i < world->count; i++)
		if (reached[i] != reachable[i])
			fail_msg("reach %s: %s: %d, expected %d", text, world->channel[i].address,
				 reached[i], reachable[i]);
}

/* Is the world still one when its last channel is in it? */
static bool is_good(struct world *world)
{
	const struct contract_channel *other;
	enum topics_fault fault = TOPICS_OK;
	struct topics_pair pair;

	topics_free(world->topics);
	world->topics = topics_new(CHANNELS_MAX * CONTRACT_LEVELS_MAX);
	assert_non_null(world->topics);
	for (size_t i = 0; i < world->count && !fault; i++)
		fault = topics_add(world->topics, &world->channel[i], &other);
	if (!fault)
		fault = topics_check(world->topics, &pair);
	assert_true(fault == TOPICS_OK || fault == TOPICS_SAME || fault == TOPICS_TIE);
	return !fault;
}

static void random_world(struct world *world, uint32_t *seed)
{
	static const char *const words[] = { "a",       "b",     "c",         "{x}",
					     "{y}",     "$s",    "+",         "",
					     "a{x}",    "{x}b",  "a{x}b",     "{x}.{y}",
					     "a{x}{y}", "{x}-c", "a{x}.{y}b", "a{x}b{y}" };
	char address[256];
	char name[16];

	for (unsigned i = 0; i < CHANNELS_MAX; i++) {
		make_text(seed, words, sizeof(words) / sizeof(*words), address);
		if (next_random(seed) % 4 == 0)
			strcat(address, "/#");
		if (!address[0] || (strchr(address, '$') && address[0] != '$'))
			continue;
		(void)snprintf(name, sizeof(name), "c%u", i);
		world_add(world, name, address);
		if (!is_good(world))
			world->count--;
	}
	assert_true(is_good(world));
}

static void test_topics__are_what_the_slow_way_says(void **state)
{
	static const char *const words[] = { "a",     "b",      "c",    "d",   "+",   "#",    "",
					     "$s",    "$share", ".",    "ab",  "aab", "abb",  "a.b",
					     "aa.bb", "c-c",    "a..b", "aaa", "a.",  "b.c-c" };
	uint32_t seed = 1;
	char text[128];

	(void)state;
	for (unsigned w = 0; w < 50; w++) {
		struct world world = { 0 };

		random_world(&world, &seed);
		for (unsigned i = 0; i < 2000; i++) {
			make_text(&seed, words, sizeof(words) / sizeof(*words), text);
			compare(&world, text);
		}
		world_clear(&world);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_topics__cases),
		cmocka_unit_test(test_topics_match__refuses_what_mqtt_has_not),
		cmocka_unit_test(test_topics_match__takes_utf8_only),
		cmocka_unit_test(test_topics__takes_long_levels),
		cmocka_unit_test(test_topics_reach__stops_at_the_first_yes),
		cmocka_unit_test(test_topics_add__names_the_channel_that_was_there),
		cmocka_unit_test(test_topics_check__a_tie_names_both),
		cmocka_unit_test(test_topics__as_many_as_a_contract_has),
		cmocka_unit_test(test_topics__refuses_what_takes_long),
		cmocka_unit_test(test_topics_new__failing_allocations),
		cmocka_unit_test(test_topics__are_what_the_slow_way_says),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
