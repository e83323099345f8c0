"""Recorded runs for tests of pictures: the lesson's own, and what the museum also has, cut out of it."""

from dataclasses import replace

from course_lib.runs import Run, load_run


def lesson() -> Run:
    """The lesson's recipe at d = 64."""
    return load_run("lesson-64")


def cut(
    run: Run, name: str, steps: int, *, stopped: bool = False, positions: int | None = None, **recipe: object
) -> Run:
    """The first `steps` updates of a run under another name, as if it had been that long or had stopped there."""
    kept = run.evaluation_steps <= steps
    moments = run.moment_steps <= steps
    return replace(
        run, name=name, recipe={**run.recipe, "name": name, **recipe},
        stopped={"step": steps, "reason": "the loss is nan"} if stopped else None,
        loss=run.loss[:steps], lr=run.lr[:steps], grad_norm=run.grad_norm[:steps], clipped=run.clipped[:steps],
        evaluation_steps=run.evaluation_steps[kept], train_loss=run.train_loss[kept], val_loss=run.val_loss[kept],
        val_loss_by_position=run.val_loss_by_position[kept, :positions],
        moment_steps=run.moment_steps[moments], samples=run.samples[: moments.sum()],
    )  # fmt: skip


def museum() -> list[Run]:
    """A long run, one that stopped, one with a loss of its own, a short one with a shorter context."""
    run = lesson()
    return [
        run,
        cut(run, "breaks-off", 2311, stopped=True),
        cut(run, "another-target", 4000, loss_fn="last_position_loss", max_norm="inf"),
        cut(run, "brief", 250, positions=16),
    ]
