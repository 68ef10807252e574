#!/usr/bin/python3
"""Runs every suite and closes with one line: N passed, N failed[, N skipped].

Arguments name the suites to run; without any, all of them.

A suite is a make target and a reader that counts what its output says. A suite that stops
without saying how many of its cases ran counts as one failure: nothing passes by silence. A
suite that cannot run here says why and counts as skipped.

Attack runs while integration does, and is shown after it; so does integration-pg with the fuzzers. The suites about shipping come last.
Each starts if what it needs is here, and if it will be over, as long as it usually takes, before
MINUTES (15) have gone since all began. FULL=1 knows no such end, and makes the small Debian systems
that are not there yet.
"""
import importlib.util
import os
import re
import shutil
import subprocess
import sys
import threading
import time
import xml.etree.ElementTree as ET

import postgres

MAKE = os.environ.get("MAKE", "make")
B = os.environ.get("B", "build")
SUITE = os.environ.get("SUITE", "../shared/json-schema-suite")
CHROOTS = os.environ.get("CHROOTS", "build/chroot")
IS_FULL = bool(os.environ.get("FULL"))
MINUTES = float(os.environ.get("MINUTES") or 15)
BEGIN = time.monotonic()


def print_head(target, variables):
    print(f"\n=== make {target} {' '.join(variables)}", flush=True)


def run(target, *variables, is_shown=True):
    """Runs a target, showing its output as it comes; returns its status and its output."""
    if is_shown:
        print_head(target, variables)
    process = subprocess.Popen([MAKE, "--no-print-directory", f"-j{os.cpu_count()}", target,
                                *variables],
                               stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                               stderr=subprocess.STDOUT, text=True, errors="replace")
    lines = []
    for line in process.stdout:
        if is_shown:
            print(line, end="", flush=True)
        lines.append(line)
    return process.wait(), "".join(lines)


def measured(target, variables, is_shown=True):
    begin = time.monotonic()
    return *run(target, *variables, is_shown=is_shown), time.monotonic() - begin


class Beside:
    """A suite that waits more than it works: runs while another does, and is shown afterwards."""

    def __init__(self, target, variables):
        self.target, self.variables = target, variables
        self.thread = threading.Thread(target=self.follow)
        self.thread.start()

    def follow(self):
        self.status, self.output, self.seconds = measured(self.target, self.variables,
                                                          is_shown=False)

    def finish(self):
        self.thread.join()
        print_head(self.target, self.variables)
        print(self.output, end="", flush=True)
        return self.status, self.output, self.seconds


def count_cmocka(output):
    passed = sum(map(int, re.findall(r"\[  PASSED  \] (\d+) test", output)))
    failed = sum(map(int, re.findall(r"\[  FAILED  \] (\d+) test", output)))
    skipped = sum(map(int, re.findall(r"\[  SKIPPED \] (\d+) test", output)))
    return passed, failed, skipped


def count_lint(output):
    return tuple(len(re.findall(rf"^{word}  +\S", output, re.M)) for word in ("ok", "FAIL", "skip"))


def count_closing(output):
    """Sums the closing lines of programs that count for themselves."""
    found = re.findall(r"^(?:\w+: )?(\d+) passed, (\d+) failed(?:, (\d+) skipped)?$", output, re.M)
    return tuple(sum(int(row[i] or 0) for row in found) for i in range(3))


def count_crash(output):
    """A line a condition; whatever is not all kept is a failure."""
    conditions = re.findall(r"^\w+ +\d+ kills, .*$", output, re.M)
    kept = [line for line in conditions if line.endswith(": all kept, none twice")]
    return len(kept), len(conditions) - len(kept), 0


def count_junit(name):
    def count(_output):
        passed = failed = skipped = 0
        for suite in ET.parse(f"{B}/{name}.xml").getroot().iter("testsuite"):
            bad = int(suite.get("failures", 0)) + int(suite.get("errors", 0))
            skip = int(suite.get("skipped", 0))
            failed += bad
            skipped += skip
            passed += int(suite.get("tests", 0)) - bad - skip
            for case in suite.iter("testcase"):
                for reason in case.iter("skipped"):
                    print(f"skipped {case.get('name')}: {reason.get('message')}")
        return passed, failed, skipped
    return count


# ---- what a suite needs: the reason why it cannot run, or None ------------------------------


def needs_suite():
    if not os.path.isdir(f"{SUITE}/tests"):
        return f"no suite at {SUITE} (SUITE=DIR names one)"
    return None


def needs_npm(target):
    """What npm fetches may be out of reach, which is nobody's mistake here."""
    def fetch():
        if not shutil.which("npm"):
            return "npm is not installed"
        status, output = run(target)
        return f"npm can't fetch: {output[-300:]}" if status else None
    return fetch


def needs_systems(commands, *systems):
    """Debian in folders; to make one takes minutes, so that it is done with FULL=1 only."""
    def look():
        if os.geteuid() != 0:
            return "needs root"
        for command in commands:
            if not shutil.which(command):
                return f"{command} is not installed (make deps-ship)"
        missing = [name for name in systems if not os.path.isdir(f"{CHROOTS}/{name}")]
        if missing and not IS_FULL:
            return f"no {', '.join(missing)} in {CHROOTS} yet (FULL=1 makes it)"
        return None
    return look


def needs_postgres():
    reason = postgres.lacking()
    if not reason and not importlib.util.find_spec("psycopg2"):
        reason = "psycopg2 is not installed (Debian: python3-psycopg2)"
    return reason


def needs_minutes(minutes):
    left = MINUTES - (time.monotonic() - BEGIN) / 60
    if not IS_FULL and minutes > left:
        return f"takes {minutes} minutes, and of MINUTES={MINUTES:g} there are {max(left, 0):.0f} left"
    return None


def needs_browser():
    if not (shutil.which("chromium") or os.environ.get("CHROMIUM")):
        return "chromium is not installed (make deps-ship)"
    return needs_npm("docs-npm")()


SUITES = [
    ("lint", [], count_lint),
    ("unit", [], count_cmocka),
    ("unit-pg", [], count_cmocka, needs_postgres),
    ("unit-tsan", [], count_cmocka),
    ("golden", [], count_closing),
    ("fuzz", ["SECONDS=3"], lambda output: (len(re.findall("^== ", output, re.M)), 0, 0)),
    ("asyncapi", [], count_closing, needs_npm("asyncapi-npm")),
    ("conformance", [f"SUITE={SUITE}"], count_closing, needs_suite),
    ("integration", [], count_junit("integration")),
    ("integration-pg", [], count_junit("integration-pg"), needs_postgres),
    ("attack", [], count_junit("attack")),
    ("crash", ["RUNS=3"], count_crash),
]

# Those beside wait for brokers most of the time. What they need is built before the first begins.
BESIDE = {"fuzz": "integration-pg", "integration": "attack"}

# Target, minutes it usually takes, what it needs.
SHIPPING = [
    ("docs-test", 1, needs_browser),
    ("deb-test", 2, needs_systems(["dpkg-deb", "debootstrap"], "base-bookworm", "base-trixie")),
    ("image-test", 3, needs_systems(["buildah", "debootstrap"], "base-trixie")),
    ("matrix", 16, needs_systems(["debootstrap"], "trixie", "sid")),
]


def count_last(output):
    """The closing line sums what the lines before it say."""
    return count_closing(output.strip().rpartition("\n")[2])


def all_suites():
    for target, variables, reader, *needs in SUITES:
        yield target, variables, reader, needs
    for target, minutes, needs in SHIPPING:
        yield target, [], count_last, [lambda minutes=minutes: needs_minutes(minutes), needs]


def main():
    total, beside = [0, 0, 0], {}
    chosen = [suite for suite in all_suites() if not sys.argv[1:] or suite[0] in sys.argv[1:]]
    for target, variables, reader, needs in chosen:
        reason = next(filter(None, (lacking() for lacking in needs)), None)
        if reason:
            print(f"\nskipped {target}: {reason}", flush=True)
            total[2] += 1
            continue
        for other, its_variables, _, its_needs in chosen:
            if other == BESIDE.get(target) and not any(lacking() for lacking in its_needs) \
                    and run("test-needs")[0] == 0:
                beside[other] = Beside(other, its_variables)
        if target in beside:
            status, output, seconds = beside[target].finish()
        else:
            status, output, seconds = measured(target, variables)
        try:
            counts = list(reader(output))
        except (OSError, ET.ParseError) as problem:
            print(f"{target}: {problem}")
            counts = [0, 0, 0]
        if (status != 0 or sum(counts) == 0) and counts[1] == 0:
            print(f"{target}: failed with status {status}")
            counts[1] = 1
        total = [a + b for a, b in zip(total, counts)]
        print(f"--- {target}: {counts[0]} passed, {counts[1]} failed, {counts[2]} skipped "
              f"({seconds:.0f} s)", flush=True)
    line = f"{total[0]} passed, {total[1]} failed"
    print(line + (f", {total[2]} skipped" if total[2] else ""), flush=True)
    return 1 if total[1] else 0


if __name__ == "__main__":
    sys.exit(main())
