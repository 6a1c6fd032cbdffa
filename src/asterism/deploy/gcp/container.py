"""The package as a container: the same files and libraries, for Cloud Run and whatever else runs containers."""

from __future__ import annotations

import platform

from asterism.deploy.gcp.setting import ENTRY_POINT, PORT
from asterism.deploy.package import PROJECT, Package

FILE = "Dockerfile"
FOLDER = "/workspace"
USER = 10001
"""Nobody's number: the container has no password file entry for it, and owns nothing that it runs."""
COMMAND = ("functions-framework", "--source", f"{FOLDER}/main.py", "--target", ENTRY_POINT)
"""What the container runs. The framework reads PORT."""
ENVIRONMENT = {
    "ASTERISM_PROJECT": f"{FOLDER}/{PROJECT}",
    "ASTERISM_SCRATCH": "/tmp/asterism",  # noqa: S108 - the one place there is
    "PATH": "/venv/bin:/usr/local/bin:/usr/bin:/bin",
    "PORT": str(PORT),
    "PYTHONDONTWRITEBYTECODE": "1",
    "PYTHONUNBUFFERED": "1",
}
INSTALL = (
    f"python -m zipfile -e /package.zip {FOLDER}",
    "python -m venv --without-pip /venv",
    f"pip --python /venv/bin/python install --no-cache-dir --no-deps --requirement {FOLDER}/requirements.txt",
    f"python -m compileall -q --invalidation-mode unchecked-hash {FOLDER} /venv",
)
"""How the package becomes the tree that is run."""


def dockerfile(package: Package, name: str = "NAME") -> str:
    """Of the archive that lies beside it. Which function it is, its environment says when it runs.

    `name` is that of the image, where the stage says it.
    """
    base = f"python:{platform.python_version()}-slim-bookworm"
    variables = " \\\n    ".join(f"{name}={value}" for name, value in ENVIRONMENT.items())
    steps = " \\\n && ".join(INSTALL)
    words = ", ".join(f'"{word}"' for word in COMMAND)
    return f"""\
# Written by `asterism deploy`. Build it in this folder: docker build --tag {name} .
FROM {base} AS build
COPY {package.platform.file} /package.zip
RUN {steps}

FROM {base}
COPY --from=build /venv /venv
COPY --from=build {FOLDER} {FOLDER}
ENV {variables}
WORKDIR {FOLDER}
USER {USER}:{USER}
EXPOSE {ENVIRONMENT["PORT"]}
CMD [{words}]
"""
