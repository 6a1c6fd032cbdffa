"""The packages: a bucket, the archives in it, and the layer of the libraries."""

from __future__ import annotations

from collections.abc import Iterator

from asterism.deploy.aws.bucket import private
from asterism.deploy.resource import Resource
from asterism.deploy.setting import Setting, reference


def code(setting: Setting) -> Iterator[Resource]:
    """The archives lie beside `main.tf.json`; their names hold their hashes."""
    place = setting.graph.place("deploy")
    bucket = reference("aws_s3_bucket", "artifacts", "id")
    yield from private(setting.target.artifacts, "artifacts", "packages of the functions", place)
    archives = [("platform", setting.package.platform)]
    if setting.package.libraries:
        archives.append(("libraries", setting.package.libraries))
    for name, archive in archives:
        yield Resource(
            "aws_s3_object",
            name,
            {"bucket": bucket, "key": archive.file, "source": f"${{path.module}}/{archive.file}"},
            f"the package {name}",
            place,
        )
    if setting.package.libraries:
        yield Resource(
            "aws_lambda_layer_version",
            "libraries",
            {
                "layer_name": setting.name("libraries"),
                "s3_bucket": reference("aws_s3_object", "libraries", "bucket"),
                "s3_key": reference("aws_s3_object", "libraries", "key"),
                "compatible_runtimes": [f"python{setting.package.python}"],
                "compatible_architectures": [setting.target.architecture],
            },
            "the libraries that functions share",
            place,
        )
