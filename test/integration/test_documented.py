"""What the code has is what README, docs/ and the example configuration say."""

import json
import os
import re
import shutil
import subprocess
import sys

import pytest

import crash
import harness
import powercut


def read(name):
    with open(os.path.join(harness.TOP, name), encoding="utf-8") as file:
        return file.read()


PAGES = ["README.md"] + sorted(
    os.path.join("docs", name) for name in os.listdir(os.path.join(harness.TOP, "docs"))
    if name.endswith(".md"))


def pages():
    return "".join(map(read, PAGES))


def reference():
    """What the plugin's own tables say: options, alerts, reasons."""
    program = os.path.join(harness.BUILD, "reference")
    return json.loads(subprocess.check_output([program, "json"], text=True))


def options():
    """{name: default or None}."""
    found = {row["name"]: row.get("default") for row in reference()["options"]}
    assert len(found) > 5
    return found


def test_example_configuration():
    """Each option stands in it, optional ones as comments with their default."""
    shown = dict(re.findall(r"^#?plugin_opt_(\w+) (\S+)$", read("mosquitto.conf.example"), re.M))
    found = options()
    assert set(shown) == set(found)
    for name, preset in found.items():
        assert preset in (None, shown[name]), name


def test_options():
    """The pages speak of options that there are; the manual page lists them all."""
    shown = set(re.findall(r"plugin_opt_([a-z]\w*)", pages()))
    assert shown and shown <= set(options())


def test_tests_that_the_architecture_names():
    """What may be answered when: each row's test is there ("U:" of test_events.c, "A:", a path)."""
    unit = set(re.findall(r"test_(\w+)\(void", read("test/unit/test_events.c")))
    names, files = set(), set()
    for row in re.findall(r"\| ((?:U: |A: |integration/|unit/)[^|]*) \|$", read("ARCHITECTURE.md"), re.M):
        kind = ""
        for word in re.split("[,;] ", row):
            kind, name = (word[:1], word[3:]) if word[1:3] == ": " else (kind, word)
            if "/" in name:
                files.add(name)
            elif kind == "U":
                names.add(name)
            else:
                files.add("attack/test_%s.py" % name)
    assert len(names) > 20 and names <= unit, names - unit
    assert len(files) > 20
    assert [name for name in files if not os.path.exists(os.path.join(harness.TOP, "test", name))] == []


def test_links():
    """Links of the pages lead to files, and to headings."""
    done = subprocess.run([sys.executable, os.path.join("test", "links.py"), *PAGES],
                          cwd=harness.TOP, text=True, stdout=subprocess.PIPE)
    assert (done.returncode, done.stdout) == (0, "")


def make(target, folder, *settings):
    """What a target that installs below @folder prints."""
    done = subprocess.run(["make", "-s", "--no-print-directory", target, "B=" + harness.BUILD,
                           "DESTDIR=%s" % folder, *settings], cwd=harness.TOP, text=True,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                          env={name: value for name, value in os.environ.items() if "MAKE" not in name})
    assert done.returncode == 0, done.stdout
    return done.stdout


def test_installed_pages(tmp_path):
    """`make install` brings what the pages link to, and a petstore-setup that knows its places."""
    make("install", tmp_path, "PREFIX=/opt/pet")
    folder = tmp_path / "opt/pet/share/doc/mosquitto-petstore"
    installed = sorted(str(page.relative_to(folder)) for page in folder.rglob("*.md"))
    assert set(PAGES) < set(installed)
    done = subprocess.run([sys.executable, os.path.join(harness.TOP, "test", "links.py"), *installed],
                          cwd=folder, text=True, stdout=subprocess.PIPE)
    assert (done.returncode, done.stdout) == (0, "")
    setup = tmp_path / "opt/pet/sbin/petstore-setup"
    places = dict(re.findall(r"^(share|plugin)=(.*)$", setup.read_text(), re.M))
    assert places == {"share": "/opt/pet/share/mosquitto-petstore",
                      "plugin": "/opt/pet/lib/mosquitto_petstore.so"}
    assert os.access(setup, os.X_OK) and all((tmp_path / place[1:]).exists() for place in places.values())
    share = tmp_path / places["share"][1:]
    done = subprocess.run([share / "demo.sh", "prepare"], text=True, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, env=dict(
                              os.environ, RUN_DIR=str(tmp_path / "run"), PASSWORD_ROUNDS="101",
                              PLUGIN=str(tmp_path / places["plugin"][1:]), ACCESS=str(share / "access.json"),
                              CONTRACT=str(share / "schemas/petstore.asyncapi.json"),
                              EXAMPLE=str(share / "mosquitto.conf.example")))
    assert done.returncode == 0, done.stdout
    assert "backoffice" in (tmp_path / "run/credentials").read_text()


@pytest.mark.parametrize("settings", [("PREFIX=/usr", "LIBDIR=/usr/lib/some-linux"), ("PREFIX=/opt/pet",)])
def test_uninstalled(tmp_path, settings):
    """`make uninstall` takes away what `make install` brought, and nothing else."""
    prefix = tmp_path / settings[0].partition("/")[2]
    make("install", tmp_path, *settings)
    (plugin,) = tmp_path.rglob("mosquitto_petstore.so")
    mine = [prefix / name for name in ("bin/mine", "share/mosquitto-petstore/schemas/mine.json",
                                       "share/man/man1/mine.1")]
    mine.append(tmp_path / "etc/mosquitto/conf.d/petstore.conf")
    mine[-1].parent.mkdir(parents=True)
    for path in mine:
        path.write_text("plugin %s\n" % str(plugin)[len(str(tmp_path)):])
    said = make("uninstall", tmp_path, *settings)
    assert sorted(path for path in tmp_path.rglob("*") if not path.is_dir()) == sorted(mine)
    assert [path for path in tmp_path.rglob("*petstore*") if path.is_dir()] == [prefix / "share/mosquitto-petstore"]
    assert "%s still loads the plugin" % mine[-1] in said
    for path in mine:
        path.unlink()
    assert make("uninstall", tmp_path, *settings) == ""
    assert list(tmp_path.rglob("*petstore*")) == []


@pytest.mark.parametrize("target", ["install", "uninstall"])
@pytest.mark.parametrize("name", ["DESTDIR", "PREFIX", "LIBDIR"])
def test_places_with_a_space(tmp_path, target, name):
    """Such a name would be two, of which one is no place of ours."""
    other = tmp_path / "usr/keep/empty"
    other.mkdir(parents=True)
    done = subprocess.run(["make", "-s", target, "B=" + harness.BUILD, "DESTDIR=%s" % tmp_path,
                           "%s=%s /x" % (name, other.parent)], cwd=harness.TOP, text=True,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                          env={name: value for name, value in os.environ.items() if "MAKE" not in name})
    assert done.returncode == 2
    assert "can have no spaces" in done.stdout
    assert list(tmp_path.rglob("*")) == [tmp_path / "usr", other.parent, other]


def test_alerts():
    """docs/limits-and-alerts.md names each kind, with the defaults that the code has."""
    rows = dict(re.findall(r"^\| `([a-z-]+)` \| (.*) \|$", read("docs/limits-and-alerts.md"), re.M))
    for alert in reference()["alerts"]:
        code = alert["code"]
        assert code in rows
        if code not in ("silent-device", "stuck-status"):
            assert re.search(r"\b%s\b" % alert["threshold"], rows[code]), code
            assert "%s s" % alert["windowSeconds"] in rows[code], code


def test_reasons():
    """docs/troubleshooting.md has each reason that there is, and no other; "allowed" is none."""
    codes = {row["code"] for row in reference()["reasons"]} - {"allowed"}
    table = re.search(r"^\| reason \|.*?\n\n", read("docs/troubleshooting.md"), re.S | re.M).group()
    assert sorted(re.findall(r"^\| `([a-z-]+)` \|", table, re.M)) == sorted(codes)


def sources():
    """The tree's files, by their names from its top."""
    return [os.path.relpath(os.path.join(folder, name), harness.TOP)
            for top in ("plugin", "test", "schemas", "scripts", "docs", "docker")
            for folder, _, names in os.walk(os.path.join(harness.TOP, top)) for name in names]


def test_names_of_the_code():
    """Each function() and each source file that a page for developers names is there."""
    files = sources()
    text = "".join(read(name) for name in files if re.fullmatch(r"(plugin|test)/.*\.(c|h|py)", name))
    shown = 0
    for page in ("SECURITY.md", "ARCHITECTURE.md", "CONTRIBUTING.md"):
        for code in re.findall(r"`([^`\n]+)`", read(page)):
            for name in re.findall(r"\b(\w+)\(\)", code):
                assert re.search(r"\b%s\(" % name, text), (page, name)
                shown += 1
            for name in re.findall(r"[\w./-]+\.(?:c|h|cases|sh|sql)\b|\btest[\w./]*\.py\b", code):
                assert any(("/" + each).endswith("/" + name) for each in files), (page, name)
                shown += 1
            for name in re.findall(r"^(?:unit|integration|attack|test)/[\w./-]*\w$", code):
                assert any(each.startswith((name, "test/" + name)) for each in files), (page, name)
    assert shown > 100


def words(text):
    return " ".join(text.split())


def test_petstorectl_page(tmp_path):
    """The manual page has all that each command says of itself."""
    tool = os.path.join(harness.BUILD, "petstorectl")
    page = subprocess.check_output(
        [os.path.join("docs", "man.sh"), os.path.join("docs", "petstorectl.1.in")], text=True,
        cwd=harness.TOP, env=dict(os.environ, B=harness.BUILD, LIBDIR="/usr/lib", DATADIR="/x",
                                 DOCDIR="/x"))
    plain = re.sub(r"^\.(?:PP|TP)$|^\.(?:B|SS) ", "", page, flags=re.M)
    plain = words(plain.replace("\\-", "-").replace("\\&", "").replace("\\e", "\\"))
    commands = re.findall(r"^  ([a-z]+) ", subprocess.check_output([tool, "help"], text=True),
                          re.M)
    assert len(commands) > 10
    for command in commands:
        told = subprocess.check_output([tool, command, "--help"], text=True)
        assert told.startswith("usage: petstorectl %s " % command)
        assert words(told.replace("usage: ", "", 1)) in plain, command
    if shutil.which("groff"):
        done = subprocess.run(["groff", "-man", "-ww", "-z", "-Tutf8"], input=page, text=True,
                              stderr=subprocess.PIPE)
        assert (done.returncode, done.stderr) == (0, "")


def test_petstorectl_examples():
    """Every command that the pages and the manual page show is one, with options that it has."""
    tool = os.path.join(harness.BUILD, "petstorectl")
    shown = re.findall(r"petstorectl ([a-z]+)((?: [^`\n|]*)?)", pages() +
                       read("docs/petstorectl.1.in").replace("\\-", "-"))
    assert len(shown) > 15
    for command, rest in shown:
        told = subprocess.run([tool, command, "--help"], text=True, stdout=subprocess.PIPE)
        assert told.returncode == 0, command
        for option in re.findall(r"(?<= )--([a-z-]+)", rest):
            assert "  --%s" % option in told.stdout, (command, option)


def test_faults_name_their_tests():
    """Each test that docs/faults.md names is there, and so is each condition of a kill or a cut."""
    text = read("docs/faults.md")
    for name, cases in re.findall(r"`((?:integration|unit|attack)/test_\w+\.(?:py|c))`(?: \(([^)]*)\))?",
                                  text):
        source = read("test/" + name)
        for case in re.findall(r"`(\w+)`", cases):
            assert re.search(r"\btest_\w*%s\w*\(" % case, source), (name, case)
    known = {"crash": crash.CONDITIONS, "powercut": powercut.CONDITIONS}
    found = re.findall(r"`make (crash|powercut)`: ([a-z`+]+(?:, [a-z]+(?=[, |]))*)", text)
    assert len(found) > 5
    for target, conditions in found:
        for condition in re.findall("[a-z]+", conditions):
            assert condition in known[target], (target, condition)
