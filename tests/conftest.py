"""What all tests share."""

import pytest

pytest.register_assert_rewrite("tests.model_helpers", "tests.zoo.zoo_helpers")
