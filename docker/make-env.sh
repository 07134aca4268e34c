#!/usr/bin/env bash
# Writes the secrets that docker-compose.yml asks for into .env, once: random, readable by the owner alone.
set -euo pipefail
cd "$(dirname "$0")/.."
umask 077
random() { head -c "$1" /dev/urandom | base64 | tr -d '\n'; }
url_safe() { random "$1" | tr '+/' '-_'; }
# The keys that sign the ledger's records, as `python -m keyspaces_migration.ledger new-key` prints them.
ledger_keys() { printf "LEDGER_SECRET_KEYS='{\"current\": \"compose\", \"keys\": {\"compose\": \"%s\"}}'\n" "$(random 32)"; }
password() { printf '%s=%s\n' "$1" "$(head -c 24 /dev/urandom | base64 | tr -dc 'A-Za-z0-9')"; }
if [ -e .env ]; then
  # One of an earlier version lacks some; the rest must stay, as the database keeps its password.
  grep -q '^LEDGER_SECRET_KEYS=' .env || { ledger_keys >> .env; echo "added the ledger's keys to .env"; }
  for name in GATE_READER_PASSWORD PULUMI_PASSPHRASE; do
    grep -q "^$name=" .env || { password "$name" >> .env; echo "added $name to .env"; }
  done
  echo ".env is there already; delete it to make new secrets (the database keeps the old password)"
  exit 0
fi
{
  password POSTGRES_PASSWORD
  password GATE_READER_PASSWORD
  password PULUMI_PASSPHRASE
  echo "AIRFLOW_FERNET_KEY=$(url_safe 32)"
  echo "AIRFLOW_SECRET_KEY=$(url_safe 32)"
  echo "AIRFLOW_JWT_SECRET=$(url_safe 64)"
  ledger_keys
} > .env
echo "wrote .env"
