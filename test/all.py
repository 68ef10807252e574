#!/usr/bin/python3
"""Runs every suite and closes with one line: N passed, N failed[, N skipped].

Arguments name the suites to run; without any, all of them.

A suite is a make target and a reader that counts what its output says. A suite that stops
without saying how many of its cases ran counts as one failure: nothing passes by silence.
"""
import os
import re
import subprocess
import sys
import xml.etree.ElementTree as ET

MAKE = os.environ.get("MAKE", "make")
B = os.environ.get("B", "build")
SUITE = os.environ.get("SUITE", "../shared/json-schema-suite")


def run(target, *variables):
    """Runs a target, showing its output as it comes; returns its status and its output."""
    print(f"\n=== make {target} {' '.join(variables)}", flush=True)
    process = subprocess.Popen([MAKE, "--no-print-directory", target, *variables],
                               stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                               stderr=subprocess.STDOUT, text=True, errors="replace")
    lines = []
    for line in process.stdout:
        print(line, end="", flush=True)
        lines.append(line)
    return process.wait(), "".join(lines)


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


def count_junit(_output):
    passed = failed = skipped = 0
    for suite in ET.parse(f"{B}/integration.xml").getroot().iter("testsuite"):
        bad = int(suite.get("failures", 0)) + int(suite.get("errors", 0))
        skip = int(suite.get("skipped", 0))
        failed += bad
        skipped += skip
        passed += int(suite.get("tests", 0)) - bad - skip
        for case in suite.iter("testcase"):
            for reason in case.iter("skipped"):
                print(f"skipped {case.get('name')}: {reason.get('message')}")
    return passed, failed, skipped


SUITES = [
    ("lint", [], count_lint),
    ("unit", [], count_cmocka),
    ("unit-tsan", [], count_cmocka),
    ("golden", [], count_closing),
    ("fuzz", ["SECONDS=3"], lambda output: (len(re.findall("^== ", output, re.M)), 0, 0)),
    ("asyncapi", [], count_closing),
    ("conformance", [f"SUITE={SUITE}"], count_closing),
    ("integration", [], count_junit),
    ("crash", ["RUNS=3"], count_crash),
]


def main():
    total = [0, 0, 0]
    for target, variables, reader in SUITES:
        if sys.argv[1:] and target not in sys.argv[1:]:
            continue
        if target == "conformance" and not os.path.isdir(f"{SUITE}/tests"):
            print(f"\nskipped conformance: no suite at {SUITE} (SUITE=DIR names one)")
            total[2] += 1
            continue
        status, output = run(target, *variables)
        try:
            counts = list(reader(output))
        except (OSError, ET.ParseError) as problem:
            print(f"{target}: {problem}")
            counts = [0, 0, 0]
        if (status != 0 or sum(counts) == 0) and counts[1] == 0:
            print(f"{target}: failed with status {status}")
            counts[1] = 1
        total = [a + b for a, b in zip(total, counts)]
        print(f"--- {target}: {counts[0]} passed, {counts[1]} failed, {counts[2]} skipped")
    line = f"{total[0]} passed, {total[1]} failed"
    print(line + (f", {total[2]} skipped" if total[2] else ""), flush=True)
    return 1 if total[1] else 0


if __name__ == "__main__":
    sys.exit(main())
