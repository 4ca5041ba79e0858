"""Makes a component of a plugin's folder: `python3 -m sluicebox_sdk.build`. What `sluicebox plugin build` runs.

The plugin's module is imported twice: here, to see which decorators it uses, and by `componentize-py`, which takes a picture of the
interpreter after it. So all that a plugin imports has to be imported at the top of a file: in the component there are no files.
"""

from __future__ import annotations

import argparse
import hashlib
import importlib
import json
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

from . import __version__, plugin
from .schema import unknown_keywords
from .settings import Schema

_WORLD = "this-plugin"

_APP = """\
import sys

# Python's own form of `datetime` asks `time`, which asks the host; the one in C asks an operating system that is not there.
sys.modules["_datetime"] = None
sys.modules.pop("datetime", None)

from sluicebox_sdk import _guest
import {module}
from sluicebox_sdk import plugin

globals().update(_guest.exported(plugin.of_module("{module}")))
"""


def main() -> None:
    """Builds as the arguments say; what is wrong with the plugin ends it with the exception's text."""
    parser = argparse.ArgumentParser(prog="sluicebox_sdk.build")
    parser.add_argument("module", help="the plugin's module")
    parser.add_argument("--wit", required=True, type=Path, help="the folder of the contract")
    parser.add_argument("--work", required=True, type=Path, help="where component.wasm and built.json go, and what is made on the way")
    parser.add_argument("--path", required=True, action="append", type=Path, help="where modules are, first come first")
    arguments = parser.parse_args()
    sys.path[:0] = map(str, arguments.path)
    importlib.import_module(arguments.module)
    try:
        plugins = plugin.of_module(arguments.module)
    except TypeError as error:
        raise SystemExit(str(error)) from None
    schema = _schema(plugins)
    arguments.work.mkdir(parents=True, exist_ok=True)
    (arguments.work / "sluicebox_app.py").write_text(_APP.format(module=arguments.module))
    contract = _contract(arguments.wit, arguments.work / "wit", [*plugins, *([] if schema is None else ["lifecycle"])])
    _componentize(contract, arguments.work, arguments.path)
    (arguments.work / "built.json").write_text(json.dumps({"schema": schema, "sdk": __version__}))


def _componentize(contract: Path, work: Path, path: list[Path]) -> None:
    """Makes the component, unless the one that is there was made of the same: each build makes other bytes, for the picture has the seed of
    Python's hashes in it, and a plugin that did not change should keep its digest."""
    made, made_of = work / "component.wasm", work / "made-of"
    digest = _digest(contract, work, path)
    if made.exists() and made_of.exists() and made_of.read_text() == digest:
        return
    made_of.unlink(missing_ok=True)
    paths = [f"--python-path={folder}" for folder in [work, *path]]
    tool = [sys.executable, "-c", "import sys; from componentize_py import script; sys.exit(script())"]
    told = ["--quiet", f"--wit-path={contract}", f"--world={_WORLD}"]
    ended = subprocess.run([*tool, *told, "componentize", "--stub-wasi", *paths, f"--output={made}", "sluicebox_app"])
    if ended.returncode != 0:
        raise SystemExit("componentize-py could not build the plugin; its own words are above")
    made_of.write_text(digest)


def _digest(contract: Path, work: Path, path: list[Path]) -> str:
    """Of all that a component is made of."""
    modules = [file for folder in path for file in sorted(folder.rglob("*.py")) if "target" not in file.relative_to(folder).parts]
    digest = hashlib.sha256(version("componentize-py").encode())
    for file in [contract / "plugin.wit", work / "sluicebox_app.py", *modules]:
        digest.update(b"\0" + file.name.encode() + b"\0" + file.read_bytes())
    return digest.hexdigest()


def _contract(wit: Path, folder: Path, kinds: list[str]) -> Path:
    """The contract with a world of what this plugin exports: componentize-py 0.25 fails on several worlds at once."""
    folder.mkdir(exist_ok=True)
    includes = " ".join(f"include {kind}-plugin;" for kind in kinds)
    (folder / "plugin.wit").write_text(f"{(wit / 'plugin.wit').read_text()}\nworld {_WORLD} {{ {includes} }}\n")
    return folder


def _schema(plugins: dict[str, plugin.Plugin]) -> Schema | None:
    """The schema of the settings, which the functions of a plugin share."""
    schemas = [one.schema for one in plugins.values() if one.schema is not None]
    if any(schema != schemas[0] for schema in schemas):
        raise SystemExit("the functions of a plugin have the same settings: annotate them with one dataclass")
    for schema in schemas:
        unknown = unknown_keywords(schema)
        if unknown:
            raise SystemExit(f"the schema has what is not checked: {', '.join(unknown)}")
        return schema
    return None


if __name__ == "__main__":
    main()
