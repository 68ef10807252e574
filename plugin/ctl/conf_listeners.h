/*
 * conf_listeners.h -- the listeners of a mosquitto.conf: what is set for one, and who reaches it.
 */
#ifndef PETSTORE_CTL_CONF_LISTENERS_H
#define PETSTORE_CTL_CONF_LISTENERS_H

#include <stdbool.h>
#include <stddef.h>

#include "base/brokerfile.h"

/* The last line of @word that stands below the listener, bridges aside; NULL: there is none. */
const struct brokerfile_line *conf_listeners_line(const struct brokerfile *file, size_t listener,
						  const char *word);

/* Its value; "" where there is no such line. */
const char *conf_listeners_value(const struct brokerfile *file, size_t listener, const char *word);

/* The address that it is bound to; "" is any. Of a socket in the file system its path. */
const char *conf_listeners_address(const struct brokerfile *file, size_t listener);

/* Reached from this machine only: a loopback address, or a socket in the file system. */
bool conf_listeners_is_local(const struct brokerfile *file, size_t listener);

#endif
