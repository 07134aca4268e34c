#!/usr/bin/env bash
# Writes the secrets that docker-compose.yml asks for into .env, once: random, readable by the owner alone.
set -euo pipefail
cd "$(dirname "$0")/.."
[ -e .env ] && { echo ".env is there already; delete it to make new secrets (the database keeps the old password)"; exit 0; }
umask 077
random() { head -c "$1" /dev/urandom | base64 | tr '+/' '-_' | tr -d '\n'; }
{
  echo "POSTGRES_PASSWORD=$(head -c 24 /dev/urandom | base64 | tr -dc 'A-Za-z0-9')"
  echo "AIRFLOW_FERNET_KEY=$(random 32)"
  echo "AIRFLOW_SECRET_KEY=$(random 32)"
  echo "AIRFLOW_JWT_SECRET=$(random 64)"
} > .env
echo "wrote .env"
