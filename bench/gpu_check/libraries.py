"""CUDA's libraries on the machine: where they are, and their versions."""

import os
import pathlib
import re
import shutil
import subprocess

# What is not packed, by the names that the programs load: cuDNN, cuBLAS, cuSOLVER and what those load in turn, NCCL.
LIBRARIES = {
    "cuDNN": r"libcudnn\.so\.\d+",
    "cuBLASLt": r"libcublasLt\.so\.\d+",
    "cuBLAS": r"libcublas\.so\.\d+",
    "cuSOLVER": r"libcusolver\.so\.\d+",
    "cuSPARSE": r"libcusparse\.so\.\d+",
    "NVRTC": r"libnvrtc\.so\.\d+",
    "nvJitLink": r"libnvJitLink\.so\.\d+",
    "CUDA runtime": r"libcudart\.so\.\d+",
    "NCCL": r"libnccl\.so\.\d+",
}
FOR_ONE_STEP = {"NCCL"}  # without it that step alone cannot run


def output_of(arguments, seconds=15, env=None):
    """What a short command prints; empty where it fails."""
    try:
        done = subprocess.run(arguments, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, stdin=subprocess.DEVNULL,
                              timeout=seconds, env=env, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout.decode(errors="replace").strip() if done.returncode == 0 else ""


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
               (os.environ.get("CUDA_HOME"), "/usr/local/cuda") if root
               for lib in ("lib64", "targets/x86_64-linux/lib")]
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


# Run by python3 with the programs' environment: a line per call, of the library's file and the answer.
VERSIONS = r"""
import ctypes
def call(file, name, *arguments):
    try:
        function = getattr(ctypes.CDLL(file), name)
    except (OSError, AttributeError) as error:
        return f"? ({error})"
    function.restype = ctypes.c_size_t if name in ("cudnnGetVersion", "cublasLtGetVersion") else ctypes.c_int
    if not arguments:
        return function()
    value = ctypes.c_int()
    return value.value if function(ctypes.byref(value), *arguments[1:]) == 0 else "?"
for file, name, arguments in %r:
    print(file, call(file, name, *arguments))
"""
# What a library says of its version: the call, its arguments, and what each part of the number counts in.
VERSION_CALLS = {
    "cuDNN": ("cudnnGetVersion", (), (10000, 100, 1)),
    "cuBLASLt": ("cublasLtGetVersion", (), (10000, 100, 1)),
    "cuSOLVER": ("cusolverGetVersion", (0,), (1000, 100, 1)),
    "CUDA runtime": ("cudaRuntimeGetVersion", (0,), (1000, 10)),
    "NCCL": ("ncclGetVersion", (0,), (10000, 100, 1)),
}


def dotted(number, parts):
    """91900 as 9.19.0, where parts are 10000, 100 and 1; other text as it is."""
    if not number.isdigit() or not parts:
        return number
    rest, pieces = int(number), []
    for part in parts:
        pieces.append(str(rest // part))
        rest %= part
    return ".".join(pieces)


def check_machine(run):
    """The step: versions, libraries that are missing, and whether the programs are compiled for this GPU."""
    context = run.context
    run.command("nvidia-smi", ["nvidia-smi"])
    queries = [(library.file, *VERSION_CALLS[library.name][:2]) for library in context.libraries
               if library.folder and library.name in VERSION_CALLS]
    runtime = next((library.file for library in context.libraries if library.name == "CUDA runtime"), None)
    if runtime:
        queries += [(runtime, "cudaDriverGetVersion", (0,)), (runtime, "cudaDeviceGetAttribute", (0, 115, 0))]
    answers = run.command("versions", [context.python, "-c", VERSIONS % queries]).output.splitlines()
    versions = {query[:2]: answer.partition(" ")[2] for query, answer in zip(queries, answers)}
    rows = []
    for library in context.libraries:
        call, _, parts = VERSION_CALLS.get(library.name, ("", (), ()))
        rows.append((library.name, f"`{library.file}`", dotted(versions.get((library.file, call), ""), parts),
                     library.place))
        if library.folder is None and library.name not in FOR_ONE_STEP:
            run.fail(f"{library.file} was not found")
    run.table(("library", "file", "version", "from"), rows)
    driver = dotted(versions.get((runtime, "cudaDriverGetVersion"), "?"), (1000, 10))
    pools = {"0": "no", "1": "yes"}.get(versions.get((runtime, "cudaDeviceGetAttribute")), "?")
    run.say("", f"CUDA version of the driver: {driver}; stream-ordered memory pools: {pools}.")
    for name in ("lib/libcofactor_cuda.so", "bin/cofactor_bench"):
        missing = re.findall(r"(\S+) => not found", run.command(f"ldd {name}", ["ldd", context.files / name]).output)
        if missing:
            run.fail(f"{name} lacks {', '.join(missing)}")
    architectures = re.findall(r"(\d+)", context.pack["architectures"])
    capability = context.gpu.get("compute_cap", "").replace(".", "")
    if capability and capability not in architectures and "real" in context.pack["architectures"]:
        run.fail(f"the GPU has compute capability {capability}, the programs are compiled for "
                 f"{', '.join(architectures)}")
    torch = run.command("torch", [context.python, "-c", "import torch; print(torch.__version__, torch.version.cuda, "
                                  "torch.backends.cudnn.version())"], env=context.plain_env)
    if torch.code == 0:
        version, cuda, cudnn = (torch.output.split() + ["?"] * 3)[:3]
        run.say("", f"PyTorch {version}, CUDA {cuda}, cuDNN {cudnn}.")
    else:
        run.say("", f"PyTorch: cannot be imported ({torch.how}).")
