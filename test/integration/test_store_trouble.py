"""
The broker starts while the database is locked or the disk is full, although the journal holds
writes that the database has not seen: all is served but what must be kept, until it can be.
"""

import contextlib
import json
import os
import re
import sqlite3

import pytest

import crash
import engines
import harness
import messages
from rawmqtt import NOT_AUTHORIZED, Closed

CLOSED = "closed"
UNAVAILABLE = 0x97 if harness.IS_2_1 else CLOSED  # 2.0 has no word for "later"
BEGUN, ENDED = "the store takes no writes", "the store takes writes again"


def unrecorded(broker):
    """Makes stock levels a channel of which nothing is kept."""
    with open(broker.contract) as file:
        contract = json.load(file)
    contract["channels"]["inventoryStock"]["x-record"] = False
    with open(broker.contract, "w") as file:
        json.dump(contract, file)


def locked(broker):
    return broker.database.locked()


@contextlib.contextmanager
def filled(broker):
    # No room is left in the WAL's own blocks either.
    database = sqlite3.connect(broker.path("petstore.db"), timeout=10)
    database.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    database.close()
    ballast = broker.path("disk/ballast")
    with open(ballast, "wb", buffering=0) as file:
        for size in (1 << 20, 4096):
            with contextlib.suppress(OSError):
                while True:
                    file.write(b"\0" * size)
    yield
    os.unlink(ballast)


class Publisher:
    """Comes as somebody new where it was closed, so that it is not held off."""

    def __init__(self, broker, user):
        self.broker, self.user, self.client = broker, user, broker.client(user)

    def publish(self, message, qos=1):
        """The code of its acknowledgement, or CLOSED."""
        try:
            return self.client.publish(*message, qos=qos)
        except Closed:
            self.client = self.broker.client(self.user)
            return CLOSED


def refused(broker, publisher, message):
    before = broker.mark()
    assert publisher.publish(message) == UNAVAILABLE
    assert [each[3] for each in broker.refusals(before)] == ["store-unavailable"]


def leave_a_filled_journal(broker, trouble):
    """The orders that were acknowledged, and are in the journal only."""
    publisher = Publisher(broker, "orders-service")
    orders = []
    publisher.publish(messages.order(messages.unique("ord")))
    with contextlib.ExitStack() as stack:
        stack.enter_context(trouble(broker))
        while publisher.publish(messages.order(messages.unique("ord"))) == UNAVAILABLE:
            pass
        while len(orders) < 20:
            order = messages.unique("ord")
            if publisher.publish(messages.order(order)) in (0, 0x10):
                orders.append(order)
        broker.kill()
        return orders, stack.pop_all()


def small_broker(new_broker, disk):
    """The database lies on @disk, the log does not."""
    broker = new_broker()
    os.symlink(disk, broker.path("disk"))
    open(broker.path("disk/petstore.db"), "x").close()
    os.symlink("disk/petstore.db", broker.path("petstore.db"))
    broker.edits.append(crash.set_options(journal_size=1 << 20, journal_max=1 << 20, batch_ms=1000))
    unrecorded(broker)
    return broker.start()


def starts_and_resumes(broker, trouble):
    orders, stack = leave_a_filled_journal(broker, trouble)
    before = broker.mark()
    with stack:
        broker._start()
        publisher, stock = Publisher(broker, "orders-service"), broker.client("backoffice")
        # PLACED is known from the journal alone: nothing may be decided without it.
        refused(broker, publisher, messages.order(orders[0], "SHIPPED"))
        refused(broker, publisher, messages.order(orders[0], "APPROVED"))
        stock.subscribe("inventory/#", qos=1)
        topic, payload = messages.stock(messages.unique("food"))
        assert stock.publish(topic, payload, qos=1) in (0, 0x10)
        assert stock.message()[:2] == (topic, payload)
        assert "reload failed" not in broker.reload()
        broker.wait_log(BEGUN, before)
        refused(broker, publisher, messages.order(orders[0], "APPROVED"))
    broker.wait_log(ENDED, before)
    assert publisher.publish(messages.order(orders[0], "SHIPPED")) == NOT_AUTHORIZED
    assert publisher.publish(messages.order(orders[0], "APPROVED")) in (0, 0x10)
    for order, *row in [(orders[0], "APPROVED", 2)] + [(each, "PLACED", 1) for each in orders[1:]]:
        broker.wait_rows([tuple(row)], "SELECT status, revision FROM orders WHERE id = ?", order)
    log = broker.log(before)
    assert len(re.findall(BEGUN, log)) == len(re.findall(ENDED, log)) == 1


@pytest.mark.parametrize("trouble", [
    locked, pytest.param(filled, marks=engines.sqlite_only("its disk is full"))],
    ids=["locked", "full"])
def test_starts_and_resumes(new_broker, tmp_path, trouble):
    folder = tmp_path / "disk"
    folder.mkdir()
    disk = crash.small_disk(folder, 1) if trouble is filled else contextlib.nullcontext(True)
    with disk as is_there:
        if not is_there:
            pytest.skip("no right to mount")
        broker = small_broker(new_broker, folder)
        try:
            starts_and_resumes(broker, trouble)
        finally:
            assert broker.stop() == 0


@engines.sqlite_only("one process has the file")
def test_another_broker_has_it(new_broker):
    """That does not pass by itself: one line, no start."""
    broker, other = new_broker().start(), new_broker()
    other.edits.append(lambda text: re.sub(r"(?m)^plugin_opt_database .*$",
                                           "plugin_opt_database " + broker.path("petstore.db"),
                                           text))
    with pytest.raises(harness.StartError) as error:
        other.start()
    lines = [line for line in error.value.log.splitlines() if "petstore: " in line]
    assert len(lines) == 1 and "in use" in lines[0]
