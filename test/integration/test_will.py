"""Last wills are judged like any publish, when they are published."""

import pytest

import messages


@pytest.fixture
def watcher(broker):
    watcher = broker.client("backoffice")
    assert watcher.subscribe("#") == [2]
    return watcher


def leave(broker, user, message, qos=1, retain=False, version=5):
    """A client with a will goes without a word; returns when the broker noticed."""
    client = broker.client(user, version, will=message + (qos, retain))
    before = broker.mark()
    client.drop()
    broker.wait_log("Client %s .*(closed|disconnected)" % client.client_id, before)
    return before, client


@pytest.mark.parametrize("version", [4, 5])
@pytest.mark.parametrize("qos", [0, 1, 2])
def test_good(broker, watcher, version, qos):
    topic, payload = messages.availability(messages.unique("pet"), False)
    leave(broker, "collar-7", (topic, payload), qos, version=version)
    assert [each[:3] for each in broker.barrier(watcher)] == [(topic, payload, qos)]


def test_good_and_kept(broker, watcher):
    """A will that says a status moves the status on."""
    pet = messages.unique("pet")
    leave(broker, "collar-7", messages.pet_status(pet, "NOT_AVAILABLE"))
    broker.barrier(watcher)
    broker.wait_rows([("NOT_AVAILABLE",)], "SELECT status FROM pets WHERE id = ?", pet)


@pytest.mark.parametrize("user, message, reason", [
    ("collar-7", messages.availability("abc123", "no"), "schema-violation"),
    ("collar-7", ("pets/abc123/availability", b"\xff{{"), "payload-not-json"),
    ("collar-7", messages.stock("xyz789"), "scope-missing"),
    ("customer-a", messages.availability("abc123"), "scope-missing"),
    ("backoffice", messages.order("ord-will"), "will-forbidden"),
    ("backoffice", ("weather/today", b"{}"), "topic-unknown"),
    ("collar-7", ("pets/abc124/availability", messages.availability("abc123")[1]), "id-mismatch"),
])
@pytest.mark.parametrize("version", [4, 5])
def test_illegal(broker, watcher, user, message, reason, version):
    before, client = leave(broker, user, message, version=version)
    broker.wait_log("refused will %s by %s .*: %s: " % (message[0], user, reason), before)
    assert broker.barrier(watcher) == []
    assert broker.rows("SELECT count(*) FROM orders WHERE id = 'ord-will'") == [(0,)]


def test_illegal_transition(broker, watcher):
    pet = messages.unique("pet")
    collar = broker.client("collar-7")
    collar.publish(*messages.pet_status(pet, "ADOPTED"), qos=1)
    before, _ = leave(broker, "collar-7", messages.pet_status(pet, "AVAILABLE"))
    broker.wait_log("refused will .*: transition-illegal: ", before)
    assert [each.topic for each in broker.barrier(watcher)] == ["pets/%s/status" % pet]


def test_taken_over(broker, watcher):
    """Another connection with the same client id: the old one's will is judged as a will."""
    for message, expected in ((messages.availability(messages.unique("pet"), False), True),
                              (messages.order(messages.unique("ord")), False)):
        client_id = messages.unique("same")
        broker.client("backoffice", client_id=client_id, will=message + (1, False))
        broker.client("backoffice", client_id=client_id).disconnect()
        got = [each.topic for each in broker.barrier(watcher)]
        assert got == ([message[0]] if expected else [])


def test_none_after_disconnect(broker, watcher):
    will = messages.availability(messages.unique("pet"), False)
    client = broker.client("collar-7", will=will + (1, False))
    client.disconnect()
    assert broker.barrier(watcher) == []


def test_retained(broker, watcher):
    """A retained will is there for who comes later."""
    topic, payload = messages.availability(messages.unique("pet"), False)
    leave(broker, "collar-7", (topic, payload), retain=True)
    broker.barrier(watcher)
    late = broker.client("customer-a")
    late.subscribe(topic)
    assert (late.message().payload, late.inbox) == (payload, late.inbox)


def test_at_shutdown(new_broker):
    """A stopping broker publishes nobody's illegal will."""
    broker = new_broker().start()
    watcher = broker.client("customer-a", client_id="watcher", clean=False, expiry=3600)
    watcher.subscribe("#")
    good = messages.availability(messages.unique("pet"), False)
    broker.client("collar-7", will=good + (1, False))
    broker.client("collar-7", will=messages.availability("abc123", "no") + (1, False))
    watcher.disconnect()
    assert broker.stop() == 0
    broker._start()
    watcher = broker.client("customer-a", client_id="watcher", clean=False, expiry=3600)
    assert watcher.is_session_present
    assert [each.topic for each in broker.barrier(watcher)] in ([good[0]], [])
