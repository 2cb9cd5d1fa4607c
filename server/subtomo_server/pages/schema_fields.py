"""Fields of a form, from the JSON schema of the document that the form makes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Literal, NamedTuple

from subtomo_server.http.words import plain

Schema = Mapping[str, Any]
Kind = Literal["number", "text", "listed", "choice", "several", "variant"]
_TRUTH = (("true", "yes"), ("false", "no"))


class Choice(NamedTuple):
    """One of several values: as it is sent, as it is called, and what it is in a sentence."""

    value: str
    label: str
    help: str = ""


class Condition(NamedTuple):
    """The choice to which a field belongs; the empty value is what is taken by default."""

    field: str
    value: str


class Field(NamedTuple):
    """A field of a form.

    Attributes
    ----------
    name : str
        Its place in the document: ``parameters.candidates``.
    label, help : str
        What it is called, and what it is.
    kind : str
        A number, text, texts with commas between them, one of some choices, or several of them;
        the choice of a variant, on which other fields depend.
    choices : tuple of Choice
    default : str
        Value that is taken where the field is left empty; empty where the schema does not tell.
    refers_to : str
        Kind of record that it names by an id: ``map``, ``job`` or ``group``.
    when : tuple of Condition
        Choices that must have been made for the field to count.
    kinds : frozenset of str
        Documents (algorithms) that have it; empty where there is but one.
    """

    name: str
    label: str
    help: str
    kind: Kind
    choices: tuple[Choice, ...] = ()
    default: str = ""
    refers_to: str = ""
    when: tuple[Condition, ...] = ()
    kinds: frozenset[str] = frozenset()


def fields_in(schema: Schema, name: str = "") -> list[Field]:
    """Every field of a document, in the order of the schema.

    What has but one value is no field, nor is a dictionary.
    """
    return list(_Walk(schema).fields(schema, name, ()))


def merged(documents: Mapping[str, Iterable[Field]]) -> list[Field]:
    """Fields of several kinds of documents, each once, with the kinds that have it."""
    found: dict[tuple[str, tuple[Condition, ...]], Field] = {}
    for kind, fields in documents.items():
        for field in fields:
            known = found.setdefault((field.name, field.when), field)
            found[field.name, field.when] = known._replace(kinds=known.kinds | {kind})
    return list(found.values())


def document_of(fields: Iterable[Field], entered: Mapping[str, list[str]]) -> dict[str, Any]:
    """The document that entered texts make; what is empty is left out."""
    document: dict[str, Any] = {}
    for field in fields:
        texts = [stripped for text in entered.get(field.name, ()) if (stripped := text.strip())]
        if not texts:
            continue
        value: str | list[str] = texts if field.kind == "several" else texts[0]
        if field.kind == "listed" and "," in texts[0]:
            value = [part.strip() for part in texts[0].split(",")]
        *groups, last = field.name.split(".")
        here = document
        for group in groups:
            here = here.setdefault(group, {})
        here[last] = value
    return document


def field_at(fields: Iterable[Field], pointer: str) -> str:
    """Name of the field that a JSON pointer leads to, or leads into; empty where there is none."""
    names = {field.name for field in fields}
    parts = pointer.strip("/").split("/")
    for end in range(len(parts), 0, -1):
        name = ".".join(parts[:end])
        found = next((n for n in (name, f"{name}.kind") if n in names), None)
        if found:
            return found
    return ""


class _Walk:
    """Walks down a schema, whose references lead into its own definitions."""

    def __init__(self, schema: Schema):
        self._definitions: Schema = schema.get("$defs", {})

    def fields(self, schema: Schema, name: str, when: tuple[Condition, ...]) -> Iterator[Field]:
        """Fields below one place of the document."""
        found = self._plain(schema)
        if "discriminator" in found:
            yield from self._variants(found, name, when)
        elif "properties" in found:
            for key, inner in found["properties"].items():
                yield from self.fields(inner, f"{name}.{key}" if name else key, when)
        elif "const" not in found and found.get("type") not in ("null", "object"):
            yield _leaf(found, name, when)

    def _variants(self, schema: Schema, name: str, when: tuple[Condition, ...]) -> Iterator[Field]:
        """The choice among the kinds of an object, and the fields of each."""
        key = schema["discriminator"]["propertyName"]
        usual = (schema.get("default") or {}).get(key)
        own = f"{name}.{key}" if name else key
        variants = [self._plain(variant) for variant in schema["oneOf"]]
        tags = [variant["properties"][key]["const"] for variant in variants]
        values = ["" if tag == usual else str(tag) for tag in tags]
        choices = tuple(
            Choice(value, variant["title"], _first_sentence(variant.get("description", "")))
            for value, variant in zip(values, variants, strict=True)
        )
        label, told = schema.get("title", key), schema.get("description", "")
        yield Field(own, label, told, "variant", choices, when=when)
        for value, variant in zip(values, variants, strict=True):
            for inner, part in variant["properties"].items():
                if inner != key:
                    below = f"{name}.{inner}" if name else inner
                    yield from self.fields(part, below, (*when, Condition(own, value)))

    def _plain(self, schema: Schema) -> dict[str, Any]:
        """A schema without references, and without the null of what may be left out."""
        found = dict(schema)
        while True:
            if "$ref" in found:
                target = self._definitions[found.pop("$ref").rpartition("/")[2]]
                found = {**target, **found}
            elif "anyOf" in found:
                some = [one for one in found.pop("anyOf") if one.get("type") != "null"]
                if len(some) != 1:
                    return {**found, "several": some}
                found = {**some[0], **found}
            else:
                return found


def _leaf(schema: Schema, name: str, when: tuple[Condition, ...]) -> Field:
    usual = schema.get("default")
    return Field(
        name,
        label=schema.get("title", name),
        help=plain(schema.get("description", "")),
        kind=_kind(schema),
        choices=_choices(schema),
        default=in_words(usual),
        refers_to=schema.get("refers_to") or schema.get("items", {}).get("refers_to", ""),
        when=when,
    )


def _kind(schema: Schema) -> Kind:
    if "several" in schema:
        return "listed"
    if "enum" in schema or schema["type"] == "boolean":
        return "choice"
    if schema["type"] == "array":
        return "several"
    return "number" if schema["type"] in ("integer", "number") else "text"


def by_default(usual: str) -> Choice:
    """The choice to leave a field as it is by default, which is ``usual`` in words."""
    return Choice("", f"{usual} (by default)" if usual else "by default")


def _choices(schema: Schema) -> tuple[Choice, ...]:
    if schema.get("type") == "boolean":
        values: tuple[tuple[str, str], ...] = _TRUTH
    elif "enum" in schema:
        values = tuple((str(value), str(value)) for value in schema["enum"])
    else:
        return ()
    return tuple(Choice(*value) for value in values)


def in_words(value: Any) -> str:
    """A value of a document as a form shows it."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:.4g}"
    return ", ".join(map(str, value)) if isinstance(value, list | tuple) else str(value)


def _first_sentence(text: str) -> str:
    return plain(text.split("\n\n", maxsplit=1)[0])
