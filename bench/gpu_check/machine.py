"""The machine that a pack runs on: its GPU, its folders, and the environment of programs."""

import os
import pathlib
import platform
import re
import shutil
import sys

from libraries import find_libraries, output_of
from step import kill_group

def find_gpu():
    """The GPUs as nvidia-smi has them, a dict each; or an empty list and why there is none."""
    if not shutil.which("nvidia-smi"):
        return [], "nvidia-smi is not on the PATH"
    keys = ["name", "driver_version", "memory.total", "compute_cap"]
    text = output_of(["nvidia-smi", "--query-gpu=" + ",".join(keys), "--format=csv,noheader"])
    gpus = [dict(zip(keys, (value.strip() for value in line.split(",")))) for line in text.splitlines() if "," in line]
    return gpus, "" if gpus else "nvidia-smi lists none"


def field(file, name, separator):
    """The value of the first line `name separator value` of a file; empty where there is none."""
    try:
        lines = pathlib.Path(file).read_text(errors="replace").splitlines()
    except OSError:
        return ""
    for line in lines:
        key, found, value = line.partition(separator)
        if found and key.strip() == name:
            return value.strip().strip('"')
    return ""


class Context:
    """What all steps share. `env` is the environment of the project's programs; PyTorch gets `plain_env`, since its
    wheels bring libraries of their own."""

    def __init__(self, pack_folder, files, pack, deadline, epoch_factor):
        self.pack, self.files, self.deadline, self.epoch_factor = pack, files, deadline, epoch_factor
        self.work = pack_folder / "work"
        shutil.rmtree(self.work, ignore_errors=True)
        self.logs = self.work / "logs"
        self.logs.mkdir(parents=True)
        self.running = None  # the command under way
        self.starting, self.signal, self.on_signal = False, None, None
        self.python = shutil.which("python3") or sys.executable
        self.gpus, self.no_gpu = find_gpu()
        self.gpu = self.gpus[0] if self.gpus else None
        self.libraries = find_libraries(self.python, pack["cuda_libraries"]) if self.gpu else []
        self.plain_env = {
            **os.environ,
            "XDG_CACHE_HOME": str(self.work / "cache"),
            "TORCHINDUCTOR_CACHE_DIR": str(self.work / "inductor"),
            "TRITON_CACHE_DIR": str(self.work / "triton"),
            "PYTHONDONTWRITEBYTECODE": "1",
            "PYTHONUNBUFFERED": "1",
        }
        folders = list(dict.fromkeys(library.folder for library in self.libraries if library.folder))
        folders += [folder for folder in os.environ.get("LD_LIBRARY_PATH", "").split(":") if folder]
        self.env = {**self.plain_env, "LD_LIBRARY_PATH": ":".join(dict.fromkeys(folders))}
        self.results = {}  # what a step leaves for a later one

    def program(self, name):
        """The path of a packed program, or None."""
        path = self.files / "bin" / name
        return path if path.exists() else None

    def data(self, name):
        path = self.files / "data" / name
        return path if path.exists() else None

    def log_file(self, step, label):
        return self.logs / f"{step}-{re.sub(r'[^A-Za-z0-9.]+', '_', label)}.log"

    def start(self, popen):
        """Starts a command. A signal meanwhile waits until the command is known, so that it does not outlive the run."""
        self.starting = True
        try:
            self.running = popen()
        finally:
            self.starting = False
        if self.signal is not None:
            self.on_signal(self.signal)
        return self.running

    def signalled(self, number, _frame):
        if self.starting:
            self.signal = number
        else:
            self.on_signal(number)

    def kill_running(self):
        if self.running is not None:
            kill_group(self.running)

    def gpu_text(self):
        if self.gpu is None:
            return f"none ({self.no_gpu})"
        gpu = self.gpu
        more = f", the first of {len(self.gpus)}" if len(self.gpus) > 1 else ""
        return (f"{gpu['name']}{more}, {gpu.get('memory.total', '?')}, compute capability "
                f"{gpu.get('compute_cap', '?')}, driver {gpu.get('driver_version', '?')}")

    def host_text(self):
        model = field("/proc/cpuinfo", "model name", ":") or "an unnamed processor"
        system = field("/etc/os-release", "PRETTY_NAME", "=") or platform.system()
        return f"{len(os.sched_getaffinity(0))} cores of {model}, {system}"
