"""The shortest publisher there is: no callbacks, no network loop, QoS 0."""

import os
import time

import paho.mqtt.client as mqtt

client = mqtt.Client("Sensor1")
client.username_pw_set(os.environ["USERNAME"], os.environ["PASSWORD"])
client.tls_set(os.environ["CA"])
client.connect(os.environ["BROKER"], int(os.environ["PORT"]), 60)

for quantity in [42, 41, 40]:
    now = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
    client.publish(
        "inventory/xyz789/stock",
        '{"productId": "xyz789", "quantity": %d, "updatedAt": "%s"}' % (quantity, now),
    )
    time.sleep(0.05)
client.disconnect()
