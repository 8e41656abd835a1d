"""Small drawings as SVG, coloured by the classes of the page's style sheet."""
