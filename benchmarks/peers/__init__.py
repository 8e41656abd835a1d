"""INT8 files of other tools beside qconv's: same model, same data, one table."""
