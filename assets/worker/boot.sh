#!/bin/bash
# Brings a worker from power-on to its own programs: fetches them, checks them, hands over.
# Whatever fails, the instance says why, never joins the cluster and shuts down; the launch
# template turns that into termination.
#
# The launch template's lines in front of this file write what it tells the worker, one JSON
# document, which is still there after a reboot. docs/worker.md lists its values.
set -euo pipefail
umask 022

ROOT="${NFB_ROOT:-}" # empty on an instance
IMDS="${AWS_EC2_METADATA_SERVICE_ENDPOINT:-http://169.254.169.254}"
RUN="$ROOT/run/nextflow-batch"
OPT="$ROOT/opt/nextflow-batch"
DOCUMENT="$ROOT/etc/nextflow-batch/worker.json"
# For a refusal before they are known.
REGION='' LOG_GROUP='' DEPLOYMENT='' INSTANCE_ID=''

values() { # NAME...: their values in the document, a line each
  python3 - "$DOCUMENT" "$@" <<'PYTHON'
import json, sys
try:
    with open(sys.argv[1], encoding="utf-8") as file:
        document = json.load(file)
    print(*(document[name] for name in sys.argv[2:]), sep="\n")
except (OSError, ValueError) as error:
    sys.exit("the launch template's document cannot be read: %s" % error)
except KeyError as error:
    sys.exit("the launch template's document has no %s" % error)
PYTHON
}

refuse() { # REASON
  trap - EXIT TERM INT HUP
  rm -f "$RUN/ready"
  local line="nextflow-batch: this instance does not join: ${1//$'\n'/ }"
  printf '%s\n' "$line" >&2
  printf '%s\n' "$line" >"$ROOT/dev/console" || true
  report 'boot refused' RefusedBoots "$line" >/dev/null 2>&1 || true
  linger >/dev/null 2>&1 || true
  shutdown -h now "$line" || systemctl poweroff --force
  exit 1
}

imds() { # PATH below /latest/
  local token
  token=$(curl -fsS --max-time 2 -X PUT -H 'X-aws-ec2-metadata-token-ttl-seconds: 300' \
    "$IMDS/latest/api/token") || return
  curl -fsS --max-time 2 -H "X-aws-ec2-metadata-token: $token" "$IMDS/latest/$1"
}

# The AMI has no AWS CLI, but its curl signs requests. Credentials go through a file descriptor:
# arguments are visible to every process.
signed() { # SERVICE CURL-ARGUMENT...
  local service=$1 role document config
  shift
  role=$(imds meta-data/iam/security-credentials/) || return
  document=$(imds "meta-data/iam/security-credentials/$role") || return
  config=$(python3 -c '
import json, sys
c = json.load(sys.stdin)
print("user = \"%s:%s\"" % (c["AccessKeyId"], c["SecretAccessKey"]))
print("header = \"x-amz-security-token: %s\"" % c["Token"])' <<<"$document") || return
  curl -fsS --connect-timeout 5 --aws-sigv4 "aws:amz:$REGION:$service" \
    --config <(printf '%s\n' "$config") "$@"
}

endpoint() { # SERVICE [BUCKET]
  local domain
  if [ -n "${AWS_ENDPOINT_URL:-}" ]; then
    printf '%s%s\n' "$AWS_ENDPOINT_URL" "${2:+/$2}"
  else
    domain=$(imds meta-data/services/domain) || return
    printf 'https://%s%s.%s.%s\n' "${2:+$2.}" "$1" "$REGION" "$domain"
  fi
}

logs() { # ACTION BODY
  local url
  url=$(endpoint logs) || return
  signed logs --max-time 10 -X POST -H 'Content-Type: application/x-amz-json-1.1' \
    -H "X-Amz-Target: Logs_20140328.$1" --data "$2" "$url/"
}

create() { # STREAM
  logs CreateLogStream "{\"logGroupName\": \"$LOG_GROUP\", \"logStreamName\": \"worker/$1\"}"
}

# Batch's part of the user data names the cluster, whether it ran already or comes after this one.
cluster() {
  imds user-data | grep -ao 'ECS_CLUSTER=[A-Za-z0-9_-]*' | tail -n 1 | cut -d = -f 2
}

# One event with a metric, in CloudWatch's embedded metric format; best effort.
report() { # EVENT METRIC REASON
  local body
  [ -n "$LOG_GROUP" ] || return 0
  body=$(python3 - "$LOG_GROUP" "${INSTANCE_ID:-unknown}" "$DEPLOYMENT" "$(cluster)" "$@" <<'PYTHON'
import json, sys, time
group, instance, deployment, cluster, event, metric, reason = sys.argv[1:]
now = int(time.time() * 1000)
message = {
    "event": event, "instance": instance, "deployment": deployment, "cluster": cluster,
    "reason": reason, metric: 1, "_aws": {"Timestamp": now, "CloudWatchMetrics": [{
        "Namespace": "NextflowBatch", "Dimensions": [["deployment"]],
        "Metrics": [{"Name": metric, "Unit": "Count"}]}]}}
print(json.dumps({"logGroupName": group, "logStreamName": "worker/" + instance,
                  "logEvents": [{"timestamp": now, "message": json.dumps(message)}]}))
PYTHON
  ) || return
  create "${INSTANCE_ID:-unknown}" || true # it may be there
  logs PutLogEvents "$body"
}

# Batch replaces a refused instance at once while jobs wait, so each of an hour waits longer: the
# first stream that can be created tells how many came before.
linger() {
  local before=0
  until [ "$before" -ge 6 ] || create "refused/$(date -u +%Y-%m-%dT%H)/$(cluster)/$before"; do
    before=$((before + 1))
  done
  sleep "$(((15 << before) / 2 + RANDOM % (15 << before)))"
}

# Waits grow and vary, so that a thousand instances that start together do not ask together.
# The answer is left in ANSWER: in a subshell, refusing would end no more than the subshell.
persist() { # WHAT COMMAND...
  local what=$1 delay=1
  shift
  until ANSWER=$("$@" 2>&1); do
    [ "$((SECONDS + delay))" -lt "$FETCH_SECONDS" ] || refuse "$what: ${ANSWER##*$'\n'}"
    sleep "$((RANDOM % delay + 1))"
    delay=$((delay < 16 ? delay * 2 : 16))
  done
}

# S3 wants the hash of the (empty) body as a header, which not every curl sends by itself:
# https://docs.aws.amazon.com/AmazonS3/latest/API/sig-v4-header-based-auth.html
fetch() {
  local url
  url=$(endpoint s3 "$ASSET_BUCKET") || return
  signed s3 --max-time 60 --output "$OPT/programs.zip" \
    -H "x-amz-content-sha256: $(sha256sum </dev/null | cut -d ' ' -f 1)" "$url/$ASSET_KEY"
}

# The digest is of what is inside the archive (sha256 of a sorted `sha256sum` listing), as the
# bytes of the archive itself are not known when the launch template is written.
unpack() { # ARCHIVE FOLDER SHA256
  python3 - "$@" <<'PYTHON'
import hashlib, os, sys, zipfile
archive, folder, expected = sys.argv[1:]
try:
    with zipfile.ZipFile(archive) as programs:
        files = sorted((f for f in programs.infolist() if not f.is_dir()), key=lambda f: f.filename)
        listing = "".join(
            "%s  %s\n" % (hashlib.sha256(programs.read(f)).hexdigest(), f.filename) for f in files
        )
        found = hashlib.sha256(listing.encode()).hexdigest()
        if found != expected:
            sys.exit("content has SHA-256 %s, the launch template expects %s" % (found, expected))
        for f in files:
            # zipfile drops permissions.
            os.chmod(programs.extract(f, folder), (f.external_attr >> 16 & 0o777) or 0o644)
except (OSError, zipfile.BadZipFile) as error:
    sys.exit(str(error))
PYTHON
}

trap 'refuse "boot.sh ended early, at line $LINENO"' EXIT
trap 'exit 1' TERM INT HUP

mkdir -p "$RUN" "$OPT"
rm -f "$RUN/ready" "$RUN/reason"
ANSWER=$(values region log_group deployment asset_bucket asset_key asset_sha256 fetch_seconds \
  provision_seconds 2>&1) || refuse "$ANSWER"
{
  read -r REGION
  read -r LOG_GROUP
  read -r DEPLOYMENT
  read -r ASSET_BUCKET
  read -r ASSET_KEY
  read -r ASSET_SHA256
  read -r FETCH_SECONDS
  read -r PROVISION_SECONDS
} <<<"$ANSWER"
# Should this script be killed, the instance still goes; provisioning calls it off.
shutdown -h "+$(((FETCH_SECONDS + PROVISION_SECONDS) / 60 + 2))" 'nextflow-batch: boot took too long' ||
  true
[ -f "$ROOT/etc/systemd/system/ecs.service.d/10-nextflow-batch.conf" ] ||
  refuse 'the boothook did not run, nothing holds the ECS agent back'

persist 'instance metadata' imds meta-data/instance-id
INSTANCE_ID=$ANSWER
persist 'instance metadata' imds meta-data/placement/availability-zone
AVAILABILITY_ZONE=$ANSWER

programs="$OPT/$ASSET_SHA256"
if [ ! -d "$programs" ]; then
  persist "fetching s3://$ASSET_BUCKET/$ASSET_KEY" fetch
  rm -rf "$programs.part"
  problem=$(unpack "$OPT/programs.zip" "$programs.part" "$ASSET_SHA256" 2>&1) ||
    refuse "s3://$ASSET_BUCKET/$ASSET_KEY: ${problem##*$'\n'}"
  rm -f "$OPT/programs.zip"
  mv "$programs.part" "$programs"
fi
ln -sfn "$programs" "$OPT/current"

status=0
PYTHONPATH="$programs" PYTHONDONTWRITEBYTECODE=1 timeout --kill-after=10 "$PROVISION_SECONDS" \
  python3 -m nextflow_worker provision "$INSTANCE_ID" "$AVAILABILITY_ZONE" || status=$?
[ "$status" -ne 124 ] || refuse "provisioning took more than $PROVISION_SECONDS s"
[ "$status" -eq 0 ] || refuse "$(cat "$RUN/reason" 2>/dev/null ||
  echo "provisioning ended with status $status and gave no reason")"
[ -e "$RUN/ready" ] || refuse 'provisioning ended without the ready flag'

trap - EXIT TERM INT HUP
shutdown -c || true
report 'boot done' Boots "after $SECONDS s" >/dev/null 2>&1 || true
