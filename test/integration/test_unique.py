"""x-unique: what the contract says makes a message one event, however often it comes."""
import json
import os

import pytest

import harness
import messages
from rawmqtt import PUBREC
from test_resend import TAKEN, connect, lose, send_all
from test_reload import edit_json

QUERY = "SELECT json_extract(payload, '$.quantity') FROM events WHERE topic = ? ORDER BY seq"


def by_time(contract):
    """Stock is unique by when it was counted."""
    contract["channels"]["inventoryStock"]["x-unique"] = ["/updatedAt", "/quantity"]


@pytest.fixture
def shop(new_broker):
    broker = new_broker()
    edit_json(broker.contract, by_time)
    return broker.start()


def counts(broker, topic):
    return [row[0] for row in broker.rows(QUERY, topic)]


@pytest.mark.parametrize("qos", [0, 1, 2])
def test_said_again(shop, qos):
    """Delivered each time, as QoS 1 may; an event once."""
    pet = messages.unique("pet")
    topic, payload = messages.stock(pet, 7)
    other = messages.stock(pet, 8)
    subscriber = shop.client("backoffice")
    subscriber.subscribe("inventory/#")
    first = connect(shop, "inventory-service")
    second = connect(shop, "inventory-service", transport="tls")
    for client in (first, first, second):
        assert client.publish(topic, payload, qos) in TAKEN
        client.ping()
    assert first.publish(*other, qos=1) in TAKEN
    assert [each.payload for each in shop.barrier(subscriber)
            if each.topic == topic] == [payload] * 3 + [other[1]]
    shop.wait_rows([(7,), (8,)], QUERY, topic)


def test_others_count_for_themselves(shop):
    """Another user, and another topic, say something of their own."""
    topic, payload = messages.stock(messages.unique("pet"), 7)
    for user in ("inventory-service", "backoffice"):
        assert shop.client(user).publish(topic, payload, 1) in TAKEN
    shop.wait_rows([(7,), (7,)], QUERY, topic)
    other = messages.stock(messages.unique("pet"), 7)
    assert shop.client("inventory-service").publish(*other, qos=1) in TAKEN
    shop.wait_rows([(7,)], QUERY, other[0])


def test_numbers_that_have_one_double(new_broker):
    """Beyond 64 bits and beyond doubles, too, what is not the same is an event of its own."""
    broker = new_broker()
    edit_json(broker.contract, by_time)
    edit_json(os.path.join(broker.schemas, "inventory-stock.schema.json"),
              lambda schema: schema["properties"].update(quantity={"type": "number"}))
    client = connect(broker.start(), "inventory-service")
    topic, payload = messages.stock(messages.unique("pet"), 7)
    numbers = [b"18446744073709551615", b"18446744073709551614", b"36893488147419103232",
               b"36893488147419103233", b"1e400", b"-1e400", b"1e401"]
    for number in numbers + numbers + [b"9"]:
        assert client.publish(topic, payload.replace(b": 7", b": " + number), qos=1) in TAKEN
    broker.wait_rows([("9",)], "SELECT json_extract(payload, '$.quantity') || '' FROM events "
                     "WHERE topic = ? AND payload LIKE '%: 9,%'", topic)
    rows = broker.rows("SELECT payload FROM events WHERE topic = ? ORDER BY seq", topic)
    assert [number in row[0].encode() for number, row in zip(numbers + [b": 9,"], rows)] == [True] * 8
    assert len(rows) == 8


@pytest.mark.parametrize("is_killed", [False, True])
def test_after_the_broker_ended(shop, is_killed):
    topic, payload = messages.stock(messages.unique("pet"), 7)
    client = connect(shop, "inventory-service")
    send_all(client, [(topic, payload)], 2)
    assert client.ack(1, PUBREC) in TAKEN
    (shop.kill if is_killed else shop.stop)()
    shop._start()
    again = connect(shop, "inventory-service", client.client_id)
    assert again.publish(topic, payload, 2, dup=True, mid=1) in TAKEN
    assert again.publish(*messages.stock(topic.split("/")[1], 8), qos=1) in TAKEN
    shop.wait_rows([(7,), (8,)], QUERY, topic)


def test_without_it_each_is_an_event(new_broker):
    """Nothing says that it is the same: two deliveries, two rows."""
    broker = new_broker().start()
    topic, payload = messages.stock(messages.unique("pet"), 7)
    client = connect(broker, "inventory-service")
    send_all(client, [(topic, payload)], 1)
    lose(client)
    again = connect(broker, "inventory-service", client.client_id)
    assert again.publish(topic, payload, 1) in TAKEN
    broker.wait_rows([(7,), (7,)], QUERY, topic)
