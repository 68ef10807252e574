"""`make run`: makes what is missing, serves, prints commands that work, obeys signals."""

import os
import re
import shutil
import signal
import socket
import subprocess
import urllib.request

import pytest

import harness


class Run:
    """`make run` in the background, as a script starts it."""

    def __init__(self, folder, log, plain=None, settings=()):
        self.folder = folder
        self.log = log
        tls, wss, mtls, free, console = harness.free_ports(5)
        with open(log, "ab") as out:
            self.make = subprocess.Popen(
                ["make", "--no-print-directory", "run", "B=" + harness.BUILD,
                 "RUN_DIR=%s" % folder, "TLS_PORT=%d" % tls, "WSS_PORT=%d" % wss,
                 "MTLS_PORT=%d" % mtls, "PLAIN_PORT=%s" % (plain or free),
                 "CONSOLE_PORT=%d" % console, *settings],
                cwd=harness.TOP, stdout=out, stderr=out,
                env=dict({name: value for name, value in os.environ.items() if "MAKE" not in name},
                         PASSWORD_ROUNDS="10000"))

    def text(self):
        with open(self.log) as file:
            return file.read()

    def wait(self, pattern):
        return harness.until(lambda: re.search(pattern, self.text()), pattern, 300)

    def serve(self):
        self.wait(r"mosquitto version \S+ running")
        return self

    def pid(self):
        with open(os.path.join(harness.TOP, self.folder, "mosquitto.pid")) as file:
            return int(file.read())

    def end(self):
        """SIGTERM to make alone; the broker must go with it."""
        if self.make.poll() is None:
            self.make.send_signal(signal.SIGTERM)
        return self.make.wait(120)


@pytest.fixture
def run(tmp_path):
    made = []

    def new(folder=None, plain=None, settings=()):
        log = str(tmp_path / ("log%d" % len(made)))
        made.append(Run(folder or str(tmp_path / "run"), log, plain, settings))
        return made[-1]

    yield new
    for each in made:
        each.end()


def shown_page(log):
    """What the one address that the log has for browsers shows, and the address."""
    (address,) = re.findall(r"http://127\.0\.0\.1:\d+/", log)
    with urllib.request.urlopen(address, timeout=10) as answer:
        return answer.read(), address


def page():
    with open(os.path.join(harness.TOP, "web", "console.html"), "rb") as file:
        return file.read()


def pasted(text, program):
    return [line.strip() for line in text.splitlines() if line.strip().startswith(program)]


def test_printed_commands(run):
    """They are typed in the folder where make was, and do what the text says."""
    log = run().serve().text()
    (subscribe,) = pasted(log, "mosquitto_sub")
    place, lose, device = pasted(log, "mosquitto_pub")
    subscriber = harness.Shell(subscribe + " -d -C 1", cwd=harness.TOP)
    subscriber.line_with("SUBACK")
    bad = subprocess.run(lose, shell=True, cwd=harness.TOP, text=True, stdout=subprocess.PIPE,
                         stderr=subprocess.STDOUT)
    assert "Not authorized" in bad.stdout
    subprocess.run(place, shell=True, cwd=harness.TOP, check=True)
    subprocess.run(device, shell=True, cwd=harness.TOP, check=True)
    revoked = subprocess.run(device.replace("collar-7", "collar-8"), shell=True,
                             cwd=harness.TOP, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    assert revoked.returncode != 0
    out = subscriber.finish()[1]
    assert "orders/ord-1001/status" in out and "LOST" not in out


def test_console(run):
    assert shown_page(run().serve().text())[0] == page()


def test_console_where_a_port_is_free(run):
    """One that is taken is passed over, and one that was asked for is not."""
    first = run(settings=("CONSOLE_PORT=any",)).serve()
    shown, address = shown_page(first.text())
    port = int(address.split(":")[2].strip("/"))
    assert shown == page() and port >= 8080
    second = run(first.folder + "-2", settings=("CONSOLE_PORT=any",)).serve()
    shown, other = shown_page(second.text())
    assert shown == page() and other != address
    third = run(first.folder + "-3", settings=("CONSOLE_PORT=%d" % port,))
    assert third.make.wait(300) != 0
    assert "port %d is taken" % port in third.text() and "CONSOLE_PORT=" in third.text()


def test_no_console(run):
    one = run(settings=("CONSOLE_PORT=",)).serve()
    assert "http://" not in one.text()


def test_kept_for_the_next_run(run, tmp_path):
    first = run().serve()
    kept = {}
    for name in ("ca.crt", "server.crt", "credentials", "passwords", "clients/collar-7.crt",
                 "ca.crl"):
        with open(os.path.join(first.folder, name)) as file:
            kept[name] = file.read()
    assert os.stat(os.path.join(first.folder, "credentials")).st_mode & 0o777 == 0o600
    first.end()
    run().serve()
    for name, text in kept.items():
        with open(os.path.join(first.folder, name)) as file:
            assert file.read() == text, name


def test_two_at_a_time(run, tmp_path):
    one, two = run(str(tmp_path / "one")), run(str(tmp_path / "two"))
    one.serve()
    two.serve()


def test_not_two_in_one_folder(run):
    one = run().serve()
    two = run()
    assert two.make.wait(300) != 0
    assert "a broker is running in" in two.text()
    os.kill(one.pid(), 0)


@pytest.mark.parametrize("kind", ["relative", "with spaces"])
def test_folders(run, tmp_path, kind):
    folder = str(tmp_path / "a run" if kind == "with spaces" else tmp_path / "run")
    if kind == "relative":
        folder = os.path.relpath(folder, harness.TOP)
    log = run(folder).serve().text()
    (subscribe,) = pasted(log, "mosquitto_sub")
    assert harness.Shell(subscribe + " -E", cwd=harness.TOP).finish() == (0, "")


def test_signals(run):
    one = run().serve()
    pid = one.pid()
    os.kill(pid, signal.SIGHUP)
    one.wait("petstore: reloaded contract")
    one.end()
    harness.until(lambda: not os.path.exists("/proc/%d" % pid), "the broker to end")
    assert "terminating" in one.text()


def test_broker_interrupted(run):
    """Ctrl-C reaches the broker, which ends well, and so does make."""
    one = run().serve()
    os.kill(one.pid(), signal.SIGINT)
    assert one.make.wait(120) == 0


def test_port_taken(run):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        one = run(plain=port)
        assert one.make.wait(300) != 0
        assert "port %d is taken" % port in one.text()


def test_no_port(run):
    one = run(plain="abc")
    assert one.make.wait(300) != 0
    assert 'PLAIN_PORT: expected a port, 1 to 65535, not "abc"' in one.text()


def test_links_are_quiet():
    """What is linked is said in a few words, without all the objects."""
    shown = subprocess.run(["make", "-n", "-W", "plugin/exports.map", "--no-print-directory",
                            "B=" + harness.BUILD, "all"], cwd=harness.TOP, text=True,
                           stdout=subprocess.PIPE).stdout
    assert 'echo "link ' in shown
    with open(os.path.join(harness.TOP, "Makefile")) as file:
        assert not re.search(r"^\t\$\(CC\).*\$\(HARDEN_LINK\)", file.read(), re.M)


def test_extra_settings(tmp_path, template):
    """Lines of extra.conf come in, in place of those of the same name, and stay for each run."""
    folder = str(tmp_path / "run")
    shutil.copytree(template, folder)
    path = lambda name: os.path.join(folder, name)
    mine = ("# mine\nplugin_opt_monitor %s\nmax_queued_messages 7\nplugin_opt_access %s\n"
            "listener 18999\ncertfile mine.crt\n" % (path("monitor.json"), path("mine.json")))
    with open(path("extra.conf"), "w") as file:
        file.write(mine)
    for _ in range(2):
        harness.prepare(folder)
        with open(path("mosquitto.conf")) as file:
            text = file.read()
        assert mine in text and text.index(mine) < text.index("\nlistener 8883")
        assert len(re.findall("^max_queued_messages", text, re.M)) == 1
        assert len(re.findall("^plugin_opt_access", text, re.M)) == 1
        assert len(re.findall("^certfile", text, re.M)) == 4
    with open(path("extra.conf")) as file:
        assert file.read() == mine


def test_tests_have_the_same(new_broker, monkeypatch):
    """What the harness makes of a prepared folder is what demo.sh makes of it, for most brokers."""
    broker = new_broker()
    ports = iter(range(1, 9))
    monkeypatch.setattr(harness, "free_ports", lambda count: [next(ports) for _ in range(count)])
    broker.configure()
    with open(broker.path("mosquitto.conf")) as file:
        short = file.read()
    ports = iter(range(1, 9))
    asked = []
    prepare = harness.prepare
    monkeypatch.setattr(harness, "prepare", lambda *a, **b: (asked.append(a), prepare(*a, **b)))
    with open(broker.path("extra.conf"), "w"):
        pass
    broker.configure()
    with open(broker.path("mosquitto.conf")) as file:
        assert (file.read(), len(asked)) == (short, 1)


def test_extra_settings_are_in_force(run, tmp_path):
    folder = tmp_path / "run"
    folder.mkdir()
    (folder / "extra.conf").write_text("plugin_opt_derivation_share none\n")
    one = run()
    assert one.make.wait(300) != 0
    assert "derivation_share" in one.text()


def test_contract_of_ones_own(run):
    """CONTRACT= and ACCESS= name others than those that ship."""
    data = os.path.join(harness.TOP, "test", "data", "smarthome")
    one = run(settings=["CONTRACT=test/data/smarthome/smarthome.asyncapi.json",
                        "ACCESS=test/data/smarthome/access.json"])
    assert os.path.exists(os.path.join(data, "access.json"))
    assert "smarthome.asyncapi.json" in one.serve().text()


def openssl(*arguments):
    return subprocess.run(("openssl",) + arguments, text=True, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT)


def test_expired_certificates(tmp_path, template):
    """An authority that ends today: it and all it signed are made anew."""
    folder = str(tmp_path / "run")
    shutil.copytree(template, folder)
    path = lambda name: os.path.join(folder, name)
    assert openssl("req", "-x509", "-key", path("ca.key"), "-subj", "/CN=old", "-days", "1",
                   "-out", path("ca.crt")).returncode == 0
    harness.prepare(folder)
    for name in ("server.crt", "clients/collar-7.crt"):
        assert openssl("verify", "-x509_strict", "-CAfile", path("ca.crt"),
                       path(name)).returncode == 0
    assert openssl("x509", "-checkend", "%d" % (86400 * 800), "-noout", "-in",
                   path("server.crt")).returncode == 0


@pytest.mark.parametrize("name", ["localhost", "127.0.0.1", "::1", "petstore.example", "10.1.2.3"])
def test_server_names(tmp_path, template, name):
    folder = str(tmp_path / "run")
    shutil.copytree(template, folder)
    harness.prepare(folder, SERVER_NAMES="petstore.example,10.1.2.3")
    kind = "-checkhost" if name[0] in "lp" else "-checkip"
    out = openssl("x509", "-noout", kind, name, "-in", os.path.join(folder, "server.crt")).stdout
    assert "does match" in out


def test_accounts_of_ones_own_stay(tmp_path, template):
    folder = str(tmp_path / "run")
    shutil.copytree(template, folder)
    path = lambda name: os.path.join(folder, name)
    subprocess.run(["mosquitto_passwd", "-b", path("passwords"), "eva", "secret"], check=True)
    with open(path("passwords")) as file:
        before = file.read()
    with open(path("access.json")) as file:
        mine = file.read().replace('"users": {', '"users": {\n "eva": {"roles": ["customer"]},')
    with open(path("access.json"), "w") as file:
        file.write(mine)
    harness.prepare(folder)
    with open(path("passwords")) as file:
        assert file.read() == before
    with open(path("access.json")) as file:
        assert file.read() == mine


def lines_of(path):
    return sorted(line.split(":")[0] for line in path.read_text().splitlines())


@pytest.mark.parametrize("name, text", [
    ("access.yaml", "roles:\n  monitor: { scopes: ['*'] }\n"
                    "users:\n  ann: { roles: [monitor] }\ndefault: { roles: [monitor] }\n"),
    ("access.json", '{"roles": {"monitor": {"scopes": ["*"]}}, "default": {"roles": ["monitor"]},'
                    ' "users": {"ann": {"roles": ["monitor"]}}}'),
])
def test_demo_accounts_are_the_access_files(tmp_path, template, name, text):
    """No password for a name that an access file of one's own lacks; not those of a run before."""
    folder = tmp_path / "run"
    (tmp_path / name).write_text(text)
    harness.prepare(folder, ACCESS=tmp_path / name)
    assert lines_of(folder / "passwords") == []
    assert not (folder / "credentials").exists()
    shutil.copytree(template, folder, dirs_exist_ok=True)
    before = (folder / "passwords").read_text()
    assert "monitor:" in before
    subprocess.run(["mosquitto_passwd", "-b", folder / "passwords", "ann", "secret"], check=True)
    harness.prepare(folder, ACCESS=tmp_path / name)
    assert lines_of(folder / "passwords") == ["ann"]
    (folder / "passwords").unlink()
    harness.prepare(folder, ACCESS=harness.ACCESS)
    assert lines_of(folder / "passwords") == sorted(
        line.split(":")[0] for line in before.splitlines())


def test_certificate_of_ones_own_stays(tmp_path, template):
    """One of another authority, also while the demo's key lies beside it."""
    folder = tmp_path / "run"
    shutil.copytree(template, folder)
    assert openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1",
                   "-nodes", "-subj", "/CN=localhost", "-keyout", folder / "server.key",
                   "-out", folder / "server.crt").returncode == 0
    before = [(folder / name).read_bytes() for name in ("server.crt", "server.key")]
    harness.prepare(folder, SERVER_NAMES="petstore.example")
    assert [(folder / name).read_bytes() for name in ("server.crt", "server.key")] == before


@pytest.mark.parametrize("name, text", [
    ("access.json", '{"users": {"ann": {"attributes": {"collar-7": ["x"]}}, "customer-a": {}},'
                    ' "roles": {"monitor": {"description": "users: {backoffice:"}}}'),
    ("access.yaml", "users: # those\n  ann:\n    attributes:\n      collar-7: [x]\n  'customer-a': {}\n"
                    "  # customer-b: {}\nroles:\n  monitor:\n    { scopes: ['*'] }\n"),
    ("access.yaml", "'users': {ann: {roles: ['a, monitor: b']}, # it's {customer-b: x\n customer-a: {}}\n"
                    "roles:\n  monitor:\n    scopes: ['*']\n"),
    ("access.yaml", "roles:\n  monitor: { description: it's }\n  users: { customer-b: {} }\n"
                    "users:\n  { ann: {}, customer-a: {} }\n"),
    ("access.json", '{"roles": {}, "users": {"customer-\\u0061": {}, "collar-7 monitor": {}}}'),
    ("access.yml", "roles: {}\nusers:\n  ? customer-a\n  : roles:\n    - monitor: x\n"),
])
def test_demo_accounts_are_users(tmp_path, name, text):
    """A role, an attribute or a comment that is called like one makes none."""
    (tmp_path / name).write_text(text)
    harness.prepare(tmp_path / "run", ACCESS=tmp_path / name)
    assert lines_of(tmp_path / "run" / "passwords") == ["customer-a"]


@pytest.mark.parametrize("name, text, line", [
    ("access.json", '{"roles": {}, "users": {"ann": {},}}', "1:35: not JSON: "),
    ("access.yaml", "roles: {}\nusers:\n  ann: {}\n bob: {}\n", "4:2: not YAML: "),
    ("access.json", '{"users": {"customer-a": {}}}', '1:1: expected a member "roles"'),
])
def test_broken_access_file(tmp_path, template, name, text, line):
    """One line says what the plugin would of the file that was named, and nothing is changed."""
    folder = tmp_path / "run"
    shutil.copytree(template, folder)
    kept = ("passwords", "credentials", "mosquitto.conf", "access.json")
    before = contents(folder, *kept)
    (tmp_path / name).write_text(text)
    done = subprocess.run([os.path.join(harness.TOP, "scripts", "demo.sh"), "prepare"], text=True,
                          env=dict(os.environ, RUN_DIR=str(folder), PLUGIN=harness.PLUGIN,
                                   ACCESS=str(tmp_path / name)),
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    assert done.returncode == 1 and len(done.stdout.splitlines()) == 1
    assert "%s:%s" % (tmp_path / name, line) in done.stdout
    assert contents(folder, *kept) == before and not (folder / "access.yaml").exists()


def test_missing_access_file(tmp_path):
    done = subprocess.run([os.path.join(harness.TOP, "scripts", "demo.sh"), "prepare"], text=True,
                          env=dict(os.environ, RUN_DIR=str(tmp_path / "run"), PLUGIN=harness.PLUGIN,
                                   ACCESS=str(tmp_path / "none.yaml")),
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    assert done.returncode == 1 and len(done.stdout.splitlines()) == 1
    assert "none.yaml" in done.stdout and "No such file" in done.stdout


def certificate(folder, name, signed_by=None):
    """name.crt and name.key of one's own; returns both."""
    made = (folder / (name + ".crt"), folder / (name + ".key"))
    signer = ("-CA", folder / (signed_by + ".crt"), "-CAkey", folder / (signed_by + ".key")) if signed_by else ()
    assert openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes",
                   "-subj", "/CN=" + name, *signer, "-keyout", made[1], "-out", made[0]).returncode == 0
    return made


def contents(folder, *names):
    return [(folder / name).read_bytes() for name in names]


@pytest.mark.parametrize("authority", ["root", "intermediate", "demo"])
def test_authority_of_ones_own_stays(tmp_path, template, authority):
    """Beside the demo's ca.key, too: one that signed itself, one that did not, another folder's."""
    folder = tmp_path / "run"
    shutil.copytree(template, folder)
    if authority == "demo":
        harness.prepare(tmp_path / "other")
        made = [tmp_path / "other" / name for name in ("ca.crt", "server.crt", "server.key")]
    else:
        certificate(tmp_path, "root")
        certificate(tmp_path, "intermediate", "root")
        made = [tmp_path / (authority + ".crt"), *certificate(tmp_path, "localhost", authority)]
    for file, name in zip(made, ("ca.crt", "server.crt", "server.key")):
        shutil.copy(file, folder / name)
    names = ("ca.crt", "ca.key", "ca.crl", "server.crt", "server.key", "clients/collar-7.crt")
    before = contents(folder, *names)
    for _ in range(2):
        harness.prepare(folder, SERVER_NAMES="petstore.example")
    assert contents(folder, *names) == before


def test_another_demos_certificate_stays(tmp_path, template):
    """server.crt alone, of an authority that is called like the folder's own."""
    folder = tmp_path / "run"
    shutil.copytree(template, folder)
    harness.prepare(tmp_path / "other")
    for name in ("server.crt", "server.key"):
        shutil.copy(tmp_path / "other" / name, folder)
    before = contents(folder, "server.crt", "server.key")
    harness.prepare(folder, SERVER_NAMES="petstore.example")
    assert contents(folder, "server.crt", "server.key") == before


def test_what_came_first_stays(tmp_path):
    """A key before its certificate is certified; an authority alone could not sign one."""
    folder = tmp_path / "run"
    folder.mkdir()
    root, key = certificate(tmp_path, "root")
    shutil.copy(key, folder / "server.key")
    harness.prepare(folder)
    assert (folder / "server.key").read_bytes() == key.read_bytes()
    assert openssl("x509", "-noout", "-pubkey", "-in", folder / "server.crt").stdout == \
        openssl("pkey", "-pubout", "-in", key).stdout
    shutil.rmtree(folder)
    folder.mkdir()
    shutil.copy(root, folder / "ca.crt")
    done = subprocess.run([os.path.join(harness.TOP, "scripts", "demo.sh"), "prepare"], text=True,
                          env=dict(os.environ, RUN_DIR=str(folder), PLUGIN=harness.PLUGIN),
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    assert done.returncode == 1 and "ca.crt is not of our making: put server.crt" in done.stdout
    assert (folder / "ca.crt").read_bytes() == root.read_bytes()
    assert not (folder / "ca.key").exists()


def test_without_what_the_demo_knows(run, tmp_path, template):
    """Passwords and a certificate of one's own: no command has an empty or a wrong one."""
    folder = tmp_path / "run"
    shutil.copytree(template, folder)
    for name in ("credentials", "ca.key"):
        (folder / name).unlink()
    log = run().serve().text()
    assert "sed:" not in log
    commands = pasted(log, "mosquitto_pub") + pasted(log, "mosquitto_sub")
    assert commands and all("--cafile AUTHORITY" in line for line in commands)
    assert all("-P PASSWORD" in line for line in commands if "-P" in line)
    assert "passwords: PASSWORD below stands for theirs" in log
    assert "AUTHORITY below stands for its file" in log


def test_access_of_ones_own(run, tmp_path, template):
    """The shipped contract without the demo's users: no password is shown that lets nobody in."""
    folder = tmp_path / "run"
    shutil.copytree(template, folder)
    (tmp_path / "access.yaml").write_text("roles:\n  all: { scopes: ['read:pets'] }\nusers:\n  ann: { roles: [all] }\n")
    log = run(settings=["ACCESS=%s" % (tmp_path / "access.yaml")]).serve().text()
    for line in (folder / "credentials").read_text().splitlines():
        assert line.split()[1] not in log
    assert "access.yaml: a copy of" in log and "-u USER -P PASSWORD" in log


def test_only_listeners_that_are_there(run, tmp_path, template):
    """Certificates of one's own without a list of the revoked: no address, no device of the demo's."""
    folder = tmp_path / "run"
    shutil.copytree(template, folder)
    for name in ("ca.key", "ca.crl"):
        (folder / name).unlink()
    log = run().serve().text()
    assert "for clients with a certificate" not in log and "collar-7.crt" not in log
    assert len(pasted(log, "mosquitto_pub")) == 2


def test_nobody_else_reads_secrets(template):
    for name in ("credentials", "passwords", "ca.key", "server.key", "clients/collar-7.key"):
        assert os.stat(os.path.join(template, name)).st_mode & 0o077 == 0, name


def test_own_contract(run, tmp_path):
    """CONTRACT= and ACCESS= are served, and the printed commands are about them."""
    data = os.path.join(harness.TOP, "test", "data", "ctl")
    one = run(settings=("CONTRACT=%s/no-scopes.asyncapi.yaml" % data,
                        "ACCESS=%s/access-all.yaml" % data)).serve()
    log = one.text()
    assert "loaded contract Without scopes 1" in log
    assert "orders" not in log and "Petstore" not in log
    assert "/passwords: each user of the access file needs one" in log and "credentials" not in log
    assert shown_page(log)[0] == page()
    password, may = pasted(log, "build/petstorectl")[:2]
    for command in (password, may):
        command = command.replace("build/", harness.BUILD + "/", 1).replace("USER", "ann")
        subprocess.run(command, shell=True, cwd=harness.TOP, check=True, input="secret\n",
                       text=True)
    os.kill(one.pid(), signal.SIGHUP)
    one.wait("petstore: reloaded contract")
    (publish,) = pasted(log, "mosquitto_pub")
    for word, value in (("-u USER", "-u ann"), ("USER/", "ann/"), ("PASSWORD", "secret"),
                        ("TOPIC", "c"), ("PAYLOAD", "7")):
        publish = publish.replace(word, value)
    subprocess.run(publish, shell=True, cwd=harness.TOP, check=True)


def test_documents_alone(run, tmp_path):
    """CONTRACT= without ACCESS=: accounts and commands are made for it, once."""
    documents = tmp_path / "documents"
    documents.mkdir()
    shutil.copy(os.path.join(harness.TOP, "test", "data", "applications", "lights.asyncapi.yaml"),
                documents)
    (port,) = harness.free_ports(1)
    settings = ("CONTRACT=%s" % documents,)
    one = run(plain=port, settings=settings).serve()
    log = one.text()
    assert shown_page(log)[0] == page()
    valid, invalid = pasted(log, "mosquitto_pub")[:2]
    done = subprocess.run(valid, shell=True, text=True, stderr=subprocess.PIPE)
    assert (done.returncode, done.stderr) == (0, "")
    done = subprocess.run(invalid, shell=True, text=True, stderr=subprocess.PIPE)
    assert "Not authorized" in done.stderr
    os.kill(one.pid(), signal.SIGHUP)
    one.wait("petstore: reloaded contract")
    one.end()
    again = run(one.folder, plain=port, settings=settings).serve()
    assert pasted(again.text(), "mosquitto_pub")[0] == valid
    again.end()
    other = run(one.folder, settings=("CONTRACT=%s" % (documents / "lights.asyncapi.yaml"),))
    assert other.make.wait(300) != 0
    assert "has accounts for other documents" in other.text()
