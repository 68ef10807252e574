"""
Reads orders as they change, places one, and publishes a status that cannot follow, to show how a
client learns that it was refused. With paho-mqtt, version 1 or 2 (Debian: python3-paho-mqtt):

    PASSWORD=... python3 orders.py [mqtts://localhost:8883 | wss://localhost:8084]

PASSWORD is backoffice's, from build/run/credentials; CA names another authority than that of
`make run`.
"""
import json
import os
import sys
from datetime import datetime, timezone
from urllib.parse import quote, urlsplit

import paho.mqtt.client as mqtt

USER = "backoffice"
CLIENT_ID = USER + "/orders"  # begins with the user's name and a slash
NOTICES = "refusals/%s/%s" % (USER, quote(CLIENT_ID, safe=""))


def status(order, what, **more):
    message = {"orderId": order, "status": what, "updatedAt": datetime.now(timezone.utc).isoformat()}
    client.publish("orders/%s/status" % order, json.dumps(dict(message, **more)), qos=1)


def on_connect(client, userdata, flags, reason_code, properties=None):
    print("connected:", reason_code)
    client.subscribe([("orders/+/status", 1), (NOTICES, 1)])


def on_subscribe(client, userdata, mid, reason_codes, properties=None):
    status("ord-2", "PLACED", userId="customer-a")
    status("ord-2", "DELIVERED")  # refused: it was not even approved


def on_message(client, userdata, message):
    body = json.loads(message.payload)
    if message.topic == NOTICES:
        print("refused:", body["detail"])
        client.disconnect()
    else:
        print(body["orderId"], "is", body["status"])


if "PASSWORD" not in os.environ:
    sys.exit(__doc__.strip())
server = urlsplit(sys.argv[1] if len(sys.argv) > 1 else "mqtts://localhost:8883")
settings = {"transport": "websockets" if server.scheme == "wss" else "tcp"}
if hasattr(mqtt, "CallbackAPIVersion"):  # paho 2 asks for it; Debian 12 has paho 1
    settings["callback_api_version"] = mqtt.CallbackAPIVersion.VERSION2
client = mqtt.Client(client_id=CLIENT_ID, **settings)
client.username_pw_set(USER, os.environ["PASSWORD"])
client.tls_set(ca_certs=os.environ.get("CA", "build/run/ca.crt"))
client.on_connect = on_connect
client.on_subscribe = on_subscribe
client.on_message = on_message
client.connect(server.hostname, server.port)
client.loop_forever()
