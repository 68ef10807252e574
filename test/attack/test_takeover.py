"""Who takes another's client id is told of, whoever both are, and nobody is thrown out for it."""
import pytest

import harness
import messages
import unbound
import watched


@pytest.fixture(scope="module")
def broker(tmp_path_factory, template):
    folder = tmp_path_factory.mktemp("takeover")
    broker = harness.Broker(folder / "run", template, access=unbound.access(folder))
    watched.watch(broker, {"takeover": {"threshold": 4, "windowSeconds": 3600, "response": "ban",
                                        "seconds": 600}})
    with harness.running(broker):
        yield broker


@pytest.mark.parametrize("version", [4, 5])
def test_between_two_accounts(broker, version):
    listener = watched.Listener(broker)
    name = messages.unique("fought-for")
    users = ["customer-a", "customer-b"]
    for number in range(5):
        client = broker.client(users[number % 2], version, client_id=name)
    alert = listener.wait("takeover", "raised", clientId=name)
    assert {alert["principal"], alert["otherPrincipal"]} == set(users)
    assert alert["response"] == "report"
    broker.wait_log("alert raised: takeover: user customer-. client %s taken from user customer-. "
                    "from 127.0.0.1" % name)
    # Whose fault it is can't be known: both are still let in.
    for user in users:
        broker.client(user, client_id=name).disconnect()
    client.drop()


def test_by_one_account(broker):
    listener = watched.Listener(broker)
    name = messages.unique("fought-for")
    for _ in range(5):
        attempt = broker.try_client("collar-7", broker.password("collar-7"), client_id=name)
    alert = listener.wait("takeover", "raised", clientId=name)
    assert "otherPrincipal" not in alert and alert["response"] == "ban"
    attempt.drop()
