"""A small run file for tests of what reads one; its numbers are simple and come from no training."""

from course_lib.corpus import SHA256
from course_lib.museum.recipes import RECIPES, Recipe
from course_lib.runs import SCHEMA

NAME = "short-warmup"


def example(recipe: Recipe = RECIPES[NAME], stopped_at: int | None = None) -> dict[str, object]:
    """The content of a run file without its hash: measured at the first step, half way and at the end."""
    done = recipe.max_steps if stopped_at is None else stopped_at
    at = [0, done // 2, done]
    return {
        "schema": SCHEMA,
        "name": recipe.name,
        "recipe": recipe.describe(),
        "provenance": {
            "parameters": 104_832, "corpus": {"name": "tiny-shakespeare", "sha256": SHA256},
            "versions": {"course_lib": "0.1.0", "python": "3.11.7", "torch": "2.13.0", "numpy": "2.4.6"},
            "device": "CPU, 1 thread", "wall_seconds": 54.3,
        },
        "stopped": None if stopped_at is None else {"step": stopped_at, "reason": "The loss is nan."},
        "steps": {
            "loss": [4.0 - step / 1000 for step in range(done)], "lr": [1e-3] * done,
            "grad_norm": [0.5 + step % 2 for step in range(done)], "clipped": [step % 2 for step in range(done)],
        },
        "evaluations": {
            "step": at, "train_loss": [4.0, 3.0, 2.0], "val_loss": [4.125, 3.25, 2.5],
            "val_loss_by_position": [[loss + i for i in range(recipe.context_length)] for loss in (4.0, 3.0, 2.0)],
        },
        "moments": {
            "step": at, "sample": ["a\n", "b", "c"],
            "update_to_weight": {"mlp": [None, 0.01, 0.001], "norm": [None, 0.1, 0.2]},
        },
    }  # fmt: skip
