"""The whole story: inspect, calibrate, convert, report.

These are the public functions of qconv; the commands of the same names only read options and
print what comes back.
"""

from qconv.data.loops import OpenData as OpenData
from qconv.pipeline.arguments import Data as Data
from qconv.pipeline.calibration import calibrate as calibrate
from qconv.pipeline.comparison import compare as compare
from qconv.pipeline.comparison import report as report
from qconv.pipeline.conversion import Conversion as Conversion
from qconv.pipeline.conversion import convert as convert
from qconv.pipeline.conversion import plan as plan
from qconv.pipeline.inspection import Inspection as Inspection
from qconv.pipeline.inspection import inspect as inspect
