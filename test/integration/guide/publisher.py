"""A first publisher, as MQTT tutorials write it for paho 1.x."""

import json
import os
import time

import paho.mqtt.client as mqtt

# What one changes for one's own broker: host, port, TLS and credentials.
broker = os.environ["BROKER"]
port = int(os.environ["PORT"])
ca_certs = os.environ["CA"]
username = os.environ["USERNAME"]
password = os.environ["PASSWORD"]

client = mqtt.Client("PetstorePublisher")
client.tls_set(ca_certs=ca_certs)
client.username_pw_set(username, password)
client.connect(broker, port)
client.loop_start()

for quantity in range(5):
    payload = {
        "petId": "abc123",
        "available": quantity > 0,
        "quantity": quantity,
        "updatedAt": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
    }
    client.publish("pets/abc123/availability", json.dumps(payload))
    print("Published quantity", quantity)
    time.sleep(0.05)

order = {
    "orderId": "xyz789",
    "status": "PLACED",
    "userId": "customer-a",
    "updatedAt": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
}
result = client.publish("orders/xyz789/status", json.dumps(order), qos=1)
result.wait_for_publish()
print("Order published")

client.loop_stop()
client.disconnect()
