"""Stages: where a platform lives. One section of `asterism.toml` each."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Stage:
    """Where things live and what is allowed there. URIs are interpolated and absolute by now."""

    name: str
    warehouse: str
    """The engine's URI: `duckdb:////absolute/file.duckdb`, `postgresql://…`, `embedded:////absolute/folder`."""
    lake: str
    """The lake's URI: `file:///absolute/folder`, `s3://bucket/prefix`, `memory:///`."""
    state: str
    """An absolute local folder for locks and sockets."""
    production: bool = False
    """Production refuses simulators and `reset`."""
    schedules: bool = True
    """Whether `run` pulls by the clock."""
    processed: bool = True
    """Whether each model's change sets are written to the lake's processed zone."""
