import gzip
from random import Random

import pytest
import zstandard

from asterism.adapters.files.compression import DamagedError, unpacked
from asterism.adapters.files.lzop import BLOCK, packed

CONTENT = b"".join(b'{"n":%d,"text":"%x"}\n' % (n, Random(n).getrandbits(64)) for n in range(30_000))
PACKINGS = {
    "plain": bytes,
    "gzip": gzip.compress,
    "zstd": zstandard.ZstdCompressor().compress,
    "lzo": packed,
}


def pieces(data, size):
    return (data[start : start + size] for start in range(0, len(data), size))


@pytest.mark.parametrize("size", [1, 7, 4096, 1 << 20])
@pytest.mark.parametrize("packing", PACKINGS)
def test_content_comes_out_as_it_went_in(packing, size):
    content = CONTENT if size > 100 else CONTENT[:3000]
    assert b"".join(unpacked(pieces(PACKINGS[packing](content), size))) == content


@pytest.mark.parametrize("packing", ["gzip", "zstd", "lzo"])
def test_packed_files_may_stand_one_after_the_other(packing):
    pack = PACKINGS[packing]
    assert b"".join(unpacked(pieces(pack(b"one\n") + pack(b"") + pack(b"two\n"), 5))) == b"one\ntwo\n"


def test_nothing_is_nothing():
    assert b"".join(unpacked(iter([]))) == b""


@pytest.mark.parametrize("packing", ["gzip", "zstd", "lzo"])
def test_a_file_that_was_cut_off_is_damaged(packing):
    whole = PACKINGS[packing](CONTENT)
    with pytest.raises(DamagedError, match="the object is damaged"):
        b"".join(unpacked(pieces(whole[: len(whole) * 2 // 3], 4096)))


@pytest.mark.parametrize("packing", ["gzip", "zstd", "lzo"])
def test_no_flipped_byte_is_taken_for_content(packing):
    whole = PACKINGS[packing](CONTENT)
    random = Random(0)
    for _ in range(60):
        place = random.randrange(12, len(whole))
        broken = whole[:place] + bytes([whole[place] ^ 0x5A]) + whole[place + 1 :]
        try:
            content = b"".join(unpacked(pieces(broken, 65_536)))
        except DamagedError:
            continue
        if packing != "zstd":  # its frames here carry no checksum
            assert content == CONTENT


def test_what_does_not_get_smaller_is_stored_in_lzo_as_it_is():
    noise = Random(0).randbytes(BLOCK + 10)
    assert b"".join(unpacked(iter([packed(noise)]))) == noise


@pytest.mark.parametrize("packing", ["gzip", "zstd"])
def test_a_bomb_is_handed_on_in_parts(packing):
    bomb = PACKINGS[packing](bytes(200_000_000))
    assert max(map(len, unpacked(iter([bomb])))) <= 1 << 27
