"""Compares this library's label-quality scores, suspects and estimated number of wrong labels with cleanlab's, on the
same out-of-sample probabilities, and prints a table.

    python bench/label_quality.py --program build/release/bin/cofactor_label_quality --role judge --seeds 3

Needs cleanlab, scikit-learn and numpy; torch and Pillow for CIFAR-10N. --cifar10 FOLDER holds `train/CLASS/*.jpg` and
`cifar10n.csv` with the columns file, clean, aggregate, random1, worst; without it those settings are left out.
The settings and who chose on which are described in bench/label_settings.py.
"""

import argparse
import os
import pathlib

import numpy as np

from label_scores import CLEANLAB, FILTERS, average_precision, cleanlab, f1, mean_interval, ours, precision_at
from label_settings import STRONG, WEAK, load


def measure(program, setting, seed, folder, sources):
    """Ranking: {score: (average precision, precision at k)}, k is the number of wrong labels; suspects: {rule: (F1,
    number)}; numbers: ours beside the truth."""
    probabilities, given, true = load(setting, seed, folder, sources)
    wrong = given != true
    scores, suspects, numbers = ours(program, probabilities, given, "given_label")
    for kinds, others in zip((scores, suspects), cleanlab(probabilities, given)):
        kinds.update(others)
    ranking = {name: (average_precision(wrong, quality), precision_at(wrong, quality, wrong.sum()))
               for name, quality in scores.items()}
    found = {rule: (f1(wrong, suspect), suspect.sum()) for rule, suspect in suspects.items()}
    numbers.update(wrong=int(wrong.sum()), accuracy=float((probabilities.argmax(1) == true).mean()),
                   covered=bool(numbers["low"] <= wrong.sum() <= numbers["high"]))
    return ranking, found, numbers


def print_setting(setting, runs):
    rankings, founds, numbers = zip(*runs)
    wrong = np.mean([n["wrong"] for n in numbers])
    best = max(CLEANLAB, key=lambda name: np.mean([r[name][0] for r in rankings]))
    difference, width = mean_interval([r["posterior"][0] - r[best][0] for r in rankings])
    print(f"\n{setting.name}: {len(runs)} seeds, accuracy {np.mean([n['accuracy'] for n in numbers]):.3f}, "
          f"{wrong:.0f} of {setting.samples} labels wrong")
    for name in rankings[0]:
        ap, p = zip(*[r[name] for r in rankings])
        print(f"  {name:30} average precision {np.mean(ap):.4f}  precision at k {np.mean(p):.4f}")
    print(f"  posterior minus {best}: {difference:+.4f} +- {width:.4f}")
    for rule in founds[0]:
        f, count = zip(*[found[rule] for found in founds])
        print(f"  suspects {rule:22} F1 {np.mean(f):.4f}  number {np.mean(count):7.0f}")
    print("  estimated number %.0f, interval %.0f to %.0f, contains the truth in %d of %d; confident joint %.0f, outputs "
          "taken as perfect %.0f" % (*(np.mean([n[key] for n in numbers]) for key in ("count", "low", "high")),
                                    sum(n["covered"] for n in numbers), len(numbers),
                                    *(np.mean([n[key] for n in numbers]) for key in ("confident", "perfect"))))
    return dict(name=setting.name, best=best, wrong=wrong, accuracy=np.mean([n["accuracy"] for n in numbers]),
                difference=(difference, width), numbers=numbers,
                ap={name: np.mean([r[name][0] for r in rankings]) for name in rankings[0]},
                at={name: np.mean([r[name][1] for r in rankings]) for name in rankings[0]},
                f1={rule: np.mean([f[rule][0] for f in founds]) for rule in founds[0]},
                number={rule: np.mean([f[rule][1] for f in founds]) for rule in founds[0]})


def print_summary(rows):
    """The Markdown table of docs/label_errors.md: cleanlab's best score is chosen for each setting with the true labels in
    hand; ours is fixed."""
    print("\n| setting | accuracy | wrong | posterior: AP | cleanlab's best: AP | difference | suspects (F1) | "
          "cleanlab's nearest number (F1) |")
    print("|" + " --- |" * 8)
    for row in rows:
        rule = min((f"cl {r}" for r in FILTERS), key=lambda r: abs(row["number"][r] - row["wrong"]))
        print(f"| {row['name']} | {row['accuracy']:.2f} | {row['wrong']:.0f} | {row['ap']['posterior']:.3f} | "
              f"{row['ap'][row['best']]:.3f} ({row['best'][3:]}) | {row['difference'][0]:+.3f} ± "
              f"{row['difference'][1]:.3f} | {row['number']['by_class']:.0f} ({row['f1']['by_class']:.3f}) | "
              f"{row['number'][rule]:.0f} ({row['f1'][rule]:.3f}, {rule[3:]}) |")
    for name in rows[0]["ap"]:
        print(f"mean average precision of {name}: {np.mean([row['ap'][name] for row in rows]):.4f}")
    for rule in rows[0]["number"]:
        error = np.mean([abs(row["number"][rule] - row["wrong"]) / row["wrong"] for row in rows])
        print(f"mean relative error of the number of suspects, {rule}: {error:.3f}; mean F1 "
              f"{np.mean([row['f1'][rule] for row in rows]):.4f}")


def print_intervals(numbers):
    """Of all runs: how often the interval of the number of wrong labels has the truth in it, and how wide it is."""
    widths = [(n["high"] - n["low"]) / n["wrong"] for n in numbers]
    error = np.mean([abs(np.log(n["count"] / n["wrong"])) for n in numbers])
    print(f"the interval contains the number of wrong labels in {sum(n['covered'] for n in numbers)} of {len(numbers)} runs "
          f"(too low in {sum(n['high'] < n['wrong'] for n in numbers)}, too high in "
          f"{sum(n['low'] > n['wrong'] for n in numbers)}); median width {np.median(widths):.2f} of the number; mean "
          f"|log(estimate / number)| {error:.3f}")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--program", required=True)
    parser.add_argument("--role", choices=["choose", "judge"], default="judge")
    parser.add_argument("--networks", choices=["strong", "weak", "all"], default="all")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--only", default="", help="settings whose names contain this")
    parser.add_argument("--folder", default=os.path.expanduser("~/.cache/cofactor/label_quality"),
                        help="where probabilities are kept")
    parser.add_argument("--fashion-mnist", type=pathlib.Path, default=pathlib.Path("/usr/share/datasets/fashion-mnist"))
    parser.add_argument("--cifar10", type=pathlib.Path)
    options = parser.parse_args()
    pathlib.Path(options.folder).mkdir(parents=True, exist_ok=True)
    sources = dict(fashion_mnist=options.fashion_mnist, cifar10=options.cifar10)
    groups = [[s for s in settings if s.role == options.role and options.only in s.name and
               (options.cifar10 or not s.name.startswith("cifar10n"))]
              for settings in ([STRONG] if options.networks == "strong" else [WEAK] if options.networks == "weak" else
                               [STRONG, WEAK])]
    if not any(groups):
        parser.error("no setting is left")
    for settings in filter(None, groups):
        rows = [print_setting(s, [measure(options.program, s, seed, options.folder, sources)
                                  for seed in range(1, options.seeds + 1)]) for s in settings]
        print_summary(rows)
        print_intervals([numbers for row in rows for numbers in row["numbers"]])


if __name__ == "__main__":
    main()
