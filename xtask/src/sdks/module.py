"""Packs a folder as a Go module: arguments are the folder, the prefix of all names, and the zip file."""

import pathlib
import sys
import zipfile

folder, prefix, target = pathlib.Path(sys.argv[1]), sys.argv[2], sys.argv[3]
files = sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())
with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as packed:
    for name in files:
        entry = zipfile.ZipInfo(f"{prefix}/{name}", (1980, 1, 1, 0, 0, 0))
        entry.compress_type = zipfile.ZIP_DEFLATED
        entry.external_attr = 0o100644 << 16
        packed.writestr(entry, (folder / name).read_bytes())
