"""Channels with several messages and operations: which one a publish is, and what a refusal says."""
import json
import os
import sqlite3

import pytest

import engines
import harness
import messages
from rawmqtt import NOT_AUTHORIZED
from test_notices import notices_of
from test_reload import edit_json

TAKEN = (0, 0x10)
BINARY = b"\x89PNG\r\n\x1a\n\x00\xff"
EVENTS = "SELECT message, payload FROM events WHERE topic = ? ORDER BY seq"


def kind(name, **properties):
    properties = dict({"kind": {"const": name}}, **properties)
    return {"payload": {"type": "object", "properties": properties,
                        "required": sorted(properties), "additionalProperties": False}}


def text(**schema):
    return {"contentType": "text/plain", "payload": schema}


def add_meters(contract):
    """Channels of JSON, of texts and of bytes; and of jobs, each with its operation."""
    channels = {
        "meters": {"temperature": kind("temperature", celsius={"type": "number"}),
                   "humidity": kind("humidity", percent={"type": "integer"})},
        "values": {"number": text(type="number", maximum=100), "flag": text(type="boolean")},
        "pictures": {"picture": {"contentType": "image/png"}},
        "jobs": {"start": kind("start"), "stop": kind("stop")},
    }
    for name, kinds in channels.items():
        contract["channels"][name] = {"address": name + "/{id}", "parameters": {"id": {}},
                                      "messages": kinds}
        contract["operations"]["send" + name] = {
            "action": "send", "channel": {"$ref": "#/channels/" + name}}
    start = contract["operations"].pop("sendjobs")
    start["messages"] = [{"$ref": "#/channels/jobs/messages/start"}]
    start["bindings"] = {"mqtt": {"qos": 1}}
    stop = dict(start, messages=[{"$ref": "#/channels/jobs/messages/stop"}],
                security=[{"$ref": "#/components/securitySchemes/writeOrders"}])
    contract["operations"].update(start=start, stop=dict(stop, bindings={"mqtt": {"qos": 2}}))


@pytest.fixture(scope="module")
def meters(tmp_path_factory, template):
    broker = harness.Broker(tmp_path_factory.mktemp("meters") / "run", template)
    edit_json(broker.contract, add_meters)
    with harness.running(broker):
        yield broker


@pytest.mark.parametrize("version", [4, 5])
def test_which_message_it_is(meters, version):
    """Kept by its name; what fits none is refused with what is wrong with the nearest."""
    topic = "meters/" + messages.unique("m")
    client = meters.client("collar-7", version)
    notices_of(client)
    good = [("temperature", b'{"kind":"temperature","celsius":21.5}'),
            ("humidity", b'{"kind":"humidity","percent":40}')]
    for _, payload in good:
        assert client.publish(topic, payload, 1) in TAKEN
    before = meters.mark()
    client.publish(topic, b'{"kind":"humidity","percent":"wet"}', 1)
    problem = json.loads(client.message().payload)
    assert problem["messageName"] == "humidity"
    assert problem["detail"] == 'is "wet", expected type integer (message humidity)'
    assert [error["field"] for error in problem["errors"]] == ["/percent"]
    assert "(message humidity)" in meters.log(before)
    meters.wait_rows([("humidity",)], "SELECT message_name FROM refusals WHERE topic = ?", topic)
    meters.wait_rows([(name, payload.decode()) for name, payload in good], EVENTS, topic)


def test_texts_and_bytes(meters):
    """A text is the number or the boolean that its schema asks for; of bytes the number counts."""
    client = meters.client("collar-7")
    values = "values/" + messages.unique("v")
    pictures = "pictures/" + messages.unique("p")
    for topic, payload in [(values, b"21.5"), (values, b"true"), (pictures, BINARY)]:
        assert client.publish(topic, payload, 1) in TAKEN
    for payload in [b"100.5", b"yes", b"\xff"]:
        assert client.publish(values, payload, 1) == NOT_AUTHORIZED
    meters.wait_rows([("number", "21.5"), ("flag", "true")], EVENTS, values)
    meters.wait_rows([("picture", BINARY)], EVENTS.replace("payload", engines.EVENT_BYTES), pictures)


def test_each_operation_has_its_scope_and_qos(meters):
    """Whom one operation admits may send its messages alone."""
    topic = "jobs/" + messages.unique("j")
    start, stop = b'{"kind":"start"}', b'{"kind":"stop"}'
    collar, orders = meters.client("collar-7"), meters.client("orders-service")
    assert collar.publish(topic, start, 1) in TAKEN
    assert collar.publish(topic, stop, 2) == NOT_AUTHORIZED
    assert orders.publish(topic, stop, 1) == NOT_AUTHORIZED
    assert orders.publish(topic, stop, 2) in TAKEN
    meters.wait_rows([("scope-missing",), ("qos-too-low",)],
                     "SELECT reason FROM refusals WHERE topic = ? ORDER BY seq", topic)


@engines.sqlite_only("versions of before there was another engine")
def test_a_database_of_before(new_broker):
    """Events without a message stay; new ones have one."""
    broker = new_broker()
    folder = os.path.join(harness.TOP, "schemas", "store")
    database = sqlite3.connect(broker.path("petstore.db"))
    scripts = sorted(name for name in os.listdir(folder) if name.endswith(".sql"))
    for name in scripts[:12]:
        with open(os.path.join(folder, name), encoding="utf-8") as file:
            database.executescript(file.read())
    database.executescript(
        "PRAGMA application_id = 1348817748; PRAGMA user_version = 12;"
        "INSERT INTO store (one, identity, applied_seq, made_at) VALUES "
        "(1, '00112233445566778899aabbccddeeff', 5, '2026-01-15T10:00:00.000Z');"
        "INSERT INTO events (seq, received_at, topic, publisher, client_id, qos, retained, payload)"
        " VALUES (5, '2026-01-15T10:00:00.000Z', 'inventory/old-1/stock', 'a', 'b', 1, 0, '{}')")
    database.close()
    broker.start()
    topic, payload = messages.stock("old-1", 3)
    assert broker.client("inventory-service").publish(topic, payload, 1) in TAKEN
    name = next(iter(json.load(open(broker.contract, encoding="utf-8"))
                     ["channels"]["inventoryStock"]["messages"]))
    broker.wait_rows([(None,), (name,)], "SELECT message FROM events WHERE topic = ? ORDER BY seq",
                     topic)
    assert broker.rows("PRAGMA user_version") == [(len(scripts),)]


def test_notices_of_two_messages(new_broker):
    """What the plugin publishes may be any of its channel's messages."""
    def split(contract):
        add_meters(contract)
        channel = contract["channels"]["refusals"]
        held = {"payload": {"type": "object", "required": ["heldBack"]}}
        channel["messages"] = {"held": held, "refusal": {
            "payload": {"type": "object", "required": ["decisionId"]}}}
        for operation in contract["operations"].values():
            if operation["channel"]["$ref"] == "#/channels/refusals":
                operation.pop("messages", None)

    broker = new_broker()
    edit_json(broker.contract, split)
    broker.start()
    client = broker.client("collar-7")
    notices_of(client)
    client.publish("values/1", b"nothing", 1)
    assert json.loads(client.message().payload)["messageName"] == "number"
