"""What a run file of schema 1 has to look like, field by field; `course_lib.runs` says what the fields mean."""

import sys
from collections.abc import Mapping, Sequence

FIELDS = {"schema", "name", "recipe", "provenance", "stopped", "steps", "evaluations", "moments", "sha256"}
RECIPE_FIELDS = {
    "name", "change", "d_model", "n_layer", "context_length", "dropout", "max_steps", "batch_size", "schedule",
    "weight_decay", "max_norm", "seed", "loss_fn", "optimizer_fn", "batch_fn_at", "shuffle_windows", "initialise",
}  # fmt: skip
PROVENANCE_FIELDS = {"parameters", "corpus", "versions", "device", "wall_seconds"}
CORPUS_FIELDS = {"name", "sha256"}
VERSION_FIELDS = {"course_lib", "python", "torch", "numpy"}
STOPPED_FIELDS = {"step", "reason"}
STEP_FIELDS = {"loss", "lr", "grad_norm", "clipped"}
EVALUATION_FIELDS = {"step", "train_loss", "val_loss", "val_loss_by_position"}
OPTIONAL_FIELDS = {"val_loss_dropout_on"}  # of the evaluations
MOMENT_FIELDS = {"step", "sample", "update_to_weight"}


def find_problem(content: Mapping[str, object]) -> str | None:
    """Return what is wrong with the content of a run, naming the field, or None."""
    if wrong := _fields("it", content, FIELDS) or _find_in_settings(content):
        return wrong
    return _find_in_steps(content) or _find_in_evaluations(content) or _find_in_moments(content)


def _find_in_settings(content: Mapping) -> str | None:
    """Check the name, the recipe, the provenance and where the run stopped."""
    recipe, provenance, stopped = content["recipe"], content["provenance"], content["stopped"]
    if not isinstance(content["name"], str):
        return f"its name is {_brief(content['name'])}, which is no text"
    wrong = _fields("its recipe", recipe, RECIPE_FIELDS) or _fields("its provenance", provenance, PROVENANCE_FIELDS)
    wrong = wrong or _fields("its provenance's corpus", provenance["corpus"], CORPUS_FIELDS)
    wrong = wrong or _fields("its provenance's versions", provenance["versions"], VERSION_FIELDS)
    wrong = wrong or (_fields("its stopped", stopped, STOPPED_FIELDS) if stopped is not None else None)
    if wrong:
        return wrong
    if recipe["name"] != content["name"]:
        return f"its recipe is of {_brief(recipe['name'])}, and the run is {content['name']!r}"
    for where, value, least in (
        ("its recipe's max_steps", recipe["max_steps"], 1),
        ("its recipe's context_length", recipe["context_length"], 1),
        ("its provenance's parameters", provenance["parameters"], 1),
        *([("its stopped's step", stopped["step"], 0)] if stopped is not None else []),
    ):
        if type(value) is not int or value < least:
            return f"{where} is {_brief(value)}, not a whole number from {least} on"
    if not _is_number(provenance["wall_seconds"]):
        return f"its provenance's wall_seconds is {_brief(provenance['wall_seconds'])}, not a finite number"
    if stopped is not None and not isinstance(stopped["reason"], str):
        return f"its stopped's reason is {_brief(stopped['reason'])}, which is no text"
    return None


def _find_in_steps(content: Mapping) -> str | None:
    """Check the columns of the updates: one finite number each, as many as were planned or made."""
    steps, stopped, most = content["steps"], content["stopped"], content["recipe"]["max_steps"]
    if wrong := _fields("its steps", steps, STEP_FIELDS) or _lengths("steps", steps):
        return wrong
    done, planned = len(steps["loss"]), most if stopped is None else stopped["step"]
    if done != planned:
        return f"it has {done:,} steps, not {planned:,}"
    if done > most:
        return f"it stopped at step {done:,}, after its recipe's last, {most:,}"
    if wrong := _numbers("its steps", {name: steps[name] for name in ("loss", "lr", "grad_norm")}):
        return wrong
    if odd := [value for value in steps["clipped"] if type(value) is not int or value not in (0, 1)]:
        return f"its steps' clipped holds {_brief(odd[0])}, not 0 or 1"
    return None


def _find_in_evaluations(content: Mapping) -> str | None:
    """Check the measured losses: finite ones, at steps from the first to the last, T by position."""
    table, T = content["evaluations"], content["recipe"]["context_length"]
    wrong = _fields("its evaluations", table, EVALUATION_FIELDS, OPTIONAL_FIELDS) or _lengths("evaluations", table)
    if wrong := wrong or _measured_at("evaluations", table["step"], content):
        return wrong
    rows = table["val_loss_by_position"]
    if any(not isinstance(row, list) or len(row) != T for row in rows):
        return f"its losses by position are not of {T} positions each"
    losses = {name: column for name, column in table.items() if name not in ("step", "val_loss_by_position")}
    return _numbers("its evaluations", losses | {"val_loss_by_position": [loss for row in rows for loss in row]})


def _find_in_moments(content: Mapping) -> str | None:
    """Check the samples, and the ratios, which are null at step 0 and there alone."""
    table = content["moments"]
    if wrong := _fields("its moments", table, MOMENT_FIELDS):
        return wrong
    ratios = table["update_to_weight"]
    if not isinstance(ratios, Mapping):
        return f"its moments' update_to_weight is {_brief(ratios)}, not a table"
    columns = {name: column for name, column in table.items() if name != "update_to_weight"}
    if wrong := _lengths("moments", columns | ratios) or _measured_at("moments", table["step"], content):
        return wrong
    if odd := [text for text in table["sample"] if not isinstance(text, str)]:
        return f"its moments' sample holds {_brief(odd[0])}, which is no text"
    if any(column[0] is not None for column in ratios.values()):
        return "its moments' update_to_weight is not null at step 0, before any update"
    return _numbers("its moments' update_to_weight", {kind: column[1:] for kind, column in ratios.items()})


def _fields(where: str, table: object, needed: set[str], optional: set[str] = frozenset()) -> str | None:
    """Refuse what is no table, or has other fields."""
    if not isinstance(table, Mapping):
        return f"{where} is {_brief(table)}, not a table with the fields {sorted(needed)}"
    if set(table) - optional != needed:
        named = "its fields are" if where == "it" else f"{where} have" if where.endswith("s") else f"{where} has"
        return f"{named} {sorted(table)}, not {sorted(needed)}"
    return None


def _lengths(group: str, columns: Mapping[str, object]) -> str | None:
    """Refuse columns that are no lists, or not of one length."""
    if odd := [name for name, column in columns.items() if not isinstance(column, list)]:
        return f"its {group}' {odd[0]} is {_brief(columns[odd[0]])}, not a list"
    lengths = {name: len(column) for name, column in columns.items()}
    return None if len(set(lengths.values())) == 1 else f"its {group} have columns of different lengths: {lengths}"


def _measured_at(group: str, steps: Sequence[object], content: Mapping) -> str | None:
    """Refuse steps that do not rise from 0 to the last update; a run that stopped may have none after its last."""
    last = len(content["steps"]["loss"])
    if odd := [step for step in steps if type(step) is not int or not 0 <= step <= last]:
        return f"its {group}' step holds {_brief(odd[0])}, not a whole number from 0 to {last:,}"
    if not steps or steps[0] != 0:
        return f"its {group} do not begin at step 0"
    if any(later <= earlier for earlier, later in zip(steps, steps[1:], strict=False)):
        return f"its {group}' steps do not rise"
    if steps[-1] != last and content["stopped"] is None:
        return f"its {group} end at step {steps[-1]:,}, not at {last:,}"
    return None


def _numbers(where: str, columns: Mapping[str, Sequence[object]]) -> str | None:
    """Refuse what is no finite number. A run that stopped has none either: its last update was not made."""
    for name, column in columns.items():
        if odd := [value for value in column if not _is_number(value)]:
            return f"{where}: {name} holds {_brief(odd[0])}, not a finite number"
    return None


def _is_number(value: object) -> bool:
    # Not math.isfinite: a whole number too large for a float would raise.
    most = sys.float_info.max
    return isinstance(value, (int, float)) and not isinstance(value, bool) and -most <= value <= most


def _brief(value: object) -> str:
    """Return how a value looks, cut short: a message is one line."""
    words = repr(value)
    return words if len(words) <= 40 else f"{words[:40]}…"
