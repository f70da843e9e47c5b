"""
The command line: ``python -m websockets``, or ``websockets`` where it is installed.

Owns the names of commands and their arguments. Must never know what a command does. Key decision:
what isn't a command is a URI to connect to.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from difflib import get_close_matches
from pathlib import Path
from typing import Optional

from ._core import backend
from ._terminal import client, doctor, server
from ._terminal.showing import LONGEST
from .version import distribution_version as version

__all__ = ["main"]

EXAMPLES = """\
examples:
  {prog} wss://example.com/chat       talk to a server
  {prog} serve --echo                 have a server to talk to
  {prog} serve --topic                have one where everybody hears everybody
  {prog} ws://localhost:8765          talk to that one
  {prog} doctor                       ask what is installed, and what is wrong
"""

CONNECT = f"""\
Talk to a WebSocket server: each line of standard input is sent as a message, and what arrives is
shown. The end of the input, Ctrl-D, closes the connection.

While you type, lines that begin with a slash are commands:
  /ping                    ask how long the server takes to answer
  /close [CODE [REASON]]   close the connection
  //...                    send /..., whatever it is
Lines that come from a pipe or a file are sent as they are. A terminal is shown the first {LONGEST}
characters of a message; a pipe or a file gets all of it."""

SERVE = """\
Run a server that shows each connection and each message in a line. It sends nothing unless told to.
Ctrl-C ends it."""


DOCTOR = """\
Tell what runs here and who installed it: versions, backend, event loops, zlib, TLS, optional
packages. The exit status is 1 if something is wrong, such as two distributions that were installed
over each other, or a source tree that is imported in the place of an installation."""

# What the first word is where it isn't a URI to connect to, or an option of that.
NOT_CONNECTING = ("connect", "serve", "doctor", "-h", "--help", "--version")


def port(text: str) -> int:
    """Return the number of a port; 0 lets the system choose one."""
    number = int(text)
    if not 0 <= number < 65536:
        raise ValueError
    return number


def header(text: str) -> tuple[str, str]:
    """Return the name and the value of a header."""
    name, colon, value = text.partition(":")
    if not (name.strip() and colon):
        raise ValueError
    return name.strip(), value.strip()


def commands(prog: str) -> argparse.ArgumentParser:
    """Return what understands the command line."""
    parser = argparse.ArgumentParser(
        prog=prog,
        usage=f"{prog} [-h] [--version] [connect] [OPTIONS] URI\n"
        f"       {prog} serve [-h] [OPTIONS]\n"
        f"       {prog} doctor [-h] [--json]",
        description="WebSockets in a terminal.",
        epilog=EXAMPLES.format(prog=prog),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "--version", action="version", version=f"cywebsockets {version} ({backend} backend)"
    )
    parsers = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)

    def add(name: str, summary: str, description: str, example: str) -> argparse.ArgumentParser:
        return parsers.add_parser(
            name,
            prog=f"{prog} {name}",
            help=summary,
            description=description,
            epilog=f"example: {prog} {name} {example}",
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )

    connect = add("connect", "talk to a server", CONNECT, "ws://localhost:8765")
    connect.add_argument("uri", metavar="URI", help="where to connect: ws://... or wss://...")
    connect.add_argument(
        "--header",
        dest="headers",
        action="append",
        default=[],
        type=header,
        metavar="NAME:VALUE",
        help="add a header to the request; may be repeated",
    )
    connect.add_argument(
        "--subprotocol",
        dest="subprotocols",
        action="append",
        metavar="NAME",
        help="offer a subprotocol; may be repeated, the best one first",
    )
    connect.add_argument("--origin", help="send an Origin header, as browsers do")
    trusted = connect.add_mutually_exclusive_group()
    trusted.add_argument(
        "--cacert", metavar="FILE", help="trust the certificates in a file (PEM), and no other"
    )
    trusted.add_argument(
        "--insecure", action="store_true", help="trust every certificate, a forged one as well"
    )
    connect.add_argument(
        "--no-compression",
        dest="compression",
        action="store_const",
        const=None,
        default="deflate",
        help="don't offer to compress messages",
    )
    connect.set_defaults(run=client.run)

    serve = add("serve", "have a server to talk to", SERVE, "--echo --port 8000")
    answers = serve.add_mutually_exclusive_group()
    answers.add_argument("--echo", action="store_true", help="send messages back")
    answers.add_argument(
        "--topic", action="store_true", help="send messages to everybody, who sent them as well"
    )
    serve.add_argument("--host", default="localhost", help="where to listen (%(default)s)")
    serve.add_argument("--port", type=port, default=8765, help="the port (%(default)s)")
    serve.set_defaults(run=server.run)

    examine = add("doctor", "tell what is installed, and what is wrong with it", DOCTOR, "--json")
    examine.add_argument("--json", dest="as_json", action="store_true", help="for programs")
    examine.set_defaults(run=doctor.run)
    return parser


def main(argv: Optional[Sequence[str]] = None) -> int:
    """
    Run a command.

    Arguments:
        argv: arguments, those of the command line by default.

    Returns:
        the exit status.
    """
    name = Path(sys.argv[0]).stem
    words = list(sys.argv[1:] if argv is None else argv)
    parser = commands("python -m websockets" if name == "__main__" else name)
    if words and words[0] not in NOT_CONNECTING:
        if words[0].isalpha() and (meant := get_close_matches(words[0], NOT_CONNECTING, 1)):
            parser.error(f"no command is called {words[0]}; did you mean {meant[0]}?")
        words.insert(0, "connect")
    options = vars(parser.parse_args(words))
    return int(options.pop("run")(**options))
