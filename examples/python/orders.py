"""
Reads orders as they change, places one, and publishes a status that cannot follow, to show how a
client learns that it was refused. With paho-mqtt, version 1 or 2 (Debian: python3-paho-mqtt):

    python3 orders.py [mqtts://localhost:8883 | wss://localhost:8084]

The account backoffice and the authority are those of `make run`. RUN names another folder than
build/run that has ca.crt and credentials. CA and PASSWORD name the authority and the password one
by one.
"""
import json
import os
import pathlib
import sys
from datetime import datetime, timezone
from urllib.parse import quote, urlsplit

import paho.mqtt.client as mqtt

USER = "backoffice"
CLIENT_ID = USER + "/orders"  # begins with the user's name and a slash
RUN = pathlib.Path(os.environ.get("RUN") or pathlib.Path(__file__).resolve().parents[2] / "build/run")
NOTICES = "refusals/%s/%s" % (USER, quote(CLIENT_ID, safe=""))


def password():
    if "PASSWORD" in os.environ:
        return os.environ["PASSWORD"]
    for line in (RUN / "credentials").read_text().splitlines():
        name, _, secret = line.partition(" ")
        if name == USER:
            return secret
    sys.exit("%s: has no line for %s" % (RUN / "credentials", USER))


def status(order, what, **more):
    message = {"orderId": order, "status": what, "updatedAt": datetime.now(timezone.utc).isoformat()}
    client.publish("orders/%s/status" % order, json.dumps(dict(message, **more)), qos=1)


def on_connect(client, userdata, flags, reason_code, properties=None):
    if reason_code != 0:  # paho would try again for ever
        why = mqtt.connack_string(reason_code) if isinstance(reason_code, int) else reason_code
        sys.exit("not connected: %s" % why)
    print("connected")
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


server = urlsplit(sys.argv[1] if len(sys.argv) > 1 else "mqtts://localhost:8883")
settings = {"transport": "websockets" if server.scheme == "wss" else "tcp"}
if hasattr(mqtt, "CallbackAPIVersion"):  # paho 2 asks for it; Debian 12 has paho 1
    settings["callback_api_version"] = mqtt.CallbackAPIVersion.VERSION2
client = mqtt.Client(client_id=CLIENT_ID, **settings)
try:
    client.username_pw_set(USER, password())
    client.tls_set(ca_certs=os.environ.get("CA") or str(RUN / "ca.crt"))
except OSError as error:
    sys.exit("%s\n\n%s" % (error, __doc__.strip()))
client.on_connect = on_connect
client.on_subscribe = on_subscribe
client.on_message = on_message
client.connect(server.hostname, server.port)
client.loop_forever()
