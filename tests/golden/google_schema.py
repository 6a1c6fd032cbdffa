"""Writes google_schema.json: of the Google provider, the resources that deploy/gcp makes, with attributes and types.

    pip download --no-deps cdktf-cdktf-provider-google
    python tests/golden/google_schema.py cdktf_cdktf_provider_google-*.whl

The wheel carries a description of each resource (`.jsii`) that is made from the provider's own schema. An attribute is
`[type, required]`; the type of a block is the block.
"""

from __future__ import annotations

import io
import json
import re
import sys
import tarfile
import zipfile
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
META = {"connection", "count", "dependsOn", "forEach", "lifecycle", "provider", "provisioners"}


def assembly(wheel: Path) -> dict[str, Any]:
    """The description of all types."""
    with zipfile.ZipFile(wheel) as archive:
        name = next(each for each in archive.namelist() if each.endswith(".jsii.tgz"))
        with tarfile.open(fileobj=io.BytesIO(archive.read(name))) as inner:
            found = json.load(inner.extractfile("package/.jsii"))
    return found["types"]


def block(types: dict[str, Any], name: str, above: tuple[str, ...] = ()) -> dict[str, Any]:
    """The attributes of a type, by their names in Terraform."""
    found = {}
    for each in types[name].get("properties", []):
        if each["name"] in META or name in above:
            continue
        told = each.get("docs", {})
        said = re.findall(r" \w+#(\w+)\}", f"{told.get('remarks', '')} {told.get('summary', '')}")
        label = said[-1] if said else re.sub(r"(?<!^)(?=[A-Z])", "_", each["name"]).lower()
        found[label] = [kind(types, each["type"], (*above, name)), not each.get("optional", False)]
    return found


def kind(types: dict[str, Any], described: dict[str, Any], above: tuple[str, ...]) -> Any:
    """The type of an attribute: a word, or the attributes of a block."""
    if "union" in described:
        inner = [kind(types, each, above) for each in described["union"]["types"]]
        return next((each for each in inner if isinstance(each, dict | list)), inner[0])
    if "collection" in described:
        inner = kind(types, described["collection"]["elementtype"], above)
        if described["collection"]["kind"] == "map":
            return "map"
        return inner if isinstance(inner, dict) else "list"
    if "primitive" in described:
        return described["primitive"]
    named = described.get("fqn", "")
    if named == "cdktf.IResolvable":
        return "boolean"
    return block(types, named, above) if named in types else "any"


def main() -> None:
    """Write the file."""
    types = assembly(Path(sys.argv[1]))
    wanted = set()
    for file in (HERE / "terraform").glob("*.txt"):
        wanted |= set(re.findall(r"^resource (google_\w+)", file.read_text(), re.MULTILINE))
    camel = {each: each.removeprefix("google_").replace("_", "") for each in sorted(wanted)}
    configs = {
        each["namespace"].lower(): name
        for name, each in types.items()
        if name.endswith("Config") and each["name"].lower() == each.get("namespace", "").lower() + "config"
    }
    schema = {each: block(types, configs[name]) for each, name in camel.items()}
    lines = [f"{json.dumps(each)}: {json.dumps(of, sort_keys=True)}" for each, of in schema.items()]
    (HERE / "google_schema.json").write_text("{\n" + ",\n".join(lines) + "\n}\n")


if __name__ == "__main__":
    main()
