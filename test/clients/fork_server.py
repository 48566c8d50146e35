"""Runs `openstack` commands in copies of a process that has imported the client.

The import takes most of the time of a command. bin/openstack sends the commands to the socket that
is the only argument of this program; it prints a line when it can take them.
"""

import json
import os
import signal
import socket
import sys

from openstackclient import shell


def run(connection):
    """Runs the command that comes over a connection, and answers with its exit code."""
    text, files, _, _ = socket.recv_fds(connection, 1 << 16, 3)
    while not text.endswith(b"\n"):
        text += connection.recv(1 << 16)
    command = json.loads(text)
    for number, file in enumerate(files):
        os.dup2(file, number)
    os.environ.clear()
    os.environ.update(command["env"])
    os.chdir(command["cwd"])
    sys.argv = ["openstack", *command["args"]]
    try:
        code = shell.main(command["args"])
    except SystemExit as exit:
        code = exit.code
    sys.stdout.flush()
    sys.stderr.flush()
    connection.sendall(bytes([int(code or 0)]))


listener = socket.socket(socket.AF_UNIX)
listener.bind(sys.argv[1])
listener.listen()
# Nobody waits for the copies.
signal.signal(signal.SIGCHLD, signal.SIG_IGN)
print("ready", flush=True)
while True:
    connection, _ = listener.accept()
    if os.fork() == 0:
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        try:
            run(connection)
        finally:
            os._exit(1)
    connection.close()
