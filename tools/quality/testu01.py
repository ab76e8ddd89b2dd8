"""Run the numbers of stream v1 through TestU01, in parts that can be resumed.

    python tools/quality/testu01.py                           SmallCrush in all orders, minutes
    python tools/quality/testu01.py Crush stream seeds        about an hour each
    python tools/quality/testu01.py BigCrush stream --jobs 2 --minutes 60

Each part is one of the battery's numbered tests. Its statistics are added to results.tsv beside
this file, and a part that stands there is not run again: interrupt it and go on later, or run
other parts elsewhere. Without a time limit it ends when the last part has.

TestU01 (L'Ecuyer and Simard, 2007) is in the non-free component of Debian. Its packages are
fetched with a list of sources of their own and unpacked in a temporary folder: nothing is
installed, and the machine's sources stay as they are. Debian, a C compiler and the network are
needed.
"""

import argparse
import platform
import subprocess
import sys
import tempfile
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from initcore import Key

ROOT = Path(__file__).parents[2]
RESULTS = Path(__file__).with_name("results.tsv")
PACKAGES = ("libtestu01-0", "libtestu01-0-dev", "libtestu01-0-dev-common")
STREAMS = 1 << 20
ORDERS = ("stream", "reversed", "seeds", "streams", "normals")
PARTS = {"SmallCrush": 10, "Crush": 96, "BigCrush": 106}
writing = threading.Lock()
KEYRING = "/usr/share/keyrings/debian-archive-keyring.gpg"


def source() -> str:
    """The archive from which this machine takes Debian's main component, with non-free."""
    release = platform.freedesktop_os_release()["VERSION_CODENAME"]
    of_main = ["Created-By: Packages", "Component: main"]
    listed = subprocess.run(
        ["apt-get", "indextargets", "--format", "$(REPO_URI) $(RELEASE)", *of_main],
        stdout=subprocess.PIPE,
        check=True,
        text=True,
    )
    for line in listed.stdout.splitlines():
        if line.endswith(f" {release}"):
            return f"{line} main non-free"
    raise SystemExit(f"apt has no source of Debian {release}: run apt-get update first")


def fetched(folder: Path) -> Path:
    """TestU01, unpacked in the folder."""
    for name in ("lists/partial", "cache/archives/partial"):
        (folder / name).mkdir(parents=True)
    (folder / "sources.list").write_text(f"deb [signed-by={KEYRING}] {source()}\n")
    options = {
        "Dir::Etc::sourcelist": folder / "sources.list",
        "Dir::Etc::sourceparts": "-",
        "Dir::State::lists": folder / "lists",
        "Dir::Cache": folder / "cache",
        "APT::Sandbox::User": "root",
    }
    apt = ["apt-get", "-qq", *(part for k, v in options.items() for part in ("-o", f"{k}={v}"))]
    subprocess.run([*apt, "update"], check=True)
    subprocess.run([*apt, "download", *PACKAGES], check=True, cwd=folder)
    for package in folder.glob("*.deb"):
        subprocess.run(["dpkg-deb", "-x", package, folder / "root"], check=True)
    return folder / "root" / "usr"


def built(folder: Path, testu01: Path) -> Path:
    """The program that feeds the batteries."""
    libraries = sorted(testu01.rglob("lib*.so"))
    headers = [testu01 / "include", *(testu01 / "include").glob("*-linux-gnu")]
    program = folder / "crush"
    subprocess.run(
        ["cc", "-O2", "-std=gnu11", "-ffp-contract=off"]
        + [f"-I{path}" for path in (*headers, ROOT / "src")]
        + ["-o", program, ROOT / "tools" / "quality" / "crush.c", ROOT / "src/initcore/laws.c"]
        + [flag for path in libraries for flag in (path, f"-Wl,-rpath,{path.parent}")]
        + ["-Wl,--disable-new-dtags", "-lm"],
        check=True,
    )
    return program


def stream_ids() -> bytes:
    """The ids of the tensors "layers.0.weight", "layers.1.weight", ..., 8 bytes each."""
    layers = Key(0) / "layers"
    ids = ((layers / n / "weight").stream_id() for n in range(STREAMS))
    return b"".join(found.to_bytes(8, sys.byteorder) for found in ids)


def finished() -> set[tuple[str, str, int]]:
    """The parts that results.tsv has."""
    if not RESULTS.exists():
        return set()
    rows = (line.split("\t") for line in RESULTS.read_text().splitlines())
    return {(row[0], row[1], int(row[2])) for row in rows if row[3] == "words"}


def run(program: Path, battery: str, order: str, part: int, ids: bytes) -> None:
    """One part; adds its lines to results.tsv: battery, order, part, statistic, p-value."""
    process = subprocess.run(
        [program, battery, order, str(part)],
        input=ids,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        check=True,
    )
    lines = process.stdout.decode().splitlines()
    with writing, RESULTS.open("a") as results:
        results.write("".join(f"{battery}\t{order}\t{part}\t{line}\n" for line in lines))


def summary(battery: str, order: str) -> str:
    """What the parts run so far have given."""
    rows = [line.split("\t") for line in RESULTS.read_text().splitlines()]
    own = [row for row in rows if row[:2] == [battery, order]]
    values = [(row[3], float(row[4])) for row in own if row[3] != "words"]
    words = sum(int(row[4]) for row in own if row[3] == "words")
    parts = len({row[2] for row in own})
    outside = [f"{name} p = {p:.3g}" for name, p in values if not 0.001 <= p <= 0.999]
    return (
        f"{battery}, {order}: {parts} of {PARTS[battery]} parts, {words:.3g} words, "
        f"{len(values)} statistics; outside [0.001, 0.999]: {', '.join(outside) or 'none'}"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("battery", nargs="?", choices=PARTS, default="SmallCrush")
    parser.add_argument("orders", nargs="*", metavar="order", help=", ".join(ORDERS))
    parser.add_argument("--minutes", type=float, help="begin no part after so long")
    parser.add_argument("--jobs", type=int, default=1, help="parts at once")
    args = parser.parse_args()
    orders = args.orders or ORDERS
    if unknown := set(orders) - set(ORDERS):
        parser.error(f"no such order: {', '.join(unknown)}; choose from {', '.join(ORDERS)}")
    end = time.monotonic() + 60 * args.minutes if args.minutes else None
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        program = built(folder, fetched(folder))
        for order in orders:
            ids = stream_ids() if order == "streams" else b""
            done = finished()

            def in_time(part: int, order: str = order, ids: bytes = ids) -> None:
                if end is None or time.monotonic() < end:
                    run(program, args.battery, order, part, ids)

            with ThreadPoolExecutor(args.jobs) as workers:
                left = (n + 1 for n in range(PARTS[args.battery]))
                list(
                    workers.map(in_time, [n for n in left if (args.battery, order, n) not in done])
                )
            print(summary(args.battery, order), flush=True)


if __name__ == "__main__":
    main()
