"""RDS: a PostgreSQL server for the warehouse, where the settings ask for one."""

from __future__ import annotations

from collections.abc import Iterator

from asterism.deploy.resource import Resource
from asterism.deploy.setting import Setting

WAREHOUSE = "warehouse"


def databases(setting: Setting) -> Iterator[Resource]:
    """The server. RDS makes its password and keeps it in Secrets Manager: neither state nor plan has it."""
    target = setting.target
    if not target.database:
        return
    place = setting.graph.place("database")
    name = setting.name(WAREHOUSE)
    group = Resource(
        "aws_db_subnet_group",
        WAREHOUSE,
        {"name": name, "subnet_ids": [*target.subnets]},
        "where the warehouse's server stands",
        place,
        keeps=True,
    )
    if target.subnets:
        yield group
    arguments = {
        "identifier": name,
        "engine": "postgres",
        "engine_version": "17",
        "instance_class": target.database,
        "allocated_storage": 20,
        "max_allocated_storage": 1000,
        "storage_type": "gp3",
        "storage_encrypted": True,
        "db_name": WAREHOUSE,
        "username": "asterism",
        "manage_master_user_password": True,
        "backup_retention_period": 14,
        "copy_tags_to_snapshot": True,
        "auto_minor_version_upgrade": True,
        "performance_insights_enabled": True,
        "publicly_accessible": False,
        "deletion_protection": True,
        "skip_final_snapshot": False,
        "final_snapshot_identifier": f"{name}-last",
    }
    if target.subnets:
        arguments |= {"db_subnet_group_name": group.ref("name"), "vpc_security_group_ids": [*target.security_groups]}
    yield Resource("aws_db_instance", WAREHOUSE, arguments, "the warehouse", place, keeps=True)
