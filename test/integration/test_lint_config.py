"""petstorectl lint --config: what ships has no finding, and what runs out is told in time."""
import os
import re
import shutil
import subprocess

import pytest

import harness

TOOL = os.path.join(harness.BUILD, "petstorectl")


def lint(config, *options):
    done = subprocess.run([TOOL, "lint", "--config", config, *options], text=True,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    return done.stdout.splitlines()


@pytest.fixture
def folder(tmp_path, template):
    """What `make run` makes, but for the rounds of its passwords, which are enough here."""
    path = str(tmp_path / "run")
    shutil.copytree(template, path)
    os.unlink(path + "/passwords")
    harness.prepare(path, PASSWORD_ROUNDS=10000)
    return path


def test_make_run(folder):
    assert lint(folder + "/mosquitto.conf", "--strict") == ["0 errors, 0 warnings"]


def test_example():
    """But for the files that it names, which are not here."""
    *found, _ = lint(os.path.join(harness.TOP, "mosquitto.conf.example"))
    assert [line for line in found if not line.endswith(": No such file or directory")] == []


@pytest.mark.parametrize("days", [3, 30])
def test_list_that_runs_out(folder, days):
    work = folder + "/work"
    os.mkdir(work)
    open(work + "/index.txt", "w").close()
    with open(work + "/ca.cnf", "w") as file:
        file.write("[ca]\ndefault_ca = demo\n[demo]\ndatabase = index.txt\ndefault_md = sha256\n")
    subprocess.run(["openssl", "ca", "-config", "ca.cnf", "-cert", "../ca.crt", "-keyfile",
                    "../ca.key", "-gencrl", "-crldays", str(days), "-out", "../ca.crl"], cwd=work,
                   check=True, stderr=subprocess.DEVNULL)
    with open(folder + "/mosquitto.conf") as file:
        (number,) = [number for number, line in enumerate(file, 1) if line.startswith("crlfile ")]
    *found, _ = lint(folder + "/mosquitto.conf")
    assert len(found) == (days == 3)
    for line in found:
        assert re.fullmatch("warning: %s/mosquitto.conf:%d: %s/ca.crl: out of date in [23] days: from "
                            "then on no client with a certificate gets in" % (folder, number, folder),
                            line)


def test_debian_layout(folder):
    """The file of conf.d is judged together with the mosquitto.conf that includes it."""
    os.makedirs(folder + "/etc/conf.d")
    with open(folder + "/mosquitto.conf") as file:
        text = file.read()
    for word in ("persistence", "persistence_location", "log_dest"):
        text = re.sub("^%s .*\n" % word, "", text, flags=re.M)
    with open(folder + "/etc/conf.d/petstore.conf", "w") as file:
        file.write(text)
    found = lint(folder + "/etc/conf.d/petstore.conf")
    assert len(found) == 2 and "persistence" in found[0]
    with open(folder + "/etc/mosquitto.conf", "w") as file:
        file.write("persistence true\ninclude_dir %s/etc/conf.d\n" % folder)
    assert lint(folder + "/etc/conf.d/petstore.conf", "--strict") == ["0 errors, 0 warnings"]
