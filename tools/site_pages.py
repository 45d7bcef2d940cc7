"""The documentation's generated pages, and the hook by which MkDocs takes them in (`make docs`).

Nothing of them is copied by hand: the command line is read from its verbs, Python from
`knownface.__all__`, networks from their records, HTTP from the server's OpenAPI document. Files
beside `docs/` that pages link to become pages, too.
"""

from __future__ import annotations

import functools
import importlib.util
import inspect
import json
import re
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import typer

import knownface
from knownface.cli.commands import VERBS, app
from knownface.networks.catalogue import backbones

ROOT = Path(__file__).resolve().parents[1]
DOCS = ROOT / "docs"
BESIDE = re.compile(r"\]\(((?:\.\./)+(?:deploy|examples)/[\w./-]+)\)")
SECTION = re.compile(r"<!-- README: (.+) -->")
LANGUAGES = {".yaml": "yaml", ".py": "python", ".mjs": "js", ".conf": "nginx", ".service": "ini"}


@functools.cache
def generated() -> dict[str, str]:
    """Every generated page as Markdown, by its path below `docs/`."""
    pages = {
        "reference/cli.md": command_line(),
        "reference/python.md": python(),
        "reference/networks.md": networks(),
    }
    if importlib.util.find_spec("fastapi"):
        pages["reference/http.md"] = http()
    for page in sorted(DOCS.rglob("*.md")):
        for link in BESIDE.findall(page.read_text(encoding="utf-8")):
            file = (page.parent / link).resolve()
            pages[beside(file)] = shown(file)
    return pages


# ---------------------------------------------------------------- the command line
def command_line() -> str:
    """Each verb, and the commands it has, with what `--help` says of them."""
    group: Any = typer.main.get_command(app)
    parts = [
        "# Command line\n",
        "Read from the commands themselves, as `knownface VERB --help` shows them. Every command "
        "has `--json` (one document on stdout) and `--quiet`. Exit codes: 0 success, 2 something "
        "that you can mend, said in one sentence, 1 our fault, 130 interrupted.\n",
    ]
    for verb, text in VERBS.items():
        command = group.get_command(None, verb)
        parts.append(f"## {verb} {{ #{verb} }}\n\n{escaped(text)}\n")
        commands = getattr(command, "commands", {})
        if not commands or getattr(command, "invoke_without_command", False):
            parts += described(command, f"knownface {verb}")
        for name, each in commands.items():
            if each.hidden:  # what the verb does by itself
                parts += described(each, f"knownface {verb}")
                continue
            parts.append(f"### {verb} {name} {{ #{verb}-{name} }}\n\n{escaped(each.help or '')}\n")
            parts += described(each, f"knownface {verb} {name}")
    return "\n".join(parts)


def described(command: Any, called: str) -> Iterator[str]:
    """How a command is called, then its arguments and options as a list of definitions."""
    context = typer.Context(command, info_name=called)
    usage = " ".join(command.collect_usage_pieces(context))
    yield f"```text\n{called} {usage}\n```\n"
    arguments_first = sorted(
        command.get_params(context), key=lambda p: p.param_type_name != "argument"
    )
    for parameter in arguments_first:
        record = parameter.get_help_record(context)
        if record and parameter.name not in ("as_json", "quiet", "help"):
            name, text = record
            yield f"`{name}`\n:   {escaped(text) or 'As it is called.'}\n"


def escaped(text: str) -> str:
    """Plain text as Markdown, in which code stays code."""
    parts = re.split(r"(`[^`]+`)", " ".join(text.split()))
    return "".join(each if each[:1] == "`" else plain(each) for each in parts)


def plain(text: str) -> str:
    return re.sub(r"([\\*_\[\]])", r"\\\1", text).replace("<", "&lt;")


# ---------------------------------------------------------------- Python
def python() -> str:
    """The public names, functions first; mkdocstrings writes each from its docstring."""
    functions = [n for n in knownface.__all__ if inspect.isfunction(getattr(knownface, n))]
    classes = [n for n in knownface.__all__ if n not in functions]
    lines = [
        "# Python",
        "",
        "Everything public is a name of the package: `import knownface`. Verbs take the options of "
        "the [command line](cli.md), with the same names and defaults.",
    ]
    for title, names in (("Verbs", functions), ("Values", classes)):
        lines += ["", f"## {title}", ""]
        for name in names:
            lines += [f"::: knownface.{name}", ""]
    return "\n".join(lines)


# ---------------------------------------------------------------- networks
def networks() -> str:
    """The records of all networks: a table, then each one's files and what it learned from."""
    rows = backbones()
    lines = [
        "# Networks",
        "",
        "Read from the records of the package; `knownface backbones` shows the same, and which "
        "files are on this machine. Which one to take is [a page of its own](../networks.md).",
        "",
        "| `--backbone` | network | crop | numbers | parameters | for research only |",
        "|---|---|---|---|---|---|",
    ]
    for row in rows:
        only = "yes" if row["noncommercial"] else "no"
        lines.append(
            f"| [`{row['name']}`](#{row['name']}) | {row['network']} | {row['size']} | "
            f"{row['embedding_size']} | {row['parameters'] / 1e6:.2f} million | {only} |"
        )
    for row in rows:
        lines += [
            "",
            f"## {row['name']} {{ #{row['name']} }}",
            "",
            f"{row['network']}: {escaped(row['trained_on'])}.",
            "",
        ]
        for term, key in (("Licence of the files", "licence"), ("Training data", "training_data"),
                          ("Disputed", "disputed")):  # fmt: skip
            if row[key]:
                lines += [term, f":   {escaped(row[key])}", ""]
        for file in row["files"]:
            size = f", {file['bytes']:,} bytes" if file["bytes"] else ""
            digest = f"SHA-256 `{file['sha256']}`" if file["sha256"] else "no digest is known"
            lines += [f"`{file['name']}`{size}", f":   {digest}", ""]
            lines += [f"    <{file['url']}>", ""] if str(file["url"]).startswith("http") else []
    return "\n".join(lines)


# ---------------------------------------------------------------- HTTP
def http() -> str:
    """Every address of the server, from its OpenAPI document."""
    from knownface.server.app import create_app
    from knownface.server.metrics import Metrics
    from knownface.server.settings import Settings

    stand_in: Any = SimpleNamespace(settings=Settings("run"), metrics=Metrics())
    document = create_app(stand_in).openapi()
    about = document["info"]["description"].strip()
    lines = [
        "# HTTP",
        "",
        f"{about} The server itself shows this document at `/v1/openapi.json`; how to run it is "
        "[a page of its own](../serving.md).",
        "",
    ]
    said: set[str] = set()
    for path, methods in document["paths"].items():
        for method, asked in methods.items():
            [tag] = asked["tags"]
            if tag not in said:
                lines += [f"## {tag[0].upper()}{tag[1:]}", ""]
                said.add(tag)
            lines += operation(f"{method.upper()} {path}", asked, document)
    return "\n".join(lines)


def operation(called: str, asked: dict[str, Any], document: dict[str, Any]) -> Iterator[str]:
    """One address: what it does, takes and answers."""
    yield f"### `{called}`\n\n{asked.get('description', asked['summary'])}\n"
    for parameter in asked.get("parameters", ()):
        schema = parameter["schema"]
        given = f"in the {parameter['in']}, {kind(schema)}"
        if "default" in schema:
            given += f", {json.dumps(schema['default'])} by default"
        yield f"`{parameter['name']}`\n:   {given}\n"
    for media, content in asked.get("requestBody", {}).get("content", {}).items():
        yield f"Takes `{media}`\n:   {fields(content.get('schema', {}), document)}\n"
    codes = [code for code in asked["responses"] if code >= "400"]
    for code, answer in asked["responses"].items():
        for media, content in answer.get("content", {}).items() if code < "400" else ():
            yield f"Answers {code}, `{media}`.\n"
            if "example" in content:
                example = json.dumps(content["example"], indent=2, ensure_ascii=False)
                yield f"```json\n{example}\n```\n"
    yield f"Problems: {', '.join(codes)}.\n"


def fields(schema: dict[str, Any], document: dict[str, Any]) -> str:
    """The fields of a body in a sentence."""
    if reference := schema.get("$ref"):
        schema = document["components"]["schemas"][reference.rsplit("/", 1)[1]]
    required = schema.get("required", ())
    known = [
        f"`{name}` ({kind(each)}{'' if name in required else ', may be missing'})"
        for name, each in schema.get("properties", {}).items()
    ]
    return ", ".join(known) or kind(schema)


def kind(schema: dict[str, Any]) -> str:
    """A type in a word or two."""
    if schema.get("format") == "binary":
        return "the bytes of a photo"
    if "anyOf" in schema:
        return " or ".join(dict.fromkeys(kind(each) for each in schema["anyOf"]))
    if schema.get("type") == "array":
        return f"a list: {kind(schema.get('items', {}))}"
    if "$ref" in schema:
        return schema["$ref"].rsplit("/", 1)[1]
    words = {"string": "text", "integer": "a whole number", "number": "a number", "null": "null",
             "boolean": "true or false", "object": "an object"}  # fmt: skip
    return words.get(schema.get("type", ""), "a value")


# ---------------------------------------------------------------- files beside docs/
def beside(file: Path) -> str:
    """The page of a file that lies outside `docs/`."""
    return f"{file.relative_to(ROOT).as_posix()}.md"


def shown(file: Path) -> str:
    """The file itself, under its name."""
    language = LANGUAGES.get(file.suffix, "text")
    name, text = file.relative_to(ROOT).as_posix(), file.read_text(encoding="utf-8").rstrip()
    return f"# {name}\n\n```{language}\n{text}\n```\n"


def completed(markdown: str, folder: Path) -> str:
    """A page as the site shows it: with sections of the README, and links to files beside mended.

    folder: where the page lies, below `docs/`.
    """

    def section(found: re.Match[str]) -> str:
        readme = (ROOT / "README.md").read_text(encoding="utf-8")
        text = readme.split(f"\n## {found[1]}\n")[1].split("\n## ")[0].strip()
        return text.replace("](docs/", "](")

    def led(found: re.Match[str]) -> str:
        page = beside((DOCS / folder / found[1]).resolve())
        return f"]({'../' * len(folder.parts)}{page})"

    return BESIDE.sub(led, SECTION.sub(section, markdown))


# ---------------------------------------------------------------- MkDocs
def on_files(files: Any, config: Any) -> Any:
    from mkdocs.structure.files import File

    for path, text in generated().items():
        files.append(File.generated(config, path, content=text))
    return files


def on_page_markdown(markdown: str, page: Any, config: Any, files: Any) -> str:
    return completed(markdown, Path(page.file.src_uri).parent)
