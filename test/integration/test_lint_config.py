"""petstorectl lint --config: what ships has no finding, and what runs out is told in time."""
import os
import re
import shutil
import subprocess
import tempfile

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


@pytest.fixture
def of_nobody(folder):
    """The same in a folder that is reached by everybody, for a broker that runs as nobody."""
    with tempfile.TemporaryDirectory() as above:
        os.chmod(above, 0o755)
        run = above + "/run"
        shutil.copytree(folder, run)
        with open(folder + "/mosquitto.conf") as file:
            text = re.sub("(?m)^user .*", "user nobody", file.read().replace(folder, run))
        with open(run + "/mosquitto.conf", "w") as file:
            file.write(text)
        open(run + "/petstore.db", "w").close()
        for path in (run, *(os.path.join(run, name) for name in os.listdir(run))):
            shutil.chown(path, "nobody")
        yield run


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can ask what another user may")
def test_what_the_broker_may_not_use(of_nobody):
    """Files that root made, or put back, beside a broker of another user: its start would fail."""
    def found():
        return [line for line in lint(of_nobody + "/mosquitto.conf")
                if "the user nobody" in line and " " + of_nobody in line]

    assert found() == []
    for name in ("passwords", "petstore.db"):
        path = os.path.join(of_nobody, name)
        shutil.chown(path, "root")
        os.chmod(path, 0o600)
        line, = found()
        assert " %s: the user nobody" % path in line
        os.chmod(path, 0o666)
        assert found() == []
    shutil.chown(of_nobody, "root")
    os.chmod(of_nobody, 0o755)
    assert ["petstore.db:" in line or "persistence_location" in line for line in found()] == \
        [True, True]


def lint_database(folder, conninfo, **environment):
    """What lint says of a connection string, whose line it names."""
    config = str(folder / "mosquitto.conf")
    data = os.path.join(harness.TOP, "test", "data", "ctl")
    (folder / "mosquitto.conf").write_text(
        "plugin mosquitto_petstore.so\nplugin_opt_broker a\nplugin_opt_database %s\n"
        "plugin_opt_contract %s/shop-1.asyncapi.json\nplugin_opt_access %s/access-1.json\n"
        % (conninfo, data, data))
    done = subprocess.run([TOOL, "lint", "--config", config], text=True, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, env=dict(os.environ, **environment))
    at = "error: %s:3: plugin_opt_database: " % config
    return [line[len(at):] for line in done.stdout.splitlines() if line.startswith(at)]


def test_passfile(tmp_path):
    """libpq ignores one that is not its owner's alone."""
    passfile = tmp_path / "pgpass"
    conninfo = "host=localhost dbname=shop passfile=%s" % passfile
    assert lint_database(tmp_path, conninfo) == ["passfile %s: No such file or directory" % passfile]
    passfile.write_text("*:*:*:*:secret\n")
    passfile.chmod(0o644)
    assert lint_database(tmp_path, conninfo) == [
        "passfile %s: libpq reads no password from it; expected a file of mode 0600" % passfile]
    passfile.chmod(0o600)
    assert lint_database(tmp_path, conninfo) == []


def test_service(tmp_path):
    """It is looked up, and what it says is looked at as the connection string itself."""
    services = tmp_path / "services.conf"
    environment = {"PGSERVICEFILE": str(services), "PGSYSCONFDIR": str(tmp_path / "none")}
    services.write_text("[other]\nhost=db\n")
    (line,) = lint_database(tmp_path, "service=petstore", **environment)
    assert line.startswith("service: neither %s nor " % services) and "[petstore]" in line
    services.write_text("[petstore]\n# ours\nhost=db\nsslmod=require\nsslmode=on\nport=5432\n"
                        "[other]\nx=1\n")
    assert lint_database(tmp_path, "service=petstore", **environment) == [
        '%s:4: "sslmod": libpq knows no such key' % services,
        "%s:5: sslmode: expected one of disable, allow, prefer, require, verify-ca, verify-full"
        % services]
    services.write_text("[petstore]\nhost=db\nsslmode=require\n")
    assert lint_database(tmp_path, "service=petstore", **environment) == []
