#!/bin/bash
# Holds a worker back until it has proved itself. A cloud-boothook: runs early in each boot, before
# Docker and the ECS agent.
#
# The agent waits for user data to end but starts even if it failed (ecs.service has
# After=cloud-final.service and no Requires=), so a condition is what makes boot fail closed.
# https://github.com/aws/amazon-ecs-agent/blob/master/packaging/amazon-linux-ami-integrated/ecs.service
#
# Nothing is started or stopped here: that can hang the boot.
set -eu

units="${NFB_ROOT:-}/etc/systemd/system"

hold() { # UNIT CONDITION
  mkdir -p "$units/$1.service.d"
  printf '# A worker joins only when it is sound.\n[Unit]\n%s\n' "$2" \
    >"$units/$1.service.d/10-nextflow-batch.conf"
}

hold ecs ConditionPathExists=/run/nextflow-batch/ready
# Without these, Docker would fill the root volume until scratch is there.
hold docker ConditionPathIsMountPoint=/var/lib/docker
hold containerd ConditionPathIsMountPoint=/var/lib/containerd

systemctl daemon-reload
