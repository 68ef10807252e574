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
		if (strncmp(at, "{clientId}", 10) == 0)
			param[channel->param_count].own = CONTRACT_OWN_CLIENT;
		param[channel->param_count++].name =
			arena_text(&world->arena, at + 1, strcspn(at + 1, "}"));
	}
}

static void world_build(struct world *world)
{
	topics_free(world->topics);
	world->topics = topics_new(CHANNELS_MAX * CONTRACT_LEVELS_MAX);
	assert_non_null(world->topics);
	for (size_t i = 0; i < world->count; i++)
		assert_null(topics_add(world->topics, &world->channel[i]));
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
	} verbs[] = { { "channel", world_add },
		      { "match", run_match },
		      { "reach", run_reach },
		      { "unshare", run_unshare } };
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

static void test_topics_add__names_the_channel_that_was_there(void **state)
{
	static const char *const pairs[][2] = { { "a/{x}/b", "a/{other}/b" },
						{ "a/b", "a/b" },
						{ "$SYS/#", "$SYS/#" } };

	(void)state;
	for (size_t i = 0; i < sizeof(pairs) / sizeof(*pairs); i++) {
		struct contract_channel first = { .name = "first", .address = pairs[i][0] };
		struct contract_channel second = { .name = "second", .address = pairs[i][1] };
		struct topics *topics = topics_new(8);

		assert_non_null(topics);
		assert_null(topics_add(topics, &first));
		assert_ptr_equal(topics_add(topics, &second), &first);
		topics_free(topics);
	}
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

static bool collect(const struct contract_match *match, void *ctx)
{
	bool *reached = ctx;

	assert_false(reached[match->channel->index]);
	reached[match->channel->index] = true;
	return false;
}

static void compare(const struct world *world, const char *text)
{
	size_t len = strlen(text);
	struct contract_match match = topics_match(world->topics, text, len);
	int expected = reference_find(world->channel, world->count, text, len);
	bool reached[CHANNELS_MAX] = { false };
	bool reachable[CHANNELS_MAX];

	if ((match.channel ? (int)match.channel->index : -1) != expected)
		fail_msg("match %s: %s, expected %d", text,
			 match.channel ? match.channel->address : "-", expected);
	assert_false(topics_reach(world->topics, text, len, collect, reached));
	reference_reach(world->channel, world->count, text, len, reachable);
	for (size_t i = 0; i < world->count; i++)
		if (reached[i] != reachable[i])
			fail_msg("reach %s: %s: %d, expected %d", text, world->channel[i].address,
				 reached[i], reachable[i]);
}

static void random_world(struct world *world, uint32_t *seed)
{
	static const char *const words[] = { "a", "b", "c", "{x}", "{y}", "$s" };
	char address[128];
	char name[16];

	world->topics = topics_new(CHANNELS_MAX * CONTRACT_LEVELS_MAX);
	assert_non_null(world->topics);
	for (unsigned i = 0; i < CHANNELS_MAX; i++) {
		make_text(seed, words, sizeof(words) / sizeof(*words), address);
		if (address[0] == '$' && next_random(seed) % 2)
			strcat(address, "/#");
		(void)snprintf(name, sizeof(name), "c%u", i);
		world_add(world, name, address);
		/* With the same topics as another it is not in the trie, so not in the world. */
		if (topics_add(world->topics, &world->channel[world->count - 1]))
			world->count--;
	}
}

static void test_topics__are_what_the_slow_way_says(void **state)
{
	static const char *const words[] = {
		"a", "b", "c", "d", "+", "#", "", "$s", "$share", "."
	};
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
		cmocka_unit_test(test_topics_reach__stops_at_the_first_yes),
		cmocka_unit_test(test_topics_add__names_the_channel_that_was_there),
		cmocka_unit_test(test_topics_new__failing_allocations),
		cmocka_unit_test(test_topics__are_what_the_slow_way_says),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
