"""bench/cifar10n.py over a small data set and runs of that shape."""

import contextlib
import csv
import importlib.util
import io
import lzma
import pathlib
import random
import shlex
import shutil
import sys
import tempfile
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "bench"))
sys.dont_write_bytecode = True

import cifar10n  # noqa: E402

CLASSES = ("bird", "cat", "dog")
IMAGES = 120  # of each class
WITH_PACKAGES = unittest.skipUnless(all(importlib.util.find_spec(name) for name in ("numpy", "sklearn", "cleanlab")),
                                    "needs numpy, scikit-learn and cleanlab")
# Writes what cofactor_label_quality writes; the estimate is the number of labels, and the interval tells OUTPUTS.
PROGRAM = """#!{python}
import json, pathlib, sys
classes, outputs, probabilities, labels, out = sys.argv[1:]
count = pathlib.Path(labels).stat().st_size // 4
assert pathlib.Path(probabilities).stat().st_size == 4 * count * int(classes)
out = pathlib.Path(out)
out.mkdir()
for score in ("posterior", "self-confidence", "normalized-margin"):
    (out / (score + ".f32")).write_bytes(bytes(4 * count))
for rule in ("by_class", "by_pair", "both"):
    (out / (rule + ".u8")).write_bytes(bytes(count))
(out / "numbers.json").write_text(json.dumps(dict(count=count, low=7 if outputs == "given_label" else 8, high=9)))
"""


class LabelsByPeople(unittest.TestCase):
    def setUp(self):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="cifar10n-"))
        self.addCleanup(shutil.rmtree, self.folder)
        self.data, self.tables = self.folder / "data", self.folder / "tables"
        self.people = []
        generator = random.Random(1)
        for number in range(IMAGES):
            for name in CLASSES:
                for part in ("train", "test") if number < 5 else ("train",):
                    file = self.data / part / name / f"{number:04}.jpg"
                    file.parent.mkdir(parents=True, exist_ok=True)
                    file.touch()
                other = generator.choice([c for c in CLASSES if c != name])
                self.people.append(dict(file=f"train/{name}/{number:04}.jpg", clean=name,
                                        aggregate=other if number % 10 == 0 else name,
                                        worst=other if number % 5 < 2 else name))
        self.labels = self.folder / "cifar10n.csv"
        self.write(self.labels, self.people)

    @staticmethod
    def write(path, rows):
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("w", newline="") as file:
            writer = csv.DictWriter(file, rows[0].keys())
            writer.writeheader()
            writer.writerows(rows)

    def call(self, *arguments):
        out, err = io.StringIO(), io.StringIO()
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            try:
                code = cifar10n.main([str(argument) for argument in arguments])
            except SystemExit as ended:
                code = ended.code
        return code, out.getvalue(), err.getvalue()

    def prepare(self, *more):
        return self.call("prepare", "--data", self.data, "--labels", self.labels, "--out", self.tables, *more)

    def rows(self, name):
        with (self.tables / f"{name}.csv").open(newline="") as file:
            return list(csv.DictReader(file))

    def test_tables_have_the_labels_of_people_and_a_clean_test_set(self):
        code, out, err = self.prepare("--limit", "60", "--seeds", "1", "2")
        self.assertEqual((code, err), (0, ""))
        self.assertEqual(sorted(file.stem for file in self.tables.iterdir()),
                         sorted(f"{noise}-{part}" for noise in ("aggregate", "worst")
                                for part in ("360", "60-seed1", "60-seed2")))
        self.assertIn("aggregate-360.csv: 360 training images, 36 labels wrong, 15 test images", out)
        self.assertIn("worst-360.csv: 360 training images, 144 labels wrong, 15 test images", out)
        rows = self.rows("worst-360")
        self.assertEqual([(row["path"], row["label"]) for row in rows if row["split"] == "train"],
                         [(row["file"], row["worst"]) for row in self.people])
        for row in rows[360:]:
            self.assertEqual((row["path"].split("/")[:2], row["split"]), (["test", row["label"]], "test"))
        self.assertEqual(len(rows), 375)

    def test_subsets_are_balanced_and_follow_from_the_seed(self):
        self.prepare("--limit", "60", "--seeds", "1", "2")
        first, second = ([row["path"] for row in self.rows(f"worst-60-seed{seed}") if row["split"] == "train"]
                         for seed in (1, 2))
        self.assertNotEqual(first, second)
        for name in CLASSES:
            self.assertEqual(sum(path.startswith(f"train/{name}/") for path in first), 20)
        self.assertEqual(first, [row["path"] for row in self.rows("aggregate-60-seed1") if row["split"] == "train"])
        before = {file.name: file.read_bytes() for file in self.tables.iterdir()}
        self.write(self.labels, self.people[::-1])  # the order of rows does not decide who is in a subset
        self.prepare("--limit", "60", "--seeds", "1")
        self.assertEqual({row["path"] for row in self.rows("worst-60-seed1") if row["split"] == "train"}, set(first))
        self.write(self.labels, self.people)
        self.prepare("--limit", "60", "--seeds", "1", "2")
        self.assertEqual({file.name: file.read_bytes() for file in self.tables.iterdir()}, before)

    def test_folders_of_given_labels_name_the_same_images(self):
        self.prepare("--limit", "60", "--seeds", "1", "--folders")
        people = cifar10n.read_people(self.labels)
        for noise in cifar10n.NOISES:
            links = list((self.tables / noise).glob("*/*.jpg"))
            self.assertEqual(len(links), len(people))
            for link in links:
                name = link.relative_to(self.tables / noise).as_posix()
                file = cifar10n.file_of(name, people)
                self.assertEqual(link.resolve(), (self.data / file).resolve())
                self.assertEqual(people[file][noise], link.parent.name)
        self.assertIsNone(cifar10n.file_of("deer/frog_9999.jpg", people))
        self.assertIsNone(cifar10n.file_of("deer/1.jpg", people))

    def test_a_compressed_table_of_labels_is_read(self):
        self.prepare("--limit", "60", "--seeds", "1")
        before = (self.tables / "worst-360.csv").read_bytes()
        packed = self.labels.with_suffix(".csv.xz")
        packed.write_bytes(lzma.compress(self.labels.read_bytes()))
        self.labels = packed
        self.assertEqual(self.prepare("--limit", "60", "--seeds", "1")[0], 0)
        self.assertEqual((self.tables / "worst-360.csv").read_bytes(), before)

    def test_input_that_does_not_fit_is_named(self):
        for more, part in ((("--limit", "61"), "--limit 61: not a multiple of the number of classes, 3"),
                           (("--limit", "600"), "class bird has 120 images, 200 are wanted")):
            code, _, err = self.prepare(*more)
            self.assertEqual(code, 1)
            self.assertIn(part, err)
        self.assertEqual(self.prepare("--limit", "0")[0], 2)
        (self.data / "train" / "cat" / "0007.jpg").unlink()
        self.assertIn("names train/cat/0007.jpg, which is not in", self.prepare()[2])
        self.labels.write_text("file,clean\ntrain/cat/0000.jpg,cat\n")
        self.assertIn("has no column aggregate, worst; it has file, clean", self.prepare()[2])
        self.labels.write_text("file,clean,aggregate,worst\na,b,c,d\na,b\n")
        self.assertIn("line 3: expected 4 fields", self.prepare()[2])
        self.labels = self.folder / "absent.csv"
        self.assertIn("absent.csv", self.prepare()[2])

    def test_commands_train_on_every_table(self):
        empty = self.call("commands", "--data", self.data, "--tables", self.tables, "--epochs", "3")
        self.assertEqual(empty[0], 1)
        self.assertIn("has no tables", empty[2])
        self.prepare("--limit", "60", "--seeds", "1")
        code, out, _ = self.call("commands", "--data", "a b", "--tables", self.tables, "--epochs", "3", "--batch-size",
                                 "64", "--train", "train", "--runs", "runs")
        self.assertEqual(code, 0)
        lines = [shlex.split(line) for line in out.splitlines()]
        self.assertEqual(len(lines), 4)
        self.assertEqual(lines[0], ["train", "--data", "a b", "--labels", str(self.tables / "aggregate-360.csv"), "--split",
                                    "split", "--clean-test", "--folds", "5", "--model", "resnet20", "--image-size", "32",
                                    "--method", "ce,dmi", "--epochs", "3", "--batch-size", "64", "--out",
                                    "runs/aggregate-360"])

    def make_run(self, name, noise, doubtful=0):
        """Probabilities 0.8 for the true class; a label is a suspect if it is wrong, its quality 0.2, or 0.9. The last
        `doubtful` right labels are suspects too, with the quality 0.1."""
        import numpy as np
        folder = self.folder / "runs" / name
        rows = []
        for row in self.people:
            wrong = row[noise] != row["clean"]
            rows.append(dict(id=row["file"], given_label=row[noise], predicted_label=row["clean"], given_probability=0,
                             predicted_probability=0.8, quality=0.2 if wrong else 0.9,
                             suspect="yes" if wrong else "no", fold=1))
        right = [row for row in rows if row["suspect"] == "no"]
        for row in right[len(right) - doubtful:]:
            row.update(suspect="yes", quality=0.1)
        probabilities = np.full((len(rows) + 1, 3), 0.1, "<f4")
        for at, row in enumerate(self.people):
            probabilities[at, CLASSES.index(row["clean"])] = 0.8
        rows.append(dict(rows[0], id="test/cat/0000.jpg"))  # not one of CIFAR-10N's: left out
        self.write(folder / "labels.csv", rows)
        np.save(folder / "probabilities.npy", probabilities)
        return folder

    def evaluate(self, *runs):
        program = self.folder / "program"
        program.write_text(PROGRAM.format(python=sys.executable))
        program.chmod(0o755)
        return self.call("evaluate", "--labels", self.labels, "--program", program, *runs)

    @WITH_PACKAGES
    def test_evaluate_prints_what_the_truth_says_of_each_run(self):
        self.make_run("aggregate/ce", "aggregate")
        self.make_run("worst/dmi", "worst", doubtful=24)
        code, out, err = self.evaluate(self.folder / "runs")
        self.assertEqual((code, err), (0, ""))
        # 36 of 36 found; the program's estimate is all 360, and CE's outputs are of the given label.
        self.assertIn("| aggregate, 360 images, ce | 1.000 | 36 | 360 (7 to 9) | 1.000 | 1.000 (", out)
        self.assertIn("| aggregate, 360 images, ce | ours | 36 | 36 | 1.000 |", out)
        # 24 right labels before 144 wrong ones. The step at 168 has all the wrong labels at a precision of 144 / 168.
        self.assertIn("| worst, 360 images, dmi | 1.000 | 144 | 360 (8 to 9) | 0.857 | 1.000 (", out)
        self.assertRegex(out, r"\| -0\.143 \(-0\.\d+ to -0\.\d+\) \|")
        self.assertIn("| worst, 360 images, dmi | ours | 168 | 144 | 0.923 |", out)  # F1 = 2 * 144 / (168 + 144)
        self.assertIn("| worst, 360 images, dmi | ours | 0.857 | – | – |", out)  # there are no 1,000 samples
        for rule in ("self_confidence", "normalized_margin adjusted", "entropy"):
            self.assertIn(f"| worst, 360 images, dmi | cleanlab: {rule} | ", out)
        for rule in ("prune_by_class", "prune_by_noise_rate", "both", "confident_learning"):
            self.assertIn(f"| aggregate, 360 images, ce | cleanlab: {rule} | ", out)

    @WITH_PACKAGES
    def test_evaluate_means_over_runs_of_one_kind(self):
        self.make_run("seed1/ce", "worst")
        self.make_run("seed2/ce", "worst", doubtful=24)
        code, out, _ = self.evaluate(self.folder / "runs" / "seed1", self.folder / "runs" / "seed2")
        self.assertEqual(code, 0)
        self.assertIn("| worst, 360 images, ce (mean of 2) | ours | 156 | 144 | 0.962 |", out)
        self.assertEqual(out.count("| worst, 360 images, ce | 1.000 | 144 |"), 2)

    @WITH_PACKAGES
    def test_evaluate_again_takes_quality_and_suspects_from_the_program(self):
        self.make_run("aggregate/ce", "aggregate")
        code, out, err = self.evaluate("--again", self.folder / "runs")
        self.assertEqual((code, err), (0, ""))
        # The program calls no label a suspect, and all have the same quality: the precision is 36 / 360.
        self.assertIn("| aggregate, 360 images, ce | ours | 0 | 36 | 0.000 |", out)
        self.assertIn("| aggregate, 360 images, ce | ours | 0.100 |", out)

    @WITH_PACKAGES
    def test_evaluate_refuses_what_does_not_fit(self):
        import numpy as np
        self.assertIn("no labels.csv beside probabilities.npy", self.evaluate(self.folder)[2])
        run = self.make_run("ce", "worst")
        kept = np.load(run / "probabilities.npy")
        np.save(run / "probabilities.npy", kept[:, :2])
        self.assertIn("has the shape (361, 2); labels.csv has 361 rows, and CIFAR-10N 3 classes", self.evaluate(run)[2])
        np.save(run / "probabilities.npy", kept)
        text = (run / "labels.csv").read_text()
        (run / "labels.csv").write_text(text.replace("suspect", "doubt"))
        self.assertIn("has no column suspect", self.evaluate(run)[2])
        (run / "labels.csv").write_text(text.replace("train/", "other/"))
        self.assertIn("names no image of CIFAR-10N; its first id is other/bird/0000.jpg", self.evaluate(run)[2])
        (run / "labels.csv").write_text(text.replace("0002.jpg,bird,", "0002.jpg,owl,"))
        self.assertRegex(self.evaluate(run)[2], r"train/bird/0002.jpg: the label is owl, expected one of bird, cat, dog")


if __name__ == "__main__":
    unittest.main()
