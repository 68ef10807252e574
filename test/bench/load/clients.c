/* clients.c -- what the connections do in a pass. */
#include "clients.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "base/clock.h"

#define HOLD_BACK 500
#define RING (1u << 20) /* numbers whose time is known; HOLD_BACK keeps deliveries within it */
#define CHUNK 32768     /* bytes at QoS 0 that one client may have unsent */
#define STALL_NS INT64_C(10000000000)
#define AGAIN_US 20000 /* between two attempts to connect anew */
#define EVENTS 256
#define REFUSED 0x80 /* and above, in an acknowledgement of MQTT 5 */
#define ALL_SLOTS ((1u << SETTINGS_WINDOW_MAX) - 1)

void clients_fail(const char *what)
{
	(void)fprintf(stderr, "load: %s\n", what);
	exit(1);
}

/* ---- connecting ---- */

static int open_client(struct clients *clients, struct client *client)
{
	struct epoll_event event = { .events = EPOLLIN, .data.ptr = client };
	struct wire_login login = clients->login;
	char id[64];

	(void)snprintf(id, sizeof(id), "%s-%u", clients->prefix, client->author.index);
	login.client_id = id;
	client->is_lost = client->is_awaited = client->is_pinged = false;
	client->free_slots = ALL_SLOTS;
	client->new_slots = client->last_slots = 0;
	if (wire_open(&client->wire, &login))
		return -1;
	if (client->is_subscriber &&
	    wire_subscribe(&client->wire, work_filter(&clients->work), clients->qos))
		return -1;
	if (wire_go(&client->wire) ||
	    epoll_ctl(clients->epoll, EPOLL_CTL_ADD, client->wire.fd, &event))
		return -1;
	return 0;
}

int clients_open(struct clients *clients)
{
	unsigned count = clients->publishers + clients->subscribers;

	clients->client = calloc(count, sizeof(*clients->client));
	if (clients->subscribers)
		clients->sent_ns = calloc(RING, sizeof(*clients->sent_ns));
	clients->epoll = epoll_create1(EPOLL_CLOEXEC);
	if (!clients->client || (clients->subscribers && !clients->sent_ns) || clients->epoll < 0)
		return -1;
	for (unsigned i = 0; i < count; i++) {
		clients->client[i].author.index = i;
		clients->client[i].is_subscriber = i >= clients->publishers;
		clients->client[i].wire.fd = -1;
	}
	for (unsigned i = count; i-- > 0;)
		if (open_client(clients, &clients->client[i]))
			return -1;
	return 0;
}

/* After the broker closed it. Blocks, as a broker that closes has other cares than our rate. */
static void open_again(struct clients *clients, struct client *client)
{
	int64_t start = clock_mono_ns();

	if (client->is_subscriber)
		clients_fail("a subscriber's connection was closed");
	clients->tally.closed++;
	clients->tally.unanswered += client->in_flight;
	clients->in_flight -= client->in_flight;
	client->in_flight = 0;
	client->author.next = work_resume(&clients->work, client->author.next);
	for (;;) {
		wire_close(&client->wire);
		if (!open_client(clients, client))
			return;
		if (clock_mono_ns() - start > STALL_NS)
			clients_fail("a connection was closed, and none is let in");
		(void)usleep(AGAIN_US);
	}
}

void clients_close(struct clients *clients)
{
	for (unsigned i = 0; clients->client && i < clients->publishers + clients->subscribers; i++)
		wire_close(&clients->client[i].wire);
	free(clients->client);
	free(clients->sent_ns);
	if (clients->epoll >= 0)
		(void)close(clients->epoll);
}

/* ---- publishing ---- */

/* Marks a packet id as taken, and returns it. */
static unsigned take_slot(struct clients *clients, struct client *client,
			  const struct work_message *message)
{
	unsigned slot = (unsigned)__builtin_ctz(client->free_slots);

	client->free_slots &= ~(1u << slot);
	client->new_slots |= (unsigned)message->is_new << slot;
	client->last_slots |= (unsigned)message->is_last << slot;
	client->sent_ns[slot] = clients->now_ns;
	client->in_flight++;
	clients->in_flight++;
	return slot + 1;
}

static void publish(struct clients *clients, struct client *client)
{
	uint64_t number = clients->base + clients->tally.sent;
	struct work_message message;
	unsigned char *start = wire_room(&client->wire, WIRE_PACKET_MAX), *at;
	size_t len;

	work_next(&clients->work, &client->author, number, clients->now_ns, &message);
	len = 2 + message.topic_len + (clients->qos ? 2 : 0) + (client->wire.version == 5) +
	      message.payload_len;
	at = start + wire_header(start, PACKET_PUBLISH << 4 | (unsigned)clients->qos << 1, len);
	at = wire_put(at, (unsigned)message.topic_len);
	memcpy(at, message.topic, message.topic_len);
	at += message.topic_len;
	if (clients->qos)
		at = wire_put(at, take_slot(clients, client, &message));
	if (client->wire.version == 5)
		*at++ = 0; /* no properties */
	memcpy(at, message.payload, message.payload_len);
	wire_used(&client->wire, (size_t)(at - start) + message.payload_len);
	if (clients->sent_ns)
		clients->sent_ns[number % RING] = clients->now_ns;
	clients->progress_ns = clients->now_ns;
	clients->tally.sent++;
	clients->left--;
	client->quota--;
}

static bool may_publish(const struct clients *clients, const struct client *client)
{
	uint64_t sent = clients->tally.sent;

	if (!client->quota)
		return false;
	if (clients->subscribers &&
	    sent > clients->tally.delivered / clients->subscribers + HOLD_BACK)
		return false;
	if (clients->rate > 0 &&
	    (double)sent >=
		    clients->rate * 1e-9 * (double)(clients->now_ns - clients->tally.start_ns))
		return false;
	return clients->qos ? client->in_flight < clients->window
			    : client->wire.out_len - client->wire.out_at < CHUNK;
}

static void want(struct clients *clients, struct client *client, bool is_awaited)
{
	struct epoll_event event = { .events = EPOLLIN | (is_awaited ? EPOLLOUT : 0),
				     .data.ptr = client };

	if (client->is_awaited == is_awaited)
		return;
	if (epoll_ctl(clients->epoll, EPOLL_CTL_MOD, client->wire.fd, &event))
		clients_fail("epoll_ctl failed");
	client->is_awaited = is_awaited;
}

/* Publishes what may be, and sends what there is. */
static void push(struct clients *clients, struct client *client)
{
	int rc;

	if (!client->is_subscriber) {
		while (may_publish(clients, client))
			publish(clients, client);
		if (!client->quota && !clients->qos && !client->is_pinged) {
			wire_ping(&client->wire);
			client->is_pinged = true;
		}
	}
	rc = wire_flush(&client->wire);
	if (rc < 0)
		client->is_lost = true;
	/* At QoS 0 no answer asks for the next ones. */
	want(clients, client,
	     rc == 0 || (!clients->qos && client->quota && !clients->subscribers &&
			 clients->rate <= 0));
}

/* Rates, deliveries and a time that is over let others publish, or end, than those who heard. */
static void push_all(struct clients *clients)
{
	clients->now_ns = clock_mono_ns();
	for (unsigned i = 0; i < clients->publishers; i++) {
		struct client *client = &clients->client[i];

		if (client->quota || (!clients->qos && !client->is_pinged))
			push(clients, client);
	}
}

/* ---- what comes back ---- */

static void answered(struct clients *clients, struct client *client, unsigned mid, unsigned reason)
{
	struct tally *tally = &clients->tally;
	unsigned slot = mid - 1, bit;

	if (slot >= SETTINGS_WINDOW_MAX || client->free_slots >> slot & 1)
		clients_fail("an acknowledgement of nothing");
	bit = 1u << slot;
	times_add(&tally->ack, clients->now_ns - client->sent_ns[slot]);
	tally->answered++;
	if (reason >= REFUSED) {
		tally->refused++;
		tally->refused_by[reason & 0xff]++;
	} else {
		tally->opened += (client->new_slots & bit) != 0;
		tally->finished += (client->last_slots & bit) != 0;
	}
	client->free_slots |= bit;
	client->new_slots &= ~bit;
	client->last_slots &= ~bit;
	client->in_flight--;
	clients->in_flight--;
}

static void delivered(struct clients *clients, struct client *client,
		      const struct wire_packet *packet)
{
	int qos = packet->flags >> 1 & 3;
	size_t topic = 2 + wire_number(packet->body), at = topic + (qos ? 2 : 0);
	uint64_t number;

	if (client->wire.version == 5)
		at += 1u + packet->body[at]; /* properties, a few bytes */
	number = work_number(packet->body + at, packet->len - at);
	if (number - clients->base >= clients->tally.sent)
		return; /* of another load */
	clients->tally.delivered++;
	times_add(&clients->tally.lag, clients->now_ns - clients->sent_ns[number % RING]);
	if (qos)
		wire_answer(&client->wire, qos == 1 ? PACKET_PUBACK : PACKET_PUBREC,
			    wire_number(packet->body + topic));
}

static void on_packet(struct clients *clients, struct client *client,
		      const struct wire_packet *packet)
{
	unsigned reason = packet->len > 2 ? packet->body[2] : 0;

	switch (packet->kind) {
	case PACKET_PUBLISH:
		delivered(clients, client, packet);
		break;
	case PACKET_PUBREC:
		if (reason >= REFUSED)
			answered(clients, client, wire_number(packet->body), reason);
		else
			wire_answer(&client->wire, PACKET_PUBREL, wire_number(packet->body));
		break;
	case PACKET_PUBREL:
		wire_answer(&client->wire, PACKET_PUBCOMP, wire_number(packet->body));
		break;
	case PACKET_PUBACK:
	case PACKET_PUBCOMP:
		answered(clients, client, wire_number(packet->body), reason);
		break;
	case PACKET_PINGRESP:
		clients->ponged += client->is_pinged && !client->is_ponged;
		client->is_ponged = client->is_pinged;
		break;
	case PACKET_DISCONNECT:
		client->is_lost = true;
		break;
	default:
		break;
	}
}

static void on_input(struct clients *clients, struct client *client)
{
	struct wire_packet packet;

	clients->now_ns = clients->progress_ns = clock_mono_ns();
	do {
		if (!wire_read(&client->wire))
			client->is_lost = true;
		while (wire_next(&client->wire, &packet))
			on_packet(clients, client, &packet);
	} while (!client->is_lost && wire_has_more(&client->wire));
}

/* ---- a pass ---- */

static uint64_t expected(const struct clients *clients)
{
	return (clients->tally.sent - clients->tally.refused) * clients->subscribers;
}

static bool is_over(const struct clients *clients)
{
	return !clients->left && !clients->in_flight &&
	       (clients->qos || clients->ponged == clients->publishers) &&
	       clients->tally.delivered >= expected(clients);
}

/* The time is over: nothing new is published. */
static void stop(struct clients *clients)
{
	clients->stop_ns = 0;
	clients->left = 0;
	for (unsigned i = 0; i < clients->publishers; i++)
		clients->client[i].quota = 0;
	push_all(clients);
}

static void on_event(struct clients *clients, const struct epoll_event *event)
{
	struct client *client = event->data.ptr;

	if (event->events & ~(uint32_t)EPOLLOUT)
		on_input(clients, client);
	else
		clients->now_ns = clock_mono_ns();
	if (!client->is_lost)
		push(clients, client);
	if (client->is_lost) {
		open_again(clients, client);
		push(clients, client);
	}
}

static void turn(struct clients *clients)
{
	struct epoll_event event[EVENTS];
	int count;

	if (clients->pause.tv_nsec > 0)
		(void)nanosleep(&clients->pause, NULL);
	count = epoll_wait(clients->epoll, event, EVENTS, clients->rate > 0 ? 1 : 100);
	if (count < 0 && errno != EINTR)
		clients_fail("epoll_wait failed");
	for (int i = 0; i < count; i++)
		on_event(clients, &event[i]);
	if (count <= 0)
		clients->now_ns = clock_mono_ns();
	work_clock(&clients->work, clients->now_ns);
	if (clients->stop_ns && clients->now_ns >= clients->stop_ns)
		stop(clients);
	else if (clients->rate > 0 || clients->subscribers)
		push_all(clients);
}

static void begin(struct clients *clients, uint64_t messages, double seconds)
{
	unsigned count = clients->publishers;

	clients->base += clients->tally.sent;
	memset(&clients->tally, 0, sizeof(clients->tally));
	clients->in_flight = clients->ponged = 0;
	clients->left = messages;
	clients->tally.start_ns = clients->progress_ns = clock_mono_ns();
	clients->stop_ns = seconds > 0 ? clients->tally.start_ns + (int64_t)(seconds * 1e9) : 0;
	for (unsigned i = 0; i < count; i++) {
		struct client *client = &clients->client[i];

		client->quota = messages / count + (i < messages % count ? 1 : 0);
		client->is_pinged = client->is_ponged = false;
	}
}

bool clients_pass(struct clients *clients, uint64_t messages, double seconds)
{
	bool is_whole = true;

	begin(clients, seconds > 0 ? UINT64_MAX / 2 : messages, seconds);
	push_all(clients);
	while (is_whole && !is_over(clients)) {
		turn(clients);
		is_whole = clients->now_ns - clients->progress_ns <= STALL_NS;
	}
	clients->tally.end_ns = clock_mono_ns();
	clients->tally.expected = expected(clients);
	return is_whole;
}
