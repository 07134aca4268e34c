"""Where a Spark job finds the target, the history and the ledger: a place is handed on, never what is in it.

A job's plan, its command line and its environment are shown by Spark's page, by `ps` and in logs.
"""

import json
import stat
from dataclasses import dataclass
from pathlib import Path

from pydantic import SecretStr

from keyspaces_migration.entrypoints.history_secret import HistorySecret
from keyspaces_migration.entrypoints.secret_model import SecretError, SecretModel, Text, parse_secret
from keyspaces_migration.entrypoints.secrets_manager import secret_text
from keyspaces_migration.entrypoints.store_secrets import StoreSecret, TargetSecret
from keyspaces_migration.ledger import Keyring, Ledger, open_ledger
from keyspaces_migration.ledger.database import Address

_OF_OTHERS = stat.S_IRWXG | stat.S_IRWXO


class KeysSecret(SecretModel):
    """The keys that sign the ledger's records, as Airflow's variable `keyspaces_ledger_secret_keys` has them."""

    current: Text
    """Id of the key that signs."""
    keys: dict[str, SecretStr]
    """By id, 32 random bytes in base64."""


class LedgerSecret(SecretModel):
    """How to reach the ledger, and how to sign in it."""

    url: SecretStr
    """SQLAlchemy's URL, such as postgresql+psycopg2://user:password@host/database?sslmode=verify-full."""
    secret_keys: KeysSecret
    """The keys."""

    def open(self) -> Ledger:
        """Open the ledger.

        Raises:
            LedgerError: It can't be reached, or the URL names no ledger.
            KeyringError: A key is weak, or none is the current one.
        """
        keys = {key_id: value.get_secret_value() for key_id, value in self.secret_keys.keys.items()}
        keyring = Keyring.from_json(json.dumps({"current": self.secret_keys.current, "keys": keys}))
        return open_ledger(self.url.get_secret_value(), keyring=keyring)

    @property
    def is_of_one_machine(self) -> bool:
        """Whether only processes of one machine can share it.

        Raises:
            LedgerAddressError: The URL names no ledger.
        """
        return Address.parse(self.url.get_secret_value()).is_sqlite


class SparkSecrets(SecretModel):
    """All that a Spark job needs to reach what it reads and writes."""

    target: TargetSecret
    """Amazon Keyspaces; an empty object signs with the job's own role."""
    history: HistorySecret
    """Snowflake."""
    ledger: LedgerSecret
    """The ledger."""
    source: StoreSecret | None = None
    """The source, where deletes are logged; needed after the barrier of dual writes."""

    def source_after_barrier(self) -> StoreSecret:
        """Return the source's secret, which there must be.

        Raises:
            SecretError: There is none.
        """
        if self.source is None:
            raise SecretError(
                "Dual writes have begun, and there is no secret of the source, where deletes are logged: rows that "
                "applications delete during the load would come back. Name it in backfill.spark.secrets.source"
            )
        return self.source


@dataclass(frozen=True, kw_only=True)
class SecretsFile:
    """A JSON file of `SparkSecrets` that only its owner may read, on each machine that loads."""

    path: Path

    def read(self) -> SparkSecrets:
        """Read it.

        Raises:
            SecretError: It can't be read, others may read it, or it holds something else.
        """
        try:
            mode = self.path.stat().st_mode
            text = self.path.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise SecretError(f"The secrets' file {self.path} can't be read: {type(error).__name__}") from None
        if mode & _OF_OTHERS:
            raise SecretError(
                f"The secrets' file {self.path} has mode {stat.S_IMODE(mode):04o}; allowed: 0600 or 0400. Others "
                "may have read it: change the passwords in it, and then the mode"
            )
        return parse_secret(text, SparkSecrets, name=str(self.path))


@dataclass(frozen=True, kw_only=True)
class SecretsManager:
    """Names of secrets in AWS Secrets Manager; whoever reads them has an AWS role of its own."""

    region: str
    target: str
    history: str
    ledger: str
    source: str | None = None

    def read(self) -> SparkSecrets:
        """Read them.

        Raises:
            SecretUnreadError: One could not be read.
            SecretError: One holds something else.
        """
        return SparkSecrets(
            target=parse_secret(secret_text(self.target, region=self.region), TargetSecret, name=self.target),
            history=parse_secret(secret_text(self.history, region=self.region), HistorySecret, name=self.history),
            ledger=parse_secret(secret_text(self.ledger, region=self.region), LedgerSecret, name=self.ledger),
            source=None if self.source is None else self._source(self.source),
        )

    def _source(self, name: str) -> StoreSecret:
        return parse_secret(secret_text(name, region=self.region), StoreSecret, name=name)


SecretsPlace = SecretsFile | SecretsManager
