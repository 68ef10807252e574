#!/usr/bin/python3
"""petstorectl's output, held against the files under test/data/ctl.

A .case file is a command line for bash, its exit status, and what it prints (errors included):

    $ petstorectl orders o-1 --database DB
    = 0
    ...

DB is a database made from store.sql; TMP a folder with it and with shop/, laid out as `make run`
leaves the project. It runs in a folder that has what the project's has, without a build/. With
--update the files are written anew: look at the difference.
"""
import glob
import os
import re
import shutil
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


def make_shop(folder):
    """The project as a checkout after `make run`, on the contract of the tests."""
    project, run_folder = os.path.join(folder, "project"), os.path.join(folder, "shop/build/run")
    os.mkdir(project)
    os.makedirs(run_folder)
    for name in os.listdir(TOP):
        if name != "build":
            os.symlink(os.path.join(TOP, name), os.path.join(project, name))
    shutil.copy(os.path.join(DATA, "access-1.json"), os.path.join(run_folder, "access.json"))
    with open(os.path.join(run_folder, "credentials"), "w") as file:
        file.write("bob secret\n")
    passwords = os.path.join(run_folder, "passwords")
    os.close(os.open(passwords, os.O_CREAT, 0o600))
    with open(os.path.join(run_folder, "mosquitto.conf"), "w") as file:
        file.write("".join("%s %s\n" % pair for pair in [
            ("listener", "1 127.0.0.1"),
            ("user", "root"),  # else lint, asked by root, finds that mosquitto may not read these
            ("plugin", "/usr/lib/mosquitto_petstore.so"),
            ("plugin_opt_contract", os.path.join(DATA, "shop-1.asyncapi.json")),
            ("plugin_opt_password_file", passwords),
            ("plugin_opt_access", os.path.join(run_folder, "access.json")),
            ("plugin_opt_database", os.path.join(folder, "petstore.db"))]))


def run(line, folder):
    database = os.path.join(folder, "petstore.db")
    line = re.sub(r"\bDB\b", database, re.sub(r"\bTMP\b", folder, line))
    names = ("COLUMNS", "NO_COLOR", "PETSTORE_CONFIG", "BASH_ENV")
    environment = {name: value for name, value in os.environ.items() if name not in names}
    environment["PATH"] = os.path.dirname(TOOL) + ":" + os.environ["PATH"]
    done = subprocess.run(["bash", "-c", line], cwd=os.path.join(folder, "project"), text=True,
                          errors="backslashreplace", env=environment,
                          stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, timeout=60)
    out = done.stdout.replace(database, "DB").replace(folder, "TMP").replace(
        TOP + os.sep, "")
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
        make_shop(folder)
        results = [check(path, folder, "--update" in sys.argv) for path in cases]
    print("%d passed, %d failed" % (sum(results), len(results) - sum(results)))
    return 0 if results and all(results) else 1


if __name__ == "__main__":
    sys.exit(main())
