"""The whole story in four functions: inspect, calibrate, convert, report."""

from __future__ import annotations
