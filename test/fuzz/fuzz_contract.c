/*
 * The text of a contract: it loads, or it is refused with a line; what was loaded can be asked.
 * The input is the document, or two of them with the byte SEPARATOR between; there are no other
 * files beside them.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "contract/contract.h"

#define SEPARATOR 0x1e /* no JSON or YAML has it outside of a comment */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bool see(const struct contract_match *match, void *ctx)
{
	(void)ctx;
	return !match->channel->name;
}

/* Each channel has the topics that its address says; "x" is an id. */
static void ask(const struct contract *contract, const struct contract_channel *channel)
{
	char topic[8192];
	size_t len = 0;

	for (const char *at = channel->address; *at && len + 1 < sizeof(topic); at++) {
		if (*at == '{') {
			at += strcspn(at, "}");
			topic[len++] = 'x';
		} else if (*at == '#' || *at == '+') {
			topic[len++] = 'y';
		} else {
			topic[len++] = *at;
		}
	}
	if (!topics_match(contract->topics, topic, len).channel)
		abort();
	if (channel->mapping && channel->mapping->param >= channel->param_count)
		abort();
}

static void ask_all(const struct contract *contract)
{
	for (size_t i = 0; i < contract->channel_count; i++)
		ask(contract, &contract->channel[i]);
	for (size_t i = 0; i < contract->sources.count; i++)
		if (!contract->sources.file[i]->uri)
			abort();
	if (topics_reach(contract->topics, "#", 1, see, NULL))
		abort();
}

/* A file of our own with this text; its path in @ret. */
static int make_file(const void *data, size_t size, char ret[static 64])
{
	int fd = memfd_create("contract", 0);

	if (fd < 0 || write(fd, data, size) != (ssize_t)size)
		abort();
	(void)snprintf(ret, 64, "/proc/self/fd/%d", fd);
	return fd;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const uint8_t *end = size > 0 ? memchr(data, SEPARATOR, size) : NULL;
	size_t first = end ? (size_t)(end - data) : size;
	char text[2][64];
	const char *const path[] = { text[0], text[1] };
	const struct sources_place place = { .count = end ? 2 : 1, .path = path };
	int fd = make_file(data, first, text[0]);
	int other = end ? make_file(end + 1, size - first - 1, text[1]) : -1;
	struct contract *contract = NULL;
	struct diag diag;

	diag_init(&diag);
	if (contract_open(&place, NULL, &contract, NULL, &diag) == 0)
		ask_all(contract);
	else if (diag.text[0] == '\0')
		abort();
	contract_free(contract);
	(void)close(fd);
	if (end)
		(void)close(other);
	return 0;
}
