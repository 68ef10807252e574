"""What `petstorectl contract bundle` and `contract convert` write means what the contract meant: the
same findings of lint, the same decisions. The contracts are the project's, and those that others
wrote, where they are."""

import json
import os
import re
import subprocess

import pytest

import test_agree

# The order in which files stand, and where a finding is, may be another.
PLACE = re.compile(r"^[^ ]*?(:\d+:\d+)?: (/[^ ]*: )?")


def run(*arguments):
    return subprocess.run([test_agree.LINT, *arguments], capture_output=True, text=True, timeout=300,
                          check=False)


def findings(path, root):
    done = run("lint", "--json", "--contract", path, *(["--contract-root", root] if root else []))
    return sorted((f["level"], PLACE.sub("", f["text"])) for f in json.loads(done.stdout))


def compare(path, folder, *arguments):
    """How what is written differs from the contract, or None."""
    written = os.path.join(folder, "written.yaml")
    root = test_agree.root_of(path)
    options = ["--contract-root", root] if root else []
    done = run("contract", *arguments, path, "--output", written, *options)
    if done.returncode == 2:
        return done.stderr
    before, after = findings(path, root), findings(written, None)
    if [level for level, _ in before] != [level for level, _ in after]:
        return f"{before} but {after}"
    if root or ("error" in [level for level, _ in before]):
        return None
    access = os.path.join(folder, "access.json")
    with open(access, "w") as file:
        file.write('{"roles": {"any": {"scopes": []}}, "users": {"ann": {"roles": ["any"]}}}')
    done = run("diff", "--access", access, path, written)
    return None if done.stdout.startswith("0 allowed") else done.stdout + done.stderr


def differences(paths, folder, *arguments):
    found = {path: compare(path, str(folder), *arguments) for path in paths}
    return "\n".join(f"{path}: {text}" for path, text in found.items() if text)


OWN = ["schemas/petstore.asyncapi.json", "test/data/smarthome/smarthome.asyncapi.json",
       "test/data/translate/garden.asyncapi.yaml", "test/data/yaml/greenhouse.asyncapi.yaml"]


def test_own(tmp_path):
    paths = [os.path.join(test_agree.TOP, path) for path in OWN]
    assert not differences(paths, tmp_path, "bundle")


@pytest.mark.skipif(not os.path.isdir(os.path.join(test_agree.SHARED, "contract-documents")),
                    reason="no documents of others beside the project")
def test_others(tmp_path):
    paths = test_agree.find(os.path.join(test_agree.SHARED, "contract-documents"))
    # Two of the folders are the same as others.
    paths = [path for path in paths if "/e03/" not in path and not re.search("/s(19|20)/", path)]
    assert len(paths) > 20
    assert not differences(paths, tmp_path, "bundle")
    one = [path for path in paths if "/g01/" in path]
    assert not differences(one, tmp_path, "convert")
