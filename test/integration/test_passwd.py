"""petstorectl passwd: entries that the tool itself and a stock broker accept."""

import os
import pty
import re
import select
import stat
import subprocess
import termios

import pytest

import harness
import rawmqtt

CTL = os.path.join(harness.BUILD, "petstorectl")
OK, NO, FAILED = 0, 1, 2


def passwd(*arguments, typed=None):
    done = subprocess.run([CTL, "passwd", *map(str, arguments)], input=typed, text=True,
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=harness.WAIT,
                          check=False)
    return done.returncode, done.stdout, done.stderr


def put(path, user, password, *options):
    status, _, said = passwd(*options, "set", path, user, typed=password + "\n")
    assert status == OK, said


def right(path, user, password):
    status, out, _ = passwd("check", path, user, typed=password + "\n")
    assert (status, out) in ((OK, "right\n"), (NO, "wrong\n"))
    return status == OK


def has_argon2():
    status, _, _ = passwd("--hash", "argon2id", "--memory", "64", "set", os.devnull, "x")
    version = subprocess.run([CTL, "version"], stdout=subprocess.PIPE, text=True, check=True)
    number = re.search(r"OpenSSL (\d+)\.(\d+)", version.stdout)
    assert status == FAILED  # os.devnull is no file
    return tuple(map(int, number.groups())) >= (3, 2)


HASHES = [("pbkdf2", "--iterations", "1000"), ("scram", "--iterations", "4096"),
          ("argon2id", "--memory", "64", "--passes", "2")]
BEGINS = {"pbkdf2": "ann:$7$1000$", "scram": "ann:SCRAM-SHA-256$4096:",
          "argon2id": "ann:$argon2id$v=19$m=64,t=2,p=1$"}


@pytest.mark.parametrize("options", HASHES, ids=[row[0] for row in HASHES])
def test_set_change_check_delete(tmp_path, options):
    if options[0] == "argon2id" and not has_argon2():
        pytest.skip("this OpenSSL has no argon2id")
    path = tmp_path / "passwd"
    options = ("--hash",) + options
    put(path, "ann", "first word", *options)
    put(path, "bob", "other", *options)
    assert path.read_text().startswith(BEGINS[options[1]])
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert right(path, "ann", "first word") and right(path, "bob", "other")
    assert not right(path, "ann", "other") and not right(path, "cid", "other")
    put(path, "ann", "second", *options)
    assert right(path, "ann", "second") and not right(path, "ann", "first word")
    assert passwd("delete", path, "ann")[0] == OK
    assert not right(path, "ann", "second") and right(path, "bob", "other")
    assert passwd("delete", path, "ann")[0] == NO
    assert os.listdir(tmp_path) == ["passwd"]


def test_other_lines_stay(tmp_path):
    path = tmp_path / "passwd"
    put(path, "ann", "a", "--iterations", "10")
    kept = "# the shop\n\n" + path.read_text() + "# the end\n"
    path.write_text(kept)
    put(path, "bob", "b", "--iterations", "10")
    assert path.read_text().startswith(kept)
    passwd("delete", path, "bob")
    assert path.read_text() == kept


def test_default_is_modern_and_of_a_form_that_every_mosquitto_reads(tmp_path):
    path = tmp_path / "passwd"
    put(path, "ann", "word")
    assert re.fullmatch(r"ann:\$7\$210000\$[A-Za-z0-9+/]{16}\$[A-Za-z0-9+/]{86}==\n",
                        path.read_text())


@pytest.mark.parametrize("arguments, says", [
    (["set", "F", "a/b"], "the user's name has one of + # / * { }"),
    (["set", "F", "a:b"], "the user's name has a colon"),
    (["set", "F", ""], "the user's name is empty"),
    (["set", "F"], "usage:"),
    (["set", "F", "ann", "word"], "usage:"),
    (["show", "F", "ann"], "expected set, delete or check"),
    (["--hash", "md5", "set", "F", "ann"], "--hash: expected pbkdf2, argon2id or scram"),
    (["--iterations", "0", "set", "F", "ann"], "--iterations"),
    (["--iterations", "99999999", "set", "F", "ann"], "--iterations"),
    (["--hash", "scram", "--iterations", "1", "set", "F", "ann"], "4096"),
    (["check", "F", "ann"], "No such file"),
])
def test_wrong_arguments(tmp_path, arguments, says):
    path = tmp_path / "passwd"
    arguments = [str(path) if word == "F" else word for word in arguments]
    status, _, said = passwd(*arguments, typed="word\n")
    assert status == FAILED and says in said
    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize("typed", ["", "\n", "x" * 1025 + "\n", "a\0b\n"],
                         ids=["nothing", "an empty line", "too long", "a NUL"])
def test_bad_passwords(tmp_path, typed):
    path = tmp_path / "passwd"
    status, _, said = passwd("set", path, "ann", typed=typed)
    assert status == FAILED and "expected a password of 1 to 1024 bytes" in said
    assert not path.exists()


def test_a_file_that_is_none_is_left_alone(tmp_path):
    path = tmp_path / "notes"
    path.write_text("remember the milk\n")
    for action in ("set", "delete", "check"):
        status, _, said = passwd(action, path, "ann", typed="word\n")
        assert status == FAILED and said.endswith(":1: expected user:hash\n")
    assert path.read_text() == "remember the milk\n"


def test_passwords_and_scram_keys_do_not_mix(tmp_path):
    path = tmp_path / "passwd"
    put(path, "ann", "word", "--iterations", "10")
    status, _, said = passwd("--hash", "scram", "set", path, "bob", typed="word\n")
    assert status == FAILED and ":1: expected SCRAM-SHA-256$" in said


def at_terminal(arguments, answers):
    """Runs it at a terminal, typing the answers; what the terminal showed, and the status."""
    child, terminal = pty.fork()
    if child == 0:
        os.execv(CTL, [CTL, "passwd", *map(str, arguments)])
    shown = ""
    for answer in answers + [None]:
        while answer is None or not shown.endswith(": "):
            ready, _, _ = select.select([terminal], [], [], harness.WAIT)
            assert ready, "nothing more after %r" % shown
            try:
                more = os.read(terminal, 1000).decode()
            except OSError:  # the child is gone
                more = ""
            if not more:
                break
            shown += more
        if answer is not None:
            # The prompt comes first, and only then does the terminal stop to show what is typed.
            harness.until(lambda: not termios.tcgetattr(terminal)[3] & termios.ECHO,
                          "the terminal to hide what is typed")
            os.write(terminal, answer.encode() + b"\n")
            shown += "|"
    os.close(terminal)
    return shown, os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def test_the_terminal_does_not_show_the_password(tmp_path):
    path = tmp_path / "passwd"
    shown, status = at_terminal(["--iterations", "10", "set", path, "ann"], ["s3cret", "s3cret"])
    assert status == OK and "Password for ann: " in shown and "s3cret" not in shown
    assert right(path, "ann", "s3cret")
    shown, status = at_terminal(["check", path, "ann"], ["s3cret"])
    assert status == OK and "right" in shown and "s3cret" not in shown
    before = path.read_text()
    shown, status = at_terminal(["--iterations", "10", "set", path, "ann"], ["one", "two"])
    assert status == FAILED and path.read_text() == before


def test_a_stock_broker_reads_it(tmp_path):
    path = tmp_path / "passwd"
    put(path, "ann", "pä ss:wörd")
    port = harness.free_ports(1)[0]
    # Under another user the broker could not reach a folder of ours.
    (tmp_path / "mosquitto.conf").write_text("user root\nlistener %d 127.0.0.1\n"
                                             "password_file %s\n" % (port, path))
    broker = subprocess.Popen(["mosquitto", "-c", str(tmp_path / "mosquitto.conf")],
                              stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        def code(password):
            try:
                stream = rawmqtt.open_stream("tcp", port)
                return rawmqtt.RawClient(stream, 4, "c", "ann", password).code
            except ConnectionRefusedError:
                return None
        assert harness.until(lambda: code("pä ss:wörd") == 0, "the broker to let ann in")
        assert code("wrong") != 0
    finally:
        broker.terminate()
        broker.wait(harness.WAIT)


@pytest.mark.parametrize("rounds, said", [(250000, None), (250001, "expected 250000 at most"),
                                          (500001, "refuses the file without delayed logins")])
def test_rounds_that_stop_the_broker_for_long(tmp_path, rounds, said):
    """The tool and lint say so, as the plugin does."""
    path = tmp_path / "passwd"
    status, _, told = passwd("--iterations", rounds, "set", path, "ann", typed="secret\n")
    assert status == OK and (told == "" if said is None else said in told)
    done = subprocess.run([CTL, "lint", "--contract", os.path.join(harness.TOP, "schemas",
                           harness.CONTRACT), "--access", harness.ACCESS, "--passwords", path],
                          text=True, stdout=subprocess.PIPE, check=False)
    assert ("serves no client while the password of ann" in done.stdout) == (said is not None)
