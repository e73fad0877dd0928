"""The steps of the check, in their order."""

import json
import os
import pathlib
import re
import shutil
import tempfile

import kernels
import weights
from step import Step

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


def short(number, digits=1):
    return f"{number:,.{digits}f}"


def pairs(text):
    """The last line of key=value pairs of a program's output, as a dict; empty where there is none."""
    for line in reversed(text.splitlines()):
        found = dict(re.findall(r"([a-z_0-9]+)=(\S+)", line))
        if "median_step_ms" in found:
            return found
    return {}


# ---- machine
def check_machine(run):
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
        if library.folder is None:
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
        run.fail(f"the GPU has compute capability {capability}, the programs are compiled for {', '.join(architectures)}")
    torch = run.command("torch", [context.python, "-c", "import torch; print(torch.__version__, torch.version.cuda, "
                                  "torch.backends.cudnn.version())"], env=context.plain_env)
    if torch.code == 0:
        version, cuda, cudnn = (torch.output.split() + ["?"] * 3)[:3]
        run.say("", f"PyTorch {version}, CUDA {cuda}, cuDNN {cudnn}.")
    else:
        run.say("", f"PyTorch: cannot be imported ({torch.how}).")


# ---- the bench
BENCH_HEADER = ("run", "samples/s", "steps/s", "median ms", "mean ms", "device MiB", "of it tensors MiB")


def bench_row(name, found):
    number = lambda key, digits=1: short(float(found[key]), digits) if key in found else ""
    return (name, number("samples_per_second", 0), number("steps_per_second"), number("median_step_ms", 2),
            number("mean_step_ms", 2), number("peak_mib", 0), number("allocated_mib", 0))


def need_program(run, name):
    program = run.context.program(name)
    if program is None:
        run.stop(f"the pack has no {name}")
    return program


def bench(run, label, flags, **options):
    """One run of cofactor_bench on the GPU: its numbers, or none where it failed."""
    program = need_program(run, "cofactor_bench")
    result = run.checked(label, [program, "--device", "cuda", *flags], **options)
    found = pairs(result.output)
    if result.code == 0 and not found:
        run.problem(label, result)
    return found, result


def smoke(run):
    rows = []
    for graph in ("on", "off"):
        found, _ = bench(run, f"fashion_cnn graph {graph}",
                         ["--workload", "fashion_cnn", "--warmup", 10, "--steps", 30, "--graph", graph])
        if found:
            rows.append(bench_row(f"fashion_cnn, f32, batch {found['batch_size']}, graph {graph}", found))
    run.table(BENCH_HEADER, rows)


# ---- tests
def doctest(run, label, result):
    """A row of a test program's result, and the names of the cases that failed."""
    summary = re.search(r"test cases:\s*(\d+) \|\s*(\d+) passed \|\s*(\d+) failed(?: \|\s*(\d+) skipped)?", result.output)
    names = list(dict.fromkeys(re.findall(r"^TEST CASE:\s*(.+)$", result.output, re.M)))
    if not summary:
        return (label, "no summary", "", "", short(result.seconds)), names
    return (label, summary[2], summary[3], summary[4] or "0", short(result.seconds)), names


TEST_HEADER = ("tests", "passed", "failed", "not selected or skipped", "seconds")


def run_tests(run, programs):
    rows, failed = [], []
    line_by_line = ["stdbuf", "-oL"] if shutil.which("stdbuf") else []
    for label, arguments in programs:
        result = run.checked(label, line_by_line + arguments)
        row, names = doctest(run, label, result)
        rows.append(row)
        if result.code != 0:
            failed += names
        if result.code == 0 and row[1] == "0":
            run.fail(f"{label}: no test ran")
    run.table(TEST_HEADER, rows)
    if failed:
        run.say("", "Cases with failures, or under way at the end:", "", *(f"- {name}" for name in failed))


def parity(run):
    program = need_program(run, "test_engine")
    # The suite compares the devices that there are, so one that does not open would go unnoticed.
    bench = need_program(run, "cofactor_bench")
    opened = run.command("device", [bench, "--workload", "fashion_cnn", "--device", "auto", "--warmup", 0, "--steps", 1])
    if "device=cuda" not in opened.output:
        run.problem("device", opened)
        run.fail("the programs do not open the GPU, so that the suite would compare the host with itself")
        return
    run_tests(run, [("parity", [program, "--test-suite=parity", "--duration=true"])])


def real_device(run):
    need_program(run, "test_cuda_device")
    programs = sorted((run.context.files / "bin").glob("test_cuda_device*"))
    run_tests(run, [(program.name, [program, "--duration=true"]) for program in programs])


SANITIZED_PARITY = ["--test-suite=parity"]


def sanitizer(run):
    tool = shutil.which("compute-sanitizer")
    if not tool:
        run.stop("no compute-sanitizer on the PATH")
    tests = need_program(run, "test_engine")
    device = run.context.program("test_cuda_device")
    # Tests provoke errors of the CUDA API on purpose; what counts here is what kernels do.
    common = [tool, "--error-exitcode", "77", "--report-api-errors", "no", "--print-limit", "20"]
    share = run.limit / 100
    parts = [("memcheck parity without convolutions", "memcheck", 45 * share,
              [tests, *SANITIZED_PARITY, "--test-case-exclude=conv2d*"])]
    if device:
        parts.append(("memcheck test_cuda_device", "memcheck", 30 * share, [device]))
    else:
        run.say("Not run: memcheck test_cuda_device, which the pack does not hold.")
    parts.append(("racecheck softmax reductions batch norm LU", "racecheck", None,
                  [tests, *SANITIZED_PARITY, "--test-case=softmax*,reduce*,argmax*,batch_norm*,lu_log_abs_det*"]))
    rows = []
    for label, kind, limit, arguments in parts:
        result = run.command(label, [*common, "--tool", kind, *arguments], limit=limit)
        if re.search(r"Device not supported|not supported on", result.output):
            run.stop("compute-sanitizer does not support this device")
        found = re.search(r"(?:ERROR|RACECHECK) SUMMARY: (.+)", result.output)
        row, names = doctest(run, label, result)
        rows.append((label, found[1] if found else "none", row[1], row[2], short(result.seconds)))
        if result.code == 77 or result.code != 0:
            run.problem(label, result)
        elif not found:
            run.fail(f"{label}: no summary")
        if result.code == 0 and row[1] == "0":
            run.fail(f"{label}: no test ran")
    run.table(("run", "the tool's summary", "tests passed", "failed", "seconds"), rows)


# ---- speed
RESNET = [("bf16", 128, "on"), ("bf16", 128, "off"), ("bf16", 512, "on"), ("bf16", 512, "off"), ("tf32", 128, "on")]


def speed(run):
    rows, engines = [], []
    for precision, batch, graph in RESNET:
        label = f"resnet34 {precision} {batch} graph {graph}"
        env = {**run.context.env, "COFACTOR_CUDA_PLANS": "1"}
        found, result = bench(run, label, ["--workload", "resnet34", "--precision", precision, "--batch-size", batch,
                                           "--graph", graph, "--warmup", 20, "--steps", 60], env=env)
        if found:
            rows.append(bench_row(f"{precision}, batch {batch}, graph {graph}", found))
            run.context.results[precision, batch, graph] = found
        if (precision, batch, graph) == RESNET[0]:
            engines = [line for line in result.output.splitlines() if "engine" in line]
    run.table(BENCH_HEADER, rows)
    if engines:
        run.say("", f"cuDNN's engines ({RESNET[0][0]}, batch {RESNET[0][1]}):", "", "```", *engines, "```")


def pytorch(run):
    context = run.context
    if run.command("torch", [context.python, "-c", "import torch"], env=context.plain_env).code != 0:
        run.stop("python3 cannot import torch")
    script = context.files / "python" / "pytorch_bench.py"
    base = [context.python, script, "--workload", "resnet34", "--device", "cuda", "--precision", "bf16"]
    rows = []
    # Eager first: compiling takes most of the time, and may not fit. With CUDA graphs, which are PyTorch's counterpart of
    # a recorded step, it is the fastest.
    for batch, mode in ((128, None), (512, None), (128, "reduce-overhead"), (512, "reduce-overhead"), (128, "default")):
        label = f"bf16 {batch}" + (f" compiled {mode}" if mode else "")
        # Among compiled ones there is no time to choose: channels last and the fused optimizer.
        how = ["--variant", "channels_last+fused", "--compile", mode] if mode else ["--variant", "best"]
        if mode and run.left < 15:
            run.say(f"Not run for lack of time: {label}.")
            continue
        result = run.command(label, [*base, "--batch-size", batch, "--warmup", 20, "--steps", 60, *how],
                             env=context.plain_env)
        found = pairs(result.output)
        if found:
            rows.append((*bench_row(f"{label}, {found.get('variant', '')}", found), ratio(context, batch, found)))
        elif mode:
            run.say(f"{label}: {result.how}.")
        else:
            run.problem(label, result)
    run.table((*BENCH_HEADER, "cofactor to it"), rows)


def ratio(context, batch, theirs):
    ours = context.results.get(("bf16", batch, "on"))
    return short(float(ours["samples_per_second"]) / float(theirs["samples_per_second"]), 2) if ours else ""


# ---- kernels
def kernel_times(run):
    tool = shutil.which("ncu")
    if not tool:
        run.stop("no ncu on the PATH")
    program = need_program(run, "cofactor_bench")
    table = run.context.log_file(run.step.name, "ncu csv")
    # Of 14 steps of 200 to 450 launches: the first ones make plans.
    result = run.command("ncu", [
        tool, "--clock-control", "none", "--cache-control", "none", "--csv", "--page", "raw",
        "--print-units", "base", "--log-file", table,
        "--metrics", ",".join(kernels.METRICS), "--launch-skip", 1400, "--launch-count", 500,
        program, "--device", "cuda", "--workload", "resnet34", "--precision", "bf16", "--graph", "off",
        "--warmup", 10, "--steps", 4])
    text = table.read_text(errors="replace") if table.exists() else ""
    refusal = re.search(r"==ERROR== (.+)", text + result.output)
    launches = kernels.parse(text)
    if not launches:
        run.stop(f"ncu measured nothing: {refusal[1] if refusal else result.how}")
    if result.code != 0:
        run.problem("ncu", result)
    step, whole = kernels.one_step(launches)
    run.say(f"resnet34, bf16, batch 128, no graph: {'one step,' if whole else 'no whole step is among'} "
            f"{len(step)} launches, {sum(launch.ns for launch in step) / 1e6:.2f} ms of kernels, "
            f"{sum(launch.bytes for launch in step) / 1e9:.2f} GB of device memory read and written.")
    run.table(kernels.HEADER, kernels.rows(step))


# ---- equal weights
def train(run, label, program, flags):
    out = run.context.work / label.replace(" ", "-")
    result = run.checked(label, [program, "--device", "cuda", "--seed", 1, "--epochs", 2, "--method", "ce,dmi",
                                 "--out", out, *flags])
    return (out if result.code == 0 else None), result


def equal_weights(run):
    context, rows = run.context, []
    for name, data, flags in (("fashion_mnist", "fashion-mnist", ["--rate", "0.2"]),
                              ("cifar10", "cifar10", ["--rate", "0.2", "--precision", "bf16", "--model", "resnet20"])):
        program = need_program(run, name)
        folder = context.data(data)
        if folder is None:
            run.say(f"{name}: not run, the pack has no data for it.")
            continue
        outs, seconds = [], []
        for graph in ("on", "off"):
            out, result = train(run, f"{name} graph {graph}", program,
                                [*flags, "--data", folder, "--cuda-graph", graph])
            outs.append(out)
            seconds.append(short(result.seconds))
        if None in outs:
            continue
        compared = weights.compare(*outs)
        rows.append((name, compared.files, compared.tensors, compared.values, compared.different,
                     f"{compared.largest:g}", *seconds))
        if not compared.files:
            run.fail(f"{name}: no weights were written")
        if compared.problems:
            run.fail(f"{name}: {'; '.join(compared.problems[:3])}")
    run.table(("experiment", "files", "tensors", "values", "different values", "largest difference", "s with graph",
               "s without"), rows)


# ---- the paper's numbers
PAPER = {"ce": 64.6, "dmi": 89.0}
PAPER_SOURCE = ("Xu, Cao, Kong and Wang 2019, \"L_DMI: A Novel Information-theoretic Loss Function for Training Deep Nets "
                "Robust to Label Noise\", Figure 3, read off the authors' plots, to about 0.4")


def folder_in_memory(context):
    """A folder for checkpoints, which are written after each epoch: in memory, where the machine has room there."""
    memory = pathlib.Path("/dev/shm")
    if memory.is_dir() and os.access(memory, os.W_OK) and shutil.disk_usage(memory).free > 4 << 30:
        return tempfile.TemporaryDirectory(prefix="gpu-check-", dir=memory)
    return tempfile.TemporaryDirectory(dir=context.work)


def paper(run):
    with folder_in_memory(run.context) as folder:
        train_as_the_paper(run, pathlib.Path(folder))


def train_as_the_paper(run, out):
    context = run.context
    program, data = need_program(run, "cifar10"), context.data("cifar10")
    if data is None or not context.pack.get("all_cifar10"):
        run.stop("the pack does not hold all of CIFAR-10 (scripts/gpu-check --all-cifar10)")
    factor = context.epoch_factor
    result = run.checked("cifar10", [program, "--device", "cuda", "--precision", "bf16", "--rate", "0.6", "--seed", 1,
                                     "--method", "ce,dmi", "--data", data, "--out", out, "--epoch-factor", factor,
                                     "--workers", 4])
    rows = []
    results = out / "results.jsonl"
    for line in results.read_text().splitlines() if results.exists() else []:
        found = json.loads(line)
        rows.append((found["method"], short(found["test_accuracy"], 2), PAPER.get(found["method"], ""),
                     found["epochs"], found["best_epoch"] + 1, short(found["seconds"], 0)))
    run.say(f"ResNet-34 on CIFAR-10, noise between similar classes with r = 0.6, one seed, batch 128, bf16. Both numbers "
            f"of epochs, 120 and 100, and the epochs at which the rate changes, times {factor:g}. Images are JPEGs. "
            f"The paper's numbers: {PAPER_SOURCE}.")
    run.table(("method", "test accuracy, %", "the paper's, %", "epochs", "selected epoch", "seconds"), rows)
    if result.code == 0 and len(rows) != 2:
        run.fail(f"{len(rows)} results instead of two")


STEPS = [
    Step("machine", 30, "GPU, driver, libraries and their versions", check_machine),
    Step("smoke", 35, "30 steps of fashion_cnn, graph on and off", smoke),
    Step("parity", 65, "every kernel against the reference", parity),
    Step("device", 35, "tests of the backend itself: eager equals replay, memory, refusals", real_device),
    Step("sanitizer", 85, "memcheck and racecheck of compute-sanitizer", sanitizer),
    Step("speed", 50, "resnet34, bf16, batch 128 and 512, graph on and off", speed),
    Step("pytorch", 95, "the same in PyTorch, eager and compiled", pytorch),
    Step("kernels", 35, "durations and bytes of the kernels of a step", kernel_times),
    Step("weights", 30, "two epochs, graph on and off: equal weights", equal_weights),
    Step("paper", 520, "ResNet-34 on CIFAR-10, r = 0.6, ce and dmi", paper, by_default=False),
]
