"""Guessing passwords takes ever longer; whoever knows his own waits for seconds at most."""

import harness
from rawmqtt import NOT_AUTHORIZED


def fail_until_locked(broker, user):
    for number in range(100):
        if "locked" in broker.log():
            return
        assert broker.try_client(user, "wrong-%d" % number).code == NOT_AUTHORIZED
    raise AssertionError("100 wrong passwords, and no lock")


def test_user(new_broker):
    """Some mistakes are free; then the right password has to wait as well, for a moment."""
    broker = new_broker().start()
    password = broker.password("customer-a")
    fail_until_locked(broker, "customer-a")
    assert broker.try_client("customer-a", password).code == NOT_AUTHORIZED
    broker.client("customer-b").ping()
    harness.until(lambda: broker.try_client("customer-a", password).code == 0, "the lock to open")


def test_connected_clients_stay(new_broker):
    """A lock is for logins: who is there stays, at a reload too."""
    broker = new_broker().start()
    customer = broker.client("customer-a")
    fail_until_locked(broker, "customer-a")
    assert "reloaded" in broker.reload()
    customer.ping()
