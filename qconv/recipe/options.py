"""The options: the name, group and help of each, wherever it is chosen.

The command line, recipe files, Python, the schema for editors and the tables in the documentation
all take them from here. What type an option has, its default and what it goes with stand at the
fields of the settings that read it.
"""

from __future__ import annotations

from collections.abc import Mapping

from qconv.recipe.data_options import DATA_OPTIONS
from qconv.recipe.option import Option
from qconv.recipe.task_options import TASK_GROUP, TASK_OPTIONS

TYPES = "Types"
INT8, WEIGHTS, HALF = "INT8", "INT8 and weights in few bits", "FP16 and BF16"
MODEL, CALIBRATION, OUTPUT = "Model", "Calibration", "Output"
RUN = "What qconv run does"
GATES = "Gates"

_TABLE = (
    Option(
        "dtype",
        TYPES,
        "Type to convert to; may be repeated, with a folder as output. int8; weight-only uint8, "
        "int4, uint4, int3, int2, uint2, ternary, binary, fp8e4m3, fp8e5m2 (types with u have a "
        "zero point); fp16, bf16; fp32 for models in float64 or float16.",
        "TYPE",
        "int8",
        known_as={
            "float16": "fp16",
            "half": "fp16",
            "bfloat16": "bf16",
            "float32": "fp32",
            "float": "fp32",
            "fp8": "fp8e4m3",
            "float8": "fp8e4m3",
            "float8e4m3fn": "fp8e4m3",
            "float8e5m2": "fp8e5m2",
        },
    ),
    Option(
        "mode",
        TYPES,
        "int8: quantize activations with calibrated ranges (static), with ranges found at run time "
        "(dynamic, needs no data), or not at all.",
        initial="static",
    ),
    Option(
        "float_layers",
        TYPES,
        "Static int8, fp16, bf16: keep operators in float32 whose name or type matches the "
        "expression; upper and lower case differ; may be repeated. Static int8 also takes a "
        "number: as many layers with the largest error, which needs --data.",
        "N|REGEX",
        formerly=("keep_float",),
    ),
    Option(
        "layers",
        TYPES,
        "Set the type of layers whose name or type matches the expression: float, or a type of "
        "weights, and after a colon what shares a scale (tensor, channel, or the inputs per "
        "block): 'head=float', 'fc2=int4:32'. Static int8 takes int8, int7 and int4; weight-only "
        "takes all types; the others take float. May be repeated; the first match decides.",
        "REGEX=TYPE",
    ),
    *DATA_OPTIONS,
    Option(
        "assume",
        MODEL,
        "Fix an input to a constant: one number, or several separated by commas. The input is "
        "removed, the data need not contain it, and branches that depend on it are resolved. May "
        "be repeated; use the same for calibrate, convert and report.",
        "NAME=VALUE",
    ),
    Option(
        "custom_ops",
        MODEL,
        "A shared library of operators that the model needs and ONNX Runtime lacks. Its code is "
        "run. May be repeated.",
        "FILE",
    ),
    Option(
        "target",
        MODEL,
        "Runtime to place operators for; ort-cpu is ONNX Runtime's CPU provider.",
        "NAME",
    ),
    Option(
        "statistics",
        CALIBRATION,
        "What to collect. ranges is faster, but later allows only --method minmax. histogram makes "
        "a small record. full adds second moments of the layers' inputs, from at most 128 evenly "
        "spread samples; convert uses them to round weights.",
    ),
    Option(
        "values",
        CALIBRATION,
        "Which values to observe: those that int8 needs, or all, which also shows what would "
        "overflow in fp16.",
    ),
    Option(
        "keep_samples",
        CALIBRATION,
        "Keep up to N samples in the record, 64 MB at most. convert uses them to choose between "
        "methods and to measure the error. Use 0 if the data are private.",
        "N",
    ),
    Option(
        "effort",
        INT8,
        "fast chooses ranges and corrects biases. balanced also rounds weights by GPTQ, with the "
        "second moments of --data or of the record. best rounds each layer on the outputs of the "
        "quantized layers before it; it needs --data and takes two or three times as long.",
    ),
    Option(
        "method",
        INT8,
        "How to choose ranges from the statistics. clip takes, for each value, the range with the "
        "least squared error among those that clip at most 0.01 % of the data. auto tries clip, "
        "minmax and mse, and takes the one with the least error at the model's outputs, on samples "
        "of --data or of the record. layers tries the ranges of all methods on the layers' inputs, "
        "and needs --data.",
    ),
    Option("percentile", INT8, "Percent of the data inside the range.", "P"),
    Option(
        "gates",
        INT8,
        "Choose ranges by the error after the activation function that reads a value: SiLU, "
        "HardSwish, Gelu and others erase large negative numbers, which then need no levels. auto "
        "tries both with --method auto, and is off with other methods.",
    ),
    Option(
        "weights",
        INT8,
        "Type of weights. int4 halves the file at some cost in accuracy, computes as int8 does, "
        "and raises the opset to 21.",
    ),
    Option(
        "portable",
        INT8,
        "Limit weights so that 16-bit sums cannot saturate on x64 CPUs without VNNI. Without this "
        "limit a file can lose many points of accuracy there.",
        initial="portable",
    ),
    Option(
        "reduce_range",
        INT8,
        "Use 7-bit weights, -63 to 63. They cannot saturate either, but are coarser in every "
        "layer; --portable, the default, limits weights only where needed.",
    ),
    Option(
        "activations",
        INT8,
        "Type of activations. CPUs are fast only with uint8: there int8 is slower, and int16 is "
        "computed in float.",
        initial="uint8",
    ),
    Option(
        "smooth",
        INT8,
        "Even out the input channels of MatMul and Gemm if some are far larger than the rest, by "
        "moving their range into the weights (SmoothQuant). auto searches the exponent for each "
        "value; a number from 0 to 1 sets it.",
        "auto|off|A",
    ),
    Option(
        "equalize",
        INT8,
        "Scale the output channels of one layer against the weights of the next, which does not "
        "change the float model's results. on: everywhere; auto: where the predicted error falls "
        "by 3 dB or more.",
    ),
    Option(
        "algorithm",
        WEIGHTS,
        "How to round weights: to nearest (rtn), with scales of least squared error (mse), "
        "half-quadratic (hqq), or by GPTQ, AWQ or AdaRound, which need statistics. auto is gptq if "
        "there are statistics, else mse. Static int8 has rtn, gptq and adaround; auto depends on "
        "--effort there.",
    ),
    Option(
        "granularity",
        WEIGHTS,
        "What shares a scale; auto is a block below 8 bits, else a channel. Static int8 has "
        "tensor and channel.",
    ),
    Option(
        "block_size",
        WEIGHTS,
        "Inputs per block; smaller blocks are more exact, larger ones faster. auto is 128, and 64 "
        "below 4 bits. Embeddings have at most 32.",
    ),
    Option("embeddings", WEIGHTS, "Type of embeddings; auto is int8 for 8-bit types, else int4."),
    Option(
        "format",
        WEIGHTS,
        "Use ONNX Runtime's own operators where they are faster, or only standard ONNX: "
        "QuantizeLinear and DequantizeLinear.",
        initial="operator",
    ),
    Option(
        "bias_correction",
        WEIGHTS,
        "Correct the biases for the mean error of the rounded weights.",
    ),
    Option(
        "sequential",
        WEIGHTS,
        "Weight-only, with --data: after each layer, measure the inputs of the next layers again.",
    ),
    Option("io", HALF, "Type of the model's float inputs and outputs."),
    Option(
        "storage_only",
        HALF,
        "bf16: store weights in bfloat16 and compute in float32, which runs everywhere.",
    ),
    Option(
        "external_data",
        OUTPUT,
        "Write weights to a separate file beside the model; auto does so from --external-data-size "
        "on.",
        initial="always if the float model has such a file, else auto",
    ),
    Option(
        "external_data_size",
        OUTPUT,
        "Megabytes of weights from which a separate file is written; implies --external-data auto.",
        "MB",
    ),
    Option(
        "external_data_name",
        OUTPUT,
        "Name of that file. With --force it is replaced before the model, so a run that is killed "
        "can leave an old model with new weights.",
        "NAME",
        "MODEL.HASH.data, unique to each model",
    ),
    *TASK_OPTIONS,
    Option(
        "model",
        RUN,
        "A float model, or a folder of them; may be repeated. Options of data, images and labels "
        "apply to all.",
        "MODEL",
    ),
    Option("output", RUN, "The folder to write to, created if missing.", "FOLDER", letter="o"),
    Option(
        "test_data",
        RUN,
        "Samples on which to compare the variants with the float model, in the forms of --data; "
        "images and labels are read in the same way. Without them there is no report. May be "
        "repeated.",
        "DATA",
    ),
    Option("test_samples", RUN, "Use N test samples, spread evenly.", "N", "all"),
    Option(
        "fail_if",
        RUN,
        "A gate: exit with 1 if it is true for a variant, as in qconv report. May be repeated.",
        "EXPRESSION",
    ),
    Option(
        "metric",
        RUN,
        "Your own function, averaged over the test data, as in qconv report. May be repeated.",
        "FILE:FUNCTION",
    ),
    Option(
        "undecided",
        GATES,
        "Result of a gate on time if the machine is too noisy to decide it.",
    ),
    Option("latency", RUN, "Measure the models' latency."),
)

OPTIONS: Mapping[str, Option] = {option.name: option for option in _TABLE}
"""All of them, by name, in the order of the help."""
OF_REPORTS = (GATES, TASK_GROUP)
"""Groups of what is said of a report, not of a conversion."""
