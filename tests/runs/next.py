"""
Runs the suite on a Python that this machine doesn't have, in a Debian that has it.

    make test-next        or: make test-next NEXT=3.15 SUITE="-q -k tls"

That Debian is a folder, build/next/VERSION/root, which debootstrap fills once, with the release that
is to come, or RELEASE=sid. The tree is mounted in it, so that what runs is the tree as it is, but with
a build folder of its own, build/next/VERSION/build: what is built there may not run here. Compiled
modules have names of their own. Needs Linux, root and debootstrap.

Key decision: whatever is mounted is mounted in a namespace of its own (unshare), which ends with
its processes, however they end. So nothing that removes the folder can get through a mount.
"""

import os
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]

SUITE = shlex.split(os.environ.get("SUITE", "-q"))
TOOLS = "ca-certificates,gcc,libc6-dev,make,openssl,procps,zlib1g-dev"

# How the machine reaches its network, and which authorities it trusts.
NETWORK = ["etc/pip.conf", "etc/resolv.conf", "etc/ssl/certs/ca-certificates.crt"]
PASSED_ON = ("PIP_", "SSL_", "WEBSOCKETS_", "http_proxy", "https_proxy", "no_proxy", "SCHEDULES")

INSIDE = """
set -e
mount --rbind /dev "$1/dev"
mount -t proc proc "$1/proc"
mount --bind "$2" "$1/tree"
mount --bind "$3" "$1/tree/build"
root=$1
shift 3
exec chroot "$root" env --chdir=/tree "$@"
"""


class Debian:
    """
    A Debian in a folder.

    Arguments:
        version: of Python that it has, such as "3.14".
        release: of Debian, one that has this Python.
    """

    def __init__(self, version, release):
        self.version = version
        self.release = release
        self.folder = ROOT / "build" / "next" / version
        self.root = self.folder / "root"
        self.build = self.folder / "build"

    def make(self):
        """Fill the folder, if that hasn't been done."""
        made = self.folder / "made"
        if made.exists():
            return
        shutil.rmtree(self.root, ignore_errors=True)
        self.folder.mkdir(parents=True, exist_ok=True)
        python = f"python{self.version}"
        packages = f"{python},{python}-dev,{python}-venv,{TOOLS}"
        log = self.folder / "debootstrap.log"
        print(f"fetching Python {self.version}, which takes minutes: {log}", flush=True)
        command = ["unshare", "--mount", "debootstrap", "--variant=minbase"]
        command += [f"--include={packages}", self.release, self.root]
        with log.open("wb") as output:
            if subprocess.run(command, stdout=output, stderr=output).returncode:
                sys.exit(f"debootstrap failed, see {log}")
        (self.root / "tree").mkdir()
        made.touch()

    def connect(self):
        """Have programs in the folder reach the network as those of this machine do."""
        self.build.mkdir(exist_ok=True)
        for name in NETWORK:
            if Path("/", name).exists():
                (self.root / name).unlink(missing_ok=True)
                shutil.copy("/" + name, self.root / name)

    def run(self, *command):
        """Run a command in the folder, and return its exit status."""
        environment = {
            "EXCEPT": "build or programs",  # they need more than there is
            "HOME": "/root",
            "LANG": "C.UTF-8",
            "PATH": "/usr/sbin:/usr/bin:/sbin:/bin",
            **{name: value for name, value in os.environ.items() if name.startswith(PASSED_ON)},
        }
        inside = ["unshare", "--mount", "sh", "-c", INSIDE, "sh", self.root, ROOT, self.build]
        return subprocess.run([*inside, *command], env=environment).returncode


def main():
    if sys.platform != "linux" or os.geteuid() != 0 or not shutil.which("debootstrap"):
        sys.exit("This needs Linux, root and debootstrap.")
    version = os.environ.get("NEXT", "3.14")
    debian = Debian(version, os.environ.get("RELEASE", "testing"))
    debian.make()
    debian.connect()
    venv = "build/environment"
    tree = ["make", f"VENV={venv}", f"PYTHON=python{version}", f"{venv}/dev", f"{venv}/built"]
    sys.exit(debian.run(*tree) or debian.run(f"{venv}/bin/python", "tests/runs/both.py", *SUITE))


if __name__ == "__main__":
    main()
