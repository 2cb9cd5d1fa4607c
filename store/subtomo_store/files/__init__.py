"""The data folder: files that appear whole, confined to their place."""
