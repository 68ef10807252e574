// A collar that says every minute that its pet can be adopted, and leaves a last will. For an
// ESP32 with PubSubClient, which has MQTT 3.1.1 and publishes at QoS 0: there is no answer to a
// refused message, so the collar subscribes to its notices. Put in your network, the broker's name,
// password and authority.
#include <WiFi.h>
#include <WiFiClientSecure.h>
#include <PubSubClient.h>
#include <time.h>

const char *WIFI_NAME = "petstore";
const char *WIFI_PASSWORD = "secret";
const char *BROKER = "broker.example"; // as in its certificate
const uint16_t PORT = 8883;
const char *USER = "collar-7";
const char *PASSWORD = "from build/run/credentials";
const char *AUTHORITY = R"(the text of build/run/ca.crt)";

WiFiClientSecure network;
PubSubClient client(network);
unsigned long last = 0;

void publish(bool available)
{
  char now[32], message[160];
  time_t seconds = time(nullptr);

  strftime(now, sizeof(now), "%Y-%m-%dT%H:%M:%SZ", gmtime(&seconds));
  snprintf(message, sizeof(message),
           "{\"petId\": \"collar-7\", \"available\": %s, \"updatedAt\": \"%s\"}",
           available ? "true" : "false", now);
  client.publish("pets/collar-7/availability", message, true);
}

// A notice: why a message of this collar was refused, as JSON.
void received(char *topic, uint8_t *payload, unsigned int length)
{
  Serial.printf("%s: %.*s\n", topic, (int)length, (const char *)payload);
}

void connect()
{
  const char *gone = "{\"petId\": \"collar-7\", \"available\": false, "
                     "\"updatedAt\": \"2026-01-01T00:00:00Z\"}";

  while (!client.connected()) {
    // The last will: what the broker publishes when the collar falls silent.
    if (client.connect("collar-7", USER, PASSWORD, "pets/collar-7/availability", 1, true, gone)) {
      Serial.println("connected");
      client.subscribe("refusals/collar-7/collar-7", 1); // the user's name and the client id
    } else {
      Serial.printf("not connected: %d\n", client.state());
      delay(2000);
    }
  }
}

void setup()
{
  Serial.begin(115200);
  WiFi.begin(WIFI_NAME, WIFI_PASSWORD);
  while (WiFi.status() != WL_CONNECTED)
    delay(100);
  configTime(0, 0, "pool.ntp.org"); // certificates and updatedAt need the time
  while (time(nullptr) < 1700000000)
    delay(100);
  network.setCACert(AUTHORITY);
  client.setServer(BROKER, PORT);
  client.setBufferSize(1024); // a notice has more than the 256 bytes that are the default
  client.setCallback(received);
}

void loop()
{
  connect();
  client.loop();
  if (last == 0 || millis() - last > 60000) {
    last = millis();
    publish(true);
  }
}
