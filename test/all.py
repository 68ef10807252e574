#!/usr/bin/python3
"""Runs every suite and closes with one line: N passed, N failed[, N skipped].

Arguments name the suites to run; without any, all of them.

A suite is a make target and a reader that counts what its output says. A suite that stops
without saying how many of its cases ran counts as one failure: nothing passes by silence. A
suite that cannot run here says why and counts as skipped.

What computes runs beside what waits for brokers (LANES), and takes a processor when no broker wants
it. A suite is shown when it is over. The suites about shipping come last, one after the other.
Each starts if what it needs is here, and if it will be over, as long as it usually takes, before
MINUTES (19) have gone since all began. FULL=1 knows no such end, and makes the small Debian systems
that are not there yet.

What failed is named once more at the end, and what may have failed since a clock was late is tried
again (failures.py).
"""
import concurrent.futures
import contextlib
import importlib.util
import os
import re
import shutil
import subprocess
import sys
import tempfile
import threading
import time
import xml.etree.ElementTree as ET

import failures
import postgres

MAKE = os.environ.get("MAKE", "make")
B = os.environ.get("B", "build")
SUITE = os.environ.get("SUITE", "../shared/json-schema-suite")
CHROOTS = os.environ.get("CHROOTS", "build/chroot")
IS_FULL = bool(os.environ.get("FULL"))
MINUTES = float(os.environ.get("MINUTES") or 19)
BEGIN = time.monotonic()


def print_head(target, variables):
    print(f"\n=== make {target} {' '.join(variables)}", flush=True)


class Run:
    """A target, run to its end: its status, output, and seconds, by the clock and of processors."""

    def __init__(self, target, variables=(), is_shown=True, before=()):
        begin = time.monotonic()
        if is_shown:
            print_head(target, variables)
        process = subprocess.Popen([*before, MAKE, "--no-print-directory", f"-j{os.cpu_count()}",
                                    target, *variables],
                                   stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                   stderr=subprocess.STDOUT, text=True, errors="replace")
        lines = []
        for line in process.stdout:
            if is_shown:
                print(line, end="", flush=True)
            lines.append(line)
        _, status, used = os.wait4(process.pid, 0)
        self.status = process.returncode = os.waitstatus_to_exitcode(status)
        self.output = "".join(lines)
        self.seconds = time.monotonic() - begin
        self.worked = used.ru_utime + used.ru_stime


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


def count_junit(output):
    """The file is the one that pytest was told to write."""
    passed = failed = skipped = 0
    path = re.search(r"--junitxml=(\S+)", output).group(1)
    for suite in ET.parse(path).getroot().iter("testsuite"):
        bad = int(suite.get("failures", 0)) + int(suite.get("errors", 0))
        skip = int(suite.get("skipped", 0))
        failed += bad
        skipped += skip
        passed += int(suite.get("tests", 0)) - bad - skip
        for case in suite.iter("testcase"):
            for reason in case.iter("skipped"):
                print(f"skipped {case.get('name')}: {reason.get('message')}")
    return passed, failed, skipped


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
        done = Run(target, is_shown=False)
        return f"npm can't fetch: {done.output[-300:]}" if done.status else None
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
    return needs_npm("console-npm")()


# Target, variables, who counts, what it needs. Each run of integration takes the next file of tests
# that no other one has, until there is none.
INTEGRATION = ("integration", ["PART=-{lane}", "CLAIMS={claims}"], count_junit)

# Side by side; within a lane one after the other. The first ones compute, and step back for the
# others, which wait for brokers most of the time.
COMPUTING = [
    [("lint", [], count_lint),
     ("unit-tsan", [], count_cmocka),
     ("fuzz", ["SECONDS=3"], lambda output: (len(re.findall("^== ", output, re.M)), 0, 0)),
     ("asyncapi", [], count_closing, needs_npm("asyncapi-npm"))],
    [("unit", [], count_cmocka),
     ("unit-pg", [], count_cmocka, needs_postgres),
     ("golden", [], count_closing),
     ("conformance", [f"SUITE={SUITE}"], count_closing, needs_suite)],
]
WAITING = [
    [INTEGRATION],
    [INTEGRATION],
    [INTEGRATION],
    [("attack", [], count_junit),
     ("integration-pg", [], count_junit, needs_postgres),
     ("crash", ["RUNS=3"], count_crash),
     INTEGRATION],
]
LANES = COMPUTING + WAITING
STEP_BACK = ["nice", "-n", "10"]

# Target, minutes it usually takes, what it needs.
SHIPPING = [
    ("console-test", 5, needs_browser),
    ("deb-test", 2, needs_systems(["dpkg-deb", "debootstrap"], "base-bookworm", "base-trixie")),
    ("image-test", 3, needs_systems(["buildah", "debootstrap"], "base-trixie")),
    ("matrix", 16, needs_systems(["debootstrap"], "trixie", "sid")),
]


def count_last(output):
    """The last closing line sums what those before it say. Where something failed make has a word behind it."""
    found = re.findall(r"^\d+ passed, \d+ failed(?:, \d+ skipped)?$", output, re.M)
    return count_closing(found[-1] if found else "")


def name_failures(target, output):
    readers = {"integration": failures.of_pytest, "integration-pg": failures.of_pytest,
               "attack": failures.of_pytest, "unit": failures.of_cmocka,
               "unit-pg": failures.of_cmocka, "unit-tsan": failures.of_cmocka,
               "console-test": failures.of_console}
    with contextlib.suppress(OSError, AttributeError, ET.ParseError):
        if found := list(readers.get(target, failures.of_checks)(target, output)):
            return found
    return list(failures.of_checks(target, output))


class Total:
    """What all suites came to; those of several lanes are added, and shown, one at a time."""

    def __init__(self):
        self.lock = threading.Lock()
        self.counts = [0, 0, 0]
        self.by_suite = {}
        self.failed = []
        self.unsteady = []  # failed, and passed when they ran again

    def skip(self, target, reason):
        with self.lock:
            print(f"\nskipped {target}: {reason}", flush=True)
            self.counts[2] += 1

    def fail(self, target, output):
        print(f"{target}: failed", flush=True)
        self.counts[1] += 1
        self.failed += failures.of_checks(target, output)

    def add(self, target, done, reader):
        try:
            counts = list(reader(done.output))
        except (OSError, AttributeError, ET.ParseError) as problem:
            print(f"{target}: {problem}")
            counts = [0, 0, 0]
        if done.status != 0 and counts[1] == 0:
            print(f"{target}: failed with status {done.status}")
            counts[1] = 1
        if counts[1]:
            self.failed += name_failures(target, done.output)
        self.counts = [a + b for a, b in zip(self.counts, counts)]
        self.by_suite[target] = self.by_suite.get(target, 0) + sum(counts)
        print(f"--- {target}: {counts[0]} passed, {counts[1]} failed, {counts[2]} skipped "
              f"({done.seconds:.0f} s, {done.worked:.0f} s of a processor)", flush=True)

    def try_again(self):
        """Nothing else runs."""
        chosen = [failure for failure in self.failed if failure.again]
        if len(chosen) > failures.AGAIN_MAX:
            return
        for failure in chosen:
            if Run(failure.suite, failure.again).status == 0:
                self.failed.remove(failure)
                self.unsteady.append(failure)
                self.counts[0] += failure.count
                self.counts[1] -= failure.count

    def finish(self):
        """The exit status."""
        for target in [target for target, count in self.by_suite.items() if count == 0]:
            print(f"{target}: none of its cases ran")
            self.counts[1] += 1
        for failure in self.unsteady:
            failure.show("not steady, passed when it ran again:")
        for failure in self.failed:
            failure.show("failed")
        line = f"{self.counts[0]} passed, {self.counts[1]} failed"
        print(line + (f", {self.counts[2]} skipped" if self.counts[2] else ""), flush=True)
        return 1 if self.counts[1] else 0


def run_suite(total, suite, is_shown=True, before=()):
    target, variables, reader, *needs = suite
    reason = next(filter(None, (lacking() for lacking in needs)), None)
    if reason:
        total.skip(target, reason)
        return
    done = Run(target, variables, is_shown, before)
    with total.lock:
        if not is_shown:
            print_head(target, variables)
            print(done.output, end="", flush=True)
        total.add(target, done, reader)


def run_lanes(total, chosen):
    """What they have in common is made before."""
    lanes = [[suite for suite in lane if suite[0] in chosen] for lane in LANES]
    is_one = sum(map(bool, lanes)) == 1
    if any(lanes) and not is_one:
        needs = Run("test-needs")
        if needs.status:
            total.fail("test-needs", needs.output)
            return

    def follow(number, claims):
        for target, variables, *rest in lanes[number]:
            variables = [each.format(lane=number, claims=claims) for each in variables]
            run_suite(total, (target, variables, *rest), is_shown=is_one,
                      before=STEP_BACK if number < len(COMPUTING) and not is_one else [])

    with tempfile.TemporaryDirectory(prefix="petstore-claims-") as claims, \
            concurrent.futures.ThreadPoolExecutor(len(LANES)) as pool:
        for done in [pool.submit(follow, number, claims) for number in range(len(lanes))]:
            done.result()


def main():
    chosen = sys.argv[1:] or [suite[0] for suite in sum(LANES, []) + SHIPPING]
    total = Total()
    run_lanes(total, chosen)
    for target, minutes, needs in SHIPPING:
        if target in chosen:
            run_suite(total, (target, [], count_last, lambda: needs_minutes(minutes), needs))
    total.try_again()
    return total.finish()


if __name__ == "__main__":
    sys.exit(main())
