"""
A QoS 2 message that is held back until nothing is known of it any more: what others said since of
the same status stands, for the subscribers and for what is retained.
"""
import pytest

import messages
from rawmqtt import PUBCOMP, PUBREC
from test_pubrel import LATE
from test_reload import edit_json

WINDOW = 16  # on their way at once; max_inflight_messages is 20
CROWD = 12000  # pets, of which some 4,096 are known
RING = 40  # messages about one pet, of which 32 are known


def flood(client, sent):
    """Publishes at QoS 2 and releases all of it."""
    for at in range(0, len(sent), WINDOW):
        mids = range(10, 10 + len(sent[at:at + WINDOW]))
        for mid, (topic, payload) in zip(mids, sent[at:]):
            client.publish_nowait(topic, payload, 2, mid)
        for mid in mids:
            assert client.ack(mid, PUBREC) in (0, 0x10)
            client.release(mid)
        for mid in mids:
            client.ack(mid, PUBCOMP)


def by_a_crowd(broker, holder, pet):
    name = messages.unique("crowd")
    flood(broker.client("backoffice"),
          [messages.pet_status("%s%d" % (name, i)) for i in range(CROWD)])
    return holder


def by_its_own_kind(broker, holder, pet):
    """The same status with ever other words, which the state machine lets it say."""
    flood(broker.client("backoffice"),
          [messages.pet_status(pet, changedBy="c%d" % i) for i in range(RING)])
    return holder


def by_a_restart(broker, holder, pet):
    holder.drop()
    broker.stop()
    broker._start()
    return connect(broker, holder.client_id)


def connect(broker, client_id):
    """It says nothing for as long as a crowd takes on a slow machine."""
    return broker.client("backoffice", client_id=client_id, clean=False, expiry=1000, keepalive=1000)


def take_on(broker, pet):
    """Others take the pet on, and back to where it was. Its last message."""
    worker = broker.client("supervisor")
    for status, by in [("PENDING", "boss"), ("AVAILABLE", "boss")]:
        last = messages.pet_status(pet, status, changedBy=by)
        assert worker.publish(*last, qos=1, retain=True) in (0, 0x10)
    worker.disconnect()
    broker.wait_rows([("boss", "AVAILABLE")], "SELECT changed_by, status FROM pets WHERE id = ?",
                     pet)
    return last[1]


@pytest.mark.parametrize("is_heard", [True, False])
@pytest.mark.parametrize("forget, is_first", [
    (by_a_crowd, True), (by_a_crowd, False), (by_its_own_kind, True), (by_a_restart, True),
    (by_a_restart, False)])
def test_what_others_said_since_stands(new_broker, forget, is_first, is_heard):
    """Whether it is forgotten before they say it, or after."""
    broker = new_broker().start()
    pet = messages.unique("pet")
    topic, old = messages.pet_status(pet, changedBy="mallory")
    holder = connect(broker, messages.unique("holder"))
    holder.publish_nowait(topic, old, 2, 1, retain=True)
    assert holder.ack(1, PUBREC) in (0, 0x10)
    if is_first:
        holder = forget(broker, holder, pet)
    last = take_on(broker, pet)
    if not is_first:
        holder = forget(broker, holder, pet)
    subscriber = broker.client("monitor")
    if is_heard:
        subscriber.subscribe("pets/+/status", "inventory/#")
        broker.barrier(subscriber)
    before = broker.mark()
    holder.release(1)
    assert holder.ack(1, PUBCOMP) == 0
    if is_heard:
        broker.wait_log("%s; the last on %s" % (LATE, topic), before)
        said = broker.barrier(subscriber)
        assert {each.payload for each in said if each.topic == topic} <= {last}
    for _ in range(2):
        reader = broker.client("monitor")
        reader.subscribe(topic)
        assert reader.message().payload == last
        reader.disconnect()


def test_what_was_said_last_is_released_after_a_restart(new_broker):
    """Nothing is known of it but that it stands: it is handed out and retained."""
    broker = new_broker().start()
    topic, payload = messages.pet_status(messages.unique("pet"))
    holder = connect(broker, messages.unique("holder"))
    holder.publish_nowait(topic, payload, 2, 1, retain=True)
    assert holder.ack(1, PUBREC) in (0, 0x10)
    holder = by_a_restart(broker, holder, None)
    subscriber = broker.client("monitor")
    subscriber.subscribe(topic)
    subscriber.ping()
    subscriber.inbox.clear()
    holder.release(1)
    assert subscriber.message().payload == payload


@pytest.mark.parametrize("qos", [1, 2])
def test_a_will_is_what_was_said_last(broker, qos):
    """It is delivered before anything of it is in the database."""
    topic, payload = messages.pet_status(messages.unique("pet"))
    subscriber = broker.client("monitor")
    subscriber.subscribe(topic)
    client = broker.client("backoffice", will=(topic, payload, qos, False))
    client.drop()
    assert subscriber.message().payload == payload


def test_what_is_observed_keeps_its_order(new_broker):
    """A legal step is known, whatever else of it is observed: an older one in order goes out."""
    broker = new_broker()

    def observe(contract):
        contract["channels"]["petStatus"]["x-mode"] = {"limits": "observe"}
        contract["channels"]["petStatus"]["x-limits"] = {"payloadBytes": 1}

    edit_json(broker.contract, observe)
    broker.start()
    pet = messages.unique("pet")
    sent = [messages.pet_status(pet, changedBy="c%d" % i) for i in range(3)]
    client, subscriber = broker.client("backoffice"), broker.client("monitor")
    subscriber.subscribe(sent[0][0])
    for mid, (topic, payload) in enumerate(sent, 1):
        client.publish_nowait(topic, payload, 2, mid)
        assert client.ack(mid, PUBREC) in (0, 0x10)
    assert "observed publish " + sent[0][0] in broker.log()
    for mid in range(1, 4):
        client.release(mid)
        assert client.ack(mid, PUBCOMP) == 0
    subscriber.ping()
    assert [each.payload for each in subscriber.inbox] == [payload for _, payload in sent]
