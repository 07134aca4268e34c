from __future__ import annotations

from dataclasses import astuple

import pytest

from rehearsal.settings import WorldPorts


def test_default_ports_are_all_different() -> None:
    assert len(set(astuple(WorldPorts()))) == len(astuple(WorldPorts()))


def test_a_port_is_chosen_by_the_name_that_messages_use() -> None:
    assert WorldPorts().choose({"source-storage": 1234}) == WorldPorts(source_storage=1234)


def test_an_unknown_port_name_is_refused_with_the_known_ones() -> None:
    with pytest.raises(ValueError, match="no port is called cassandra; there are source, source-storage, target"):
        WorldPorts().choose({"cassandra": 1})
