"""
The status that stands, said again: what differs in more than the time is kept, or refused, as the
contract has it; what does not is delivered, and writes nothing.
"""

import json
import os

import pytest

import harness
import messages
import watched
from rawmqtt import NOT_AUTHORIZED

LATER = "2026-01-15T11:00:00Z"
WELL = (0, 0x10)


def machines(broker, **repeat):
    """What becomes of repeats, by state machine."""
    def edit(contract):
        for name, word in repeat.items():
            contract["x-state-machines"][name]["repeat"] = word

    watched.change(broker, edit)


def events(broker, topic):
    return broker.rows("SELECT count(*) FROM events WHERE topic = ?", topic)[0][0]


def is_order(broker, order, amount, revision, count):
    broker.wait_rows([("PLACED", amount, revision)],
                     "SELECT status, total_amount, revision FROM orders WHERE id = ?", order)
    assert events(broker, "orders/%s/status" % order) == count


def retained(broker, topic):
    late = broker.client("backoffice")
    late.subscribe(topic, "inventory/#")
    return [json.loads(each.payload) for each in broker.barrier(late) if each.topic == topic]


@pytest.mark.parametrize("qos", [1, 2])
def test_update(broker, qos):
    """As the shipped contract has it: database, subscribers and the retained message agree."""
    order = messages.unique("ord")
    publisher, watcher = broker.client("orders-service"), broker.client("backoffice")
    watcher.subscribe("orders/%s/status" % order, "inventory/#")
    said = [messages.order(order, totalAmount=amount, updatedAt=at)
            for amount, at in (("10.00", messages.WHEN), ("999.00", messages.WHEN),
                               ("999.00", LATER), ("10.00", LATER))]
    for message, amount, revision in zip(said, ("10.00", "999.00", "999.00", "10.00"),
                                         (1, 2, 2, 3)):
        assert publisher.publish(*message, qos=qos, retain=True) in WELL
        is_order(broker, order, amount, revision, revision)
    assert [each.payload for each in broker.barrier(watcher)] == [each[1] for each in said]
    assert [each["totalAmount"] for each in retained(broker, said[0][0])] == ["10.00"]


def test_at_once(broker):
    """Without waiting for an answer, nor the database."""
    publisher = broker.client("backoffice")
    order = messages.unique("ord")
    topic = "orders/%s/status" % order
    for i in range(1, 41):
        amount = "%d.00" % (i // 10)
        payload = messages.order(order, totalAmount=amount,
                                 updatedAt="2026-01-15T10:30:%02dZ" % i)[1]
        publisher.publish_nowait(topic, payload, 1, i)
    assert all(publisher.ack(i) in WELL for i in range(1, 41))
    is_order(broker, order, "4.00", 5, 5)


def test_payment_is_another_status(broker):
    """What one channel says of an order does not make the other's repeats new."""
    order = messages.unique("ord")
    publisher = broker.client("orders-service")
    for _ in range(3):
        assert publisher.publish(*messages.order(order, totalAmount="10.00"), qos=1) in WELL
        assert publisher.publish(*messages.order_payment(order), qos=2) in WELL
    is_order(broker, order, "10.00", 2, 1)
    assert publisher.publish(*messages.order_payment(order, amount="11.00"), qos=2) in WELL
    broker.wait_rows([("10.00", "11.00", 3)], "SELECT total_amount, payment_amount, revision"
                     " FROM orders WHERE id = ?", order)


def test_owner_stays(broker):
    order = messages.unique("ord")
    publisher = broker.client("orders-service")
    assert publisher.publish(*messages.order(order, totalAmount="1.00"), qos=1) in WELL
    before = broker.mark()
    message = messages.order(order, totalAmount="1.00", userId="customer-b")
    assert publisher.publish(*message, qos=1) == NOT_AUTHORIZED
    assert [each[3] for each in broker.refusals(before)] == ["owner-change"]
    is_order(broker, order, "1.00", 1, 1)


def test_will(broker):
    """A will that says nothing new is delivered, and no event."""
    pet = messages.unique("pet")
    topic, payload = messages.pet_status(pet, "NOT_AVAILABLE")
    other = messages.pet_status(pet, "NOT_AVAILABLE", reason="HEALTH_ISSUE")
    watcher = broker.client("backoffice")
    watcher.subscribe("pets/%s/status" % pet, "inventory/#")
    wills = [(topic, payload), (topic, payload), other, other]
    heard = []
    for will, count in zip(wills, (1, 1, 2, 2)):
        client = broker.client("collar-7", will=will + (1, True))
        before = broker.mark()
        client.drop()
        broker.wait_log("Client %s .*(closed|disconnected)" % client.client_id, before)
        heard += broker.barrier(watcher)
        broker.wait_rows([(count,)], "SELECT revision FROM pets WHERE id = ?", pet)
        assert events(broker, topic) == count
    assert [each.payload for each in heard] == [each[1] for each in wills]


@pytest.mark.parametrize("end", ["stop", "kill"])
def test_restart(new_broker, end):
    """What was said last is known from the events."""
    broker = new_broker().start()
    publisher = broker.client("orders-service")
    assert publisher.publish(*messages.order("o", totalAmount="1.00"), qos=1) in WELL
    getattr(broker, end)()
    broker._start()
    publisher = broker.client("orders-service")
    assert publisher.publish(*messages.order("o", totalAmount="1.00", updatedAt=LATER),
                             qos=1) in WELL
    publisher.ping()
    is_order(broker, "o", "1.00", 1, 1)
    assert publisher.publish(*messages.order("o", totalAmount="2.00"), qos=1) in WELL
    is_order(broker, "o", "2.00", 2, 2)


def test_same(new_broker):
    """Said otherwise it is refused, after a restart as well; the retained one stays."""
    broker = new_broker()
    machines(broker, order="same")
    broker.start()
    for _ in range(2):
        publisher = broker.client("orders-service")
        for at in (messages.WHEN, LATER):
            message = messages.order("o", totalAmount="1.00", updatedAt=at)
            assert publisher.publish(*message, qos=1, retain=True) in WELL
        before = broker.mark()
        message = messages.order("o", totalAmount="2.00")
        assert publisher.publish(*message, qos=1, retain=True) == NOT_AUTHORIZED
        assert [each[3] for each in broker.refusals(before)] == ["transition-illegal"]
        assert "/status: order is PLACED already: nothing but the time may differ" in \
            broker.log(before)
        is_order(broker, "o", "1.00", 1, 1)
        assert [each["totalAmount"] for each in retained(broker, "orders/o/status")] == ["1.00"]
        broker.restart()


def test_refuse(new_broker):
    """Once; and who comes later gets what is retained, though the broker asks for it as a publish."""
    broker = new_broker()
    machines(broker, order="refuse", pet="same")
    broker.start()
    publisher = broker.client("orders-service")
    message = messages.order("o", totalAmount="1.00")
    assert publisher.publish(*message, qos=1, retain=True) in WELL
    before = broker.mark()
    assert publisher.publish(*message, qos=1, retain=True) == NOT_AUTHORIZED
    assert "/status: order is PLACED already: this status may be published only once" in broker.log(before)
    assert len(broker.refusals(before)) == 1
    publisher.disconnect()
    assert [each["totalAmount"] for each in retained(broker, "orders/o/status")] == ["1.00"]
    is_order(broker, "o", "1.00", 1, 1)
    publisher = broker.client("orders-service")
    assert publisher.publish(*messages.order("o", "APPROVED"), qos=1) in WELL


@pytest.mark.parametrize("qos", [1, 2])
def test_refuse_and_resend(new_broker, qos):
    """What is sent again after its connection was lost is no repeat, and answered as it was."""
    broker = new_broker()
    machines(broker, order="refuse")
    broker.start()
    topic, payload = messages.order("o", totalAmount="1.00")

    def connected():
        return broker.client("orders-service", client_id="sender", clean=False, expiry=1000)

    lost = connected()
    lost.publish_nowait(topic, payload, qos, 7)
    lost.ping()
    lost.drop()
    again = connected()
    assert again.publish(topic, payload, qos, dup=True, mid=7) in WELL
    is_order(broker, "o", "1.00", 1, 1)
    assert again.publish(*messages.order("o", totalAmount="2.00"), qos=qos) == NOT_AUTHORIZED
    is_order(broker, "o", "1.00", 1, 1)


def test_reload(new_broker):
    """A word that changes counts from then on, for what was said before as well."""
    broker = new_broker().start()
    publisher = broker.client("orders-service")
    assert publisher.publish(*messages.order("o", totalAmount="1.00"), qos=1) in WELL
    machines(broker, order="same")
    broker.reload()
    assert publisher.publish(*messages.order("o", totalAmount="2.00"), qos=1) == NOT_AUTHORIZED
    assert publisher.publish(*messages.order("o", totalAmount="1.00", updatedAt=LATER),
                             qos=1) in WELL
    machines(broker, order="update")
    broker.reload()
    assert publisher.publish(*messages.order("o", totalAmount="2.00"), qos=1) in WELL
    is_order(broker, "o", "2.00", 2, 2)


HOME = os.path.join(harness.TOP, "test", "data", "smarthome", "smarthome.asyncapi.json")


@pytest.mark.parametrize("word, codes, row", [
    ("update", (0, 0, 0), ("eve", 2)),
    ("same", (0, NOT_AUTHORIZED, 0), ("anna", 1)),
    ("refuse", (0, NOT_AUTHORIZED, NOT_AUTHORIZED), ("anna", 1)),
])
def test_another_contract(tmp_path, template, word, codes, row):
    """No x-time here: what the schema has as a date-time is the time."""
    access = tmp_path / "access.json"
    access.write_text(json.dumps({
        "roles": {"resident": {"scopes": ["alarm.read", "alarm.write"]}},
        "users": {"backoffice": {"roles": ["resident"]}}}))
    broker = harness.Broker(tmp_path / "run", template, contract=HOME, access=str(access))
    machines(broker, alarm=word)
    with harness.running(broker):
        resident = broker.client("backoffice")
        for by, hour, code in zip(("anna", "eve", row[0]), (18, 18, 19), codes):
            payload = json.dumps({"zone": "ground", "state": "DISARMED", "resident": "anna",
                                  "by": by, "at": "2026-02-01T%d:00:00+01:00" % hour})
            got = resident.publish("home/security/ground", payload, 2)
            assert got in (WELL if code == 0 else (code,)), by
        broker.wait_rows([row], "SELECT last_by, revision FROM alarm_zones")
