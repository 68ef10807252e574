/*
 * load.c -- clients that publish as fast as a broker acknowledges, or at a rate.
 *
 *     load --port N [options]     prints one JSON object about what came of it (settings.h)
 *
 * With --pause answers are looked at now and then, many at a time, as if they came over a network.
 * Otherwise each acknowledgement may wake this program, and that is done, and paid, by the broker
 * within its write(): more often the more time is left between two of them, so that whatever the
 * broker does beside would seem to cost more than it takes.
 *
 * With --pid the processor's time that the broker took is measured around exactly this load: of
 * its first thread until the last answer, of its other threads, and of the process, until they
 * have no more to do. What this program takes itself is printed too: on the broker's processors
 * it is part of what others see.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "clients.h"
#include "cpu.h"
#include "settings.h"

/* What the processes took around a pass, and until when. */
struct cost {
	struct cpu before, after, settled;
	int64_t own_ns, settled_ns;
};

static void print_times(const char *name, const struct times *times)
{
	(void)printf("\"%s\": {\"p50\": %.1f, \"p99\": %.1f, \"max\": %.1f}, ", name,
		     times_us(times, 0.5), times_us(times, 0.99), (double)times->max_ns / 1e3);
}

static void print_tally(const struct clients *clients)
{
	const struct tally *tally = &clients->tally;
	const char *comma = "";

	(void)printf("\"messages\": %" PRIu64 ", \"answered\": %" PRIu64 ", \"refused\": %" PRIu64
		     ", \"opened\": %" PRIu64 ", \"finished\": %" PRIu64 ", \"closed\": %" PRIu64
		     ", \"unanswered\": %" PRIu64 ", \"delivered\": %" PRIu64
		     ", \"expected\": %" PRIu64 ", ",
		     tally->sent, tally->answered, tally->refused, tally->opened, tally->finished,
		     tally->closed, tally->unanswered, tally->delivered, tally->expected);
	(void)printf("\"refused_by\": {");
	for (unsigned reason = 0; reason < 256; reason++) {
		if (tally->refused_by[reason]) {
			(void)printf("%s\"0x%02x\": %" PRIu64, comma, reason,
				     tally->refused_by[reason]);
			comma = ", ";
		}
	}
	(void)printf("}, ");
	if (clients->qos)
		print_times("ack_us", &tally->ack);
	if (clients->subscribers)
		print_times("lag_us", &tally->lag);
}

static void print_cost(const struct cost *cost, double messages, pid_t pid)
{
	const struct cpu *before = &cost->before, *settled = &cost->settled;
	double each = 1e3 * messages;

	(void)printf("\"load_us\": %.4f, ", (double)cost->own_ns / each);
	if (!pid)
		return;
	(void)printf("\"main_us\": %.4f, \"others_us\": %.4f, \"user_us\": %.4f, "
		     "\"system_us\": %.4f, \"others_ended\": %.6f, \"resident_kib\": %ld, ",
		     (double)(cost->after.main - before->main) / each,
		     (double)(settled->others - before->others) / each,
		     (double)(settled->user - before->user) / each,
		     (double)(settled->system - before->system) / each,
		     (double)cost->settled_ns / 1e9, cpu_resident_kib(pid));
}

static void print(const struct clients *clients, const struct cost *cost, pid_t pid)
{
	const struct tally *tally = &clients->tally;
	double seconds = (double)(tally->end_ns - tally->start_ns) / 1e9;
	struct work_author author = { 0 };
	struct work_message message;

	work_next(&clients->work, &author, 0, tally->end_ns, &message);
	(void)printf("{");
	print_tally(clients);
	print_cost(cost, tally->sent ? (double)tally->sent : 1, pid);
	(void)printf("\"payload\": %zu, \"seconds\": %.6f, \"started\": %.6f, \"ended\": %.6f, "
		     "\"rate\": %.1f}\n",
		     message.payload_len, seconds, (double)tally->start_ns / 1e9,
		     (double)tally->end_ns / 1e9, (double)tally->sent / seconds);
}

static int run(struct clients *clients, const struct settings *settings)
{
	pid_t pid = (pid_t)settings->pid;
	struct cost cost;
	bool is_whole;

	if (clients_open(clients) ||
	    (settings->warm_up && !clients_pass(clients, settings->warm_up, 0)))
		return 1;
	cost.before = cpu_settled(pid, &cost.settled_ns);
	cost.own_ns = cpu_own_ns();
	is_whole = clients_pass(clients, settings->messages, (double)settings->seconds);
	if (!is_whole)
		(void)fprintf(stderr,
			      "load: %" PRIu64 " of %" PRIu64 " answered, %" PRIu64 " of %" PRIu64
			      " delivered\n",
			      clients->tally.answered, clients->tally.sent,
			      clients->tally.delivered, clients->tally.expected);
	cost.own_ns = cpu_own_ns() - cost.own_ns;
	cost.after = cpu_of(pid);
	cost.settled = cpu_settled(pid, &cost.settled_ns);
	print(clients, &cost, pid);
	return is_whole ? 0 : 1;
}

static SSL_CTX *make_tls(const char *authority)
{
	SSL_CTX *tls = SSL_CTX_new(TLS_client_method());

	if (!tls || SSL_CTX_load_verify_locations(tls, authority, NULL) != 1)
		clients_fail("the authority's certificate can't be read");
	SSL_CTX_set_verify(tls, SSL_VERIFY_PEER, NULL);
	SSL_CTX_set_mode(tls, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
	return tls;
}

/* False: there is no such work. */
static bool take(struct clients *clients, const struct settings *settings)
{
	enum work_kind kind;

	if (work_named(settings->work, &kind))
		return false;
	work_init(&clients->work, kind);
	clients->login.port = (int)settings->port;
	clients->login.version = (int)settings->version;
	clients->login.user = settings->user;
	clients->login.password = settings->password;
	clients->login.tls = settings->tls ? make_tls(settings->tls) : NULL;
	clients->prefix = settings->client_id;
	clients->qos = (int)settings->qos;
	clients->window = (unsigned)settings->window;
	clients->publishers = (unsigned)settings->clients;
	clients->subscribers = (unsigned)settings->subscribers;
	clients->rate = (double)settings->rate;
	clients->pause.tv_nsec = (long)settings->pause * 1000;
	return true;
}

int main(int argc, char **argv)
{
	static struct clients clients = { .epoll = -1 };
	struct settings settings;
	int rc;

	settings_read(argc, argv, &settings);
	if (!take(&clients, &settings))
		clients_fail("there is no such work");
	rc = run(&clients, &settings);
	clients_close(&clients);
	SSL_CTX_free(clients.login.tls);
	return rc;
}
