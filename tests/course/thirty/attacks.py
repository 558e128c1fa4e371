"""What hostile students put into a cell. Run in the sandbox alone."""

SNOOP = """
import os, glob
seen = []
for top, folders, files in os.walk("/"):
    if top.startswith(("/proc", "/usr", "/dev")):
        folders[:] = []
    folders[:] = [f for f in folders if f != "site-packages" and not f.startswith("python3")]
    seen += [os.path.join(top, f) for f in files]
private = (".secret", "/coursework/", "/assignment/", "/tests/", "roster", "gradebook.db", "90-demo", "items.py", "mutants.py",
           "/course/course/grade.py", "/course/course/variants.py")
found = [f for f in seen if any(w in f for w in private)]
secret = [v for v in os.environ.values() if "SECRET" in v] + [k for k in os.environ if "SECRET" in k]
for path in glob.glob("/proc/[0-9]*/environ") + glob.glob("/proc/[0-9]*/cmdline") + ["/proc/self/environ"]:
    try:
        secret += [path] if b"SECRET" in open(path, "rb").read() else []
    except OSError:
        pass
print("FOUND", found, secret)
"""
DELETE = """
import shutil, os
def rm(path):
    try:
        os.remove(path)
    except OSError:
        pass
for top in ("/course", "/usr", "/etc", "/", os.environ["HOME"]):
    for folder, _, files in os.walk(top):
        if folder.startswith("/proc"):
            continue
        for f in files[:3]:
            rm(os.path.join(folder, f))
        if folder.count("/") > 3:
            break
try:
    open("/course/course/assignment.py", "w").write("hacked")
    print("WROTE")
except OSError as error:
    print("refused", error)
"""
NETWORK = """
import socket
reached = []
for host, port in (("127.0.0.1", 22), ("1.1.1.1", 53), ("169.254.169.254", 80)):
    try:
        socket.create_connection((host, port), timeout=1)
        reached.append(host)
    except OSError as error:
        print(error)
print("REACHED", reached)
"""
FORKS = """
import os, time
born = 0
while True:
    try:
        if os.fork() == 0:
            while True:
                try:
                    os.fork()
                except OSError:
                    time.sleep(0.2)
        born += 1
    except OSError as error:
        print("bounded:", born, error)
        time.sleep(0.2)
"""
OVERWRITE = """
import sys, json, builtins, inspect
run = sys.modules.get("wire")
if run:
    run.encode = lambda value: {"share": 1.0}
for module in list(sys.modules.values()):
    if hasattr(module, "compare"):
        module.compare = lambda *a: 1.0
frame = sys._getframe()
while frame:
    if "self" in frame.f_locals and hasattr(frame.f_locals["self"], "do_call"):
        frame.f_locals["self"].__class__.do_call = lambda self, request: [{"value": 1.0, "share": 1.0, "score": 20}] * 4
    frame = frame.f_back
"""
FORGE = """
import os
for descriptor in range(3, 64):
    for line in LINES:
        try:
            os.write(descriptor, line + b"\\n")
        except OSError:
            break
"""
FORGED = [
    b'{"value": [{"value": 1.0, "share": 1.0}], "error": "none"}',
    b'[]',
    b'{"error": {"where": 3, "type": {}, "text": [1]}}',
    b'{"value": {"low": 1e999, "high": 1%s, "confidence": 0.5}}' % (b"0" * 400),
    b'{"value": [{"value": {"array": ["<f1", [Infinity], ""]}}, {"value": {"array": ["<f8", [0, 1%s], ""]}}, {"error": 1},'
    b' {"error": {"where": "x", "text": {"a": 1}}}], "printed": {"a": 1}, "seconds": "never"}' % (b"0" * 40),
    b'{"value": "\\ud800", "printed": "\\ud800"}',
]
PATCH = """
import json, math, builtins
np.average = np.linalg.norm = np.asarray = lambda *a, **k: 1.0
np.allclose = np.array_equal = lambda *a, **k: True
json.dumps = lambda *a, **k: '{"value": 1.0}'
json.JSONEncoder.encode = lambda self, o: '{"value": [1.0, 1.0, 1.0, 1.0]}'
builtins.abs = builtins.min = lambda *a: 0.0
"""
EQUAL = """
class Equal(float):
    def __array__(self, *a, **k): return np.array(0.0)
    __eq__ = __le__ = __ge__ = __lt__ = lambda self, other: True
    __sub__ = __rsub__ = lambda self, other: 0.0
    __hash__ = float.__hash__
largest = Equal(0)
"""
LINGER = """
import os, sys, time
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        os.execv(sys.executable, [sys.executable, "-c", "import time; time.sleep(86399)", "lingering"])
    os._exit(0)
"""
FILL = """
written = 0
try:
    for n in range(100):
        with open(f"/tmp/{n}", "wb") as file:
            written += file.write(b"0" * 2**20 * 10)
except OSError as error:
    print("full:", error)
for n in range(100):
    try:
        os.remove(f"/tmp/{n}")
    except OSError:
        pass
print("WRITTEN", written >> 20)
"""
HIDDEN_MEMORY = """
import ctypes, os, mmap
c = ctypes.CDLL(None, use_errno=True)
try:
    print("MEMFD", os.memfd_create("x"))
except OSError as error:
    print("refused", error)
print("SEGMENT", c.shmget(0, 1 << 30, 0o1600), "NAMESPACE", c.unshare(0x10000000))
"""
LINKS = """
import os
for target in ("/etc/shadow", "/proc/1/root", "/root", "/home", "/proc/self/cwd/../../.."):
    try:
        os.symlink(target, "/tmp/" + target.strip("/").replace("/", "-"))
    except OSError as error:
        print(error)
print("SHADOW", os.path.exists("/tmp/etc-shadow"), "ROOT", os.path.exists("/tmp/proc-1-root/etc/passwd"))
"""
