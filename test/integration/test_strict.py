"""
A strict channel: the shared database has a message before it is acknowledged. What the database
refuses or can't say is neither taken nor refused in its place.
"""

import contextlib
import json
import ssl
import threading
import time

import pytest

import cluster as shared
import engines
import harness
import messages
import rawmqtt

pytestmark = engines.needs_postgres()

TAKEN = (0, 0x10)
CLOSED = "closed"
ILLEGAL = 0x87


@pytest.fixture(scope="module")
def cluster(tmp_path_factory, template):
    """One broker; its wires are as they should be at the end of each test."""
    made = shared.Cluster(tmp_path_factory.mktemp("strict"), template, count=1,
                          channels={"inventoryStock": "strict", "petStatus": "strict"})
    yield made.start()
    made.close()


def say(client, message, qos=2):
    """The acknowledgement's code; CLOSED: the connection ended without one."""
    try:
        return client.publish(*message, qos=qos)
    except (rawmqtt.Closed, ssl.SSLError, ConnectionError):
        return CLOSED


def statuses(cluster, payment):
    """Of its events, in the order in which the database took them."""
    return [json.loads(payload)["status"] for payload, in cluster.rows(
        "SELECT payload FROM events WHERE topic = ? ORDER BY seq",
        "payments/%s/status" % payment)]


def come_back(broker, client_id, wait=120, user="payments-service", **options):
    """Once it is not held off any more."""
    found = []

    def is_let_in():
        client = broker.try_client(user, broker.password(user), client_id=client_id, **options)
        if client.code == 0:
            found.append(client)
        return found

    def tries():
        with contextlib.suppress(OSError, rawmqtt.Closed):
            return is_let_in()
        return False

    harness.until(tries, "the client to be let in", wait)
    return found[0]


def say_until_taken(broker, client_id, message, **options):
    """As one that sends again until it is answered."""
    harness.until(lambda: say(come_back(broker, client_id, **options), message) in TAKEN,
                  "the message to be taken", 120)


def is_quick(client):
    """Does it wait for no database? Each wait is one of plugin_opt_strict_ms, which a slow machine is not."""
    took = []
    for _ in range(20):
        begin = time.monotonic()
        client.ping()
        took.append(time.monotonic() - begin)
    return sorted(took)[10] < 0.5


@pytest.mark.parametrize("version", [4, 5])
def test_a_step_is_in_the_database_when_it_is_acknowledged(cluster, version):
    broker = cluster.brokers[0]
    client = broker.client("payments-service", version=version)
    payment = messages.unique("pay")
    for count, status in enumerate(("PENDING", "SUCCEEDED"), 1):
        assert say(client, messages.payment(payment, status=status)) in TAKEN
        # No wait: it was committed before.
        assert cluster.rows("SELECT status, revision FROM payments WHERE id = ?", payment) == [
            (status, count)]
    assert cluster.rows("SELECT origin, origin_seq < 0, revision FROM events WHERE topic = ? "
                        "ORDER BY seq", "payments/%s/status" % payment) == [
                            ("a", True, 1), ("a", True, 2)]
    if version == 5:
        assert say(client, messages.payment(payment, status="PENDING")) == ILLEGAL
    else:
        assert say(client, messages.payment(payment, status="PENDING")) == 0
    assert statuses(cluster, payment) == ["PENDING", "SUCCEEDED"]


def by_another(cluster, payment, status):
    """Another broker steps, of which this one hears nothing."""
    assert cluster.rows("UPDATE payments SET status = ?, revision = revision + 1 WHERE id = ? "
                        "RETURNING 1", status, payment)


def test_another_broker_was_first(cluster):
    broker = cluster.brokers[0]
    client = broker.client("payments-service")
    since = broker.mark()
    lost, won, again = [messages.unique("pay") for _ in range(3)]
    for payment in (lost, won, again):
        assert say(client, messages.payment(payment)) in TAKEN
    by_another(cluster, lost, "CANCELLED")
    assert say(client, messages.payment(lost, status="SUCCEEDED")) == ILLEGAL
    assert statuses(cluster, lost) == ["PENDING"]
    # What memory says is no reason to refuse either: FAILED may become PENDING once more.
    by_another(cluster, won, "FAILED")
    assert say(client, messages.payment(won)) in TAKEN
    assert statuses(cluster, won) == ["PENDING", "PENDING"]
    # A repeat is no write, and it is asked about all the same.
    by_another(cluster, again, "SUCCEEDED")
    assert say(client, messages.payment(again)) == ILLEGAL
    refused = [line for line in broker.refusals(since) if "transition-illegal" in line]
    assert len(refused) == 2
    new = messages.unique("pay")
    cluster.rows("INSERT INTO payments (id, revision, created_at, updated_at, order_id, status) "
                 "VALUES (?, 1, '', '', 'ord-1', 'PENDING') RETURNING 1", new)
    assert say(client, messages.payment(new, status="SUCCEEDED")) in TAKEN


@pytest.mark.parametrize("version", [4, 5])
def test_the_answer_is_lost(cluster, version):
    """It is committed, and nobody hears of it: the client is closed, and sends it again."""
    broker = cluster.brokers[0]
    client_id = messages.unique("lost")
    reader = broker.client("payments-service")
    reader.subscribe("payments/+/status")
    since = broker.mark()
    # Other reads share the connection: where the first answer that is lost is one of those, the
    # step is refused, since it was not sent.
    for _ in range(10):
        payment = messages.unique("pay")
        client = come_back(broker, client_id, version=version)
        harness.until(lambda: say(client, messages.payment(payment)) in TAKEN, "the first")
        broker.set_wires("drop")
        step = messages.payment(payment, status="SUCCEEDED")
        assert say(client, step) in ((CLOSED, 0x97) if version == 5 else (CLOSED,))
        if "in doubt: " in broker.log(since):
            break
        broker.set_wires("pass")
    harness.until(lambda: statuses(cluster, payment) == ["PENDING", "SUCCEEDED"], "the commit")
    broker.set_wires("pass")
    say_until_taken(broker, client_id, step, version=version)
    assert statuses(cluster, payment) == ["PENDING", "SUCCEEDED"]
    reader.ping()
    assert [json.loads(each.payload)["status"] for each in reader.inbox
            if payment in each.topic] == ["PENDING", "SUCCEEDED"]
    assert not [line for line in broker.refusals(since) if "transition" in line]


def test_the_answer_is_lost_and_no_status_tells(cluster):
    """The message has the same number when it is sent again, which the database takes once."""
    broker, client_id = cluster.brokers[0], messages.unique("lost")
    rows = "SELECT origin_seq < 0 FROM events WHERE topic = ?"
    for _ in range(10):
        since = broker.mark()
        client = come_back(broker, client_id, user="backoffice")
        stock = messages.stock(messages.unique("shelf"))
        broker.set_wires("drop")
        assert say(client, stock, qos=1) in (CLOSED, 0x97)
        if "in doubt: " in broker.log(since):
            break
        broker.set_wires("pass")
    harness.until(lambda: cluster.rows(rows, stock[0]) == [(True,)], "the commit")
    broker.set_wires("pass")
    harness.until(lambda: say(come_back(broker, client_id, user="backoffice"), stock, qos=1) in TAKEN,
                  "the message to be taken", 120)
    assert cluster.rows(rows, stock[0]) == [(True,)]
    assert say(come_back(broker, client_id, user="backoffice"), stock, qos=1) in TAKEN
    assert cluster.rows(rows, stock[0]) == [(True,)] * 2  # it is another message by now


def test_the_database_does_not_answer(cluster):
    """Stopped: the first is in doubt, then the breaker refuses at once; nobody else waits long."""
    broker = cluster.brokers[0]
    payment, client_id = messages.unique("pay"), messages.unique("stopped")
    client = broker.client("payments-service", version=4, client_id=client_id)
    other = broker.client("orders-service")
    assert say(client, messages.payment(payment)) in TAKEN
    broker.set_wires("hole")
    step = messages.payment(payment, status="SUCCEEDED")
    assert say(client, step) == CLOSED
    harness.until(lambda: is_quick(other), "others to be answered as ever")
    second = broker.client("payments-service", version=4)
    assert say(second, messages.payment(messages.unique("pay"))) == CLOSED
    zero = broker.client("payments-service")
    with contextlib.suppress(rawmqtt.Closed):
        zero.publish(*messages.payment(messages.unique("pay")), qos=0)
        zero.ping()
    assert statuses(cluster, payment) in (["PENDING"], ["PENDING", "SUCCEEDED"])
    broker.set_wires("pass")
    say_until_taken(broker, client_id, step, version=4)
    assert statuses(cluster, payment) == ["PENDING", "SUCCEEDED"]
    broker.assert_alive()


def test_a_slow_database(cluster):
    broker = cluster.brokers[0]
    client_id = messages.unique("slow")
    client = broker.client("payments-service", client_id=client_id)
    payment = messages.unique("pay")
    broker.set_wires("pass", 0.01)
    assert say(client, messages.payment(payment)) in TAKEN
    broker.set_wires("pass", 2.5)  # more than plugin_opt_strict_ms
    step = messages.payment(payment, status="SUCCEEDED")
    assert say(client, step) == CLOSED
    broker.set_wires("pass", 0.01)
    say_until_taken(broker, client_id, step)
    broker.set_wires("pass")
    assert statuses(cluster, payment) == ["PENDING", "SUCCEEDED"]


def test_a_refusal_is_confirmed_after_a_slow_read(cluster):
    """Once slower than all of the time that there is for such reads in a second."""
    broker = cluster.brokers[0]
    client, payment = broker.client("payments-service"), messages.unique("pay")
    for status in ("PENDING", "SUCCEEDED"):
        assert say(client, messages.payment(payment, status=status)) in TAKEN
    broker.set_wires("pass", 0.3)
    assert say(client, messages.payment(payment)) not in TAKEN
    broker.set_wires("pass")
    by_another(cluster, payment, "FAILED")
    say_until_taken(broker, messages.unique("again"), messages.payment(payment))
    assert statuses(cluster, payment) == ["PENDING", "SUCCEEDED", "PENDING"]


def test_an_eventual_refusal_is_confirmed(cluster):
    """
    What another broker did is read where memory is older than a tenth of a second, what waited in the
    journal is carried, and reads have not used up what time there is for them in a second.
    """
    broker = cluster.brokers[0]
    client, order = broker.client("orders-service"), messages.unique("ord")
    assert client.publish(*messages.order(order), qos=1) in TAKEN
    harness.until(lambda: cluster.rows("SELECT 1 FROM orders WHERE id = ?", order), "the order")
    assert cluster.rows("UPDATE orders SET status = 'APPROVED', revision = revision + 1 WHERE "
                        "id = ? RETURNING 1", order)
    shipped = messages.order(order, status="SHIPPED")
    harness.until(lambda: client.publish(*shipped, qos=1) in TAKEN, "a read")
    assert client.publish(*messages.order(order, status="PLACED"), qos=1) == ILLEGAL


def scans(cluster):
    """Of the table payments, by all brokers; a server says it some time after."""
    return cluster.rows("SELECT seq_scan + idx_scan FROM pg_stat_user_tables WHERE relname = "
                        "'payments'")[0][0]


def test_one_that_is_refused_again_and_again(cluster):
    """Its refusals are confirmed by reads, of which it gets some hundred a second and no more."""
    broker = cluster.brokers[0]
    client, payment = broker.client("payments-service"), messages.unique("pay")
    assert say(client, messages.payment(payment)) in TAKEN
    assert say(client, messages.payment(payment, status="SUCCEEDED")) in TAKEN
    harness.until(lambda: say(client, messages.payment(payment)) == ILLEGAL and scans(cluster) > 0,
                  "the figures", 60)
    before, begin = scans(cluster), time.monotonic()
    for mid in range(1, 3001):
        client.publish_nowait(*messages.payment(payment), 2, mid)
        if mid % 10 == 0:
            assert {client.ack(each, rawmqtt.PUBREC) for each in range(mid - 9, mid + 1)} == {
                ILLEGAL}
    seconds = int(time.monotonic() - begin) + 2
    harness.until(lambda: say(client, messages.payment(payment)) == ILLEGAL
                  and scans(cluster) > before + 20, "the figures", 60)
    assert scans(cluster) - before < 200 * seconds + 200


def test_at_qos_0_nobody_is_closed(cluster):
    """The contract asks for QoS 2 no more: it is the last test of this broker."""
    broker = cluster.brokers[0]
    with open(broker.contract, encoding="utf-8") as file:
        document = json.load(file)
    for operation in document["operations"].values():
        operation.get("bindings", {}).get("mqtt", {}).pop("qos", None)
    with open(broker.contract, "w", encoding="utf-8") as file:
        json.dump(document, file)
    broker.restart()
    client, payment = broker.client("payments-service"), messages.unique("pay")
    client.publish(*messages.payment(payment), qos=0)
    client.ping()
    assert statuses(cluster, payment) == ["PENDING"]
    broker.set_wires("hole")
    client.publish(*messages.payment(messages.unique("pay")), qos=0)
    client.publish(*messages.payment(messages.unique("pay")), qos=0)
    client.ping()
    # Nobody sends it again: what stands is said to who reads, once it is known to be kept.
    reader = broker.client("payments-service")
    reader.subscribe("payments/+/status")
    broker.set_wires("pass")
    for _ in range(10):
        payment = messages.unique("pay")
        since = broker.mark()
        broker.set_wires("drop")
        client.publish(*messages.payment(payment), qos=0)
        client.ping()
        broker.set_wires("pass")
        if "in doubt: " in broker.log(since) and statuses(cluster, payment):
            break
        time.sleep(0.5)
    reader.until("payments/%s/status" % payment)


def wills(cluster, pet):
    return cluster.rows("SELECT origin_seq < 0, will, revision FROM events WHERE topic = ?",
                        "pets/%s/status" % pet)


def test_a_last_will(cluster):
    """In the database before anybody hears of it, or refused by what stands there."""
    broker = cluster.brokers[0]
    since, pets = broker.mark(), [messages.unique("pet") for _ in range(2)]
    writer = broker.client("backoffice")
    assert say(writer, messages.pet_status(pets[1]), 1) in TAKEN
    assert cluster.rows("UPDATE pets SET status = 'ADOPTED', revision = revision + 1 WHERE id = ? "
                        "RETURNING 1", pets[1])
    reader = broker.client("backoffice")
    reader.subscribe("pets/+/status", qos=1)
    broker.client("backoffice", will=(*messages.pet_status(pets[0]), 1, True)).drop()
    reader.until("pets/%s/status" % pets[0])
    assert wills(cluster, pets[0]) == [(True, 1, 1)]
    # Memory says that it may be so.
    broker.client("backoffice",
                  will=(*messages.pet_status(pets[1], "PENDING"), 1, True)).drop()
    broker.wait_log("refused will pets/%s/status by backoffice .*: transition-illegal: .*pet is ADOPTED"
                    % pets[1], since)
    assert wills(cluster, pets[1]) == [(True, 0, 1)]


def test_a_last_will_whose_answer_is_lost(cluster):
    """No client sends it again: what stands is said once it is known to be kept, and it is kept once."""
    broker = cluster.brokers[0]
    reader = broker.client("backoffice")
    reader.subscribe("pets/+/status", qos=1)
    for _ in range(10):
        pet, since = messages.unique("pet"), broker.mark()
        client = broker.client("backoffice", will=(*messages.pet_status(pet), 1, True))
        broker.set_wires("drop")
        client.drop()
        harness.until(lambda: pet in broker.log(since), "the will to be decided")
        broker.set_wires("pass")
        if "in doubt: " in broker.log(since) and wills(cluster, pet):
            break
        time.sleep(0.5)
    reader.until("pets/%s/status" % pet)
    assert wills(cluster, pet) == [(True, 1, 1)]


class Sayer(threading.Thread):
    """Takes payments of its own through their steps, and sends again what was not answered."""

    def __init__(self, broker, number):
        super().__init__(daemon=True)
        self.broker, self.name = broker, messages.unique("sayer%d" % number)
        self.taken, self.problem, self.is_over = [], None, False
        self.client = None

    def run(self):
        try:
            while not self.is_over:
                payment = messages.unique("pay")
                for status in ("PENDING", "SUCCEEDED"):
                    if self._say(messages.payment(payment, status=status)):
                        self.taken.append((payment, status))
        except Exception as problem:  # the test's thread raises it
            self.problem = problem

    def _say(self, message):
        until = time.monotonic() + 60
        while time.monotonic() < until:
            with contextlib.suppress(OSError, rawmqtt.Closed):
                self.client = self.client or come_back(self.broker, self.name, 40, version=4)
                if say(self.client, message) == 0:
                    return True
            self.client = None
        raise AssertionError("not answered: %s" % (message,))


def wait_until_more_is_taken(sayers, count):
    enough = sum(len(sayer.taken) for sayer in sayers) + count
    harness.until(lambda: sum(len(sayer.taken) for sayer in sayers) >= enough
                  or any(sayer.problem for sayer in sayers), "more to be taken", 90)


def test_kill_9_of_the_database(new_cluster):
    """What was acknowledged is there, once; what was not was sent again until it was."""
    database = shared.Database()
    cluster = None
    try:
        cluster = new_cluster(count=1, database=database, settings=()).start()
        sayers = [Sayer(cluster.brokers[0], number) for number in range(4)]
        for sayer in sayers:
            sayer.start()
        for _ in range(3):
            wait_until_more_is_taken(sayers, 20)
            database.primary.kill()
            time.sleep(0.3)
            database.primary.start()
        wait_until_more_is_taken(sayers, 20)
        for sayer in sayers:
            sayer.is_over = True
        for sayer in sayers:
            sayer.join(90)
            assert sayer.problem is None and not sayer.is_alive(), sayer.problem
        taken = [each for sayer in sayers for each in sayer.taken]
        kept = [(json.loads(payload)["paymentId"], json.loads(payload)["status"])
                for payload, in cluster.rows("SELECT payload FROM events WHERE origin_seq < 0")]
        assert len(kept) == len(set(kept)), "twice"
        assert set(taken) <= set(kept)
    finally:
        if cluster:
            cluster.close()
        database.close()
