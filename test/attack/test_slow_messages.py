"""
What one message may cost: schemas that a careless author writes and messages that make them slow.
Nothing here looks at a clock. What would take long is refused with the reason schema-limit, and
counted; what is long and regular is answered.
"""
import json
import re

import pytest

import harness
import watched
from rawmqtt import Closed

LONG = "a" * 15000


def bomb(keyword, leaf, levels=40):
    """$defs of which each asks twice for the one before; called by the keyword and a number."""
    found = {keyword + "0": leaf}
    for i in range(1, levels + 1):
        found[keyword + str(i)] = {keyword: [{"$ref": "#/$defs/%s%d" % (keyword, i - 1)}] * 2}
    return found


def every(count, make):
    return {"allOf": [make(i + 1) for i in range(count)]}


TRIALS = {
    # member: its schema, the value, what comes of it (None: accepted)
    "loop": ({"pattern": "(?:a|b|c)*[0-9]"}, LONG, "schema-violation"),
    "nested": ({"pattern": "^(a+)+$"}, LONG + "!", "schema-violation"),
    "hundred": (every(100, lambda i: {"not": {"pattern": "[a-y]*[a-z]*[0-9]{%d}" % i}}), LONG,
                None),
    "look": ({"not": {"pattern": "(?:(?=(a+))a)*[bc]"}}, LONG, "schema-limit"),
    "back": ({"not": {"pattern": "^(a*)(a*)(a*)\\1\\2\\3[bc]$"}}, LONG, "schema-limit"),
    "names": ({"patternProperties": {"^[a-z]*[a-z]*[0-9]{%d}$%d?" % (i % 300 + 1, i % 7): {}
                                     for i in range(2100)}}, {LONG: 1}, "schema-limit"),
    "all": ({"$ref": "#/$defs/allOf40"}, "zz", "schema-limit"),
    "any": ({"$ref": "#/$defs/anyOf40"}, "zz", "schema-limit"),
    "unique": (every(200, lambda i: {"uniqueItems": True, "maxItems": 9000 + i}),
               list(range(2500)), "schema-limit"),
    "contains": (every(1000, lambda i: {"contains": {"const": i + 0.5}, "minContains": 0,
                                        "maxContains": 2}), [1] * 7000, "schema-limit"),
    "digits": ({"not": {"enum": [i + 0.5 for i in range(2000)]}}, "DIGITS",
               "schema-limit"),
    "regex": (every(20, lambda i: {"format": "regex", "minLength": i}), "(?<a>)|" * 1000,
              "schema-limit"),
}


@pytest.fixture(scope="module")
def slow(tmp_path_factory, template):
    broker = harness.Broker(tmp_path_factory.mktemp("slow") / "run", template)
    schema = {
        "$schema": "https://json-schema.org/draft/2020-12/schema", "type": "object",
        "$defs": dict(bomb("allOf", {"minLength": 1}), **bomb("anyOf", {"maxLength": 1})),
        "properties": dict({"productId": {"type": "string"}},
                           **{name: trial[0] for name, trial in TRIALS.items()}),
    }
    with open(broker.path("schemas/inventory-stock.schema.json"), "w") as file:
        json.dump(schema, file)
    broker.metrics = broker.path("metrics.prom")
    broker.edits.append(watched.options(metrics_file=broker.metrics, metrics_interval=1))
    with harness.running(broker):
        yield broker


def is_taken(writer, payload):
    """False: refused, or closed where the broker has no word for it (2.0)."""
    try:
        return writer.publish("inventory/p/stock", payload, 1) < 0x80
    except Closed:
        return False


@pytest.mark.parametrize("member", TRIALS)
def test_a_message_is_answered_within_its_budget(slow, member):
    _, value, reason = TRIALS[member]
    writer, other = slow.client("backoffice"), slow.client("monitor")
    before = slow.mark()
    payload = json.dumps({"productId": "p", member: value}, separators=(",", ":"))
    payload = payload.replace('"DIGITS"', "3" * 15000)
    assert is_taken(writer, payload) == (reason is None), slow.log(before)
    if reason:
        assert [row[3] for row in slow.refusals(before)] == [reason]
    other.ping()


def test_the_load_says_what_it_can_not_bound(slow):
    log = slow.log()
    name = r"inventory-stock.schema.json:\d+:\d+: /properties/"
    assert re.search(name + "look/not/pattern: the pattern ", log)
    assert not re.search(name + "hundred", log)
    assert re.search(r"inventory-stock.schema.json:\d+:\d+: .*: a message of 16384 bytes may take more work",
                     log)


def test_refusals_for_their_cost_are_counted(slow):
    def count():
        try:
            with open(slow.metrics) as file:
                found = re.findall(r'reason="schema-limit"\} (\d+)', file.read())
        except OSError:
            found = []
        return sum(map(int, found))

    writer = slow.client("backoffice")
    had = count()
    payload = json.dumps({"productId": "p", "back": LONG})
    assert not is_taken(writer, payload)
    harness.until(lambda: count() > had, "the refusal to be counted")
