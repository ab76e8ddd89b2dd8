"""Files that are replaced in one step, and streams that are closed, full or no longer read."""

import errno
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from initcore._files import replacing


@pytest.fixture
def umask():
    old = os.umask(0o027)
    yield 0o027
    os.umask(old)


def mode(path: Path) -> int:
    return path.stat().st_mode & 0o7777


@pytest.fixture(params=["without a name", "with a name"])
def kind_of_file(request, monkeypatch):
    """File systems that know files without a name, and those that do not."""
    if request.param == "with a name":
        opened = os.open

        def refuse(path, flags, *args, **options):
            if flags & os.O_TMPFILE == os.O_TMPFILE:
                raise OSError(errno.EOPNOTSUPP, "not supported")
            return opened(path, flags, *args, **options)

        monkeypatch.setattr(os, "open", refuse)
    return request.param


def test_a_new_file_has_the_mode_of_any_other_new_file(tmp_path, umask, kind_of_file):
    replacing.write(tmp_path / "a", "text")
    assert mode(tmp_path / "a") == 0o666 & ~umask
    assert os.listdir(tmp_path) == ["a"]


def test_a_file_that_is_replaced_passes_on_its_mode(tmp_path, kind_of_file):
    path = tmp_path / "a"
    path.write_text("old")
    path.chmod(0o604)
    replacing.write(path, b"new")
    assert (path.read_text(), mode(path)) == ("new", 0o604)
    assert os.listdir(tmp_path) == ["a"]


@pytest.mark.parametrize("there", [True, False])
def test_a_link_stays_and_its_target_is_replaced(tmp_path, there, kind_of_file):
    (tmp_path / "far").mkdir()
    target, link = tmp_path / "far" / "target", tmp_path / "link"
    if there:
        target.write_text("old")
    link.symlink_to("far/target")
    replacing.write(link, "new")
    assert link.is_symlink()
    assert target.read_text() == "new"


def test_the_longest_name_works(tmp_path, kind_of_file):
    path = tmp_path / ("n" * 255)
    for content in ("one", "two"):
        replacing.write(path, content)
        assert path.read_text() == content


def test_a_file_that_appears_meanwhile_is_replaced_too(tmp_path, monkeypatch):
    path, synced = tmp_path / "a", os.fsync

    def other(handle):
        path.write_text("other")
        synced(handle)

    monkeypatch.setattr(os, "fsync", other)
    replacing.write(path, "ours" * 9)
    monkeypatch.undo()
    assert os.listdir(tmp_path) == ["a"]


def test_a_pipe_is_written_to_as_it_is():
    reader, writer = os.pipe()
    replacing.write(f"/proc/self/fd/{writer}", "text")
    os.close(writer)
    with os.fdopen(reader) as stream:
        assert stream.read() == "text"


def test_a_file_that_may_not_be_written_is_not_replaced(tmp_path, monkeypatch):
    path = tmp_path / "a"
    path.write_text("old")
    path.chmod(0o400)
    if os.getuid() == 0:  # root may write everywhere: what anybody else is told
        monkeypatch.setattr(os, "access", lambda asked, mode: asked != path)
    with pytest.raises(OSError, match="a'"):
        replacing.write(path, "new")
    assert path.read_text() == "old"


@pytest.mark.parametrize("name", ["/dev/full", "missing/file", "."])
def test_an_error_names_the_path(tmp_path, monkeypatch, name):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(OSError) as caught:  # noqa: PT011
        replacing.write(name, "text")
    assert caught.value.filename == name


KILLED = """
import os, signal, sys
from initcore._files import replacing
setattr(os, sys.argv[2], lambda *_, **__: os.kill(os.getpid(), signal.SIGKILL))
replacing.write(sys.argv[1], "new")
"""


@pytest.mark.parametrize("call", ["fdopen", "fsync", "link"])
def test_kill_9_leaves_nothing_behind(tmp_path, call):
    path = tmp_path / "a"
    path.write_text("old")
    done = subprocess.run([sys.executable, "-c", KILLED, str(path), call], check=False)
    assert done.returncode == -signal.SIGKILL
    assert path.read_text() == "old"
    assert os.listdir(tmp_path) == ["a"]


def test_what_a_kill_leaves_is_removed_by_the_next_write(tmp_path):
    path = tmp_path / "a"
    path.write_text("old")
    done = subprocess.run([sys.executable, "-c", KILLED, str(path), "replace"], check=False)
    assert done.returncode == -signal.SIGKILL
    assert len(os.listdir(tmp_path)) == 2
    replacing.write(tmp_path / "b", "of another path")
    assert len(os.listdir(tmp_path)) == 3
    replacing.write(path, "new")
    assert sorted(os.listdir(tmp_path)) == ["a", "b"]


def test_what_another_process_is_writing_is_no_leftover(tmp_path, monkeypatch, kind_of_file):
    path, replace, inner = tmp_path / "a", os.replace, []
    path.write_text("old")

    def meanwhile(*args, **options):
        if not inner:
            inner.append(1)
            code = (
                "import sys; from initcore._files import replacing; replacing.write(*sys.argv[1:])"
            )
            subprocess.run([sys.executable, "-c", code, str(path), "other"], check=True)
            assert path.read_text() == "other"
        replace(*args, **options)

    monkeypatch.setattr(os, "replace", meanwhile)
    replacing.write(path, "new")
    assert path.read_text() == "new"
    assert os.listdir(tmp_path) == ["a"]


def test_one_file_is_recognized_by_other_paths(tmp_path):
    a = tmp_path / "a"
    assert replacing.same_file(a, tmp_path / "." / "x" / ".." / "a")
    a.write_text("text")
    (tmp_path / "hard").hardlink_to(a)
    (tmp_path / "soft").symlink_to("a")
    (tmp_path / "b").write_text("text")
    for name, same in {"a": True, "hard": True, "soft": True, "b": False, "c": False}.items():
        assert replacing.same_file(a, tmp_path / name) is same


def shell(command: str, folder: Path, stdin: bytes = b"") -> subprocess.CompletedProcess[bytes]:
    """Run a line of shell in which `initcore` is this package's command."""
    line = f'initcore() {{ {sys.executable} -m initcore "$@"; }}; set -o pipefail; {command}'
    return subprocess.run(["bash", "-c", line], cwd=folder, capture_output=True, check=False)


SHORT = (
    "compare --init he --activation relu --depth 1 --epochs 1 --seeds 1 --data data.csv --out none"
)


@pytest.fixture
def folder(tmp_path):
    rows = [f"{i % 7},{i % 5},{'ab'[i % 2]}" for i in range(40)]
    (tmp_path / "data.csv").write_text("\n".join(["u,v,kind", *rows]) + "\n")
    return tmp_path


COMMANDS = ["info", "info --json -", "theory", "theory --json -", SHORT, f"{SHORT} --json -"]


@pytest.mark.parametrize("command", [*COMMANDS, "--help"])
def test_a_reader_that_stops_ends_a_command_quietly(folder, command):
    done = shell(f"(sleep 0; initcore {command}) 2>errors | true", folder)
    assert done.returncode == 0
    assert "Error" not in (folder / "errors").read_text()
    assert "initcore:" not in (folder / "errors").read_text()


@pytest.mark.parametrize("command", COMMANDS)
@pytest.mark.parametrize("where", [">&-", ">/dev/full"])
def test_an_output_that_takes_nothing_is_one_line(folder, command, where):
    done = shell(f"initcore {command} 2>errors {where}", folder)
    lines = (folder / "errors").read_text().splitlines()
    assert done.returncode == 2
    assert [line for line in lines if line.startswith("initcore: standard output: ")] == lines[-1:]
    assert "Traceback" not in "".join(lines)
    assert "Exception" not in "".join(lines)


@pytest.mark.parametrize("where", ["2>&-", "2>/dev/full"])
def test_errors_that_nobody_reads_change_nothing_else(folder, where):
    done = shell(f"initcore info {where}", folder)
    assert (done.returncode, done.stdout[:7]) == (0, b"version")
    assert shell(f"initcore compare --data nothing.csv {where}", folder).returncode == 2
    assert shell(f"initcore {SHORT} {where}", folder).returncode == 0


@pytest.mark.parametrize(
    ("options", "names"),
    [
        ("--out data.csv", ("--data", "--out")),
        ("--out ./sub/../data.csv", ("--data", "--out")),
        ("--json soft.json", ("--data", "--json")),
        ("--out hard.html", ("--data", "--out")),
        ("--out new --json ./new", ("--json", "--out")),
    ],
)
def test_compare_writes_over_neither_its_data_nor_its_own_files(folder, options, names):
    (folder / "sub").mkdir()
    (folder / "soft.json").symlink_to("data.csv")
    (folder / "hard.html").hardlink_to(folder / "data.csv")
    before = (folder / "data.csv").read_bytes()
    done = shell(f"initcore {SHORT.replace(' --out none', '')} {options}", folder)
    assert done.returncode == 2
    message = done.stderr.decode()
    assert message.count("\n") == 1
    assert "the same file" in message
    assert all(name in message for name in names)
    assert (folder / "data.csv").read_bytes() == before


def test_compare_keeps_the_old_page_when_the_disk_is_full(folder, monkeypatch, capsys):
    from initcore.__main__ import main

    monkeypatch.chdir(folder)
    options = SHORT.replace("--out none", "--out page.html").split()
    assert main(options) == 0
    before = (folder / "page.html").read_bytes()

    def full(*_):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", full)
    assert main([*options, "--quiet"]) == 2
    error = capsys.readouterr().err
    assert "No space left" in error
    assert "page.html" in error
    assert (folder / "page.html").read_bytes() == before
    assert sorted(os.listdir(folder)) == ["data.csv", "page.html"]
