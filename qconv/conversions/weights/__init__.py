"""How the weights of a model are read, rounded and handed on, whatever the conversion."""
