#!/usr/bin/python3
"""petstorectl's output, held against the files under test/data/ctl.

A .case file is a command line, its exit status, and what it prints (errors included):

    $ petstorectl orders o-1 --database DB
    = 0
    ...

DB is a database made from store.sql; TMP a folder of the case's own. With --update the
files are written anew: look at the difference.
"""
import glob
import os
import re
import shlex
import sqlite3
import subprocess
import sys
import tempfile

TOP = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
DATA = os.path.join(TOP, "test", "data", "ctl")
TOOL = os.path.join(os.path.abspath(os.environ.get("B", "build")), "petstorectl")


def make_database(path):
    database = sqlite3.connect(path)
    for name in sorted(glob.glob(os.path.join(TOP, "schemas", "store", "*.sql"))):
        with open(name) as file:
            database.executescript(loosen(file.read()))
    with open(os.path.join(DATA, "store.sql")) as file:
        database.executescript(loosen(file.read()))
    database.close()


def loosen(sql):
    """What SQLite before 3.37 does not know."""
    if sqlite3.sqlite_version_info < (3, 37):
        sql = re.sub(r" STRICT| ANY", "", sql)
    return sql


def run(line, folder):
    database = os.path.join(folder, "petstore.db")
    words = [re.sub(r"\bDB\b", database, re.sub(r"\bTMP\b", folder, word))
             for word in shlex.split(line)]
    done = subprocess.run([TOOL] + words[1:], cwd=TOP, text=True, errors="backslashreplace",
                          stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, timeout=60)
    out = done.stdout.replace(database, "DB").replace(folder, "TMP")
    # of a notice: nobody can know them
    out = re.sub(r'("decisionId": ")[0-9a-z]{16}"', r'\1ID"', out)
    out = re.sub(r'("time": ")20[0-9T:.-]*Z"', r'\1TIME"', out)
    return "= %d\n%s" % (done.returncode, out)


def check(path, folder, is_update):
    with open(path) as file:
        head, _, expected = file.read().partition("\n")
    actual = run(head.replace("$ ", "", 1), folder)
    # blanks at the end of a line are an editor's to remove
    actual = re.sub(r"[ \t]+$", "", actual, flags=re.M)
    if actual == expected:
        return True
    if is_update:
        with open(path, "w") as file:
            file.write(head + "\n" + actual)
        return True
    print("FAIL %s\n%s\n--- expected\n%s--- but\n%s" % (
        os.path.relpath(path, TOP), head, expected, actual))
    return False


def main():
    cases = sorted(glob.glob(os.path.join(DATA, "*.case")))
    with tempfile.TemporaryDirectory() as folder:
        make_database(os.path.join(folder, "petstore.db"))
        results = [check(path, folder, "--update" in sys.argv) for path in cases]
    print("%d passed, %d failed" % (sum(results), len(results) - sum(results)))
    return 0 if results and all(results) else 1


if __name__ == "__main__":
    sys.exit(main())
