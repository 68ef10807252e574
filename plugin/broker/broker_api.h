/*
 * broker_api.h -- Mosquitto's headers, in the order and under the names each version has.
 *
 * Only events.h and broker.c include it (`make lint` checks this), so that plugin.c and the files
 * of plugin/broker/ that answer events see Mosquitto's headers. 2.0 needs three headers in one
 * order; 2.1 has one, and warns about the old names.
 */
#ifndef PETSTORE_BROKER_API_H
#define PETSTORE_BROKER_API_H

#include <mosquitto.h>
#if !__has_include(<mosquitto/broker.h>)
#include <mosquitto_broker.h>
#include <mosquitto_plugin.h>
#endif

#endif
