"""
SIGHUP while the database is locked, the disk is full or the load is high: who may do what is in
force at once, and only what needs a table that is not there yet is refused.
"""

import contextlib
import json
import os
import re
import signal
import threading

import pytest

import cluster
import crash
import engines
import messages
import rawmqtt
from test_store_trouble import UNAVAILABLE, Publisher, filled, locked, small_broker

KEPT = (0, 0x10)
RELOADED = "petstore: reloaded contract"
LACKING = r"petstore: the new contract's tables are not all there yet.*\(orders\)"
THERE = "petstore: .*the contract's tables are all there now"


@contextlib.contextmanager
def trouble_of(new_broker, tmp_path, kind):
    """
    A broker for that kind of trouble; payments are acknowledged from the journal on either engine,
    for a strict one needs the database at once.
    """
    if kind is locked:
        broker = new_broker()
        cluster.set_consistency(broker.contract, orderPayment="eventual", paymentStatus="eventual")
        yield broker.start()
        return
    folder = tmp_path / "disk"
    folder.mkdir()
    with crash.small_disk(folder, 1) as is_there:
        if not is_there:
            pytest.skip("no right to mount")
        broker = small_broker(new_broker, folder)
        try:
            yield broker
        finally:
            assert broker.stop() == 0


def edit_json(path, change):
    with open(path) as file:
        document = json.load(file)
    change(document)
    with open(path + ".new", "w") as file:
        json.dump(document, file)
    os.replace(path + ".new", path)


def set_disabled(broker, user, is_disabled):
    edit_json(broker.path("access.json"),
              lambda access: access["users"][user].update(disabled=is_disabled))


def add_column(contract):
    contract["x-entities"]["order"]["columns"]["previous_status"] = {"type": "text"}
    columns = contract["channels"]["orderStatus"]["x-entity"]["columns"]
    columns["previous_status"] = "/previousStatus"


def remove_column(contract):
    del contract["x-entities"]["order"]["columns"]["previous_status"]
    del contract["channels"]["orderStatus"]["x-entity"]["columns"]["previous_status"]


def reload_beside(broker, client):
    """SIGHUP, and a PINGREQ that goes with it; the reload's lines once it was answered."""
    before = broker.mark()
    broker.process.send_signal(signal.SIGHUP)
    client.ping()
    return broker.wait_log("petstore: reload.*", before).group()


def publish(publisher, message, qos=1):
    """0, or the refusal's code, or that it was closed."""
    code = publisher.publish(message, qos)
    return 0 if code in KEPT else code


both = pytest.mark.parametrize("kind", [
    locked, pytest.param(filled, marks=engines.sqlite_only("its disk is full"))],
    ids=["locked", "full"])


@both
def test_user_is_disabled(new_broker, tmp_path, kind):
    """With a write on its way to the database, which can't take it."""
    with trouble_of(new_broker, tmp_path, kind) as broker:
        publisher, watcher = Publisher(broker, "orders-service"), broker.client("backoffice")
        order = messages.unique("ord")
        assert publish(publisher, messages.order(order)) == 0
        broker.wait_rows([("PLACED",)], "SELECT status FROM orders WHERE id = ?", order)
        with kind(broker):
            last = publish(publisher, messages.order(order, "APPROVED"))
            assert last in (0, UNAVAILABLE)
            connected = broker.client("customer-b")
            set_disabled(broker, "customer-b", True)
            assert RELOADED in reload_beside(broker, watcher)
            assert broker.try_client("customer-b", broker.password("customer-b")).code != 0
            connected.wait_closed()
            set_disabled(broker, "customer-b", False)
            assert RELOADED in reload_beside(broker, watcher)
            broker.client("customer-b").ping()
        stands = "PLACED" if last else "APPROVED"
        broker.wait_rows([(stands,)], "SELECT status FROM orders WHERE id = ?", order)


@both
def test_contract_changes(new_broker, tmp_path, kind):
    """What needs the new column is refused until it is there, and nothing else."""
    with trouble_of(new_broker, tmp_path, kind) as broker:
        publisher = Publisher(broker, "orders-service")
        payer = Publisher(broker, "payments-service")
        watcher, order = broker.client("backoffice"), messages.unique("ord")
        assert publish(publisher, messages.order(order)) == 0
        broker.wait_rows([("PLACED",)], "SELECT status FROM orders WHERE id = ?", order)
        before = broker.mark()
        with kind(broker):
            edit_json(broker.contract, add_column)
            set_disabled(broker, "customer-b", True)
            assert RELOADED in reload_beside(broker, watcher)
            assert broker.try_client("customer-b", broker.password("customer-b")).code != 0
            assert publish(publisher, messages.order(order, "APPROVED")) == UNAVAILABLE
            said = broker.wait_log("refused publish orders/%s/status .*" % order, before).group()
            assert "store-unavailable: the table orders is not ready yet" in said
            if kind is locked:  # a full disk takes nothing at all
                assert publish(publisher, messages.order_payment(order), 2) == 0
                assert publish(payer, messages.payment(messages.unique("pay"), order), 2) == 0
            broker.wait_log(LACKING, before)
        broker.wait_log(THERE, before)
        message = messages.order(order, "APPROVED", previousStatus="PLACED")
        while publish(publisher, message) == UNAVAILABLE:
            pass  # the store has its trouble for a moment longer
        broker.wait_rows([("APPROVED", "PLACED")],
                         "SELECT status, previous_status FROM orders WHERE id = ?", order)


def test_back_to_the_old_contract(new_broker):
    """Twice, while the new one's column can't be made: at the end nothing is missing."""
    broker = new_broker().start()
    publisher, order = Publisher(broker, "orders-service"), messages.unique("ord")
    assert publish(publisher, messages.order(order)) == 0
    with locked(broker):
        edit_json(broker.contract, add_column)
        assert RELOADED in reload_beside(broker, publisher.client)
        assert publish(publisher, messages.order(order, "APPROVED")) == UNAVAILABLE
        edit_json(broker.contract, remove_column)
        assert RELOADED in reload_beside(broker, publisher.client)
        assert publish(publisher, messages.order(order, "APPROVED")) == 0
    broker.wait_rows([("APPROVED",)], "SELECT status FROM orders WHERE id = ?", order)


def test_contract_that_the_database_contradicts(new_broker):
    """Known without asking it: nothing changes, although it is locked."""
    def change(contract):
        contract["x-entities"]["payment"]["columns"]["amount"]["type"] = "integer"

    broker = new_broker().start()
    publisher = Publisher(broker, "orders-service")
    with locked(broker):
        edit_json(broker.contract, change)
        set_disabled(broker, "customer-b", True)
        said = reload_beside(broker, publisher.client)
        types = ("TEXT", "INTEGER") if engines.IS_SQLITE else ("text", "BIGINT")
        assert re.search("reload failed, nothing was changed: .*(petstore.db|dbname=.*): table "
                         "payments: column amount is %s where the contract needs %s" % types, said)
        assert publish(publisher, messages.order(messages.unique("ord"))) == 0
        broker.client("customer-b").ping()


def flood(broker, stop, faults):
    """Stock levels, forty on their way at once: none may be refused."""
    client, product, mid, acknowledged = broker.client("inventory-service"), \
        messages.unique("food"), 0, 0
    with contextlib.suppress(rawmqtt.Closed, OSError):
        while not stop.is_set() or acknowledged < mid:
            if not stop.is_set():
                mid += 1
                client.publish_nowait(*messages.stock(product, mid), 1, mid)
            if mid - acknowledged == 40 or stop.is_set():
                acknowledged += 1
                code = client.ack(acknowledged)
                if code not in KEPT:
                    faults.append("stock level %d: 0x%02x" % (acknowledged, code))
    if acknowledged < mid or mid == 0:
        faults.append("%d of %d stock levels were acknowledged" % (acknowledged, mid))


def test_high_load(new_broker):
    """The journal is never empty, so that whoever waits for that waits for long."""
    broker = new_broker()
    broker.edits.append(crash.set_options(batch_rows=5, batch_ms=400))
    broker.start()
    stop, faults = threading.Event(), []
    threads = [threading.Thread(target=flood, args=(broker, stop, faults)) for _ in range(3)]
    publisher = Publisher(broker, "orders-service")
    for thread in threads:
        thread.start()
    try:
        for number in range(20):
            assert RELOADED in reload_beside(broker, publisher.client)
            assert publish(publisher, messages.order("ord-%d" % number)) == 0
    finally:
        stop.set()
        for thread in threads:
            thread.join()
    assert faults == []
