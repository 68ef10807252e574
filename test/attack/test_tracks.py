"""What a peer is told, and what is told of it, is its own: nobody reads or removes another's."""
import json

import pytest

import messages
import unbound
from rawmqtt import NOT_AUTHORIZED


@pytest.fixture(scope="module")
def open_broker(tmp_path_factory, template):
    """Client ids are whose they want: what is promised here must hold all the same."""
    import harness

    folder = tmp_path_factory.mktemp("tracks")
    broker = harness.Broker(folder / "run", template, access=unbound.access(folder))
    with harness.running(broker):
        yield broker


@pytest.mark.parametrize("version", [4, 5])
def test_a_borrowed_client_id_reads_no_notices(open_broker, version):
    name = messages.unique("till")
    victim = open_broker.client("inventory-service", version, client_id=name, clean=False,
                                expiry=600)
    own = "refusals/inventory-service/" + name
    assert victim.subscribe(own, qos=1) == [1]
    thief = open_broker.client("customer-a", version, client_id=name, clean=False, expiry=600)
    refused = NOT_AUTHORIZED if version == 5 else 0x80
    assert thief.subscribe(own, "refusals/inventory-service/+") == [refused, refused]
    assert thief.subscribe("refusals/+/" + name, "refusals/#") == [2, 2]
    other = open_broker.client("inventory-service", version, client_id=messages.unique("till"))
    assert other.subscribe("refusals/inventory-service/+") == [2]
    # A refused message of the very client id whose notices were asked for, by its own principal.
    victim = open_broker.client("inventory-service", version, client_id=name)
    assert victim.subscribe(own) == [2]
    victim.publish(*messages.stock("xyz789", -1), qos=1)
    assert victim.message().topic == own
    thief = open_broker.client("customer-a", version, client_id=name)
    assert thief.subscribe("refusals/#") == [2]
    thief.publish(*messages.stock("xyz789", -1), qos=1)
    assert json.loads(thief.message().payload)["reason"] == "scope-missing"
    other.ping()
    assert not thief.inbox and not other.inbox
