"""
Messages come faster than the database takes them: publishers wait, nothing is refused, all of it
is kept, and the log says so. The disk is powercut.c's, so that it is slow without root.
"""

import contextlib
import re
import signal

import pytest

import crash
import engines
import harness
import messages
import powercut
import watched
from test_closed import TAKEN
from test_store_trouble import UNAVAILABLE, Publisher, unrecorded

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
    made.broker.edits.append(watched.options(metrics_file=made.broker.path("petstore.prom")))
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


# ---- more than the fast part ----

FULL_OPTIONS = {"journal_max": SMALL, "backpressure_ms": 1}
FULL = pytest.mark.parametrize("lab", [FULL_OPTIONS], indirect=True)
GROWN = pytest.mark.parametrize("lab", [
    {"journal_max": 64 << 20, "backpressure_ms": 0, "metrics_interval": 1}], indirect=True)
LARGE = 16000  # bytes of a message: a usual transaction ends at 4 MiB, which are 262 of them
MANY = 2100
BATCHES = r'petstore_batch_records_bucket\{le="%s"\} (\d+)'


def refuses(publisher):
    return publisher.publish(messages.order(messages.unique("ord"))) == UNAVAILABLE


def fill(lab):
    """Until no order is taken any more; the topics of those that were acknowledged."""
    publisher = Publisher(lab.broker, "orders-service")
    topics = []
    lab.disk.set(powercut.SLOW, FOR_LONG)
    while True:
        order = messages.order(messages.unique("ord"))
        code = publisher.publish(order)
        if code not in TAKEN:
            assert code == UNAVAILABLE
            return topics
        topics.append(order[0])


def grow(lab):
    """Until it holds what would be eight transactions otherwise."""
    client = lab.broker.client("orders-service")
    topics = []
    lab.disk.set(powercut.SLOW, FOR_LONG)
    for mid in range(1, MANY + 1):
        topic, payload = messages.order(messages.unique("ord"))
        client.publish_nowait(topic, payload + b" " * LARGE, 1, mid)
        assert client.next_answer()[2] in TAKEN
        topics.append(topic)
    return topics


def assert_kept(broker, topics):
    """These, each once, and no other order."""
    harness.until(lambda: is_all_there(broker, topics), "all that was acknowledged", 60)
    rows = broker.rows("SELECT topic FROM events WHERE topic LIKE 'orders/%'")
    assert sorted(row[0] for row in rows) == sorted(topics)


@FULL
def test_a_reload_with_a_full_journal(lab):
    """All is served but what must be kept, by the new contract, and once there is room that, too."""
    topics, broker = fill(lab), lab.broker
    publisher, stock = Publisher(broker, "orders-service"), broker.client("backoffice")
    assert stock.subscribe("inventory/#") == [2]
    for version in ("77", "78"):
        watched.change(broker, lambda contract: contract["info"].update(version=version))
        assert "reload failed" not in broker.reload()
        response, = watched.ask(broker, {"command": "status"})
        assert response["data"]["contractVersion"] == version
        message = messages.stock(messages.unique("food"))
        assert stock.publish(*message, qos=1) in TAKEN
        assert stock.message()[:2] == message
        assert refuses(publisher)
    lab.disk.set(powercut.SLOW, 0)
    assert_kept(broker, topics)
    harness.until(lambda: not refuses(publisher), "room")


@FULL
def test_the_end_with_a_full_journal(lab):
    """All of it is one transaction."""
    topics = fill(lab)
    lab.disk.set(powercut.SLOW, 150)
    assert lab.broker.stop() == 0
    lab.start()
    assert_kept(lab.broker, topics)


@pytest.mark.parametrize("lab", [dict(FULL_OPTIONS, batch_rows=5)], indirect=True)
def test_the_end_does_not_wait_for_all_of_it(lab):
    """What the database does not take before the end it takes at the next start."""
    topics = fill(lab)
    lab.disk.set(powercut.SLOW, 300)
    assert lab.broker.stop() == 0
    assert not is_all_there(lab.broker, topics)
    lab.disk.set(powercut.SLOW, 0)
    lab.start()
    assert_kept(lab.broker, topics)


@GROWN
@engines.sqlite_only("what others wait for is in small transactions")
def test_a_grown_journal_goes_in_larger_transactions(lab):
    broker, topics = lab.broker, grow(lab)
    lab.disk.set(powercut.SLOW, 150)
    assert "reload failed" not in broker.reload()
    assert_kept(broker, topics)

    def has_larger():
        with contextlib.suppress(OSError), open(broker.path("petstore.prom")) as file:
            text = file.read()
            few, all_of_them = (re.search(BATCHES % each, text) for each in ("500", r"\+Inf"))
            return few and int(few[1]) < int(all_of_them[1])

    harness.until(has_larger, "a transaction of more than 500")


@GROWN
@pytest.mark.parametrize("end", [harness.Broker.stop, harness.Broker.kill], ids=["stop", "kill"])
def test_the_end_with_a_grown_journal(lab, end):
    topics = grow(lab)
    lab.disk.set(powercut.SLOW, 150)
    before = lab.disk.get(powercut.SYNCS)
    harness.until(lambda: lab.disk.get(powercut.SYNCS) > before + 1, "a larger one to have begun")
    assert end(lab.broker) == (0 if end is harness.Broker.stop else -signal.SIGKILL)
    lab.start()
    assert_kept(lab.broker, topics)
