"""The command line around Hydra: paths arrive as the shell gave them, and what Hydra refuses is one line."""

from __future__ import annotations

import difflib
import os
import re
from collections.abc import Callable, Collection, Iterable, Sequence
from fnmatch import fnmatchcase

from hydra.core.override_parser.types import Quote, QuotedString
from hydra.errors import MissingConfigException, OverrideParseException
from omegaconf.errors import MissingMandatoryValue

from dsmnet.cli.renamed import new_name
from dsmnet.errors import UserError, first_of

# Options that name files or folders: one, a glob or a list of them; TOOL:OPTION holds for one tool alone.
# A new option that is a path has its place here.
READ = (
    *("adapted", "again", "calib", "checkpoint", "compare", "disparity", "init", "left", "right", "runs"),
    *("teacher", "second", "train:resume", "ground_truth", "validate", "paths.data", "benchmark:networks"),
    *("baselines.*", "hydra.*.dir"),
    *("*.checkpoint", "*.disparity", "*.exclude", "*.left", "*.right", "*.root", "*.subset", "*.textures"),
)
WRITTEN = (
    "export:name",
    "predict:viewer",
    "paths.output",
)  # nothing is there yet that could tell a name from Hydra's grammar
# Where something has to be named, null is a name like any other.
NEEDED = (
    "average:checkpoint",
    "compare:runs",
    "visualize:disparity",
    "predict:left",
    "rectify:left",
    "paths.*",
    "*.root",
)
SWEEP = ("-m", "--multirun")
_FUNCTION = re.compile(r"(choice|glob|shuffle|sort|range|tag)\(.*\)", re.DOTALL)
_NULL = re.compile("null", re.IGNORECASE)


def quote_paths(tool: str, arguments: Sequence[str]) -> list[str]:
    """Return the arguments of a tool (``"predict"``), with options that are paths in Hydra's quotes.

    Their value is what the shell hands over: ``=``, blanks, brackets, digits alone. Hydra's own grammar holds
    only for what is read and is no file: ``null``, a list ``[A,B]``, with ``-m`` several jobs ``A,B``, an
    interpolation ``${...}``, and a value that has Hydra's quotes already.

    Raises:
        UserError: The value is empty, or a folder to write to has ``${`` in its name.
    """
    sweeping = any(argument in SWEEP for argument in arguments)
    return [_quote_argument(tool, argument, sweeping) for argument in arguments]


def quoted(text: str) -> str:
    """Return a string so that Hydra and OmegaConf read these very characters."""
    return QuotedString(literal(text), Quote.single).with_quotes()


def literal(text: str) -> str:
    """Return a string so that OmegaConf sees no interpolation in it."""
    return re.sub(r"(\\*)\$\{", lambda found: found[1] * 2 + r"\${", text)


def _quote_argument(tool: str, argument: str, sweeping: bool) -> str:
    found = re.fullmatch(r"(?P<option>\+{0,2}(?P<key>[\w./@-]+))=(?P<value>.*)", argument, re.DOTALL)
    if found is None:
        return argument
    key, value = found["key"], found["value"]
    written = _is_one_of(tool, key, WRITTEN)
    if not written and not _is_one_of(tool, key, READ):
        return argument
    if not value:
        raise UserError(f"{argument}: nothing is given; expected a path, as in {key}=PATH")
    if _is_null(value) and _is_one_of(tool, key, NEEDED):
        value = quoted(value)
    elif not written:
        value = _quote_read(value, sweeping)
    elif "${" in value:
        raise UserError(f"{argument}: expected a name without ${{, which Hydra cannot have there")
    elif not _is_null(value):
        value = quoted(os.path.expanduser(value))
    return f"{found['option']}={value}"


def _is_one_of(tool: str, key: str, patterns: Sequence[str]) -> bool:
    return any(fnmatchcase(name, pattern) for name in (key, f"{tool}:{key}") for pattern in patterns)


def _is_null(value: str) -> bool:
    return bool(_NULL.fullmatch(value)) and not os.path.lexists(value)


def _quote_read(value: str, sweeping: bool) -> str:
    """Quote a path that is read, or each of several where the whole is no path."""
    if os.path.lexists(os.path.expanduser(value)):
        return quoted(os.path.expanduser(value))
    if _in_quotes(value) and os.path.lexists(value[1:-1]):  # as Lightning gives hydra.run.dir
        return quoted(value[1:-1])
    if _is_null(value) or "${" in value or _in_quotes(value) or (sweeping and _FUNCTION.fullmatch(value)):
        return value
    parts = _split(value)
    if sweeping and len(parts) > 1:
        return ",".join(_quote_read(part, sweeping) for part in parts)
    if len(parts) == 1 and value.startswith("[") and value.endswith("]"):
        return f"[{','.join(_quote_read(part, False) for part in _split(value[1:-1]) if part)}]"
    return quoted(os.path.expanduser(value))


def _in_quotes(value: str) -> bool:
    return len(value) > 1 and value[0] in "'\"" and value[-1] == value[0]


def _split(text: str) -> list[str]:
    """Split at the commas that stand in no quotes and no brackets; blanks around a part are not of it."""
    parts, depth, quote = [""], 0, ""
    for character in text:
        if quote:
            quote = "" if character == quote else quote
        elif character in "'\"" and not parts[-1].strip():
            quote = character
        elif character in "[]":
            depth += 1 if character == "[" else -1
        if character == "," and depth == 0 and not quote:
            parts.append("")
        else:
            parts[-1] += character
    return [part.strip() for part in parts] if len(parts) > 1 else parts


def explain_refusal(
    error: Exception,
    tool: str,
    keys: Callable[[], Iterable[str]],
    about: Callable[[str], str],
    takes: Callable[[str], str | None] = lambda _: None,
) -> str:
    """Return on one line what Hydra or OmegaConf refuses, and what was meant.

    `keys` returns the names of all options and groups, `about` the purpose of an option, empty where unknown,
    `takes` what would take an option that the configuration lacks, None where nothing does.
    """
    text = str(error)
    if isinstance(error, OverrideParseException):
        return _explain_grammar(str(error.override))
    if isinstance(error, MissingConfigException) and error.missing_cfg_file and error.options:
        group, _, name = str(error.missing_cfg_file).rpartition("/")
        there = f"there are {', '.join(sorted(error.options))}"
        return f"{group}={name}: no such choice{did_you_mean(name, error.options) or ';'} {there}"
    if isinstance(error, MissingMandatoryValue):
        key = text.splitlines()[0].rpartition(" ")[2]
        return f"{key}: has to be given, {key}=...{about(key) and f' ({about(key)})'}"
    if found := re.match(r"Could not override '(.+?)'", text):
        if renamed := new_name(tool, found[1]):
            return f"{found[1]}: is now called {renamed}"
        if target := takes(found[1]):
            return f"{found[1]}: no such option, but an argument of {target}; expected +{found[1]}=VALUE"
        known = list(keys())
        return f"{found[1]}: no such option{about_unknown(found[1], known)}"
    if found := re.match(r"Could not delete from config. '(.+?)'", text):
        return f"~{found[1]}: no such option{did_you_mean(found[1], keys())}"
    if found := re.match(r"Could not append to config. An item is already at '(.+?)'", text):
        return f"+{found[1]}: there is such an option; expected {found[1]}=VALUE"
    if found := re.search(r"Could not (?:load|find) '(.+)/([^/']*)'", text):
        return f"{found[1]}: there is no {found[2]} to choose"
    if found := re.search(r"Key '.+' is not in struct\s+full_key: (\S+)", text):
        return f"{found[1]}: has been taken out of the configuration, or was never in it"
    if found := re.match(r"Ambiguous value for argument '(.+)'", text):
        key, _, value = found[1].partition("=")
        return (
            f"{found[1]}: several values; expected -m as well for a job with each of them, or "
            f"{key}=[{value}] for a list{_in_shell(key, value, 'a value with commas')}"
        )
    return " ".join(re.sub(r"https?://\S+", "", text).split())[:300]


def _explain_grammar(argument: str) -> str:
    key, equals, value = argument.partition("=")
    if not equals or not re.fullmatch(r"[~+]{0,2}[\w./@$-]+", key):
        return f"{argument}: expected OPTION=VALUE, as in progress=false; --help lists the options"
    what = "a value with blanks, commas, = or brackets"
    how = _in_shell(key, value, what) or f"; {what} stands in quotes"
    return f"{argument}: the value cannot be read{how}"


def _in_shell(key: str, value: str, what: str) -> str:
    """Return how an assignment is typed, so that Hydra takes the value as it is."""
    return "" if set(value) & set("'\"\\$`") else f"; {what} stands in quotes twice: \"{key}='{value}'\""


def about_unknown(option: str, known: Collection[str]) -> str:
    """Return which option was meant; where it is like none, those beside it, or where all are listed."""
    parent = option.rpartition(".")[0]
    beside = [key for key in known if parent and key.rpartition(".")[0] == parent]
    if meant := did_you_mean(option, beside or known):
        return meant
    return f"; {parent} has {', '.join(first_of(beside))}" if beside else "; --help lists the options"


def did_you_mean(name: str, known: Iterable[str], cutoff: float = 0.7) -> str:
    """Return ``; did you mean A or B?``, or nothing where nothing is alike.

    Alike are names that differ in a few letters, as a whole, in their last part or in how that begins.
    """
    ranks = {key: _likeness(_plain(name), _plain(key)) for key in known}
    close = sorted((-rank, len(key), key) for key, rank in ranks.items() if rank >= cutoff)
    return f"; did you mean {' or '.join(key for _, _, key in close[:3])}?" if close else ""


def _likeness(name: str, key: str) -> float:
    """Return how much a name is like another one, from 0 to 1."""
    (*parents, last), (*others, other) = name.split("."), key.split(".")
    alike = _ratio(last, other)
    if len(last) > 3:
        alike = max(alike, 0.9 * max(_ratio(last, other[: len(last) + more]) for more in (0, 1)))
    if parents and parents != others:
        return min(alike, _ratio(name, key))
    return alike if parents == others else 0.9 * alike


def _ratio(one: str, other: str) -> float:
    return difflib.SequenceMatcher(None, one, other).ratio()


def _plain(name: str) -> str:
    return re.sub(r"[-_]", "", name).lower()
