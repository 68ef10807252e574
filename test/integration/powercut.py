"""
The power fails under load, and the broker starts from what the disk has: powercut.c, preloaded
into it, is a disk that forgets what was not synced. Conditions:

    load      at any moment, with what the kernel wrote by itself
    sync      before, in the middle of, and right behind a sync
    creation  while the database and the journal are made
    replay    while the journal is replayed at the start, again and again
    failing   some time after a sync failed once

After each cut: what was acknowledged with durability "power" is there; of "process" is lost at
most what came after the last sync, and what is whole behind that is kept; the database and the
journal open without help; each entity stands where its events lead, and none went back; nothing is there twice after what was not acknowledged was sent again.

powercut.py [--runs N] [--condition NAME] [--seed N]
"""

import argparse
import collections
import mmap
import os
import random
import re
import shutil
import struct
import sys
import tempfile
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
os.environ["PATH"] += ":/usr/sbin:/usr/local/sbin"

import cluster
import crash
import harness
import publishers

SHIM = os.path.join(harness.BUILD, "powercut.so")
SECTOR = 512
# The control's numbers, as powercut.c has them.
(SYNCS, CUT_AT, CUT_WHEN, FAIL, FAIL_KIND, FAILED, SLOW, LIES, WRITEBACK, STRICT,
 RING_BEGUN, RING_DONE) = range(12)
BEFORE, MIDDLE, BEHIND = range(3)
ANY, RING, WAL, DATABASE = range(4)
POWER = ("payments/",)
OURS = re.compile(r"(petstore|mosquitto)\.db[^+~]*$")


class Disk:
    """What would be there after a power cut of files in @live."""

    def __init__(self, folder, live):
        self.folder = folder
        self.live = live
        os.mkdir(folder)
        with open(os.path.join(folder, "control"), "wb+") as file:
            file.truncate(mmap.PAGESIZE)
            self.control = mmap.mmap(file.fileno(), mmap.PAGESIZE)

    def get(self, what):
        return struct.unpack_from("i", self.control, 4 * what)[0]

    def set(self, what, number):
        struct.pack_into("i", self.control, 4 * what, number)

    def reset(self):
        self.control[:] = b"\0" * len(self.control)

    def environment(self, seed):
        return {"preload": SHIM, "POWERCUT_FOLDER": self.live, "POWERCUT_DISK": self.folder,
                "POWERCUT_SEED": str(seed)}

    def _read(self, folder, name):
        try:
            with open(os.path.join(folder, name), "rb") as file:
                return file.read()
        except FileNotFoundError:
            return None

    def _after(self, name, rng, permille):
        """The file's bytes after the cut; None: there is no such file."""
        live = self._read(self.live, name)
        stable = self._read(self.folder, name)
        unnamed = None if stable is not None else self._read(self.folder, name + "+")
        if unnamed is not None and rng.random() < 0.5:
            stable = unnamed
        if stable is None:
            gone = self._read(self.folder, name + "~")
            if gone is not None and rng.random() < 0.5:
                return gone
            if unnamed is not None:
                return None
        if live is None:
            return stable
        if stable is None:
            if rng.random() < 0.5:
                return None
            stable = b""
        if name.startswith("mosquitto"):  # renamed into place
            return rng.choice((stable, live))
        return mix(stable, live, rng, permille)

    def cut(self, rng, permille):
        """The broker is gone. @permille of the sectors that were not synced are there."""
        names = {re.sub("[+~]$", "", name)
                 for name in os.listdir(self.live) + os.listdir(self.folder)}
        after = {name: self._after(name, rng, permille) for name in sorted(names)
                 if OURS.match(name)}
        self.clear()
        for name, data in after.items():
            if data is not None:
                for folder in (self.live, self.folder):
                    with open(os.path.join(folder, name), "wb", opener=private) as file:
                        file.write(data)

    def clear(self):
        for folder in (self.live, self.folder):
            for name in os.listdir(folder):
                if OURS.match(re.sub("[+~]$", "", name)):
                    os.unlink(os.path.join(folder, name))


def private(path, flags):
    return os.open(path, flags, 0o600)


def mix(stable, live, rng, permille):
    """Sectors of both, and a size that the file had or may have had."""
    sizes = [len(stable), len(live)]
    if len(live) > len(stable):
        sizes.append(max(rng.randrange(len(stable), len(live)) // SECTOR * SECTOR, len(stable)))
    size = rng.choice(sizes)
    data = bytearray(stable.ljust(len(live), b"\0"))
    for at in range(0, len(live), SECTOR):
        if rng.randrange(1000) < permille:
            data[at : at + SECTOR] = live[at : at + SECTOR]
    return bytes(data[: max(size, 0)])


class Notes(publishers.Notes):
    """Beside that, how far the journal's syncs had come at each acknowledgement."""

    def __init__(self, disk):
        super().__init__()
        self.disk = disk
        self.begun = {}  # message -> syncs of the journal that had begun
        self.before = {}  # message -> how many acknowledgements were there before

    def add(self, code, message):
        begun = self.disk.get(RING_BEGUN)
        if super().add(code, message):
            self.begun[message] = begun
        return code < 0x80


def is_power(message):
    return message[0].startswith(POWER)


def crowd_of(notes):
    """(user, source, version, QoS) of those who publish."""
    return [publishers.Publisher(user, source(), notes, version, qos, retain)
            for user, source, version, qos, retain in (
                ("orders-service", publishers.orders, 5, 1, True),
                ("orders-service", publishers.orders, 4, 2, False),
                ("payments-service", publishers.payments, 5, 2, False),
                ("payments-service", publishers.payments, 4, 2, False))]


def overtaken(publisher, events):
    """
    Topics of which a step that is still waiting was lost and one behind it was kept: whatever is
    whole in the journal is kept.
    """
    topics, missing = set(), set()
    for message in publisher.waiting.values():
        if message not in events:
            missing.add(message[0])
        elif message[0] in missing:
            topics.add(message[0])
    return topics


class Lab:
    """A broker on a disk of that kind, and its publishers."""

    def __init__(self, template, folder, seed, options=None):
        self.rng = random.Random(seed)
        self.broker = harness.Broker(os.path.join(folder, "run"), template)
        # Also where brokers may share the database, a payment is acknowledged from the journal.
        cluster.set_consistency(self.broker.contract, paymentStatus="eventual")
        self.broker.edits.append(crash.set_options(
            **{"journal_size": 1 << 20, "journal_max": 2 << 20, **(options or {})}))
        self.disk = Disk(os.path.join(folder, "disk"), self.broker.folder)
        self.broker.environment = self.disk.environment(seed)
        self.begin_anew()
        self.done = None  # syncs of the journal at the first cut after a start with publishers
        self.lost = 0  # of what "process" may lose

    def begin_anew(self):
        """Nothing was said, and nothing was kept."""
        self.notes = Notes(self.disk)
        self.publishers = crowd_of(self.notes)

    def start(self):
        """Without help. The first start takes ports."""
        self.broker._start() if hasattr(self.broker, "plain") else self.broker.start()

    def cut(self, permille=None):
        self.broker.kill()
        if self.done is None:
            self.done = self.disk.get(RING_DONE)
        for each in (CUT_AT, FAIL, SLOW, LIES, WRITEBACK):
            self.disk.set(each, 0)
        self.disk.cut(self.rng, self.rng.choice((0, 0, 300, 900))
                      if permille is None else permille)

    def settle(self):
        """After a start behind a cut: the faults that there are. What may be lost is forgotten."""
        self.broker.assert_alive()
        events = [(topic, payload.encode() if isinstance(payload, str) else payload)
                  for topic, payload in self.broker.rows("SELECT topic, payload FROM events "
                                                         "ORDER BY seq")]
        times = collections.Counter(events)
        faults = ["twice: %s %s" % event for event, number in times.items() if number > 1]
        lost = [message for message in self.notes.acknowledged if message not in times]
        # A sync that was on its way may have begun before the message came, and one of records that
        # cross the journal's end counts twice. After one that failed the whole file is synced, which
        # counts twice as well, before what the disk lost is written anew.
        after = 8 if self.disk.get(FAILED) else 4
        faults += ["lost, though synced: %s %s" % message for message in lost
                   if is_power(message) or self.notes.begun.get(message, -after) + after <= self.done]
        for table, walked in (("orders", publishers.ORDER), ("payments", publishers.PAYMENT)):
            rows = self.broker.rows("SELECT id, status, revision FROM %s" % table)
            faults += crash.check_entities(events, rows, table, walked, crash.is_behind)
        if not self.broker.database.is_sound():
            faults.append("the engine finds faults in its own file")
        self.lost += len(lost)
        self.notes.acknowledged = [message for message in self.notes.acknowledged
                                   if message in times]
        self.notes.kept = frozenset(times)
        self.notes.begun.clear()
        self.done = None
        for publisher in self.publishers:
            publisher.give_up({topic for topic, _ in lost} | overtaken(publisher, times))
        return faults


# ---- conditions ----


def load(lab, crowd):
    lab.disk.set(WRITEBACK, lab.rng.choice((0, 100, 1000)))
    time.sleep(lab.rng.uniform(0.02, 1))
    lab.broker.assert_alive()


def sync(lab, crowd):
    """The broker ends by itself."""
    lab.disk.set(CUT_WHEN, lab.rng.choice((BEFORE, MIDDLE, BEHIND)))
    lab.disk.set(CUT_AT, lab.disk.get(SYNCS) + lab.rng.randrange(1, 80))
    lab.broker.process.wait(harness.WAIT)


def failing(lab, crowd):
    lab.disk.set(WRITEBACK, lab.rng.choice((0, 100)))
    time.sleep(lab.rng.uniform(0, 0.3))
    lab.disk.set(FAIL_KIND, lab.rng.choice((ANY, RING, WAL, DATABASE)))
    lab.disk.set(FAIL, lab.rng.randrange(1, 4))
    time.sleep(lab.rng.uniform(0, 0.6))
    lab.broker.assert_alive()


def replay(lab, crowd):
    """The journal is full when the power fails, and it fails again while that is replayed."""
    with lab.broker.database.locked():
        time.sleep(lab.rng.uniform(0.2, 0.8))
        lab.cut()
    crowd.stop()
    for _ in range(lab.rng.randrange(1, 4)):
        cut_at_start(lab, lab.rng.randrange(1, 20))


def creation(lab, crowd):
    """Everything is made anew, and what was acknowledged of that is all that counts."""
    crowd.stop()
    lab.broker.kill()
    lab.disk.clear()
    lab.broker.database.clear()
    lab.begin_anew()
    lab.disk.set(STRICT, lab.rng.randrange(2))
    for _ in range(lab.rng.randrange(3)):
        cut_at_start(lab, lab.rng.randrange(1, 60))
    lab.start()
    lab.done = None
    crowd = publishers.Crowd(lab.publishers, lab.broker)
    time.sleep(lab.rng.uniform(0.01, 0.3))
    lab.cut(lab.rng.choice((0, 500)))
    crowd.stop()
    lab.disk.set(STRICT, 0)


CONDITIONS = {"load": load, "sync": sync, "creation": creation, "replay": replay,
              "failing": failing}
def cut_at_start(lab, number):
    """The power fails at the sync of that number, or when all is open if there are fewer."""
    lab.disk.set(CUT_WHEN, lab.rng.choice((BEFORE, MIDDLE, BEHIND)))
    lab.disk.set(CUT_AT, lab.disk.get(SYNCS) + number)
    try:
        lab.start()
    except harness.StartError as error:
        assert error.status == -9, error
    lab.cut()


def run(template, folder, condition="load", runs=3, seed=None):
    """Raises AssertionError with the first faults. Returns the lab."""
    seed = seed if seed is not None else random.randrange(1 << 32)
    lab = Lab(template, folder, seed)
    try:
        lab.start()
        for number in range(runs):
            crowd = publishers.Crowd(lab.publishers, lab.broker)
            try:
                CONDITIONS[condition](lab, crowd)
            finally:
                lab.cut()
                crowd.stop()
            lab.start()
            faults = lab.settle()
            if not faults and not publishers.finish(lab.publishers, lab.broker):
                faults = ["not acknowledged: %s" % [each.waiting for each in lab.publishers]]
            faults += ["sent again, refused though kept: %s %s" % each for each in lab.notes.denied]
            assert not faults, "%s, cut %d, seed %d:\n%s" % (condition, number, seed,
                                                             "\n".join(faults[:20]))
    finally:
        lab.broker.stop()
    return lab


def run_all(template, folder, condition, options):
    """With another database now and then, as crash.py does it."""
    acknowledged = refused = lost = 0
    for number in range(0, options.runs, crash.RUNS_OF_ONE):
        place = os.path.join(folder, "%s-%d" % (condition, number))
        os.mkdir(place)
        lab = run(template, place, condition, min(crash.RUNS_OF_ONE, options.runs - number),
                  options.seed)
        acknowledged += len(lab.notes.acknowledged)
        refused += lab.notes.refused
        lost += lab.lost
        shutil.rmtree(place)
    print("%-8s %d cuts, %d acknowledged, %d refused, %d not synced and lost: all kept, none twice"
          % (condition, options.runs, acknowledged, refused, lost), flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--runs", type=int, default=10, help="cuts a condition")
    parser.add_argument("--condition", choices=CONDITIONS, help="this one only")
    parser.add_argument("--seed", type=int)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        template = os.path.join(folder, "template")
        harness.prepare(template)
        for condition in [options.condition] if options.condition else CONDITIONS:
            run_all(template, folder, condition, options)


if __name__ == "__main__":
    main()
