"""Two brokers are given one SQLite file, and a journal each: one of them has it, the other waits."""

import os
import re
import struct

import pytest

import engines
import harness
import messages
import rawmqtt
import watched

pytestmark = engines.sqlite_only("two journals of one file; with PostgreSQL a broker has a name")
SYNC_MS = 200  # so that each is in the midst of its start while the other begins


def disk(broker):
    """Syncs of this broker are slow until the function that is returned is called."""
    path = broker.path("syncs")
    with open(path, "wb") as file:
        file.write(struct.pack("=i", SYNC_MS) + bytes(4092))
    broker.environment = {"preload": os.path.join(harness.BUILD, "slowsync.so"), "SLOWSYNC_CONTROL": path}

    def quick():
        with open(path, "r+b") as file:
            file.write(struct.pack("=i", 0))
    return quick


def is_kept(broker, topic, payload):
    """Was it acknowledged as kept?"""
    try:
        return broker.client("backoffice").publish(topic, payload, qos=1) in (0, 0x10)
    except (rawmqtt.Closed, ConnectionError):
        return False


@pytest.mark.parametrize("writes", [0, 3], ids=["fresh", "ahead"])
def test_that_begin_at_once(new_broker, writes):
    """@writes: in the database that the other one had before, after which its journal is counted."""
    one, other = new_broker(), new_broker()
    one.start()
    one.stop()
    other.edits.append(watched.options(journal=other.path("other.ring")))
    if writes:
        other.start()
        for _ in range(writes):
            assert is_kept(other, *messages.order(messages.unique("ord")))
        other.stop()
    other.edits.append(watched.options(database=one.path("petstore.db")))
    quick = [disk(broker) for broker in (one, other)]
    ran = one.mark()
    for broker in (one, other):
        broker.configure()
    for broker in (one, other):
        broker.spawn()
    one.wait_log(r"mosquitto version \S+ running", ran)
    other.wait_log(r"mosquitto version \S+ running")
    for each in quick:
        each()
    # Whichever has it keeps all, and acknowledges; what the other one answers it keeps nothing.
    kept = []

    def someone_keeps():
        order = messages.order(messages.unique("ord"))
        kept.extend((broker, order[0]) for broker in (one, other) if is_kept(broker, *order))
        return kept

    harness.until(someone_keeps, "one that takes writes")
    owner = kept[0][0]
    loser = other if owner is one else one
    for _ in range(3):
        order = messages.order(messages.unique("ord"))
        assert not is_kept(loser, *order) and is_kept(owner, *order)
        kept.append((owner, order[0]))
    assert {broker for broker, _ in kept} == {owner}
    one.wait_rows([(len(kept),)], "SELECT count(*) FROM events")
    assert re.search(r"with another journal, has or had it|another broker's\?", loser.log())
    loser.assert_alive()
    # It goes on when the other one has ended.
    owner.stop()
    harness.until(lambda: is_kept(loser, *messages.order(messages.unique("ord"))), "the other to take over")
