"""
Publishers that lose nothing of their own: what was not acknowledged is sent again, in order and
with DUP, on the next connection of the same session.

Several steps of one order are on their way at once, as a program publishes that does not wait
for each acknowledgement. Now and then the connection is lost while acknowledgements are on their
way. What is refused because the store takes nothing now is tried again once nothing else is on its
way; where 3.1.1 has no word for that, the connection is closed instead.
"""

import collections
import contextlib
import random
import threading
import time

import messages
import rawmqtt

ORDER = ("PLACED", "APPROVED", "SHIPPED", "DELIVERED")
# No step that may be left out, and none back: a repeat of what is a legal step is a step.
PAYMENT = ("PENDING", "PROCESSING")
WINDOW = 7  # messages on their way at once: no multiple of the steps
EXPIRY = 3600
LOSSES = 0.002  # connections, for each answer


class Notes:
    """What the publishers saw."""

    def __init__(self):
        self.lock = threading.Lock()
        self.acknowledged = []  # (topic, payload)
        self.refused = 0
        self.resends = 0
        self.kept = frozenset()  # what the database had when the broker started last
        self.denied = []  # messages that were kept, sent again, and refused

    def add(self, code, message):
        with self.lock:
            if code < 0x80:
                self.acknowledged.append(message)
            else:
                self.refused += 1
        return code < 0x80

    def deny(self, message):
        with self.lock:
            self.denied.append(message)


def orders():
    while True:
        order = messages.unique("ord")
        for status in ORDER:
            yield messages.order(order, status)


def payments():
    while True:
        payment, order = messages.unique("pay"), messages.unique("ord")
        for number, status in enumerate(PAYMENT):
            yield messages.payment(payment, order, status, amount="%d.00" % number)


class Publisher:
    def __init__(self, user, source, notes, version=5, qos=1, retain=False):
        """@source: an iterator over messages."""
        self.user = user
        self.source = source
        self.notes = notes
        self.version = version
        self.qos = qos
        self.retain = retain
        self.client_id = messages.unique(user)
        self.mid = 0
        self.waiting = collections.OrderedDict()  # packet id -> message, in the order of sending
        self.received = set()  # packet ids of those that PUBREC came for
        self.refused = []  # to be tried again
        self.outgoing = collections.deque()
        self.given_up = frozenset()  # topics
        self.is_finishing = False

    def give_up(self, topics):
        """Between two runs: no more of these, whose steps before were lost."""
        self.given_up = topics
        for mid in [mid for mid, message in self.waiting.items() if message[0] in topics]:
            del self.waiting[mid]
            self.received.discard(mid)

    def run(self, broker, crowd):
        """Until @crowd ends; with finish() also until all was acknowledged."""
        while not crowd.ended.is_set() and not self._is_finished():
            with contextlib.suppress(OSError, rawmqtt.Closed):
                self._work(broker, crowd)
            crowd.ended.wait(0.02)

    def finish(self, is_finishing=True):
        """Between two runs: nothing new is to be sent in the next."""
        self.is_finishing = is_finishing

    def _is_finished(self):
        return self.is_finishing and not (self.waiting or self.refused or self.outgoing)

    def _work(self, broker, crowd):
        client = broker.try_client(self.user, broker.password(self.user), self.version,
                                   client_id=self.client_id, clean=False,
                                   expiry=EXPIRY if self.version == 5 else 0)
        if client.code != 0:
            return None
        self._resend(client)
        while not crowd.ended.is_set():
            self._fill(client)
            if self._is_finished():
                return client.disconnect()
            if crowd.deaf.is_set():
                crowd.ended.wait()
            elif random.random() >= LOSSES or self.is_finishing:
                self._take(client)
                continue
            return client.drop()
        return None

    def _resend(self, client):
        for mid, message in self.waiting.items():
            if mid in self.received:
                client.release(mid)
            else:
                with self.notes.lock:
                    self.notes.resends += 1
                client.publish_nowait(*message, self.qos, mid, self.retain, dup=True)

    def _fill(self, client):
        if self.refused and self.waiting:
            return
        if self.refused:
            time.sleep(0.01)
            self.outgoing.extendleft(reversed(self.refused))
            self.refused.clear()
        while len(self.waiting) < WINDOW and (self.outgoing or not self.is_finishing):
            message = self.outgoing.popleft() if self.outgoing else next(self.source)
            if message[0] in self.given_up:
                continue
            self.mid = self.mid % 65535 + 1
            self.waiting[self.mid] = message
            client.publish_nowait(*message, self.qos, self.mid, self.retain)

    def _take(self, client):
        kind, mid, code = client.next_answer()
        message = self.waiting.get(mid)
        if message is None or kind not in (rawmqtt.PUBACK, rawmqtt.PUBREC, rawmqtt.PUBCOMP):
            return
        if kind != rawmqtt.PUBCOMP and not self.notes.add(code, message):
            del self.waiting[mid]
            if message in self.notes.kept:
                self.notes.deny(message)
            else:
                self.refused.append(message)
        elif kind == rawmqtt.PUBREC:
            self.received.add(mid)
            client.release(mid)
        else:
            self.received.discard(mid)
            del self.waiting[mid]


class Crowd:
    """All of them at work, a thread each, until stop()."""

    def __init__(self, publishers, broker):
        self.ended = threading.Event()
        self.deaf = threading.Event()  # they go on, and hear no answer
        self.threads = [threading.Thread(target=each.run, args=(broker, self))
                        for each in publishers]
        for thread in self.threads:
            thread.start()

    def stop(self):
        self.ended.set()
        self.join()

    def join(self):
        for thread in self.threads:
            thread.join()


def finish(publishers, broker, wait=300):
    """Sends again what was not acknowledged, until it is; False if that takes longer than @wait."""
    for each in publishers:
        each.finish()
    crowd = Crowd(publishers, broker)
    timer = threading.Timer(wait, crowd.ended.set)
    timer.start()
    crowd.join()
    timer.cancel()
    for each in publishers:
        each.finish(False)
    return not any(each.waiting or each.refused or each.outgoing for each in publishers)
