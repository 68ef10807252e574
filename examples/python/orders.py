"""
Reads orders as they move, and places one. With paho-mqtt, version 1 or 2:

    PASSWORD=... python3 orders.py [mqtts://localhost:8883 | wss://localhost:8084]

PASSWORD is backoffice's, from build/run/credentials; CA names another authority than that of
`make run`.
"""
import json
import os
import sys
from datetime import datetime, timezone
from urllib.parse import urlsplit

import paho.mqtt.client as mqtt


def on_connect(client, userdata, flags, reason_code, properties=None):
    print("connected:", reason_code)
    client.subscribe("orders/+/status", qos=1)


def on_subscribe(client, userdata, mid, reason_codes, properties=None):
    client.publish(
        "orders/ord-2/status",
        json.dumps({
            "orderId": "ord-2",
            "status": "PLACED",
            "userId": "customer-a",
            "updatedAt": datetime.now(timezone.utc).isoformat(),
        }),
        qos=1,
    )


def on_message(client, userdata, message):
    order = json.loads(message.payload)
    print(order["orderId"], "is", order["status"])
    client.disconnect()


if "PASSWORD" not in os.environ:
    sys.exit(__doc__.strip())
server = urlsplit(sys.argv[1] if len(sys.argv) > 1 else "mqtts://localhost:8883")
settings = {"transport": "websockets" if server.scheme == "wss" else "tcp"}
if hasattr(mqtt, "CallbackAPIVersion"):  # paho 2 asks for it; Debian 12 has paho 1
    settings["callback_api_version"] = mqtt.CallbackAPIVersion.VERSION2
client = mqtt.Client(client_id="backoffice/orders", **settings)
client.username_pw_set("backoffice", os.environ["PASSWORD"])
client.tls_set(ca_certs=os.environ.get("CA", "build/run/ca.crt"))
client.on_connect = on_connect
client.on_subscribe = on_subscribe
client.on_message = on_message
client.connect(server.hostname, server.port)
client.loop_forever()
