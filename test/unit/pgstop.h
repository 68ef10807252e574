/*
 * pgstop.h -- a TCP proxy to a PostgreSQL server that stops before one statement of a client, does
 * something else meanwhile, and passes it on.
 *
 * For one client at a time, without TLS. A statement is a Bind or a Query of the protocol.
 */
#ifndef PETSTORE_PGSTOP_H
#define PETSTORE_PGSTOP_H

#include <netdb.h>
#include <poll.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include <libpq-fe.h>

#define PGSTOP_BYTES 65536u
#define PGSTOP_HEAD 5u /* a message's type and its length; the first one has no type */

struct pgstop {
	char conninfo[600]; /* by way of the proxy */

	/* The rest is the proxy's own. */
	struct sockaddr_storage server;
	socklen_t server_len;
	int listener, wake[2];
	pthread_t thread;
	unsigned left; /* statements until it stops; 0: it has stopped */
	void (*meanwhile)(void *ctx);
	void *ctx;

	/* Of the client that is connected. */
	unsigned char head[PGSTOP_HEAD];
	size_t head_len, body_left;
	bool is_started; /* the first message has come */
};

static inline bool pgstop_write(int fd, const unsigned char *bytes, size_t len)
{
	while (len > 0) {
		ssize_t count = send(fd, bytes, len, MSG_NOSIGNAL);

		if (count <= 0)
			return false;
		bytes += count;
		len -= (size_t)count;
	}
	return true;
}

/* A message's head is whole; it is passed on, but not before what is to happen meanwhile. */
static inline bool pgstop_pass_head(struct pgstop *stop, int server)
{
	const unsigned char *size = stop->head + (stop->is_started ? 1 : 0);
	uint32_t len = (uint32_t)size[0] << 24 | (uint32_t)size[1] << 16 | (uint32_t)size[2] << 8 |
		       size[3];
	bool is_statement = stop->is_started && (stop->head[0] == 'B' || stop->head[0] == 'Q');

	if (is_statement && stop->left > 0 && --stop->left == 0)
		stop->meanwhile(stop->ctx);
	if (!pgstop_write(server, stop->head, stop->head_len))
		return false;
	stop->is_started = true;
	stop->head_len = 0;
	stop->body_left = len - 4;
	return true;
}

static inline bool pgstop_pass(struct pgstop *stop, const unsigned char *bytes, size_t len,
			       int server)
{
	while (len > 0) {
		size_t count = stop->body_left < len ? stop->body_left : len;

		if (count > 0) {
			if (!pgstop_write(server, bytes, count))
				return false;
			stop->body_left -= count;
			bytes += count;
			len -= count;
			continue;
		}
		stop->head[stop->head_len++] = *bytes++;
		len--;
		if (stop->head_len == PGSTOP_HEAD - (stop->is_started ? 0 : 1) &&
		    !pgstop_pass_head(stop, server))
			return false;
	}
	return true;
}

static inline void pgstop_serve(struct pgstop *stop, int client, int server)
{
	unsigned char bytes[PGSTOP_BYTES];
	struct pollfd fd[] = { { .fd = client, .events = POLLIN },
			       { .fd = server, .events = POLLIN } };
	const int on = 1;
	bool is_well = true;

	/* Messages are small, and none waits for the one before it to be acknowledged. */
	for (int i = 0; i < 2; i++)
		(void)setsockopt(fd[i].fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	stop->head_len = stop->body_left = 0;
	stop->is_started = false;
	while (is_well && poll(fd, 2, -1) > 0) {
		for (int i = 0; is_well && i < 2; i++) {
			ssize_t count;

			if (!fd[i].revents)
				continue;
			count = recv(fd[i].fd, bytes, sizeof(bytes), 0);
			is_well = count > 0 &&
				  (i == 0 ? pgstop_pass(stop, bytes, (size_t)count, server)
					  : pgstop_write(client, bytes, (size_t)count));
		}
	}
}

static inline void *pgstop_run(void *ctx)
{
	struct pgstop *stop = ctx;
	struct pollfd fd[] = { { .fd = stop->listener, .events = POLLIN },
			       { .fd = stop->wake[0], .events = POLLIN } };

	while (poll(fd, 2, -1) > 0 && !fd[1].revents) {
		int client = accept(stop->listener, NULL, NULL);
		int server = socket(stop->server.ss_family, SOCK_STREAM, 0);

		if (client >= 0 && server >= 0 &&
		    connect(server, (struct sockaddr *)&stop->server, stop->server_len) == 0)
			pgstop_serve(stop, client, server);
		if (client >= 0)
			(void)close(client);
		if (server >= 0)
			(void)close(server);
	}
	return NULL;
}

/* The server's address. False: it is reached by no TCP. */
static inline bool pgstop_find(struct pgstop *stop, const char *conninfo)
{
	PGconn *conn = PQconnectdb(conninfo);
	const struct addrinfo want = { .ai_socktype = SOCK_STREAM };
	struct addrinfo *found = NULL;
	bool is_found = PQstatus(conn) == CONNECTION_OK && *PQhost(conn) != '/' &&
			getaddrinfo(PQhost(conn), PQport(conn), &want, &found) == 0;

	PQfinish(conn);
	if (!is_found)
		return false;
	memcpy(&stop->server, found->ai_addr, found->ai_addrlen);
	stop->server_len = found->ai_addrlen;
	freeaddrinfo(found);
	return true;
}

/*
 * Calls @meanwhile before statement @number, counted from 1, of those that reach @conninfo by way
 * of ret->conninfo, on a thread of its own. False: the server is reached by no TCP.
 */
static inline bool pgstop_begin(struct pgstop *ret, const char *conninfo, unsigned number,
				void (*meanwhile)(void *ctx), void *ctx)
{
	struct sockaddr_in at = { .sin_family = AF_INET,
				  .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t len = sizeof(at);

	*ret = (struct pgstop){ .left = number, .meanwhile = meanwhile, .ctx = ctx };
	if (!pgstop_find(ret, conninfo))
		return false;
	ret->listener = socket(AF_INET, SOCK_STREAM, 0);
	assert_int_equal(bind(ret->listener, (struct sockaddr *)&at, sizeof(at)), 0);
	assert_int_equal(listen(ret->listener, 8), 0);
	assert_int_equal(getsockname(ret->listener, (struct sockaddr *)&at, &len), 0);
	assert_int_equal(pipe(ret->wake), 0);
	(void)snprintf(ret->conninfo, sizeof(ret->conninfo),
		       "%s host=127.0.0.1 hostaddr=127.0.0.1 port=%u sslmode=disable "
		       "gssencmode=disable",
		       conninfo, ntohs(at.sin_port));
	assert_int_equal(pthread_create(&ret->thread, NULL, pgstop_run, ret), 0);
	return true;
}

/* The clients are closed. True: it has stopped. */
static inline bool pgstop_end(struct pgstop *stop)
{
	assert_int_equal(close(stop->wake[1]), 0);
	assert_int_equal(pthread_join(stop->thread, NULL), 0);
	(void)close(stop->wake[0]);
	(void)close(stop->listener);
	return stop->left == 0;
}

#endif
