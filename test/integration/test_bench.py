"""The load of `make bench`, by what it counts: nothing is lost, and nothing is made up."""

import json
import os
import shutil
import socket
import subprocess
import sys
import threading

import harness
import messages
import pytest

sys.path.append(os.path.join(harness.TOP, "test", "bench"))
import brokers

LOAD = os.path.join(harness.BUILD, "load")


def load(broker, user, *options):
    done = subprocess.run([LOAD, "--port", str(broker.plain), "--user", user,
                           "--password", broker.password(user), "--messages", "200",
                           "--clients", "5", *options],
                          text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=300)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def kept(broker, sql):
    """What @sql counts, once all that was acknowledged is in the database: an order of its own is the last."""
    order = messages.unique("ord")
    assert broker.client("orders-service").publish(*messages.order(order), qos=1) in (0, 0x10)
    broker.wait_rows([(1,)], "SELECT count(*) FROM orders WHERE id = ?", order)
    return broker.rows(sql)[0]


@pytest.mark.parametrize("version", ["4", "5"])
@pytest.mark.parametrize("qos", ["1", "2"])
def test_every_step_of_an_order_is_kept(broker, qos, version):
    before = kept(broker, "SELECT count(*) FROM events")[0]
    result = load(broker, "orders-service", "--qos", qos, "--version", version)
    assert (result["messages"], result["refused"]) == (200, 0)
    broker.wait_rows([(before + 200,)], "SELECT count(*) FROM events")


def test_at_qos_0_it_waits_for_the_broker_to_have_dealt_with_all(broker):
    before = kept(broker, "SELECT count(*) FROM events")[0]
    assert load(broker, "inventory-service", "--qos", "0", "--work", "stock")["messages"] == 200
    broker.wait_rows([(before + 200,)], "SELECT count(*) FROM events")


@pytest.mark.parametrize("qos", ["1", "2"])
def test_every_subscriber_gets_every_message(broker, qos):
    result = load(broker, "orders-service", "--qos", qos, "--subscribers", "2")
    assert (result["delivered"], result["expected"]) == (400, 400)


def test_over_tls(broker):
    result = load(broker, "orders-service", "--port", str(broker.tls), "--tls", broker.authority)
    assert (result["messages"], result["refused"]) == (200, 0)


@pytest.mark.parametrize("qos", ["1", "2"])
def test_refusals_are_counted(broker, qos):
    result = load(broker, "orders-service", "--qos", qos, "--work", "bad", "--subscribers", "1")
    assert (result["refused"], result["expected"], result["delivered"]) == (200, 0, 0)
    assert list(result["refused_by"].values()) == [200] and result["opened"] == 0


def test_a_standing_status_keeps_nothing(broker):
    before = kept(broker, "SELECT count(*) FROM events")[0]
    load(broker, "orders-service", "--work", "standing", "--clients", "4")
    # One event a client; the row of another order comes behind all of theirs.
    load(broker, "orders-service", "--work", "fresh", "--clients", "1", "--messages", "1")
    broker.wait_rows([(before + 4 + 1,)], "SELECT count(*) FROM events")


@pytest.mark.parametrize("work", ["steps", "random"])
def test_for_a_time_the_database_has_what_was_acknowledged(broker, work):
    counts = "SELECT (SELECT count(*) FROM events), count(*), sum(CASE status WHEN 'DELIVERED' THEN 1 ELSE 0 END) FROM orders"
    before = kept(broker, counts)
    result = load(broker, "orders-service", "--work", work, "--messages", "20", "--seconds", "1")
    assert result["messages"] == result["answered"] > 20 and result["opened"] > 0
    assert (result["finished"] > 0) == (work == "steps")
    added = (result["answered"], result["opened"], result["finished"])
    broker.wait_rows([tuple((b or 0) + a for a, b in zip(added, before))], counts)


def closes_at(listener, number, firsts):
    """
    A broker that takes whole packets as they are sent, and closes its first connection. @firsts
    gets each connection's first message.
    """
    for is_first in (True, False):
        connection = listener.accept()[0]
        stream = connection.makefile("rwb")
        count = 0
        while True:
            head = stream.read(2)
            if len(head) < 2:
                break
            size = head[1] if head[1] < 0x80 else head[1] - 0x80 + 128 * stream.read(1)[0]
            body = stream.read(size)
            if head[0] == 0x10:
                stream.write(b"\x20\x03\x00\x00\x00")
            else:
                at = 2 + int.from_bytes(body[:2], "big")
                count += 1
                if count == 1:
                    firsts.append(body)
                if is_first and count > number:
                    break
                stream.write(b"\x40\x02" + body[at:at + 2])
            stream.flush()
        stream.close()
        connection.close()


def test_a_connection_that_is_closed_is_opened_again():
    firsts = []
    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=closes_at, args=(listener, 50, firsts), daemon=True)
        thread.start()
        done = subprocess.run([LOAD, "--port", str(listener.getsockname()[1]), "--clients", "1",
                               "--messages", "200"], stdout=subprocess.PIPE, timeout=300)
        thread.join(harness.WAIT)
    result = json.loads(done.stdout)
    assert done.returncode == 0 and result["closed"] == 1
    assert result["answered"] + result["unanswered"] == result["messages"] == 200
    assert 0 < result["unanswered"] <= 16
    assert len(firsts) == 2 and all(b'"PLACED"' in first for first in firsts)


def test_what_is_not_there_ends_it(broker):
    done = subprocess.run([LOAD, "--port", str(broker.plain), "--user", "nobody"],
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=60)
    assert done.returncode != 0


@pytest.mark.parametrize("stage", ["permission", "schema", "ledger", "everything"])
def test_each_stage_that_is_measured_has_a_contract_that_loads(stage, tmp_path):
    schemas = shutil.copytree(os.path.join(harness.TOP, "schemas"), tmp_path / "schemas")
    path = schemas / harness.CONTRACT
    path.write_text(brokers.contract(path.read_text(), stage))
    done = subprocess.run([os.path.join(harness.BUILD, "petstorectl"), "lint", "--contract", path],
                          text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    assert done.returncode == 0, done.stdout
