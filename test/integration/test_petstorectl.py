"""petstorectl where it matters who asks: on a terminal, in a shell, in the folder of `make run`."""
import fcntl
import json
import os
import pty
import re
import shutil
import struct
import sqlite3
import subprocess
import termios

import pytest

import harness

TOOL = os.path.join(harness.BUILD, "petstorectl")
SHOP = ["--contract", os.path.join(harness.TOP, "test", "data", "ctl", "shop-1.asyncapi.json"),
        "--access", os.path.join(harness.TOP, "test", "data", "ctl", "access-1.json")]
COLOUR = re.compile("\x1b\\[[0-9;]*m")


# ---- on a terminal -----------------------------------------------------------------------


def on_terminal(columns, *arguments, **environment):
    """What it prints on a terminal of so many columns."""
    ours, its = pty.openpty()
    fcntl.ioctl(its, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
    clean = {name: value for name, value in os.environ.items()
             if name not in ("COLUMNS", "NO_COLOR")}
    with subprocess.Popen([TOOL, *arguments], stdin=subprocess.DEVNULL, stdout=its,
                          stderr=subprocess.STDOUT,
                          env={**clean, "TERM": "xterm", **environment}) as process:
        os.close(its)
        text = b""
        try:
            while chunk := os.read(ours, 65536):
                text += chunk
        except OSError:
            pass  # the other end is closed
    os.close(ours)
    return process.returncode, text.decode().replace("\r\n", "\n")


@pytest.mark.parametrize("columns", [50, 80, 200])
def test_tables_fit_the_terminal(columns):
    status, text = on_terminal(columns, "may", "bob", *SHOP)
    lines = COLOUR.sub("", text).splitlines()
    assert status == 0 and max(len(line) for line in lines) <= columns
    assert ("refusals/{principal}/{clientId}" in text) == (columns != 80)


def test_columns_beat_the_terminal():
    assert on_terminal(50, "may", "bob", *SHOP, "--color", "never") == \
        (0, on_terminal(60, "may", "bob", *SHOP, "--color", "never", COLUMNS="50")[1])


def piped(*arguments, **environment):
    clean = {name: value for name, value in os.environ.items() if name != "COLUMNS"}
    done = subprocess.run([TOOL, *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, check=True,
                          env={**clean, **environment})
    return done.stdout.splitlines()


def test_nothing_is_cut_or_wrapped_in_a_pipe(tmp_path):
    """A row is a line, however long; COLUMNS says otherwise. A long text does not fill the other lines up."""
    path, long = str(tmp_path / "long.db"), "word " * 2000 + "end"
    with sqlite3.connect(path) as database:
        database.execute("CREATE TABLE store_names (number INTEGER, name TEXT)")
        database.execute("CREATE TABLE big (id TEXT, updated_at TEXT, note TEXT, more TEXT, last TEXT)")
        for id, note in (("a", "short"), ("b", long), ("c", "x" * 300)):
            database.execute("INSERT INTO big VALUES (?, '2026-01-01T00:00:00.000Z', ?, ?, 'z')", (id, note, "y" * 90))
    lines = piped("list", "big", "--database", path)
    assert len(lines) == 4 and "…" not in "".join(lines)
    rows = {line.split()[0]: line for line in lines}
    assert long in rows["b"] and "x" * 300 in rows["c"]
    assert all(row.endswith("  " + "y" * 90 + "  z") for id, row in rows.items() if id != "id")
    assert len(rows["a"]) == len(rows["c"]) < 1000
    assert max(len(line) for line in piped("list", "big", "--database", path, COLUMNS="80")) <= 80
    table = piped("may", "bob", *SHOP)
    assert "refusals/{principal}/{clientId}" in "".join(table) and max(map(len, table)) > 80


def test_colours():
    refused = ["explain", "publish", "--user", "bob", "orders/o-1/status", "{}", *SHOP]
    status, text = on_terminal(80, *refused)
    assert status == 1 and "\x1b[31mrefused\x1b[0m: schema-violation" in text
    for plain in ({"NO_COLOR": "1"}, {"TERM": "dumb"}):
        assert "\x1b" not in on_terminal(80, *refused, **plain)[1]
    assert "\x1b" in on_terminal(80, *refused, "--color", "always", NO_COLOR="1")[1]
    assert "\x1b" not in on_terminal(80, *refused, "--json")[1]
    assert "\x1b" not in subprocess.run([TOOL, *refused], stdout=subprocess.PIPE, text=True).stdout


# ---- in a shell --------------------------------------------------------------------------


LINES = [
    (["expl"], {"explain"}),
    (["refusals", "--reason", "sch"], {"schema-violation", "schema-limit"}),
    (["refusals", "--by", "c"], {"client"}),
    (["alerts", "--status", "r"], {"raised"}),
    (["help", "reas"], {"reasons"}),
    (["orders", "--st"], {"--status"}),
    (["payments", "--st"], {"--status"}),
    (["explain", "pub"], {"publish"}),
    (["lint", "--conf"], {"--config"}),
    (["help", "ref"], {"refusals"}),
    (["passwd", "--hash", "s"], {"scram"}),
    (["completion", "z"], {"zsh"}),
]
NAMES = [" ".join(words) for words, _ in LINES]


def shell(*command, **more):
    done = subprocess.run(command, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                          env=dict(os.environ, PATH=harness.BUILD + ":" + os.environ["PATH"]),
                          timeout=harness.WAIT, **more)
    assert done.returncode == 0, done.stdout
    return done.stdout.splitlines()


@pytest.mark.parametrize("words, expected", LINES, ids=NAMES)
def test_bash_completes(words, expected):
    assert set(shell("bash", "-c", """
        source <(petstorectl completion bash)
        COMP_WORDS=(petstorectl "$@"); COMP_CWORD=$#
        _petstorectl
        printf '%s\\n' "${COMPREPLY[@]}"
        """, "bash", *words)) == expected


def test_bash_completes_files(tmp_path):
    (tmp_path / "broker.conf").touch()
    assert shell("bash", "-c", """
        source <(petstorectl completion bash)
        COMP_WORDS=(petstorectl lint --config bro); COMP_CWORD=3
        _petstorectl
        printf '%s\\n' "${COMPREPLY[@]}"
        """, cwd=str(tmp_path)) == ["broker.conf"]


@pytest.mark.skipif(not shutil.which("zsh"), reason="zsh is not installed")
@pytest.mark.parametrize("words, expected", LINES, ids=NAMES)
def test_zsh_completes(words, expected):
    """compadd, which is zsh's own only while it completes, is played here."""
    assert set(shell("zsh", "-fc", """
        compdef() { }
        compadd() { shift; print -rl -- ${(M)@:#$PREFIX*} }
        _files() { }
        source =(petstorectl completion zsh)
        words=(petstorectl "$@"); CURRENT=$#words; PREFIX=$words[-1]
        _petstorectl
        """, "zsh", *words)) == expected


@pytest.mark.skipif(not shutil.which("fish"), reason="fish is not installed")
@pytest.mark.parametrize("words, expected",
                         [line for line in LINES if line[0][0] != "payments"])
def test_fish_completes(words, expected):
    found = shell("fish", "-N", "-c", "petstorectl completion fish | source; complete -C '%s'" %
                  " ".join(["petstorectl", *words]))
    assert {line.split("\t")[0] for line in found} == expected


# ---- in the folder of `make run` ---------------------------------------------------------


def in_project(folder, *arguments):
    """(status, output, what it says beside it) where build/run is the broker's folder."""
    done = subprocess.run([TOOL, *arguments], cwd=str(folder), text=True,
                          stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, timeout=harness.WAIT)
    return done.returncode, done.stdout, done.stderr


def project(tmp_path, broker):
    run = tmp_path / "build" / "run"
    run.mkdir(parents=True)
    shutil.copy(os.path.join(str(broker.folder), "mosquitto.conf"), str(run))
    return tmp_path


def test_commands_find_the_broker(broker, tmp_path):
    folder = project(tmp_path, broker)
    status, output, said = in_project(folder, "ctl", "status")
    assert (status, json.loads(output)["contract"]) == (0, "Petstore MQTT API"), said
    assert said == ("petstorectl ctl: reads ./build/run/mosquitto.conf\n"
                    "petstorectl ctl: asks 127.0.0.1 port %d as backoffice\n" % broker.plain)
    assert in_project(folder, "ctl", "--user", "supervisor", "status")[0] == 0
    assert in_project(folder, "ctl", "--user", "monitor", "status")[0] == 0
    status, _, said = in_project(folder, "ctl", "--user", "customer-a", "status")
    assert status != 0 and "control:status" in said
    assert in_project(folder, "ctl", "reload")[0] == 0
    status, _, said = in_project(folder, "ctl", "staus")
    assert status == 1 and 'did you mean "status"?' in said
    status, output, _ = in_project(folder, "bans", "--json")
    assert (status, json.loads(output)) == (0, [])
    status, output, _ = in_project(folder, "bans", "lift", "nobody", "--json")
    assert (status, json.loads(output)) == (1, {"lifted": 0})


def test_a_password_is_for_its_own_broker(broker, tmp_path):
    """Where the broker is named, the configuration's passwords are not used."""
    status, _, said = in_project(project(tmp_path, broker), "ctl", "--host", "127.0.0.1",
                                 "--port", str(broker.plain), "status")
    assert status == 2 and "reads" not in said and "as backoffice" not in said
    assert "no user was named, and none was found who may; expected --user NAME" in said


def test_lines_that_run_after_make_run(broker, tmp_path):
    folder = project(tmp_path, broker)
    for line in ("orders", "list orders --limit 1", "list events", "list alerts --since 2h",
                 "refusals --since yesterday", "may customer-a", "help orders", "lint",
                 "explain subscribe --user customer-a orders/+/status"):
        status, output, said = in_project(folder, *line.split())
        name = line.split()[0]
        reads, none = ["petstorectl %s: %s\n" % (name, what)
                       for what in ("reads ./build/run/mosquitto.conf", "none")]
        assert said in (reads, reads + none)
        assert status == 0, output


def folder_is_read(tmp_path):
    """Is build/run/mosquitto.conf taken? If not, a line says why."""
    status, _, said = in_project(tmp_path, "orders")
    assert status == 2
    assert ("is not read without --config" in said) != ("/none" in said)
    return "/none" in said


@pytest.mark.parametrize("part", [".", "build", "build/run", "build/run/mosquitto.conf"])
def test_a_folder_that_others_fill_is_not_taken(tmp_path, part):
    run = tmp_path / "build" / "run"
    run.mkdir(parents=True)
    (run / "mosquitto.conf").write_text("plugin_opt_database /none\n")
    assert folder_is_read(tmp_path)
    for mode in (0o775, 0o757):
        os.chmod(str(tmp_path / part), mode)
        assert not folder_is_read(tmp_path)
    os.chmod(str(tmp_path / part), 0o755)
    assert folder_is_read(tmp_path)
    if part != ".":
        os.rename(str(tmp_path / part), str(tmp_path / "there"))
        os.symlink(str(tmp_path / "there"), str(tmp_path / part))
        assert not folder_is_read(tmp_path)


def test_what_was_found_is_the_whole(tmp_path):
    """A file beside the folder does not take its place by including it."""
    run = tmp_path / "build" / "run"
    run.mkdir(parents=True)
    (run / "mosquitto.conf").write_text("plugin_opt_database /none\n")
    (tmp_path / "build" / "mosquitto.conf").write_text(
        "plugin_opt_database /other\ninclude_dir %s\n" % run)
    said = in_project(tmp_path, "orders")[2]
    assert "/none" in said and "/other" not in said


def test_statuses_that_rows_have(tmp_path):
    """One with a space, one of an earlier contract, no owner; a misspelt one is suggested."""
    path, contract = str(tmp_path / "shop.db"), tmp_path / "shop.json"
    with open(SHOP[1], encoding="utf-8") as file:
        text = file.read()
    assert '"PLACED"' in text and '"SENT"' in text
    contract.write_text(text.replace('"SENT"', '"IN TRANSIT"'))
    with sqlite3.connect(path) as database:
        database.execute("CREATE TABLE store_names (number INTEGER, name TEXT)")
        database.execute("CREATE TABLE orders (id TEXT, owner TEXT, updated_at TEXT, status TEXT)")
        database.executemany("INSERT INTO orders VALUES (?, ?, '2026-01-01', ?)",
                             [("a", "", "IN TRANSIT"), ("b", "tom", "LOST"), ("c", "tom", "PLACED")])

    def ids(*options):
        done = subprocess.run([TOOL, "list", "orders", "--json", "--database", path, "--contract",
                               str(contract), *options], text=True, stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE)
        rows = json.loads(done.stdout) if done.returncode == 0 else []
        return done.returncode, [row["id"] for row in rows], done.stderr

    assert ids("--status", "IN TRANSIT")[:2] == (0, ["a"])
    assert ids("--status", "LOST")[:2] == (0, ["b"])
    assert ids("--owner", "")[:2] == (0, ["a"])
    assert ids("--status", "IN TRANSIT", "--owner", "tom")[:2] == (0, [])
    status, _, said = ids("--status", "PLACD")
    assert status == 2 and 'did you mean "PLACED"?' in said


def test_names_of_columns_are_escaped(tmp_path):
    """Those of a database that somebody else made: long ones, and ones that steer the terminal."""
    path = str(tmp_path / "hostile.db")
    with sqlite3.connect(path) as database:
        database.execute("CREATE TABLE store_names (number INTEGER, name TEXT)")
        database.execute('CREATE TABLE big (id TEXT, updated_at TEXT, "\x1b[31mred" TEXT, x%s TEXT)'
                         % ("y" * 600))
        database.execute("INSERT INTO big VALUES ('a', '2026-01-01', 'b', 'c')")
    for columns in ("0", "80", "300", "540"):
        done = subprocess.run([TOOL, "list", "big", "--database", path], stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE, env=dict(os.environ, COLUMNS=columns))
        assert done.returncode == 0, done.stderr
        assert b"\x1b" not in done.stdout and b"\\x1b[31mred" in done.stdout


@pytest.mark.skipif(os.geteuid() != 0, reason="only root gives files away")
def test_a_file_of_somebody_else_is_not_taken(tmp_path):
    run = tmp_path / "build" / "run"
    run.mkdir(parents=True)
    (run / "mosquitto.conf").write_text("plugin_opt_database /none\n")
    assert "/none" in in_project(tmp_path, "orders")[2]
    os.chown(str(run / "mosquitto.conf"), 65534, 65534)
    status, _, said = in_project(tmp_path, "orders")
    assert status == 2 and "--database PLACE is missing" in said
