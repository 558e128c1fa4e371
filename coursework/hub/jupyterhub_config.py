"""A hub on one machine for one class: students work here, nothing is graded here, and no secret comes here.

    EXPLORERS_RELEASE   folder STUDENT/ASSIGNMENT.ipynb, copied from the grading machine's OUT/release
    EXPLORERS_STUDENTS  the same names as in the roster, in a file, one a line; nobody else may log in
    EXPLORERS_VENV      environment of coursework/requirements.lock, with the library and jupyterhub
    EXPLORERS_REHEARSAL set it to try the hub alone: one password for everybody, no system accounts, homes under /tmp

Start: jupyterhub -f coursework/hub/jupyterhub_config.py
"""

import os
import pwd
import re
import subprocess
import sys
from pathlib import Path

RELEASE = Path(os.environ["EXPLORERS_RELEASE"])
VENV = Path(os.environ.get("EXPLORERS_VENV", sys.prefix))
STUDENTS = {name for name in Path(os.environ["EXPLORERS_STUDENTS"]).read_text(encoding="utf-8").split() if name}
REHEARSAL = os.environ.get("EXPLORERS_REHEARSAL", "")

c = get_config()  # noqa: F821
c.JupyterHub.bind_url = "http://127.0.0.1:8000"  # put your web server with its certificate in front of it
c.JupyterHub.cleanup_servers = True
c.Authenticator.allowed_users = STUDENTS
c.Spawner.cmd = [str(VENV / "bin" / "jupyterhub-singleuser")]
c.Spawner.default_url = "/lab"
# JAX on the CPU, and one thread a student: thirty notebooks share the machine.
c.Spawner.environment = {"JAX_PLATFORMS": "cpu", "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
c.Spawner.env_keep = ["PATH", "LANG", "LC_ALL", "VIRTUAL_ENV"]  # what EXPLORERS_* say is nobody's business
c.Spawner.notebook_dir = "~"


def hand_out(spawner) -> None:  # noqa: ANN001
    """Put what is released for this student into their home, never over something that is there already.

    The hub is root and the home is the student's, links and all: what writes there has the student's rights only.
    """
    name = spawner.user.name
    if not re.fullmatch(r"[A-Za-z0-9_-][A-Za-z0-9._-]{0,63}", name):
        raise ValueError(f"{name!r} is no name of a roster; expected letters, digits, dots, dashes, underscores.")
    home, rights = Path("/tmp") / name, {}  # where a rehearsal's spawner has its homes
    if not REHEARSAL:
        account = pwd.getpwnam(name)
        home, rights = Path(account.pw_dir), {"user": account.pw_uid, "group": account.pw_gid, "extra_groups": []}
    for notebook in sorted((RELEASE / name).glob("*.ipynb")):
        # nbgrader's layout, ASSIGNMENT/ASSIGNMENT.ipynb, ready for `nbgrader submit`
        folder = home / notebook.stem
        subprocess.run(
            [
                "/bin/sh",
                "-c",
                '[ -e "$1" ] || { umask 077 && mkdir -p "$1" && cat > "$1/$2"; }',
                "sh",
                str(folder),
                notebook.name,
            ],
            input=notebook.read_bytes(),
            cwd="/",
            check=True,
            timeout=60,
            **rights,
        )


c.Spawner.pre_spawn_hook = hand_out

if REHEARSAL:
    c.JupyterHub.authenticator_class = "shared-password"
    c.SharedPasswordAuthenticator.user_password = REHEARSAL  # at least eight characters
    c.JupyterHub.spawner_class = "simple"
