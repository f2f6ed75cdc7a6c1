"""Forms of files that state two cameras, one module each: how it is recognised, read and written."""
