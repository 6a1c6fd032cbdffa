from __future__ import annotations

import stat
from collections.abc import Callable
from datetime import timedelta
from itertools import count
from pathlib import Path

import pytest

from asterism.errors import AsterismError, UsageError
from asterism.run.tokens import Tokens


def ticking() -> Callable[[], float]:
    """A clock on which ten seconds pass between looks."""
    ticks = count(step=10)
    return lambda: next(ticks)


def test_a_token_is_found_by_its_text_alone(tmp_path: Path) -> None:
    tokens = Tokens(tmp_path, ticking())
    text, made = tokens.create(("read",), "dashboard")
    other, _ = tokens.create(("sql",))
    assert tokens.find(text) == made
    swapped = f"ast_{made.id}_{other.rpartition('_')[2]}"
    for wrong in (text[:-1], text + "x", text.upper(), swapped, "", "ast__", "ast_" + made.id, "\udcff", "ä" * 5_000):
        assert tokens.find(wrong) is None


def test_only_hashes_are_kept_and_only_the_owner_reads_them(tmp_path: Path) -> None:
    text, made = Tokens(tmp_path).create(("admin",))
    file = tmp_path / "tokens.json"
    assert text.rpartition("_")[2] not in file.read_text()
    assert made.hash in file.read_text()
    assert made.hash not in repr(made)
    assert stat.S_IMODE(file.stat().st_mode) == 0o600


def test_secrets_have_256_bits_and_differ(tmp_path: Path) -> None:
    tokens = Tokens(tmp_path)
    texts = {tokens.create(("read",))[0] for _ in range(20)}
    assert len(texts) == 20
    assert all(len(text.split("_", 2)[2]) >= 43 for text in texts)  # 43 characters of 6 bits


def test_scopes_allow_what_they_name(tmp_path: Path) -> None:
    tokens = Tokens(tmp_path)
    _, one = tokens.create(("ingest:orders",))
    assert one.allows("ingest:orders")
    assert not any(one.allows(each) for each in ("ingest:orders2", "ingest:*", "read", "sql", "admin"))
    _, every = tokens.create(("ingest:*", "read"))
    assert every.allows("ingest:anything")
    assert every.allows("read")
    assert not every.allows("sql")
    _, admin = tokens.create(("admin",))
    assert all(admin.allows(each) for each in ("ingest:orders", "read", "sql", "admin"))


@pytest.mark.parametrize("scope", ["", "write", "ingest", "ingest:", "ingest:Orders", "read ", "ingest:a b", "ADMIN"])
def test_an_unknown_scope_is_refused_with_those_there_are(tmp_path: Path, scope: str) -> None:
    with pytest.raises(UsageError, match="ingest:STREAM"):
        Tokens(tmp_path).create((scope,))
    assert Tokens(tmp_path).all() == []


def test_a_token_that_is_over_opens_nothing(tmp_path: Path) -> None:
    tokens = Tokens(tmp_path, ticking())
    text, _ = tokens.create(("read",), lasting=timedelta(microseconds=1))
    assert tokens.find(text) is None
    text, made = tokens.create(("read",), lasting=timedelta(days=90))
    assert tokens.find(text) == made
    with pytest.raises(UsageError, match="outlast"):
        tokens.create(("read",), lasting=timedelta(days=99_999_999))


def test_another_process_sees_what_is_made_and_revoked(tmp_path: Path) -> None:
    serving = Tokens(tmp_path, ticking())
    assert serving.find("ast_0123456789_x") is None
    text, made = Tokens(tmp_path).create(("read",))
    assert serving.find(text) == made
    Tokens(tmp_path).revoke(made.id)
    assert serving.find(text) is None
    with pytest.raises(UsageError, match="token list"):
        Tokens(tmp_path).revoke(made.id)


def test_a_new_token_opens_at_once_and_a_revoked_one_for_half_a_second_at_most(tmp_path: Path) -> None:
    now = [100.0]
    serving = Tokens(tmp_path, lambda: now[0])
    serving.find("x")
    text, made = Tokens(tmp_path).create(("read",))
    assert serving.find(text) == made
    Tokens(tmp_path).revoke(made.id)
    now[0] += 0.51
    assert serving.find(text) is None


def test_a_damaged_file_lets_nobody_in_and_says_what_to_do(tmp_path: Path) -> None:
    tokens = Tokens(tmp_path, ticking())
    text, _ = tokens.create(("admin",))
    assert tokens.find(text)
    good = (tmp_path / "tokens.json").read_bytes()
    (tmp_path / "tokens.json").write_bytes(good[:-20])
    with pytest.raises(AsterismError, match="create tokens anew"):
        tokens.find(text)
    with pytest.raises(AsterismError, match="cannot be read"):
        tokens.create(("read",))
    (tmp_path / "tokens.json").write_bytes(good)
    assert tokens.find(text)
