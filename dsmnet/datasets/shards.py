"""Pairs that dsmnet pack has written to shards, in a folder or an object store, read by their place."""

from __future__ import annotations

import json
import logging
import zlib
from pathlib import Path
from typing import Any

import numpy as np
from torch.utils.data import Dataset

from dsmnet.datasets.base import NamedSubset
from dsmnet.datasets.shard_format import (
    APART,
    FORM,
    HELD_BACK,
    INDEX,
    NAMES,
    ROW,
    TABLE,
    TRAINING,
    decode_pair,
    shard_name,
)
from dsmnet.errors import DataError, FormatError, MissingDataError, UserError, count
from dsmnet.io.decoding import decoding
from dsmnet.io.images import open_file
from dsmnet.io.npy import decode_array
from dsmnet.types import StereoSample

log = logging.getLogger(__name__)


class Shards(Dataset[StereoSample]):
    """The pairs of a data set as its files gave them, each read with one request, in any order.

    Args:
        root: Folder of the shards, or an address that fsspec knows: ``s3://bucket/prefix``.
        require_ground_truth: Leave out pairs without a disparity map.

    Raises:
        DataError: There is no index, or it is broken.
    """

    endless = False

    def __init__(self, root: str | Path | None, require_ground_truth: bool = True) -> None:
        if root is None:
            raise UserError("dataset.root: expected a folder of dsmnet pack, or s3://bucket/prefix")
        self.root = str(root) if "://" in str(root) else str(Path(root).expanduser())
        if "://" not in self.root and not Path(self.root).is_dir():
            raise MissingDataError(f"shards: no folder {self.root}; dsmnet pack writes one")
        place = f"{self.root}/{INDEX}"
        with decoding(place, "not the index of shards"):
            index = json.loads(bytes(self._read(INDEX)))
            if index["form"] != FORM:
                raise FormatError(f"{place}: of the form {index['form']}; expected {FORM}")
            self.name, pairs, shards = str(index["dataset"]), int(index["pairs"]), int(index["shards"])
        table = decode_array(self._read(TABLE), f"{self.root}/{TABLE}")
        if table.shape != (pairs,) or table.dtype != ROW or (table["shard"] >= shards).any():
            raise FormatError(f"{self.root}/{TABLE}: not of the {pairs} pairs in {shards} shards of {INDEX}")
        self._table = table[table["known"]] if require_ground_truth else table
        self._whole = np.zeros(len(self._table), bool)  # whose checksum this process has compared
        apart = self._table["part"] == APART
        self.rows, self._apart = np.flatnonzero(~apart), np.flatnonzero(apart)
        if not len(self.rows):
            raise DataError(f"{place}: no pair{' with ground truth' if require_ground_truth else ''}")
        found = f"{count(len(self.rows), 'pair')} in {count(shards, 'shard')}"
        log.info("%s: %s of %s", self.name, found, self.root)

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, index: int) -> StereoSample:
        """Load a pair; a shard that is absent, cut or damaged is named."""
        number = self.rows[index]
        shard, start, size, checksum, *_ = self._table[number].tolist()
        name = shard_name(shard)
        data = self._read(name, start, size)
        where = f"{self.root}/{name}"
        if len(data) < size:
            raise FormatError(f"{where}: truncated, it ends within the pair at byte {start}")
        if not self._whole[number] and zlib.crc32(data) != checksum:
            raise FormatError(f"{where}: damaged, the pair at byte {start} is not what was written")
        self._whole[number] = True  # 4 % of the time to read a pair, so not in every epoch
        return decode_pair(data, where)

    def split_validation(self) -> tuple[Any, Any]:
        """Return the parts to train and to validate on that the data set had when it was packed."""
        if len(self._apart):
            validation = object.__new__(type(self))
            validation.__dict__.update(self.__dict__, rows=self._apart, _apart=self._apart[:0])
            return self, validation
        part = self._table["part"][self.rows]
        if not (part == HELD_BACK).any():
            log.warning("%s: no pairs for validation, so the same are trained and validated on", self.name)
            return self, self
        kept, held_back = (np.flatnonzero(part == kind).tolist() for kind in (TRAINING, HELD_BACK))
        return NamedSubset(self, kept), NamedSubset(self, held_back)

    def names(self) -> list[tuple[str, str]]:
        """Return data set and name of the pairs, as far as they come from one that others read too."""
        with decoding(f"{self.root}/{NAMES}", "not the names of pairs"):
            return [(str(dataset), str(name)) for dataset, name in json.loads(bytes(self._read(NAMES)))]

    def _read(self, name: str, start: int = 0, size: int | None = None) -> bytes | memoryview:
        """Read a file, or some of it, in whatever process this is."""
        path = f"{self.root}/{name}"
        if "://" not in self.root:
            with open_file(path) as file:
                if size is None:
                    return file.read()
                file.seek(start)
                data = np.empty(size, np.uint8).data  # not zeroed before
                return data[: file.readinto(data)]
        import fsspec

        try:
            # Connections are fsspec's affair: it keeps those of an address, and makes new ones after a fork.
            system, place = fsspec.core.url_to_fs(path)
            return system.cat_file(place, start=start, end=None if size is None else start + size)
        except ImportError as error:
            raise UserError(f"{path}: {error}; for s3:// pip install 'dsmnet[s3]'") from None
        except FileNotFoundError:
            raise DataError(f"{path}: no such file") from None
        except Exception as error:  # of the store's own library, of a network
            raise DataError(f"{path}: cannot be read ({type(error).__name__}: {error})") from None
