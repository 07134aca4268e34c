"""The operators and sensors of general use, as they are found in the package."""

from __future__ import annotations

import importlib
import inspect
import pkgutil

from airflow.sdk import BaseOperator

PACKAGES = ("operators", "sensors", "transfers")


def of_general_use() -> set[type[BaseOperator]]:
    """All that is no base of others and takes no ledger: what has one is of a stage, and has its own tests."""
    packages = [importlib.import_module(f"keyspaces_provider.{name}") for name in PACKAGES]
    modules = [
        importlib.import_module(each.name)
        for package in packages
        for each in pkgutil.walk_packages(package.__path__, f"{package.__name__}.")
    ]
    return {
        found
        for module in modules
        for _, found in inspect.getmembers(module, inspect.isclass)
        if issubclass(found, BaseOperator)
        and found.__module__ == module.__name__
        and not inspect.isabstract(found)
        and not takes_ledger(found)
    }


def takes_ledger(kind: type[BaseOperator]) -> bool:
    made = [vars(each)["__init__"] for each in kind.__mro__ if "__init__" in vars(each)]
    return any("ledger_conn_id" in inspect.signature(each).parameters for each in made)
