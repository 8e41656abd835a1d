"""The options about data and images, as :mod:`qconv.recipe.options` has the others."""

from __future__ import annotations

from qconv.recipe.option import Option

_DATA, _IMAGES = "Data", "Images"

DATA_OPTIONS = (
    Option(
        "calibration",
        _DATA,
        "A record that qconv calibrate wrote for this model. Static int8 needs it, or --data; fp16 "
        "learns from one made with --values all what would overflow.",
        "FILE",
    ),
    Option(
        "data",
        _DATA,
        "Samples to read: a .npz file whose arrays bear the inputs' names (first axis: samples), a "
        "folder of .npz, .npy or image files, or of folders of images, one for each class; an "
        "image; a .txt file; a pattern for such files ('val/*/*.jpg'); an ONNX test_data_set_* "
        "folder; or "
        "script.py:function. Repeat to join several.",
        "DATA",
    ),
    Option(
        "text",
        _DATA,
        "A text, whatever its name is: each line is a sample, or windows of --text-window tokens. "
        "A .txt file may stand behind --data, too. May be repeated.",
        "FILE",
    ),
    Option(
        "tokenizer",
        _DATA,
        "The tokenizer.json of Hugging Face by which texts become tokens.",
        "FILE",
        "tokenizer.json beside the model, or above its folder onnx/, if there is one",
    ),
    Option(
        "text_window",
        _DATA,
        "Cut samples of N tokens out of the whole text, without tokens of the tokenizer's own at "
        "their ends.",
        "N",
        "each line is a sample",
    ),
    Option("samples", _DATA, "Use N samples, spread evenly over all the data.", "N", "all"),
    Option(
        "batch_size",
        _DATA,
        "Samples per inference while calibrating; more than one needs a model with a dynamic first "
        "axis. It does not change the statistics.",
        "N",
    ),
    Option(
        "image_preset",
        _IMAGES,
        "Shorter side to 256, centre 224 x 224, RGB, then (pixel / 255 - mean) / std of ImageNet "
        "(imagenet-torch) or (pixel - 127.5) / 127.5 (imagenet-tf); or what a "
        "preprocessor_config.json of Hugging Face says. The options below replace its parts.",
        "NAME|FILE",
        "preprocessor_config.json beside the model, or above its folder onnx/, if there is one; "
        "none leaves it unread",
    ),
    Option(
        "image_fit",
        _IMAGES,
        "How an image gets the model's height and width: crop resizes the shorter side and cuts "
        "out the centre; stretch resizes both sides; pad resizes the longer side and adds borders "
        "(letterbox); none feeds it as large as it is.",
    ),
    Option(
        "image_size",
        _IMAGES,
        "Resize the shorter side to this length; with --image-fit stretch or pad, the image to "
        "this square, or height x width.",
        "PIXELS|HxW",
        "the model's height and width, if --image-crop is not given",
    ),
    Option(
        "image_crop",
        _IMAGES,
        "Cut out the centre, a square or height x width.",
        "PIXELS|HxW",
        "the model's height and width",
    ),
    Option("image_fill", _IMAGES, "Colour of the borders, 0 to 255.", "C[,C,C]"),
    Option("image_filter", _IMAGES, "How pixels are interpolated, as Pillow does it."),
    Option(
        "image_mean",
        _IMAGES,
        "Subtract this from each pixel (0 to 255); one number, or one per channel.",
        "M[,M,M]",
        "0 if --image-std is given",
    ),
    Option(
        "image_std",
        _IMAGES,
        "Then divide by this, in the same units; 255 alone feeds 0 to 1.",
        "S[,S,S]",
        "1 if --image-mean is given",
    ),
    Option("image_order", _IMAGES, "Order of the colours."),
    Option(
        "image_exif",
        _IMAGES,
        "Turn photographs upright, as their EXIF orientation says; torchvision leaves them as they "
        "are stored.",
    ),
    Option(
        "image_layout", _IMAGES, "Place of the channel axis; auto: as the model's shape has it."
    ),
    Option(
        "labels",
        _IMAGES,
        "CSV with the columns file and label; only files that it lists are used.",
        "FILE",
        "labels.csv in the folder or its parent, else the folders that the images lie in, if there "
        "are several",
    ),
)
"""In the order of the help."""
