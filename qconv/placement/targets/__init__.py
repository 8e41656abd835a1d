"""What each runtime takes: one table a file, in the words of ``table.py``."""
