"""Settings on which label-quality scores are compared: out-of-sample probabilities, given labels, and the true ones that
judge them. Each setting is made once and kept in a folder.

Settings are either for choosing (a score, the interval, their constants) or for judging; no setting is both, and CIFAR-10N, the one
with labels given by people, only judges.
"""

import csv
import gzip
import hashlib
import pathlib
import warnings

import numpy as np
from sklearn.decomposition import PCA
from sklearn.ensemble import RandomForestClassifier
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedKFold
from sklearn.naive_bayes import GaussianNB
from sklearn.neighbors import KNeighborsClassifier
from sklearn.neural_network import MLPClassifier

FOLDS = 5


def symmetric(classes, rate):
    return (1 - rate) * np.eye(classes) + rate / (classes - 1) * (1 - np.eye(classes))


def flips(classes, rate, pairs=None):
    """Each class of `pairs` becomes its partner; by default class c becomes c + 1 where c is even."""
    matrix = np.eye(classes)
    for a, b in pairs or [(c, c + 1) for c in range(0, classes - 1, 2)]:
        matrix[a, a] -= rate
        matrix[a, b] += rate
    return matrix


def uneven(classes, rate, generator):
    """As people confuse: each class has its own rate, from 0 to 2 `rate`, and mostly goes to a few others."""
    matrix = np.zeros((classes, classes))
    for c in range(classes):
        weights = generator.dirichlet(np.full(classes - 1, 0.3))
        matrix[c, np.arange(classes) != c] = generator.uniform(0, 2 * rate) * weights
        matrix[c, c] = 1 - matrix[c].sum()
    return matrix


def noise_matrix(kind, classes, rate, generator):
    if kind == "symmetric":
        return symmetric(classes, rate)
    if kind == "flips":
        return flips(classes, rate)
    if kind == "similar":  # Fashion-MNIST: T-shirt and shirt, pullover and coat, dress, sandal, sneaker and ankle boot
        return flips(classes, rate, [(0, 6), (2, 4), (3, 0), (5, 7), (7, 9)])
    return uneven(classes, rate, generator)


def add_noise(true, matrix, generator):
    bounds = matrix.cumsum(1)
    draws = generator.random(len(true)) * bounds[true, -1]
    return (draws[:, None] >= bounds[true]).sum(1).astype(np.int32)


def classifier(kind):
    return {
        "logistic": lambda: LogisticRegression(max_iter=200),
        "bayes": GaussianNB,  # overconfident
        "neighbours": lambda: KNeighborsClassifier(15),  # 16 different probabilities
        "forest": lambda: RandomForestClassifier(100, min_samples_leaf=3),  # underconfident
        "mlp_wide": lambda: MLPClassifier((128,), max_iter=30, early_stopping=False),
        "mlp": lambda: MLPClassifier((64,), max_iter=12, early_stopping=False),
        "mlp_overfitted": lambda: MLPClassifier((256,), max_iter=60, early_stopping=False),
    }[kind]()


def cross_predict(kind, inputs, given, classes, seed):
    """Each sample's probabilities by a classifier trained on the given labels of the other folds."""
    probabilities = np.zeros((len(given), classes))
    folds = StratifiedKFold(FOLDS, shuffle=True, random_state=seed)
    for train, held_out in folds.split(inputs, given):
        model = classifier(kind)
        if "random_state" in model.get_params():
            model.set_params(random_state=seed)
        model.fit(inputs[train], given[train])
        # A class that a fold has not seen has probability 0.
        probabilities[np.ix_(held_out, model.classes_)] = model.predict_proba(inputs[held_out])
    return probabilities / probabilities.sum(1, keepdims=True)


def gaussian_clusters(classes, samples, separation, imbalance, distractors, generator):
    """Classes are Gaussian clouds in 10 dimensions, class c with a share proportional to imbalance^(-c / (C - 1)).
    `distractors` more dimensions do not depend on the class."""
    shares = imbalance ** (-np.arange(classes) / max(classes - 1, 1))
    true = generator.choice(classes, samples, p=shares / shares.sum())
    centres = generator.normal(size=(classes, 10)) * separation
    inputs = centres[true] + generator.normal(size=(samples, 10))
    return np.hstack([inputs, generator.normal(size=(samples, distractors))]), true


def read_idx(path):
    with gzip.open(path) as file:
        data = file.read()
    shape = np.frombuffer(data, ">i4", data[3], 4)
    return np.frombuffer(data, np.uint8, offset=4 + 4 * data[3]).reshape(shape)


class Simulated:
    def __init__(self, role, kind, classes, separation, noise, rate, imbalance=1.0, samples=4000, distractors=0):
        self.role, self.kind, self.classes, self.samples = role, kind, classes, samples
        self.separation, self.noise, self.rate, self.imbalance = separation, noise, rate, imbalance
        self.distractors = distractors
        self.name = f"clusters C={classes} s={separation} {kind} {noise} {rate} imbalance={imbalance:g}"
        if distractors:
            self.name += f" n={samples} distractors={distractors}"

    def make(self, seed, _):
        generator = np.random.default_rng([seed, self.classes])
        inputs, true = gaussian_clusters(self.classes, self.samples, self.separation, self.imbalance, self.distractors,
                                         generator)
        given = add_noise(true, noise_matrix(self.noise, self.classes, self.rate, generator), generator)
        return cross_predict(self.kind, inputs, given, self.classes, seed), given, true


class FashionMnist:
    """The classifier sees the first 50 principal components, or that many pixels, the same for all images."""

    def __init__(self, role, kind, noise, rate, samples=6000, pixels=None):
        self.role, self.kind, self.noise, self.rate, self.samples = role, kind, noise, rate, samples
        self.pixels = pixels
        self.name = f"fashion_mnist {kind} {noise} {rate}" + (f" pixels={pixels}" if pixels else "")

    def make(self, seed, folders):
        images = read_idx(folders["fashion_mnist"] / "train-images-idx3-ubyte.gz")
        labels = read_idx(folders["fashion_mnist"] / "train-labels-idx1-ubyte.gz").astype(np.int64)
        generator = np.random.default_rng([seed, 784])
        chosen = generator.choice(len(labels), self.samples, replace=False)
        inputs = images[chosen].reshape(self.samples, -1) / 255.0
        if self.pixels:
            inputs = inputs[:, generator.choice(inputs.shape[1], self.pixels, replace=False)]
        else:
            inputs = PCA(50, random_state=0).fit_transform(inputs)
        true = labels[chosen]
        given = add_noise(true, noise_matrix(self.noise, 10, self.rate, generator), generator)
        return cross_predict(self.kind, inputs, given, 10, seed), given, true


class Cifar10N:
    """Labels given by people (Wei et al. 2022): column `labels` of cifar10n.csv; a small convolutional network."""

    def __init__(self, labels, epochs, samples=10000):
        self.role, self.labels, self.epochs, self.samples = "judge", labels, epochs, samples
        self.name = f"cifar10n {labels} cnn {epochs} epochs"

    def make(self, seed, folders):
        from PIL import Image
        with open(folders["cifar10"] / "cifar10n.csv") as file:
            rows = list(csv.DictReader(file))
        generator = np.random.default_rng([seed, 32])
        rows = [rows[i] for i in generator.choice(len(rows), self.samples, replace=False)]
        names = sorted({row["clean"] for row in rows} | {row["file"].split("/")[1] for row in rows})
        names = [name for name in names if not name.isdigit()]
        number = lambda text: int(text) if text.isdigit() else names.index(text)
        true = np.array([number(row["clean"]) for row in rows])
        given = np.array([number(row[self.labels]) for row in rows], np.int32)
        images = np.stack([np.asarray(Image.open(folders["cifar10"] / row["file"])) for row in rows])
        return convolutional_probabilities(images, given, self.epochs, seed), given, true


def convolutional_probabilities(images, given, epochs, seed):
    import torch
    from torch import nn
    torch.set_num_threads(1)
    inputs = torch.tensor(images).permute(0, 3, 1, 2).float() / 127.5 - 1
    labels = torch.tensor(given).long()
    probabilities = np.zeros((len(given), 10))
    for fold, (train, held_out) in enumerate(
            StratifiedKFold(FOLDS, shuffle=True, random_state=seed).split(images, given)):
        torch.manual_seed(1000 * seed + fold)
        block = lambda i, o: [nn.Conv2d(i, o, 3, padding=1), nn.BatchNorm2d(o), nn.ReLU(), nn.MaxPool2d(2)]
        net = nn.Sequential(*block(3, 32), *block(32, 64), *block(64, 128), nn.Flatten(), nn.Linear(2048, 10))
        optimizer = torch.optim.Adam(net.parameters(), 2e-3)
        for _ in range(epochs):
            for batch in torch.tensor(train)[torch.randperm(len(train))].split(64):
                x = inputs[batch]
                if torch.rand(()) < 0.5:
                    x = x.flip(3)
                optimizer.zero_grad()
                nn.functional.cross_entropy(net(x), labels[batch]).backward()
                optimizer.step()
        net.eval()
        with torch.no_grad():
            probabilities[held_out] = torch.cat([net(inputs[b]).softmax(1) for b in torch.tensor(held_out).split(500)])
    return probabilities


STRONG = [
    # For choosing.
    Simulated("choose", "logistic", 3, 1.0, "flips", 0.3),
    Simulated("choose", "logistic", 10, 1.0, "uneven", 0.2),
    Simulated("choose", "logistic", 10, 1.0, "flips", 0.4),
    Simulated("choose", "logistic", 10, 0.6, "symmetric", 0.3),
    Simulated("choose", "bayes", 10, 0.8, "uneven", 0.3),
    Simulated("choose", "bayes", 10, 1.0, "symmetric", 0.1),
    Simulated("choose", "logistic", 10, 1.0, "uneven", 0.2, imbalance=20.0),
    Simulated("choose", "neighbours", 10, 1.0, "uneven", 0.2),
    FashionMnist("choose", "logistic", "similar", 0.3),
    FashionMnist("choose", "logistic", "uneven", 0.15),
    FashionMnist("choose", "logistic", "symmetric", 0.4),
    Simulated("choose", "logistic", 2, 0.5, "flips", 0.2),
    Simulated("choose", "bayes", 2, 0.8, "symmetric", 0.3),
    Simulated("choose", "mlp_wide", 5, 0.8, "uneven", 0.1),
    Simulated("choose", "logistic", 5, 1.2, "uneven", 0.05),
    Simulated("choose", "neighbours", 3, 0.7, "symmetric", 0.2),
    Simulated("choose", "forest", 10, 0.8, "flips", 0.3),
    Simulated("choose", "mlp_wide", 10, 1.0, "symmetric", 0.2),
    Simulated("choose", "logistic", 20, 0.8, "symmetric", 0.2),
    Simulated("choose", "bayes", 20, 0.8, "uneven", 0.3),
    Simulated("choose", "forest", 20, 1.0, "symmetric", 0.4),
    FashionMnist("choose", "bayes", "uneven", 0.2),
    FashionMnist("choose", "forest", "similar", 0.2),
    FashionMnist("choose", "mlp_wide", "uneven", 0.2),
    FashionMnist("choose", "mlp_wide", "flips", 0.3),
    # For judging.
    Simulated("judge", "mlp", 2, 0.6, "flips", 0.3),
    Simulated("judge", "logistic", 5, 0.7, "uneven", 0.2),
    Simulated("judge", "logistic", 5, 0.7, "symmetric", 0.1),
    Simulated("judge", "mlp", 20, 1.0, "uneven", 0.2),
    Simulated("judge", "mlp", 20, 1.0, "symmetric", 0.4, imbalance=10.0),
    Simulated("judge", "bayes", 20, 1.0, "flips", 0.3),
    Simulated("judge", "neighbours", 5, 0.7, "uneven", 0.3),
    FashionMnist("judge", "mlp", "similar", 0.4),
    FashionMnist("judge", "mlp", "uneven", 0.1),
    FashionMnist("judge", "mlp", "uneven", 0.3),
    FashionMnist("judge", "mlp_overfitted", "uneven", 0.2),
    FashionMnist("judge", "mlp", "symmetric", 0.2),
    FashionMnist("judge", "neighbours", "similar", 0.2),
    Cifar10N("aggregate", 8),
    Cifar10N("random1", 8),
    Cifar10N("worst", 8),
]

# Classifiers that are right on about half of the samples, with two classes on about 70%.
WEAK = [
    # For choosing.
    Simulated("choose", "logistic", 10, 0.4, "uneven", 0.1),
    Simulated("choose", "logistic", 10, 0.4, "symmetric", 0.1),
    Simulated("choose", "bayes", 10, 0.5, "uneven", 0.15),
    Simulated("choose", "logistic", 2, 0.25, "flips", 0.2),
    Simulated("choose", "neighbours", 5, 0.6, "uneven", 0.1, distractors=40),
    Simulated("choose", "mlp_wide", 10, 0.6, "flips", 0.2, distractors=20),
    Simulated("choose", "logistic", 5, 0.35, "uneven", 0.05),
    Simulated("choose", "forest", 10, 0.5, "uneven", 0.1),
    Simulated("choose", "logistic", 10, 0.8, "uneven", 0.1, samples=1000, distractors=100),
    FashionMnist("choose", "logistic", "uneven", 0.1, pixels=8),
    FashionMnist("choose", "mlp_wide", "similar", 0.15, pixels=12),
    FashionMnist("choose", "forest", "symmetric", 0.1, pixels=6),
    # For judging.
    Simulated("judge", "mlp", 10, 0.45, "uneven", 0.1),
    Simulated("judge", "mlp", 2, 0.3, "flips", 0.15),
    Simulated("judge", "logistic", 5, 0.4, "symmetric", 0.1),
    Simulated("judge", "bayes", 20, 0.6, "flips", 0.15),
    Simulated("judge", "neighbours", 20, 0.8, "uneven", 0.2, distractors=20),
    Simulated("judge", "logistic", 10, 1.0, "uneven", 0.15, samples=1000, distractors=200),
    FashionMnist("judge", "mlp", "uneven", 0.1, pixels=10),
    FashionMnist("judge", "mlp_overfitted", "similar", 0.1, pixels=10),
    FashionMnist("judge", "neighbours", "uneven", 0.2, pixels=6),
]

SETTINGS = STRONG + WEAK


def load(setting, seed, folder, sources):
    """(probabilities f32, given i32, true i64), made where the folder does not have them yet."""
    name = hashlib.sha256(f"{setting.name} {setting.samples} {seed}".encode()).hexdigest()[:16]
    path = pathlib.Path(folder) / f"{name}.npz"
    if not path.exists():
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)
            probabilities, given, true = setting.make(seed, sources)
        partial = path.with_suffix(".part.npz")
        np.savez(partial, probabilities=probabilities.astype(np.float32), given=given.astype(np.int32), true=true)
        partial.rename(path)
    with np.load(path) as kept:
        return kept["probabilities"], kept["given"], kept["true"]
