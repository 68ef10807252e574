"""
Database, WAL or journal removed, moved, or replaced, while the broker runs and between two runs:
nothing is acknowledged that is not kept, the log names the file, and what was acknowledged is there when
the file is back.
"""

import glob
import os
import shutil
import subprocess

import pytest

import engines
import harness
import messages
from rawmqtt import Closed, NOT_AUTHORIZED

pytestmark = engines.sqlite_only("its files are moved and removed")
ACCEPTED = (0, 0x10)
BEGUN, ENDED = "the store takes no writes", "the store takes writes again"


class Publisher:
    """Places orders, one after the other, on a connection that the broker may close."""

    def __init__(self, broker):
        self.broker, self.client, self.accepted = broker, None, []

    def place(self):
        order = messages.unique("ord")
        try:
            if not self.client:
                self.client = self.broker.client("orders-service")
            code = self.client.publish(*messages.order(order), qos=1)
        except (Closed, OSError, AssertionError):  # nothing is acknowledged
            self.client, code = None, NOT_AUTHORIZED
        if code in ACCEPTED:
            self.accepted.append(order)
        return code in ACCEPTED

    def place_until(self, is_accepted):
        harness.until(lambda: self.place() == is_accepted, "an answer")

    def all_are_kept(self):
        for order in self.accepted:
            self.broker.wait_rows([("PLACED", 1)], "SELECT status, revision FROM orders WHERE id = ?",
                                  order)


@pytest.fixture
def broker(new_broker):
    return new_broker().start()


@pytest.fixture
def publisher(broker):
    publisher = Publisher(broker)
    for _ in range(5):
        publisher.place_until(True)
    return publisher


def restored(broker):
    done = subprocess.run([os.path.join(harness.BUILD, "petstorectl"), "restored", "--config",
                           broker.path("mosquitto.conf")], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_database_moved_away_and_back(broker, publisher):
    before = broker.mark()
    os.rename(broker.path("petstore.db"), broker.path("aside"))
    publisher.place_until(False)
    broker.wait_log(BEGUN + r": \S*petstore.db: was removed or moved", before)
    os.rename(broker.path("aside"), broker.path("petstore.db"))
    broker.wait_log(ENDED, before)
    publisher.place_until(True)
    publisher.all_are_kept()
    broker.kill()
    broker._start()
    publisher.all_are_kept()


def test_all_removed(broker, publisher):
    before = broker.mark()
    for path in glob.glob(broker.path("petstore.db*")):
        os.unlink(path)
    publisher.place_until(False)
    accepted = len(publisher.accepted)
    broker.wait_log(BEGUN + r": \S*petstore.db: was removed or moved", before)
    assert not publisher.place() and len(publisher.accepted) == accepted
    # The journal has the last of it, for whoever finds the database again.
    harness.until(lambda: os.path.exists(broker.path("petstore.db-journal.ring")), "the journal")
    broker.stop()
    before = broker.mark()
    broker._start()
    publisher.client = None
    assert not publisher.place()
    broker.wait_log("petstore.db: is missing, and its journal is there", before)
    broker.kill()  # a stop waits for the database, as above


@pytest.mark.parametrize("suffix", ["-wal", "-shm", "-journal.ring"])
def test_removed_and_made_again(broker, publisher, suffix):
    before = broker.mark()
    os.unlink(broker.path("petstore.db" + suffix))
    harness.until(lambda: publisher.place() and os.path.exists(broker.path("petstore.db" + suffix)),
                  "the file")
    publisher.place_until(True)
    broker.kill()
    broker._start()
    publisher.all_are_kept()
    assert before < broker.mark()


@pytest.mark.parametrize("spoil", [os.unlink, lambda path: os.truncate(path, 0)],
                         ids=["missing", "empty"])
def test_start_without_the_journal(broker, publisher, spoil):
    broker.kill()
    ring = broker.path("petstore.db-journal.ring")
    shutil.copy(ring, broker.path("aside"))
    spoil(ring)
    before = broker.mark()
    broker._start()
    publisher.client = None
    assert not publisher.place()
    broker.wait_log(BEGUN + r": \S*-journal.ring: is (missing|empty), though", before)
    os.rename(broker.path("aside"), ring)
    broker.wait_log(ENDED, before)
    publisher.place_until(True)
    publisher.all_are_kept()


def test_start_without_the_wal(broker, publisher):
    publisher.all_are_kept()
    broker.kill()
    for suffix in ("-wal", "-shm"):
        os.rename(broker.path("petstore.db" + suffix), broker.path("aside" + suffix))
    before = broker.mark()
    broker._start()
    publisher.client = None
    assert not publisher.place()
    broker.wait_log(r"begins at write \d+ but \S*petstore.db ends at \d+", before)
    broker.kill()
    for suffix in ("-wal", "-shm"):
        os.rename(broker.path("aside" + suffix), broker.path("petstore.db" + suffix))
    broker._start()
    publisher.all_are_kept()


def test_backup_put_in_place(broker, publisher):
    kept = list(publisher.accepted)
    publisher.all_are_kept()
    subprocess.run(["sqlite3", broker.path("petstore.db"), ".backup " + broker.path("copy")],
                   check=True)
    publisher.place_until(True)
    broker.stop()
    os.rename(broker.path("copy"), broker.path("petstore.db"))
    before = broker.mark()
    broker._start()
    publisher.client = None
    assert not publisher.place()
    broker.wait_log("an older copy of the database", before)
    broker.kill()
    assert "the 1 writes after it, up to 6, are not in it" in restored(broker)
    broker._start()
    publisher.client, publisher.accepted = None, kept
    publisher.place_until(True)
    publisher.all_are_kept()
