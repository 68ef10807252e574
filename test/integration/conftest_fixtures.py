"""What the tests of integration/ and attack/ have in common."""
import filecmp
import os
import shutil
import subprocess

import pytest

os.environ["PATH"] += ":/usr/sbin:/usr/local/sbin"

import harness
import messages


def pytest_configure(config):
    """paho 1.6 and 2.1 have each their own about how the other is used."""
    for warning in ("Callback API version 1 is deprecated", "ssl.PROTOCOL_TLS is deprecated"):
        config.addinivalue_line("filterwarnings", "ignore:%s" % warning)


@pytest.fixture(scope="module", autouse=True)
def dated_now():
    messages.WHEN = messages.now()


@pytest.fixture(scope="session")
def template(tmp_path_factory):
    """Certificates and accounts, made once."""
    folder = tmp_path_factory.mktemp("template") / "run"
    harness.prepare(folder)
    return str(folder)


@pytest.fixture(scope="module")
def broker(tmp_path_factory, template, request):
    """
    A broker that the tests of one file share: use ids of your own (messages.unique). With the
    access file that the test file's ACCESS names; without durability "power", unless it says that it
    NEEDS_POWER.
    """
    broker = harness.Broker(tmp_path_factory.mktemp("broker") / "run", template,
                            access=getattr(request.module, "ACCESS", None))
    if not getattr(request.module, "NEEDS_POWER", False):
        broker.without_power()
    with harness.running(broker):
        yield broker


@pytest.fixture
def new_broker(tmp_path, template):
    """Makes brokers for one test, and stops them."""
    made = []

    def new(**options):
        made.append(harness.Broker(tmp_path / ("run%d" % len(made)), template, **options))
        return made[-1]

    yield new
    for broker in made:
        broker.stop()


@pytest.fixture(scope="session")
def node_modules():
    """MQTT.js and the browser's driver, as test/clients/package-lock.json pins them."""
    source = os.path.join(harness.TOP, "test", "clients")
    folder = os.path.join(harness.BUILD, "clients")
    modules = os.path.join(folder, "node_modules")
    lock = "package-lock.json"
    if not shutil.which("node"):
        pytest.skip("node is not installed")
    if not (os.path.isdir(modules) and
            filecmp.cmp(os.path.join(source, lock), os.path.join(folder, lock), shallow=False)):
        if not shutil.which("npm"):
            pytest.skip("npm is not installed")
        os.makedirs(folder, exist_ok=True)
        shutil.copy(os.path.join(source, "package.json"), folder)
        shutil.copy(os.path.join(source, lock), folder)
        done = subprocess.run(["npm", "ci", "--fetch-retries=1", "--no-audit", "--no-fund", "--ignore-scripts"],
                              cwd=folder, text=True, timeout=300, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT)
        if done.returncode != 0:
            shutil.rmtree(modules, ignore_errors=True)
            pytest.skip("npm can't fetch MQTT.js: " + done.stdout[-300:])
    return modules


@pytest.fixture
def new_cluster(tmp_path, template):
    """Makes clusters for one test (cluster.Cluster has the options), and ends them."""
    import cluster

    made = []

    def new(**options):
        made.append(cluster.Cluster(tmp_path / ("cluster%d" % len(made)), template, **options))
        return made[-1]

    yield new
    for each in made:
        each.close()
