"""Writing a file so that nobody ever sees half of it."""

import pytest

from course_lib.files import atomic_path


def test_the_new_content_appears_only_at_the_end(tmp_path):
    path = tmp_path / "file"
    path.write_text("old")
    with atomic_path(path) as temporary:
        temporary.write_text("new")
        assert temporary.parent == path.parent and temporary != path
        assert path.read_text() == "old"
    assert path.read_text() == "new"
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("error", [RuntimeError, KeyboardInterrupt])
def test_an_error_keeps_the_old_file_and_leaves_nothing_behind(tmp_path, error):
    path = tmp_path / "file"
    path.write_text("old")
    with pytest.raises(error):
        with atomic_path(path) as temporary:
            temporary.write_text("half")
            raise error
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_a_path_relative_to_the_current_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with atomic_path("name only") as temporary:
        temporary.write_text("new")
    assert (tmp_path / "name only").read_text() == "new"


def test_a_missing_folder_is_an_os_error(tmp_path):
    with pytest.raises(OSError):
        with atomic_path(tmp_path / "absent" / "file") as temporary:
            temporary.write_text("new")
