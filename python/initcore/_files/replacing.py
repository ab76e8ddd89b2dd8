"""Replace a file in one step: whoever looks at the path sees the old file or the new one, whole.

The new content is written to a file without a name (O_TMPFILE), which vanishes when the process is
killed. Linux cannot put such a file over another one, so that where there is an old file it gets a
second name for the time between two system calls; a name that a kill leaves behind in that time
is removed by the next write to the same path.
"""

import contextlib
import errno
import fcntl
import hashlib
import os
import stat
from collections.abc import Iterator
from pathlib import Path

# File systems that know no file without a name say so with one of these.
_NO_TMPFILE = (errno.EOPNOTSUPP, errno.EISDIR, errno.EINVAL, errno.ENOENT)
_NEW_MODE = 0o666
"""Of which the kernel takes the umask, as for every new file."""


def write(path: str | os.PathLike[str], content: str | bytes) -> None:
    """Put `content` at `path` in one step, after it has reached the disk.

    A symbolic link stays, and the file it points to is replaced. A file that is replaced passes on
    its mode; a new one has that of any other new file. A device or pipe is written to as it is.

    Raises
    ------
    OSError
        The file cannot be written, or the disk is full; the error names the path, and the old
        file is as it was.
    """
    data = content.encode("utf-8") if isinstance(content, str) else content
    try:
        mode = _mode_of(path)
        if mode is None or stat.S_ISREG(mode):
            _replace(Path(os.path.realpath(path)), data, mode)
        else:
            with open(path, "wb") as file:
                file.write(data)
    except OSError as error:
        raise OSError(error.errno, error.strerror or str(error), os.fspath(path)) from None


def same_file(a: str | os.PathLike[str], b: str | os.PathLike[str]) -> bool:
    """Whether two paths name one file: by another spelling, a symbolic link or a hard link."""
    if os.path.realpath(a) == os.path.realpath(b):
        return True
    try:
        return os.path.samefile(a, b)
    except OSError:
        return False


def _replace(path: Path, content: bytes, mode: int | None) -> None:
    if mode is not None and not os.access(path, os.W_OK):
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))
    folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        digest = hashlib.sha256(os.fsencode(path.name)).hexdigest()[:16]
        _remove_leftovers(path.parent, folder, f".initcore-{digest}-")
        _place(path, content, mode, folder, f".initcore-{digest}-{os.urandom(4).hex()}.part")
        os.fsync(folder)
    finally:
        os.close(folder)


def _mode_of(path: str | os.PathLike[str]) -> int | None:
    """The mode of the file at `path`; None where there is none."""
    try:
        return os.stat(path).st_mode
    except FileNotFoundError:
        return None


def _place(path: Path, content: bytes, mode: int | None, folder: int, part: str) -> None:
    handle, named = _new_file(path.parent, folder, part)
    try:
        with os.fdopen(handle, "wb") as file:
            # held until the file has its place, so that nobody takes it for a leftover
            fcntl.flock(file, fcntl.LOCK_EX)
            if mode is not None:
                os.fchmod(file.fileno(), stat.S_IMODE(mode))
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
            if not named:
                named = _give_name(file.fileno(), path.name if mode is None else part, part, folder)
            if named:
                os.replace(path.with_name(part), path)
    except BaseException:
        if named:
            with contextlib.suppress(OSError):
                os.unlink(part, dir_fd=folder)
        raise


def _new_file(parent: Path, folder: int, part: str) -> tuple[int, bool]:
    """A new file in a folder, open for writing, and whether it has the name `part`."""
    try:
        return os.open(parent, os.O_TMPFILE | os.O_WRONLY, _NEW_MODE), False
    except OSError as error:
        if error.errno not in _NO_TMPFILE:
            raise
    flags = os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_NOFOLLOW
    return os.open(part, flags, _NEW_MODE, dir_fd=folder), True


def _give_name(handle: int, name: str, part: str, folder: int) -> bool:
    """Give a file without one a name in its folder; True if that is `part`."""
    source = f"/proc/self/fd/{handle}"
    try:
        os.link(source, name, dst_dir_fd=folder, follow_symlinks=True)
    except FileExistsError:
        # somebody was faster
        os.link(source, part, dst_dir_fd=folder, follow_symlinks=True)
        return True
    return name == part


def _remove_leftovers(parent: Path, folder: int, prefix: str) -> None:
    """Remove what a killed process left of an earlier write to the same path."""
    for name in _names(parent, prefix):
        with contextlib.suppress(OSError):
            handle = os.open(name, os.O_RDONLY | os.O_NOFOLLOW, dir_fd=folder)
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
                os.unlink(name, dir_fd=folder)
            finally:
                os.close(handle)


def _names(parent: Path, prefix: str) -> Iterator[str]:
    with contextlib.suppress(OSError), os.scandir(parent) as entries:
        for entry in entries:
            if entry.name.startswith(prefix) and entry.name.endswith(".part"):
                yield entry.name
