"""What the tests stand on."""

import pytest

import harness


def test_a_broker_ends_with_its_test(new_broker):
    """Also where the test fails, and where the broker has died, which is a failure."""
    broker = new_broker()
    with pytest.raises(ZeroDivisionError):
        with harness.running(broker):
            process = broker.process
            assert process.poll() is None
            raise ZeroDivisionError
    assert process.poll() is not None and broker.process is None
    with pytest.raises(AssertionError, match="the broker died"):
        with harness.running(broker):
            broker.process.kill()
            broker.process.wait()
