"""petstorectl lint and the broker agree on every contract: what lint calls good starts, and what it
calls an error does not, with the same first line. The contracts are those of the project, and those
that others wrote, where they are (SHARED, or ../shared beside the project)."""

import glob
import json
import os
import re
import shutil
import subprocess
from concurrent.futures import ThreadPoolExecutor

import pytest

import harness

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
SHARED = os.environ.get("SHARED", os.path.join(os.path.dirname(TOP), "shared"))
LINT = os.path.join(harness.BUILD, "petstorectl")

# The folders whose references lead to a folder above the document.
ROOTS = r".*/examples/social-media(?=/)"


def is_document(path):
    with open(path, encoding="utf-8", errors="replace") as file:
        return re.search(r"^\s*[\"']?asyncapi[\"']?\s*:", file.read(4000), re.M) is not None


def find(folder):
    paths = [path for ending in ("json", "yaml", "yml")
             for path in glob.glob(os.path.join(folder, "**", f"*.{ending}"), recursive=True)]
    return sorted(path for path in paths if is_document(path))


def root_of(path):
    match = re.match(ROOTS, path)
    return match and match.group(0)


def lint(path):
    """Whether it is good, and what is wrong."""
    command = [LINT, "lint", "--json", "--contract", path]
    if root_of(path):
        command += ["--contract-root", root_of(path)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=harness.WAIT)
    assert done.returncode in (0, 1), done.stderr
    findings = json.loads(done.stdout)
    return done.returncode == 0, [f["text"] for f in findings if f["level"] == "error"]


def start(path, folder):
    """Whether the broker comes up with the contract, and its log; another port where one is taken."""
    while True:
        is_up, log = start_at(path, folder, harness.free_ports(1)[0])
        if is_up or "Address already in use" not in log:
            return is_up, log


def start_at(path, folder, port):
    root = f"plugin_opt_contract_root {root_of(path)}\n" if root_of(path) else ""
    with open(os.path.join(folder, "access.json"), "w") as file:
        file.write('{"users": {}, "roles": {}}')
    config = os.path.join(folder, "mosquitto.conf")
    with open(config, "w") as file:
        file.write(f"listener {port} 127.0.0.1\nallow_anonymous false\nuser root\n"
                   f"plugin {harness.PLUGIN}\nplugin_opt_contract {path}\n{root}"
                   f"plugin_opt_access {folder}/access.json\n"
                   f"plugin_opt_database {folder}/petstore.db\n"
                   "plugin_opt_journal_size 4194304\n")
    log = ""
    process = subprocess.Popen(["mosquitto", "-c", config], stdout=subprocess.PIPE,
                               stderr=subprocess.STDOUT, text=True,
                               env=harness.broker_environment())
    for line in process.stdout:
        log += line
        if re.search(r"mosquitto version \S+ running", line):
            process.kill()  # nothing is kept, and it has no client
            break
    process.stdout.close()
    process.wait()
    return bool(re.search(r"mosquitto version \S+ running", log)), log


def disagreements(paths, folder):
    def check(slot):
        found = []
        for number, path in enumerate(paths[slot::2]):
            place = os.path.join(folder, f"{slot}-{number}")
            os.mkdir(place)
            is_good, errors = lint(path)
            is_up, log = start(path, place)
            shutil.rmtree(place)
            if is_good != is_up:
                found.append(f"{path}: lint {errors or 'has no error'}, the broker says:\n{log}")
            elif not is_good and errors[0] not in log:
                found.append(f"{path}: lint says {errors[0]}, the broker says:\n{log}")
        return found

    with ThreadPoolExecutor(2) as pool:
        return [line for found in pool.map(check, range(2)) for line in found]


def reason(errors):
    return "yes" if not errors else f"no: {errors[0]}" + (
        f" (and {len(errors) - 1} more)" if errors[1:] else "")


@pytest.mark.parametrize("folder", ["contract-cases", "contract-documents"])
def test_others_contracts(folder, tmp_path):
    paths = find(os.path.join(SHARED, folder))
    if not paths:
        pytest.skip(f"no {folder} in {SHARED}")
    assert disagreements(paths, str(tmp_path)) == []


def test_the_projects_contracts(tmp_path):
    paths = find(os.path.join(TOP, "test", "data", "ctl")) + find(os.path.join(TOP, "schemas"))
    assert len(paths) > 10
    assert disagreements(paths, str(tmp_path)) == []


if __name__ == "__main__":  # the table of which load, and why not
    for document in find(os.path.join(SHARED, "contract-documents")):
        print(f"{os.path.relpath(document, SHARED)}: {reason(lint(document)[1])}")
