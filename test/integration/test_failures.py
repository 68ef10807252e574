"""test/all.py names what failed at its end, and tries what may have been late once more."""
import os
import stat
import subprocess
import sys

import pytest

import engines

TOP = os.path.join(os.path.dirname(os.path.abspath(__file__)), "../..")

UNIT = """== build/san/test_gate
[ RUN      ] test_gate__refuses
[  ERROR   ] --- 0x1 != 0x2
[   LINE   ] --- test/unit/test_gate.c:6: error: Failure!
[  FAILED  ] test_gate__refuses
[  PASSED  ] 1 test(s).
[  FAILED  ] 1 test(s), listed below:
[  FAILED  ] test_gate__refuses
== build/san/test_topics
[  PASSED  ] 3 test(s).
"""
LEAK = "\nERROR: AddressSanitizer: heap-use-after-free on address 0x602000000010\n"
JUNIT = """<testsuites><testsuite tests="3" failures="{count}" errors="0" skipped="0">
<testcase classname="test.integration.test_{file}" name="test_quick"/>
<testcase classname="test.integration.test_{file}" name="test_late[3 a]">{failure}</testcase>
<testcase classname="test.integration.test_{file}" name="test_other"/></testsuite></testsuites>"""
FAILURE = "<failure message=\"assert 3 == 4\">{text}\nE   assert 3 == 4\n\nx.py:7: AssertionError</failure>"
CONSOLE = """== unit
20 passed, 0 failed
== frame, Firefox
FAIL  the title: none
10 passed, 1 failed
30 passed, 1 failed
make: *** [Makefile:541: console-test] Error 1
"""


@pytest.fixture
def run(tmp_path):
    """all.py, for `target`; make prints `first`, and then, with variables given, `again`."""
    def call(target, first, again, junit=(None, None)):
        for number, text in enumerate(junit):
            if text:
                (tmp_path / f"{number}.xml").write_text(text)
        for number, text in enumerate((first, again)):
            (tmp_path / str(number)).write_text(text)
        make = tmp_path / "make"
        make.write_text(f"""#!/bin/sh
case $3 in console-npm) exit 0;; esac
n=0
case "$*" in *UNIT=*|*TESTS=*) n=1; echo "$*" >>{tmp_path}/asked;; esac
[ ! -e {tmp_path}/$n.xml ] || echo "--junitxml={tmp_path}/$n.xml"
cat {tmp_path}/$n
! grep -q '[1-9][0-9]* failed\\|FAILED' {tmp_path}/$n
""")
        npm = tmp_path / "npm"
        npm.write_text("#!/bin/sh\n")
        for program in (make, npm):
            program.chmod(program.stat().st_mode | stat.S_IXUSR)
        done = subprocess.run([sys.executable, os.path.join(TOP, "test/all.py"), target], text=True,
                              capture_output=True, timeout=60, check=False,
                              env={**os.environ, "MAKE": str(make), "CHROMIUM": "/bin/true",
                                   "MINUTES": "", "PATH": f"{tmp_path}:{os.environ['PATH']}"})
        asked = tmp_path / "asked"
        return (done.returncode, done.stdout.splitlines(),
                asked.read_text() if asked.exists() else "")
    return call


def test_a_unit_test_that_was_late(run):
    status, lines, asked = run("unit", UNIT, UNIT.replace("FAILED", "OK"))
    assert status == 0 and "unit UNIT=gate" in asked
    assert lines[-4:] == ["not steady, passed when it ran again: unit: test_gate: test_gate__refuses",
                          "    0x1 != 0x2", "    test/unit/test_gate.c:6: error: Failure!",
                          "5 passed, 0 failed"]


def test_a_unit_test_that_fails(run):
    status, lines, asked = run("unit", UNIT, UNIT)
    assert status == 1 and asked
    assert lines[-4:] == ["failed unit: test_gate: test_gate__refuses", "    0x1 != 0x2",
                          "    test/unit/test_gate.c:6: error: Failure!", "4 passed, 1 failed"]


def test_what_a_sanitizer_found_is_not_tried_again(run):
    status, lines, asked = run("unit", UNIT.replace("\n==", LEAK + "=="), "")
    assert status == 1 and not asked
    assert lines[-1] == "4 passed, 1 failed" and "ERROR: AddressSanitizer" in lines[-4]


def test_many_failures_are_no_clocks(run):
    first = UNIT + "".join(UNIT.replace("gate", name) for name in ("sources", "pattern", "names"))
    status, lines, asked = run("unit", first, "")
    assert status == 1 and not asked
    assert lines[-1] == "16 passed, 4 failed" and len([x for x in lines if x.startswith("failed unit: ")]) == 4


@engines.needs_postgres()
@pytest.mark.parametrize("suite, file, text, is_tried", [
    ("integration-pg", "will", "def test_late():", True),
    ("integration-pg", "will", "E  the broker died", False),
    ("integration-pg", "cluster_faults", "def test_late():", False),
    ("attack", "will", "def test_late():", False),
])
def test_an_integration_test_that_was_late(run, suite, file, text, is_tried):
    status, lines, asked = run(suite, "1 failed", "", (
        JUNIT.format(file=file, count=1, failure=FAILURE.format(text=text)),
        JUNIT.format(file=file, count=0, failure="")))
    assert (f"{suite} TESTS=test/integration/test_{file}.py::test_late PART=-again" in asked) == is_tried
    assert status == (not is_tried)
    name = f"{suite}: test/integration/test_{file}.py::test_late[3 a]"
    assert any(line.endswith(name) for line in lines[-5:-2])
    assert lines[-3:] == ["    E   assert 3 == 4", "    x.py:7: AssertionError",
                          "3 passed, 0 failed" if is_tried else "2 passed, 1 failed"]


def test_a_file_of_the_console_that_was_late(run):
    status, lines, asked = run("console-test", CONSOLE, "11 passed, 0 failed\n")
    assert status == 0 and "console-test TESTS=frame BROWSER=firefox" in asked
    assert lines[-3:] == ["not steady, passed when it ran again: console-test: frame in Firefox",
                          "    FAIL  the title: none", "31 passed, 0 failed"]


def test_a_suite_without_a_second_attempt(run):
    status, lines, asked = run("lint", "ok    gcc\nFAIL  Debian's FIELD\na.c\n", "")
    assert status == 1 and not asked
    assert lines[-3:] == ["failed lint: Debian's FIELD", "    a.c", "1 passed, 1 failed"]
