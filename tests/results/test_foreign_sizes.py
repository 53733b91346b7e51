"""Files that are small on disk and large unpacked: each costs itself alone, and no more is unpacked than may be."""

import bz2
import gzip
import io
import lzma
import zipfile

import numpy as np
import pytest

from rlbench.importers import ForeignError, decoding
from rlbench.importers.discovery import read_sources
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


def test_a_file_of_too_many_rows_is_named_before_they_are_made(tmp_path, monkeypatch):
    monkeypatch.setattr("rlbench.importers.imported_records.MOST_ROWS", 1_000)
    np.savez_compressed(tmp_path / "evaluations.npz", timesteps=np.arange(500), results=np.zeros((500, 3)))
    (tmp_path / "x.csv").write_text("step,return\n" + "1,1\n" * 1_001)
    (tmp_path / "x.monitor.csv").write_text("#{}\nr,l,t\n" + "1,1,1\n" * 1_001)
    for name in ("evaluations.npz", "x.csv", "x.monitor.csv"):
        with pytest.raises(ForeignError, match="at most 1,000 of one file are read"):
            read_sources([tmp_path / name], {}, None, None)


def encrypted(path):
    np.savez(path, timesteps=np.arange(2), results=np.zeros((2, 1)))
    content = bytearray(path.read_bytes())
    for magic, flag in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        at = -1
        while (at := content.find(magic, at + 1)) >= 0:
            content[at + flag] |= 1
    path.write_bytes(content)


def ruined_lzma(path):
    with zipfile.ZipFile(path, "w", zipfile.ZIP_LZMA) as archive:
        archive.writestr("timesteps.npy", b"x" * 10_000)
        archive.writestr("results.npy", b"x" * 10_000)
    content = bytearray(path.read_bytes())
    start = content.find(b"timesteps.npy") + len(b"timesteps.npy")
    content[start : start + 30] = b"\xff" * 30
    path.write_bytes(content)


def of_complex_numbers(path):
    np.savez(path, timesteps=np.arange(2), results=np.ones((2, 1)) * 1j)


@pytest.mark.parametrize("harm", [encrypted, ruined_lzma, of_complex_numbers], ids=lambda f: f.__name__)
def test_an_archive_that_is_damaged_or_holds_no_numbers_is_named(tmp_path, harm):
    harm(tmp_path / "evaluations.npz")
    with pytest.raises(ForeignError, match="evaluations.npz: "):
        read_sources([tmp_path / "evaluations.npz"], {}, None, None)


@pytest.mark.parametrize(
    "text",
    [
        '#{"t_start": 1' + "0" * 400 + "}\nr,l,t\n1,1,1\n",
        "#" + '{"a":' * 100_000 + "\nr,l,t\n1,1,1\n",
        "x" * 200_000 + "\n1,1,1\n",
    ],
    ids=["huge number", "nested", "long line"],
)
def test_a_monitor_file_made_to_harm_costs_itself_alone(tmp_path, text):
    (tmp_path / "bad").mkdir()
    (tmp_path / "bad/x.monitor.csv").write_text(text)
    (tmp_path / "good.csv").write_text("step,return\n10,1\n20,2\n")
    found = read_sources([tmp_path / "bad", tmp_path / "good.csv"], {}, None, None)
    assert len(found.records) + len(found.skipped) == 2 and found.records


def test_event_files_made_to_harm_are_named(tmp_path):
    pytest.importorskip("tensorboard")
    import struct

    from tensorboard.compat.tensorflow_stub.pywrap_tensorflow import masked_crc32c

    def record(length, content):
        head = struct.pack("<Q", length)
        crc = [struct.pack("<I", masked_crc32c(part)) for part in (head, content)]
        return head + crc[0] + content + crc[1]

    for name, content in (("garbage", record(8, b"\xff" * 8)), ("huge", record(1 << 62, b"\xff" * 8))):
        path = tmp_path / name / "events.out.tfevents.1"
        path.parent.mkdir()
        path.write_bytes(content)
        with pytest.raises(ForeignError, match="cannot be read"):
            read_sources([path], {}, None, None)
