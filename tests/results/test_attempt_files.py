"""Files of an attempt are read from its folder or from its archive, and an archive from anybody harms nobody."""

import os
import struct
import zipfile

import pytest

from rlbench.api import StoreError
from rlbench.results.attempt_files import open_archive, open_attempt_file, read_attempt_file, read_attempt_lines

NAMES = {"group.json": b"{}", "stderr.log": b"from the archive\n", "metrics.jsonl": b'{"seed": 1}\n{"seed": 2}\n{"se'}


@pytest.fixture
def folder(tmp_path):
    """An attempt's folder that is an archive by now, in a result folder."""
    (tmp_path / "made/attempts").mkdir(parents=True)
    path = tmp_path / "made/attempts/dqn--1.5--0001"
    pack(path.with_name(path.name + ".zip"), NAMES)
    return path


def pack(path, files):
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(name, content)


def text_of(folder):
    with open_attempt_file(folder.parents[1], folder, "stderr.log") as file:
        return file.read().decode()


def archive_of(folder):
    return folder.with_name(folder.name + ".zip")


def test_a_file_is_read_from_the_folder_first_and_otherwise_from_the_archive(folder):
    assert read_attempt_file(folder, "stderr.log") == NAMES["stderr.log"]
    assert list(read_attempt_lines(folder, "metrics")) == [{"seed": 1}, {"seed": 2}]
    assert list(read_attempt_lines(folder, "episodes")) == []
    with pytest.raises(FileNotFoundError):
        read_attempt_file(folder, "stdout.log")
    folder.mkdir()
    (folder / "stderr.log").write_text("from the folder\n")
    assert read_attempt_file(folder, "stderr.log") == b"from the folder\n"
    assert text_of(folder) == "from the folder\n"
    assert read_attempt_file(folder, "group.json") == b"{}"
    archive_of(folder).unlink()
    with pytest.raises(FileNotFoundError):
        read_attempt_file(folder, "group.json")


def test_a_line_that_is_no_record_is_named_with_the_file_and_its_number(folder):
    pack(archive_of(folder), {"metrics.jsonl": b'{"seed": 1}\n[]\n'})
    with pytest.raises(StoreError, match=r"0001/metrics.jsonl:2: not a record"):
        list(read_attempt_lines(folder, "metrics"))


def test_no_more_is_unpacked_than_may_be_read(folder):
    with pytest.raises(OSError, match="Larger than 10 bytes"):
        read_attempt_file(folder, "stderr.log", 10)


def cut_short(path):
    path.write_bytes(path.read_bytes()[:-30])


def flipped(path):
    content = bytearray(path.read_bytes())
    at = content.index(b"stderr.log") + len(b"stderr.log")
    content[at] ^= 0xFF
    content[at + 1] ^= 0xFF
    path.write_bytes(content)


def empty(path):
    path.write_bytes(b"")


def a_pipe(path):
    path.unlink()
    os.mkfifo(path)


def encrypted(path):
    content = path.read_bytes()
    at = content.index(b"PK\x01\x02", content.index(b"PK\x01\x02") + 1)  # the second entry of the list
    path.write_bytes(content[: at + 8] + b"\x01" + content[at + 9 :])


def of_many_names(path):
    pack(path, {**NAMES, **{f"{i:0200}": b"" for i in range(5_000)}})


def of_many_names_before_a_comment(path):
    of_many_names(path)
    with zipfile.ZipFile(path, "a") as archive:
        archive.comment = bytes(22)


def of_a_list_whose_size_is_elsewhere(path):
    """As large archives say it: in a record before the last one."""
    content = path.read_bytes()
    count, size, place = struct.unpack("<10xHLL2x", content[-22:])
    record = struct.pack("<4sQ2H2L4Q", b"PK\x06\x06", 44, 45, 45, 0, 0, count, count, size, place)
    locator = struct.pack("<4sLQL", b"PK\x06\x07", 0, len(content) - 22, 1)
    path.write_bytes(content[:-22] + record + locator + content[-22:])
    with zipfile.ZipFile(path) as archive:
        assert "stderr.log" in archive.namelist()


HARMS = (cut_short, flipped, empty, a_pipe, encrypted, of_many_names, of_many_names_before_a_comment)
HARMS += (of_a_list_whose_size_is_elsewhere,)


@pytest.mark.parametrize("harm", HARMS, ids=lambda harm: harm.__name__)
def test_a_damaged_archive_is_an_error_of_its_file(folder, harm):
    harm(archive_of(folder))
    with pytest.raises(OSError):
        read_attempt_file(folder, "stderr.log")


def test_text_is_not_read_from_an_archive_that_lies_elsewhere(folder, tmp_path):
    root = folder.parents[1]
    assert text_of(folder) == "from the archive\n"
    os.rename(archive_of(folder), tmp_path / "elsewhere.zip")
    archive_of(folder).symlink_to(tmp_path / "elsewhere.zip")
    with pytest.raises(OSError, match="symbolic links"):
        open_attempt_file(root, folder, "stderr.log")
    archive_of(folder).unlink()
    archive_of(folder).hardlink_to(tmp_path / "elsewhere.zip")
    with pytest.raises(OSError, match="several links"):
        open_attempt_file(root, folder, "stderr.log")


def test_an_error_of_the_reader_is_not_taken_for_damage(folder):
    with pytest.raises(KeyError), open_archive(archive_of(folder)):
        raise KeyError("mine")
