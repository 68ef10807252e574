#!/bin/bash
# The service "setup" of compose.cluster.yaml: makes certificates, accounts and each broker's
# mosquitto.conf in /mosquitto/config, where they are not there, as `make run-cluster` does.
#
#     SERVER_NAMES POSTGRES_PASSWORD POSTGRES_HOSTS NEVER_LOCK BROKERS CONTRACT   see scripts/cluster.sh
set -euo pipefail

share=/usr/share/mosquitto-petstore
PLUGIN=$(echo /usr/lib/*/mosquitto_petstore.so)
export PLUGIN CLUSTER_DIR=/mosquitto/config IN_CONTAINERS=1 DEMO=$share/demo.sh \
	ACCESS=$share/access.json EXAMPLE=$share/mosquitto.conf.example \
	CONTRACT=${CONTRACT:-$share/schemas/petstore.asyncapi.json}
exec $share/cluster.sh prepare
