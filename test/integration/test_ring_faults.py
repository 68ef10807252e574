"""
The journal's file is damaged, cut or overwritten, and its disk is slow: what was acknowledged and
is whole is kept, what is missing is said, and the broker goes on.
"""

import glob
import mmap
import os
import re
import shutil
import struct

import pytest

import cluster
import crash
import harness
import messages
import powercut
from rawmqtt import Closed

SLOW = os.path.join(harness.BUILD, "slowsync.so")
RECORDS_AT = 65536 + 64  # behind the head of the first segment


class Publisher:
    """Comes as somebody new where it was closed for want of a word."""

    def __init__(self, broker, user):
        self.broker, self.user = broker, user
        self.client = broker.client(user)

    def publish(self, message, qos=1):
        """Was it kept?"""
        try:
            return self.client.publish(*message, qos=qos) in (0, 0x10)
        except Closed:
            self.client = self.broker.client(self.user)
            return False

    def order(self):
        """The id of an order that was kept, or None."""
        order = messages.unique("ord")
        return order if self.publish(messages.order(order)) else None

    def pay(self):
        payment = messages.unique("pay")
        return payment if self.publish(messages.payment(payment), 2) else None


def ring(broker):
    return broker.path("petstore.db-journal.ring")


def leave_in_ring(broker, number):
    """So many acknowledged orders that the journal has and the database has not."""
    publisher = Publisher(broker, "orders-service")
    with broker.database.locked():
        orders = [publisher.order() for _ in range(number)]
        assert all(orders)
        broker.kill()
    return orders


def flip(path, at, count=1):
    with open(path, "r+b") as file:
        file.seek(at)
        data = file.read(count)
        file.seek(at)
        file.write(bytes(byte ^ 0x5a for byte in data))


def kept(broker):
    return {row[0] for row in broker.rows("SELECT id FROM orders")}


def start(broker):
    """What it said at its start of the ring."""
    before = broker.mark()
    broker._start()
    harness.until(lambda: "running" in broker.log(before), "a start")
    return before


@pytest.fixture
def broker(new_broker):
    made = new_broker()
    made.edits.append(crash.set_options(journal_size=1 << 20, journal_max=1 << 20))
    return made.start()


def test_one_damaged_byte_costs_one_write(broker):
    orders = leave_in_ring(broker, 40)
    with open(ring(broker), "rb") as file:
        at = file.read().index(orders[20].encode())
    flip(ring(broker), at)
    with open(ring(broker), "rb") as file:
        damaged = file.read()
    before = start(broker)
    line = broker.wait_log(r"is damaged: 1 writes that were acknowledged are missing \((\d+)\), 39 "
                           r"are kept; as it was: (\S+)", before)
    assert kept(broker) == set(orders) - {orders[20]}
    with open(line.group(2), "rb") as file:
        assert file.read() == damaged
    assert Publisher(broker, "orders-service").order()


@pytest.mark.parametrize("at, count", [(0, 64), (0, 4096), (4096, 8), (8192, 8), (4096, 8192)])
def test_a_damaged_head_costs_nothing(broker, at, count):
    orders = leave_in_ring(broker, 20)
    flip(ring(broker), at, count)
    start(broker)
    assert kept(broker) == set(orders)
    assert Publisher(broker, "orders-service").order()


def test_a_length_that_is_damaged_hides_nothing(broker):
    orders = leave_in_ring(broker, 20)
    with open(ring(broker), "rb") as file:
        data = file.read()
    place = RECORDS_AT
    for _ in range(5):
        place += 16 + (struct.unpack_from("I", data, place + 8)[0] + 7) // 8 * 8
    flip(ring(broker), place + 8, 4)
    before = start(broker)
    broker.wait_log(r"1 writes that were acknowledged are missing", before)
    assert len(kept(broker)) == 19 and kept(broker) < set(orders)


def resumes(broker, before):
    """Refused first, then taken again; nothing that was acknowledged then is lost."""
    publisher = Publisher(broker, "orders-service")
    broker.wait_log("the store takes no writes: .*journal is broken", before)
    broker.wait_log("the store takes writes again", before)
    broker.assert_alive()
    orders = [publisher.order() for _ in range(20)]
    assert all(orders)
    broker.kill()
    broker._start()
    assert set(orders) <= kept(broker)


def test_cut_while_nobody_writes(broker):
    before = broker.mark()
    os.truncate(ring(broker), 0)
    resumes(broker, before)


def test_cut_under_load(broker):
    """A store to a page that is gone ends no broker, and is not acknowledged."""
    publisher = Publisher(broker, "orders-service")
    assert publisher.order()
    before = broker.mark()
    os.truncate(ring(broker), 4096)
    taken = [publisher.order() for _ in range(50)]
    resumes(broker, before)
    assert {order for order in taken if order} <= kept(broker)


def slots(path):
    """Both say how far the database has come, one after the other."""
    with open(path, "rb") as file:
        head = file.read(12288)
    return head[4096:8192], head[8192:]


def test_overwritten_by_an_older_copy(broker):
    publisher = Publisher(broker, "orders-service")
    shutil.copy(ring(broker), broker.path("copy"))
    assert publisher.order()
    broker.wait_rows([(1,)], "SELECT count(*) FROM orders")
    # Until the journal says so, too, it is the older one but for what the database has.
    harness.until(lambda: not set(slots(ring(broker))) & set(slots(broker.path("copy"))),
                  "the journal to be behind the copy")
    before = broker.mark()
    with open(broker.path("copy"), "rb") as source, open(ring(broker), "r+b") as target:
        target.write(source.read())
    resumes(broker, before)


def test_damaged_while_it_waits_for_the_database(broker):
    publisher = Publisher(broker, "orders-service")
    before = broker.mark()
    with broker.database.locked():
        orders = [publisher.order() for _ in range(20)]
        with open(ring(broker), "rb") as file:
            at = file.read().index(orders[7].encode())
        flip(ring(broker), at)
        broker.wait_log("the store takes no writes", before)
    broker.wait_log(r"1 writes that were acknowledged are missing \(\d+\), 19 are kept", before)
    resumes(broker, before)
    assert set(filter(None, orders)) - kept(broker) == {orders[7]}
    assert len(glob.glob(ring(broker) + ".damaged-*")) == 1


class SlowDisk:
    def __init__(self, path):
        with open(path, "wb+") as file:
            file.truncate(mmap.PAGESIZE)
            self.control = mmap.mmap(file.fileno(), mmap.PAGESIZE)
        self.environment = {"preload": SLOW, "SLOWSYNC_CONTROL": path}

    def set(self, milliseconds):
        struct.pack_into("i", self.control, 0, milliseconds)

    def syncs(self):
        return struct.unpack_from("i", self.control, 4)[0]


def test_a_slow_disk_refuses_power_only(new_broker, tmp_path):
    broker, disk = new_broker(), SlowDisk(str(tmp_path / "control"))
    broker.environment.update(disk.environment)
    cluster.set_consistency(broker.contract, paymentStatus="eventual")  # else it needs no disk
    broker.start()
    payer, publisher = Publisher(broker, "payments-service"), Publisher(broker, "orders-service")
    harness.until(payer.pay, "a payment that is taken")
    assert publisher.order()
    before = broker.mark()
    disk.set(700)
    harness.until(lambda: not payer.pay(), "a payment that is refused")
    broker.wait_log("the disk is slow, a sync took [0-9]+ ms: power channels are refused", before)
    refusals = broker.refusals(before)
    assert refusals and all(each[3] == "store-unavailable" for each in refusals)
    # Nobody waits for the disk any more: no sync is of the broker's thread.
    for _ in range(20):
        assert publisher.order()
        assert not payer.pay()
    disk.set(0)
    payment = harness.until(payer.pay, "a payment that is taken")
    broker.wait_log("power channels take writes again", before)
    broker.kill()
    broker._start()
    assert (payment,) in broker.rows("SELECT id FROM payments")
    assert len(re.findall("power channels", broker.log(before))) == 2
