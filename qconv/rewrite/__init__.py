"""Writers of quantized graphs; they obey the Plan."""
