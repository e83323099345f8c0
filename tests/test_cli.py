"""The course command: help, tables, what it records, and errors that end in one message."""

import dataclasses
import os
import subprocess
import sys
from pathlib import Path

import pytest
from run_examples import NAME, example

from course_lib import Corpus, WarmupCosine, cli, corpus_figures, standin
from course_lib.corpus_figures import load_corpus_figures, write_corpus_figures
from course_lib.museum import commands, recorder
from course_lib.museum.recipes import RECIPES
from course_lib.runs import load_run, write_run_file

TINY = dataclasses.replace(
    RECIPES[NAME], d_model=16, context_length=8, max_steps=3, batch_size=4, schedule=WarmupCosine(1e-2, 1e-3, 1, 3)
)


def course(*arguments: str) -> subprocess.CompletedProcess:
    command = [sys.executable, "-c", "from course_lib.cli import main; main()", *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=120, env=os.environ | {"COLUMNS": "100"})


def status_of(*arguments: object) -> int | str | None:
    with pytest.raises(SystemExit) as end:
        cli.main([str(argument) for argument in arguments])
    return end.value.code


@pytest.fixture
def tiny(monkeypatch, tmp_path) -> Path:
    """One recipe, made tiny, on a short text, with its own cache; returns the folder of run files."""
    text = standin.make_stand_in()[:3_000]
    monkeypatch.setattr(recorder, "load_real_corpus", lambda: Corpus(text, "a text", "0" * 64, is_stand_in=False))
    monkeypatch.setattr(recorder, "SAMPLE_CHARACTERS", 5)
    monkeypatch.setattr(commands, "RECIPES", {NAME: TINY})
    monkeypatch.setattr(commands, "SHA256", "0" * 64)
    monkeypatch.setattr(commands.pooch, "os_cache", lambda name: tmp_path / "cache" / name)
    return tmp_path / "recorded"


def test_help_lists_the_commands() -> None:
    shown = course("--help")
    assert shown.returncode == 0 and shown.stderr == ""
    assert all(name in shown.stdout and summary in shown.stdout for name, (_, summary) in cli.COMMANDS.items())


@pytest.mark.parametrize("name", cli.COMMANDS)
def test_help_of_a_command(name: str, capsys) -> None:
    assert status_of(name, "--help") == 0
    shown = " ".join(capsys.readouterr().out.split())
    assert shown.startswith(f"usage: course {name} [-h]")
    assert cli.COMMANDS[name][1].capitalize() in shown


@pytest.mark.parametrize("arguments", [(), ("nix",), ("runs", "--nix"), ("record", "--out")])
def test_wrong_use(arguments: tuple[str, ...], capsys) -> None:
    assert status_of(*arguments) == 2
    shown = capsys.readouterr()
    assert shown.out == "" and shown.err.startswith("usage: course")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("record",), "Name what to record, or give --all"),
        (("record", "--all", NAME), "Name what to record, or give --all"),
        (("record", "nix"), "There is no recipe 'nix'. There are: corpus, lesson-64,"),
        (("record", NAME, "--out", "/dev/null/x"), "Not a directory"),
    ],
)
def test_foreseeable_errors_end_with_a_message(arguments: tuple[str, ...], message: str) -> None:
    status = status_of(*arguments)
    assert isinstance(status, str)  # which the interpreter prints on stderr, with status 1
    assert status.startswith("course record: ") and message in status


def test_an_error_in_a_process_of_its_own() -> None:
    shown = course("record", "nix")
    assert shown.returncode == 1 and shown.stdout == ""
    assert shown.stderr.startswith("course record: There is no recipe 'nix'.") and shown.stderr.count("\n") == 1


def test_a_fault_of_ours_keeps_its_traceback(monkeypatch) -> None:
    def broken(arguments: object) -> None:
        raise AttributeError("ours")

    monkeypatch.setattr(commands, "run_runs", broken)
    with pytest.raises(AttributeError, match="ours"):
        cli.main(["runs"])


def test_ctrl_c(monkeypatch, capsys) -> None:
    def interrupted(arguments: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(commands, "run_record", interrupted)
    assert status_of("record", "--all") == 130
    assert capsys.readouterr().err == "\ncourse record: interrupted\n"


def test_a_reader_that_has_seen_enough() -> None:
    program = f"'{sys.executable}' -c 'from course_lib.cli import main; main()' runs | true; exit ${{PIPESTATUS[0]}}"
    shown = subprocess.run(["bash", "-c", program], capture_output=True, text=True, timeout=120)
    assert (shown.returncode, shown.stderr) == (0, "")


def test_the_table(tmp_path, monkeypatch, capsys) -> None:
    names = ("lesson-64", NAME, "short-no-warmup", "short")
    monkeypatch.setattr(commands, "RECIPES", {name: RECIPES[name] for name in names})
    write_corpus_figures(load_corpus_figures(), tmp_path)
    write_run_file(example(), tmp_path)
    write_run_file(example(dataclasses.replace(RECIPES["short"], seed=2)), tmp_path)
    write_run_file(example(RECIPES["high-lr"]), tmp_path)
    (tmp_path / "short-no-warmup.json.gz").write_bytes(b"damaged")
    cli.main(["runs", "--out", str(tmp_path)])
    assert capsys.readouterr().out.splitlines() == [
        "name              steps   train     val  clipped  change",
        "lesson-64         5,000 (missing)                 nothing: the lesson's recipe",
        "short-warmup        400   2.000   2.500    50.0%  two layers, T = 32: 400 steps",
        "short-no-warmup     400 (damaged)                 two layers, T = 32: 400 steps, no warmup",
        "short             1,500 (out of date)             two layers, T = 32: every position",
        "corpus                  (recorded)                what is counted on the corpus itself",
        "3 to record: course record --all",
        "high-lr has a run file and no recipe; delete the file.",
    ]


def test_a_run_that_stopped_says_so(tmp_path, capsys) -> None:
    write_run_file(example(stopped_at=7), tmp_path)
    cli.main(["runs", "--out", str(tmp_path)])
    line = next(line for line in capsys.readouterr().out.splitlines() if line.startswith(f"{NAME} "))
    assert line.endswith("; stopped at step 7")


def test_record_once_and_again(tiny: Path, capsys) -> None:
    cli.main(["record", NAME, "--out", str(tiny)])
    run, shown = load_run(NAME, tiny), capsys.readouterr()
    assert shown.err == ""  # no bar where stderr is no terminal
    assert shown.out.splitlines() == [
        f"{NAME}: 3 steps",
        f"{NAME}: complete",
        f"  training loss {run.at(3).train:.3f}, validation loss {run.at(3).val:.3f}, {run.provenance['wall_seconds']:,.0f} s",
        f"  {tiny / NAME}.json.gz",
    ]
    first = (tiny / f"{NAME}.json.gz").stat().st_ino
    cli.main(["record", NAME, "--out", str(tiny)])
    assert capsys.readouterr().out == f"{NAME} is recorded and up to date; --again records it once more.\n"
    assert (tiny / f"{NAME}.json.gz").stat().st_ino == first
    cli.main(["record", NAME, "--again", "--out", str(tiny)])
    assert (tiny / f"{NAME}.json.gz").stat().st_ino != first and load_run(NAME, tiny).loss.tolist() == run.loss.tolist()


def test_an_interrupted_recording_goes_on(tiny: Path, tmp_path, capsys) -> None:
    partial = tmp_path / "cache" / "course_lib" / "recording" / f"{NAME}-{TINY.digest()}"
    run = recorder.record(TINY, tiny, partial)
    next(run), next(run)
    run.close()
    cli.main(["record", NAME, "--out", str(tiny)])
    assert capsys.readouterr().out.startswith(f"{NAME}: goes on from step 1\n{NAME}: complete\n")
    assert not partial.exists()


def test_two_processes_do_not_record_one_run(tiny: Path, tmp_path, monkeypatch, capsys) -> None:
    monkeypatch.setattr(commands, "state", lambda name, folder: "recorded" if name == "corpus" else "missing")
    lock = tmp_path / "cache" / "course_lib" / "recording" / f"{NAME}-{TINY.digest()}.lock"
    lock.parent.mkdir(parents=True)
    program = "import filelock, sys; held = filelock.FileLock(sys.argv[1]); held.acquire(); print(0, flush=True); input()"
    line = [sys.executable, "-c", program, str(lock)]
    with subprocess.Popen(line, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as other:
        assert other.stdout.readline() == "0\n"
        message = f"{NAME} is being recorded by another process, to which it is left."
        assert status_of("record", NAME, "--out", tiny) == f"course record: {message}"
        cli.main(["record", "--all", "--out", str(tiny)])
        assert capsys.readouterr().out == f"{message}\n"
        assert not (tiny / f"{NAME}.json.gz").exists()
        other.kill()
    cli.main(["record", "--all", "--out", str(tiny)])
    assert (tiny / f"{NAME}.json.gz").exists()


def test_all_that_is_due(tiny: Path, monkeypatch, capsys) -> None:
    short = Corpus(standin.make_stand_in()[:3_000], "a text", "0" * 64, is_stand_in=False)
    monkeypatch.setattr(corpus_figures, "load_real_corpus", lambda: short)
    cli.main(["record", "--all", "--out", str(tiny)])
    assert capsys.readouterr().out.startswith(f"corpus: {tiny / 'corpus.json'}\n{NAME}: 3 steps\n")
    assert sorted(path.name for path in tiny.iterdir()) == ["corpus.json", f"{NAME}.json.gz"]
    cli.main(["record", "--all", "--out", str(tiny)])
    assert capsys.readouterr().out == ""
    cli.main(["runs", "--out", str(tiny)])
    assert capsys.readouterr().out.endswith("Everything is recorded and up to date.\n")
    monkeypatch.setattr(commands, "RECIPES", {NAME: dataclasses.replace(TINY, weight_decay=0.5)})
    assert commands.state(NAME, tiny) == "out of date"
    monkeypatch.setattr(commands, "SHA256", "1" * 64)
    assert commands.state("corpus", tiny) == "out of date"


def test_a_run_of_another_corpus_is_out_of_date(tmp_path) -> None:
    content = example()
    content["provenance"]["corpus"]["sha256"] = "0" * 64
    write_run_file(content, tmp_path)
    assert commands.state(NAME, tmp_path) == "out of date"
