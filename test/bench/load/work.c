/* work.c -- the Petstore's messages, by the thousand. */
#include "work.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"

#define DIGITS 8 /* of a message's number, before the closing "} or, of a time, Z"} */

static const char *const names[] = { "fresh", "steps", "standing", "stock", "bad" };
static const char *const steps[] = { "PLACED", "APPROVED", "SHIPPED", "DELIVERED" };

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
	work->run = (uint32_t)(now ^ (int64_t)getpid() << 16);
	(void)clock_print(now, work->now);
}

const char *work_filter(const struct work *work)
{
	return work->kind == WORK_STOCK ? "inventory/+/stock" : "orders/+/status";
}

/* An id as long as the Petstore's, which are UUIDs of version 7. */
static void print_id(const struct work *work, unsigned client, uint64_t n, char ret[40])
{
	(void)snprintf(ret, 40, "%08" PRIx32 "-%04x-7000-8000-%012" PRIx64, work->run,
		       client & 0xffffu, n & UINT64_C(0xffffffffffff));
}

static void order(const struct work *work, const char *id, const char *status, uint64_t number,
		  struct work_message *ret)
{
	ret->topic_len = (size_t)snprintf(ret->topic, sizeof(ret->topic), "orders/%s/status", id);
	ret->payload_len =
		(size_t)snprintf(ret->payload, sizeof(ret->payload),
				 "{\"orderId\":\"%s\",\"status\":\"%s\",\"userId\":\"customer-a\","
				 "\"updatedAt\":\"%s\",\"changedBy\":\"till-%0*" PRIu64 "\"}",
				 id, status, work->now, DIGITS, number);
}

/* The same again, but for the time. */
static void standing(const struct work *work, const char *id, uint64_t number,
		     struct work_message *ret)
{
	ret->topic_len = (size_t)snprintf(ret->topic, sizeof(ret->topic), "orders/%s/status", id);
	ret->payload_len =
		(size_t)snprintf(ret->payload, sizeof(ret->payload),
				 "{\"orderId\":\"%s\",\"status\":\"%s\",\"userId\":\"customer-a\","
				 "\"changedBy\":\"till-1\",\"updatedAt\":\"%.19s.%0*" PRIu64 "Z\"}",
				 id, steps[0], work->now, DIGITS, number);
}

static void stock(const struct work *work, const char *id, uint64_t number,
		  struct work_message *ret)
{
	ret->topic_len = (size_t)snprintf(ret->topic, sizeof(ret->topic), "inventory/%s/stock", id);
	ret->payload_len =
		(size_t)snprintf(ret->payload, sizeof(ret->payload),
				 "{\"productId\":\"%s\",\"quantity\":%u,\"reserved\":1,"
				 "\"updatedAt\":\"%s\",\"warehouse\":\"hall-%0*" PRIu64 "\"}",
				 id, (unsigned)(number % 1000), work->now, DIGITS, number);
}

void work_next(const struct work *work, unsigned client, uint64_t n, uint64_t number,
	       struct work_message *ret)
{
	bool is_steps = work->kind == WORK_STEPS;
	char id[40];

	if (work->kind == WORK_STANDING)
		n = 0;
	print_id(work, client, is_steps ? n / 4 : n, id);
	if (work->kind == WORK_STANDING)
		standing(work, id, number, ret);
	else if (work->kind == WORK_STOCK)
		stock(work, id, number, ret);
	else
		order(work, id, work->kind == WORK_BAD ? "LOST" : steps[is_steps ? n % 4 : 0],
		      number, ret);
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
