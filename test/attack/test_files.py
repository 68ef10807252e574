"""What others put in the place of a file makes the broker neither wait nor write elsewhere."""
import os

import pytest

import engines
import harness
import watched


def metrics(broker):
    os.makedirs(broker.path("m"), exist_ok=True)
    path = broker.path("m/petstore.prom")
    broker.edits.append(watched.options(metrics_file=path, metrics_interval=1))
    return path


def put_pipe(path):
    os.mkfifo(path)


def put_link(path):
    with open(path + ".precious", "w") as file:
        file.write("keep me")
    os.symlink(path + ".precious", path)


@pytest.mark.parametrize("put", [put_pipe, put_link, os.mkdir])
def test_in_the_place_of_the_metrics(new_broker, put):
    broker = new_broker()
    path = metrics(broker)
    broker.start()
    harness.until(lambda: os.path.exists(path), "the metrics")
    while True:  # the plugin may be writing to it just now
        try:
            put(path + ".new")
            break
        except FileExistsError:
            pass
    written = os.stat(path).st_mtime_ns
    if put is os.mkdir:
        broker.wait_log("petstore.prom: cannot write metrics: Is a directory")
        os.rmdir(path + ".new")
    harness.until(lambda: os.stat(path).st_mtime_ns != written, "the metrics again")
    assert os.path.isfile(path) and not os.path.islink(path)
    if put is put_link:
        with open(path + ".new.precious") as file:
            assert file.read() == "keep me"
    assert broker.stop() == 0


@pytest.mark.parametrize("put, said", [
    (put_link, "expected a regular file, not a symbolic link"),
    (put_pipe, "expected a regular file"),
])
def test_in_the_place_of_the_journal(new_broker, put, said):
    broker = new_broker()
    broker.start()
    broker.stop()
    ring = next(name for name in os.listdir(broker.folder) if name.endswith("-journal.ring"))
    os.unlink(broker.path(ring))
    put(broker.path(ring))
    with pytest.raises(harness.StartError) as error:
        broker.restart()
    assert "%s: %s\n" % (ring, said) in error.value.log
    if put is put_link:
        with open(broker.path(ring) + ".precious") as file:
            assert file.read() == "keep me"


@engines.sqlite_only("its files")
@pytest.mark.parametrize("suffix", ["", "-wal"])
def test_in_the_place_of_the_database(new_broker, suffix):
    broker = new_broker()
    broker.start()
    broker.stop()
    ring = next(name for name in os.listdir(broker.folder) if name.endswith("-journal.ring"))
    path = broker.path(ring[:-len("-journal.ring")]) + suffix
    if os.path.exists(path):
        os.unlink(path)
    put_pipe(path)
    with pytest.raises(harness.StartError) as error:
        broker.restart()
    assert "%s: expected a regular file\n" % os.path.basename(path) in error.value.log


@pytest.mark.parametrize("name", ["contract", "access", "passwords", "monitor"])
def test_a_pipe_at_a_reload(new_broker, name):
    """The old rules stay in force, and nobody waits."""
    broker = new_broker()
    watched.watch(broker, {})
    broker.start()
    path = {"contract": broker.contract, "access": broker.path("access.json"),
            "passwords": broker.path("passwords"), "monitor": broker.path("monitor.json")}[name]
    os.rename(path, path + ".away")
    put_pipe(path)
    said = broker.reload()
    assert "reload failed, nothing was changed" in said
    assert "%s: not a regular file" % os.path.basename(path) in said
    os.unlink(path)
    os.rename(path + ".away", path)
    assert "reload failed" not in broker.reload()
