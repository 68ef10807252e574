"""What a suite's output says about its failures: which they are, what they said, how to run each again.

A test at a real broker, or with threads, shares two processors with five others, so that a clock in
it may be late. Such a one runs once more, alone, when all else is over. What passes then is counted
as passed, and named at the end as one that is not steady: its fault is to be found all the same.
Nothing is tried again that an attack, a sanitizer, a fuzzer or a kill -9 found, nor a broker that
died: what these find now and then is found.
"""
import re
import xml.etree.ElementTree as ET

AGAIN_MAX = 3  # more failures than that are no clock's
SAID_MAX = 5
WIDTH = 150
NEVER_AGAIN = re.compile(r"ERROR: AddressSanitizer|WARNING: ThreadSanitizer|runtime error:"
                         r"|the broker died")
BY_CHANCE = re.compile(r"^attack|test_crash|test_powercut|test_cluster_(faults|race)")


class Failure:
    """Of `suite`, `count` cases of it; `again` are the variables with which make runs them alone."""

    def __init__(self, suite, name, said, again=None, count=1):
        lines = [line.rstrip()[:WIDTH] for line in said.splitlines() if line.strip()]
        self.suite = suite
        self.name = name
        self.count = count
        self.said = lines[-SAID_MAX:]
        found = NEVER_AGAIN.search(said) or BY_CHANCE.search(f"{suite} {name}")
        self.again = None if found else again

    def show(self, word):
        print(f"{word} {self.suite}: {self.name}")
        for line in self.said:
            print(f"    {line}")


def of_pytest(suite, output):
    """Reads the file that pytest was told to write. What a fixture said counts as its test's."""
    for case in ET.parse(re.search(r"--junitxml=(\S+)", output).group(1)).getroot().iter("testcase"):
        for bad in (*case.iter("failure"), *case.iter("error")):
            path = case.get("classname").replace(".", "/") + ".py"
            text = bad.text or bad.get("message") or ""
            wrong = [line for line in text.splitlines() if re.match(r"E  |\S+:\d+: ", line)]
            log = [child.text or "" for child in case if child.tag in ("system-out", "system-err")]
            found = Failure(suite, f"{path}::{case.get('name')}", "\n".join(wrong or [text]),
                            [f"TESTS={path}::{case.get('name').partition('[')[0]}", "PART=-again"])
            if NEVER_AGAIN.search("\n".join([text, *log])):
                found.again = None
            yield found


def of_cmocka(suite, output):
    """A program is run again, not a single test of it."""
    variable = {"unit": "UNIT", "unit-pg": "UNIT_PG", "unit-tsan": "THREADED"}[suite]
    for part in re.split(r"^== ", output, flags=re.M)[1:]:
        program = re.match(r"\S*?test_(\w+)", part)
        failed = re.findall(r"^\[  FAILED  \] (?!\d+ test)(?:\w+: )?(\w+)$", part, re.M)
        if program and failed:
            failed = sorted(set(failed))
            said = re.findall(r"\[(?:  ERROR   |   LINE   )\] --- (.*)", part)
            yield Failure(suite, f"test_{program.group(1)}: {', '.join(failed)}",
                          "\n".join([*NEVER_AGAIN.findall(part), *said]),
                          [f"{variable}={program.group(1)}"], len(failed))


def of_console(suite, output):
    """A file is run again, in the same browser."""
    for part in re.split(r"^== ", output, flags=re.M)[1:]:
        name, _, browser = part.partition("\n")[0].partition(", ")
        closing = re.findall(r"^\d+ passed, (\d+) failed", part, re.M)
        if not closing or closing[0] != "0":
            said = "\n".join(re.findall(r"^FAIL .*", part, re.M)) or part
            yield Failure(suite, name + (f" in {browser}" if browser else ""), said,
                          [f"TESTS={name}", *([f"BROWSER={browser.lower()}"] if browser else [])],
                          int(closing[0]) if closing else 1)


def of_checks(suite, output):
    """Programs that print FAIL and what; of those that do not, the end."""
    lines = output.splitlines()
    at = [i for i, line in enumerate(lines) if line.startswith("FAIL")]
    for i in at:
        yield Failure(suite, re.sub(r"^FAIL(ED)?:?\s+", "", lines[i]), "\n".join(lines[i + 1:i + 1 + SAID_MAX]))
    if not at:
        yield Failure(suite, "its last lines", output)
