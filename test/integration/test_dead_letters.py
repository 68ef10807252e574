"""x-dead-letter: a refused message goes whole to a topic that only some may read."""
import base64
import json
import re

import pytest

import harness
import messages
from rawmqtt import NOT_AUTHORIZED, field
from test_reload import edit_json

WHOLE, ENVELOPES = "dead-letters/orders", "dead-letters/stock"


def with_letters(contract):
    """Orders go as they are, the stock in envelopes; who may read refusals may read them."""
    channels, scheme = contract["channels"], {"$ref": "#/components/securitySchemes/readRefusals"}
    channels["deadLetters"] = {"address": "dead-letters/{kind}", "parameters": {"kind": {}},
                               "x-limits": {"payloadBytes": 100000, "messagesPerSecond": 40}}
    contract["operations"]["receiveDeadLetters"] = {
        "action": "receive", "channel": {"$ref": "#/channels/deadLetters"}, "security": [scheme]}
    contract["x-dead-letter"] = WHOLE
    channels["inventoryStock"]["x-dead-letter"] = {"topic": ENVELOPES, "as": "envelope"}
    channels["petStatus"]["x-dead-letter"] = False
    channels["petAvailability"]["x-will"] = "forbidden"


@pytest.fixture(scope="module")
def shop(tmp_path_factory, template):
    broker = harness.Broker(tmp_path_factory.mktemp("letters") / "run", template)
    edit_json(broker.contract, with_letters)
    with harness.running(broker):
        yield broker


def pairs_of(properties):
    """User properties as a dictionary, and the others by their number."""
    users, others = {}, {}
    while properties:
        kind, rest = properties[0], properties[1:]
        if kind == 1:
            others[kind], properties = rest[0], rest[1:]
            continue
        texts = []
        for _ in range(2 if kind == 38 else 1):
            size = int.from_bytes(rest[:2], "big")
            texts.append(rest[2:2 + size])
            rest = rest[2 + size:]
        if kind == 38:
            users.setdefault(texts[0].decode(), []).append(texts[1].decode())
        else:
            others[kind] = texts[0]
        properties = rest
    return users, others


def reader(shop, user="monitor", version=5):
    client = shop.client(user, version=version)
    assert set(client.subscribe("dead-letters/#", "inventory/#")) <= {0, 1, 2}
    return client


def letters(shop, client):
    return [each for each in shop.barrier(client) if each.topic.startswith("dead-letters/")]


@pytest.mark.parametrize("qos", [0, 1, 2])
@pytest.mark.parametrize("version", [4, 5])
def test_whole(shop, version, qos):
    """As it came: payload and properties, and what was wrong with it beside them; not retained."""
    topic, payload = messages.order(messages.unique("ord"), "PLACED", petId=5)
    client, sender = reader(shop), shop.client("orders-service", version=version)
    properties = b"\x01\x01\x03" + field("application/json") + b"\x08" + field("some/where") + \
        b"\x09" + field(b"\x00\xff") + b"\x26" + field("who") + field("me") + \
        b"\x26" + field("") + field("") + \
        b"\x26" + field("dead-letter-reason") + field("none")
    sender.publish(topic, payload, qos, retain=True, properties=properties)
    sender.ping()
    message = client.message()
    users, others = pairs_of(client.properties)
    assert (message.topic, message.payload, message.retain, message.qos) == (WHOLE, payload, False, 1)
    problem = json.loads(users.pop("dead-letter-problem")[0])
    assert (problem["reason"], problem["topic"]) == ("schema-violation", topic)
    assert problem["errors"][0]["field"] == "/petId"
    assert users.pop("dead-letter-id") == [problem["decisionId"]]
    assert re.match(r"\d{4}-", users.pop("dead-letter-time")[0])
    assert users.pop("who", None) == (["me"] if version == 5 else None)
    assert users.pop("", None) == ([""] if version == 5 else None)
    assert users == {"dead-letter-reason": ["schema-violation"], "dead-letter-topic": [topic],
                     "dead-letter-principal": ["orders-service"], "dead-letter-action": ["publish"],
                     "dead-letter-client-id": [sender.client_id], "dead-letter-qos": [str(qos)],
                     "dead-letter-retain": ["true"]}
    assert others == ({1: 1, 3: b"application/json", 8: b"some/where", 9: b"\x00\xff"}
                      if version == 5 else {})
    late = reader(shop)
    assert letters(shop, late) == letters(shop, client) == []


@pytest.mark.parametrize("version", [4, 5])
@pytest.mark.parametrize("payload", [b'{"quantity": "\xc3\xa4\\n\x01"', b"\xff\x00\xfe", b""])
def test_envelope(shop, version, payload):
    """Also for readers of MQTT 3.1.1; bytes that are no text as base64."""
    client, sender = reader(shop, version=version), shop.client("inventory-service")
    topic = messages.stock(messages.unique("pet"))[0]
    properties = b"\x26" + field("a") + field("b") + b"\x09" + field(b"\x01")
    assert sender.publish(topic, payload, 1, properties=properties) == NOT_AUTHORIZED
    message = client.message()
    assert message.topic == ENVELOPES and not message.retain
    letter = json.loads(message.payload)
    found = letter["payload"]
    assert (found.encode() if letter["encoding"] == "text" else base64.b64decode(found)) == payload
    assert letter["encoding"] == ("base64" if payload[:1] == b"\xff" else "text")
    assert (letter["topic"], letter["principal"], letter["qos"]) == (topic, "inventory-service", 1)
    assert letter["problem"]["decisionId"] == letter["id"]
    assert letter["properties"] == {"correlationData": "AQ==", "userProperties": [["a", "b"]]}
    if version == 5:
        users, others = pairs_of(client.properties)
        assert users["dead-letter-id"] == [letter["id"]] and others == {3: b"application/json"}


def test_what_the_broker_takes_for_no_text(shop):
    """A client can't keep its message away by what the problem document says of it."""
    client, sender = reader(shop), shop.client("orders-service")
    topic = messages.order(messages.unique("ord"))[0]
    for name in ("\ufdd0", "\uffff", "\U0001fffe", "\u0085", "\x7f"):
        payload = json.dumps({name: 1, "orderId": name}, ensure_ascii=False).encode()
        assert sender.publish(topic, payload, 2) == NOT_AUTHORIZED
        assert client.message().payload == payload
        assert pairs_of(client.properties)[0]["dead-letter-reason"] == ["schema-violation"]


def test_reasons(shop):
    """What breaks the contract, and not what a stranger sent."""
    client, order = reader(shop), messages.order(messages.unique("ord"))
    staff, customer = shop.client("backoffice"), shop.client("customer-a")
    assert staff.publish(*order, qos=2) == 0
    assert customer.publish(order[0], b"{", 2) == NOT_AUTHORIZED
    assert customer.publish(*messages.order("x", "nonsense"), qos=2) == NOT_AUTHORIZED
    for topic, payload, qos in (
            ("weather/today", b"{}", 1), ("dead-letters/orders", b"{}", 1),
            ("refusals/a/b", b"{}", 1), messages.pet_status("x", "nonsense") + (1,)):
        assert staff.publish(topic, payload, qos) == NOT_AUTHORIZED, topic
    wrong = {"id-mismatch": (order[0], messages.order("other")[1], 2),
             "transition-illegal": messages.order(order[0].split("/")[1], "SHIPPED") + (2,),
             "payload-not-json": (order[0], b"{", 2),
             "payload-empty": (order[0], b"", 2),
             "payload-too-large": (order[0], b" " * 20000, 2)}
    for message in wrong.values():
        assert staff.publish(*message) == NOT_AUTHORIZED
    found = letters(shop, client)
    assert [each.payload for each in found] == [each[1] for each in wrong.values()]


@pytest.mark.parametrize("version", [4, 5])
def test_will(shop, version):
    client = reader(shop)
    pet = messages.unique("pet")
    topic, payload = messages.availability(pet)
    shop.client("backoffice", version=version, will=(topic, payload, 1, False)).stream.close()
    message = client.message()
    users, _ = pairs_of(client.properties)
    assert message.payload == payload and users["dead-letter-topic"] == [topic]
    assert users["dead-letter-action"] == ["will"]
    assert users["dead-letter-reason"] == ["will-forbidden"]


def test_readers(shop):
    """By the scope of the channel; nobody publishes there; what is refused there makes no other."""
    assert shop.client("customer-a").subscribe("dead-letters/#") == [NOT_AUTHORIZED]
    client = reader(shop)
    assert shop.client("monitor").publish(WHOLE, b"{}", 1) == NOT_AUTHORIZED
    properties = b"\x26" + field("dead-letter-id") + field("of another broker")
    assert shop.client("backoffice").publish("orders/x/status", b"{", 1,
                                             properties=properties) == NOT_AUTHORIZED
    assert letters(shop, client) == []


def test_too_large(shop):
    """An envelope that is larger than its channel's messages may be is not sent; that is logged."""
    client, sender = reader(shop), shop.client("inventory-service")
    topic = messages.stock(messages.unique("pet"))[0]
    assert sender.publish(topic, b"\xff" * 90000, 1) == NOT_AUTHORIZED
    shop.wait_log(r"1 dead letters were not sent to dead-letters/\{kind\}")
    assert letters(shop, client) == []


def test_flood(shop):
    """One user's refusals are half of what is sent in a second; another's are sent all the same."""
    client, sender = reader(shop), shop.client("orders-service")
    topic = messages.order("flood")[0]
    for mid in range(1, 301):
        sender.publish_nowait(topic, b"{%d" % mid, 1, mid)
    sender.ping()
    assert shop.client("backoffice").publish(topic, b"[", 1) == NOT_AUTHORIZED
    found = [each.payload for each in letters(shop, client)]
    assert found[-1] == b"[" or b"[" in found
    assert 1 <= len(found) < 150


def test_reload(shop):
    """A topic that clients may publish on is refused at a reload, and all goes on as before."""
    with open(shop.contract) as file:
        before = file.read()
    edit_json(shop.contract, lambda contract: contract.update({"x-dead-letter": "inventory/x/stock"}))
    big = (messages.stock("big")[0], b" " * 200000, 1)
    assert shop.client("inventory-service").publish(*big) == NOT_AUTHORIZED
    assert '"inventory/x/stock" is a topic of channel "inventoryStock"' in shop.reload()
    with open(shop.contract, "w") as file:
        file.write(before)
    since = shop._log_size()
    assert shop.client("inventory-service").publish(*big) == NOT_AUTHORIZED
    shop.reload()
    shop.wait_log("1 dead letters were not sent", since)
    client = reader(shop)
    assert shop.client("backoffice").publish("orders/x/status", b"{", 1) == NOT_AUTHORIZED
    assert [each.payload for each in letters(shop, client)] == [b"{"]
