/* work.c -- the Petstore's messages, by the million. */
#include "work.h"

#include <string.h>
#include <sys/random.h>
#include <unistd.h>

#include "base/clock.h"

#define DIGITS 8 /* of a message's number, before the closing "} or, of a time, Z"} */
#define NS_A_SECOND INT64_C(1000000000)
#define NS_A_MS INT64_C(1000000)
#define ID_LEN 36

static const char *const names[] = { "fresh", "random", "steps", "standing", "stock", "bad" };
static const char *const steps[] = { "PLACED", "APPROVED", "SHIPPED", "DELIVERED" };
#define STEPS (sizeof(steps) / sizeof(steps[0]))

int work_named(const char *name, enum work_kind *ret)
{
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		if (strcmp(names[i], name) == 0) {
			*ret = (enum work_kind)i;
			return 0;
		}
	}
	return -1;
}

void work_init(struct work *work, enum work_kind kind)
{
	int64_t now = clock_unix_ms();

	work->kind = kind;
	work->start_ms = now;
	if (getrandom(&work->seed, sizeof(work->seed), 0) != (ssize_t)sizeof(work->seed))
		work->seed = (uint64_t)now << 20 ^ (uint64_t)getpid();
	work->start_ns = work->clock_ns = clock_mono_ns();
	(void)clock_print(now, work->now);
}

void work_clock(struct work *work, int64_t now_ns)
{
	if (now_ns - work->clock_ns < NS_A_SECOND)
		return;
	work->clock_ns = now_ns;
	(void)clock_print(clock_unix_ms(), work->now);
}

const char *work_filter(const struct work *work)
{
	return work->kind == WORK_STOCK ? "inventory/+/stock" : "orders/+/status";
}

/* ---- texts, one behind the other ---- */

static char *put(char *at, const char *text, size_t len)
{
	memcpy(at, text, len);
	return at + len;
}

#define PUT(at, literal) put(at, literal, sizeof(literal) - 1)

static char *put_hex(char *at, uint64_t number, unsigned digits)
{
	for (unsigned i = digits; i-- > 0; number >>= 4)
		at[i] = "0123456789abcdef"[number & 15];
	return at + digits;
}

static char *put_number(char *at, uint64_t number)
{
	for (unsigned i = DIGITS; i-- > 0; number /= 10)
		at[i] = (char)('0' + number % 10);
	return at + DIGITS;
}

/* SplitMix64 (Steele, Lea, Flood 2014): each @n has its own number. */
static uint64_t mix(uint64_t n)
{
	n += UINT64_C(0x9e3779b97f4a7c15);
	n = (n ^ n >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	n = (n ^ n >> 27) * UINT64_C(0x94d049bb133111eb);
	return n ^ n >> 31;
}

/* A UUID of @version: what it begins with, and bits that are random. RFC 9562, 4. */
static void put_uuid(char *at, unsigned version, uint64_t first, uint64_t random)
{
	at = put_hex(at, first >> 28, 8);
	at = PUT(at, "-");
	at = put_hex(at, first >> 12, 4);
	at = PUT(at, "-");
	at = put_hex(at, version, 1);
	at = put_hex(at, first, 3);
	at = PUT(at, "-");
	at = put_hex(at, 8 | (random >> 60 & 3), 1);
	at = put_hex(at, random >> 48, 3);
	at = PUT(at, "-");
	(void)put_hex(at, random, 12);
}

/* RFC 9562, 5.4: all bits random but for version and variant. */
static void random_id(const struct work *work, unsigned client, uint64_t n, char ret[ID_LEN])
{
	uint64_t start = work->seed + 2 * ((uint64_t)client << 40 | n);

	put_uuid(ret, 4, mix(start), mix(start + 1));
}

/* RFC 9562, 5.7, as the Petstore's: a time in milliseconds, then random bits. */
static void rising_id(const struct work *work, const struct work_author *author, uint64_t n,
		      char ret[ID_LEN])
{
	uint64_t start = work->seed + 2 * ((uint64_t)author->index << 40 | n);

	put_uuid(ret, 7, (uint64_t)author->born_ms << 12 | (mix(start) & 0xfff), mix(start + 1));
}

/* ---- messages ---- */

static void order_topic(const char *id, struct work_message *ret)
{
	char *at = PUT(ret->topic, "orders/");

	at = put(at, id, ID_LEN);
	ret->topic_len = (size_t)(PUT(at, "/status") - ret->topic);
}

static void order(const struct work *work, const char *id, const char *status, uint64_t number,
		  struct work_message *ret)
{
	char *at = PUT(ret->payload, "{\"orderId\":\"");

	order_topic(id, ret);
	at = put(at, id, ID_LEN);
	at = PUT(at, "\",\"status\":\"");
	at = put(at, status, strlen(status));
	at = PUT(at, "\",\"userId\":\"customer-a\",\"updatedAt\":\"");
	at = put(at, work->now, strlen(work->now));
	at = PUT(at, "\",\"changedBy\":\"till-");
	at = put_number(at, number);
	ret->payload_len = (size_t)(PUT(at, "\"}") - ret->payload);
}

/* The same again, but for the time. */
static void standing(const struct work *work, const char *id, uint64_t number,
		     struct work_message *ret)
{
	char *at = PUT(ret->payload, "{\"orderId\":\"");

	order_topic(id, ret);
	at = put(at, id, ID_LEN);
	at = PUT(at, "\",\"status\":\"PLACED\",\"userId\":\"customer-a\",\"changedBy\":\"till-1\","
		     "\"updatedAt\":\"");
	at = put(at, work->now, 19);
	at = PUT(at, ".");
	at = put_number(at, number);
	ret->payload_len = (size_t)(PUT(at, "Z\"}") - ret->payload);
}

static void stock(const struct work *work, const char *id, uint64_t number,
		  struct work_message *ret)
{
	char *at = PUT(ret->topic, "inventory/");

	at = put(at, id, ID_LEN);
	ret->topic_len = (size_t)(PUT(at, "/stock") - ret->topic);
	at = PUT(ret->payload, "{\"productId\":\"");
	at = put(at, id, ID_LEN);
	at = PUT(at, "\",\"quantity\":");
	*at++ = (char)('1' + number % 9);
	at = PUT(at, "00,\"reserved\":1,\"updatedAt\":\"");
	at = put(at, work->now, strlen(work->now));
	at = PUT(at, "\",\"warehouse\":\"hall-");
	at = put_number(at, number);
	ret->payload_len = (size_t)(PUT(at, "\"}") - ret->payload);
}

/* Which order or product message @n of a client is about. */
static uint64_t entity(const struct work *work, uint64_t n)
{
	return work->kind == WORK_STEPS ? n / STEPS : work->kind == WORK_STANDING ? 0 : n;
}

void work_next(const struct work *work, struct work_author *author, uint64_t number, int64_t now_ns,
	       struct work_message *ret)
{
	uint64_t n = author->next++;
	size_t step = work->kind == WORK_STEPS ? n % STEPS : 0;
	char id[ID_LEN];

	if (step == 0)
		author->born_ms = work->start_ms;
	if (step == 0 && work->kind != WORK_STANDING)
		author->born_ms += (now_ns - work->start_ns) / NS_A_MS;
	if (work->kind == WORK_RANDOM)
		random_id(work, author->index, n, id);
	else
		rising_id(work, author, entity(work, n), id);
	ret->is_new =
		work->kind < WORK_STOCK && step == 0 && (work->kind != WORK_STANDING || n == 0);
	ret->is_last = step == STEPS - 1;
	if (work->kind == WORK_STANDING)
		standing(work, id, number, ret);
	else if (work->kind == WORK_STOCK)
		stock(work, id, number, ret);
	else
		order(work, id, work->kind == WORK_BAD ? "LOST" : steps[step], number, ret);
}

uint64_t work_resume(const struct work *work, uint64_t n)
{
	return work->kind == WORK_STEPS ? (n + STEPS - 1) / STEPS * STEPS : n;
}

uint64_t work_number(const unsigned char *payload, size_t len)
{
	uint64_t number = 0;

	if (len < DIGITS + 3)
		return UINT64_MAX;
	if (payload[len - 3] == 'Z')
		len--;
	for (size_t i = len - 2 - DIGITS; i < len - 2; i++) {
		if (payload[i] < '0' || payload[i] > '9')
			return UINT64_MAX;
		number = 10 * number + payload[i] - '0';
	}
	return number;
}
