"""What lies in deploy/: the scripts lint, the Job fits its schema, and their commands run."""

import copy
import csv
import json
import os
import re
import shlex
import subprocess
import sys
import sysconfig
from pathlib import Path

import kubernetes_validate
import pytest
import yaml

from course_lib import cli
from exercise_folder import answered, make_exercises
from tools import project

DEPLOY = project.ROOT / "deploy"
SLURM, JOB, CONTAINER = DEPLOY / "grade.slurm.sh", DEPLOY / "grade-job.yaml", DEPLOY / "Containerfile"
SCRIPTS = Path(sysconfig.get_path("scripts"))
SECRET = "a secret of some length"


def shellcheck(script: str) -> subprocess.CompletedProcess[str]:
    command = [SCRIPTS / "shellcheck", "--enable=all", "--exclude=SC2250,SC2312", "-"]
    return subprocess.run(command, input=script, capture_output=True, text=True, timeout=60)


def job() -> dict:
    return yaml.safe_load(JOB.read_text())


def container(of: dict) -> dict:
    [found] = of["spec"]["template"]["spec"]["containers"]
    return found


def variables() -> dict[str, dict]:
    return {variable["name"]: variable for variable in container(job())["env"]}


def test_shell_scripts_lint() -> None:
    assert shellcheck(SLURM.read_text()).stdout == ""
    assert os.access(SLURM, os.X_OK)
    [command] = container(job())["args"]
    assert shellcheck(f'#!/bin/sh\n: "${{JOB_COMPLETION_INDEX:=0}}" "${{SHARDS:=1}}" "${{COURSE_SEED:=}}" "${{COURSE_EXERCISES:=}}"\n{command}\n').stdout == ""


def test_the_linter_finds_a_missing_quote() -> None:
    assert "SC2086" in shellcheck(SLURM.read_text().replace('"$submitted"', "$submitted")).stdout


def test_slurm_is_told_only_what_it_knows() -> None:
    # https://slurm.schedmd.com/sbatch.html; sbatch --test-only itself needs a cluster to ask.
    options = re.findall(r"^#SBATCH --([a-z-]+)", SLURM.read_text(), re.MULTILINE)
    assert set(options) == {"job-name", "ntasks", "cpus-per-task", "mem", "time", "requeue"}


def test_the_job_fits_the_published_schema() -> None:
    kubernetes_validate.validate(job(), kubernetes_validate.latest_version(), strict=True)


@pytest.mark.parametrize("field", ["completionMode", "template", "parallelism"])
def test_the_schema_refuses_a_wrong_job(field: str) -> None:
    wrong = copy.deepcopy(job())
    wrong["spec"][field] = {"x": 1}
    with pytest.raises(kubernetes_validate.ValidationError):
        kubernetes_validate.validate(wrong, kubernetes_validate.latest_version(), strict=True)


def test_the_job_has_one_number_of_shards_and_few_rights() -> None:
    spec = job()["spec"]
    pod = spec["template"]["spec"]
    shards = variables()["SHARDS"]["value"]
    assert (spec["completionMode"], str(spec["completions"])) == ("Indexed", shards)
    assert pod["automountServiceAccountToken"] is False and pod["securityContext"]["runAsNonRoot"] is True
    rights = container(job())["securityContext"]
    assert rights["capabilities"] == {"drop": ["ALL"]} and rights["allowPrivilegeEscalation"] is False


def test_the_image_is_made_from_what_is_there() -> None:
    text = CONTAINER.read_text()
    copied = [name for line in re.findall(r"^COPY (.*)", text, re.MULTILINE) for name in line.split()[:-1]]
    assert {"course_lib", "exercises", "pyproject.toml"} <= set(copied)
    assert all((project.ROOT / name).exists() for name in copied)
    [version] = re.findall(r"^FROM docker\.io/library/python:3\.(\d+)-", text, re.MULTILINE)
    assert 11 <= int(version) <= 13 and "bubblewrap" in text
    names = re.findall(r"\S*course-grade:\S+", text) + re.findall(r"\S*course-grade:\S+", JOB.read_text())
    assert len(names) == 2 and len(set(names)) == 1


@pytest.fixture
def collection(tmp_path: Path) -> Path:
    """Six submissions, and exercises whose checks all pass."""
    make_exercises(tmp_path / "exercises")
    for student in "abcdef":
        path = tmp_path / "data/submitted" / student / "clipping/clipping.ipynb"
        path.parent.mkdir(parents=True)
        path.write_text(answered("clipping"))
    (tmp_path / "secret").write_text(SECRET)
    return tmp_path


def run(collection: Path, command: list[str], **variables: str) -> None:
    """Run a command of deploy/ where `course` is this one; unless told others, it has the collection's exercises."""
    shim = collection / "bin" / "course"
    if not shim.exists():
        shim.parent.mkdir()
        arguments = f"[sys.argv[1], '--exercises', {str(collection / 'exercises')!r}, *sys.argv[2:]]"
        call = f"import sys; from course_lib.cli import main; main({arguments})"
        # Through a shell: the line after #! ends at a space, which the path of this Python may hold.
        shim.write_text(f"#!/bin/sh\nexec {shlex.quote(sys.executable)} -c {shlex.quote(call)} \"$@\"\n")
        shim.chmod(0o755)
    found = {"PATH": f"{shim.parent}:{os.environ['PATH']}", "PYTHONPATH": str(project.ROOT)}
    environment = os.environ | found | variables
    done = subprocess.run(command, env=environment, cwd=collection, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stdout + done.stderr


def merged(collection: Path, parts: Path) -> list[str]:
    cli.main(["merge", *map(str, sorted(parts.iterdir())), "-o", str(collection / "results")])
    with open(collection / "results/results.csv", newline="") as file:
        return [f"{row['student']} {row['status']} {row['points']}" for row in csv.DictReader(file)]


def test_the_slurm_array_grades_every_submission(collection: Path) -> None:
    for task in ("1", "2"):
        run(collection, [str(SLURM), "data/submitted", "parts", "secret"],
            SLURM_ARRAY_TASK_ID=task, SLURM_ARRAY_TASK_COUNT="2", SLURM_CPUS_PER_TASK="1")  # fmt: skip
    assert merged(collection, collection / "parts") == [f"{student} graded 4" for student in "abcdef"]


def test_the_slurm_script_says_how_to_start_it(collection: Path) -> None:
    for arguments, words in (([], "usage: sbatch"), (["a", "b", "c"], "start it with sbatch --array")):
        plain = {name: value for name, value in os.environ.items() if not name.startswith("SLURM")}
        done = subprocess.run([SLURM, *arguments], env=plain, capture_output=True, text=True, timeout=60)
        assert done.returncode != 0 and words in done.stderr


def pod_command(collection: Path) -> list[str]:
    inside = container(job())
    return [part.replace("/data/", f"{collection}/data/").replace("/secret/", f"{collection}/") for part in
            (*inside["command"], *inside["args"])]  # fmt: skip


def test_the_pods_grade_every_submission(collection: Path) -> None:
    command = pod_command(collection)
    for index in ("0", "1"):
        run(collection, command, JOB_COMPLETION_INDEX=index, SHARDS="2", OMP_NUM_THREADS="1")
    assert merged(collection, collection / "data/parts") == [f"{student} graded 4" for student in "abcdef"]


@pytest.mark.parametrize("kind", ["slurm", "pod"])
def test_seed_and_exercises_reach_the_grader(collection: Path, kind: str) -> None:
    own = (collection / "exercises").rename(collection / "a set of mine")
    given = {"COURSE_SEED": "-autumn, it's a \"secret\" $HOME", "COURSE_EXERCISES": str(own)}
    if kind == "slurm":
        command = [str(SLURM), "data/submitted", "data/parts", "secret"]
        given |= {"SLURM_ARRAY_TASK_ID": "1", "SLURM_ARRAY_TASK_COUNT": "1"}
    else:
        command = pod_command(collection)
        given |= {"JOB_COMPLETION_INDEX": "0", "SHARDS": "1"}
    run(collection, command, **given)
    record = json.loads((collection / "data/parts/1/run.json").read_text())
    assert record["release_seed"] == given["COURSE_SEED"]
    assert merged(collection, collection / "data/parts") == [f"{student} graded 4" for student in "abcdef"]


def test_the_pod_takes_the_seed_from_the_secret_and_may_do_without() -> None:
    [volume] = [volume for volume in job()["spec"]["template"]["spec"]["volumes"] if volume["name"] == "secret"]
    seed = variables()["COURSE_SEED"]["valueFrom"]["secretKeyRef"]
    assert seed == {"name": volume["secret"]["secretName"], "key": "seed", "optional": True}
    assert variables()["COURSE_EXERCISES"]["value"] == ""
    assert f"secret generic {seed['name']} --from-file=secret=SECRET --from-literal={seed['key']}=" in JOB.read_text()
