"""What all tests share."""

import pytest
from hypothesis import settings

pytest.register_assert_rewrite("tests.model_helpers", "tests.zoo.zoo_helpers")

settings.register_profile("any machine", deadline=None)
settings.load_profile("any machine")
