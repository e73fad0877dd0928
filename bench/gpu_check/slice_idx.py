"""Writes the first images of Fashion-MNIST's files: slice_idx.py FROM TO TRAINING_IMAGES TEST_IMAGES."""

import gzip
import pathlib
import struct
import sys


def cut(source, target, count):
    """An IDX file (a header of big-endian sizes, then bytes) with its first `count` items."""
    with gzip.open(source) as file:
        magic = file.read(4)
        sizes = list(struct.unpack(f">{magic[3]}I", file.read(4 * magic[3])))
        item = 1
        for size in sizes[1:]:
            item *= size
        if sizes[0] < count:
            sys.exit(f"{source}: {sizes[0]} items, and {count} are wanted")
        data = file.read(count * item)
    target.write_bytes(magic + struct.pack(f">{len(sizes)}I", count, *sizes[1:]) + data)


source, target = map(pathlib.Path, sys.argv[1:3])
for part, count in (("train", int(sys.argv[3])), ("t10k", int(sys.argv[4]))):
    for kind in ("images-idx3", "labels-idx1"):
        cut(source / f"{part}-{kind}-ubyte.gz", target / f"{part}-{kind}-ubyte", count)
