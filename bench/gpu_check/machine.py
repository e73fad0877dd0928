"""The machine that a pack runs on: its GPU, and where CUDA's libraries are."""

import os
import pathlib
import platform
import re
import shutil
import subprocess
import sys

from step import kill_group

# What is not packed, by the names that the programs load: cuDNN, cuBLAS and cuSOLVER, and what those load in turn.
LIBRARIES = {
    "cuDNN": r"libcudnn\.so\.\d+",
    "cuBLASLt": r"libcublasLt\.so\.\d+",
    "cuBLAS": r"libcublas\.so\.\d+",
    "cuSOLVER": r"libcusolver\.so\.\d+",
    "cuSPARSE": r"libcusparse\.so\.\d+",
    "nvJitLink": r"libnvJitLink\.so\.\d+",
    "CUDA runtime": r"libcudart\.so\.\d+",
}


def output_of(arguments, seconds=15, env=None):
    """What a short command prints; empty where it fails."""
    try:
        done = subprocess.run(arguments, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, stdin=subprocess.DEVNULL,
                              timeout=seconds, env=env, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout.decode(errors="replace").strip() if done.returncode == 0 else ""


def find_gpu():
    """The GPUs as nvidia-smi has them, a dict each; or an empty list and why there is none."""
    if not shutil.which("nvidia-smi"):
        return [], "nvidia-smi is not on the PATH"
    keys = ["name", "driver_version", "memory.total", "compute_cap"]
    text = output_of(["nvidia-smi", "--query-gpu=" + ",".join(keys), "--format=csv,noheader"])
    gpus = [dict(zip(keys, (value.strip() for value in line.split(",")))) for line in text.splitlines() if "," in line]
    return gpus, "" if gpus else "nvidia-smi lists none"


def system_folders():
    """The folders that the loader searches by itself, by library name."""
    found = {}
    ldconfig = shutil.which("ldconfig") or "/sbin/ldconfig"
    for line in output_of([ldconfig, "-p"]).splitlines():
        match = re.match(r"\s*(\S+) \(.*x86-64.*\) => (\S+)$", line)
        if match:
            found.setdefault(match[1], str(pathlib.Path(match[2]).parent))
    return found


def wheel_folders(python):
    """nvidia/*/lib of python3's packages."""
    code = "import glob, sys\nfor p in sys.path:\n for f in glob.glob((p or '.') + '/nvidia/*/lib'): print(f)"
    return output_of([python, "-c", code]).splitlines()


class Library:
    def __init__(self, name, file, folder, place):
        self.name, self.file, self.folder, self.place = name, file, folder, place


def find_libraries(python, needed):
    """Each library that is needed, from the first place that has it: LD_LIBRARY_PATH, the system's folders, the CUDA
    Toolkit, Python's wheels."""
    places = [("LD_LIBRARY_PATH", folder) for folder in os.environ.get("LD_LIBRARY_PATH", "").split(":") if folder]
    system = system_folders()
    toolkit = [("CUDA Toolkit", os.path.join(root, lib)) for root in
               (os.environ.get("CUDA_HOME"), "/usr/local/cuda") if root for lib in ("lib64", "targets/x86_64-linux/lib")]
    wheels = [("Python's wheels", folder) for folder in wheel_folders(python)]
    found = []
    for name, pattern in LIBRARIES.items():
        files = [file for file in needed if re.fullmatch(pattern, file)]
        for file in files:
            candidates = places + ([("the system", system[file])] if file in system else []) + toolkit + wheels
            for place, folder in candidates:
                if os.path.exists(os.path.join(folder, file)):
                    found.append(Library(name, file, folder, place))
                    break
            else:
                found.append(Library(name, file, None, "not found"))
    return found


class Context:
    """What all steps share. `env` is the environment of the project's programs; PyTorch gets `plain_env`, since its wheels
    bring libraries of their own."""

    def __init__(self, pack_folder, files, pack, deadline, epoch_factor):
        self.pack, self.files, self.deadline, self.epoch_factor = pack, files, deadline, epoch_factor
        self.work = pack_folder / "work"
        shutil.rmtree(self.work, ignore_errors=True)
        self.logs = self.work / "logs"
        self.logs.mkdir(parents=True)
        self.running = None
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

    def kill_running(self):
        if self.running is not None:
            kill_group(self.running)

    def gpu_text(self):
        if self.gpu is None:
            return f"none ({self.no_gpu})"
        gpu = self.gpu
        more = f", the first of {len(self.gpus)}" if len(self.gpus) > 1 else ""
        return (f"{gpu['name']}{more}, {gpu.get('memory.total', '?')}, compute capability {gpu.get('compute_cap', '?')}, "
                f"driver {gpu.get('driver_version', '?')}")

    def host_text(self):
        model = ""
        try:
            cpuinfo = pathlib.Path("/proc/cpuinfo").read_text()
            model = next((line.split(":", 1)[1].strip() for line in cpuinfo.splitlines() if line.startswith("model name")),
                         "")
            system = dict(line.split("=", 1) for line in pathlib.Path("/etc/os-release").read_text().splitlines()
                          if "=" in line).get("PRETTY_NAME", "").strip('"')
        except OSError:
            system = ""
        return f"{len(os.sched_getaffinity(0))} cores of {model or 'an unnamed processor'}, {system or platform.system()}"
