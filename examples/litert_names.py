"""Names the faces of photos with LiteRT.

pip install ai-edge-litert opencv-python-headless
python litert_names.py EXPORT PHOTO...
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from ai_edge_litert.interpreter import Interpreter
from faces import Embed, main


def start(export: Path) -> Embed:
    network = Interpreter(str(export / "embedder.tflite"))
    network.allocate_tensors()
    given, made = network.get_input_details()[0], network.get_output_details()[0]

    def embed(crops: np.ndarray) -> np.ndarray:
        """One after the other: the network in the file takes one."""
        found = []
        for crop in crops:
            network.set_tensor(given["index"], crop[None])
            network.invoke()
            found.append(network.get_tensor(made["index"])[0])
        return np.array(found)

    return embed


if __name__ == "__main__":
    main(start)
