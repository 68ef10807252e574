"""The load of `make bench`, by what it counts: nothing is lost, and nothing is made up."""

import json
import os
import subprocess

import harness
import pytest

LOAD = os.path.join(harness.BUILD, "load")


def load(broker, user, *options):
    done = subprocess.run([LOAD, "--port", str(broker.plain), "--user", user,
                           "--password", broker.password(user), "--messages", "200",
                           "--clients", "5", *options],
                          text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=60)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.mark.parametrize("version", ["4", "5"])
@pytest.mark.parametrize("qos", ["1", "2"])
def test_every_step_of_an_order_is_kept(broker, qos, version):
    before = broker.rows("SELECT count(*) FROM events")[0][0]
    result = load(broker, "orders-service", "--qos", qos, "--version", version)
    assert (result["messages"], result["refused"]) == (200, 0)
    broker.wait_rows([(before + 200,)], "SELECT count(*) FROM events")


def test_at_qos_0_it_waits_for_the_broker_to_have_dealt_with_all(broker):
    before = broker.rows("SELECT count(*) FROM events")[0][0]
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


def test_a_standing_status_keeps_nothing(broker):
    before = broker.rows("SELECT count(*) FROM events")[0][0]
    load(broker, "orders-service", "--work", "standing", "--clients", "4")
    # One event a client; the row of another order comes behind all of theirs.
    load(broker, "orders-service", "--work", "fresh", "--clients", "1", "--messages", "1")
    broker.wait_rows([(before + 4 + 1,)], "SELECT count(*) FROM events")


def test_what_is_not_there_ends_it(broker):
    done = subprocess.run([LOAD, "--port", str(broker.plain), "--user", "nobody"],
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=60)
    assert done.returncode != 0
