"""Lineage events by OpenLineage."""
