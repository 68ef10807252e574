#include "ctl/conf_listeners.h"

#include <string.h>

const struct brokerfile_line *conf_listeners_line(const struct brokerfile *file, size_t listener,
						  const char *word)
{
	const struct brokerfile_line *found = NULL;

	for (size_t i = 0; i < file->line_count; i++)
		if (file->line[i].listener == listener && !file->line[i].bridge &&
		    strcmp(file->line[i].word, word) == 0)
			found = &file->line[i];
	return found;
}

const char *conf_listeners_value(const struct brokerfile *file, size_t listener, const char *word)
{
	const struct brokerfile_line *line = conf_listeners_line(file, listener, word);

	return line ? line->value : "";
}

const char *conf_listeners_address(const struct brokerfile *file, size_t listener)
{
	const struct brokerfile_line *line = file->listener[listener].line;
	const char *address;

	if (!line)
		return conf_listeners_value(file, listener, "bind_address");
	address = line->value + strcspn(line->value, " \t");
	return address + strspn(address, " \t");
}

bool conf_listeners_is_local(const struct brokerfile *file, size_t listener)
{
	const char *address = conf_listeners_address(file, listener);

	if (file->listener_count == 1 && !address[0] && !conf_listeners_line(file, 0, "port"))
		return true; /* no listener at all: the broker keeps to itself */
	return strncmp(address, "127.", 4) == 0 || strcmp(address, "::1") == 0 ||
	       strcmp(address, "localhost") == 0 || address[0] == '/' ||
	       strcmp(conf_listeners_value(file, listener, "bind_interface"), "lo") == 0;
}
