"""schemas/access.schema.json says what the plugin's own loader says."""

import json
import os
import subprocess

import pytest

import harness

SCHEMA = os.path.join(harness.TOP, "schemas", "access.schema.json")
DATA = os.path.join(harness.TOP, "test", "data", "access")
GOOD = ["decisions/petstore", "decisions/rules", "decisions/grants", "certificates", "tokens"]

# What a schema cannot know: the contract, other files, and what stands elsewhere in this one.
BEYOND_A_SCHEMA = [
    "the contract has no", "there is no role", "in a circle", "the template", "needs a ",
    "/keys: ", "stands here twice", "occurs twice",
    "no document describes", "documents have the title", "have no operation", "is one of", "expected another",
]


def is_valid(path):
    done = subprocess.run([os.path.join(harness.BUILD, "petstorectl"), "validate", "--schema",
                           SCHEMA, path], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                          text=True, timeout=harness.WAIT, check=False)
    assert done.returncode in (0, 1), done.stderr
    return done.returncode == 0


@pytest.mark.parametrize("name", GOOD)
def test_good_files_are_valid(name):
    assert is_valid(os.path.join(DATA, name, "access.json"))


def test_bad_files_are_not():
    seen = 0
    for name in sorted(os.listdir(os.path.join(DATA, "invalid"))):
        folder = os.path.join(DATA, "invalid", name)
        with open(os.path.join(folder, "error"), encoding="utf-8") as file:
            error = file.read()
        if "not JSON" in error or any(text in error for text in BEYOND_A_SCHEMA):
            continue
        assert not is_valid(os.path.join(folder, "access.json")), name
        seen += 1
    assert seen > 50


def test_every_member_is_described():
    with open(SCHEMA, encoding="utf-8") as file:
        schema = json.load(file)
    for name in ("role", "user", "entry", "certificate", "issuer"):
        assert schema["$defs"][name]["additionalProperties"] is False
        assert schema["$defs"][name]["properties"]
