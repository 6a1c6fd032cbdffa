"""Logs by structlog."""
