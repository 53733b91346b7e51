"""Files that are small on disk and large unpacked: each costs itself alone, and no more is unpacked than may be."""

import bz2
import gzip
import io
import lzma
import zipfile

import numpy as np
import pytest

from rlbench.importers import ForeignError, decoding
from rlbench.importers.npz_files import read_evaluations


@pytest.mark.parametrize("pack", [gzip.compress, bz2.compress, lzma.compress, bytes])
def test_what_is_too_large_unpacked_is_named(tmp_path, monkeypatch, pack):
    path = tmp_path / "x.csv"
    path.write_bytes(pack(b"a" * 5_000_000))
    assert len(decoding.read_text(path)) == 5_000_000
    monkeypatch.setattr(decoding, "MOST_BYTES", 3_000_000)
    with pytest.raises(ForeignError, match=r"over 3,000,000 bytes"):
        decoding.read_text(path)


def test_an_archive_of_arrays_that_is_too_large_unpacked_is_named(tmp_path, monkeypatch):
    path = tmp_path / "evaluations.npz"
    np.savez_compressed(path, timesteps=np.arange(1000), results=np.zeros((1000, 5)))
    assert len(read_evaluations(path).rows) == 5000
    monkeypatch.setattr(decoding, "MOST_BYTES", 20_000)
    with pytest.raises(ForeignError, match="unpacked, over 20,000 bytes"):
        read_evaluations(path)


def test_an_array_that_says_it_is_larger_than_memory_is_named(tmp_path):
    head = io.BytesIO()
    described = {"descr": "<f8", "fortran_order": False, "shape": (1 << 50,)}
    np.lib.format.write_array_header_1_0(head, described)
    with zipfile.ZipFile(tmp_path / "evaluations.npz", "w") as archive:
        for name in ("timesteps", "results"):
            archive.writestr(f"{name}.npy", head.getvalue())
    with pytest.raises(ForeignError, match="cannot be read"):
        read_evaluations(tmp_path / "evaluations.npz")
