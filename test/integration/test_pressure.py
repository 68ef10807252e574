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
from test_closed import TAKEN

CLIENTS, WINDOW = 8, 20
BEGINS = "takes writes slower than they come: publishers wait"
ENDS = "keeps up again: publishers waited"
SMALL = crash.OPTIONS["slow"]["journal_size"]


@pytest.fixture
def lab(template, tmp_path, request):
    """On a slow disk, with the options that the test has as a parameter."""
    options = dict({"journal_size": SMALL}, **getattr(request, "param", {}))
    made = powercut.Lab(template, str(tmp_path), 1, options)
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
