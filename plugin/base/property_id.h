/*
 * property_id.h -- identifiers of the MQTT 5 properties of a PUBLISH that the plugin knows
 * (MQTT 5, 2.2.2.2).
 */
#ifndef PETSTORE_PROPERTY_ID_H
#define PETSTORE_PROPERTY_ID_H

enum property_id {
	PROPERTY_ID_PAYLOAD_FORMAT = 1,
	PROPERTY_ID_CONTENT_TYPE = 3,
	PROPERTY_ID_RESPONSE_TOPIC = 8,
	PROPERTY_ID_CORRELATION_DATA = 9,
	PROPERTY_ID_USER = 38,
};

#endif
