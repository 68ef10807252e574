"""Some power cuts under each condition; `make powercut RUNS=50` makes more."""

import contextlib
import json

import pytest

import engines
import harness
import messages
import powercut
import publishers
import rawmqtt

CUTS = {"load": 2, "sync": 3, "creation": 3, "replay": 2}
TRIES = 20  # cuts that may pass without a loss where there is nothing to prevent it


@pytest.fixture
def lab(template, tmp_path):
    made = powercut.Lab(template, str(tmp_path), 1)
    yield made
    made.broker.stop()


def losses(lab):
    """Cuts under load until something that was promised is lost; how many were."""
    lab.start()
    for _ in range(TRIES):
        crowd = publishers.Crowd(lab.publishers, lab.broker)
        harness.until(lambda: any(powercut.is_power(message)
                                  for message in list(lab.notes.acknowledged)), "a payment")
        lab.cut(0)
        crowd.stop()
        lab.start()
        lost = [fault for fault in lab.settle() if fault.startswith("lost, though synced: pay")]
        if lost:
            return len(lost)
        lab.notes.acknowledged.clear()
    return 0


@pytest.mark.parametrize("condition", CUTS)
def test_synced_is_kept(template, tmp_path, condition):
    lab = powercut.run(template, str(tmp_path), condition, CUTS[condition])
    assert lab.notes.acknowledged or condition == "creation"


def test_a_disk_that_lies_is_seen(lab):
    """The test can fail: nothing but the name of the journal reaches this disk."""
    begin = lab.start
    lab.start = lambda: (begin(), lab.disk.set(powercut.LIES, 1))
    assert losses(lab) > 0


def test_a_payment_without_a_sync_is_seen(lab):
    """The test can fail: payments are acknowledged as other messages are."""
    with open(lab.broker.contract) as file:
        contract = json.load(file)
    del contract["channels"]["paymentStatus"]["x-durability"]
    with open(lab.broker.contract, "w") as file:
        json.dump(contract, file)
    assert losses(lab) > 0


def test_process_is_synced_soon(lab):
    """Without a payment that would sync the journal for all."""
    lab.start()
    publisher = lab.broker.client("orders-service")
    topic, payload = messages.order(messages.unique("ord"))
    assert publisher.publish(topic, payload, qos=1) in (0, 0x10)
    begun = lab.disk.get(powercut.RING_BEGUN)

    def is_synced():
        # A sync that is on its way may have begun before it, and one across the end counts twice.
        publisher.publish(*messages.order(messages.unique("ord")), qos=1)
        return lab.disk.get(powercut.RING_DONE) >= begun + 4

    harness.until(is_synced, "syncs of the journal")
    lab.cut(0)
    lab.start()
    assert lab.broker.rows("SELECT count(*) FROM events WHERE topic = ?", topic) == [(1,)]


def test_power_brings_what_came_before_it(lab):
    """A payment's sync is of all that was acknowledged until then."""
    lab.start()
    orders, payments = lab.broker.client("orders-service"), lab.broker.client("payments-service")
    order, payment = messages.unique("ord"), messages.unique("pay")
    sent = [messages.order(order, status) for status in publishers.ORDER]
    for message in sent:
        assert orders.publish(*message, qos=1) in (0, 0x10)
    assert payments.publish(*messages.payment(payment, order), qos=2) in (0, 0x10)
    lab.cut(0)
    lab.start()
    assert lab.broker.rows("SELECT status, revision FROM orders") == [("DELIVERED", 4)]
    assert lab.broker.rows("SELECT id, status FROM payments") == [(payment, "PENDING")]


class Sender:
    """Publishes until it is kept, as a new client where it is closed for want of a word."""

    def __init__(self, lab, user):
        self.open = lambda: lab.broker.client(user)
        self.client = self.open()

    def keep(self, message, qos):
        def is_kept():
            try:
                return self.client.publish(*message, qos) in (0, 0x10)
            except rawmqtt.Closed:
                self.client = self.open()
                return False

        harness.until(is_kept, "an acknowledgement")


def placed(sender, number):
    """So many orders, all acknowledged."""
    orders = [messages.unique("ord") for _ in range(number)]
    for order in orders:
        sender.keep(messages.order(order), 1)
    return orders


def fail_once(lab, kind):
    lab.disk.set(powercut.FAIL_KIND, kind)
    lab.disk.set(powercut.FAIL, 1)


def assert_kept(lab, orders, payments=()):
    for table, ids in (("orders", orders), ("payments", payments)):
        found = {row[0] for row in lab.broker.rows("SELECT id FROM %s" % table)}
        assert set(ids) <= found, table


def test_the_journal_failed_once(lab):
    """
    The kernel takes pages for clean that it could not write: a payment that is synced later must
    not stand behind them.
    """
    lab.start()
    payer, sender = Sender(lab, "payments-service"), Sender(lab, "orders-service")
    with contextlib.ExitStack() as lock:
        lock.enter_context(lab.broker.database.locked())
        orders = placed(sender, 40)
        fail_once(lab, powercut.RING)
        payment = messages.unique("pay")
        payer.keep(messages.payment(payment), 2)
        assert lab.disk.get(powercut.FAILED) == 1
        lab.cut(0)
        if not engines.IS_SQLITE:  # whose locked file is gone
            lock.close()
        lab.start()
        assert_kept(lab, orders, [payment])


@engines.sqlite_only("its log")
def test_a_commit_failed_once(lab):
    """
    The kernel takes pages for clean that it could not write: what the journal forgets must not stand
    behind such pages of SQLite's log.
    """
    lab.start()
    sender = Sender(lab, "orders-service")
    fail_once(lab, powercut.WAL)
    orders = placed(sender, 200)
    # Once the next are in the database the journal forgot these.
    for _ in range(2):
        orders += placed(sender, 1)
        lab.broker.wait_rows([(len(orders),)], "SELECT count(*) FROM orders")
    assert lab.disk.get(powercut.FAILED) == 1
    lab.cut(0)
    lab.start()
    assert_kept(lab, orders)
