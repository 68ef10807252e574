/*
 * The text of a contract: it loads, or it is refused with a line; what was loaded can be asked.
 * The input is the document; there are no other files beside it.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "contract/contract.h"

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

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct contract *contract = NULL;
	struct diag diag;
	char path[64];
	int fd = memfd_create("contract", 0);

	if (fd < 0 || write(fd, data, size) != (ssize_t)size)
		abort();
	(void)snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	diag_init(&diag);
	if (contract_load(path, &contract, NULL, &diag) == 0)
		ask_all(contract);
	else if (diag.text[0] == '\0')
		abort();
	contract_free(contract);
	(void)close(fd);
	return 0;
}
