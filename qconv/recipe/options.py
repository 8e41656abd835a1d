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
        "Type to convert to; may be repeated, with a folder as output. int8, or for weights alone "
        "uint8, int4, uint4, int3, int2, uint2, ternary, binary, fp8e4m3, fp8e5m2 (those with u "
        "have a zero point); fp16, bf16; fp32 for models of float64 or float16.",
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
        "int8: quantize activations by calibration, at run time (needs no data), or not at all.",
        initial="static",
    ),
    Option(
        "float_layers",
        TYPES,
        "Static int8, fp16, bf16: keep operators in float32 in whose name or type the expression "
        "is found; may be repeated, capital and small letters differ. Static int8 also takes a "
        "number: so many layers with the largest error of their own, which needs --data.",
        "N|REGEX",
        formerly=("keep_float",),
    ),
    Option(
        "layers",
        TYPES,
        "Single layers, by an expression that is found in their name or type: float, or the type "
        "of their weights, and with a colon what shares a scale (tensor, channel, or inputs of a "
        "block): 'head=float', 'fc2=int4:32'. Static int8 takes int8, int7 and int4, weights alone "
        "all types, the others float. May be repeated; the first that is found decides.",
        "REGEX=TYPE",
    ),
    *DATA_OPTIONS,
    Option(
        "assume",
        MODEL,
        "Fix an input to a constant: a number, or several with commas between. The input is "
        "removed, the data need not hold it, and branches that depend on it are decided. May be "
        "repeated; calibrate, convert and report need the same.",
        "NAME=VALUE",
    ),
    Option(
        "custom_ops",
        MODEL,
        "A shared library of operators that the model needs and ONNX Runtime does not have. Its "
        "code is run. May be repeated.",
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
        "What to collect: ranges is faster and allows only --method minmax later on; full adds, "
        "from at most 128 samples spread evenly, second moments of what layers read, by which "
        "convert rounds weights; histogram leaves these out, for a small record.",
    ),
    Option(
        "values",
        CALIBRATION,
        "Which values to look at: those that int8 needs, or all, from which fp16 also learns what "
        "would overflow.",
    ),
    Option(
        "keep_samples",
        CALIBRATION,
        "Keep up to N samples in the record as they are, 64 MB at most: convert measures on them "
        "what it chooses, and how large the error is. 0 keeps none, where data are private.",
        "N",
    ),
    Option(
        "effort",
        INT8,
        "fast reads ranges and corrects biases; balanced also rounds weights by GPTQ, on the "
        "second moments of --data or of the record; best needs --data, and two or three times as "
        "long: it rounds each layer on what the quantized layers before it give.",
    ),
    Option(
        "method",
        INT8,
        "How ranges are read from the statistics. clip takes, for each value, the least squared "
        "error among ranges that clip at most 0.01 % of the data; auto tries clip, minmax and mse "
        "and takes the one whose file has the least error at the model's outputs, on samples of "
        "--data or of the record; layers tries the ranges of all methods on what layers read, and "
        "needs --data.",
    ),
    Option("percentile", INT8, "Percent of the data inside the range.", "P"),
    Option(
        "gates",
        INT8,
        "Choose ranges by the error that is left behind the activation that reads a value: SiLU, "
        "HardSwish, Gelu and others erase large negative numbers, for which no levels need to be "
        "spent. auto tries both with --method auto, and is off with another one.",
    ),
    Option(
        "weights",
        INT8,
        "The numbers that weights are rounded to; int4 halves the file, which runs as int8 does, "
        "for some accuracy, and raises the opset to 21.",
    ),
    Option(
        "portable",
        INT8,
        "Limit weights so that 16-bit sums cannot saturate on x64 CPUs without VNNI, where a file "
        "made without it can lose many points of accuracy.",
        initial="portable",
    ),
    Option(
        "reduce_range",
        INT8,
        "7-bit weights, -63 to 63, which cannot saturate either, but are coarser in every layer. "
        "--portable, the default, limits only where it has to.",
    ),
    Option(
        "activations",
        INT8,
        "Type of activations. CPUs are fast with uint8 alone: int8 is slower, and int16 is "
        "computed in float there.",
        initial="uint8",
    ),
    Option(
        "smooth",
        INT8,
        "Even out the channels that MatMul and Gemm read, where some are far larger than the "
        "rest: their range moves into the weights (SmoothQuant); auto searches the exponent "
        "for each value, a number from 0 to 1 sets it.",
        "auto|off|A",
    ),
    Option(
        "equalize",
        INT8,
        "Scale channels of one layer's output against the next layer's weights, which leaves the "
        "float model as it is: on does so wherever that holds, auto where the predicted error "
        "falls by 3 dB or more.",
    ),
    Option(
        "algorithm",
        WEIGHTS,
        "Round to nearest (rtn), with scales of least squared error (mse), half-quadratic (hqq), "
        "or by GPTQ, AWQ or AdaRound, which need statistics; auto is gptq where there are some, "
        "else mse. Static int8 has rtn, gptq and adaround, and auto by --effort.",
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
        "Inputs of a block; smaller ones are more exact, larger ones faster; auto is 128, and 64 "
        "below 4 bits. Those of embeddings are never above 32.",
    ),
    Option("embeddings", WEIGHTS, "Type of embeddings; auto is int8 for 8-bit types, else int4."),
    Option(
        "format",
        WEIGHTS,
        "ONNX Runtime's own operators where they are faster, or QuantizeLinear and "
        "DequantizeLinear of standard ONNX alone.",
        initial="operator",
    ),
    Option(
        "bias_correction",
        WEIGHTS,
        "Take the mean error of the rounded weights out of the biases.",
    ),
    Option(
        "sequential",
        WEIGHTS,
        "Weights alone: with --data, measure again after each layer what the next ones read.",
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
        "Write weights to a file of their own beside the model; auto does from the size below on.",
        initial="always if the float model's are, else auto",
    ),
    Option(
        "external_data_size",
        OUTPUT,
        "Megabytes of weights from which --external-data auto, which this stands for, uses a file "
        "of its own.",
        "MB",
    ),
    Option(
        "external_data_name",
        OUTPUT,
        "Name of that file. With --force it is replaced before the model is, so that a run that is "
        "killed can leave an old model with new weights.",
        "NAME",
        "MODEL.HASH.data, which each model has for itself",
    ),
    *TASK_OPTIONS,
    Option(
        "model",
        RUN,
        "A float model, or a folder of them; may be repeated. What is read of data, images and "
        "labels holds for all.",
        "MODEL",
    ),
    Option("output", RUN, "The folder to write to; it is made if there is none.", "FOLDER"),
    Option(
        "test_data",
        RUN,
        "Samples to compare the variants with the float model on, as --data has them; images and "
        "labels are read alike. Without them there is no report. May be repeated.",
        "DATA",
    ),
    Option("test_samples", RUN, "Use N of them, spread evenly.", "N", "all"),
    Option(
        "fail_if",
        RUN,
        "A gate: exit with 1 if it is true of a variant, as in qconv report. May be repeated.",
        "EXPRESSION",
    ),
    Option(
        "metric",
        RUN,
        "A function of yours to average over the test data, as in qconv report. May be repeated.",
        "FILE:FUNCTION",
    ),
    Option(
        "undecided",
        GATES,
        "What a gate on time does where the machine is too noisy to tell if it holds.",
    ),
    Option("latency", RUN, "Time the models."),
)

OPTIONS: Mapping[str, Option] = {option.name: option for option in _TABLE}
"""All of them, by name, in the order of the help."""
OF_REPORTS = (GATES, TASK_GROUP)
"""Groups of what is said of a report, not of a conversion."""
