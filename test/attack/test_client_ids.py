"""With the access file that ships, a client id is its principal's, and nobody takes another's."""
import re
import subprocess

import pytest

import harness
import messages
import watched
from rawmqtt import NOT_AUTHORIZED, connack_property

ASSIGNED_CLIENT_ID = 0x12
MADE = "auto-81F24B3F-7A65-45BE-C3A0-16A83D86DFF5"


@pytest.fixture(scope="module")
def broker(tmp_path_factory, template):
    """With the whole of the shipped access file."""
    broker = harness.Broker(tmp_path_factory.mktemp("bound") / "run", template,
                            access=harness.ACCESS)
    broker.edits.append(watched.options(lockout=0))
    with harness.running(broker):
        yield broker


def code(broker, user, client_id, **options):
    return broker.try_client(user, broker.password(user), client_id=client_id, **options).code


@pytest.mark.parametrize("version", [4, 5])
@pytest.mark.parametrize("client_id", [
    "customer-a", "customer-a/", "customer-a/phone", "customer-b/", "customer-b-2", "customer-bx",
    "customer", "customer-b ", "Customer-B", "x", "/", "+", "#", "{name}", "{name}/x",
    "customer-b%2Fx", "auto-", "auto-1", MADE.lower(), MADE + "0", MADE[:-1],
    MADE[5:].lower(), MADE[5:] + "0", MADE[5:-1], MADE[3:]])
def test_anothers(broker, version, client_id):
    before = broker.mark()
    refused = NOT_AUTHORIZED if version == 5 else 5
    assert code(broker, "customer-b", client_id, version=version) == refused
    broker.wait_log(r"refused connection of customer-b .*it may use customer-b, customer-b/\*, "
                    "or none of its own", before)


@pytest.mark.parametrize("version", [4, 5])
@pytest.mark.parametrize("client_id", [
    "customer-b", "customer-b/phone", "customer-b/phone/2", "customer-b/customer-a", "",
    "customer-b/ü", "customer-b//"])
def test_ones_own(broker, version, client_id):
    assert code(broker, "customer-b", client_id, version=version) == 0


def test_a_session_stays_its_owners(broker):
    """Whoever names it is refused; the owner stays connected and keeps its queue."""
    name = "customer-a/till"
    owner = broker.client("customer-a", client_id=name, clean=False, expiry=600)
    owner.subscribe("inventory/#")
    for version in (4, 5):
        assert code(broker, "customer-b", name, version=version, clean=False) != 0
    topic, payload = messages.stock(messages.unique("shelf"))
    broker.client("inventory-service").publish(topic, payload, qos=1)
    assert [each.topic for each in owner.until(topic)] == []


def test_prefix_of_a_longer_name(new_broker):
    """A user called `customer` can't use what is customer-a's."""
    broker = new_broker(access=harness.ACCESS)
    with open(broker.path("access.json")) as file:
        text = file.read()
    with open(broker.path("access.json"), "w") as file:
        file.write(text.replace('"users": {', '"users": { "customer": {"roles": ["customer"]},'))
    subprocess.run(["mosquitto_passwd", "-b", broker.path("passwords"), "customer", "x"],
                   check=True)
    broker.start()
    for client_id, is_fine in (("customer-a", False), ("customer-a/x", False),
                               ("customer/-a", True), ("customer", True)):
        client = broker.try_client("customer", "x", client_id=client_id)
        assert (client.code == 0) == is_fine, client_id


def test_a_device_by_certificate(broker):
    """A principal that has no entry of its own is bound as well."""
    shown = (broker.path("clients/collar-7.crt"), broker.path("clients/collar-7.key"))
    for client_id, is_fine in (("collar-7", True), ("collar-7/2", True), ("", True),
                               ("collar-8", False), ("backoffice", False), ("x", False)):
        client = broker.try_client(None, None, transport="mtls", certificate=shown,
                                   client_id=client_id)
        assert (client.code == 0) == is_fine, client_id


def test_made_by_the_broker(broker):
    """A client without an id gets one that it may come back with, and that no other guesses."""
    first = broker.try_client("customer-a", broker.password("customer-a"), client_id="")
    made = connack_property(first.connack, ASSIGNED_CLIENT_ID).decode()
    assert re.fullmatch("auto-[0-9A-F-]{36}", made)
    assert code(broker, "customer-a", made) == 0


def test_made_by_the_broker_after_a_reload(broker):
    """Mosquitto 2.0 forgets its prefix at a SIGHUP, and names clients by a UUID alone."""
    before = broker.mark()
    broker.reload()
    broker.wait_log("reloaded contract", before)
    for version in (4, 5):
        assert code(broker, "customer-a", "", version=version) == 0
    first = broker.try_client("customer-a", broker.password("customer-a"), client_id="")
    made = connack_property(first.connack, ASSIGNED_CLIENT_ID).decode()
    assert re.fullmatch("(auto-)?[0-9A-F-]{36}", made)
    assert code(broker, "customer-a", made) == 0


def test_petstorectl(broker):
    """Its own client ids fit."""
    done = subprocess.run(
        [harness.BUILD + "/petstorectl", "bans", "list", "--port", str(broker.plain), "--host",
         "127.0.0.1", "--user", "backoffice", "--password-file", "-"],
        input=broker.password("backoffice"), text=True, stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT, timeout=harness.WAIT)
    assert done.returncode == 0, done.stdout
