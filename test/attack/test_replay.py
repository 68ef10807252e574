"""
Replaying a message that somebody had accepted: by another account, under another client id, or by the
same connection it is a step as any other, and refused.
"""
import json
import struct

import pytest

import messages
import watched
from rawmqtt import NOT_AUTHORIZED, PUBLISH, PUBREC, field
from test_resend import connect, lose, order_steps, retained, send_all, statuses

TAKEN = (0, 0x10)


def shipped(broker, user="orders-service"):
    """An order on its way; who took it there, whose connection is gone, and what it said."""
    sent = order_steps(messages.unique("ord"))
    client = connect(broker, user)
    for topic, payload in sent:
        assert client.publish(topic, payload, 1, retain=True) in TAKEN
    lose(client)
    return client, sent


@pytest.mark.parametrize("qos", [1, 2])
@pytest.mark.parametrize("user, is_same_id", [
    ("orders-service", False),  # a second device of the same account
    ("backoffice", True),       # another account that takes the client id
    ("backoffice", False),
])
def test_of_another(broker, user, is_same_id, qos):
    client, sent = shipped(broker)
    topic, payload = sent[0]
    thief = connect(broker, user, client.client_id if is_same_id else None)
    before = broker.mark()
    for _ in range(3):
        assert thief.publish(topic, payload, qos, retain=True) == NOT_AUTHORIZED
    assert {each[3] for each in broker.refusals(before)} == {"transition-illegal"}
    assert retained(broker, topic) == "SHIPPED"


def test_of_its_own_turns_nothing_back(broker):
    """Said again and again, on new connections: subscribers hear what stands or nothing."""
    client, sent = shipped(broker)
    topic, payload = sent[0]
    subscriber = broker.client("backoffice")
    subscriber.subscribe(topic, "inventory/#")
    for qos in (1, 2, 1):
        client = connect(broker, client_id=client.client_id)
        assert client.publish(topic, payload, qos, retain=True) in TAKEN
        lose(client)
    assert set(statuses(broker.barrier(subscriber), topic)) == {"SHIPPED"}
    assert retained(broker, topic) == "SHIPPED"
    broker.wait_rows([("SHIPPED", 3)], "SELECT status, revision FROM orders WHERE id = ?",
                     json.loads(payload)["orderId"])
    broker.wait_rows([(3,)], "SELECT count(*) FROM events WHERE topic = ?", topic)


def test_not_quite_the_same(broker):
    """One byte of it differs: it never was accepted."""
    client, sent = shipped(broker)
    topic, payload = sent[0]
    again = connect(broker, client_id=client.client_id)
    assert again.publish(topic, payload + b" ", 1) == NOT_AUTHORIZED
    other = messages.order(messages.unique("ord"))[0]
    assert again.publish(other, payload, 1) == NOT_AUTHORIZED
    assert again.publish(topic, payload, 1) in TAKEN


def is_in_the_database(broker, sent, status):
    """Before that, what stands is at nobody's hand."""
    broker.wait_rows([(status,)], "SELECT status FROM orders WHERE id = ?",
                     json.loads(sent[0][1])["orderId"])


def test_under_its_own_properties(broker):
    """What others said does not go out with properties that its sender chose."""
    client, sent = shipped(broker)
    topic, payload = sent[0]
    boss = broker.client("backoffice")
    assert boss.publish(*messages.order(json.loads(payload)["orderId"], "DELIVERED"), qos=1) in TAKEN
    is_in_the_database(broker, sent, "DELIVERED")
    subscriber = broker.client("backoffice")
    subscriber.subscribe(topic, "inventory/#")
    broker.barrier(subscriber)  # what is retained
    again = connect(broker, client_id=client.client_id)
    properties = b"\x26" + field("approved-by") + field("nobody") + b"\x08" + field("steal/here")
    again._send(PUBLISH << 4 | 2, field(topic) + struct.pack("!H", 1) + bytes([len(properties)]) +
                properties + payload)
    assert again.ack(1) in TAKEN
    assert statuses(broker.barrier(subscriber), topic) == []
    assert again.publish(topic, payload, 1) in TAKEN
    assert statuses(broker.barrier(subscriber), topic) == ["DELIVERED"]


def test_more_than_is_handed_out(broker):
    """Small messages that ask for what stands, which may be large: so many of a connection."""
    client, sent = shipped(broker)
    topic, payload = sent[0]
    is_in_the_database(broker, sent, "SHIPPED")
    subscriber = broker.client("backoffice")
    subscriber.subscribe(topic, "inventory/#")
    broker.barrier(subscriber)  # what is retained
    again = connect(broker, client_id=client.client_id)
    heard = 0
    for count in range(1, 301):
        assert again.publish(topic, payload, 1) in TAKEN
        if count % 50 == 0:  # what waits for a slow reader is bounded, too
            heard += len(statuses(broker.barrier(subscriber), topic))
    assert 0 < heard <= 256


@pytest.mark.parametrize("word", ["refuse", "same"])
def test_at_another_qos(new_broker, word):
    """The status stands again, as others said it: nobody hears it as it was said before."""
    broker = new_broker()

    def edit(contract):
        contract["x-state-machines"]["pet"]["repeat"] = word

    watched.change(broker, edit)
    broker.start()
    boss = broker.client("supervisor")
    for first, again in ((1, 2), (2, 2), (1, 1)):
        pet = messages.unique("pet")
        topic, payload = messages.pet_status(pet, changedBy="nobody")
        sent = [(topic, payload), messages.pet_status(pet, "PENDING"),
                messages.pet_status(pet, changedBy="boss")]
        client = connect(broker, "backoffice")
        assert client.publish(topic, payload, first, retain=True) in TAKEN
        lose(client)
        for step in sent[1:]:
            assert boss.publish(*step, qos=1, retain=True) in TAKEN
        broker.wait_rows([("boss",)], "SELECT changed_by FROM pets WHERE id = ?", pet)
        subscriber = broker.client("backoffice")
        subscriber.subscribe(topic, "inventory/#")
        client = connect(broker, "backoffice", client.client_id)
        assert client.publish(topic, payload, again, retain=True) in TAKEN
        heard = [each.payload for each in broker.barrier(subscriber) if each.topic == topic]
        assert set(heard) == {sent[2][1]}, (first, again)
        lose(client)
        if first == 2:  # what is known of QoS 2 messages is forgotten
            broker.restart()
            boss = broker.client("supervisor")
            subscriber = broker.client("backoffice")
            subscriber.subscribe(topic, "inventory/#")
            client = connect(broker, "backoffice", client.client_id)
            assert client.publish(topic, payload, 2, retain=True) in TAKEN
            heard = [each.payload for each in broker.barrier(subscriber) if each.topic == topic]
            assert set(heard) == {sent[2][1]}
            lose(client)


def test_held_back_and_replayed_at_release(broker):
    """A QoS 2 message that is held back over a reconnect, and overtaken by others meanwhile."""
    sent = order_steps(messages.unique("ord"))
    topic = sent[0][0]
    holder = connect(broker)
    send_all(holder, sent[:1], 2, retain=True)
    assert holder.ack(1, PUBREC) in TAKEN
    holder.drop()
    worker = broker.client("backoffice")
    for step in sent[1:]:
        assert worker.publish(*step, qos=1, retain=True) in TAKEN
    subscriber = broker.client("backoffice")
    subscriber.subscribe(topic, "inventory/#")
    again = connect(broker, client_id=holder.client_id)
    assert again.publish(*sent[0], qos=2, retain=True, mid=1) in TAKEN
    assert set(statuses(broker.barrier(subscriber), topic)) == {"SHIPPED"}
    assert retained(broker, topic) == "SHIPPED"
