"""Collecting submissions: every file is placed, kept or named; nothing of an archive is trusted."""

import io
import json
import os
import random
import re
import stat
import zipfile
from pathlib import Path

import pytest

from course_lib import cli
from course_lib.grading import archives, collect, recognise
from course_lib.grading.collection import File, read_collection, read_late
from course_lib.grading.origins import origin_of, origins_of, own_stem
from course_lib.grading.text import safe_name
from exercise_folder import answered, cell, make_exercises, notebook, unmarked


@pytest.fixture
def exercises(tmp_path: Path) -> Path:
    return make_exercises(tmp_path / "exercises")


def make_zip(path: Path, files: dict[str, str | bytes]) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return path


def tree(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def by_state(files: list[File], state: str) -> list[File]:
    return [file for file in files if file.state == state]


@pytest.fixture
def gather(tmp_path: Path, exercises: Path):
    def run(*sources: Path, output: str = "submitted") -> list[File]:
        return collect.collect(list(sources), tmp_path / output, exercises)

    return run


def test_canvas_archive(tmp_path, gather):
    archive = make_zip(tmp_path / "submissions.zip", {
        "lovelaceada_101_9001_clipping.ipynb": answered("clipping", "return 'old'"),
        "lovelaceada_LATE_101_9002_clipping-1.ipynb": answered("clipping", "return 'new'"),
        "hoppergrace_102_9003_homework final.ipynb": answered("clipping"),
        "anon_ab12_9004_clipping.ipynb": answered("clipping"),
        "noetheremmy_103_text.html": "<p>I could not upload it.</p>",
    })  # fmt: skip
    files = gather(archive)
    submitted = tmp_path / "submitted"
    assert "'new'" in (submitted / "101/clipping/clipping.ipynb").read_text()
    assert read_late(submitted) == {
        ("101", "clipping"): True,
        ("102", "clipping"): False,
        ("anon_ab12", "clipping"): False,
    }
    [old] = by_state(files, "superseded")
    assert "'old'" in (submitted / old.path).read_text()
    [text] = by_state(files, "unrecognised")
    assert text.student == "103" and "could not upload" in (submitted / text.path).read_text()
    assert {file.student for file in files if file.renamed} == {"102"}
    values = json.loads((submitted / "collection.json").read_text())
    assert values["students"]["101"] == {"id": "101", "name": "lovelaceada"}


def test_the_newest_upload_wins_whatever_the_order_in_the_archive(tmp_path, gather):
    names = {f"a_7_{number}_loss.ipynb": answered("loss", f"return {number}") for number in (900, 1000, 99)}
    gather(make_zip(tmp_path / "a.zip", names))
    assert "return 1000" in (tmp_path / "submitted/7/loss/loss.ipynb").read_text()


def test_moodle_archive_with_and_without_folders(tmp_path, gather):
    files = gather(make_zip(tmp_path / "moodle.zip", {
        "Ada Lovelace_11_assignsubmission_file_/clipping.ipynb": answered("clipping"),
        "Ada Lovelace_11_assignsubmission_onlinetext_/onlinetext.html": "<p>see the file</p>",
        "Grace Hopper_12_assignsubmission_file_loss.ipynb": answered("loss"),
    }))  # fmt: skip
    assert read_late(tmp_path / "submitted") == {("11", "clipping"): None, ("12", "loss"): None}
    assert [file.original for file in by_state(files, "unrecognised")] == [
        "moodle.zip: Ada Lovelace_11_assignsubmission_onlinetext_/onlinetext.html"
    ]
    assert {file.student_name for file in files} == {"Ada Lovelace", "Grace Hopper"}


@pytest.mark.parametrize("shape", ["{}/clipping.ipynb", "{}/clipping/clipping.ipynb", "class/{}/clipping.ipynb"])
def test_plain_folders(tmp_path, gather, shape):
    for student in ("ada", "grace"):
        path = tmp_path / "plain" / shape.format(student)
        path.parent.mkdir(parents=True)
        path.write_text(answered("clipping"))
    gather(tmp_path / "plain")
    assert set(read_late(tmp_path / "submitted")) == {("ada", "clipping"), ("grace", "clipping")}


def test_an_unpacked_canvas_archive_that_was_packed_again_by_hand(tmp_path, gather):
    gather(make_zip(tmp_path / "x.zip", {
        "submissions/lovelaceada_101_9001_clipping.ipynb": answered("clipping"),
        "__MACOSX/submissions/._lovelaceada_101_9001_clipping.ipynb": b"\0\5\26\7",
        "submissions/.DS_Store": b"\0",
    }))  # fmt: skip
    assert [file.student for file in read_collection(tmp_path / "submitted")] == ["101"]


@pytest.mark.parametrize(
    ("content", "name", "piece", "by"),
    [
        (answered("loss"), "clipping.ipynb", "loss", "marked cells"),
        (unmarked("loss"), "clipping.ipynb", "loss", "functions"),
        (notebook(cell("markdown", "# Clip, or skip")), "work.ipynb", "clipping", "title"),
        (notebook(cell("code", "x = 1")), "clipping (2).ipynb", "clipping", "name"),
        (notebook(cell("code", "def clip_or_skip(): pass\ndef masked_loss(): pass")), "loss-3.ipynb", "loss",
         "functions and name"),
        (notebook(cell("code", "x = 1")), "work.ipynb", None, ""),
    ],
)  # fmt: skip
def test_a_renamed_notebook_is_known_by_its_content(tmp_path, gather, content, name, piece, by):
    [file] = gather(make_zip(tmp_path / "a.zip", {f"ada/{name}": content}))
    assert (file.exercise, file.recognised_by) == (piece, by)
    assert file.state == ("submitted" if piece else "unrecognised")


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (b"", "its JSON cannot be read"),
        (b"{", "its JSON cannot be read"),
        (b"[" * 200_000, "its JSON cannot be read"),
        (b"[1]", "no notebook"),
        (b'{"cells": 3}', "no list of cells"),
        (random.Random(0).randbytes(250_001), "MiB"),
    ],
    ids=["empty", "half", "deep", "list", "no cells", "large"],
)
def test_an_unreadable_notebook_is_graded_so_that_its_student_hears_of_it(
    tmp_path, gather, monkeypatch, content, problem
):
    monkeypatch.setattr(recognise, "MAX_BYTES", 250_000)  # the exercises' own are smaller
    [file] = gather(make_zip(tmp_path / "a.zip", {"ada/clipping.ipynb": content}))
    assert file.state == "submitted" and problem in file.problem
    assert (tmp_path / "submitted" / file.path).read_bytes() == content


def test_an_unreadable_newer_notebook_gives_way_to_an_older_that_can_be_read(tmp_path, gather):
    files = gather(make_zip(tmp_path / "a.zip", {
        "x_7_100_loss.ipynb": answered("loss"), "x_7_200_loss-1.ipynb": b"half a noteb",
    }))  # fmt: skip
    assert [(file.attempt, file.problem) for file in by_state(files, "submitted")] == [((100, 0), "")]
    [newer] = by_state(files, "superseded")
    assert newer.attempt == (200, 1) and "cannot be read" in newer.problem


def zip_info(name: str, mode: int) -> zipfile.ZipInfo:
    info = zipfile.ZipInfo(name)
    info.create_system, info.external_attr = 3, mode << 16
    return info


def test_links_devices_and_paths_out_of_an_archive_are_refused_and_write_nothing(tmp_path, gather):
    archive = tmp_path / "a.zip"
    with zipfile.ZipFile(archive, "w") as file:
        file.writestr(zip_info("ada/clipping.ipynb", stat.S_IFLNK | 0o777), "/etc/passwd")
        file.writestr(zip_info("eve/clipping.ipynb", stat.S_IFIFO | 0o666), "")
        for name in ("../../loss.ipynb", "/etc/loss.ipynb", "ada/../../loss.ipynb", "..\\loss.ipynb", "C:/loss.ipynb"):
            file.writestr(name, answered("loss"))
        file.writestr("grace/" + "x/" * 40 + "loss.ipynb", answered("loss"))
        file.writestr("grace/loss.ipynb", answered("loss"))
    before = {path for path in tmp_path.rglob("*") if "submitted" not in path.parts}
    files = gather(archive)
    assert {path for path in tmp_path.rglob("*") if "submitted" not in path.parts} == before
    assert set(tree(tmp_path / "submitted")) == {"collection.json", "grace/loss/loss.ipynb"}
    problems = sorted(file.problem for file in by_state(files, "refused"))
    assert problems == [
        "a device",
        "a link",
        *["a path that leads out of the archive"] * 5,
        "more than 12 folders deep",
    ]


def test_links_pipes_and_deep_folders_in_a_folder_are_refused(tmp_path, gather):
    ada = tmp_path / "plain" / "ada"
    ada.mkdir(parents=True)
    (tmp_path / "secret.ipynb").write_text(answered("loss", "return 'secret'"))
    (ada / "loss.ipynb").symlink_to(tmp_path / "secret.ipynb")
    (tmp_path / "plain" / "eve").symlink_to(tmp_path)
    os.mkfifo(ada / "clipping.ipynb")
    (ada / "good.ipynb").write_text(answered("clipping"))
    files = gather(tmp_path / "plain")
    assert sorted(file.problem for file in by_state(files, "refused")) == ["a device", "a link", "a link"]
    assert not any(b"secret'" in content for name, content in tree(tmp_path / "submitted").items())


def test_a_file_that_becomes_a_link_while_it_is_read_is_refused(tmp_path):
    (tmp_path / "ada").mkdir()
    path = tmp_path / "ada/loss.ipynb"
    path.write_text("{}")
    (tmp_path / "secret").write_text("secret")
    with archives.opened(tmp_path) as entries:
        path.unlink()
        path.symlink_to(tmp_path / "secret")
        entry = next(entry for entry in entries if entry.parts[-1] == "loss.ipynb")
        taken = io.BytesIO()
        with pytest.raises(archives.RefusedError, match="cannot be read"):
            archives.Budget().copy(entry, taken)
    assert taken.getvalue() == b""


def test_zip_bombs_stop_at_each_limit(tmp_path, gather, monkeypatch):
    monkeypatch.setattr(archives, "FILE_BYTES", 4 * 2**20)
    bomb = make_zip(
        tmp_path / "bomb.zip",
        {
            "ada/loss.ipynb": b"0" * (5 * 2**20),
            "eve/loss.ipynb": b"0" * (3 * 2**20),
            "grace/loss.ipynb": answered("loss"),
        },
    )
    files = gather(bomb)
    assert [file.student for file in by_state(files, "submitted")] == ["grace"]
    problems = {file.student: file.problem for file in by_state(files, "refused")}
    assert problems["ada"] == "more than 4 MiB" and "zip bomb" in problems["eve"]


def test_a_size_that_lies_is_noticed_while_reading(tmp_path, gather, monkeypatch):
    monkeypatch.setattr(archives, "FILE_BYTES", 2**20)
    path = make_zip(tmp_path / "a.zip", {"ada/loss.ipynb": os.urandom(2**20 + 9)})
    true, small = (size.to_bytes(4, "little") for size in (2**20 + 9, 100))
    path.write_bytes(path.read_bytes().replace(true, small))
    [file] = gather(path)
    assert file.state == "refused"


@pytest.mark.parametrize(("limit", "value", "words"), [("TOTAL_BYTES", 5000, "GiB"), ("FILES", 2, "other files")])
def test_the_whole_collection_is_limited(tmp_path, gather, monkeypatch, limit, value, words):
    monkeypatch.setattr(archives, limit, value)
    files = gather(make_zip(tmp_path / "a.zip", {f"s{i}/loss.ipynb": answered("loss") for i in range(9)}))
    refused = by_state(files, "refused")
    assert 0 < len(refused) < 9 and all(words in file.problem for file in refused)


def test_encrypted_and_damaged_files_are_named_and_the_others_taken(tmp_path, gather):
    path = make_zip(tmp_path / "a.zip", {"ada/loss.ipynb": answered("loss"), "eve/loss.ipynb": answered("loss")})
    content = bytearray(path.read_bytes())
    central = content.index(b"PK\x01\x02")
    content[central + 8] |= 1  # ada's flag: encrypted
    eve = content.index(b"PK\x03\x04", 4)
    content[eve + 50 : eve + 60] = b"\xff" * 10
    path.write_bytes(content)
    files = gather(path)
    problems = {file.student: file.problem for file in by_state(files, "refused")}
    assert problems["ada"] == "encrypted" and problems["eve"].startswith("cannot be read")


NAMES = [
    "o'brien, pat",
    "two\nlines",
    "\u202egnp.exe",
    "x" * 240,
    "Ada",
    "ADA",
    "ada",
    "CON",
    "müller",
    "mu\u0308ller",
    "=cmd|'C calc'!A1",
    "-rf",
    "~root",
    "$(reboot)",
    "名前",
    "_superseded",
    ".hidden",
    "collection.json",
]


def test_every_name_gets_a_folder_of_its_own_and_keeps_its_original(tmp_path, gather):
    files = gather(make_zip(tmp_path / "a.zip", {f"{name}/loss.ipynb": answered("loss") for name in NAMES}))
    folders = [file.student for file in by_state(files, "submitted")]
    assert len(folders) == len(NAMES) == len({folder.lower() for folder in folders})
    assert all(re.fullmatch(r"[a-z0-9][a-z0-9_.@+-]{0,63}", folder) for folder in folders)
    students = json.loads((tmp_path / "submitted/collection.json").read_text())["students"]
    assert {entry["id"] for entry in students.values()} == set(NAMES)


def test_a_plain_id_stays_and_another_is_told_apart():
    assert safe_name("abc123") == "abc123" and safe_name("ada.l@example.org") == "ada.l@example.org"
    assert safe_name("Ada").startswith("ada-") and safe_name("Ada") != safe_name("ada")
    assert len(safe_name("x" * 500)) == 64 and safe_name("").startswith("unnamed-") and safe_name("aux") != "aux"


def test_names_that_are_not_utf8_are_kept(tmp_path, gather):
    folder = os.fsencode(tmp_path) + b"/plain/\xe4da"
    os.makedirs(folder)
    Path(os.fsdecode(folder + b"/loss.ipynb")).write_text(answered("loss"))
    [file] = gather(tmp_path / "plain")
    assert file.student_id == os.fsdecode(b"\xe4da")
    assert read_collection(tmp_path / "submitted") == [file]
    assert gather(tmp_path / "plain") == [file]


def test_nobody_hands_in_for_another_by_a_name(tmp_path, gather):
    files = gather(make_zip(tmp_path / "a.zip", {
        "mallory_101_666_9_loss.ipynb": answered("loss"),  # student 666 called "mallory_101", or student 101?
        "Mallory_5_assignsubmission_file_x_101_assignsubmission_file_loss.ipynb": answered("loss"),
    }))  # fmt: skip
    assert {file.student for file in files} == {None, "5"}
    assert origin_of(["lovelaceada_12_34_04_loss.ipynb"]).student == "12"


def test_a_file_whose_own_name_begins_with_a_number_keeps_its_student(tmp_path, gather):
    files = gather(make_zip(tmp_path / "a.zip", {
        "lovelaceada_12345_67890_2_clipping.ipynb": answered("clipping"),
        "hoppergrace_LATE_12346_67891_2024 answer.ipynb": answered("clipping"),
        "noetheremmy_12347_67892_8_x-1.ipynb": answered("clipping"),
        "anon_ab12_67893_8_x.ipynb": answered("clipping"),
    }))  # fmt: skip
    assert {(file.student, file.state) for file in files} == {
        (student, "submitted") for student in ("12345", "12346", "12347", "anon_ab12")
    }
    assert {file.attempt for file in files} == {(67890, 0), (67891, 0), (67892, 1), (67893, 0)}


@pytest.mark.parametrize(
    ("name", "others", "student"),
    [
        ("a_12_345678_2024_x.ipynb", (), None),
        ("a_12_345678_2024_x.ipynb", ("b_13_345679_x.ipynb",), "12"),
        ("a_12_345678_1_2_x.ipynb", (), None),
        ("a_12_345678_1_2_x.ipynb", ("b_13_345679_x.ipynb",), "12"),
        ("a_12_345678_1_40000_x.ipynb", ("b_13_345679_x.ipynb",), None),
        ("a_12_345678_40000_x.ipynb", ("b_13_345679_x.ipynb",), None),
        ("a_12_9100_8_x.ipynb", ("b_13_9101_x.ipynb",), "12"),
        ("a_12_900_8_x.ipynb", ("b_13_901_x.ipynb",), None),
        ("12_900_8_x.ipynb", (), None),  # a student may be called "12"
        ("a_12_345678_8_x.ipynb", ("b_345678_345679_x.ipynb",), None),
        ("a_12_170000001234567_987654_x.ipynb", (), None),  # a guest from another Canvas
        ("a_12_345678_8_x.ipynb", ("c_14_345680_8_x.ipynb",), "12"),
        ("a_12_345678_8_x.ipynb", ("8/x.ipynb",), "12"),
    ],
)
def test_a_name_with_three_numbers_is_settled_by_what_can_be_an_upload(name, others, student):
    for paths in ([name, *others], [*others, name]):
        origins = origins_of(path.split("/") for path in paths)
        assert origins[paths.index(name)].student == student


def test_a_name_in_doubt_is_listed_with_its_readings_and_kept(tmp_path, gather):
    text = answered("loss")
    files = gather(make_zip(tmp_path / "a.zip", {"a_101_666_9_loss.ipynb": text, f"b_{'9' * 5000}_1_loss.ipynb": text}))
    problems = [file.problem for file in by_state(files, "unrecognised")]
    assert "It may be of student 101 or 666; put it into a folder named after the right one." in problems
    assert (tmp_path / "submitted" / files[0].path).read_text() == text


def test_a_top_level_notebook_without_a_student_is_kept_and_said(tmp_path, gather):
    [file] = gather(make_zip(tmp_path / "a.zip", {"loss.ipynb": answered("loss")}))
    assert file.state == "unrecognised" and "whose it is" in file.problem
    assert (tmp_path / "submitted" / file.path).read_text() == answered("loss")


def test_an_archive_within_is_kept_but_not_opened(tmp_path, gather):
    inner = io.BytesIO()
    with zipfile.ZipFile(inner, "w") as archive:
        archive.writestr("loss.ipynb", answered("loss"))
    [file] = gather(make_zip(tmp_path / "a.zip", {"ada/work.zip": inner.getvalue()}))
    assert file.state == "unrecognised" and (tmp_path / "submitted" / file.path).read_bytes() == inner.getvalue()


def test_collecting_again_changes_no_byte(tmp_path, gather):
    archive = make_zip(
        tmp_path / "a.zip",
        {
            "x_7_100_loss.ipynb": answered("loss"),
            "x_7_200_loss-1.ipynb": answered("loss", "return 2"),
            "note.txt": "hello",
        },
    )
    first = gather(archive)
    before = tree(tmp_path / "submitted")
    assert gather(archive) == first
    assert tree(tmp_path / "submitted") == before


def test_a_later_archive_adds_and_supersedes_and_loses_nothing(tmp_path, gather):
    gather(make_zip(tmp_path / "week1.zip", {"x_7_100_loss.ipynb": answered("loss", "return 'one'")}))
    gather(make_zip(tmp_path / "week2.zip", {
        "x_7_200_loss.ipynb": answered("loss", "return 'two'"), "y_8_300_clipping.ipynb": answered("clipping"),
    }))  # fmt: skip
    after = tree(tmp_path / "submitted")
    assert b"'two'" in after["7/loss/loss.ipynb"] and "8/clipping/clipping.ipynb" in after
    assert any(b"'one'" in content for name, content in after.items() if name.startswith("_superseded/7/"))


def test_both_orders_of_collecting_end_the_same(tmp_path, gather):
    one = make_zip(tmp_path / "one.zip", {"x_7_100_loss.ipynb": answered("loss", "return 'one'")})
    two = make_zip(tmp_path / "two.zip", {"x_7_200_loss.ipynb": answered("loss", "return 'two'")})
    for output, order in (("a", (one, two)), ("b", (two, one))):
        for archive in order:
            gather(archive, output=output)
    assert tree(tmp_path / "a") == tree(tmp_path / "b")


@pytest.mark.parametrize("moved", range(4))
def test_a_kill_half_way_loses_nothing_and_the_next_run_completes(tmp_path, gather, monkeypatch, moved):
    one = make_zip(tmp_path / "one.zip", {"x_7_100_loss.ipynb": answered("loss", "return 'one'")})
    two = make_zip(tmp_path / "two.zip", {
        "x_7_200_loss.ipynb": answered("loss", "return 'two'"), "y_8_300_loss.ipynb": answered("loss"),
    })  # fmt: skip
    gather(one, output="expected")
    gather(two, output="expected")
    gather(one)
    replace, calls = os.replace, []

    def killed(source, target):
        if "submitted" in str(target) and ".incoming" not in str(target):
            calls.append(target)
            if len(calls) > moved:
                raise KeyboardInterrupt
        replace(source, target)

    monkeypatch.setattr(os, "replace", killed)
    with pytest.raises(KeyboardInterrupt):
        gather(two)
    monkeypatch.undo()
    assert any(b"'one'" in content for content in tree(tmp_path / "submitted").values())
    gather(two)
    assert tree(tmp_path / "submitted") == tree(tmp_path / "expected")


def test_what_an_instructor_edited_is_not_overwritten(tmp_path, gather):
    gather(make_zip(tmp_path / "one.zip", {"x_7_100_loss.ipynb": answered("loss", "return 'one'")}))
    edited = tmp_path / "submitted/7/loss/loss.ipynb"
    edited.write_text("by hand")
    with pytest.raises(ValueError, match="was changed or removed"):
        gather(make_zip(tmp_path / "two.zip", {"x_7_200_loss.ipynb": answered("loss", "return 'two'")}))
    assert edited.read_text() == "by hand"


@pytest.mark.parametrize(
    "case", ["no zip", "missing", "in itself", "foreign output", "file output", "collection", "damaged"]
)
def test_wrong_use_says_what_to_do_and_writes_nothing(tmp_path, gather, case):
    good = make_zip(tmp_path / "good.zip", {"ada/loss.ipynb": answered("loss")})
    source, words = good, ""
    if case == "no zip":
        source, words = tmp_path / "a.zip", "Download it again"
        source.write_text("not a zip")
    elif case == "missing":
        source, words = tmp_path / "gone.zip", "There is no"
    elif case == "in itself":
        source, words = tmp_path, "one in the other"
    elif case == "foreign output":
        (tmp_path / "submitted").mkdir()
        (tmp_path / "submitted/thesis.txt").write_text("mine")
        words = "new or an empty folder"
    elif case == "file output":
        (tmp_path / "submitted").write_text("mine")
        words = "is a file"
    elif case == "collection":
        gather(good, output="other")
        source, words = tmp_path / "other", "is a collection already"
    elif case == "damaged":
        (tmp_path / "submitted").mkdir()
        (tmp_path / "submitted/collection.json").write_text('{"schema": 2}')
        words = "not what course collect wrote"
    with pytest.raises(ValueError, match=words):
        gather(source)
    left = tree(tmp_path / "submitted") if (tmp_path / "submitted").is_dir() else {}
    assert not any(name.endswith(".ipynb") for name in left)


def test_the_command_lists_everything_and_no_name_reaches_the_terminal_raw(tmp_path, exercises, capsys):
    archive = make_zip(tmp_path / "a.zip", {
        "x_LATE_7_100_work.ipynb": answered("loss"),
        "y_8_1_loss.ipynb": answered("loss"), "y_8_2_loss.ipynb": b"broken",
        "z_9_5_loss.ipynb": b"broken", "evil\x1b[2J\u202e\n.ipynb": "x",
    })  # fmt: skip
    cli.main(["collect", str(archive), "-o", str(tmp_path / "out"), "--exercises", str(exercises)])
    out = capsys.readouterr().out
    assert out.startswith("3 notebooks of 3 students.\n")
    for heading in (
        "Late (1)",
        "Renamed, and recognised all the same (1)",
        "Superseded by a newer or a readable one (1)",
        "Unreadable; the student will be told (1)",
        "Not recognised; kept in _unrecognised (1)",
    ):
        assert heading in out
    assert "\x1b" not in out and "\u202e" not in out and "\\u001b[2J\\u202e" in out


def test_the_command_fails_where_nothing_was_recognised(tmp_path, exercises, capsys):
    archive = make_zip(tmp_path / "a.zip", {"a.txt": "x"})
    with pytest.raises(SystemExit) as ended:
        cli.main(["collect", str(archive), "-o", str(tmp_path / "out"), "--exercises", str(exercises)])
    assert ended.value.code not in (0, None)


@pytest.mark.parametrize(
    ("file", "stem"),
    [
        ("loss.ipynb", "loss"),
        ("Loss-12.ipynb", "loss"),
        ("loss (1).ipynb", "loss"),
        ("loss", "loss"),
        ("-1.ipynb", "-1"),
    ],
)
def test_own_stem(file, stem):
    assert own_stem(file) == stem
