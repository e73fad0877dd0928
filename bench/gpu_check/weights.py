"""Compares the weights that two runs have left, bit by bit."""

import array
import json
import math


class Comparison:
    def __init__(self):
        self.files = self.tensors = self.values = self.different = 0
        self.largest, self.problems = 0.0, []


def read(path):
    """The tensors of a safetensors file, name to (dtype, shape, bytes)."""
    data = path.read_bytes()
    size = int.from_bytes(data[:8], "little")
    header = json.loads(data[8:8 + size])
    header.pop("__metadata__", None)
    return {name: (entry["dtype"], entry["shape"], data[8 + size + entry["data_offsets"][0]:8 + size +
                                                        entry["data_offsets"][1]])
            for name, entry in header.items()}


def compare(first, second):
    """Every weights.safetensors below two folders."""
    result = Comparison()
    paths = [{path.relative_to(folder): path for path in folder.rglob("weights.safetensors")} for folder in
             (first, second)]
    if paths[0].keys() != paths[1].keys():
        result.problems.append("the runs left different files")
    for name in sorted(paths[0].keys() & paths[1].keys()):
        compare_files(result, str(name), read(paths[0][name]), read(paths[1][name]))
    return result


def compare_files(result, name, one, other):
    result.files += 1
    if {key: value[:2] for key, value in one.items()} != {key: value[:2] for key, value in other.items()}:
        result.problems.append(f"{name}: other tensors")
        return
    for key, (dtype, shape, data) in one.items():
        result.tensors += 1
        result.values += math.prod(shape)
        if data == other[key][2]:
            continue
        different, largest = differences(dtype, data, other[key][2])
        result.different += different
        result.largest = max(result.largest, largest)
        result.problems.append(f"{name}, {key}: {different} of {math.prod(shape)} values differ")


def differences(dtype, one, other):
    """How many values differ in their bits, and the largest distance of f32 or f64 values."""
    size = {"F64": 8, "I64": 8, "F32": 4, "I32": 4, "BF16": 2, "F16": 2}.get(dtype, 1)
    count = sum(one[i:i + size] != other[i:i + size] for i in range(0, len(one), size))
    if dtype not in ("F32", "F64"):
        return count, 0.0
    values = [array.array("f" if dtype == "F32" else "d", data) for data in (one, other)]
    return count, max((abs(a - b) for a, b in zip(*values) if a != b), default=0.0)
