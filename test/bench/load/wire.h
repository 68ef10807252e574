/*
 * wire.h -- MQTT 3.1.1 and 5 over TCP or TLS to 127.0.0.1, as bytes.
 *
 * A wire logs in and subscribes while it blocks; after wire_go() nothing it does waits. Packets
 * that it sends collect in one buffer until wire_flush(); packets that came are taken out one
 * by one by wire_next(). It knows no quality of service and no rates: load.c does.
 */
#ifndef PETSTORE_LOAD_WIRE_H
#define PETSTORE_LOAD_WIRE_H

#include <openssl/ssl.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define WIRE_IN 65536u
#define WIRE_PACKET_MAX 16384u

enum packet {
	PACKET_CONNECT = 1,
	PACKET_CONNACK,
	PACKET_PUBLISH,
	PACKET_PUBACK,
	PACKET_PUBREC,
	PACKET_PUBREL,
	PACKET_PUBCOMP,
	PACKET_SUBSCRIBE,
	PACKET_SUBACK,
	PACKET_PINGREQ = 12,
	PACKET_PINGRESP,
	PACKET_DISCONNECT,
};

struct wire {
	int fd;
	SSL *ssl;    /* NULL: plain */
	int version; /* 4 or 5 */
	unsigned char *in, *out;
	size_t in_at, in_len;
	size_t out_at, out_len, out_cap;
};

/* A packet that came; lives until the next wire_read(). */
struct wire_packet {
	enum packet kind;
	unsigned flags;
	const unsigned char *body;
	size_t len;
};

struct wire_login {
	int port, version;
	SSL_CTX *tls;                            /* NULL: plain */
	const char *client_id, *user, *password; /* no user: NULL */
};

/* Connects and logs in. 0, or -1 with a line on stderr. wire_close() in either case. */
int wire_open(struct wire *wire, const struct wire_login *login);

/* Subscribes. 0, or -1 with a line on stderr where it is refused. */
int wire_subscribe(struct wire *wire, const char *filter, int qos);

/* From here on reads and writes return at once. */
int wire_go(struct wire *wire);

/* Room for @len more bytes to send (up to WIRE_PACKET_MAX), and how many came to be used. */
unsigned char *wire_room(struct wire *wire, size_t len);
static inline void wire_used(struct wire *wire, size_t len)
{
	wire->out_len += len;
}

/* A packet of nothing but an id. */
void wire_answer(struct wire *wire, enum packet kind, unsigned mid);
void wire_ping(struct wire *wire);

/* Sends what it can. 1: all, 0: some is left, -1: the connection is lost. */
int wire_flush(struct wire *wire);

/* Reads what is there. False: the connection is closed. */
bool wire_read(struct wire *wire);

/* The next whole packet of what was read. */
bool wire_next(struct wire *wire, struct wire_packet *ret);

/* Bytes that TLS has decrypted and wire_read() has not fetched: no event tells of them. */
bool wire_has_more(const struct wire *wire);

void wire_close(struct wire *wire);

/* The header of a packet at @at for a body of @len bytes. Returns its size, 5 at most. */
size_t wire_header(unsigned char *at, unsigned first, size_t len);

/* A 16-bit number. */
static inline unsigned wire_number(const unsigned char *at)
{
	return (unsigned)(at[0] << 8 | at[1]);
}

static inline unsigned char *wire_put(unsigned char *at, unsigned number)
{
	at[0] = (unsigned char)(number >> 8);
	at[1] = (unsigned char)number;
	return at + 2;
}

#endif
