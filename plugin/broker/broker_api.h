/*
 * broker_api.h -- Mosquitto's headers, in the order and under the names each version has.
 *
 * Included by events.h and broker.c only (`make lint` sees to it), and so seen by plugin.c and the
 * files of plugin/broker/ that answer events. 2.0 wants three headers in one order; 2.1 has one,
 * and warns about the old names.
 */
#ifndef PETSTORE_BROKER_API_H
#define PETSTORE_BROKER_API_H

#include <mosquitto.h>
#if !__has_include(<mosquitto/broker.h>)
#include <mosquitto_broker.h>
#include <mosquitto_plugin.h>
#endif

#endif
