"""What a training step of n ranks costs, by a model (docs/distributed.md, "Cost"), as a Markdown table.

    python3 bench/rank_cost.py --network resnet34 --step-ms 963 --gbit 1 25

--step-ms is the time of a step on one rank's own share of the batch, without the others: what cofactor_bench prints with
--threads as a rank has them and --batch-size as its share. That share is the same at every number of ranks, so that the
batch grows with them.
"""

import argparse

# Values of parameters and of batch norm's running statistics.
NETWORKS = {"fashion_cnn": (14274, 0), "resnet20": (272474, 1376), "resnet34": (21282122, 17024), "resnet50": (23536718, 53120)}
BYTES = {"f32": 4, "bf16": 2}


def message_seconds(ranks, size, options, gbit):
    """One sum of `size` bytes: each rank sends and receives 2 (n - 1) / n of them, in 2 (n - 1) messages."""
    if ranks == 1:
        return 0.0
    moved = 2 * (ranks - 1) / ranks * size / (gbit * 1e9 / 8)
    return moved + 2 * (ranks - 1) * options.message_us * 1e-6 + 2 * options.latency_us * 1e-6


def step_seconds(ranks, options, gbit):
    """(with the sums hidden behind the backward as far as they can be, with none hidden)."""
    values, statistics = NETWORKS[options.network]
    size = values * BYTES[options.gradient_sums]
    alone = options.step_ms / 1000.0
    buckets = max(1, -(-size // (options.bucket_mib << 20)))
    bucket = message_seconds(ranks, size / buckets, options, gbit)
    small = message_seconds(ranks, 8, options, gbit) + message_seconds(ranks, 4 * (statistics + 4), options, gbit)
    backward = alone * options.backward_share
    hidden = alone - backward + max(backward, (buckets - 1) * bucket) + bucket
    return hidden + small, alone + buckets * bucket + small


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--network", required=True, choices=sorted(NETWORKS))
    parser.add_argument("--step-ms", required=True, type=float)
    parser.add_argument("--gbit", nargs="+", type=float, default=[1.0], help="of each rank's connection, in both directions at once")
    parser.add_argument("--latency-us", type=float, default=50.0, help="until a message arrives")
    parser.add_argument("--message-us", type=float, default=5.0, help="that a rank needs to send or receive a message")
    parser.add_argument("--bucket-mib", type=int, default=4)
    parser.add_argument("--backward-share", type=float, default=2 / 3, help="of the step")
    parser.add_argument("--gradient-sums", choices=sorted(BYTES), default="f32")
    parser.add_argument("--ranks", nargs="+", type=int, default=[1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024])
    options = parser.parse_args()
    if min([options.step_ms, options.backward_share, *options.gbit, *options.ranks, options.bucket_mib]) <= 0:
        parser.error("numbers must be above 0")
    print("| ranks | " + " | ".join(f"{gbit:g} Gbit/s: step, ms | efficiency" for gbit in options.gbit) + " |")
    print("| --- |" + " --- | --- |" * len(options.gbit))
    for ranks in options.ranks:
        cells = []
        for gbit in options.gbit:
            best, worst = (1000.0 * seconds for seconds in step_seconds(ranks, options, gbit))
            cells += [f"{best:.0f} to {worst:.0f}", f"{options.step_ms / worst:.2f} to {options.step_ms / best:.2f}"]
        print(f"| {ranks} | " + " | ".join(cells) + " |")


if __name__ == "__main__":
    main()
