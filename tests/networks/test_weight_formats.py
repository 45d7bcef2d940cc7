"""Weight files of strangers: nothing outside them is read, and nothing is inflated unseen."""

from __future__ import annotations

import tracemalloc
import zipfile
from collections.abc import Callable
from pathlib import Path

import h5py
import numpy as np
import pytest

from knownface.embed.frozen import backbone_embedder
from knownface.files.download import WeightError
from knownface.networks.load import load_backbone
from knownface.networks.strict import at_most
from knownface.networks.weight_formats import read_hdf5, read_state_dict
from knownface.networks.zoo import get_backbone

SECRET = np.arange(12, dtype=np.float32).reshape(3, 4)
Put = Callable[[h5py.Group, Path], None]


def outside(folder: Path) -> Path:
    """Another file of the user's: as bytes, and as HDF5."""
    (folder / "secret.bin").write_bytes(SECRET.tobytes())
    with h5py.File(folder / "secret.h5", "w") as file:
        file["kernel"] = SECRET
    return folder / "secret.h5"


def external_storage(group: h5py.Group, folder: Path) -> None:
    stored = [(str(folder / "secret.bin"), 0, SECRET.nbytes)]
    group.create_dataset("kernel:0", SECRET.shape, np.float32, external=stored)


def external_link(group: h5py.Group, folder: Path) -> None:
    group["kernel:0"] = h5py.ExternalLink(str(folder / "secret.h5"), "/kernel")


def soft_link(group: h5py.Group, folder: Path) -> None:
    group.file["elsewhere"] = SECRET
    group["kernel:0"] = h5py.SoftLink("/elsewhere")


def virtual(group: h5py.Group, folder: Path) -> None:
    layout = h5py.VirtualLayout(SECRET.shape, np.float32)
    layout[:] = h5py.VirtualSource(str(folder / "secret.h5"), "kernel", SECRET.shape)
    group.create_virtual_dataset("kernel:0", layout)


def text(group: h5py.Group, folder: Path) -> None:
    group["kernel:0"] = "text"


def large_pieces(group: h5py.Group, folder: Path) -> None:
    group.create_dataset(
        "kernel:0", SECRET.shape, np.float32, chunks=(2**14, 2**14), maxshape=(None, None)
    )


def group_within(group: h5py.Group, folder: Path) -> None:
    group.create_group("kernel:0")


def saved(path: Path, put: Put) -> Path:
    """A weight file of one layer, with one array."""
    with h5py.File(path, "w") as file:
        file.attrs["layer_names"] = [b"layer"]
        group = file.create_group("layer")
        group.attrs["weight_names"] = [b"kernel:0"]
        put(group, path.parent)
    return path


def test_an_array_of_the_file_itself_is_read(tmp_path: Path) -> None:
    path = saved(tmp_path / "a.h5", lambda group, _: group.__setitem__("kernel:0", SECRET))
    stored = read_hdf5(path)
    np.testing.assert_array_equal(stored.take("kernel:0", (3, 4)), SECRET)
    stored.done()


@pytest.mark.parametrize(
    ("put", "words"),
    [
        (external_storage, "kernel:0 lies in another file, which is not read"),
        (virtual, "kernel:0 lies in another file, which is not read"),
        (external_link, "kernel:0 is a link to somewhere else, which is not followed"),
        (soft_link, "kernel:0 is a link to somewhere else, which is not followed"),
        (text, "kernel:0 is no array of numbers"),
        (group_within, "kernel:0 is no array of numbers"),
        (large_pieces, "kernel:0 has pieces that are larger than itself"),
        (lambda group, folder: None, "kernel:0 is missing"),
    ],
)
def test_what_leads_out_of_the_file_is_refused(put: Put, words: str, tmp_path: Path) -> None:
    outside(tmp_path)
    with pytest.raises(WeightError, match=words) as caught:
        read_hdf5(saved(tmp_path / "a.h5", put))
    assert str(caught.value).startswith(f"{tmp_path / 'a.h5'}: not a complete Keras HDF5")


def test_a_layer_that_is_a_link_is_refused(tmp_path: Path) -> None:
    secret = outside(tmp_path)
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file.attrs["layer_names"] = [b"layer"]
        file["layer"] = h5py.ExternalLink(str(secret), "/")
    with pytest.raises(WeightError, match="layer is a link to somewhere else"):
        read_hdf5(tmp_path / "a.h5")


def test_an_array_is_not_read_before_its_shape_is_right(tmp_path: Path) -> None:
    """A file of 2 kB that stands for 4 GB of zeros."""

    def put(group: h5py.Group, folder: Path) -> None:
        options = {"chunks": (2**10, 2**10), "compression": "gzip"}
        group.create_dataset("kernel:0", (2**15, 2**15), np.float32, **options)

    path = saved(tmp_path / "a.h5", put)
    assert path.stat().st_size < 20_000
    tracemalloc.start()
    with pytest.raises(WeightError, match=r"kernel:0 is \(32768, 32768\) and should be \(3, 4\)"):
        read_hdf5(path).take("kernel:0", (3, 4))
    assert tracemalloc.get_traced_memory()[1] < 2**22
    tracemalloc.stop()


# ---------------------------------------------------------------- archives
EXPECTED = {"kernel": (3, 4)}


def archive(path: Path, sizes: list[int], how: int = zipfile.ZIP_STORED) -> Path:
    with zipfile.ZipFile(path, "w", how) as file:
        for i, size in enumerate(sizes):
            file.writestr(f"archive/data/{i}", bytes(size))
    return path


def test_a_state_dict_that_inflates_is_refused(tmp_path: Path) -> None:
    """Before PyTorch sees it, and where that is not installed."""
    bomb = archive(tmp_path / "a.pth", [2**26] * 2, zipfile.ZIP_DEFLATED)
    assert bomb.stat().st_size < 2**18
    with pytest.raises(WeightError, match=r"not a PyTorch state dict .these are never compressed"):
        read_state_dict(bomb, EXPECTED)


def test_a_state_dict_of_a_larger_network_is_not_read(tmp_path: Path) -> None:
    large = archive(tmp_path / "a.pth", [at_most(EXPECTED) + 1])
    with pytest.raises(WeightError, match=r"it has .* bytes, and this network's has at most"):
        read_state_dict(large, EXPECTED)
    twice = bytearray(archive(tmp_path / "b.pth", [10, 10]).read_bytes())
    entry = twice.rindex(b"PK\x01\x02")
    twice[entry + 24 : entry + 28] = (2**31).to_bytes(4, "little")  # what it declares to become
    (tmp_path / "b.pth").write_bytes(twice)
    with pytest.raises(WeightError, match="its arrays have 2,147,483,658 bytes"):
        read_state_dict(tmp_path / "b.pth", EXPECTED)
    with pytest.raises(WeightError, match="No such file"):
        read_state_dict(tmp_path / "none.pth", EXPECTED)


def test_a_bomb_for_mini_is_not_inflated(tmp_path: Path) -> None:
    path = tmp_path / "mini.npz"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as file:
        file.writestr("stem/kernel.npy", bytes(2**27))
    with pytest.raises(WeightError, match=r"not a complete weight file of mini .it holds"):
        load_backbone("mini", path)


# ---------------------------------------------------------------- damaged, and in its place
def test_a_network_that_was_damaged_in_the_cache_is_made_again(
    shared: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    backbone = get_backbone("mobilefacenet")
    embedder = backbone_embedder(backbone)
    whole = embedder.path.read_bytes()
    assert backbone_embedder(backbone).path == embedder.path
    assert not caplog.messages
    damaged = bytearray(whole)
    damaged[len(damaged) // 2] ^= 1
    for content in (bytes(damaged), whole[:-1000], model_of_another(whole)):
        embedder.path.write_bytes(content)
        assert backbone_embedder(backbone).digest == embedder.digest
        assert embedder.path.read_bytes() == whole
        assert "made again" in caplog.messages[-1]


def model_of_another(content: bytes) -> bytes:
    """A network that runs just as well, with other weights."""
    import onnx
    from onnx import numpy_helper

    model = onnx.load_model_from_string(content)
    array = numpy_helper.to_array(model.graph.initializer[0])
    model.graph.initializer[0].CopyFrom(
        numpy_helper.from_array(array[::-1].copy(), model.graph.initializer[0].name)
    )
    return bytes(model.SerializeToString())
