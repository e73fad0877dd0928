"""The runner of a pack (bench/gpu_check), with stubs for its programs and for the tools of the machine."""

import json
import os
import pathlib
import re
import shutil
import signal
import struct
import subprocess
import sys
import tarfile
import tempfile
import time
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[2]
RUNNER = ROOT / "bench" / "gpu_check"
sys.path[:0] = [str(RUNNER), str(ROOT / "tests" / "bench")]
sys.dont_write_bytecode = True

import run as runner  # noqa: E402
import steps  # noqa: E402
from gpu_check_parts_test import NCU_TABLE  # noqa: E402

NVIDIA_SMI = 'echo "NVIDIA H100 80GB HBM3, 580.1, 81559 MiB, 9.0"'
BENCH = ('if [ "$COFACTOR_LOG_PLANS" ]; then echo "cuda: conv2d 3x3: engine 7" >&2; fi\n'
         'echo "workload=w device=cuda precision=bf16 batch_size=128 samples_per_second=2000.0 steps_per_second=15.6 '
         'median_step_ms=64.0 mean_step_ms=65.0 peak_mib=900.0 allocated_mib=700.0"')
TESTS = 'echo "[doctest] test cases:  7 |  7 passed | 0 failed | 3 skipped"'
# Finds --out and leaves weights there.
TRAIN = """
while [ $# -gt 0 ]; do if [ "$1" = --out ]; then out=$2; fi; if [ "$1" = --cuda-graph ]; then graph=$2; fi; shift; done
mkdir -p "$out/cell/ce"; cp "$WEIGHTS/$graph" "$out/cell/ce/weights.safetensors"
"""
SANITIZER = """
while [ $# -gt 0 ]; do case $1 in --tool) tool=$2 ;; esac; case $1 in --*) shift ;; */*) break ;; esac; shift; done
"$@"
if [ "$tool" = memcheck ]; then echo "========= ERROR SUMMARY: 0 errors"
else echo "========= RACECHECK SUMMARY: 0 hazards displayed (0 errors, 0 warnings)"; fi
"""
NCU = """
while [ $# -gt 0 ]; do if [ "$1" = --log-file ]; then cp "$WEIGHTS/ncu.csv" "$2"; fi; shift; done
"""
TORCH = """
import sys
variant = sys.argv[sys.argv.index("--variant") + 1]
print("workload=w device=cuda batch_size=128 samples_per_second=1000.0 steps_per_second=7.8 median_step_ms=128.0 "
      f"mean_step_ms=129.0 peak_mib=1800.0 allocated_mib=1400.0 variant={variant}")
"""
def safetensors(values):
    data = struct.pack(f"<{len(values)}f", *values)
    header = json.dumps({"__metadata__": {"seconds": str(time.monotonic())},
                         "w": {"dtype": "F32", "shape": [len(values)], "data_offsets": [0, len(data)]}}).encode()
    return struct.pack("<Q", len(header)) + header + data


class Place:
    """A pack of stubs, and a PATH with nothing but what a bare machine has and the stubs given."""

    TOOLS = ("bash", "sh", "cat", "cp", "dirname", "echo", "env", "ldd", "mkdir", "sleep", "stdbuf")

    def __init__(self, gpu=True):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="gpu-check-"))
        self.pack, self.path, self.aside = (self.folder / name for name in ("pack", "path", "aside"))
        for folder in (self.path, self.aside / "site", self.pack / "bin", self.pack / "lib", self.pack / "python",
                       self.pack / "data" / "fashion-mnist", self.pack / "data" / "cifar10"):
            folder.mkdir(parents=True)
        shutil.copytree(RUNNER, self.pack / "runner", ignore=shutil.ignore_patterns("__pycache__"))
        shutil.move(self.pack / "runner" / "run", self.pack / "run")
        self.describe()
        for tool in self.TOOLS:
            found = shutil.which(tool)
            if found:
                (self.path / tool).symlink_to(found)
        (self.path / "python3").symlink_to(sys.executable)
        (self.aside / "site" / "torch.py").write_text(
            "class backends:\n class cudnn:\n  version = staticmethod(lambda: 91900)\n"
            "class version:\n cuda = '13.0'\n__version__ = '2.11'\n")
        (self.pack / "python" / "pytorch_bench.py").write_text(TORCH)
        (self.aside / "ncu.csv").write_text(NCU_TABLE)
        for graph in ("on", "off"):
            (self.aside / graph).write_bytes(safetensors([1.0, 2.0, 3.0]))
        for name, body in (("cofactor_bench", BENCH), ("test_engine", TESTS), ("test_cuda_device", TESTS),
                           ("test_cuda_nccl", TESTS),
                           ("fashion_mnist", TRAIN), ("cifar10", TRAIN)):
            self.program(name, body)
        (self.pack / "lib" / "libcofactor_cuda.so").touch()
        if gpu:
            self.tool("nvidia-smi", NVIDIA_SMI)
            self.tool("compute-sanitizer", SANITIZER)
            self.tool("ncu", NCU)

    def describe(self, **other):
        (self.pack / "pack.json").write_text(json.dumps({
            "commit": "0123456789abcdef", "changed": False, "cuda": "13.0", "architectures": "90-real",
            "all_cifar10": False, "date": "2026-01-01", "cuda_libraries": [], **other}))

    def script(self, path, body):
        path.write_text("#!/bin/sh\n" + body)
        path.chmod(0o755)

    def program(self, name, body):
        self.script(self.pack / "bin" / name, body)

    def tool(self, name, body):
        self.script(self.path / name, body)

    def start(self, *arguments):
        environment = {"PATH": str(self.path), "PYTHONPATH": str(self.aside / "site"), "WEIGHTS": str(self.aside)}
        return subprocess.Popen([str(self.pack / "run"), *arguments], env=environment, stdout=subprocess.PIPE,
                                stderr=subprocess.PIPE, text=True)

    def run(self, *arguments):
        process = self.start(*arguments)
        out, err = process.communicate(timeout=60)
        return process.returncode, out, err

    @property
    def report(self):
        return (self.pack / "report.md").read_text()

    def result(self, step):
        return re.search(rf"^\| {step} \| [^|]+ \| (.+) \| [\d.]* ?\|$", self.report, re.M)[1]

    def logs(self):
        with tarfile.open(self.pack / "logs.tar.gz") as tar:
            return tar.getnames()


def alive(pid):
    try:
        return pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except FileNotFoundError:
        return False


class GpuCheck(unittest.TestCase):
    def place(self, **options):
        place = Place(**options)
        self.addCleanup(shutil.rmtree, place.folder)
        return place

    def test_without_a_gpu_each_step_says_so(self):
        place = self.place(gpu=False)
        begin = time.monotonic()
        code, out, err = place.run()
        self.assertEqual((code, err), (1, ""))
        self.assertLess(time.monotonic() - begin, 10)
        default = [step.name for step in steps.STEPS if step.by_default]
        self.assertEqual(len(default), 10)
        for name in default:
            self.assertEqual(place.result(name), "no GPU (nvidia-smi is not on the PATH)")
            self.assertIn(f"==== {name}: ", out)
        self.assertNotIn("| paper |", place.report)
        self.assertIn("logs", place.logs())
        place.tool("nvidia-smi", "echo 'No devices were found'; exit 6")
        self.assertEqual(place.run("smoke")[0], 1)
        self.assertEqual(place.result("smoke"), "no GPU (nvidia-smi lists none)")

    def test_list_and_wrong_command_lines(self):
        place = self.place(gpu=False)
        code, out, _ = place.run("--list")
        self.assertEqual(code, 0)
        self.assertEqual([line.split()[0] for line in out.splitlines()], [step.name for step in steps.STEPS])
        for wrong, part in ((["absent"], "there is no step absent"), (["--limit", "0"], "--limit 0"),
                            (["--epoch-factor", "2"], "--epoch-factor 2"), (["--absent"], "--absent")):
            code, _, err = place.run(*wrong)
            self.assertEqual(code, 2, wrong)
            self.assertIn(part, err)
        self.assertFalse((place.pack / "report.md").exists())

    def test_the_limits_add_up_below_eight_minutes(self):
        self.assertLess(sum(step.limit for step in steps.STEPS if step.by_default), runner.DEADLINE)
        self.assertLess(runner.DEADLINE, 480)
        self.assertLess(runner.PAPER_DEADLINE, 540)

    def test_all_steps_pass_and_the_report_has_their_numbers(self):
        place = self.place()
        code, out, err = place.run()
        self.assertEqual((code, err), (0, ""), place.report)
        text = place.report
        for step in steps.STEPS:
            if step.by_default:
                self.assertEqual(place.result(step.name), "passed")
        self.assertIn("NVIDIA H100 80GB HBM3, 81559 MiB, compute capability 9.0, driver 580.1", text)
        self.assertIn("| parity | 7 | 0 | 3 |", text)
        self.assertIn("| bf16, batch 512, graph off | 2,000 | 15.6 | 64.00 | 65.00 | 900 | 700 |", text)
        self.assertIn("| bf16 128, best | 1,000 | 7.8 | 128.00 | 129.00 | 1,800 | 1,400 | 2.00 |", text)
        self.assertIn("cuDNN's plans (bf16, batch 128):\n\n```\ncuda: conv2d 3x3: engine 7\n```", text)
        self.assertIn("one step, 3 launches, 0.01 ms", text)
        self.assertIn("| `groups_kernel<ChannelMoments<float>>` | 1 | 3.0 | 30.0 | 0.0 | 0.00 |", text)
        self.assertIn("| fashion_mnist | 1 | 1 | 3 | 0 | 0 |", text)
        self.assertIn("0 hazards displayed", text)
        self.assertNotIn(str(place.folder), text)
        self.assertIn("logs/parity-parity.log", place.logs())

    def test_steps_by_name_run_in_their_order(self):
        place = self.place()
        code, out, _ = place.run("weights", "smoke")
        self.assertEqual(code, 0)
        self.assertLess(out.index("==== smoke"), out.index("==== weights"))
        self.assertNotIn("| parity |", place.report)

    def test_a_failure_is_told_and_the_next_steps_run(self):
        place = self.place()
        place.program("test_engine", """
case "$*" in *--test-case=*) echo "[doctest] test cases: 1 | 1 passed | 0 failed | 9 skipped"; exit 0 ;; esac
echo "TEST CASE:  conv2d: forward"; echo "values are off in /home/x/conv.cpp:7"
echo "[doctest] test cases:  7 |  6 passed | 1 failed | 3 skipped"; exit 1
""")
        code, _, _ = place.run("parity", "weights")
        self.assertEqual(code, 1)
        self.assertEqual(place.result("parity"), "FAILED: parity: exit code 1")
        self.assertEqual(place.result("weights"), "passed")
        self.assertIn("| parity | 6 | 1 | 3 |", place.report)
        self.assertIn("- conv2d: forward: passes alone", place.report)
        self.assertIn("values are off in conv.cpp:7", place.report)

    def test_after_a_crash_the_cases_that_did_not_run_run_alone(self):
        place = self.place()
        place.program("test_engine", """
case "$*" in
*--list-test-cases*) printf "[doctest] listing\n====\none\ntwo: a crash\nthree\n====\n[doctest] 3\n" ;;
*--test-case=three) echo "[doctest] test cases: 1 | 1 passed | 0 failed | 9 skipped" ;;
*--test-case=two*) kill -SEGV $$ ;;
*) echo "0.100000 s: one"; kill -SEGV $$ ;;
esac
""")
        self.assertEqual(place.run("parity")[0], 1)
        self.assertEqual(place.result("parity"), "FAILED: parity: ended by SIGSEGV")
        self.assertIn("- two: a crash: fails alone too (ended by SIGSEGV)\n- three: passes alone\n", place.report)
        self.assertNotIn("- one", place.report)

    def test_a_step_that_hangs_is_killed_with_its_children(self):
        place = self.place()
        place.program("cofactor_bench", 'trap "" TERM; sleep 100 & echo $! >"$WEIGHTS/child"; echo begun; wait; wait\n')
        begin = time.monotonic()
        code, _, _ = place.run("--limit", "0.7", "smoke", "weights")
        self.assertEqual(code, 1)
        self.assertLess(time.monotonic() - begin, 6)
        self.assertIn("killed at its limit, after", place.result("smoke"))
        self.assertIn("begun", place.report)
        self.assertEqual(place.result("weights"), "passed")
        self.assertFalse(alive(int((place.aside / "child").read_text())))

    def test_a_signal_ends_the_run_with_a_report(self):
        place = self.place()
        place.program("cofactor_bench", 'echo $$ >"$WEIGHTS/child"; sleep 100\n')
        process = place.start("smoke", "weights")
        while not (place.aside / "child").exists() or not (place.aside / "child").read_text():
            time.sleep(0.02)
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=10)
        self.assertEqual(process.returncode, 1)
        self.assertIn("stopped by signal 15", place.report)
        self.assertEqual(place.result("smoke"), "not reached")
        self.assertFalse(alive(int((place.aside / "child").read_text())))

    def test_weights_that_differ_are_counted(self):
        place = self.place()
        (place.aside / "off").write_bytes(safetensors([1.0, 2.5, 3.0]))
        self.assertEqual(place.run("weights")[0], 1)
        self.assertIn("w: 1 of 3 values differ", place.result("weights"))
        self.assertIn("| fashion_mnist | 1 | 1 | 3 | 1 | 0.5 |", place.report)

    def test_what_a_step_lacks_is_its_result(self):
        place = self.place()
        for tool in ("ncu", "compute-sanitizer"):
            (place.path / tool).unlink()
        (place.aside / "site" / "torch.py").write_text("raise ImportError('no torch')\n")
        (place.pack / "bin" / "test_cuda_device").unlink()
        self.assertEqual(place.run("device", "sanitizer", "pytorch", "kernels", "paper")[0], 1)
        for step, reason in (("device", "the pack has no test_cuda_device"),
                             ("sanitizer", "no compute-sanitizer on the PATH"),
                             ("pytorch", "python3 cannot import torch"), ("kernels", "no ncu on the PATH"),
                             ("paper", "the pack does not hold all of CIFAR-10 (scripts/gpu-check --all-cifar10)")):
            self.assertEqual(place.result(step), f"not run: {reason}")
        place.tool("ncu", "echo '==ERROR== Failed to initialize the profiler: LibraryNotLoaded'; exit 1")
        place.tool("compute-sanitizer", "echo '========= Error: Device not supported. Please refer'; exit 1")
        self.assertEqual(place.run("sanitizer", "kernels")[0], 1)
        self.assertEqual(place.result("sanitizer"), "not run: compute-sanitizer does not support this device")
        self.assertIn("Failed to initialize the profiler: LibraryNotLoaded", place.result("kernels"))

    def test_a_gpu_that_the_programs_do_not_open_is_no_parity(self):
        place = self.place()
        place.program("cofactor_bench", BENCH.replace("device=cuda", "device=reference"))
        self.assertEqual(place.run("parity")[0], 1)
        self.assertIn("the programs do not open the GPU", place.result("parity"))

    def test_libraries_and_architectures_that_do_not_fit_are_named(self):
        place = self.place()
        place.describe(cuda_libraries=["libcudnn.so.77"], architectures="80-real")
        self.assertEqual(place.run("machine")[0], 1)
        self.assertIn("libcudnn.so.77 was not found", place.result("machine"))
        self.assertIn("compute capability 90, the programs are compiled for 80", place.result("machine"))

    def test_without_nccl_only_its_step_cannot_run(self):
        place = self.place()
        place.describe(cuda_libraries=["libnccl.so.77"])
        self.assertEqual(place.run("machine", "nccl")[0], 1)
        self.assertEqual(place.result("machine"), "passed")
        self.assertIn("not run: libnccl.so.77 was not found", place.result("nccl"))
        wheel = place.aside / "site" / "nvidia" / "nccl" / "lib"
        wheel.mkdir(parents=True)
        (wheel / "libnccl.so.77").touch()
        self.assertEqual(place.run("nccl")[0], 0, place.report)
        self.assertIn("This machine has one GPU: one rank only", place.report)
        (place.pack / "bin" / "test_cuda_nccl").unlink()
        self.assertEqual(place.run("nccl")[0], 1)
        self.assertEqual(place.result("nccl"), "not run: the pack has no test_cuda_nccl")

    def test_libraries_are_found_in_wheels(self):
        place = self.place()
        wheel = place.aside / "site" / "nvidia" / "cudnn" / "lib"
        wheel.mkdir(parents=True)
        (wheel / "libcudnn.so.77").touch()
        place.describe(cuda_libraries=["libcudnn.so.77"])
        place.program("cofactor_bench", BENCH.replace("workload=w", "workload=$LD_LIBRARY_PATH"))
        self.assertEqual(place.run("machine", "smoke")[0], 0, place.report)
        self.assertRegex(place.report, r"\| cuDNN \| `libcudnn.so.77` \| .* \| Python's wheels \|")
        with tarfile.open(place.pack / "logs.tar.gz") as tar:
            log = tar.extractfile("logs/smoke-fashion_cnn_graph_on.log").read().decode()
        self.assertIn(f"workload={wheel}", log)

    def test_the_paper_step_lays_both_accuracies_side_by_side(self):
        place = self.place()
        place.describe(all_cifar10=True)
        lines = [json.dumps({"method": method, "test_accuracy": accuracy, "epochs": 60, "best_epoch": 9,
                             "seconds": 100}) for method, accuracy in (("ce", 61.5), ("dmi", 88.25))]
        (place.aside / "results").write_text("\n".join(lines) + "\n")
        place.program("cifar10", 'echo "$@" >"$WEIGHTS/flags"\n' + TRAIN.replace(
            'mkdir -p "$out/cell/ce"; cp "$WEIGHTS/$graph" "$out/cell/ce/weights.safetensors"',
            'mkdir -p "$out"; cp "$WEIGHTS/results" "$out/results.jsonl"'))
        self.assertEqual(place.run("paper", "--epoch-factor", "0.5")[0], 0, place.report)
        self.assertIn("--epoch-factor 0.5", (place.aside / "flags").read_text())
        self.assertIn("| ce | 61.50 | 64.6 | 60 | 10 | 100 |", place.report)
        self.assertIn("| dmi | 88.25 | 89.0 | 60 | 10 | 100 |", place.report)
        self.assertIn("times 0.5", place.report)

    def test_a_packed_archive_is_unpacked_once(self):
        place = self.place()
        with tarfile.open(place.pack / "files.tar.xz", "w:xz") as tar:
            for name in ("bin", "lib", "data", "python"):
                tar.add(place.pack / name, arcname=name)
                shutil.rmtree(place.pack / name)
        self.assertEqual(place.run("smoke")[0], 0, place.report)
        code, out, _ = place.run("smoke")
        self.assertEqual(code, 0)
        self.assertNotIn("Unpacking", out)


if __name__ == "__main__":
    unittest.main()
