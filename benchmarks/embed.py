"""Images per second of each network against the same network as its users run it today.

    pip install --no-deps keras-facenet keras-vggface facenet-pytorch tf_keras tqdm  # compared
    python benchmarks/embed.py facenet=20180402-114759-weights.h5 arcface=w600k_r50.onnx ...

Each contender is a process of its own; they take turns, so that a drifting machine slows all alike,
and the medians count. Both sides get uint8 crops in batches, and their embeddings are compared.
"""

from __future__ import annotations

import os
import statistics
import sys
import time
import types
from collections.abc import Callable
from importlib.util import find_spec
from multiprocessing import get_context
from multiprocessing.connection import Connection
from pathlib import Path

import numpy as np

from knownface.networks.zoo import get_backbone

BATCH = 32
ROUNDS, SECONDS = 7, 4.0  # turns of each contender, and about how long one takes
Embed = Callable[[np.ndarray], np.ndarray]


# ---------------------------------------------------------------- contenders
def ours(name: str, path: str, precision: str = "auto") -> tuple[str, Embed]:
    from knownface.embed.frozen import backbone_embedder

    embedder = backbone_embedder(get_backbone(name), path, precision=precision)  # type: ignore[arg-type]
    return f"knownface, {embedder.device}", embedder.embed_raw


def ours_exact(name: str, path: str) -> tuple[str, Embed]:
    return ours(name, path, "float32")


def keras_facenet(name: str, path: str) -> tuple[str, Embed]:
    os.environ["TF_USE_LEGACY_KERAS"] = "1"
    from keras_facenet.inception_resnet_v1 import InceptionResNetV1

    model = InceptionResNetV1(classes=get_backbone(name).embedding_size, weights_path=path)

    def embed(crops: np.ndarray) -> np.ndarray:
        pixels = crops.astype(np.float32)
        if name == "facenet":
            return model.predict((pixels - 127.5) / 127.5, verbose=0)
        mean = pixels.mean((1, 2, 3), keepdims=True)
        std = np.maximum(pixels.std((1, 2, 3), keepdims=True), pixels[0].size ** -0.5)
        return model.predict((pixels - mean) / std, verbose=0)

    return "keras-facenet, TensorFlow", embed


def facenet_pytorch(name: str, path: str) -> tuple[str, Embed]:
    import torch

    # The network alone: the package itself also imports its detector, which needs torchvision.
    package = types.ModuleType("facenet_pytorch")
    package.__path__ = list(find_spec("facenet_pytorch").submodule_search_locations)  # type: ignore[union-attr]
    sys.modules["facenet_pytorch"] = package
    from facenet_pytorch.models.inception_resnet_v1 import InceptionResnetV1

    model = InceptionResnetV1(classify=True, num_classes=8631).eval()
    model.load_state_dict(torch.load(path, weights_only=True))
    model.classify = False  # embeddings, not the classes of its training

    def embed(crops: np.ndarray) -> np.ndarray:
        with torch.no_grad():
            pixels = torch.from_numpy(crops).permute(0, 3, 1, 2).float()
            return model((pixels - 127.5) / 128).numpy()

    return "facenet-pytorch, eager", embed


def keras_vggface(name: str, path: str) -> tuple[str, Embed]:
    import tf_keras

    # It was written for the Keras of 2018: the same names, found where they are now.
    sys.modules |= {"keras": tf_keras} | {
        f"keras.{part}": getattr(tf_keras, part)
        for part in ("layers", "models", "backend", "utils")
    }
    for place, names in {
        "keras.engine.topology": {"get_source_inputs": tf_keras.utils.get_source_inputs},
        "keras.utils.data_utils": {"get_file": tf_keras.utils.get_file},
        "keras.utils.layer_utils": {},
        "keras_applications.imagenet_utils": {
            "_obtain_input_shape": lambda shape, default_size, **_: (default_size, default_size, 3)
        },
    }.items():
        module = types.ModuleType(place)
        vars(module).update(names)
        sys.modules |= {place.rsplit(".", 1)[0]: sys.modules.get(place.rsplit(".", 1)[0], module)}
        sys.modules[place] = module
    tf_keras.utils.layer_utils = sys.modules["keras.utils.layer_utils"]
    from keras_vggface import models

    build = models.SENET50 if name == "senet" else models.RESNET50
    model = build(include_top=False, pooling="avg", weights=None)
    model.load_weights(path)
    mean = np.array([91.4953, 103.8827, 131.0912], np.float32)

    def embed(crops: np.ndarray) -> np.ndarray:
        return model.predict(crops[..., ::-1].astype(np.float32) - mean, verbose=0)

    return "keras-vggface, TensorFlow", embed


def onnx_runtime(name: str, path: str) -> tuple[str, Embed]:
    import onnxruntime

    session = onnxruntime.InferenceSession(path)
    entry = session.get_inputs()[0]
    single = isinstance(entry.shape[0], int)
    pixels = get_backbone(name).format_of(Path(path)).pixels

    def embed(crops: np.ndarray) -> np.ndarray:
        scaled = ((crops - np.array(pixels.mean)) / np.array(pixels.std)).astype(np.float32)
        planes = np.ascontiguousarray(scaled.transpose(0, 3, 1, 2))
        parts = np.split(planes, len(planes)) if single else [planes]
        return np.concatenate([session.run(None, {entry.name: part})[0] for part in parts])

    return "official file, ONNX Runtime", embed


def contenders(name: str, path: Path) -> list[Callable[[str, str], tuple[str, Embed]]]:
    if path.suffix == ".onnx":
        theirs = onnx_runtime
    elif path.suffix == ".pt":
        theirs = facenet_pytorch
    else:
        theirs = keras_facenet if name.startswith("facenet") else keras_vggface
    return [theirs, ours_exact, ours]


# ---------------------------------------------------------------- turns
def serve(
    make: Callable[[str, str], tuple[str, Embed]], name: str, path: str, pipe: Connection
) -> None:
    """One contender: answers each batch count with seconds, after its label and embeddings."""
    label, embed = make(name, path)
    size = get_backbone(name).crop.size
    crops = np.random.default_rng(0).integers(0, 256, (BATCH, size, size, 3), dtype=np.uint8)
    first = embed(crops)
    start = time.perf_counter()
    embed(crops)
    pipe.send((label, first, time.perf_counter() - start))
    while batches := pipe.recv():
        start = time.perf_counter()
        for _ in range(batches):
            embed(crops)
        pipe.send(time.perf_counter() - start)


def race(name: str, path: Path) -> None:
    context = get_context("spawn")
    running = []
    for make in contenders(name, path):
        here, there = context.Pipe()
        process = context.Process(target=serve, args=(make, name, str(path), there))
        process.start()
        there.close()
        running.append((process, here, *here.recv()))
    rates: list[list[float]] = [[] for _ in running]
    for _ in range(ROUNDS):
        for (_, pipe, _, _, once), found in zip(running, rates, strict=True):
            batches = max(1, round(SECONDS / once))
            pipe.send(batches)
            found.append(batches * BATCH / pipe.recv())
    unit = [raw / np.linalg.norm(raw, axis=1, keepdims=True) for _, _, _, raw, _ in running]
    medians = [statistics.median(found) for found in rates]
    print(f"{name}, {path.name}, batches of {BATCH}")
    for (_, _, label, _, _), median, one in zip(running, medians, unit, strict=True):
        cosine = (one * unit[0]).sum(1).min()
        ratio = median / medians[0]
        print(f"{median:9.1f} images/s {ratio:6.2f} x  cosine {cosine:.5f}  {label}", flush=True)
    for process, pipe, *_ in running:
        pipe.send(0)
        process.join()


if __name__ == "__main__":
    for argument in sys.argv[1:]:
        backbone, _, file = argument.partition("=")
        race(backbone, Path(file))
