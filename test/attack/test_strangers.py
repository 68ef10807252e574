"""Who has no account gets in by none of the ways that need none to be tried."""
import pytest


@pytest.mark.parametrize("transport", ["tcp", "tls", "wss"])
@pytest.mark.parametrize("user, password", [(None, None), ("backoffice", None), ("backoffice", ""),
                                            ("", "x"), ("nobody", "guess")])
def test_a_stranger_is_refused(broker, transport, user, password):
    client = broker.try_client(user, password, transport=transport)
    assert client.code != 0
