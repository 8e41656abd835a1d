#!/bin/sh
# The tour of the README: sample models to INT8, each judged by gates. `make demo` runs it with
# the project's own qconv first on PATH. Results go to demo-out/.
set -eu
cd "$(dirname "$0")/.."
mkdir -p demo-out

# Print a command as it would be typed, then run exactly that text.
run() {
    printf '\n$ %s\n' "$1"
    eval "$1"
}

printf '%s\n' '== A convolutional network that reads handwritten digits'

run 'qconv inspect sample_models/digits_cnn/model.onnx'

run 'qconv calibrate sample_models/digits_cnn/model.onnx \
    --data sample_models/digits_cnn/calibration.npz \
    -o demo-out/digits.qcal --force'

run 'qconv convert sample_models/digits_cnn/model.onnx --dtype int8 \
    --calibration demo-out/digits.qcal \
    -o demo-out/digits.int8.onnx --force'

run 'qconv report sample_models/digits_cnn/model.onnx demo-out/digits.int8.onnx \
    --data sample_models/digits_cnn/test.npz \
    --fail-if "top1_drop > 1.0" --fail-if "size_ratio > 0.40"'

printf '\n%s\n' '== A small transformer that tells in which language a name is written'

run 'qconv calibrate sample_models/language_id/model.onnx \
    --data sample_models/language_id/calibration \
    -o demo-out/language.qcal --force'

run 'qconv convert sample_models/language_id/model.onnx --dtype int8 \
    --calibration demo-out/language.qcal \
    -o demo-out/language.int8.onnx --force'

run 'qconv report sample_models/language_id/model.onnx demo-out/language.int8.onnx \
    --data sample_models/language_id/test.npz \
    --fail-if "top1_drop > 2.0" --fail-if "size_ratio > 0.50"'
