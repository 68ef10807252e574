"""
Some kilobytes of schema that refer to each other in 2^40 ways: loaded, reloaded, looked at and
compared in 150 MB of memory, since what is referred to twice is there once.
"""
import json
import os
import re
import resource
import subprocess
import tempfile

import pytest

import harness

ENOUGH = 150 << 20


def bomb(kind, leaf, again=None):
    def twice(i):
        ref = {"$ref": "#/$defs/d%d" % i}
        return {"allOf": {"allOf": [ref, ref]}, "anyOf": {"anyOf": [ref, ref]},
                "properties": {"properties": {"a": ref, "b": ref}},
                "items": {"items": ref, "contains": ref}, "if": {"not": ref, "if": ref}}[kind]

    defs = {"d%d" % i: twice(i - 1) for i in range(1, 41)}
    defs["d0"] = leaf
    for schema in defs.values():
        if again:
            schema.setdefault("properties", {})["again"] = again
    return {"$defs": defs, "type": "object", "properties": {"productId": {"type": "string"},
                                                            "x": {"$ref": "#/$defs/d40"}}}


def contract(folder, schema):
    harness.shutil.copytree(os.path.join(harness.TOP, "schemas"), folder, dirs_exist_ok=True)
    with open(os.path.join(folder, "inventory-stock.schema.json"), "w") as file:
        json.dump(schema, file)
    return os.path.join(folder, harness.CONTRACT)


def petstorectl(*arguments):
    """What it says, in as little memory as it should need; with more it would go on for hours."""
    def bound():
        resource.setrlimit(resource.RLIMIT_AS, (2 * ENOUGH, 2 * ENOUGH))

    with tempfile.TemporaryFile("w+") as out:
        process = subprocess.Popen([os.path.join(harness.BUILD, "petstorectl"), *arguments],
                                   stdout=out, stderr=subprocess.STDOUT, preexec_fn=bound)
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        out.seek(0)
        text = out.read()
    assert process.returncode in (0, 1), text[-500:]
    assert usage.ru_maxrss < ENOUGH >> 10
    return text


KINDS = ["allOf", "anyOf", "properties", "items", "if"]
AGAIN = [None, {"$ref": "#"}]


@pytest.mark.parametrize("again", AGAIN, ids=["tree", "circle"])
@pytest.mark.parametrize("kind", KINDS)
def test_lint_and_diff_share_what_is_referred_to_twice(tmp_path, kind, again):
    old = contract(str(tmp_path / "old"), bomb(kind, {"type": "string"}, again))
    new = contract(str(tmp_path / "new"), bomb(kind, {"type": "string", "minLength": 2}, again))
    text = petstorectl("lint", "--contract", old)
    assert re.search("takes members that it does not name|refers to itself in too many ways", text)
    access = os.path.join(harness.TOP, "docker", "access.json")
    text = petstorectl("diff", "--access", access, old, new)
    assert re.search("minLength: 2 instead of|not compared|to be compared",
                     " ".join(text.split())), text[-500:]


def test_the_broker_takes_it_at_a_reload(new_broker):
    broker = new_broker()
    broker.start()
    client = broker.client("monitor")
    for kind in KINDS:
        contract(broker.schemas, bomb(kind, {"type": "string"}))
        assert "reloaded contract" in broker.reload()
        client.ping()
    with open("/proc/%d/status" % broker.process.pid) as file:
        peak = next(line for line in file if line.startswith("VmHWM"))
    assert harness.PLUGIN.find("/san/") >= 0 or int(peak.split()[1]) < ENOUGH >> 10
