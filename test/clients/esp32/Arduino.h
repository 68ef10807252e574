/*
 * Arduino.h -- as much of the ESP32's Arduino world as the example's sketch needs, on a PC.
 *
 * Network, TLS and MQTT 3.1.1 come from libmosquitto. The names, signatures and return values
 * are those of the ESP32 core and of PubSubClient, so that the sketch compiles as it is.
 */
#ifndef SHIM_ARDUINO_H
#define SHIM_ARDUINO_H

#include <mosquitto.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

static inline unsigned long millis()
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (unsigned long)now.tv_sec * 1000ul + (unsigned long)now.tv_nsec / 1000000ul;
}

static inline void delay(unsigned long ms)
{
	usleep((useconds_t)ms * 1000);
}

static inline void configTime(long, int, const char *)
{
} /* a PC knows the time */

struct SerialPort {
	void begin(unsigned long)
	{
	}
	void println(const char *text)
	{
		puts(text);
		fflush(stdout);
	}
	__attribute__((format(printf, 2, 3))) void printf(const char *format, ...)
	{
		va_list args;

		va_start(args, format);
		vprintf(format, args);
		va_end(args);
		fflush(stdout);
	}
};
static SerialPort Serial;

enum { WL_CONNECTED = 3 };

struct WiFiStation {
	void begin(const char *, const char *)
	{
	}
	int status()
	{
		return WL_CONNECTED;
	}
};
static WiFiStation WiFi;

class WiFiClientSecure
{
      public:
	/* libmosquitto takes a file: the certificate goes into one that goes with us. */
	void setCACert(const char *text)
	{
		int fd = memfd_create("ca", MFD_CLOEXEC);

		if (fd < 0 || write(fd, text, strlen(text)) != (ssize_t)strlen(text))
			abort();
		snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	}
	char path[32] = "";
};

class PubSubClient
{
      public:
	explicit PubSubClient(WiFiClientSecure &network) : network(network)
	{
		mosquitto_lib_init();
	}
	PubSubClient &setServer(const char *name, uint16_t number)
	{
		host = name;
		port = number;
		return *this;
	}
	bool setBufferSize(uint16_t)
	{
		return true;
	}
	PubSubClient &setCallback(void (*function)(char *, uint8_t *, unsigned int))
	{
		callback = function;
		return *this;
	}
	bool connected()
	{
		return is_connected;
	}
	int state()
	{
		return code;
	} /* CONNACK's return code, or -2: no network */

	bool connect(const char *id, const char *user, const char *password, const char *topic,
		     uint8_t qos, bool retain, const char *will)
	{
		mosquitto_destroy(mosq);
		mosq = mosquitto_new(id, true, this);
		mosquitto_connect_callback_set(mosq, on_connect);
		mosquitto_disconnect_callback_set(mosq, on_disconnect);
		mosquitto_message_callback_set(mosq, on_message);
		mosquitto_username_pw_set(mosq, user, password);
		mosquitto_will_set(mosq, topic, (int)strlen(will), will, qos, retain);
		mosquitto_tls_set(mosq, network.path, nullptr, nullptr, nullptr, nullptr);
		code = -2;
		if (mosquitto_connect(mosq, host, port, 15) != MOSQ_ERR_SUCCESS)
			return false;
		while (code == -2 && mosquitto_loop(mosq, 100, 1) == MOSQ_ERR_SUCCESS)
			;
		return is_connected;
	}
	bool publish(const char *topic, const char *payload, bool retain)
	{
		return mosquitto_publish(mosq, nullptr, topic, (int)strlen(payload), payload, 0,
					 retain) == MOSQ_ERR_SUCCESS;
	}
	bool subscribe(const char *filter, uint8_t qos)
	{
		return mosquitto_subscribe(mosq, nullptr, filter, qos) == MOSQ_ERR_SUCCESS;
	}
	bool loop()
	{
		return mosquitto_loop(mosq, 20, 1) == MOSQ_ERR_SUCCESS;
	}

      private:
	static void on_connect(struct mosquitto *, void *self, int code)
	{
		static_cast<PubSubClient *>(self)->code = code;
		static_cast<PubSubClient *>(self)->is_connected = code == 0;
	}
	static void on_disconnect(struct mosquitto *, void *self, int)
	{
		static_cast<PubSubClient *>(self)->is_connected = false;
	}
	static void on_message(struct mosquitto *, void *self,
			       const struct mosquitto_message *message)
	{
		PubSubClient *client = static_cast<PubSubClient *>(self);

		if (client->callback)
			client->callback(message->topic, static_cast<uint8_t *>(message->payload),
					 (unsigned int)message->payloadlen);
	}

	WiFiClientSecure &network;
	struct mosquitto *mosq = nullptr;
	void (*callback)(char *, uint8_t *, unsigned int) = nullptr;
	const char *host = "";
	uint16_t port = 0;
	int code = -2;
	bool is_connected = false;
};

void setup();
void loop();

#endif
