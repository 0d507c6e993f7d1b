"""Claims about which image files are compared, and about files that cannot be."""

import re
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from project.data.digit_images.decoding import ImageError
from project.data.image_files import file_pairs, read_digits


@pytest.fixture
def digits(tmp_path: Path) -> Path:
    """A folder of four images, and one file that is none."""
    for name in ("1.png", "2.JPG", "3.tif", "a b,c.png"):
        page = np.full((40, 40), 255, np.uint8)
        page[10:30, 15 : 15 + len(name)] = 0
        Image.fromarray(page).save(tmp_path / name)
    (tmp_path / "notes.txt").write_text("none")
    return tmp_path


def test_images_are_taken_two_by_two_in_the_order_given() -> None:
    a, b, c, d = (Path(f"{name}.png") for name in "dbca")
    assert file_pairs([a, b, c, d]) == [(a, b), (c, d)]
    assert file_pairs([a, a]) == [(a, a)]


def test_a_folder_stands_for_its_images_by_name(digits: Path) -> None:
    one, two, three, four = (digits / name for name in ("1.png", "2.JPG", "3.tif", "a b,c.png"))
    assert file_pairs([digits]) == [(one, two), (three, four)]


def test_a_folders_numbers_are_in_their_order(tmp_path: Path) -> None:
    names = ["2.png", "IMG_9.jpg", "10.png", "IMG_10.jpg", "IMG_10b.jpg", "1.png"]
    for name in names:
        (tmp_path / name).write_bytes(b"")
    pairs = file_pairs([tmp_path])
    assert [path.name for pair in pairs for path in pair] == [
        "1.png", "2.png", "10.png", "IMG_9.jpg", "IMG_10.jpg", "IMG_10b.jpg",
    ]  # fmt: skip


HEIC = bytes(3) + b"\x18ftypheic" + bytes(4) + b"mif1heic" + bytes(100)


@pytest.mark.parametrize(
    ("name", "content", "why"),
    [
        ("IMG_2.HEIC", HEIC, "is HEIC, which Pillow reads with a plug-in"),
        ("IMG_2", HEIC, "is HEIC, which Pillow reads with a plug-in"),
        ("IMG_2.jpg", HEIC, "is HEIC, which Pillow reads with a plug-in"),
        ("IMG_2.jpg", b"", "is empty"),
        ("IMG_2.jpg", b"no image", "is no image"),
        ("IMG_2.HEIC", b"no image", "is no image"),
        ("IMG_2.pdf", b"%PDF-1.7", "is a PDF document"),
        ("IMG_2.jpg", b"\xff\xd8\xff\xe0" + bytes(20), "cannot be read|is no image"),
    ],
)
def test_an_unreadable_image_of_a_folder_is_named(
    tmp_path: Path, name: str, content: bytes, why: str
) -> None:
    """Without it the pairs would be others: 1 and 3, 4 and 5."""
    page = np.full((40, 40), 255, np.uint8)
    page[10:30, 18:22] = 0
    for number in (1, 3, 4, 5):
        Image.fromarray(page).save(tmp_path / f"IMG_{number}.jpg")
    (tmp_path / name).write_bytes(content)
    (tmp_path / "IMG_6.jpg").write_bytes((tmp_path / "IMG_1.jpg").read_bytes())
    pairs = file_pairs([tmp_path])
    assert [[path.stem for path in pair] for pair in pairs] == [
        ["IMG_1", "IMG_2"], ["IMG_3", "IMG_4"], ["IMG_5", "IMG_6"],
    ]  # fmt: skip
    with pytest.raises(ImageError, match=f"^{re.escape(str(tmp_path / name))} ({why})") as error:
        read_digits(pairs)
    assert error.value.exit_code == 2


def test_what_is_no_image_of_a_folder_is_left_out(digits: Path) -> None:
    """Hidden files of other programs, folders, films, text; by content, without an ending too."""
    before = file_pairs([digits])
    content = (digits / "1.png").read_bytes()
    for name in ("._1.png", ".hidden.jpg"):
        (digits / name).write_bytes(content)
    (digits / "folder.png").mkdir()
    (digits / "film.mov").write_bytes(bytes(3) + b"\x20ftypqt  " + bytes(100))
    (digits / "Thumbs.db").write_bytes(bytes(100))
    assert file_pairs([digits]) == before
    for name in ("5.jfif", "6"):
        (digits / name).write_bytes(content)
    assert [path.name for path in file_pairs([digits])[1:][0]] == ["3.tif", "5.jfif"]


def test_a_csv_file_names_pairs_beside_it(digits: Path) -> None:
    (digits / "pairs.csv").write_text('first,second\n1.png, 3.tif\n\n"a b,c.png",1.png\r\n')
    assert file_pairs([digits / "pairs.csv"]) == [
        (digits / "1.png", digits / "3.tif"),
        (digits / "a b,c.png", digits / "1.png"),
    ]


def test_a_spreadsheets_csv_file_is_read(digits: Path) -> None:
    """With a byte order mark and no header."""
    (digits / "Pairs.CSV").write_text("1.png,3.tif\n", encoding="utf-8-sig")
    assert file_pairs([digits / "Pairs.CSV"]) == [(digits / "1.png", digits / "3.tif")]


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        ("1.png,3.tif\n1.png\n", "pairs.csv, line 2: must name two images, `first,second`, got"),
        ("1.png,3.tif,1.png\n", "line 1: must name two images"),
        ("1.png,\n", "line 1: must name two images"),
        ("first,second\n", "names no pair of images"),
        ("", "names no pair of images"),
        ('"1.png,3.tif\n', "cannot be read"),
        (b"\xff\xfe\x00", "cannot be read"),
    ],
)
def test_a_bad_csv_file_is_named_with_its_line(
    digits: Path, lines: str | bytes, message: str
) -> None:
    path = digits / "pairs.csv"
    path.write_bytes(lines if isinstance(lines, bytes) else lines.encode())
    with pytest.raises(ImageError, match=message):
        file_pairs([path])


def test_what_makes_no_pairs_is_refused(digits: Path) -> None:
    with pytest.raises(ImageError, match=r"the number of those named is 1; the last is a\.png"):
        file_pairs([Path("a.png")])
    with pytest.raises(ImageError, match="the number of those named is 0"):
        file_pairs([])
    (digits / "3.tif").unlink()
    with pytest.raises(ImageError, match=f"{digits} holds an odd number of images, 3"):
        file_pairs([digits])
    (digits / "empty").mkdir()
    with pytest.raises(ImageError, match="empty holds no image"):
        file_pairs([digits / "empty"])
    with pytest.raises(ImageError, match=r"none\.csv cannot be read"):
        file_pairs([digits / "none.csv"])


def test_digits_stand_as_the_pairs_name_them(digits: Path) -> None:
    read = read_digits([(digits / "1.png", digits / "a b,c.png"), (digits / "3.tif",) * 2])
    assert read.shape == (2, 2, 28, 28)
    assert [int((digit > 0).any(0).sum()) for digit in read.reshape(4, 28, 28)] == [5, 9, 5, 5]


def test_every_bad_file_is_named(digits: Path) -> None:
    """Not one after the other, each time the command is typed."""
    (digits / "4.png").write_bytes(b"")
    text, empty, none = digits / "notes.txt", digits / "4.png", digits / "none.png"
    pattern = f"{text} is no image.*\n  {empty} is empty.*\n  {none} does not exist"
    with pytest.raises(ImageError, match=pattern):
        read_digits([(text, digits / "1.png"), (empty, none)])


def test_a_long_list_of_bad_files_is_cut(tmp_path: Path) -> None:
    missing = [(tmp_path / f"{number}.png",) * 2 for number in range(30)]
    with pytest.raises(ImageError) as error:
        read_digits(missing)
    lines = str(error.value).splitlines()
    assert len(lines) == 21
    assert re.fullmatch(" *and 10 more files", lines[-1])
