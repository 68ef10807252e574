#!/bin/bash
# Has Compose read docker/compose.yaml, and compares it with the Dockerfile: what the image
# exposes is published, and beside that the console, on 127.0.0.1; its volumes are kept, files that are mounted exist. In compose.cluster.yaml
# HAProxy publishes that, and its configuration names brokers and ports that are there. Prints what
# is wrong. No engine is needed. Where Compose is not installed, Debian 13's is unpacked to
# $B/compose, by way of the system in folder SYSTEM.
#
#     compose.sh [SYSTEM]
set -euo pipefail
cd "$(dirname "$0")/.."
mkdir -p "${B:=build}/compose"
B=$(realpath "$B")

fetch()
{
	test/chroot.sh run "$1" sh -c 'cd /tmp && rm -f docker-compose_*.deb && apt-get update -q >&2 &&
		apt-get download -q docker-compose >&2 && cat docker-compose_*.deb && rm docker-compose_*.deb' \
		</dev/null >"$B/compose/new.deb"
	dpkg-deb -x "$B/compose/new.deb" "$B/compose"
	rm "$B/compose/new.deb"
}

if docker compose version >/dev/null 2>&1; then
	compose=(docker compose)
else
	compose=("$B/compose/usr/libexec/docker/cli-plugins/docker-compose")
	[ -x "${compose[0]}" ] || fetch "$1"
fi

"${compose[@]}" -f docker/compose.yaml --profile metrics config --format json |
	/usr/bin/python3 -c '
import json, os, re, sys
compose = json.load(sys.stdin)
broker = compose["services"]["broker"]
with open("docker/Dockerfile", encoding="utf-8") as file:
    recipe = file.read()
exposed = set(map(int, re.search(r"^EXPOSE (.*)$", recipe, re.M)[1].split()))
volumes = set(json.loads(re.search(r"^VOLUME (.*)$", recipe, re.M)[1]))
published = {port["target"] for port in broker["ports"] if port.get("host_ip") != "127.0.0.1"}
console = {(port["target"], int(port["published"])) for port in broker["ports"]} - {(each, each) for each in published}
mounted = {volume["target"] for volume in broker["volumes"]}
bound = {volume["source"] for service in compose["services"].values()
         for volume in service.get("volumes", []) if volume["type"] == "bind"}
wrong = [f"exposed, or published, but not both: {exposed ^ published}"] * (exposed != published)
wrong += [f"the console: {console}"] * (console != {(8080, 8080), (8081, 8081)})
wrong += [f"not mounted: {volumes - mounted}"] * (not volumes <= mounted)
wrong += [f"no such file: {name}" for name in bound if not os.path.exists(name)]
print(*wrong, sep="\n", end="")
sys.exit(bool(wrong))'

# The brokers of a cluster, and HAProxy, which alone is reached from outside.
POSTGRES_PASSWORD=x "${compose[@]}" -f docker/compose.cluster.yaml config --format json |
	/usr/bin/python3 -c '
import json, os, re, sys
services = json.load(sys.stdin)["services"]
with open("docker/Dockerfile", encoding="utf-8") as file:
    recipe = file.read()
with open("docker/haproxy.cfg", encoding="utf-8") as file:
    settings = file.read()
exposed = set(map(int, re.search(r"^EXPOSE (.*)$", recipe, re.M)[1].split()))
volumes = set(json.loads(re.search(r"^VOLUME (.*)$", recipe, re.M)[1]))
brokers = {name: each for name, each in services.items() if name.startswith("broker-")}
bound = set(map(int, re.findall(r"^    bind :(\d+)", settings, re.M)))
places = re.findall(r"^    server (\S+) (\S+):(\d+)", settings, re.M)
files = {volume["source"] for service in services.values()
         for volume in service.get("volumes", []) if volume["type"] == "bind"}
published = {port["target"] for port in services["haproxy"]["ports"]}
wrong = [f"bound, published, exposed: {bound}, {published}, {exposed}"] * (
    not bound == published == exposed)
wrong += [f"HAProxy has no servers {missing}" for missing in
          {(name, name, str(port)) for name in brokers for port in exposed} ^ set(places)]
wrong += [f"{name}: not mounted: {lacking}" for name, each in brokers.items()
          for lacking in volumes - {volume["target"] for volume in each["volumes"]}]
wrong += [f"no such file: {name}" for name in files if not os.path.exists(name)]
print(*wrong, sep="\n", end="")
sys.exit(bool(wrong))'
