"""Writing a file so that nobody ever sees half of it."""

from concurrent.futures import ThreadPoolExecutor

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


def test_a_link_is_followed_and_stays_a_link(tmp_path):
    (tmp_path / "real").write_text("old")
    (tmp_path / "link").symlink_to(tmp_path / "real")
    with atomic_path(tmp_path / "link") as temporary:
        temporary.write_text("new")
    assert (tmp_path / "link").is_symlink() and (tmp_path / "real").read_text() == "new"


def test_what_is_no_regular_file_is_refused(tmp_path):
    with pytest.raises(OSError, match="not a regular file"), atomic_path(tmp_path):
        pass
    assert tmp_path.is_dir()


def test_threads_that_write_one_path_do_not_meet(tmp_path):
    def write(number: int) -> None:
        with atomic_path(tmp_path / "file") as temporary:
            temporary.write_text(str(number) * 1000)

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(write, range(8)))
    assert len(set((tmp_path / "file").read_text())) == 1
    assert list(tmp_path.iterdir()) == [tmp_path / "file"]
