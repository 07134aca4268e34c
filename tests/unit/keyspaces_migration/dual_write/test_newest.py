from __future__ import annotations

import threading

from keyspaces_migration.dual_write.newest import Newest


def test_what_was_not_used_for_longest_is_let_go_and_that_is_said_once() -> None:
    said: list[str] = []
    kept: Newest[int] = Newest(3, on_first_loss=lambda: said.append("lost"))
    for number, text in enumerate("abc"):
        kept.keep(text, number)
    assert (kept.get("a"), said) == (0, [])
    kept.keep("d", 3)
    kept.keep("e", 4)
    assert [kept.get(text) for text in "abcde"] == [0, None, None, 3, 4]
    assert said == ["lost"]
    assert len(kept) == 3


def test_the_value_that_came_first_is_everybody_s() -> None:
    kept: Newest[object] = Newest(3, on_first_loss=lambda: None)
    first = object()
    assert kept.keep("a", first) is first
    assert kept.keep("a", object()) is first


def test_threads_keep_it_bounded() -> None:
    kept: Newest[int] = Newest(10, on_first_loss=lambda: None)

    def many(begin: int) -> None:
        for number in range(begin, begin + 2_000):
            assert kept.keep(str(number), number) == number
            kept.get(str(begin))

    threads = [threading.Thread(target=many, args=(n * 10_000,)) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(kept) == 10
