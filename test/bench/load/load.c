/*
 * load.c -- clients that publish as fast as a broker acknowledges, or at a rate.
 *
 *     load --port N [options]     prints one JSON object about what came of it (settings.h)
 *
 * All from one thread. Each connection keeps --window messages in flight; at QoS 0, where
 * nothing is acknowledged, it writes as fast as TCP takes them and asks for a PINGRESP behind
 * the last one, which the broker sends when it has dealt with all. With subscribers, publishers
 * wait when deliveries are more than HOLD_BACK behind: no queue of the broker's overflows, and
 * what is counted is all there was.
 *
 * With --pause answers are looked at now and then, many at a time, as if they came over a network.
 * Otherwise each acknowledgement may wake this program, and that is done, and paid, by the broker
 * within its write(): more often the more time is left between two of them, so that whatever the
 * broker does beside would seem to cost more than it takes.
 *
 * With --pid the processor's time that the broker took is measured around exactly this load:
 * of its main thread until the last answer, of its other threads until they have no more to do.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <time.h>

#include "base/clock.h"
#include "cpu.h"
#include "settings.h"
#include "wire.h"
#include "work.h"

#define HOLD_BACK 500
#define CHUNK 32768 /* bytes at QoS 0 that one client may have unsent */
#define STALL_NS INT64_C(10000000000)
#define EVENTS 256
#define REFUSED 0x80 /* and above, in an acknowledgement of MQTT 5 */

/* Durations by their size, each octave in 32 parts: within 3 % of the truth. */
#define PARTS 32
struct times {
	uint64_t count[64 * PARTS], total;
	int64_t max;
};

struct client {
	struct wire wire;
	unsigned index;
	bool is_subscriber, is_pinged, is_done, is_awaited; /* EPOLLOUT was asked for */
	uint64_t next, quota, acked;
	unsigned in_flight;
	unsigned slots; /* a bit for each packet id that is free */
	int64_t sent_ns[SETTINGS_WINDOW_MAX];
};

struct load {
	/* What was asked for. */
	struct wire_login login;
	int qos;
	unsigned window, publishers, subscribers;
	uint64_t messages, warm_up;
	double rate; /* messages a second of all; 0: as many as go */
	struct timespec pause;
	pid_t pid;
	struct work work;
	const char *prefix;
	/* How it stands. */
	struct client *client; /* publishers first */
	int epoll;
	int64_t start_ns, progress_ns;
	uint64_t base; /* of this pass's numbers */
	uint64_t sent, acked, refused, delivered, done;
	int64_t *sent_ns; /* by number, for the subscribers */
	struct times ack, lag;
};

static void times_add(struct times *times, int64_t ns)
{
	unsigned octave = ns < PARTS ? 0 : 59u - (unsigned)__builtin_clzll((uint64_t)ns);
	unsigned slot = octave ? octave * PARTS + (unsigned)(ns >> (octave - 1)) - PARTS
			       : (unsigned)(ns < 0 ? 0 : ns);

	times->count[slot]++;
	times->total++;
	if (ns > times->max)
		times->max = ns;
}

static double times_us(const struct times *times, double part)
{
	uint64_t wanted = (uint64_t)(part * (double)times->total), seen = 0;

	for (unsigned slot = 0; slot < 64 * PARTS; slot++) {
		seen += times->count[slot];
		if (seen > wanted) {
			unsigned octave = slot / PARTS;
			uint64_t ns =
				octave ? (uint64_t)(slot % PARTS + PARTS) << (octave - 1) : slot;

			return (double)ns / 1e3;
		}
	}
	return (double)times->max / 1e3;
}

static void lost(const char *what)
{
	(void)fprintf(stderr, "load: %s\n", what);
	exit(1);
}

/* ---- publishing ---- */

static void publish(struct load *load, struct client *client)
{
	uint64_t number = load->base + load->sent;
	struct work_message message;
	unsigned char *start = wire_room(&client->wire, WIRE_PACKET_MAX), *at;
	size_t len;

	work_next(&load->work, client->index, client->next++, number, &message);
	len = 2 + message.topic_len + (load->qos ? 2 : 0) + (client->wire.version == 5) +
	      message.payload_len;
	at = start + wire_header(start, PACKET_PUBLISH << 4 | (unsigned)load->qos << 1, len);
	at = wire_put(at, (unsigned)message.topic_len);
	memcpy(at, message.topic, message.topic_len);
	at += message.topic_len;
	load->progress_ns = load->sent_ns[load->sent++] = clock_mono_ns();
	if (load->qos) {
		unsigned slot = (unsigned)__builtin_ctz(client->slots);

		client->slots &= ~(1u << slot);
		client->sent_ns[slot] = load->sent_ns[load->sent - 1];
		client->in_flight++;
		at = wire_put(at, slot + 1);
	}
	if (client->wire.version == 5)
		*at++ = 0; /* no properties */
	memcpy(at, message.payload, message.payload_len);
	wire_used(&client->wire, (size_t)(at - start) + message.payload_len);
	client->quota--;
}

static bool may_publish(const struct load *load, const struct client *client)
{
	if (!client->quota)
		return false;
	if (load->subscribers && load->sent > load->delivered / load->subscribers + HOLD_BACK)
		return false;
	if (load->rate > 0 &&
	    (double)load->sent >= load->rate * 1e-9 * (double)(clock_mono_ns() - load->start_ns))
		return false;
	return load->qos ? client->in_flight < load->window
			 : client->wire.out_len - client->wire.out_at < CHUNK;
}

static void want(struct load *load, struct client *client, bool is_awaited)
{
	struct epoll_event event = { .events = EPOLLIN | (is_awaited ? EPOLLOUT : 0),
				     .data.ptr = client };

	if (client->is_awaited != is_awaited &&
	    epoll_ctl(load->epoll, EPOLL_CTL_MOD, client->wire.fd, &event))
		lost("epoll_ctl failed");
	client->is_awaited = is_awaited;
}

/* Publishes what may be, and sends what there is. */
static void push(struct load *load, struct client *client)
{
	int rc;

	if (!client->is_subscriber) {
		while (may_publish(load, client))
			publish(load, client);
		if (!client->quota && !load->qos && !client->is_pinged) {
			wire_ping(&client->wire);
			client->is_pinged = true;
		}
	}
	rc = wire_flush(&client->wire);
	if (rc < 0)
		lost("a connection was closed");
	/* At QoS 0 no answer asks for the next ones. */
	want(load, client,
	     rc == 0 || (!load->qos && client->quota && !load->subscribers && load->rate <= 0));
}

/* ---- what comes back ---- */

static void acknowledged(struct load *load, struct client *client, unsigned mid, bool is_refused)
{
	unsigned slot = mid - 1;

	if (slot >= SETTINGS_WINDOW_MAX || client->slots >> slot & 1)
		lost("an acknowledgement of nothing");
	times_add(&load->ack, clock_mono_ns() - client->sent_ns[slot]);
	client->slots |= 1u << slot;
	client->in_flight--;
	load->acked++;
	load->refused += is_refused;
	if (!client->quota && !client->in_flight) {
		client->is_done = true;
		load->done++;
	}
}

static void delivered(struct load *load, struct client *client, const struct wire_packet *packet)
{
	int qos = packet->flags >> 1 & 3;
	size_t topic = 2 + wire_number(packet->body), at = topic + (qos ? 2 : 0);
	uint64_t number;

	if (client->wire.version == 5)
		at += 1u + packet->body[at]; /* properties, a few bytes */
	number = work_number(packet->body + at, packet->len - at) - load->base;
	if (number >= load->sent)
		return; /* of another load */
	load->delivered++;
	times_add(&load->lag, clock_mono_ns() - load->sent_ns[number]);
	if (qos)
		wire_answer(&client->wire, qos == 1 ? PACKET_PUBACK : PACKET_PUBREC,
			    wire_number(packet->body + topic));
}

static void on_packet(struct load *load, struct client *client, const struct wire_packet *packet)
{
	bool is_refused = packet->len > 2 && packet->body[2] >= REFUSED;

	load->progress_ns = clock_mono_ns();
	switch (packet->kind) {
	case PACKET_PUBLISH:
		delivered(load, client, packet);
		break;
	case PACKET_PUBREC:
		if (is_refused)
			acknowledged(load, client, wire_number(packet->body), true);
		else
			wire_answer(&client->wire, PACKET_PUBREL, wire_number(packet->body));
		break;
	case PACKET_PUBREL:
		wire_answer(&client->wire, PACKET_PUBCOMP, wire_number(packet->body));
		break;
	case PACKET_PUBACK:
	case PACKET_PUBCOMP:
		acknowledged(load, client, wire_number(packet->body), is_refused);
		break;
	case PACKET_PINGRESP:
		client->is_done = true;
		load->done++;
		break;
	case PACKET_DISCONNECT:
		lost("disconnected by the broker");
		break;
	default:
		break;
	}
}

static void on_input(struct load *load, struct client *client)
{
	struct wire_packet packet;

	do {
		if (!wire_read(&client->wire))
			lost("a connection was closed");
		while (wire_next(&client->wire, &packet))
			on_packet(load, client, &packet);
	} while (wire_has_more(&client->wire));
}

/* ---- a pass ---- */

static uint64_t expected(const struct load *load)
{
	return (load->sent - load->refused) * load->subscribers;
}

static bool is_over(const struct load *load)
{
	return load->done == load->publishers && load->delivered >= expected(load);
}

/* Rates and deliveries let others publish than those who heard something. */
static void push_all(struct load *load)
{
	for (unsigned i = 0; i < load->publishers; i++)
		if (load->client[i].quota)
			push(load, &load->client[i]);
}

static void turn(struct load *load)
{
	struct epoll_event event[EVENTS];
	int count;

	if (load->pause.tv_nsec > 0)
		(void)nanosleep(&load->pause, NULL);
	count = epoll_wait(load->epoll, event, EVENTS, load->rate > 0 ? 1 : 100);

	if (count < 0 && errno != EINTR)
		lost("epoll_wait failed");
	for (int i = 0; i < count; i++) {
		struct client *client = event[i].data.ptr;

		if (event[i].events & ~(uint32_t)EPOLLOUT)
			on_input(load, client);
		push(load, client);
	}
	if (load->rate > 0 || load->subscribers)
		push_all(load);
}

/* False: nothing has moved for long, something is missing. */
static bool pass(struct load *load, uint64_t messages)
{
	load->base += load->sent;
	load->sent = load->acked = load->refused = load->delivered = load->done = 0;
	memset(&load->ack, 0, sizeof(load->ack));
	memset(&load->lag, 0, sizeof(load->lag));
	load->start_ns = load->progress_ns = clock_mono_ns();
	for (unsigned i = 0; i < load->publishers; i++) {
		struct client *client = &load->client[i];

		client->quota =
			messages / load->publishers + (i < messages % load->publishers ? 1 : 0);
		client->is_pinged = false;
		client->is_done = !client->quota;
		load->done += client->is_done;
	}
	push_all(load);
	while (!is_over(load)) {
		turn(load);
		if (clock_mono_ns() - load->progress_ns > STALL_NS)
			return false;
	}
	return true;
}

/* ---- beginning and end ---- */

static int open_client(struct load *load, struct client *client, unsigned index)
{
	struct epoll_event event = { .events = EPOLLIN, .data.ptr = client };
	struct wire_login login = load->login;
	char id[64];

	(void)snprintf(id, sizeof(id), "%s-%u", load->prefix, index);
	login.client_id = id;
	client->index = index;
	client->is_subscriber = index >= load->publishers;
	client->slots = (1u << SETTINGS_WINDOW_MAX) - 1;
	if (wire_open(&client->wire, &login))
		return -1;
	if (client->is_subscriber &&
	    wire_subscribe(&client->wire, work_filter(&load->work), load->qos))
		return -1;
	if (wire_go(&client->wire) ||
	    epoll_ctl(load->epoll, EPOLL_CTL_ADD, client->wire.fd, &event))
		return -1;
	return 0;
}

static int open_all(struct load *load)
{
	unsigned count = load->publishers + load->subscribers;
	uint64_t most = load->messages > load->warm_up ? load->messages : load->warm_up;

	load->client = calloc(count, sizeof(*load->client));
	load->sent_ns = calloc(most + 1, sizeof(*load->sent_ns));
	load->epoll = epoll_create1(EPOLL_CLOEXEC);
	if (!load->client || !load->sent_ns || load->epoll < 0)
		return -1;
	for (unsigned i = 0; i < count; i++)
		load->client[i].wire.fd = -1;
	/* Subscribers before anyone publishes. */
	for (unsigned i = count; i-- > 0;)
		if (open_client(load, &load->client[i], i))
			return -1;
	return 0;
}

static void print_times(const char *name, const struct times *times)
{
	(void)printf("\"%s\": {\"p50\": %.1f, \"p99\": %.1f, \"max\": %.1f}, ", name,
		     times_us(times, 0.5), times_us(times, 0.99), (double)times->max / 1e3);
}

/* What the broker's threads took, and since when which of them has no more to do. */
struct cost {
	int64_t main_ns, others_ns;
	int64_t ended_ns, others_ended_ns;
};

static void print(const struct load *load, const struct cost *cost)
{
	double seconds = (double)(cost->ended_ns - load->start_ns) / 1e9;
	double each = load->sent ? 1e3 * (double)load->sent : 1;
	struct work_message message;

	work_next(&load->work, 0, 0, 0, &message);
	(void)printf("{\"messages\": %" PRIu64 ", \"refused\": %" PRIu64 ", \"delivered\": %" PRIu64
		     ", \"expected\": %" PRIu64 ", \"payload\": %zu, \"seconds\": %.6f, ",
		     load->sent, load->refused, load->delivered, expected(load),
		     message.payload_len, seconds);
	if (load->qos)
		print_times("ack_us", &load->ack);
	if (load->subscribers)
		print_times("lag_us", &load->lag);
	if (load->pid)
		(void)printf("\"main_us\": %.4f, \"others_us\": %.4f, \"others_ended\": %.6f, "
			     "\"resident_kib\": %ld, ",
			     (double)cost->main_ns / each, (double)cost->others_ns / each,
			     (double)cost->others_ended_ns / 1e9, cpu_resident_kib(load->pid));
	(void)printf("\"ended\": %.6f, \"rate\": %.1f}\n", (double)cost->ended_ns / 1e9,
		     (double)load->sent / seconds);
}

static int run(struct load *load)
{
	struct cpu before, after, settled;
	struct cost cost;

	if (open_all(load) || (load->warm_up && !pass(load, load->warm_up)))
		return 1;
	before = cpu_settled(load->pid, &cost.others_ended_ns);
	if (!pass(load, load->messages))
		(void)fprintf(stderr,
			      "load: %" PRIu64 " of %" PRIu64 " acknowledged, %" PRIu64
			      " of %" PRIu64 " delivered\n",
			      load->acked, load->messages, load->delivered, expected(load));
	cost.ended_ns = clock_mono_ns();
	after = cpu_of(load->pid);
	settled = cpu_settled(load->pid, &cost.others_ended_ns);
	cost.main_ns = after.main - before.main;
	cost.others_ns = settled.others - before.others;
	print(load, &cost);
	return is_over(load) ? 0 : 1;
}

static SSL_CTX *make_tls(const char *authority)
{
	SSL_CTX *tls = SSL_CTX_new(TLS_client_method());

	if (!tls || SSL_CTX_load_verify_locations(tls, authority, NULL) != 1)
		lost("the authority's certificate can't be read");
	SSL_CTX_set_verify(tls, SSL_VERIFY_PEER, NULL);
	SSL_CTX_set_mode(tls, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
	return tls;
}

/* False: there is no such work. */
static bool take(struct load *load, const struct settings *settings)
{
	enum work_kind kind;

	if (work_named(settings->work, &kind))
		return false;
	work_init(&load->work, kind);
	load->login.port = (int)settings->port;
	load->login.version = (int)settings->version;
	load->login.user = settings->user;
	load->login.password = settings->password;
	load->login.tls = settings->tls ? make_tls(settings->tls) : NULL;
	load->prefix = settings->client_id;
	load->qos = (int)settings->qos;
	load->window = (unsigned)settings->window;
	load->publishers = (unsigned)settings->clients;
	load->subscribers = (unsigned)settings->subscribers;
	load->messages = settings->messages;
	load->warm_up = settings->warm_up;
	load->rate = (double)settings->rate;
	load->pause.tv_nsec = (long)settings->pause * 1000;
	load->pid = (pid_t)settings->pid;
	return true;
}

int main(int argc, char **argv)
{
	static struct load load;
	struct settings settings;
	int rc;

	settings_read(argc, argv, &settings);
	if (!take(&load, &settings))
		lost("there is no such work");
	rc = run(&load);
	for (unsigned i = 0; load.client && i < load.publishers + load.subscribers; i++)
		wire_close(&load.client[i].wire);
	SSL_CTX_free(load.login.tls);
	free(load.client);
	free(load.sent_ns);
	return rc;
}
