"""What a GPU does: embedding with ONNX Runtime, and steps of training, each beside PyTorch.

    python benchmarks/gpu.py train [--batches 32 128] [--contenders jax keras-torch torch]
    python benchmarks/gpu.py embed [BACKBONE ... | BACKBONE=FILE ...]

train: ResNet-50 at 224 pixels with Adam and 20 classes, images a second, crops copied to the GPU
for every step: torchvision's as `torch.compile` makes it, channels last, in bfloat16 (autocast),
beside `vggface2` (the same network, its batch norm folded) as recipes train it, with Keras on JAX
and on PyTorch. embed: crops a second of our embedder on the GPU and of the same file given to ONNX
Runtime face by face, as InsightFace does; of ResNet-50 also torchvision's, compiled, in bfloat16;
and how far our embeddings there are from those on the CPU. Networks without a file have random
weights. Every contender is a process; they take turns, and medians count.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

PEOPLE, SIZE = 20, 224
ROUNDS, SECONDS = 5, 2.0  # turns of each contender, and about how long one takes
NETWORKS = ("vggface2", "arcface", "mobilefacenet", "mini")
Work = Callable[[int], object]  # so many steps or batches


# ---------------------------------------------------------------- training, each in a process
def pictures(count: int) -> tuple[np.ndarray, np.ndarray]:
    """Random crops (n, 224, 224, 3) and whose they are (n,)."""
    crops = np.random.default_rng(0).integers(0, 256, (count, SIZE, SIZE, 3), dtype=np.uint8)
    return crops, np.arange(count) % PEOPLE


def ours(batch: int) -> Work:
    import keras

    from knownface.networks.load import build_backbone
    from knownface.networks.zoo import get_backbone
    from knownface.training.precision import computing_in

    class Batches(keras.utils.PyDataset):
        def __init__(self, count: int) -> None:
            super().__init__(workers=2, max_queue_size=8)
            self.count = count

        def __len__(self) -> int:
            return self.count

        def __getitem__(self, index: int) -> tuple[np.ndarray, np.ndarray]:
            rows = np.arange(index * batch, (index + 1) * batch) % len(crops)
            return crops[rows], answers[rows]

    crops, labels = pictures(8 * batch)
    answers = np.eye(PEOPLE, dtype=np.float32)[labels]
    model = build_backbone(get_backbone("vggface2"), None)
    with computing_in(model, "auto"):
        inputs = keras.Input(model.input_shape[1:], dtype=model.input.dtype)
        network = keras.Model(inputs, keras.layers.Dense(PEOPLE, dtype="float32")(model(inputs)))
    network.compile(
        keras.optimizers.Adam(1e-4),
        keras.losses.CategoricalCrossentropy(from_logits=True),
        metrics=["accuracy"],
        jit_compile=keras.backend.backend() == "jax",
    )
    network.test_on_batch(*Batches(1)[0])
    return lambda count: network.fit(Batches(count), verbose=0, shuffle=False)


def torch_network() -> tuple[Any, Any, Callable[[np.ndarray], Any]]:
    """A ResNet-50 on the GPU, the same compiled, and what copies crops there."""
    import torch
    import torchvision  # type: ignore[import-not-found]

    torch.set_float32_matmul_precision("high")
    network = torchvision.models.resnet50(num_classes=PEOPLE).cuda()
    network = network.to(memory_format=torch.channels_last)

    def copied(crops: np.ndarray) -> Any:
        there = torch.from_numpy(crops).pin_memory().cuda(non_blocking=True)
        return there.permute(0, 3, 1, 2).float().div_(127.5).sub_(1)

    return network, torch.compile(network), copied


def torch_training(batch: int) -> Work:
    import torch

    network, compiled, copied = torch_network()
    crops, labels = pictures(8 * batch)
    answers = torch.from_numpy(labels).cuda()
    optimiser = torch.optim.Adam(network.parameters(), 1e-4, fused=True)

    def steps(count: int) -> float:
        for index in range(count):
            start = index * batch % len(crops)
            with torch.autocast("cuda", torch.bfloat16):
                logits = compiled(copied(crops[start : start + batch]))
                loss = torch.nn.functional.cross_entropy(logits, answers[start : start + batch])
            optimiser.zero_grad(set_to_none=True)
            loss.backward()
            optimiser.step()
        return float(loss.item())

    return steps


# ---------------------------------------------------------------- embedding, each in a process
def embedding(way: str, path: str, batch: int) -> Work:
    """Of so many batches of crops, copied there and back; `cuda`, `cpu`, `single` or `torch`."""
    size = int(Path(path).stem.rpartition("-")[2])
    crops = np.random.default_rng(0).integers(0, 256, (batch, size, size, 3), dtype=np.uint8)
    if way in ("cuda", "cpu"):
        from knownface.embed.embedder import Embedder

        embedder = Embedder(Path(path), way)
        np.save(f"{path}.{way}.npy", embedder.embed(crops))
        return lambda count: embedder.embed_raw(np.concatenate([crops] * count))
    if way == "single":
        import onnxruntime

        onnxruntime.preload_dlls()
        session = onnxruntime.InferenceSession(path, providers=["CUDAExecutionProvider"])
        name = session.get_inputs()[0].name
        return lambda count: [session.run(None, {name: crops[:1]}) for _ in range(count)]
    import torch

    network, compiled, copied = torch_network()
    network.eval()

    def run(count: int) -> None:
        with torch.inference_mode(), torch.autocast("cuda", torch.bfloat16):
            for _ in range(count):
                compiled(copied(crops)).float().cpu()

    return run


def serve(work: Work) -> None:
    """Warm up, then for every number of steps that is read print how long they took."""
    work(3)
    print("ready", flush=True)
    for line in sys.stdin:
        start = time.perf_counter()
        work(int(line))
        print(time.perf_counter() - start, flush=True)


# ---------------------------------------------------------------- turns
class Contender:
    def __init__(self, label: str, arguments: list[str], backend: str = "jax") -> None:
        self.label, self.rates = label, list[float]()
        environment = os.environ | {
            "KERAS_BACKEND": backend,
            "XLA_PYTHON_CLIENT_PREALLOCATE": "false",  # the others need memory, too
            "TF_CPP_MIN_LOG_LEVEL": "2",
        }
        self.process = subprocess.Popen(
            [sys.executable, __file__, "one", *arguments],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment,
        )  # fmt: skip

    def runs(self) -> bool:
        """Whether it can; waits until it is warm."""
        assert self.process.stdout is not None
        return any(line.strip() == "ready" for line in self.process.stdout)

    def seconds(self, count: int) -> float:
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        print(count, file=self.process.stdin, flush=True)
        return float(self.process.stdout.readline())

    def end(self) -> None:
        assert self.process.stdin is not None
        self.process.stdin.close()
        self.process.wait()


def take_turns(contenders: list[Contender], each: int, seconds: float) -> None:
    """Print the median rate of each, of `each` images a step, and its ratio to the first."""
    running = [one for one in contenders if one.runs()]
    for one in contenders:
        if one not in running:
            print(f"{one.label}: it could not run")
    counts = [max(3, round(seconds * 5 / one.seconds(5))) for one in running]
    for _ in range(ROUNDS):
        for one, count in zip(running, counts, strict=True):
            one.rates.append(count * each / one.seconds(count))
    for one in running:
        median, first = statistics.median(one.rates), statistics.median(running[0].rates)
        spread = f"{min(one.rates):,.0f} to {max(one.rates):,.0f}"
        print(f"{one.label:42} {median:9,.0f} images/s  {median / first:5.2f}  ({spread})")
        one.end()
    sys.stdout.flush()


def train(batches: list[int], chosen: list[str], seconds: float) -> None:
    labels = {
        "torch": ("PyTorch compiled, bf16, channels last", "torch"),
        "jax": ("knownface, Keras on JAX", "jax"),
        "keras-torch": ("knownface, Keras on PyTorch", "torch"),
    }
    contenders = {
        batch: [Contender(labels[name][0], [name, str(batch)], labels[name][1]) for name in chosen]
        for batch in batches
    }
    for batch, given in contenders.items():
        print(f"\nResNet-50, training, {batch} images a step")
        take_turns(given, batch, seconds)


def files(wanted: list[str], work: Path) -> Iterator[tuple[str, Path, int]]:
    """Name, file and size of crops of each network, written as an embedder reads it."""
    from knownface.networks.load import load_backbone
    from knownface.networks.to_onnx import export_onnx
    from knownface.networks.zoo import get_backbone

    for each in wanted:
        name, _, file = each.partition("=")
        size = get_backbone(name).crop.size
        export_onnx(load_backbone(name, file or "none"), work / f"{name}-{size}")
        yield name, work / f"{name}-{size}", size


def embed(wanted: list[str], batch: int, seconds: float) -> None:
    with tempfile.TemporaryDirectory() as work:
        for name, path, size in list(files(wanted, Path(work))):
            print(f"\n{name} at {size}, {batch} crops a batch")
            ways = {"cuda": "knownface, GPU", "cpu": "knownface, CPU"}
            if name == "vggface2":
                ways["torch"] = "PyTorch compiled, bf16, channels last"
            given = [Contender(label, [way, str(batch), str(path)]) for way, label in ways.items()]
            take_turns(given, batch, seconds)
            alone = Contender("the same file, face by face", ["single", "1", str(path)])
            take_turns([alone], 1, seconds)
            here, there = (np.load(f"{path}.{way}.npy") for way in ("cpu", "cuda"))
            cosines = (here * there).sum(1)
            print(f"cosine of GPU and CPU: mean {cosines.mean():.7f}, least {cosines.min():.7f}")


def main() -> None:
    if sys.argv[1:2] == ["one"]:
        way, batch, *path = sys.argv[2:]
        if path:
            serve(embedding(way, path[0], int(batch)))
        else:
            serve((torch_training if way == "torch" else ours)(int(batch)))
        return
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("what", choices=["train", "embed"])
    parser.add_argument("networks", nargs="*", default=NETWORKS)
    parser.add_argument("--batches", nargs="*", type=int, default=[32, 128])
    parser.add_argument("--contenders", nargs="*", default=["torch", "jax", "keras-torch"])
    parser.add_argument("--seconds", type=float, default=SECONDS, help="a turn")
    asked = parser.parse_args()
    if asked.what == "train":
        train(asked.batches, asked.contenders, asked.seconds)
    else:
        embed(asked.networks, 64, asked.seconds)


if __name__ == "__main__":
    main()
