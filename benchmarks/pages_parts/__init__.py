"""Parts of benchmarks/pages.py: the default book, the server, and what is measured in the browser."""
