"""
Messages come faster than the database takes them: publishers wait, nothing is refused, all of it
is kept, and the log says so. The disk is powercut.c's, so that it is slow without root.
"""

import signal

import pytest

import crash
import harness
import messages
import powercut
import watched
from test_closed import TAKEN
from test_store_trouble import unrecorded

CLIENTS, WINDOW = 8, 20
BEGINS = "takes writes slower than they come: publishers wait"
ENDS = "keeps up again: publishers waited"
SMALL = crash.OPTIONS["slow"]["journal_size"]
PATIENT = pytest.mark.parametrize("lab", [{"backpressure_ms": 100}], indirect=True)
FOR_LONG = 50_000  # milliseconds: until it is made shorter; longer, and the writer counts as hanging


@pytest.fixture
def lab(template, tmp_path, request):
    """On a slow disk, with the options that the test has as a parameter."""
    options = dict({"journal_size": SMALL}, **getattr(request, "param", {}))
    made = powercut.Lab(template, str(tmp_path), 1, options)
    unrecorded(made.broker)
    made.start()
    made.disk.set(powercut.SLOW, 150)
    yield made
    made.disk.set(powercut.SLOW, 0)
    made.broker.stop()


def flood(broker, rounds, version=5, between=None):
    """Many in flight; the topics that were acknowledged. Each is taken."""
    clients = [broker.client("orders-service", version) for _ in range(CLIENTS)]
    topics = []
    for number in range(rounds):
        for client in clients:
            for mid in range(1, WINDOW + 1):
                topic, payload = messages.order(messages.unique("ord"))
                client.publish_nowait(topic, payload, 1, mid)
                topics.append(topic)
        if between:
            between(number)
        for client in clients:
            for _ in range(WINDOW):
                assert client.next_answer()[2] in TAKEN
    for client in clients:
        client.drop()
    return topics


def is_all_there(broker, topics):
    return set(topics) <= {row[0] for row in broker.rows("SELECT topic FROM events")}


@pytest.mark.parametrize("version", [5, 4])
def test_nothing_is_refused(lab, version):
    before = lab.broker.mark()
    topics = flood(lab.broker, 8, version)
    lab.disk.set(powercut.SLOW, 0)
    harness.until(lambda: is_all_there(lab.broker, topics), "all that was acknowledged")
    log = lab.broker.log(before)
    assert log.count(BEGINS) == 1
    assert "takes no writes" not in log
    if version == 5:
        harness.until(lambda: ENDS in lab.broker.log(before), "the end of it", 15)
        log = lab.broker.log(before)
        assert log.count(BEGINS) == log.count(ENDS) == 1


def test_a_reload_and_the_end_meanwhile(lab):
    """With a journal that is full of what the database has not."""
    def reload(number):
        if number % 3 == 0:
            lab.broker.process.send_signal(signal.SIGHUP)

    topics = flood(lab.broker, 8, between=reload)
    lab.broker.stop()
    lab.disk.set(powercut.SLOW, 0)
    lab.start()
    harness.until(lambda: is_all_there(lab.broker, topics), "all that was acknowledged")


@pytest.mark.parametrize("lab", [{"backpressure_ms": 0}], indirect=True)
def test_nobody_waits_where_that_is_off(lab):
    before = lab.broker.mark()
    topics = flood(lab.broker, 5)
    lab.disk.set(powercut.SLOW, 0)
    harness.until(lambda: is_all_there(lab.broker, topics), "all that was acknowledged")
    assert BEGINS not in lab.broker.log(before)


# ---- who waits ----


def counter(broker, name):
    response, = watched.ask(broker, {"command": "counters"})
    return int(response["data"][name])


def wait_of(broker, act):
    """How often somebody waited while @act() went on."""
    before = counter(broker, "store/waits")
    act()
    return counter(broker, "store/waits") - before


@pytest.fixture
def behind(lab):
    """Whoever publishes an order has to wait from here on: (the lab, a function that does it)."""
    orders = lab.broker.client("orders-service")

    def order():
        assert orders.publish(*messages.order(messages.unique("ord")), qos=1) in TAKEN

    lab.disk.set(powercut.SLOW, FOR_LONG)
    while not wait_of(lab.broker, lambda: [order() for _ in range(20)]):
        assert counter(lab.broker, "journal/bytes") < SMALL
    return lab, order


def assert_nobody_waits(behind, act):
    """Of those who @act(), where an order that comes before it waits, and so does one behind it."""
    broker, order = behind[0].broker, behind[1]
    harness.until(lambda: wait_of(broker, order), "an order to wait")
    assert wait_of(broker, act) == 0
    harness.until(lambda: wait_of(broker, order), "an order to wait")


@PATIENT
def test_a_will_does_not_wait(behind):
    broker = behind[0].broker
    watcher = broker.client("backoffice")
    watcher.subscribe("pets/#")
    wills = [messages.availability(messages.unique("pet"), False) for _ in range(5)]
    collars = [broker.client("collar-7", will=will + (1, False)) for will in wills]

    def leave():
        for collar, will in zip(collars, wills):
            collar.drop()
            assert watcher.message()[:2] == will

    assert_nobody_waits(behind, leave)
    behind[0].disk.set(powercut.SLOW, 0)
    harness.until(lambda: is_all_there(broker, [topic for topic, _ in wills]), "all wills")


@PATIENT
def test_a_command_does_not_wait(behind):
    broker = behind[0].broker
    topic, payload = messages.order(messages.unique("ord"))

    def command():
        for members in ({"command": "status"}, {"command": "reload"},
                        {"command": "explain", "action": "publish", "username": "orders-service",
                         "topic": topic, "payload": payload.decode()}):
            response, = watched.ask(broker, members)
            assert "error" not in response, response

    assert_nobody_waits(behind, command)


@PATIENT
def test_what_is_not_kept_does_not_wait(behind):
    stock = behind[0].broker.client("inventory-service")
    assert_nobody_waits(behind, lambda: [
        stock.publish(*messages.stock(messages.unique("food")), qos=qos) for qos in (0, 1, 2)])
