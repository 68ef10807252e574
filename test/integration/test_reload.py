"""SIGHUP: all new files or none of them."""

import json
import os
import re
import subprocess

import pytest

import messages
from rawmqtt import NOT_AUTHORIZED
from test_store_trouble import UNAVAILABLE, Publisher


@pytest.fixture
def broker(new_broker):
    return new_broker().start()


def edit(path, change):
    """Replaces the file, as an operator's editor does."""
    with open(path) as file:
        text = change(file.read())
    with open(path + ".new", "w") as file:
        file.write(text)
    os.replace(path + ".new", path)


def edit_json(path, change):
    def of_text(text):
        document = json.loads(text)
        change(document)
        return json.dumps(document, indent=1)

    edit(path, of_text)


def add_weather(contract):
    """A seventh topic: a channel, its schema, its operations."""
    contract["channels"]["weather"] = {
        "address": "weather/{city}/temperature",
        "messages": {"temperature": {
            "contentType": "application/json",
            "payload": {"type": "object", "required": ["celsius"],
                        "properties": {"celsius": {"type": "number", "minimum": -90}},
                        "additionalProperties": False}}},
        "parameters": {"city": {}},
    }
    for action, scheme in (("send", "writeInventory"), ("receive", "readInventory")):
        contract["operations"][action + "Weather"] = {
            "action": action,
            "channel": {"$ref": "#/channels/weather"},
            "security": [{"$ref": "#/components/securitySchemes/" + scheme}],
        }


def test_topic_added(broker):
    """No C, no restart; sessions and their subscriptions stay."""
    publisher = broker.client("inventory-service")
    subscriber = broker.client("customer-a")
    assert subscriber.subscribe("weather/#", "#") == [NOT_AUTHORIZED, 2]
    assert publisher.publish("weather/oslo/temperature", b'{"celsius": -3.5}', 1) == NOT_AUTHORIZED
    edit_json(broker.contract, add_weather)
    assert "petstore: reloaded contract" in broker.reload()
    assert publisher.publish("weather/oslo/temperature", b'{"celsius": -3.5}', 1) == 0
    assert publisher.publish("weather/oslo/temperature", b'{"celsius": -99}', 1) == NOT_AUTHORIZED
    assert subscriber.message()[:2] == ("weather/oslo/temperature", b'{"celsius": -3.5}')
    assert subscriber.subscribe("weather/#") == [2]
    broker.wait_rows([(1,)], "SELECT count(*) FROM events WHERE topic LIKE 'weather/%'")


def test_topic_removed(broker):
    publisher = broker.client("inventory-service")
    subscriber = broker.client("customer-a")
    subscriber.subscribe("inventory/+/stock", "pets/#")

    def change(contract):
        del contract["channels"]["petAvailability"]
        for name in ("sendPetAvailability", "receivePetAvailability"):
            del contract["operations"][name]

    edit_json(broker.contract, change)
    broker.reload()
    collar = broker.client("collar-7")
    assert collar.publish(*messages.availability("abc123"), qos=1) == NOT_AUTHORIZED
    assert publisher.publish(*messages.stock("xyz789"), qos=1) == 0


def test_column_added(broker):
    """A table grows with its contract; its rows stay."""
    publisher = Publisher(broker, "orders-service")
    assert publisher.publish(messages.order("ord-1", previousStatus=None)) in (0, 0x10)

    def change(contract):
        contract["x-entities"]["order"]["columns"]["previous_status"] = {"type": "text"}
        columns = contract["channels"]["orderStatus"]["x-entity"]["columns"]
        columns["previous_status"] = "/previousStatus"

    edit_json(broker.contract, change)
    assert "petstore: reloaded contract" in broker.reload()
    approved = messages.order("ord-1", "APPROVED", previousStatus="PLACED")
    while publisher.publish(approved) == UNAVAILABLE:
        pass  # its column is made a moment later
    broker.wait_rows([("APPROVED", "PLACED")], "SELECT status, previous_status FROM orders")


BAD = {
    "contract not JSON": ("schemas/petstore.asyncapi.json", lambda text: text[:-200],
                          r"petstore.asyncapi.json:\d+:\d+: "),
    "schema not JSON": ("schemas/order-status.schema.json", lambda text: text + "}",
                        r"order-status.schema.json:\d+:\d+: "),
    "contract unclear": ("schemas/petstore.asyncapi.json",
                         lambda text: text.replace('"x-durability": "power"',
                                                   '"x-durability": "stone"', 1),
                         r"petstore.asyncapi.json:\d+:\d+: /channels/\w+/x-durability: "),
    "schema wrong": ("schemas/pet-status.schema.json",
                     lambda text: text.replace('"object"', '"objekt"', 1),
                     r"pet-status.schema.json:\d+:\d+: /type: "),
    "scope unknown": ("access.json", lambda text: text.replace("read:sys", "read:sis", 1),
                      r'access.json:\d+:\d+: /roles/\w+/scopes/\d+: .*"read:sis"'),
    "role unknown": ("access.json",
                     lambda text: text.replace('["customer"]', '["costumer"]', 1),
                     r'access.json:\d+:\d+: /users/customer-a/roles/0: .*"costumer"'),
    "access not JSON": ("access.json", lambda text: text.replace("{", "[", 1),
                        r"access.json:\d+:\d+: "),
    "password line": ("passwords", lambda text: text + "eva\n", r"passwords:10: "),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_file_changes_nothing(broker, name):
    file, change, expected = BAD[name]
    publisher = broker.client("orders-service")
    with open(broker.path(file)) as saved:
        good = saved.read()
    edit(broker.path(file), change)
    log = broker.reload()
    # Once, at any time, a broker says how fast the database is that it shares.
    lines = [line for line in log.splitlines()
             if "petstore: " in line and "strict steps: about" not in line]
    assert len(lines) == 1, log
    assert re.search("petstore: reload failed, nothing was changed: .*" + expected, lines[0])
    # As before: who was there, who comes, what is accepted, what is refused.
    assert publisher.publish(*messages.order("ord-1"), qos=1) in (0, 0x10)
    assert publisher.publish(*messages.order("ord-1", "LOST"), qos=1) == NOT_AUTHORIZED
    customer = broker.client("customer-a")
    assert customer.subscribe("orders/#", "weather/#") == [2, NOT_AUTHORIZED]
    # And a second time, then with the mistake put right.
    assert "reload failed" in broker.reload()
    edit(broker.path(file), lambda _: good)
    assert "petstore: reloaded contract" in broker.reload()
    publisher.ping()
    customer.ping()


def test_file_gone(broker):
    os.rename(broker.path("access.json"), broker.path("access.old"))
    assert "reload failed, nothing was changed: " in broker.reload()
    broker.client("customer-a").ping()


def test_scope_taken_away(broker):
    """At once, for connected clients too."""
    publisher = broker.client("orders-service")
    subscriber = broker.client("customer-a")
    subscriber.subscribe("#")
    assert publisher.publish(*messages.order("ord-1"), qos=1) == 0
    assert subscriber.message().topic == "orders/ord-1/status"

    def change(access):
        access["roles"]["orders"]["scopes"] = ["read:orders"]
        access["roles"]["customer"]["scopes"] = ["read:inventory"]

    edit_json(broker.path("access.json"), change)
    assert "petstore: reloaded contract" in broker.reload()
    assert publisher.publish(*messages.order("ord-2"), qos=1) == NOT_AUTHORIZED
    broker.client("backoffice").publish(*messages.order("ord-3"), qos=1)
    assert broker.barrier(subscriber) == []
    assert subscriber.subscribe("orders/#") == [NOT_AUTHORIZED]


def test_password_changed(broker):
    """The old one ends at once, for those who are connected with it too."""
    connected = broker.client("customer-a")
    other = broker.client("customer-b")
    old = broker.password("customer-a")
    subprocess.run(["mosquitto_passwd", "-H", "sha512-pbkdf2", "-b", broker.path("passwords"),
                    "customer-a", "new-password"], check=True)
    assert broker.try_client("customer-a", "new-password").code != 0
    broker.reload()
    connected.wait_closed()
    other.ping()
    assert broker.try_client("customer-a", old).code != 0
    assert broker.try_client("customer-a", "new-password").code == 0


def test_user_removed(broker):
    connected = broker.client("customer-a")
    edit_json(broker.path("access.json"), lambda access: access["users"].pop("customer-a"))
    broker.reload()
    connected.wait_closed()
    assert broker.try_client("customer-a", broker.password("customer-a")).code != 0


def test_again_and_again(broker):
    publisher = broker.client("orders-service")
    for number in range(20):
        broker.reload()
        assert publisher.publish(*messages.order("ord-%d" % number), qos=1) == 0x10
