"""Mosquitto 2.0 loads plugins into one name space: ours shows its three symbols alone."""

import subprocess

import harness


def test_three_symbols():
    out = subprocess.run(["nm", "-D", "--defined-only", harness.PLUGIN], check=True, text=True,
                         stdout=subprocess.PIPE).stdout
    names = sorted(line.split()[2].split("@")[0] for line in out.splitlines())
    assert names == ["mosquitto_plugin_cleanup", "mosquitto_plugin_init",
                     "mosquitto_plugin_version"]
