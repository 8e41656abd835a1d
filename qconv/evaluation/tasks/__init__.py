"""What models are for: boxes, texts, similarities, maps, the next token."""
