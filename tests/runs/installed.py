"""
Tests the library that is installed, rather than the one in the tree.

    python tests/runs/installed.py compiled|pure [arguments of pytest]

Looks at the backend, and lets the two examples of README.md talk to each other. With arguments of
pytest, the suite follows: what it reads (itself, examples, documents, sources in C) is copied to a
temporary folder without the package, so that neither tests nor the processes that they start find
any other library than the one that is installed.
"""

import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
READ = ["*.md", "Makefile", "pyproject.toml", "benchmarks", "docs", "examples", "ext", "tests"]
PATIENCE = 30  # seconds until the examples have talked

ONLY = {"compiled": "WEBSOCKETS_REQUIRE_EXTENSIONS", "pure": "WEBSOCKETS_NO_EXTENSIONS"}
WHAT_RUNS = "import websockets; print(websockets.backend, websockets.__file__)"


def copy_without_package(target):
    for path in [path for pattern in READ for path in ROOT.glob(pattern)]:
        if path.is_dir():
            unwanted = shutil.ignore_patterns("__pycache__", "generated")
            shutil.copytree(path, target / path.name, ignore=unwanted)
        else:
            shutil.copy2(path, target)


def expect_backend(wanted, folder):
    command = [sys.executable, "-c", WHAT_RUNS]
    backend, path = subprocess.check_output(command, cwd=folder, text=True).strip().split(" ", 1)
    print(f"the {backend} backend is in {Path(path).parent}", flush=True)
    if ROOT / "websockets" in Path(path).resolve().parents:
        sys.exit("That is the tree, not an installation.")
    if backend != wanted:
        sys.exit(f"It should be {wanted}.")


def free_port():
    with socket.create_server(("localhost", 0)) as sock:
        return sock.getsockname()[1]


def wait_for(port, server):
    end = time.monotonic() + PATIENCE
    while server.poll() is None and time.monotonic() < end:
        try:
            return socket.create_connection(("localhost", port), timeout=PATIENCE).close()
        except ConnectionRefusedError:
            time.sleep(0.05)
    sys.exit("The server doesn't listen.")


def expect_conversation(folder):
    port = free_port()
    for name in ["echo_server.py", "echo_client.py"]:
        code = (ROOT / "examples" / name).read_text("utf-8")
        (folder / name).write_text(code.replace("8765", str(port)), "utf-8")
    server = subprocess.Popen([sys.executable, "echo_server.py"], cwd=folder)
    try:
        wait_for(port, server)
        command = [sys.executable, "echo_client.py"]
        heard = subprocess.check_output(command, cwd=folder, text=True, timeout=PATIENCE)
    finally:
        server.kill()
        server.wait()
    if heard != "Hello!\n":
        sys.exit(f"The client heard {heard!r}.")
    print("a client said Hello! to a server, and heard it again", flush=True)


def main(backend, *arguments):
    for variable in ["PYTHONPATH", "WEBSOCKETS_NO_EXTENSIONS", "WEBSOCKETS_REQUIRE_EXTENSIONS"]:
        os.environ.pop(variable, None)
    with tempfile.TemporaryDirectory() as folder:
        expect_backend(backend, folder)
        expect_conversation(Path(folder))
        if arguments:
            copy_without_package(Path(folder))
            # No test skips for want of the one backend, nor looks for the other in vain.
            os.environ[ONLY[backend]] = "1"
            # Tests that build need the package's source.
            suite = [sys.executable, "-m", "pytest", *arguments, "-m", "not build"]
            sys.exit(subprocess.run(suite, cwd=folder).returncode)


if __name__ == "__main__":
    main(*sys.argv[1:])
