"""
How this library compares with others: servers, clients, a load generator, and tables of the result.

``python -m benchmarks --help`` tells what it does, README.md how to read it.
"""
