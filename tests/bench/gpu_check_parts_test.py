"""The parts of the check of a GPU (bench/gpu_check, scripts/gpu-check) that need no pack."""

import gzip
import os
import pathlib
import struct
import subprocess
import sys
import tempfile
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[2]
RUNNER = ROOT / "bench" / "gpu_check"
sys.path.insert(0, str(RUNNER))
sys.dont_write_bytecode = True

import kernels  # noqa: E402
import report  # noqa: E402
import weights  # noqa: E402

NCU_TABLE = """==PROF== Connected
"ID","Kernel Name","gpu__time_duration.sum","dram__bytes_read.sum","dram__bytes_write.sum"
"","","ns","byte","byte"
""" + "".join(f'"{i}","{name}","{ns}","1,000","500"\n' for i, (name, ns) in enumerate(
    [("void a::each_kernel<a::SgdStep<float>>(long, a::SgdStep<float>)", "1,000")] +
    [("void a::groups_kernel<a::(anonymous namespace)::ChannelMoments<float>>(long, T1)", "3,000"),
     ("sm90_xmma_fprop", "5,000"), ("void a::each_kernel<a::SgdStep<float>>(long, a::SgdStep<float>)", "2,000")] * 2))


class Parts(unittest.TestCase):
    def test_paths_are_left_out_of_a_report(self):
        self.assertEqual(report.without_paths("error: /root/x/y.cpp:3: cannot open '/tmp/a b/c'"),
                         "error: y.cpp:3: cannot open 'a b/c'")
        self.assertEqual(report.without_paths("2 / 3, samples/s, https://host/a/b, a/b/c"),
                         "2 / 3, samples/s, https://host/a/b, a/b/c")

    def test_a_step_is_what_lies_between_two_updates(self):
        launches = kernels.parse(NCU_TABLE)
        self.assertEqual(len(launches), 7)
        self.assertEqual(launches[0].bytes, 1500)
        step, whole = kernels.one_step(launches)
        self.assertTrue(whole)
        self.assertEqual([launch.name for launch in step],
                         ["groups_kernel<ChannelMoments<float>>", "sm90_xmma_fprop", "each_kernel<SgdStep<float>>"])
        self.assertFalse(kernels.one_step(launches[1:4])[1])
        self.assertEqual(kernels.parse("==ERROR== nothing"), [])

    def test_weights_are_compared_by_their_bits(self):
        zero, minus_zero = struct.pack("<2f", 0.0, 1.0), struct.pack("<2f", -0.0, 1.0)
        self.assertEqual(weights.differences("F32", zero, minus_zero), (1, 0.0))

    def test_a_part_of_fashion_mnist_is_well_formed(self):
        with tempfile.TemporaryDirectory() as name:
            folder = pathlib.Path(name)
            for part in ("train", "t10k"):
                with gzip.open(folder / f"{part}-images-idx3-ubyte.gz", "wb") as file:
                    file.write(struct.pack(">IIII", 2051, 5, 2, 3) + bytes(range(30)))
                with gzip.open(folder / f"{part}-labels-idx1-ubyte.gz", "wb") as file:
                    file.write(struct.pack(">II", 2049, 5) + bytes(5))
            (folder / "to").mkdir()
            cut = [sys.executable, RUNNER / "slice_idx.py", folder, folder / "to"]
            subprocess.run([*cut, "3", "2"], check=True)
            self.assertEqual((folder / "to" / "train-images-idx3-ubyte").read_bytes(),
                             struct.pack(">IIII", 2051, 3, 2, 3) + bytes(range(18)))
            self.assertEqual((folder / "to" / "t10k-labels-idx1-ubyte").read_bytes(),
                             struct.pack(">II", 2049, 2) + bytes(2))
            self.assertNotEqual(subprocess.run([*cut, "9", "2"], stderr=subprocess.DEVNULL, check=False).returncode, 0)

    def test_the_packer_refuses_wrong_command_lines(self):
        script = str(ROOT / "scripts" / "gpu-check")
        with tempfile.TemporaryDirectory() as folder:
            (pathlib.Path(folder) / "mine").touch()
            for arguments, code, part in (
                    ([], 2, "--pack DIR is missing"), (["--absent"], 2, "no flag --absent"),
                    (["--pack"], 2, "--pack needs a value"),
                    (["--pack", folder, "--all-cifar10"], 2, "--all-cifar10 needs --cifar10"),
                    (["--pack", folder, "--cifar10", folder], 1, "not CIFAR-10 in class folders"),
                    (["--pack", folder], 1, "files that are no pack")):
                done = subprocess.run([script, *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                                      check=False)
                self.assertEqual(done.returncode, code, arguments)
                self.assertIn(part, done.stderr)
            self.assertEqual(os.listdir(folder), ["mine"])


if __name__ == "__main__":
    unittest.main()
