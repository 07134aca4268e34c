#!/bin/sh
# For Amazon MWAA: the startup script. MWAA runs it on every component, before it installs requirements.txt.
# It brings the Pulumi CLI that `provision`, `drift` and `destroy` need onto the workers, from a bucket of yours: no
# download from elsewhere. Put it there once: tools/install-pulumi.sh prints its path on a Linux machine of the same
# processor, then `aws s3 cp <path> s3://<bucket>/pulumi-@PULUMI_VERSION@`.
set -eu

PULUMI_BUCKET="${PULUMI_BUCKET:-}"                              # fill in, or leave empty where nothing is provisioned
PULUMI_SHA256="${PULUMI_SHA256:-}"                              # sha256sum of that file
PULUMI_VERSION="@PULUMI_VERSION@"                                      # the driver takes no other

if [ "${MWAA_AIRFLOW_COMPONENT:-}" = worker ] && [ -n "$PULUMI_BUCKET" ]; then
  folder="${XDG_CACHE_HOME:-$HOME/.cache}/keyspaces-migration"
  mkdir -p "$folder"
  python3 - "$PULUMI_BUCKET" "pulumi-$PULUMI_VERSION" "$folder/pulumi-$PULUMI_VERSION" <<'END'
import sys

import boto3

bucket, key, path = sys.argv[1:]
boto3.client("s3").download_file(bucket, key, path + ".new")
END
  echo "$PULUMI_SHA256  $folder/pulumi-$PULUMI_VERSION.new" | sha256sum --check --status || {
    echo "s3://$PULUMI_BUCKET/pulumi-$PULUMI_VERSION has not the digest in PULUMI_SHA256: not used" >&2
    exit 1
  }
  chmod 755 "$folder/pulumi-$PULUMI_VERSION.new"
  mv "$folder/pulumi-$PULUMI_VERSION.new" "$folder/pulumi-$PULUMI_VERSION"
fi
