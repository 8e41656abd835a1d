"""Writing files: they appear whole or not at all, and never in the place of one that is read."""

from qconv.outputs.checking import Reads, check_output, check_text_output
from qconv.outputs.folders import made_folder
from qconv.outputs.side_files import side_file_name
from qconv.outputs.staging import folder_lock, staged, why_it_ended

__all__ = [
    "Reads",
    "check_output",
    "check_text_output",
    "folder_lock",
    "made_folder",
    "side_file_name",
    "staged",
    "why_it_ended",
]
