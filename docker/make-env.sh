#!/usr/bin/env bash
# Writes the secrets that docker-compose.yml asks for into .env, once: random, readable by the owner alone.
set -euo pipefail
cd "$(dirname "$0")/.."
umask 077
random() { head -c "$1" /dev/urandom | base64 | tr -d '\n'; }
url_safe() { random "$1" | tr '+/' '-_'; }
# The keys that sign the ledger's records, as `python -m keyspaces_migration.ledger new-key` prints them.
ledger_keys() { printf "LEDGER_SECRET_KEYS='{\"current\": \"compose\", \"keys\": {\"compose\": \"%s\"}}'\n" "$(random 32)"; }
if [ -e .env ]; then
  # One of an earlier version has no keys for the ledger yet; the rest must stay, as the database keeps its password.
  grep -q '^LEDGER_SECRET_KEYS=' .env || { ledger_keys >> .env; echo "added the ledger's keys to .env"; }
  echo ".env is there already; delete it to make new secrets (the database keeps the old password)"
  exit 0
fi
{
  echo "POSTGRES_PASSWORD=$(head -c 24 /dev/urandom | base64 | tr -dc 'A-Za-z0-9')"
  echo "AIRFLOW_FERNET_KEY=$(url_safe 32)"
  echo "AIRFLOW_SECRET_KEY=$(url_safe 32)"
  echo "AIRFLOW_JWT_SECRET=$(url_safe 64)"
  ledger_keys
} > .env
echo "wrote .env"
