"""The built-in rule pack, as data beside the code."""

from importlib.resources import files


def built_in() -> dict[str, str]:
    """The built-in rule files, name to text, in the order in which they are asked within a layer."""
    entries = sorted(files(__name__).iterdir(), key=lambda entry: entry.name)
    return {entry.name: entry.read_text("utf-8") for entry in entries if entry.name.endswith(".toml")}
