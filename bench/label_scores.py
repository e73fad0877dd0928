"""Scores of label quality, suspects and the estimated number of wrong labels, ours and cleanlab's, and how they are
judged by the true labels. Needs numpy, scikit-learn and cleanlab.
"""

import json
import pathlib
import subprocess
import tempfile

import numpy as np
from cleanlab.filter import find_label_issues
from cleanlab.rank import get_label_quality_scores
from scipy.stats import t as student
from sklearn.metrics import average_precision_score, f1_score

OURS = ["posterior", "self-confidence", "normalized-margin"]
RULES = ["by_class", "by_pair", "both"]
CLEANLAB = {
    "cl self_confidence": dict(method="self_confidence"),
    "cl normalized_margin": dict(method="normalized_margin"),
    "cl entropy": dict(method="confidence_weighted_entropy"),
    "cl self_confidence adjusted": dict(method="self_confidence", adjust_pred_probs=True),
    "cl normalized_margin adjusted": dict(method="normalized_margin", adjust_pred_probs=True),
}
FILTERS = ["prune_by_noise_rate", "prune_by_class", "both", "confident_learning"]


def ours(program, probabilities, given, outputs):
    """What cofactor_label_quality writes: {score: quality of each sample}, {rule: suspects}, numbers. outputs:
    given_label or true_class."""
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        probabilities.astype("<f4").tofile(folder / "probabilities")
        given.astype("<i4").tofile(folder / "labels")
        subprocess.run([program, str(probabilities.shape[1]), outputs, folder / "probabilities", folder / "labels",
                        folder / "out"], check=True)
        scores = {score: np.fromfile(folder / "out" / f"{score}.f32", "<f4") for score in OURS}
        suspects = {rule: np.fromfile(folder / "out" / f"{rule}.u8", np.uint8) > 0 for rule in RULES}
        return scores, suspects, json.loads((folder / "out" / "numbers.json").read_text())


def cleanlab(probabilities, given):
    """{score: quality of each sample}, {filter: suspects}, by cleanlab's names with "cl " before them."""
    doubles = probabilities.astype(np.float64)
    scores = {name: get_label_quality_scores(given, doubles, **how) for name, how in CLEANLAB.items()}
    suspects = {f"cl {rule}": find_label_issues(given, doubles, filter_by=rule, n_jobs=1) for rule in FILTERS}
    return scores, suspects


def average_precision(wrong, quality):
    return average_precision_score(wrong, -np.asarray(quality, np.float64))


def precision_at(wrong, quality, count):
    """The share of wrong labels among the `count` of lowest quality, the earlier first among equals."""
    return wrong[np.argsort(quality, kind="stable")[:count]].mean()


def f1(wrong, suspect):
    return f1_score(wrong, suspect, zero_division=0.0)


def mean_interval(values):
    """Mean and half the width of its 95% interval, by Student's t; NaN for one value."""
    values = np.asarray(values)
    if len(values) < 2:
        return values.mean(), float("nan")
    return values.mean(), student.ppf(0.975, len(values) - 1) * values.std(ddof=1) / len(values) ** 0.5
