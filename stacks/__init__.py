"""How this deployment groups the library's constructs; the settings; where files lie."""
