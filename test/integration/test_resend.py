"""
What a client sends again after its connection was lost is answered as it was, and is no new step.

The broker says neither DUP nor the packet's id, so a resend is told by what it is: the same bytes, of
the same principal under the same client id, accepted before this connection, and refused as a step.
"""
import contextlib
import json
import struct

import pytest

import messages
import rawmqtt
from rawmqtt import NOT_AUTHORIZED, PUBACK, PUBCOMP, PUBLISH, PUBREC, PUBREL

STEPS = ("PLACED", "APPROVED", "SHIPPED")
ACK = {1: PUBACK, 2: PUBREC}
TAKEN = (0, 0x10)  # 0x10: nobody has subscribed


def connect(broker, user="orders-service", client_id=None, **options):
    """With a session that outlives the connection."""
    client_id = client_id or messages.unique("sender")
    if options.get("version", 5) == 5:
        options.setdefault("expiry", 1000)
    return broker.client(user, client_id=client_id, clean=False, **options)


def send_all(client, sent, qos, retain=False):
    """One behind the other, no answer awaited."""
    for mid, (topic, payload) in enumerate(sent, 1):
        body = rawmqtt.field(topic) + struct.pack("!H", mid)
        body += (b"\0" if client.version == 5 else b"") + payload
        client._send(PUBLISH << 4 | qos << 1 | retain, body)


def codes(client, sent, qos):
    return [client.ack(mid, ACK[qos]) for mid in range(1, len(sent) + 1)]


def release_all(client, sent):
    for mid in range(1, len(sent) + 1):
        client._send(PUBREL << 4 | 2, struct.pack("!H", mid))
        client.ack(mid, PUBCOMP)


def lose(client):
    """The connection is gone, and all that was sent was handled before."""
    client.ping()
    client.drop()


def order_steps(order, steps=STEPS):
    return [messages.order(order, step) for step in steps]


def statuses(deliveries, topic):
    return [json.loads(each.payload)["status"] for each in deliveries if each.topic == topic]


def assert_kept_once(broker, order, topic, steps=STEPS):
    broker.wait_rows([(steps[-1], len(steps))],
                     "SELECT status, revision FROM orders WHERE id = ?", order)
    broker.wait_rows([(len(steps),)], "SELECT count(*) FROM events WHERE topic = ?", topic)


def never_back(got):
    """What a subscriber saw goes forward only; what stands may be said again."""
    places = [STEPS.index(each) for each in got]
    return places == sorted(places)


@contextlib.contextmanager
def visitor(broker, user):
    client = broker.client(user)
    yield client
    client.disconnect()


@pytest.mark.parametrize("version", [4, 5])
@pytest.mark.parametrize("qos", [1, 2])
def test_after_a_lost_connection(broker, qos, version):
    order = messages.unique("ord")
    sent = order_steps(order)
    topic = sent[0][0]
    subscriber = broker.client("backoffice")
    subscriber.subscribe(topic, "inventory/#")
    before = broker.mark()
    client = connect(broker, version=version)
    send_all(client, sent, qos, retain=True)
    lose(client)
    again = connect(broker, client_id=client.client_id, version=version)
    send_all(again, sent, qos, retain=True)
    assert set(codes(again, sent, qos)) <= set(TAKEN)
    if qos == 2:
        release_all(again, sent)
    assert_kept_once(broker, order, topic)
    got = statuses(broker.barrier(subscriber), topic)
    assert got[:3] == list(STEPS) and never_back(got)
    assert retained(broker, topic) == "SHIPPED"
    assert broker.refusals(before) == []


def retained(broker, topic):
    client = broker.client("backoffice")
    client.subscribe(topic)
    status = json.loads(client.message().payload)["status"]
    client.disconnect()
    return status


@pytest.mark.parametrize("qos", [1, 2])
@pytest.mark.parametrize("is_killed", [False, True])
def test_after_the_broker_ended(new_broker, qos, is_killed):
    """What was accepted is known by the rows of events."""
    broker = new_broker().start()
    order = messages.unique("ord")
    sent = order_steps(order)
    topic = sent[0][0]
    client = connect(broker)
    send_all(client, sent, qos)
    client.ping()
    (broker.kill if is_killed else broker.stop)()
    broker._start()
    subscriber = broker.client("backoffice")
    subscriber.subscribe(topic, "inventory/#")
    before = broker.mark()
    again = connect(broker, client_id=client.client_id)
    send_all(again, sent, qos)
    assert set(codes(again, sent, qos)) <= set(TAKEN)
    if qos == 2:
        release_all(again, sent)
    assert_kept_once(broker, order, topic)
    got = statuses(broker.barrier(subscriber), topic)
    assert got and set(got) == {"SHIPPED"}
    assert broker.refusals(before) == []
    # What is really new goes on from there.
    assert again.publish(*messages.order(order, "DELIVERED"), qos=qos) in TAKEN


@pytest.mark.parametrize("qos", [1, 2])
def test_what_others_moved_on(broker, qos):
    """It is answered as it was, and turns nothing back."""
    order = messages.unique("ord")
    sent = order_steps(order, STEPS[:1])
    topic = sent[0][0]
    client = connect(broker)
    send_all(client, sent, qos, retain=True)
    lose(client)
    with visitor(broker, "backoffice") as worker:
        for step in STEPS[1:]:
            assert worker.publish(*messages.order(order, step), qos=1, retain=True) in TAKEN
    broker.wait_rows([(3,)], "SELECT count(*) FROM events WHERE topic = ?", topic)
    subscriber = broker.client("backoffice")
    subscriber.subscribe(topic, "inventory/#")
    again = connect(broker, client_id=client.client_id)
    send_all(again, sent, qos, retain=True)
    assert set(codes(again, sent, qos)) <= set(TAKEN)
    if qos == 2:
        release_all(again, sent)
    assert set(statuses(broker.barrier(subscriber), topic)) == {"SHIPPED"}
    assert retained(broker, topic) == "SHIPPED"
    assert_kept_once(broker, order, topic)


def test_what_only_repeated_what_stood(broker):
    """It wrote nothing, and was accepted all the same."""
    order = messages.unique("ord")
    topic, payload = messages.order(order)
    _, repeat = messages.order(order, updatedAt="2026-11-21T03:35:01Z")
    client = connect(broker)
    assert client.publish(topic, payload, 1) in TAKEN
    send_all(client, [(topic, repeat)], 1)
    lose(client)
    with visitor(broker, "backoffice") as worker:
        assert worker.publish(*messages.order(order, "APPROVED"), qos=1) in TAKEN
    again = connect(broker, client_id=client.client_id)
    assert again.publish(topic, repeat, 1) in TAKEN
    broker.wait_rows([("APPROVED",)], "SELECT status FROM orders WHERE id = ?", order)


def test_the_same_connection_says_it_twice(broker):
    """Nothing was lost: it is a step back, and refused."""
    order = messages.unique("ord")
    client = connect(broker)
    sent = order_steps(order)
    send_all(client, sent, 1)
    assert set(codes(client, sent, 1)) <= set(TAKEN)
    assert client.publish(*sent[0], qos=1) == NOT_AUTHORIZED
    assert client.publish(*sent[1], qos=2) == NOT_AUTHORIZED
    assert_kept_once(broker, order, sent[0][0])


@pytest.mark.parametrize("user, is_same_id", [("orders-service", False), ("backoffice", True)])
def test_others_say_the_same(broker, user, is_same_id):
    order = messages.unique("ord")
    sent = order_steps(order)
    client = connect(broker)
    send_all(client, sent, 1)
    lose(client)
    other = connect(broker, user, client.client_id if is_same_id else None)
    send_all(other, sent, 1)
    assert codes(other, sent, 1)[:2] == [NOT_AUTHORIZED] * 2
    assert_kept_once(broker, order, sent[0][0])


def test_qos_0_is_never_sent_again(broker):
    """Neither what is said at QoS 0, nor what was."""
    pet = messages.unique("pet")
    available, pending, adopted = [messages.pet_status(pet, step)
                                   for step in ("AVAILABLE", "PENDING", "ADOPTED")]
    client = connect(broker, "collar-7")
    client.publish(*available)
    assert client.publish(*pending, qos=1) in TAKEN
    client.publish(*adopted)
    lose(client)
    again = connect(broker, "collar-7", client.client_id)
    before = broker.mark()
    again.publish(*pending)
    again.ping()
    assert [each[3] for each in broker.refusals(before)] == ["transition-illegal"]
    assert again.publish(*available, qos=1) == NOT_AUTHORIZED
    assert again.publish(*pending, qos=1) in TAKEN
    broker.wait_rows([("ADOPTED", 3)], "SELECT status, revision FROM pets WHERE id = ?", pet)


def test_a_legal_repetition_is_a_new_step(broker):
    """On, off, on: three steps, and three more when it is said again later."""
    pet = messages.unique("pet")
    sent = [messages.pet_status(pet, step) for step in ("AVAILABLE", "PENDING", "AVAILABLE")]
    client = connect(broker, "collar-7")
    send_all(client, sent, 1)
    lose(client)
    again = connect(broker, "collar-7", client.client_id)
    send_all(again, sent[1:], 1)
    assert set(codes(again, sent[1:], 1)) <= set(TAKEN)
    broker.wait_rows([("AVAILABLE", 5)], "SELECT status, revision FROM pets WHERE id = ?", pet)


@pytest.mark.parametrize("user, make, steps", [
    ("orders-service", messages.order, STEPS),
    ("payments-service", lambda payment, step: messages.payment(payment, "o-1", step),
     ("PENDING", "PROCESSING", "SUCCEEDED")),
])
def test_released_on_another_connection(broker, user, make, steps):
    """
    PUBREC came, the connection was lost before PUBREL. 2.0.12 and later ask once more whether these
    may be published: they were, in this order, and are delivered so.
    """
    entity = messages.unique("ent")
    sent = [make(entity, step) for step in steps]
    topic = sent[0][0]
    subscriber = broker.client("backoffice")
    subscriber.subscribe(topic, "inventory/#")
    before = broker.mark()
    client = connect(broker, user)
    send_all(client, sent, 2)
    assert set(codes(client, sent, 2)) <= set(TAKEN)
    client.drop()
    again = connect(broker, user, client.client_id)
    assert again.is_session_present
    release_all(again, sent)
    assert statuses(broker.barrier(subscriber), topic) == list(steps)
    broker.wait_rows([(3,)], "SELECT count(*) FROM events WHERE topic = ?", topic)
    assert broker.refusals(before) == []
    assert broker.rows("SELECT count(*) FROM refusals WHERE topic = ?", topic) == [(0,)]


def test_released_after_a_restart(new_broker):
    """
    The broker kept its session, but not the order in which messages came: what stands is
    delivered, what is older is not.
    """
    broker = new_broker().start()
    sent = order_steps(messages.unique("ord"))
    topic = sent[0][0]
    client = connect(broker)
    send_all(client, sent, 2)
    assert set(codes(client, sent, 2)) <= set(TAKEN)
    client.drop()
    broker.stop()
    broker._start()
    subscriber = broker.client("backoffice")
    subscriber.subscribe("orders/#", "inventory/#")
    before = broker.mark()
    again = connect(broker, client_id=client.client_id)
    assert again.is_session_present
    release_all(again, sent)
    assert statuses(broker.barrier(subscriber), topic) == ["SHIPPED"]
    assert broker.refusals(before) == []


def test_taken_over(broker):
    """The new connection is there before the old one is gone."""
    sent = order_steps(messages.unique("ord"))
    client = connect(broker)
    send_all(client, sent, 1)
    client.ping()
    again = connect(broker, client_id=client.client_id)
    send_all(again, sent, 1)
    assert set(codes(again, sent, 1)) <= set(TAKEN)
    assert again.publish(*messages.order(sent[0][0].split("/")[1], "DELIVERED"), qos=1) in TAKEN
    # And what was said on this connection is no resend on it.
    assert again.publish(*sent[2], qos=1) in TAKEN  # of the one before
    assert again.publish(*messages.order(sent[0][0].split("/")[1], "PLACED", userId="customer-b"),
                         qos=1) == NOT_AUTHORIZED
