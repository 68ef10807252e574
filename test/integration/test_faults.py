"""
What clients hear while storage is at fault, what is kept, and how it ends: rows of docs/faults.md
that no other file has. The disk is powercut.c's, so that syncs fail and are slow without root.
"""

import time

import pytest

import cluster
import crash
import engines
import harness
import messages
import powercut
from test_closed import TAKEN, answer, expected

FOR_GOOD = 1 << 30


@pytest.fixture
def strict_lab(template, tmp_path):
    """Payments are strict, in PostgreSQL whatever engine the others have."""
    made = powercut.Lab(template, str(tmp_path), 1)
    cluster.set_consistency(made.broker.contract, paymentStatus="strict")
    made.broker.database = database = engines.postgres_of(made.broker.folder)
    made.start()
    yield made
    made.broker.stop()
    database.drop()


@pytest.fixture
def lab(template, tmp_path):
    made = powercut.Lab(template, str(tmp_path), 1)
    made.start()
    yield made
    made.broker.stop()


def order(lab, version=5):
    """What a new client hears of an order."""
    return answer(lab.broker.client("orders-service", version),
                  messages.order(messages.unique("ord")), 1)


def payment(lab, version=5):
    return answer(lab.broker.client("payments-service", version),
                  messages.payment(messages.unique("pay")), 2)


def until_heard(lab, ask, code, version=5):
    harness.until(lambda: ask(lab, version) == code, "%s" % (code,))


def syncs_fail(lab, kind):
    lab.disk.set(powercut.FAIL_KIND, kind)
    lab.disk.set(powercut.FAIL, FOR_GOOD)


@pytest.mark.parametrize("version", [5, 4])
def test_syncs_of_the_journal_fail(lab, version):
    """For good: what is synced first is refused, all else is kept as ever."""
    syncs_fail(lab, powercut.RING)
    until_heard(lab, payment, expected(version, 2), version)
    assert order(lab, version) in TAKEN
    assert payment(lab, version) == expected(version, 2)
    lab.disk.set(powercut.FAIL, 0)
    harness.until(lambda: payment(lab, version) in TAKEN, "a payment that is kept")


@engines.sqlite_only("its WAL")
@pytest.mark.parametrize("version", [5, 4])
def test_syncs_of_the_database_fail(lab, version):
    """For good: everything that must be kept is refused, since the journal can't be emptied."""
    syncs_fail(lab, powercut.WAL)
    until_heard(lab, order, expected(version, 1), version)
    assert payment(lab, version) == expected(version, 2)
    lab.disk.set(powercut.FAIL, 0)
    harness.until(lambda: order(lab, version) in TAKEN, "an order that is kept")
    harness.until(lambda: payment(lab, version) in TAKEN, "a payment that is kept")


@pytest.mark.parametrize("version", [5, 4])
def test_a_slow_disk(lab, version):
    """Payments are refused before they keep all others waiting; orders are taken."""
    before = lab.broker.mark()
    lab.disk.set(powercut.SLOW, 700)
    until_heard(lab, payment, expected(version, 2), version)
    assert order(lab, version) in TAKEN
    lab.disk.set(powercut.SLOW, 0)
    harness.until(lambda: payment(lab, version) in TAKEN, "a payment that is kept")
    assert "slow" in lab.broker.log(before)


@engines.needs_postgres()
@pytest.mark.parametrize("version", [5, 4])
def test_strict_steps_need_no_disk(strict_lab, version):
    """They are the database's, whatever becomes of the journal."""
    strict_lab.disk.set(powercut.SLOW, 700)
    syncs_fail(strict_lab, powercut.RING)
    failed = strict_lab.disk.get(powercut.FAILED)
    assert order(strict_lab, version) in TAKEN
    harness.until(lambda: strict_lab.disk.get(powercut.FAILED) > failed + 1, "syncs that fail")
    assert payment(strict_lab, version) in TAKEN


def test_a_very_slow_disk(lab):
    """A sync of several seconds is no writer that hangs: orders are taken all the while."""
    client = lab.broker.client("orders-service")
    lab.disk.set(powercut.SLOW, 5500)
    end = lab.disk.get(powercut.SYNCS) + 3  # the first of them may have been a quick one
    while lab.disk.get(powercut.SYNCS) < end:
        assert answer(client, messages.order(messages.unique("ord")), 1) in TAKEN
        time.sleep(0.05)  # for the journal's sake, which is small
    lab.disk.set(powercut.SLOW, 0)


@pytest.mark.parametrize("version", [5, 4])
def test_the_journal_is_full(new_broker, version):
    """The smallest, while its database is locked: no wait, and no acknowledgement."""
    broker = new_broker()
    broker.edits.append(crash.set_options(**{
        name: crash.OPTIONS["slow"][name] for name in ("journal_size", "journal_max")}))
    broker.start()
    kept = []
    with broker.database.locked():
        while True:
            message = messages.order(messages.unique("ord"))
            code = answer(broker.client("orders-service", version), message, 1)
            if code not in TAKEN:
                break
            kept.append(message[0])
        assert code == expected(version, 1)
    harness.until(lambda: answer(broker.client("orders-service", version),
                                 messages.order(messages.unique("ord")), 1) in TAKEN, "room")
    harness.until(lambda: set(kept) <= {row[0] for row in broker.rows("SELECT topic FROM events")},
                  "what was acknowledged")
