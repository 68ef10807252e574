/*
 * mqtt_client.h -- as much of ESP-IDF 5's MQTT client as the page's sample uses, so that a compiler
 * can look at the sample where there is no ESP32. Names and types are the library's.
 */
#ifndef SHIM_MQTT_CLIENT_H
#define SHIM_MQTT_CLIENT_H

#include <Arduino.h>
#include <stdint.h>

typedef const char *esp_event_base_t;
typedef int esp_err_t;
typedef struct esp_mqtt_client *esp_mqtt_client_handle_t;
typedef void (*esp_event_handler_t)(void *, esp_event_base_t, int32_t, void *);

typedef enum {
	MQTT_EVENT_ANY = -1,
	MQTT_EVENT_ERROR = 0,
	MQTT_EVENT_CONNECTED,
	MQTT_EVENT_DISCONNECTED,
	MQTT_EVENT_SUBSCRIBED,
	MQTT_EVENT_UNSUBSCRIBED,
	MQTT_EVENT_PUBLISHED,
	MQTT_EVENT_DATA,
} esp_mqtt_event_id_t;

typedef struct {
	esp_mqtt_event_id_t event_id;
	esp_mqtt_client_handle_t client;
	char *data;
	int data_len;
	char *topic;
	int topic_len;
} esp_mqtt_event_t;
typedef esp_mqtt_event_t *esp_mqtt_event_handle_t;

typedef struct {
	struct {
		struct {
			const char *uri;
		} address;
		struct {
			const char *certificate;
		} verification;
	} broker;
	struct {
		const char *username;
		const char *client_id;
		struct {
			const char *password;
		} authentication;
	} credentials;
} esp_mqtt_client_config_t;

esp_mqtt_client_handle_t esp_mqtt_client_init(const esp_mqtt_client_config_t *config);
esp_err_t esp_mqtt_client_register_event(esp_mqtt_client_handle_t client, esp_mqtt_event_id_t event,
					 esp_event_handler_t handler, void *context);
esp_err_t esp_mqtt_client_start(esp_mqtt_client_handle_t client);
int esp_mqtt_client_publish(esp_mqtt_client_handle_t client, const char *topic, const char *data,
			    int len, int qos, int retain);
int esp_mqtt_client_subscribe_single(esp_mqtt_client_handle_t client, const char *topic, int qos);

#endif
