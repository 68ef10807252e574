// Programs to copy: each sends, or receives, one channel's messages as it stands. The password comes from
// the environment (MQTT_PASSWORD), but on a microcontroller, which has none.
import type { Json } from "../contract/document";

export interface Target {
  host: string;
  port: number;
  tls: boolean;
  ca: string; // a file with the authority's certificate; "": those that the system trusts
  user: string;
}

export interface Wanted {
  action: "send" | "receive";
  topic: string; // a filter where it receives
  payload: Json; // of JSON; else text
  isJson: boolean;
  qos: 0 | 1 | 2;
  retain: boolean;
  target: Target;
}

export interface Sample { id: string; label: string; file: string; note: string; code: string }

/** As addresses with "://" have it: IPv6 in brackets. */
const address = ({ tls, host, port }: Target): string => `${tls ? "mqtts" : "mqtt"}://${host.includes(":") ? `[${host}]` : host}:${port}`;
// Each of the two has its own: with the same one the broker would end one of them when the other connects.
const clientId = ({ target: { user }, action }: Wanted): string => `${user ? `${user}/` : ""}${action === "send" ? "sample" : "sample-sub"}`;
const line = ({ payload, isJson }: Wanted): string => (isJson || typeof payload !== "string" ? JSON.stringify(payload) : payload);
const shell = (text: string): string => (/^[\w@%+=:,./-]+$/.test(text) ? text : `'${text.replace(/'/g, "'\\''")}'`);
const js = (value: Json | string): string => JSON.stringify(value);
const indent = (text: string, by: string): string => text.replace(/\n/g, `\n${by}`);

function python(value: Json, by = ""): string {
  if (value === null) return "None";
  if (value === true) return "True";
  if (value === false) return "False";
  if (typeof value !== "object") return JSON.stringify(value);
  const inner = `${by}    `;
  if (Array.isArray(value)) return value.length === 0 ? "[]" : `[\n${value.map((it) => `${inner}${python(it, inner)},\n`).join("")}${by}]`;
  const members = Object.entries(value);
  return members.length === 0 ? "{}" : `{\n${members.map(([name, it]) => `${inner}${JSON.stringify(name)}: ${python(it, inner)},\n`).join("")}${by}}`;
}

// A string of C: what JSON escapes by \u is octal there, and "??" begins no trigraph.
const c = (text: string): string => `"${text.replace(/[\\"]/g, "\\$&").replace(/\?\?/g, "?\\?")
  .replace(/[\u0000-\u001f\u007f]/g, (char) => (char === "\n" ? "\\n" : `\\${char.charCodeAt(0).toString(8).padStart(3, "0")}`))}"`;

// A long payload as several strings, of which the compiler makes one; cut where JSON has a comma.
function cLines(text: string, by: string): string {
  const parts = text.length > 70 ? text.match(/(?:[^,"]|"(?:[^"\\]|\\.)*")*,?/g)?.filter(Boolean) ?? [text] : [text];
  const lines = parts.reduce<string[]>((all, part) => {
    if (all.length > 0 && all[all.length - 1].length + part.length <= 64) all[all.length - 1] += part;
    else all.push(part);
    return all;
  }, []);
  return (lines.length > 0 && lines.join("") === text ? lines : [text]).map(c).join(`\n${by}`);
}

function mosquitto(wanted: Wanted): Sample {
  const { target, topic, qos, retain, action } = wanted;
  const parts = [
    `${action === "send" ? "mosquitto_pub" : "mosquitto_sub"} -V 5 -h ${shell(target.host)} -p ${target.port}`
      + (target.tls ? (target.ca ? ` --cafile ${shell(target.ca)}` : " --tls-use-os-certs") : ""),
    ...(target.user ? [`-u ${shell(target.user)} -P "$MQTT_PASSWORD" -i ${shell(clientId(wanted))}`] : []),
    action === "send" ? `-q ${qos}${retain ? " -r" : ""} -t ${shell(topic)}` : `-q ${qos} -v -t ${shell(topic)}`,
    ...(action === "send" ? [`-m ${shell(line(wanted))}`] : []),
  ];
  return {
    id: "mosquitto", label: action === "send" ? "mosquitto_pub" : "mosquitto_sub", file: "sample.sh",
    note: action === "send" ? "Prints nothing where the message was accepted; a warning where it was refused." : "Ends with Ctrl-C.",
    code: parts.join(" \\\n  "),
  };
}

function pythonSample(wanted: Wanted): Sample {
  const { target, topic, qos, retain, action, payload, isJson } = wanted;
  const isSend = action === "send";
  const asJson = isSend && (isJson || typeof payload !== "string");
  const code = `${asJson ? "import json\n" : ""}import os

import paho.mqtt.client as mqtt

TOPIC = ${js(topic)}
${isSend ? `PAYLOAD = ${python(payload)}\n` : ""}

def on_connect(client, userdata, flags, reason, properties):
    if reason.is_failure:
        print("not connected:", reason)
        client.disconnect()
    else:
        ${isSend ? `client.publish(TOPIC, ${asJson ? "json.dumps(PAYLOAD)" : "PAYLOAD"}, qos=${qos}${retain ? ", retain=True" : ""})` : `client.subscribe(TOPIC, qos=${qos})`}


${isSend ? `def on_publish(client, userdata, mid, reason, properties):
    print("refused:" if reason.is_failure else "sent:", reason)
    client.disconnect()
` : `def on_subscribe(client, userdata, mid, reasons, properties):
    print("refused:" if reasons[0].is_failure else "subscribed:", reasons[0], flush=True)


def on_message(client, userdata, message):
    print(message.topic, message.payload.decode(errors="replace"), flush=True)
`}

client = mqtt.Client(mqtt.CallbackAPIVersion.VERSION2, client_id=${js(clientId(wanted))}, protocol=mqtt.MQTTv5)
${target.user ? `client.username_pw_set(${js(target.user)}, os.environ["MQTT_PASSWORD"])\n` : ""}${target.tls ? `client.tls_set(${target.ca ? js(target.ca) : ""})\n` : ""}client.on_connect = on_connect
${isSend ? "client.on_publish = on_publish" : "client.on_subscribe = on_subscribe\nclient.on_message = on_message"}
client.connect(${js(target.host)}, ${target.port})
client.loop_forever()
`;
  return {
    id: "python", label: "Python", file: "sample.py", code,
    note: `pip install "paho-mqtt>=2"${isSend && qos === 2 ? ". At QoS 2 paho shows no refusal here; the notices on refusals/ do." : ""}`,
  };
}

function javascript(wanted: Wanted): Sample {
  const { target, topic, qos, retain, action, payload, isJson } = wanted;
  const isSend = action === "send";
  const asJson = isJson || typeof payload !== "string";
  const code = `${target.tls && target.ca ? `import { readFileSync } from "node:fs";\n` : ""}import mqtt from "mqtt";

const topic = ${js(topic)};
${isSend ? `const payload = ${indent(JSON.stringify(payload, null, 2), "")};\n` : ""}
try {
  const client = await mqtt.connectAsync(${js(address(target))}, {
    protocolVersion: 5,
    clientId: ${js(clientId(wanted))},
${target.user ? `    username: ${js(target.user)},\n    password: process.env.MQTT_PASSWORD,\n` : ""}${target.tls && target.ca ? `    ca: readFileSync(${js(target.ca)}),\n` : ""}    reconnectPeriod: 0,
  });
${isSend ? `  try {
    await client.publishAsync(topic, ${asJson ? "JSON.stringify(payload)" : "payload"}, { qos: ${qos}${retain ? ", retain: true" : ""} });
    console.log("accepted");
  } catch (error) {
    console.log("refused:", error.code, error.message);
  }
  await client.endAsync();` : `  client.on("message", (topic, payload) => console.log(topic, payload.toString()));
  const [granted] = await client.subscribeAsync(topic, { qos: ${qos} });
  console.log("subscribed:", granted.topic);`}
} catch (error) {
  console.log("not connected:", error.message);
}
`;
  return { id: "javascript", label: "JavaScript", file: "sample.mjs", note: "npm install mqtt; then: node sample.mjs. In a browser: the same with a wss:// address, and without ca.", code };
}

function cSample(wanted: Wanted): Sample {
  const { target, topic, qos, retain, action } = wanted;
  const isSend = action === "send";
  const code = `/* cc sample.c -o sample -lmosquitto */
#include <mosquitto.h>
#include <mqtt_protocol.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *topic = ${c(topic)};
${isSend ? `static const char *payload =\n    ${cLines(line(wanted), "    ")};\n` : ""}
static void on_connect(struct mosquitto *client, void *data, int code, int flags,
                       const mosquitto_property *properties)
{
    if (code != 0) {
        printf("not connected: %s\\n", mosquitto_reason_string(code));
        mosquitto_disconnect(client);
        return;
    }
    ${isSend ? `mosquitto_publish_v5(client, NULL, topic, (int)strlen(payload), payload, ${qos}, ${retain}, NULL);` : `mosquitto_subscribe(client, NULL, topic, ${qos});`}
}

${isSend ? `static void on_publish(struct mosquitto *client, void *data, int id, int code,
                       const mosquitto_property *properties)
{
    printf(code < 128 ? "accepted: %s\\n" : "refused: %s\\n", mosquitto_reason_string(code));
    mosquitto_disconnect(client);
}` : `static void on_message(struct mosquitto *client, void *data, const struct mosquitto_message *message)
{
    printf("%s %.*s\\n", message->topic, message->payloadlen, (const char *)message->payload);
    fflush(stdout);
}

static void on_subscribe(struct mosquitto *client, void *data, int id, int count, const int *granted)
{
    printf(granted[0] < 128 ? "subscribed: QoS %d\\n" : "refused: code %d\\n", granted[0]);
    fflush(stdout);
}`}

int main(void)
{
    struct mosquitto *client;
    int result;

    mosquitto_lib_init();
    client = mosquitto_new(${c(clientId(wanted))}, true, NULL);
    mosquitto_int_option(client, MOSQ_OPT_PROTOCOL_VERSION, MQTT_PROTOCOL_V5);
${target.user ? `    mosquitto_username_pw_set(client, ${c(target.user)}, getenv("MQTT_PASSWORD"));\n` : ""}${target.tls ? (target.ca ? `    mosquitto_tls_set(client, ${c(target.ca)}, NULL, NULL, NULL, NULL);\n` : "    mosquitto_int_option(client, MOSQ_OPT_TLS_USE_OS_CERTS, 1);\n") : ""}    mosquitto_connect_v5_callback_set(client, on_connect);
${isSend ? "    mosquitto_publish_v5_callback_set(client, on_publish);" : "    mosquitto_message_callback_set(client, on_message);\n    mosquitto_subscribe_callback_set(client, on_subscribe);"}
    result = mosquitto_connect(client, ${c(target.host)}, ${target.port}, 60);
    if (result == MOSQ_ERR_SUCCESS)
        result = mosquitto_loop_forever(client, -1, 1);
    if (result != MOSQ_ERR_SUCCESS)
        printf("%s\\n", mosquitto_strerror(result));
    mosquitto_destroy(client);
    mosquitto_lib_cleanup();
    return result != MOSQ_ERR_SUCCESS;
}
`;
  return { id: "c", label: "C", file: "sample.c", note: "With libmosquitto (Debian: libmosquitto-dev).", code };
}

function esp32(wanted: Wanted): Sample {
  const { target, topic, qos, retain, action } = wanted;
  const isSend = action === "send";
  const code = `#include <WiFi.h>
#include <mqtt_client.h>

const char *wifi_name = "WIFI NAME";
const char *wifi_password = "WIFI PASSWORD";
const char *mqtt_password = "PASSWORD";
const char *topic = ${c(topic)};
${isSend ? `const char *payload =\n    ${cLines(line(wanted), "    ")};\n` : ""}${target.tls ? `// The authority's certificate${target.ca ? `: the text of ${target.ca}` : ""}
const char *ca = R"(
-----BEGIN CERTIFICATE-----
-----END CERTIFICATE-----
)";
` : ""}
void on_event(void *, esp_event_base_t, int32_t id, void *data)
{
    auto event = static_cast<esp_mqtt_event_handle_t>(data);

    switch (id) {
    case MQTT_EVENT_CONNECTED:
        ${isSend ? `esp_mqtt_client_publish(event->client, topic, payload, 0, ${qos}, ${retain ? 1 : 0});` : `esp_mqtt_client_subscribe_single(event->client, topic, ${qos});`}
        break;
${isSend ? `    case MQTT_EVENT_PUBLISHED:
        Serial.println("sent");
        break;` : `    case MQTT_EVENT_DATA:
        Serial.printf("%.*s %.*s\\n", event->topic_len, event->topic, event->data_len, event->data);
        break;`}
    case MQTT_EVENT_ERROR:
        Serial.println("not connected");
        break;
    default:
        break;
    }
}

void setup()
{
    Serial.begin(115200);
    WiFi.begin(wifi_name, wifi_password);
    while (WiFi.status() != WL_CONNECTED)
        delay(200);
${target.tls ? `    configTime(0, 0, "pool.ntp.org"); // certificates are checked against the time
    while (time(nullptr) < 1700000000)
        delay(200);
` : ""}
    esp_mqtt_client_config_t config = {};
    config.broker.address.uri = ${c(address(target))};
${target.tls ? "    config.broker.verification.certificate = ca;\n" : ""}    config.credentials.client_id = ${c(clientId(wanted))};
${target.user ? `    config.credentials.username = ${c(target.user)};\n    config.credentials.authentication.password = mqtt_password;\n` : ""}    esp_mqtt_client_handle_t client = esp_mqtt_client_init(&config);
    esp_mqtt_client_register_event(client, MQTT_EVENT_ANY, on_event, nullptr);
    esp_mqtt_client_start(client);
}

void loop()
{
    delay(1000);
}
`;
  return { id: "esp32", label: "ESP32", file: "sample.ino", note: `Arduino core for ESP32, version 3; its MQTT client is part of it.${isSend ? " MQTT 3.1.1 tells no refusal." : ""}`, code };
}

export const samplesFor = (wanted: Wanted): Sample[] =>
  [mosquitto(wanted), pythonSample(wanted), javascript(wanted), esp32(wanted), cSample(wanted)];
