"""NPZ files: arrays x and y, whose headers are believed only as far as the file bears them out."""

import zipfile
import zlib
from pathlib import Path
from typing import IO

import numpy as np
from numpy.lib import format as npy

from initcore.lab import raw
from initcore.lab.raw import DataError, RawData, printable

# What zipfile, zlib and NumPy raise over a damaged, encrypted or unknown file.
_UNREADABLE = (
    OSError,
    ValueError,
    EOFError,
    KeyError,
    RuntimeError,  # encrypted
    NotImplementedError,  # an unknown compression
    MemoryError,
    OverflowError,
    SyntaxError,
    RecursionError,
    zipfile.BadZipFile,
    zlib.error,
)


def read_npz(path: Path) -> RawData:
    """The arrays x (samples, ...) and y (samples,) of a file."""
    try:
        with zipfile.ZipFile(path) as archive:
            members = {member.filename: member for member in archive.infolist()}
            unpacked = sum(member.file_size for member in members.values())
            if unpacked > 8 * raw.MAX_VALUES:
                raise DataError(
                    f"--data={path}: {unpacked / 2**20:.0f} MiB when unpacked is more than the "
                    f"limit of {8 * raw.MAX_VALUES // 2**20} MiB; use a subset"
                )
            missing = [name for name in ("x.npy", "y.npy") if name not in members]
            if missing:
                names = ", ".join(name.removesuffix(".npy") for name in members) or "none"
                raise DataError(
                    f"--data={path}: needs arrays x (samples, features) and y (samples,); "
                    f"it holds {printable(names)}"
                )
            x, y = (_array(archive, members[name]) for name in ("x.npy", "y.npy"))
    except DataError:
        raise
    except _UNREADABLE as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise DataError(f"--data={path}: not a readable .npz file ({printable(reason)})") from None
    if x.ndim < 2 or not x.size:
        raise DataError(f"--data={path}: x has shape {x.shape}; wanted (samples, features)")
    if y.ndim == 2 and y.shape[1] == 1:
        y = y[:, 0]
    how = f"arrays x {x.shape} and y {y.shape}"
    return RawData(printable(path.name), x.reshape(len(x), -1), y, how=how)


def _array(archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> np.ndarray:
    """One array, once its header says no more than the member holds."""
    with archive.open(member) as stream:
        shape, dtype = _header(stream)
        count = 1
        for length in shape:
            count *= length
        if dtype.hasobject:
            raise ValueError("it holds Python objects")
        if count * dtype.itemsize > member.file_size:
            raise ValueError(f"{member.filename} is shorter than its header says")
    with archive.open(member) as stream:
        found: np.ndarray = npy.read_array(stream, allow_pickle=False)
    return found


def _header(stream: IO[bytes]) -> tuple[tuple[int, ...], np.dtype]:
    version = npy.read_magic(stream)
    if version == (1, 0):
        shape, _, dtype = npy.read_array_header_1_0(stream)
    else:
        shape, _, dtype = npy.read_array_header_2_0(stream)
    return shape, dtype
