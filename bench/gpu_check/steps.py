"""The steps of the check, in their order."""

import json
import os
import pathlib
import re
import shutil
import tempfile

import cases
import kernels
import libraries
import weights
from step import Step


def short(number, digits=1):
    return f"{number:,.{digits}f}"


def pairs(text):
    """The last line of key=value pairs of a program's output, as a dict; empty where there is none."""
    for line in reversed(text.splitlines()):
        found = dict(re.findall(r"([a-z_0-9]+)=(\S+)", line))
        if "median_step_ms" in found:
            return found
    return {}


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
def parity(run):
    program = need_program(run, "test_engine")
    # The suite compares the devices that there are, so one that does not open would go unnoticed.
    bench = need_program(run, "cofactor_bench")
    opened = run.command("device", [bench, "--device", "auto", "--workload", "fashion_cnn", "--warmup", 0,
                                    "--steps", 1])
    if "device=cuda" not in opened.output:
        run.problem("device", opened)
        run.fail("the programs do not open the GPU, so that the suite would compare the host with itself")
        return
    printed = cases.run_all(run, [("parity", [program, "--test-suite=parity"])])
    if re.search(r"parity cases on cuda\b.*not here", printed):
        run.fail("the suite did not find the GPU")


def real_device(run):
    need_program(run, "test_cuda_device")
    programs = sorted((run.context.files / "bin").glob("test_cuda_device*"))
    suites = [(program.name, [program]) for program in programs]
    plans = run.context.program("test_cuda_plans")
    if plans:
        suites.append(("test_cuda_plans", [plans, "--test-case=cuDNN plans for the GPU of this machine*"]))
    cases.run_all(run, suites)


def nccl(run):
    program = need_program(run, "test_cuda_nccl")
    absent = [library.file for library in run.context.libraries if library.name == "NCCL" and library.folder is None]
    if absent:
        run.stop(f"{absent[0]} was not found: PyTorch's packages bring it, and LD_LIBRARY_PATH may name its folder")
    cases.run_all(run, [("test_cuda_nccl", [program])])
    gpus = len(run.context.gpus)
    if gpus == 1:
        run.say("", "This machine has one GPU: one rank only, the cases of two ranks did nothing.")
    else:
        run.say("", f"This machine has {gpus} GPUs: one rank, and two.")


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
        outcome = cases.Outcome(result.output)
        rows.append((label, found[1] if found else "none", outcome.passed, outcome.failed, short(result.seconds)))
        if result.code != 0:
            run.problem(label, result)
        elif not found:
            run.fail(f"{label}: the tool printed no summary")
        elif outcome.passed in ("0", "no summary"):
            run.fail(f"{label}: no test ran")
    run.table(("run", "the tool's summary", "tests passed", "failed", "seconds"), rows)


# ---- speed
RESNET = [("bf16", 128, "on"), ("bf16", 128, "off"), ("bf16", 512, "on"), ("bf16", 512, "off"), ("tf32", 128, "on")]


def speed(run):
    rows, engines = [], []
    for precision, batch, graph in RESNET:
        label = f"resnet34 {precision} {batch} graph {graph}"
        env = {**run.context.env, "COFACTOR_LOG_PLANS": "1"}
        found, result = bench(run, label, ["--workload", "resnet34", "--precision", precision, "--batch-size", batch,
                                           "--graph", graph, "--warmup", 20, "--steps", 60], env=env)
        if found:
            rows.append(bench_row(f"{precision}, batch {batch}, graph {graph}", found))
            run.context.results[precision, batch, graph] = found
        if (precision, batch, graph) == RESNET[0]:
            engines = [line for line in result.output.splitlines() if "cuda: conv2d" in line]
    run.table(BENCH_HEADER, rows)
    if engines:
        run.say("", f"cuDNN's plans ({RESNET[0][0]}, batch {RESNET[0][1]}):", "", "```", *engines, "```")


def pytorch(run):
    context = run.context
    if run.command("torch", [context.python, "-c", "import torch"], env=context.plain_env).code != 0:
        run.stop("python3 cannot import torch")
    script = context.files / "python" / "pytorch_bench.py"
    base = [context.python, script, "--workload", "resnet34", "--device", "cuda", "--precision", "bf16"]
    rows = []
    # Eager first: compiling takes most of the time, and may not fit. reduce-overhead records CUDA graphs, as cofactor's
    # steps do.
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
PAPER_SOURCE = ("Xu, Cao, Kong and Wang 2019, \"L_DMI: A Novel Information-theoretic Loss Function for Training Deep "
                "Nets Robust to Label Noise\", Figure 3, read off the authors' plots, to about 0.4")


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
    run.say(f"ResNet-34 on CIFAR-10, noise between similar classes with r = 0.6, one seed, batch 128, bf16. Both "
            f"numbers of epochs, 120 and 100, and the epochs at which the rate changes, times {factor:g}. Images are "
            f"JPEGs in class folders, divided into training and validation by a seed. The paper's numbers: "
            f"{PAPER_SOURCE}.")
    run.table(("method", "test accuracy, %", "the paper's, %", "epochs", "selected epoch", "seconds"), rows)
    if result.code == 0 and len(rows) != 2:
        run.fail(f"{len(rows)} results instead of two")


STEPS = [
    Step("machine", 30, "GPU, driver, libraries and their versions", libraries.check_machine),
    Step("smoke", 35, "30 steps of fashion_cnn, graph on and off", smoke),
    Step("parity", 75, "every kernel against the reference", parity),
    Step("device", 35, "tests of the backend itself: eager equals replay, memory, refusals", real_device),
    Step("nccl", 20, "sums over ranks by NCCL: one rank on one GPU, two on two", nccl),
    Step("sanitizer", 75, "memcheck and racecheck of compute-sanitizer", sanitizer),
    Step("speed", 45, "resnet34, bf16, batch 128 and 512, graph on and off", speed),
    Step("pytorch", 88, "the same in PyTorch, eager and compiled", pytorch),
    Step("kernels", 35, "durations and bytes of the kernels of a step", kernel_times),
    Step("weights", 30, "two epochs, graph on and off: equal weights", equal_weights),
    Step("paper", 520, "ResNet-34 on CIFAR-10, r = 0.6, ce and dmi", paper, by_default=False),
]
