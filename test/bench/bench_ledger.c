/*
 * bench_ledger.c -- what keeping costs: the append, the way into SQLite, looking up.
 *
 *     bench_ledger [orders [folder]]
 *     bench_ledger --replay fresh|random|steps|stock messages folder|conninfo
 *
 * Prints one "name value unit" line a number. The folder (default: the current one) should
 * lie on the disk that the database will; its files are removed at the end.
 *
 * Rows a second of the clock say little on a busy machine: rows a second of the writer's
 * processor time say what one free core carries. --replay does nothing else, for counting the
 * writer's instructions: valgrind --tool=callgrind --separate-threads=yes. With a connection string
 * it carries into that PostgreSQL database, which should be empty; the journal is in the current
 * folder then.
 */
#include <dirent.h>
#include <inttypes.h>
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "ledger/journal.h"
#include "ledger/ledger.h"
#include "resident.h"

#define CACHE 65536u
#define BURST 15000u /* appends in a row that the journal has room for */

/* Orders as the shipped contract has them (schemas/petstore.asyncapi.json). */
static const struct entity_column column[] = {
	{ "status", VALUE_TEXT, true },          { "payment_status", VALUE_TEXT, true },
	{ "pet_id", VALUE_TEXT, true },          { "total_amount", VALUE_TEXT, false },
	{ "currency", VALUE_TEXT, false },       { "payment_id", VALUE_TEXT, true },
	{ "payment_amount", VALUE_TEXT, false }, { "payment_currency", VALUE_TEXT, false },
	{ "changed_by", VALUE_TEXT, false },
};
static const struct entity entity = {
	.table = "orders",
	.column_count = sizeof(column) / sizeof(column[0]),
	.column = column,
	.slot_count = 2,
	.slot = { 0, 1 },
	.is_timed = { true, true },
	.link_column = -1,
};
static const struct entity_plan plan = { 1, &entity };

/* What is carried: the load's messages (test/bench/load/work.c). */
enum work {
	WORK_FRESH,  /* new orders, their ids UUIDs of version 7 */
	WORK_RANDOM, /* new orders, their ids random all over, as UUIDs of version 4 are */
	WORK_STEPS,  /* orders that go four steps, one behind the other */
	WORK_STOCK,  /* events of no entity */
	WORKS,
};
static const char *const work_name[WORKS] = { "fresh", "random", "steps", "stock" };
static const char *const step[] = { "PLACED", "APPROVED", "SHIPPED", "DELIVERED" };

#define STEPS 4u
#define CONNECTIONS 16u
#define IDS_A_MS 64u

struct bench {
	struct ledger *ledger;
	struct diag diag;
	size_t orders;
	uint64_t random;
	enum work work;
};

static void die(const char *what, const struct diag *diag)
{
	(void)fprintf(stderr, "bench_ledger: %s: %s\n", what, diag->text);
	exit(1);
}

/* RFC 9562, 5.4 and 5.7: random all over, or a time in milliseconds and then random bits. */
static size_t order_id(const struct bench *b, char *ret, size_t cap, uint64_t number)
{
	uint64_t mixed = number * UINT64_C(0x9e3779b97f4a7c15);
	uint64_t ms = UINT64_C(0x019ac2f00000) + number / IDS_A_MS;

	if (b->work == WORK_RANDOM)
		return (size_t)snprintf(ret, cap, "%08" PRIx64 "-5a0e-4b1c-9d2e-%012" PRIx64,
					mixed >> 32, mixed >> 16);
	return (size_t)snprintf(ret, cap, "%08x-%04x-7%03x-9%03x-%012" PRIx64, (unsigned)(ms >> 16),
				(unsigned)ms & 0xffff, (unsigned)(mixed >> 52),
				(unsigned)(mixed >> 40) & 0xfff, mixed & UINT64_C(0xffffffffffff));
}

static uint64_t next_random(struct bench *b)
{
	b->random ^= b->random << 13;
	b->random ^= b->random >> 7;
	b->random ^= b->random << 17;
	return b->random;
}

static int keep(struct bench *b, struct ledger_write *write, uint64_t number)
{
	write->received_ms = 1795232100123 + (int64_t)number / 64;
	write->digest = (number + 1) * UINT64_C(0x9e3779b97f4a7c15);
	write->publisher = "orders-service";
	write->client_id = "orders-service/load-7";
	write->message.qos = 1;
	return ledger_commit(b->ledger, write, &b->diag);
}

static int commit(struct bench *b, uint64_t number, const char *status, bool is_power)
{
	char id[64], topic[96], payload[256], by[16];
	size_t id_len = order_id(b, id, sizeof(id), number);
	size_t by_len = (size_t)snprintf(by, sizeof(by), "till-%08" PRIu64, number % 100000000);
	const struct value value[] = {
		{ .column = 0, .type = VALUE_TEXT, .text = status, .len = strlen(status) },
		{ .column = 8, .type = VALUE_TEXT, .text = by, .len = by_len },
	};
	struct ledger_write write = {
		.id = id,
		.id_len = id_len,
		.owner = "customer-a",
		.owner_len = 10,
		.value_count = 2,
		.value = value,
		.is_power = is_power,
		.kind = "orderStatus",
		.message = { .topic = topic, .payload = payload },
	};

	write.message.topic_len = (size_t)snprintf(topic, sizeof(topic), "orders/%s/status", id);
	write.message.payload_len =
		(size_t)snprintf(payload, sizeof(payload),
				 "{\"orderId\":\"%s\",\"status\":\"%s\",\"userId\":\"customer-a\","
				 "\"updatedAt\":\"2026-11-21T03:35:00.123Z\",\"changedBy\":\"%s\"}",
				 id, status, by);
	return keep(b, &write, number);
}

static int commit_stock(struct bench *b, uint64_t number)
{
	char id[64], topic[96], payload[256];
	struct ledger_write write = {
		.entity = ENTITY_NONE,
		.kind = "inventoryStock",
		.message = { .topic = topic, .payload = payload },
	};

	(void)order_id(b, id, sizeof(id), number);
	write.message.topic_len = (size_t)snprintf(topic, sizeof(topic), "inventory/%s/stock", id);
	write.message.payload_len = (size_t)snprintf(
		payload, sizeof(payload),
		"{\"productId\":\"%s\",\"quantity\":%u,\"reserved\":1,"
		"\"updatedAt\":\"2026-11-21T03:35:00.123Z\",\"warehouse\":\"hall-%08" PRIu64 "\"}",
		id, (unsigned)(number % 1000), number % 100000000);
	return keep(b, &write, number);
}

/* The n-th message of the work. */
static int commit_work(struct bench *b, uint64_t n)
{
	uint64_t pass = n / (STEPS * CONNECTIONS), at = n % (STEPS * CONNECTIONS);

	if (b->work == WORK_STOCK)
		return commit_stock(b, n);
	if (b->work != WORK_STEPS)
		return commit(b, n, step[0], false);
	/* Each connection's order goes all its steps, the connections by turns. */
	return commit(b, pass * CONNECTIONS + at % CONNECTIONS, step[at / CONNECTIONS], false);
}

static void flush(struct bench *b)
{
	if (ledger_flush(b->ledger, 600000, &b->diag))
		die("flush", &b->diag);
}

/* What the caller pays besides, subtracted from each figure. */
static double overhead_ns(struct bench *b)
{
	char id[64], topic[96];
	int64_t start = clock_mono_ns();
	size_t sum = 0;

	for (uint64_t i = 0; i < BURST; i++) {
		sum += order_id(b, id, sizeof(id), next_random(b) % b->orders);
		sum += (size_t)snprintf(topic, sizeof(topic), "orders/%s/status", id);
	}
	return (double)(clock_mono_ns() - start) / BURST + (double)(sum == 0);
}

/* The first line of a file of the task @id; "" where there is none. */
static void read_line(char *ret, size_t cap, const char *id, const char *name)
{
	char path[300];
	FILE *file;

	(void)snprintf(path, sizeof(path), "/proc/self/task/%s/%s", id, name);
	file = fopen(path, "r");
	if (!file || !fgets(ret, (int)cap, file))
		ret[0] = '\0';
	if (file)
		(void)fclose(file);
}

/* What the writer's thread has had of a processor so far; 0 where the system does not say. */
static double writer_cpu_ns(void)
{
	DIR *tasks = opendir("/proc/self/task");
	double ns = 0;

	for (struct dirent *task; tasks && (task = readdir(tasks));) {
		char line[128];

		read_line(line, sizeof(line), task->d_name, "comm");
		if (strcmp(line, "petstore-writer\n") != 0)
			continue;
		read_line(line, sizeof(line), task->d_name, "schedstat");
		ns = strtod(line, NULL);
	}
	if (tasks)
		(void)closedir(tasks);
	return ns;
}

/* Two rounds of the writer's: it has looked through the database then, and new ids are known as
 * new. */
static void settle(struct bench *b)
{
	for (uint64_t i = 0; i < 2; i++) {
		while (commit(b, UINT64_C(1) << 40 | i, step[0], false) != 0)
			(void)usleep(500);
		flush(b);
	}
}

static double database_bytes(const char *path)
{
	struct stat st;

	return stat(path, &st) == 0 ? (double)st.st_size : 0;
}

/* Carried into the database from end to end: an event each, and but for stock a row of orders. */
static void bench_replay(struct bench *b)
{
	size_t rows = b->work == WORK_STOCK ? 1 : 2;
	int64_t start = clock_mono_ns();
	double cpu = writer_cpu_ns(), count = (double)b->orders;

	for (uint64_t i = 0; i < b->orders; i++)
		while (commit_work(b, i) != 0)
			(void)usleep(500);
	flush(b);
	cpu = writer_cpu_ns() - cpu;
	printf("carried_rows_per_s %.0f rows/s\n",
	       (double)rows * count * 1e9 / (double)(clock_mono_ns() - start));
	printf("carried_rows_per_cpu_s %.0f rows/s\n", (double)rows * count * 1e9 / cpu);
	printf("carried_record_cpu %.0f ns\n", cpu / count);
}

static int compare_double(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

/* Bursts that fit the journal, of entities that are in memory; the best and the median. */
static void bench_append(struct bench *b)
{
	enum { ROUNDS = 9 };
	double ns[ROUNDS], extra = overhead_ns(b);

	for (int round = 0; round < ROUNDS; round++) {
		int64_t start;

		flush(b);
		start = clock_mono_ns();
		for (uint64_t i = 0; i < BURST; i++)
			if (commit(b, i % 1000, step[i % 2], false))
				die("commit", &b->diag);
		ns[round] = (double)(clock_mono_ns() - start) / BURST - extra;
	}
	qsort(ns, ROUNDS, sizeof(ns[0]), compare_double);
	printf("commit_process_best %.0f ns\n", ns[0]);
	printf("commit_process_median %.0f ns\n", ns[ROUNDS / 2]);
}

/* The append alone: a record of the usual size into the ring. */
static void bench_journal(const char *folder)
{
	static char body[600];
	struct journal *journal = NULL;
	const unsigned char identity[JOURNAL_IDENTITY] = "bench";
	struct diag diag;
	char path[600];
	double ns[5];

	(void)snprintf(path, sizeof(path), "%s/bench-ledger-%ld.ring", folder, (long)getpid());
	if (journal_open(path, &journal, &diag) ||
	    journal_format(journal, 16u << 20, 0, identity, 1, &diag))
		die("journal", &diag);
	for (int round = 0; round < 5; round++) {
		struct journal_record record;
		int64_t start = clock_mono_ns();
		uint64_t seq;

		for (uint64_t i = 0; i < BURST; i++) {
			void *at = journal_reserve(journal, sizeof(body));

			if (!at)
				die("journal", &diag);
			memcpy(at, body, sizeof(body));
			if (journal_commit(journal, false, &seq, &diag))
				die("journal", &diag);
		}
		ns[round] = (double)(clock_mono_ns() - start) / BURST;
		while (journal_next(journal, &record, &diag) == 1)
			;
		journal_release(journal);
		journal_release(journal);
	}
	qsort(ns, 5, sizeof(ns[0]), compare_double);
	printf("append_600_bytes_best %.0f ns\n", ns[0]);
	printf("append_600_bytes_median %.0f ns\n", ns[2]);
	journal_close(journal);
	(void)unlink(path);
}

static void bench_power(struct bench *b)
{
	enum { TIMES = 300 };
	double us[TIMES];

	flush(b);
	for (int i = 0; i < TIMES; i++) {
		int64_t start = clock_mono_ns();

		if (commit(b, (uint64_t)i, "PLACED", true))
			die("commit", &b->diag);
		us[i] = (double)(clock_mono_ns() - start) / 1e3;
	}
	qsort(us, TIMES, sizeof(us[0]), compare_double);
	printf("commit_power_median %.0f us\n", us[TIMES / 2]);
	printf("commit_power_p99 %.0f us\n", us[TIMES * 99 / 100]);
}

static void bench_look(struct bench *b, const char *name, size_t among)
{
	struct ledger_state state;
	double extra = overhead_ns(b) / 2; /* an id, no topic */
	char id[64];
	int64_t start = clock_mono_ns();
	size_t known = 0, times = 200000;

	for (size_t i = 0; i < times; i++) {
		size_t len = order_id(b, id, sizeof(id), next_random(b) % among);

		if (ledger_look(b->ledger, 0, id, len, &state, &b->diag))
			die("look", &b->diag);
		known += state.is_known;
	}
	printf("%s %.0f ns\n", name, (double)(clock_mono_ns() - start) / (double)times - extra);
	if (known != times)
		die("look: not all are known", &b->diag);
}

static void run_all(struct bench *b)
{
	size_t hot = b->orders < CACHE / 2 ? b->orders : CACHE / 2;
	long before = resident_kib();

	bench_replay(b);
	bench_append(b);
	bench_power(b);
	flush(b);
	bench_look(b, "look_warm_up", hot);
	bench_look(b, "look_hit", hot);
	bench_look(b, "look_mostly_miss", b->orders);
	(void)malloc_trim(0);
	printf("resident_growth %ld KiB\n", resident_kib() - before);
}

/* The word behind --replay, or -1. */
static int work_named(const char *name)
{
	for (int i = 0; i < WORKS; i++)
		if (strcmp(name, work_name[i]) == 0)
			return i;
	return -1;
}

static int usage(void)
{
	(void)fprintf(stderr, "usage: bench_ledger [orders [folder]]\n"
			      "       bench_ledger --replay fresh|random|steps|stock messages "
			      "folder|conninfo\n");
	return 2;
}

int main(int argc, char **argv)
{
	struct bench b = { .orders = 1000000, .random = 88172645463325252u };
	bool is_replay = argc > 1 && strcmp(argv[1], "--replay") == 0;
	int work = is_replay && argc == 5 ? work_named(argv[2]) : is_replay ? -1 : WORK_FRESH;
	char **word = argv + (is_replay ? 3 : 1);
	int words = (int)(argv + argc - word);
	const char *folder = words > 1 ? word[1] : ".";
	char path[512], ring[600];
	bool is_shared = is_replay && ledger_is_shared(folder);
	/* But for the cache those of a broker that says nothing of them. */
	const struct ledger_options options = {
		.path = is_shared ? folder : path,
		.journal = is_shared ? ring : NULL,
		.journal_bytes = 16u << 20,
		.batch_rows = 16384,
		.batch_ms = 50,
		.cache_entities = CACHE,
		.broker = "bench",
		.strict_ms = 50,
	};

	if (work < 0)
		return usage();
	b.work = (enum work)work;
	if (words > 0)
		b.orders = strtoul(word[0], NULL, 10);
	(void)snprintf(path, sizeof(path), "%s/bench-ledger-%ld.db", is_shared ? "." : folder,
		       (long)getpid());
	(void)snprintf(ring, sizeof(ring), "%s-journal.ring", path);
	diag_init(&b.diag);
	if (!is_replay)
		bench_journal(folder);
	if (ledger_open(&options, &plan, &b.ledger, &b.diag))
		die("open", &b.diag);
	settle(&b);
	if (is_replay)
		bench_replay(&b);
	else
		run_all(&b);
	ledger_close(b.ledger);
	if (is_replay && !is_shared)
		printf("database_bytes %.0f bytes a message\n",
		       database_bytes(path) / (double)b.orders);
	(void)unlink(path);
	(void)unlink(ring);
	return 0;
}
