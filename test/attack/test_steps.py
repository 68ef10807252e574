"""
Who may take a step: nobody marks its own order paid, adopts a pet out, claims what has no owner or
squats an id; what is final is put right by who has the scope for it, and that is seen.
"""
import json

import pytest

import harness
import messages
from rawmqtt import NOT_AUTHORIZED
from test_certificate import set_password


@pytest.fixture(scope="module")
def broker(tmp_path_factory, template):
    """The shipped access file, and the README's token scopes in the hands of two users."""
    folder = tmp_path_factory.mktemp("steps")
    with open(harness.ACCESS) as file:
        access = json.load(file)
    access.pop("clientIds")
    access["roles"]["own"] = {"scopes": ["read:pets", "read:orders:own", "write:orders:own",
                                         "read:payments:own"]}
    for user in ("alice", "bob"):
        access["users"][user] = {"roles": ["own"]}
    path = str(folder / "access.json")
    with open(path, "w") as file:
        json.dump(access, file)
    broker = harness.Broker(folder / "run", template, access=path)
    for user in ("alice", "bob"):
        set_password(broker, user, "secret")
    with harness.running(broker):
        yield broker


def login(broker, user):
    client = broker.try_client(user, "secret", client_id=messages.unique(user))
    assert client.code == 0
    return client


def place(broker, owner):
    order_id = messages.unique("ord")
    assert broker.client("orders-service").publish(*messages.order(order_id, userId=owner),
                                                   qos=1) in (0, 0x10)
    return order_id


def reasons(broker, before):
    return [each[3] for each in broker.refusals(before)]


def test_a_customer_moves_its_order_nowhere_but_out(broker):
    order_id = place(broker, "alice")
    alice = login(broker, "alice")
    before = broker.mark()
    assert alice.publish(*messages.order(order_id, "APPROVED"), qos=1) == NOT_AUTHORIZED
    for status in ("PENDING", "SUCCEEDED"):
        assert alice.publish(*messages.order_payment(order_id, status), qos=2) == NOT_AUTHORIZED
    assert reasons(broker, before) == ["step-scope", "step-scope", "transition-illegal"]
    assert alice.publish(*messages.order(order_id, "CANCELLED"), qos=1) in (0, 0x10)
    broker.wait_rows([("CANCELLED", None)],
                     "SELECT status, payment_status FROM orders WHERE id = ?", order_id)


def test_nor_once_it_is_approved(broker):
    order_id = place(broker, "alice")
    broker.client("orders-service").publish(*messages.order(order_id, "APPROVED"), qos=1)
    alice = login(broker, "alice")
    for status in ("CANCELLED", "SHIPPED"):
        assert alice.publish(*messages.order(order_id, status), qos=1) == NOT_AUTHORIZED
    broker.wait_rows([("APPROVED",)], "SELECT status FROM orders WHERE id = ?", order_id)


def test_nor_says_again_what_others_said(broker):
    """It moves nothing, but would stand in place of it: an order approved with a sum of its own."""
    order_id = place(broker, "alice")
    service, alice = broker.client("orders-service"), login(broker, "alice")
    reader = broker.client("backoffice")
    reader.subscribe("orders/#")
    for status in ("APPROVED", "SHIPPED"):
        assert service.publish(*messages.order(order_id, status), qos=1) in (0, 0x10)
        before = broker.mark()
        again = messages.order(order_id, status, userId="alice")
        assert alice.publish(*again, qos=1) == NOT_AUTHORIZED
        assert reasons(broker, before) == ["step-scope"]
        assert service.publish(*messages.order(order_id, status), qos=1) in (0, 0x10)
    reader.ping()
    assert len(reader.inbox) == 4
    mine = place(broker, "alice")
    for _ in range(2):
        assert alice.publish(*messages.order(mine, "CANCELLED"), qos=1) in (0, 0x10)


def test_nobody_squats_an_id_or_claims_what_has_no_owner(broker):
    """An order that is known by its payment alone, and one that nobody knows."""
    known, unknown = messages.unique("ord"), messages.unique("ord")
    service, alice = broker.client("orders-service"), login(broker, "alice")
    assert service.publish(*messages.order_payment(known), qos=2) in (0, 0x10)
    for order_id in (known, unknown):
        claim = messages.order(order_id, userId="alice")
        assert alice.publish(*claim, qos=1) == NOT_AUTHORIZED
        real = messages.order(order_id, userId="bob")
        assert service.publish(*real, qos=1) in (0, 0x10)
        broker.wait_rows([("bob",)], "SELECT owner FROM orders WHERE id = ?", order_id)


def test_a_collar_says_how_its_own_pet_does(broker):
    collar = broker.client("collar-7")
    before = broker.mark()
    other = messages.unique("pet")
    assert collar.publish(*messages.pet_status(other), qos=1) == NOT_AUTHORIZED
    assert collar.publish(*messages.availability(other), qos=1) == NOT_AUTHORIZED
    assert collar.publish(*messages.pet_status("collar-7", "ADOPTED"), qos=1) == NOT_AUTHORIZED
    for status in ("AVAILABLE", "PENDING"):
        assert collar.publish(*messages.pet_status("collar-7", status), qos=1) in (0, 0x10)
    assert collar.publish(*messages.pet_status("collar-7", "ADOPTED"), qos=1) == NOT_AUTHORIZED
    assert collar.publish(*messages.availability("collar-7"), qos=1) in (0, 0x10)
    assert reasons(broker, before) == ["not-owner", "not-owner", "step-scope", "step-scope"]


def test_a_collar_that_comes_with_a_certificate_too(broker):
    shown = (broker.path("clients/collar-7.crt"), broker.path("clients/collar-7.key"))
    collar = broker.try_client(None, None, transport="mtls", certificate=shown,
                               client_id=messages.unique("collar"))
    assert collar.code == 0
    assert collar.publish(*messages.availability("collar-7"), qos=1) in (0, 0x10)
    assert collar.publish(*messages.availability("collar-8"), qos=1) == NOT_AUTHORIZED


def test_what_is_final_is_put_right_and_recorded(broker):
    pet = messages.unique("pet")
    staff, supervisor = broker.client("backoffice"), broker.client("supervisor")
    assert staff.publish(*messages.pet_status(pet, "ADOPTED"), qos=1) in (0, 0x10)
    right = messages.pet_status(pet, "AVAILABLE")
    assert staff.publish(*right, qos=1) == NOT_AUTHORIZED
    before = broker.mark()
    assert supervisor.publish(*right, qos=1) in (0, 0x10)
    broker.wait_log(r"corrected %s, where ADOPTED stood, by supervisor \(client %s\)" %
                    (right[0], supervisor.client_id), before)
    # from there it goes on as the contract has it, and as it says for everyone
    assert staff.publish(*messages.pet_status(pet, "PENDING"), qos=1) in (0, 0x10)
    broker.wait_rows([("backoffice", 0), ("supervisor", 1), ("backoffice", 0)],
                     "SELECT publisher, correction FROM events WHERE topic = ? ORDER BY seq",
                     right[0])
    broker.wait_rows([("PENDING",)], "SELECT status FROM pets WHERE id = ?", pet)


def test_it_survives_a_crash(new_broker):
    """The journal says that it was one."""
    broker = new_broker(access=harness.ACCESS).start()
    pet = messages.unique("pet")
    supervisor = broker.client("supervisor")
    for status in ("ADOPTED", "AVAILABLE"):
        assert supervisor.publish(*messages.pet_status(pet, status), qos=1) in (0, 0x10)
    broker.kill()
    broker._start()
    broker.wait_rows([(0,), (1,)], "SELECT correction FROM events ORDER BY seq")
    collar = broker.client("backoffice")
    assert collar.publish(*messages.pet_status(pet, "PENDING"), qos=1) in (0, 0x10)
