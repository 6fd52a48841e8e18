"""Running programs and measuring them: seconds, memory, sizes, and what machine this is."""

import json
import os
import pathlib
import platform
import subprocess
import sys
import time

HERE = pathlib.Path(__file__).resolve().parent


def say(text):
    print(text, file=sys.stderr, flush=True)


def measured(command, stdin=None, environment=None):
    """Wall seconds and peak resident bytes of a command, its output thrown away unless it fails."""
    start = time.perf_counter()
    process = subprocess.Popen([str(word) for word in command], stdin=stdin, stdout=subprocess.DEVNULL,
                               stderr=subprocess.PIPE, env=environment)
    errors = process.stderr.read()
    _, status, usage = os.wait4(process.pid, 0)
    wall = time.perf_counter() - start
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode != 0:
        sys.exit(f"{' '.join(map(str, command))} ended with {process.returncode}: {errors.decode(errors='replace')[-2000:]}")
    return wall, usage.ru_maxrss * 1024


def printed(command, environment=None):
    """What a command that must succeed prints on standard output."""
    words = [str(word) for word in command]
    done = subprocess.run(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment)
    if done.returncode != 0:
        sys.exit(f"{' '.join(words)} ended with {done.returncode}: {done.stderr[-4000:]}")
    return done.stdout


def peak_bytes(pid="self"):
    """The peak resident memory so far of a process that runs."""
    for line in pathlib.Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmHWM"):
            return int(line.split()[1]) * 1024
    return 0


def free_port():
    import socket

    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


def files_below(folder, pattern="*"):
    return [file for file in pathlib.Path(folder).rglob(pattern) if file.is_file()]


def bytes_below(folder, pattern="*"):
    return sum(file.stat().st_size for file in files_below(folder, pattern))


def sync_files(folder):
    """Syncs every file below a folder, for engines that do not."""
    for file in files_below(folder):
        descriptor = os.open(file, os.O_RDONLY)
        os.fsync(descriptor)
        os.close(descriptor)


def machine():
    model = "unknown processor"
    for line in pathlib.Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            model = line.split(":", 1)[1].strip()
            break
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    return (f"{os.cpu_count()} cores of {model}, {memory:.0f} GiB, {platform.system()} {platform.release()}, "
            f"Python {platform.python_version()}")


def program(annals):
    """Version of the program, and the commit of the checkout that the bench runs from."""
    version = printed([annals, "--version"]).strip()
    try:
        commit = subprocess.run(["git", "describe", "--always", "--dirty", "--abbrev=12"], cwd=HERE, check=True,
                                capture_output=True, text=True).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        commit = "unknown"
    return f"{version}, checkout {commit}"


def write_json(path, value):
    """Writes a file whole or not at all."""
    beside = pathlib.Path(f"{path}.new")
    beside.write_text(json.dumps(value))
    beside.replace(path)
