"""The options about data and images, as :mod:`qconv.recipe.options` has the others."""

from __future__ import annotations

from qconv.recipe.option import Option

_DATA, _IMAGES = "Data", "Images"

DATA_OPTIONS = (
    Option(
        "calibration",
        _DATA,
        "A record that qconv calibrate wrote for this model. Static int8 needs it, or --data. A "
        "record made with --values all also shows what would overflow in fp16.",
        "FILE",
    ),
    Option(
        "data",
        _DATA,
        "Samples to read: a .npz file whose arrays have the inputs' names (first axis: samples); a "
        "folder of .npz, .npy or image files, or with a folder of images for each class; an image; "
        "a .txt file; a pattern for such files ('val/*/*.jpg'); an ONNX test_data_set_* "
        "folder; or "
        "script.py:function. Repeat to join several.",
        "DATA",
    ),
    Option(
        "text",
        _DATA,
        "A text file of any name: each line is a sample, or each window of --text-window tokens. "
        "--data also takes .txt files. May be repeated.",
        "FILE",
    ),
    Option(
        "tokenizer",
        _DATA,
        "The Hugging Face tokenizer.json that turns texts into tokens.",
        "FILE",
        "tokenizer.json beside the model or beside its folder onnx/, if there is one",
    ),
    Option(
        "text_window",
        _DATA,
        "Cut the whole text into samples of N tokens, without the tokenizer's special tokens.",
        "N",
        "each line is a sample",
    ),
    Option("samples", _DATA, "Use N samples, spread evenly over all the data.", "N", "all"),
    Option(
        "batch_size",
        _DATA,
        "Samples per inference during calibration; more than one needs a model with a dynamic "
        "first axis. This does not change the statistics.",
        "N",
    ),
    Option(
        "image_preset",
        _IMAGES,
        "Resize the shorter side to 256, crop the centre 224 x 224, RGB, then (pixel / 255 - mean) "
        "/ std of ImageNet (imagenet-torch) or (pixel - 127.5) / 127.5 (imagenet-tf); or follow a "
        "Hugging Face preprocessor_config.json. The options below override its parts.",
        "NAME|FILE",
        "preprocessor_config.json beside the model or beside its folder onnx/, if there is one; "
        "none ignores it",
    ),
    Option(
        "image_fit",
        _IMAGES,
        "How to bring an image to the model's height and width: crop resizes the shorter side and "
        "cuts "
        "out the centre; stretch resizes both sides; pad resizes the longer side and adds borders "
        "(letterbox); none keeps its size.",
    ),
    Option(
        "image_size",
        _IMAGES,
        "Resize the shorter side to this length; with --image-fit stretch or pad, resize the image "
        "to this square, or height x width.",
        "PIXELS|HxW",
        "the model's height and width, if --image-crop is not given",
    ),
    Option(
        "image_crop",
        _IMAGES,
        "Crop the centre: a square, or height x width.",
        "PIXELS|HxW",
        "the model's height and width",
    ),
    Option("image_fill", _IMAGES, "Colour of the borders, 0 to 255.", "C[,C,C]"),
    Option("image_filter", _IMAGES, "How to interpolate pixels, by the names of Pillow."),
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
        "Turn photographs upright by their EXIF orientation; torchvision does not.",
    ),
    Option("image_layout", _IMAGES, "Position of the channel axis; auto: as in the model's shape."),
    Option(
        "labels",
        _IMAGES,
        "A CSV file with the columns file and label; only the files that it lists are used.",
        "FILE",
        "labels.csv in the folder or its parent, else the folders of the images, if there are "
        "several",
    ),
)
"""In the order of the help."""
