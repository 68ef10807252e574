"""Stopped or killed: what was acknowledged is there afterwards, once."""

import os

import pytest

import messages
from rawmqtt import NOT_AUTHORIZED


@pytest.mark.parametrize("end", ["stop", "kill"])
def test_acknowledged_is_kept(new_broker, end):
    broker = new_broker().start()
    publisher = broker.client("orders-service")
    orders = [messages.unique("ord") for _ in range(200)]
    for order in orders:
        assert publisher.publish(*messages.order(order), qos=1) in (0, 0x10)
    status = getattr(broker, end)()
    assert status == (0 if end == "stop" else -9)
    broker._start()
    broker.wait_rows([(order, "PLACED", 1) for order in sorted(orders)],
                     "SELECT id, status, revision FROM orders ORDER BY id")
    broker.wait_rows([(200,)], "SELECT count(*) FROM events")
    # And the state is known: PLACED was, SHIPPED may not follow, APPROVED may.
    publisher = broker.client("orders-service")
    assert publisher.publish(*messages.order(orders[0], "SHIPPED"), qos=1) == NOT_AUTHORIZED
    assert publisher.publish(*messages.order(orders[0], "APPROVED"), qos=1) in (0, 0x10)


def test_stop_says_nothing_is_wrong(new_broker):
    broker = new_broker()
    os.unlink(broker.path("passwords"))
    broker.settings["PASSWORD_ROUNDS"] = 10000  # as many as nothing is said about
    broker.start()
    broker.client("orders-service").publish(*messages.order("ord-1"), qos=1)
    assert broker.stop() == 0
    log = broker.log()
    assert "terminating" in log
    assert not [line for line in log.splitlines() if "petstore: " in line and "loaded" not in line
                and "version" not in line and "strict steps: " not in line]
    assert broker.rows("SELECT status FROM orders") == [("PLACED",)]
