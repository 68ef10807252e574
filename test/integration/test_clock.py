"""The wall clock jumps, or is wrong at a start: nothing is removed for its age by such a time."""

import contextlib
import os
import struct
import subprocess

import pytest

import crash
import harness
import messages
from rawmqtt import NOT_AUTHORIZED, Closed

DAY = 86400
DOUBT = r"petstore: .*: the clock says .* hours %s.* what was expected"


class Clock:
    """The broker's."""

    def __init__(self, folder):
        self.file = os.path.join(folder, "ahead")
        self.set(0)

    def set(self, days):
        with open(self.file, "r+b" if os.path.exists(self.file) else "wb") as file:
            file.write(struct.pack("=q", days * DAY))


@pytest.fixture(scope="module")
def library(tmp_path_factory):
    made = str(tmp_path_factory.mktemp("clock") / "shiftclock.so")
    source = os.path.join(harness.TOP, "test", "integration", "shiftclock.c")
    subprocess.run([os.environ.get("TEST_CC", "cc"), "-D_GNU_SOURCE", "-shared", "-fPIC", "-O1",
                    "-o", made, source], check=True)
    return made


@pytest.fixture
def clock(library, tmp_path, monkeypatch):
    clock, environment = Clock(tmp_path), harness.broker_environment() or dict(os.environ)
    environment["LD_PRELOAD"] = " ".join(filter(None, (environment.get("LD_PRELOAD"), library)))
    environment["SHIFTCLOCK"] = clock.file
    monkeypatch.setattr(harness, "broker_environment", lambda: environment)
    return clock


@pytest.fixture
def broker(clock, new_broker):
    broker = new_broker()
    broker.edits.append(crash.set_options(events_keep_days=2, refusals_keep_days=2))
    return broker.start()


def login(broker, user):
    """2.0.21 takes who connects while the clock jumps for one that was silent for too long."""
    for _ in range(20):
        with contextlib.suppress(Closed, OSError):
            return broker.client(user)
    raise AssertionError("%s is closed again and again" % user)


def accept(broker):
    """One more event; what is to go for its age goes in the same transaction."""
    publisher, product = login(broker, "inventory-service"), messages.unique("food")
    assert publisher.publish(*messages.stock(product), qos=1) in (0, 0x10)
    broker.wait_rows([(1,)], "SELECT count(*) FROM events WHERE topic LIKE ?",
                     "inventory/%s/%%" % product)
    return product


def refuse(broker):
    """Likewise one more refusal."""
    publisher, order = login(broker, "orders-service"), messages.unique("ord")
    assert publisher.publish(*messages.order(order, "LOST"), qos=1) == NOT_AUTHORIZED
    broker.wait_rows([(1,)], "SELECT count(*) FROM refusals WHERE topic = ?",
                     "orders/%s/status" % order)


def counts(broker):
    return broker.rows("SELECT (SELECT count(*) FROM events), (SELECT count(*) FROM refusals)")[0]


def add_some(broker):
    for _ in range(3):
        accept(broker)
        refuse(broker)


@pytest.mark.parametrize("days", [3, 40, 3650, -3, -20000])
def test_jump(broker, clock, days):
    """And back again."""
    add_some(broker)
    before, mark = counts(broker), broker.mark()
    clock.set(days)
    accept(broker)
    refuse(broker)
    broker.wait_log(DOUBT % ("ahead of" if days > 0 else "behind"), mark)
    accept(broker)
    refuse(broker)
    assert counts(broker) == (before[0] + 2, before[1] + 2)
    clock.set(0)
    accept(broker)
    refuse(broker)
    broker.wait_log("petstore: .*the clock is back: rows are removed for their age again", mark)
    accept(broker)
    refuse(broker)
    assert counts(broker) == (before[0] + 4, before[1] + 4)


@pytest.mark.parametrize("days", [40, -20000])
def test_wrong_at_a_start(broker, clock, days):
    """Twice: what is written under a clock that is not believed says nothing the next time."""
    add_some(broker)
    before = counts(broker)
    clock.set(days)
    for number in range(2):
        mark = broker.mark()
        broker.restart()
        accept(broker)
        refuse(broker)
        broker.wait_log(DOUBT % ("ahead of" if days > 0 else "behind"), mark)
        assert counts(broker) == (before[0] + number + 1, before[1] + number + 1)
    clock.set(0)
    broker.restart()
    accept(broker)
    refuse(broker)
    assert counts(broker) == (before[0] + 3, before[1] + 3)


def test_row_from_the_future(broker):
    """In front of what is too old it holds up nothing, behind it it stays."""
    first, second, third, fourth = (accept(broker) for _ in range(4))
    for product, time in ((first, "2124-01-01T00:00:00.000Z"), (second, "2024-01-01T00:00:00.000Z"),
                          (fourth, "2124-01-01T00:00:00.000Z")):
        broker.database.change("UPDATE events SET received_at = ? WHERE topic LIKE ?",
                               time, "inventory/%s/%%" % product)
    fifth = accept(broker)
    kept = ["inventory/%s/stock" % product for product in (third, fourth, fifth)]
    broker.wait_rows([(topic,) for topic in kept], "SELECT topic FROM events ORDER BY seq")
