"""A first subscriber, as MQTT tutorials write it for paho 1.x."""

import json
import os

import paho.mqtt.client as mqtt

broker = os.environ["BROKER"]
port = int(os.environ["PORT"])


def on_connect(client, userdata, flags, rc):
    if rc == 0:
        print("Connected", flush=True)
        client.subscribe("pets/+/availability")
        client.subscribe("orders/#", qos=1)
        client.subscribe("inventory/+/stock")
    else:
        print("Failed to connect, return code", rc, flush=True)


def on_subscribe(client, userdata, mid, granted_qos):
    print("Subscribed", granted_qos[0], flush=True)


def on_message(client, userdata, msg):
    data = json.loads(msg.payload.decode())
    print("Received", msg.topic, data.get("status", data.get("quantity")), flush=True)


client = mqtt.Client("PetstoreSubscriber")
client.on_connect = on_connect
client.on_subscribe = on_subscribe
client.on_message = on_message
client.tls_set(ca_certs=os.environ["CA"])
client.username_pw_set(os.environ["USERNAME"], os.environ["PASSWORD"])
client.connect(broker, port, 60)
client.loop_forever()
