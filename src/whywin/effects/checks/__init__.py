"""One file a check: a frozen dataclass whose fields are its settings. Found by file name; nothing lists them."""
