"""What all tests share."""

import os

import pytest
from hypothesis import settings

pytest.register_assert_rewrite("tests.model_helpers", "tests.zoo.zoo_helpers")

os.environ.pop("GITHUB_ACTIONS", None)  # commands say more there, which tests ask for themselves

settings.register_profile("any machine", deadline=None)
settings.load_profile("any machine")
