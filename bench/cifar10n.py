"""Wrong labels in CIFAR-10N, labels given by people (Wei et al., Learning with Noisy Labels Revisited, ICLR 2022): what
`train --folds` finds of them, beside cleanlab on the same out-of-sample probabilities.

    python3 bench/cifar10n.py prepare --data cifar10 --labels cifar10n.csv --out tables
    python3 bench/cifar10n.py commands --data cifar10 --tables tables --epochs 30 > commands; sh commands
    python3 bench/cifar10n.py evaluate --labels cifar10n.csv --program build/release/bin/cofactor_label_quality runs/cifar10n

With `prepare --folders`, the full sets are also written as folders tables/NOISE/GIVEN CLASS/TRUE CLASS_NUMBER.jpg (links),
for `train --data tables/NOISE --test cifar10/test`: `evaluate` takes runs on either.

DATA has CIFAR-10 as `train/CLASS/*.jpg` and `test/CLASS/*.jpg`. LABELS is a CSV (or .csv.xz, .csv.gz) with the columns
file (a path in DATA), clean, aggregate and worst. Each step can be repeated: it writes the same files, and `train` goes on
where it was stopped. `evaluate` needs numpy, scikit-learn and cleanlab (`pip install cleanlab`).
"""

import argparse
import collections
import csv
import gzip
import hashlib
import lzma
import pathlib
import shlex
import sys

NOISES = ("aggregate", "worst")
OPEN = {".xz": lzma.open, ".gz": gzip.open}
# Methods whose outputs are of the true class; those of the others are of the label as given (data/noise/label_quality.h).
OF_TRUE_CLASS = ("dmi", "fw", "bw", "lccn")
PRECISION_AT = (1000, 5000)
DRAWS = 200


class Refused(Exception):
    """Input that cannot be used, in a sentence."""


def read_people(path):
    """The rows of CIFAR-10N: {file: {column: class}}."""
    rows = {}
    with OPEN.get(path.suffix, open)(path, "rt", encoding="utf-8", newline="") as file:
        reader = csv.DictReader(file)
        missing = {"file", "clean", *NOISES} - set(reader.fieldnames or ())
        if missing:
            raise Refused(f"{path} has no column {', '.join(sorted(missing))}; it has {', '.join(reader.fieldnames or ())}")
        for row in reader:
            if None in row.values() or None in row:
                raise Refused(f"{path}, line {reader.line_num}: expected {len(reader.fieldnames)} fields")
            rows[row["file"]] = row
    if not rows:
        raise Refused(f"{path} has no rows")
    return rows


def class_of(path):
    return path.split("/")[-2]


def of_subset(files, count, seed):
    """`count` files, as many of each class, in their order. Which ones depends on their names and the seed alone."""
    classes = collections.defaultdict(list)
    for file in files:
        classes[class_of(file)].append(file)
    if count % len(classes):
        raise Refused(f"--limit {count}: not a multiple of the number of classes, {len(classes)}")
    chosen = set()
    for name, members in sorted(classes.items()):
        if count // len(classes) > len(members):
            raise Refused(f"--limit {count}: class {name} has {len(members)} images, {count // len(classes)} are wanted")
        members.sort(key=lambda file: hashlib.sha256(f"{seed} {file}".encode()).digest())
        chosen.update(members[:count // len(classes)])
    return [file for file in files if file in chosen]


def write_table(path, rows):
    partial = path.with_name(path.name + ".part")
    with partial.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(["path", "label", "split"])
        writer.writerows(rows)
    partial.replace(path)


def name_in_folders(file, given):
    """The path of an image, train/frog/0000.jpg, below the folders of given labels: deer/frog_0000.jpg."""
    return f"{given}/{class_of(file)}_{file.rsplit('/', 1)[-1]}"


def write_folders(folder, data, labels):
    """Links the images into a folder per given label; those that are there stay."""
    for file, given in labels:
        link = folder / name_in_folders(file, given)
        link.parent.mkdir(parents=True, exist_ok=True)
        if not link.exists():
            link.symlink_to((data / file).resolve())


def file_of(name, people):
    """The image that a sample's id names, in a table or in folders; None: none of CIFAR-10N's."""
    if name in people:
        return name
    true, _, number = name.rsplit("/", 1)[-1].rpartition("_")
    file = f"train/{true}/{number}"
    return file if file in people else None


def prepare(options):
    people = read_people(options.labels)
    absent = next((file for file in people if not (options.data / file).is_file()), None)
    if absent:
        raise Refused(f"{options.labels} names {absent}, which is not in {options.data}")
    tests = sorted(file.relative_to(options.data).as_posix() for file in (options.data / "test").glob("*/*.jpg"))
    if not tests:
        raise Refused(f"{options.data} has no images test/CLASS/*.jpg")
    options.out.mkdir(parents=True, exist_ok=True)
    subsets = {f"{len(people)}": list(people)}
    for seed in options.seeds if options.limit else ():
        subsets[f"{options.limit}-seed{seed}"] = of_subset(people, options.limit, seed)
    for noise in options.noise:
        for name, files in subsets.items():
            table = options.out / f"{noise}-{name}.csv"
            write_table(table, [(file, people[file][noise], "train") for file in files] +
                        [(file, class_of(file), "test") for file in tests])
            wrong = sum(people[file][noise] != people[file]["clean"] for file in files)
            if options.folders and len(files) == len(people):
                write_folders(options.out / noise, options.data, [(file, people[file][noise]) for file in files])
            print(f"{table}: {len(files)} training images, {wrong} labels wrong, {len(tests)} test images")


def commands(options):
    tables = sorted(options.tables.glob("*.csv"))
    if not tables:
        raise Refused(f"{options.tables} has no tables; `prepare` writes them")
    for table in tables:
        print(shlex.join([str(options.train), "--data", str(options.data), "--labels", str(table), "--split", "split",
                          "--clean-test", "--folds", "5", "--model", "resnet20", "--image-size", "32", "--method",
                          ",".join(options.method), "--epochs", str(options.epochs), "--batch-size",
                          str(options.batch_size), "--out", str(options.runs / table.stem)]))


def found_runs(folders):
    runs = sorted({file.parent for folder in folders for file in folder.rglob("probabilities.npy")
                   if (file.parent / "labels.csv").exists()})
    if not runs:
        raise Refused(f"no labels.csv beside probabilities.npy in or below {', '.join(map(str, folders))}")
    return runs


class Run:
    """A run's folder, those samples of it that CIFAR-10N has, and the truth about them."""

    def __init__(self, folder, people):
        import numpy as np
        self.folder, self.method = folder, folder.name
        with (folder / "labels.csv").open(encoding="utf-8", newline="") as file:
            reader = csv.DictReader(file)
            rows = list(reader)
        missing = {"id", "given_label", "quality", "suspect"} - set(reader.fieldnames or ())
        if missing:
            raise Refused(f"{folder}/labels.csv has no column {', '.join(sorted(missing))}")
        probabilities = np.load(folder / "probabilities.npy", allow_pickle=False)
        names = sorted({row["clean"] for row in people.values()})
        if probabilities.shape != (len(rows), len(names)):
            raise Refused(f"{folder}/probabilities.npy has the shape {probabilities.shape}; labels.csv has {len(rows)} "
                          f"rows, and CIFAR-10N {len(names)} classes")
        files = [file_of(row["id"], people) for row in rows]
        kept = [i for i, row in enumerate(rows) if files[i] and row["given_label"]]
        if not kept:
            raise Refused(f"{folder}/labels.csv names no image of CIFAR-10N; its first id is "
                          f"{rows[0]['id'] if rows else 'absent'}")
        stranger = next((i for i in kept if rows[i]["given_label"] not in names), None)
        if stranger is not None:
            raise Refused(f"{folder}/labels.csv, {rows[stranger]['id']}: the label is {rows[stranger]['given_label']}, "
                          f"expected one of {', '.join(names)}")
        rows = [rows[i] for i in kept]
        truth = [people[files[i]] for i in kept]
        self.probabilities = probabilities[kept].astype(np.float32)
        self.given = np.array([names.index(row["given_label"]) for row in rows], np.int32)
        self.true = np.array([names.index(person["clean"]) for person in truth])
        self.quality = np.array([float(row["quality"]) for row in rows])
        self.suspect = np.array([row["suspect"] == "yes" for row in rows])
        agreeing = {noise: sum(person[noise] == row["given_label"] for person, row in zip(truth, rows)) for noise in NOISES}
        self.noise = next((noise for noise, count in agreeing.items() if count == len(rows)), "other labels")
        self.outputs = "true_class" if self.method in OF_TRUE_CLASS else "given_label"

    @property
    def kind(self):
        return self.noise, len(self.given), self.method


def judge(run, program, again=False):
    """{score: (average precision, precision at ...)}, {rule: (number, F1)}, the estimated number, and the difference of
    average precision, with its interval, to each of cleanlab's scores."""
    import numpy as np
    from label_scores import average_precision, cleanlab, f1, ours, precision_at
    wrong = run.given != run.true
    if not wrong.any():
        raise Refused(f"{run.folder}: no label is wrong")
    scores, suspects = cleanlab(run.probabilities, run.given)
    judged_now, suspects_now, numbers = ours(program, run.probabilities, run.given, run.outputs)
    quality, suspect = (judged_now["posterior"], suspects_now["by_class"]) if again else (run.quality, run.suspect)
    scores, suspects = {"ours": quality, **scores}, {"ours": suspect, **suspects}
    ranking = {name: (average_precision(wrong, quality),
                      *(precision_at(wrong, quality, k) if k <= len(wrong) else None for k in PRECISION_AT))
               for name, quality in scores.items()}
    best = max((name for name in scores if name != "ours"), key=lambda name: ranking[name][0])
    generator = np.random.default_rng(1)
    draws = []
    for _ in range(DRAWS):
        again = generator.integers(0, len(wrong), len(wrong))
        draws.append(average_precision(wrong[again], scores["ours"][again]) -
                     average_precision(wrong[again], scores[best][again]))
    difference = (ranking["ours"][0] - ranking[best][0], *np.quantile(draws, [0.025, 0.975]))
    return dict(run=run, wrong=int(wrong.sum()), accuracy=float((run.probabilities.argmax(1) == run.true).mean()),
                ranking=ranking, found={rule: (int(s.sum()), f1(wrong, s)) for rule, s in suspects.items()},
                numbers=numbers, best=best, difference=difference)


def shown(value, digits=3):
    return "–" if value is None else f"{value:.{digits}f}"


def table(header, rows):
    print("\n".join(["", "| " + " | ".join(header) + " |", "|" + " --- |" * len(header)] +
                    ["| " + " | ".join(row) + " |" for row in rows]))


def evaluate(options):
    sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
    people = read_people(options.labels)
    judged = [judge(Run(folder, people), options.program, options.again) for folder in found_runs(options.runs)]
    groups = collections.defaultdict(list)
    for result in judged:
        groups[result["run"].kind].append(result)
    mean = lambda values: None if None in values else sum(values) / len(values)
    title = lambda kind, results: (f"{kind[0]}, {kind[1]} images, {kind[2]}" +
                                   (f" (mean of {len(results)})" if len(results) > 1 else ""))

    print("Accuracy of the out-of-sample predictions for the true class; wrong labels, and how many we estimate, with the "
          "95% interval; average precision (AP) beside that of the best of cleanlab's five scores, and the difference with "
          "its 95% interval over images (bootstrap).")
    table(["labels", "accuracy", "wrong", "estimated", "AP", "cleanlab's best AP", "difference"],
          [[title(kind, [result]), shown(result["accuracy"]), str(result["wrong"]),
            "{count:.0f} ({low:.0f} to {high:.0f})".format(**result["numbers"]), shown(result["ranking"]["ours"][0]),
            f"{shown(result['ranking'][result['best']][0])} ({result['best'][3:]})",
            "{:+.3f} ({:+.3f} to {:+.3f})".format(*result["difference"])]
           for kind, results in groups.items() for result in results])
    print("\nRanking by quality, the lowest first.")
    table(["labels", "score", "AP"] + [f"precision at {k:,}" for k in PRECISION_AT],
          [[title(kind, results), name.replace("cl ", "cleanlab: ")] +
           [shown(mean([result["ranking"][name][i] for result in results])) for i in range(1 + len(PRECISION_AT))]
           for kind, results in groups.items() for name in results[0]["ranking"]])
    print("\nSuspects.")
    table(["labels", "rule", "suspects", "wrong", "F1"],
          [[title(kind, results), rule.replace("cl ", "cleanlab: "),
            shown(mean([result["found"][rule][0] for result in results]), 0),
            shown(mean([result["wrong"] for result in results]), 0),
            shown(mean([result["found"][rule][1] for result in results]))]
           for kind, results in groups.items() for rule in results[0]["found"]])


def positive(text):
    value = int(text)
    if value < 1:
        raise argparse.ArgumentTypeError(f"{text}: expected 1 or more")
    return value


def parse(arguments):
    path = pathlib.Path
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    steps = parser.add_subparsers(dest="step", required=True)
    step = steps.add_parser("prepare", help="write tables of labels for train --labels")
    step.add_argument("--data", type=path, required=True)
    step.add_argument("--labels", type=path, required=True)
    step.add_argument("--out", type=path, required=True, help="folder for the tables")
    step.add_argument("--noise", nargs="+", choices=NOISES, default=NOISES)
    step.add_argument("--limit", type=positive, default=10000,
                      help="images in each subset, as many of each true class; the full set is always written too")
    step.add_argument("--seeds", type=positive, nargs="+", default=[1, 2, 3], help="of the subsets")
    step.add_argument("--folders", action="store_true", help="also write the full sets as a folder per given label")
    step.set_defaults(work=prepare)
    step = steps.add_parser("commands", help="print the command lines of the experiment")
    step.add_argument("--data", type=path, required=True)
    step.add_argument("--tables", type=path, required=True, help="what prepare wrote")
    step.add_argument("--train", type=path, default=path("build/release/bin/train"))
    step.add_argument("--runs", type=path, default=path("runs/cifar10n"))
    step.add_argument("--method", nargs="+", default=["ce", "dmi"])
    step.add_argument("--epochs", type=positive, required=True)
    step.add_argument("--batch-size", type=positive, default=128)
    step.set_defaults(work=commands)
    step = steps.add_parser("evaluate", help="print how well the wrong labels were found, as Markdown")
    step.add_argument("runs", type=path, nargs="+", help="folders of runs, or folders above them")
    step.add_argument("--labels", type=path, required=True)
    step.add_argument("--program", type=path, default=path("build/release/bin/cofactor_label_quality"))
    step.add_argument("--again", action="store_true",
                      help="judge the labels by the posterior with --program, instead of taking labels.csv's quality")
    step.set_defaults(work=evaluate)
    return parser.parse_args(arguments)


def main(arguments=None):
    options = parse(arguments)
    try:
        options.work(options)
    except Refused as refused:
        print(f"cifar10n {options.step}: {refused}", file=sys.stderr)
        return 1
    except (OSError, ModuleNotFoundError) as error:
        print(f"cifar10n {options.step}: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
