"""
Retained last wills: what the broker retains, the table of what is retained and the entity's row agree,
whether the will was accepted or refused, however it came, and when the broker is killed behind it.
"""
import json

import pytest

import messages
from test_reload import edit_json
from test_retained_repair import crash, journal_is_empty, kept, put, retained

STANDING, OTHER = "seen", "gone"
LATER = "2026-01-15T11:00:00Z"


def ended_by_drop(broker, client):
    before = broker.mark()
    client.drop()
    broker.wait_log("Client %s .*(closed|disconnected)" % client.client_id, before)


def ended_by_takeover(broker, client):
    broker.client("collar-7", client_id=client.client_id).disconnect()


def ended_by_stop(broker, client):
    broker.restart()


ENDS = {"drop": ended_by_drop, "takeover": ended_by_takeover, "stop": ended_by_stop}


@pytest.mark.parametrize("rule, reason, end", [
    *((rule, reason, "drop") for rule in ("update", "same", "refuse")
      for reason in (STANDING, OTHER)),
    *((rule, OTHER, end) for rule in ("update", "same") for end in ("takeover", "stop"))])
def test_the_standing_status_as_a_will(new_broker, rule, reason, end):
    """Said again with the same content and another time, or with other content."""
    broker = new_broker()
    edit_json(broker.contract, lambda contract: contract["x-state-machines"]["pet"].update(
        {"repeat": rule}))
    broker.start()
    pet = messages.unique("pet")
    standing = messages.pet_status(pet, "NOT_AVAILABLE", reason=STANDING)
    will = messages.pet_status(pet, "NOT_AVAILABLE", reason=reason, updatedAt=LATER)
    collar = broker.client("collar-7", will=will + (1, True))
    other = broker.client("backoffice")
    put(other, standing)
    other.disconnect()
    ENDS[end](broker, collar)
    is_taken = rule == "update" or (rule == "same" and reason == STANDING)
    assert_agreed(broker, pet, (will if is_taken else standing)[1])


@pytest.mark.parametrize("end", ENDS)
def test_an_older_status_as_a_will(new_broker, end):
    """The pet went on after its collar registered the will: that one is refused."""
    broker = new_broker().start()
    pet = messages.unique("pet")
    will = messages.pet_status(pet, "AVAILABLE")
    collar = broker.client("collar-7", will=will + (1, True))
    other = broker.client("backoffice")
    last = messages.pet_status(pet, "ADOPTED")
    for step in (will, last):
        put(other, step)
    other.disconnect()
    ENDS[end](broker, collar)
    assert_agreed(broker, pet, last[1])


def assert_agreed(broker, pet, expected):
    """Now, and after a kill; a will at a stop shows when the broker has started again."""
    topic = messages.pet_status(pet)[0]
    for _ in range(2):
        journal_is_empty(broker)
        found = {name: each.payload for name, each in retained(broker, topic).items()}
        assert found == {topic: expected}
        assert kept(broker)[topic] == expected
        assert broker.rows("SELECT status FROM pets WHERE id = ?", pet) == [
            (json.loads(expected)["status"],)]
        crash(broker)
