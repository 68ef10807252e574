/* wire.c -- MQTT as bytes, over TCP or TLS. */
#include "wire.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define CLEAN_START 0x02
#define HAS_USER 0xc0 /* and password */
#define KEEP_ALIVE 600

size_t wire_header(unsigned char *at, unsigned first, size_t len)
{
	size_t n = 0;

	at[n++] = (unsigned char)first;
	do {
		at[n++] = (unsigned char)((len & 0x7f) | (len > 0x7f ? 0x80 : 0));
		len >>= 7;
	} while (len);
	return n;
}

static unsigned char *put_text(unsigned char *at, const char *text)
{
	size_t len = strlen(text);

	at = wire_put(at, (unsigned)len);
	memcpy(at, text, len);
	return at + len;
}

unsigned char *wire_room(struct wire *wire, size_t len)
{
	if (wire->out_at > 0) {
		memmove(wire->out, wire->out + wire->out_at, wire->out_len - wire->out_at);
		wire->out_len -= wire->out_at;
		wire->out_at = 0;
	}
	if (wire->out_cap - wire->out_len < len) {
		size_t cap = 2 * wire->out_cap + len;
		unsigned char *out = realloc(wire->out, cap);

		if (!out)
			abort(); /* a load that lost messages would be worse */
		wire->out = out;
		wire->out_cap = cap;
	}
	return wire->out + wire->out_len;
}

static void send_packet(struct wire *wire, unsigned first, const unsigned char *body, size_t len)
{
	unsigned char *at = wire_room(wire, len + 5);
	size_t header = wire_header(at, first, len);

	memcpy(at + header, body, len);
	wire_used(wire, header + len);
}

void wire_answer(struct wire *wire, enum packet kind, unsigned mid)
{
	unsigned char body[2];

	wire_put(body, mid);
	send_packet(wire, (unsigned)kind << 4 | (kind == PACKET_PUBREL ? 2 : 0), body, 2);
}

void wire_ping(struct wire *wire)
{
	send_packet(wire, PACKET_PINGREQ << 4, NULL, 0);
}

/* -1: would block; 0: closed. */
static ssize_t write_some(struct wire *wire, const void *data, size_t len)
{
	ssize_t done;

	if (!wire->ssl) {
		done = send(wire->fd, data, len, MSG_NOSIGNAL);
		return done < 0 && errno != EAGAIN ? 0 : done;
	}
	done = SSL_write(wire->ssl, data, (int)len);
	return done > 0                                                      ? done
	       : SSL_get_error(wire->ssl, (int)done) == SSL_ERROR_WANT_WRITE ? -1
									     : 0;
}

static ssize_t read_some(struct wire *wire, void *data, size_t len)
{
	ssize_t done;

	if (!wire->ssl) {
		done = recv(wire->fd, data, len, 0);
		return done < 0 && errno != EAGAIN ? 0 : done;
	}
	done = SSL_read(wire->ssl, data, (int)len);
	return done > 0                                                     ? done
	       : SSL_get_error(wire->ssl, (int)done) == SSL_ERROR_WANT_READ ? -1
									    : 0;
}

int wire_flush(struct wire *wire)
{
	while (wire->out_at < wire->out_len) {
		ssize_t done =
			write_some(wire, wire->out + wire->out_at, wire->out_len - wire->out_at);

		if (done <= 0)
			return done == 0 ? -1 : 0;
		wire->out_at += (size_t)done;
	}
	wire->out_at = wire->out_len = 0;
	return 1;
}

bool wire_read(struct wire *wire)
{
	ssize_t done;

	memmove(wire->in, wire->in + wire->in_at, wire->in_len - wire->in_at);
	wire->in_len -= wire->in_at;
	wire->in_at = 0;
	done = read_some(wire, wire->in + wire->in_len, WIRE_IN - wire->in_len);
	if (done > 0)
		wire->in_len += (size_t)done;
	return done != 0;
}

bool wire_has_more(const struct wire *wire)
{
	return wire->ssl && SSL_pending(wire->ssl) > 0;
}

bool wire_next(struct wire *wire, struct wire_packet *ret)
{
	const unsigned char *at = wire->in + wire->in_at;
	size_t left = wire->in_len - wire->in_at, len = 0, n = 1;
	unsigned shift = 0;

	do {
		if (n >= left || n > 4)
			return false;
		len |= (size_t)(at[n] & 0x7f) << shift;
		shift += 7;
	} while (at[n++] & 0x80);
	if (left - n < len)
		return false;
	*ret = (struct wire_packet){ at[0] >> 4, at[0] & 15, at + n, len };
	wire->in_at += n + len;
	return true;
}

/* Blocks until a packet of the kind has come. */
static int await(struct wire *wire, enum packet kind, struct wire_packet *ret)
{
	if (wire_flush(wire) != 1)
		return -1;
	for (;;) {
		while (wire_next(wire, ret))
			if (ret->kind == kind)
				return 0;
		if (!wire_read(wire))
			return -1;
	}
}

static void send_connect(struct wire *wire, const struct wire_login *login)
{
	unsigned char body[1024], *at = put_text(body, "MQTT");

	*at++ = (unsigned char)login->version;
	*at++ = login->user ? CLEAN_START | HAS_USER : CLEAN_START;
	at = wire_put(at, KEEP_ALIVE);
	if (login->version == 5)
		*at++ = 0; /* no properties */
	at = put_text(at, login->client_id);
	if (login->user) {
		at = put_text(at, login->user);
		at = put_text(at, login->password);
	}
	send_packet(wire, PACKET_CONNECT << 4, body, (size_t)(at - body));
}

static int connect_socket(struct wire *wire, const struct wire_login *login)
{
	struct sockaddr_in to = { .sin_family = AF_INET,
				  .sin_port = htons((uint16_t)login->port),
				  .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	int one = 1;

	wire->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (wire->fd < 0 || connect(wire->fd, (struct sockaddr *)&to, sizeof(to))) {
		perror("load: connect");
		return -1;
	}
	(void)setsockopt(wire->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	if (!login->tls)
		return 0;
	wire->ssl = SSL_new(login->tls);
	if (!wire->ssl || !SSL_set1_host(wire->ssl, "localhost") ||
	    !SSL_set_fd(wire->ssl, wire->fd) || SSL_connect(wire->ssl) != 1) {
		(void)fprintf(stderr, "load: no TLS connection\n");
		return -1;
	}
	return 0;
}

int wire_open(struct wire *wire, const struct wire_login *login)
{
	struct wire_packet ack;

	*wire = (struct wire){ .fd = -1, .version = login->version, .in = malloc(WIRE_IN) };
	if (!wire->in || connect_socket(wire, login))
		return -1;
	send_connect(wire, login);
	if (await(wire, PACKET_CONNACK, &ack) || ack.len < 2 || ack.body[1] != 0) {
		(void)fprintf(stderr, "load: %s was not let in\n", login->client_id);
		return -1;
	}
	return 0;
}

int wire_subscribe(struct wire *wire, const char *filter, int qos)
{
	unsigned char body[256], *at = wire_put(body, 1);
	struct wire_packet ack;

	if (wire->version == 5)
		*at++ = 0;
	at = put_text(at, filter);
	*at++ = (unsigned char)qos;
	send_packet(wire, PACKET_SUBSCRIBE << 4 | 2, body, (size_t)(at - body));
	if (await(wire, PACKET_SUBACK, &ack) || ack.body[ack.len - 1] > 2) {
		(void)fprintf(stderr, "load: %s was refused\n", filter);
		return -1;
	}
	return 0;
}

int wire_go(struct wire *wire)
{
	return fcntl(wire->fd, F_SETFL, O_NONBLOCK);
}

void wire_close(struct wire *wire)
{
	SSL_free(wire->ssl);
	if (wire->fd >= 0)
		(void)close(wire->fd);
	free(wire->in);
	free(wire->out);
	*wire = (struct wire){ .fd = -1 };
}
