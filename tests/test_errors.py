import errno
import os

import pytest

from qconv.errors import DataError, foreign


def test_a_lack_of_memory_says_nothing_of_what_was_read() -> None:
    def told(error: Exception) -> DataError:
        return DataError(f"a.npz: cannot be read: {error}")

    for lack in (MemoryError(), OSError(errno.ENOMEM, os.strerror(errno.ENOMEM))):
        with pytest.raises(type(lack)) as caught, foreign(told):
            raise lack
        assert caught.value is lack
    with pytest.raises(DataError), foreign(told):
        raise OSError(errno.EIO, os.strerror(errno.EIO))
