"""What is wrong with the value of a setting, and what it may be; the value is never repeated."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from zava_server.infrastructure.errors import ValidationError

if TYPE_CHECKING:
    import pydantic
    from pydantic_core import ErrorDetails

_PROBLEMS = {
    "greater_than": "is too small",
    "greater_than_equal": "is too small",
    "less_than": "is too large",
    "less_than_equal": "is too large",
    "literal_error": "is none of its values",
}
_TYPES = {"int": "is no whole number", "float": "is no number"}
_README = "See the settings in the README."


def unusable_setting(
    name: str, error: ErrorDetails, settings: type[pydantic.BaseModel]
) -> ValidationError:
    """The error for a refused value of the setting `name`, as people write it."""
    field = str(error["loc"][0]) if error["loc"] else ""
    if error["type"] == "value_error":
        # Of our own validators, which may know more than one setting.
        reason = error["msg"].removeprefix("Value error, ")
        return ValidationError(f"{name} is not usable: {reason}." if field else reason, _README)
    problem = _PROBLEMS.get(error["type"]) or _TYPES.get(error["type"].split("_")[0])
    expected = _expected(settings.model_json_schema()["properties"].get(field, {}))
    return ValidationError(
        f"{name} {problem or 'is not usable'}.",
        f"Give {expected}." if expected else _README,
    )


def _expected(schema: dict[str, Any]) -> str | None:
    """In words: `a whole number from 1 to 50,000`."""
    # An optional one is listed beside null.
    schema = schema.get("anyOf", [schema])[0]
    if "enum" in schema:
        return "one of: " + ", ".join(schema["enum"])
    kind = {"integer": "a whole number", "number": "a number"}.get(schema.get("type", ""))
    if kind is None:
        return None
    least, above = schema.get("minimum"), schema.get("exclusiveMinimum")
    if kind == "a whole number" and above is not None:
        least, above = above + 1, None
    most = schema.get("maximum")
    if least is not None:
        return f"{kind} from {least:,}" + (f" to {most:,}" if most is not None else " on")
    if above is not None:
        return f"{kind} above {above:g}" + (f", at most {most:,g}" if most is not None else "")
    return kind
