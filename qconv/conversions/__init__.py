"""How each type of model is made from a prepared one: its settings, and the steps."""
