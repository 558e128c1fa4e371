"""The sandbox's inside: runs one student's cells and calls the student's functions, one request at a time.

Reads a JSON line from descriptor 0, writes a JSON line to descriptor 1, until the input ends. It holds no expected
answers, so code that takes it over wins nothing but its own answers. What the cells print goes into the reply, cut.
"""

from __future__ import annotations

import ast
import builtins
import io
import json
import linecache
import os
import resource
import signal
import sys
import time
import traceback
from types import ModuleType
from typing import Any

from course.wire import decode, encode

PATIENCE = 10  # seconds on the clock for one of processor time: who sleeps is stopped, who shares the machine is not


class TimeUp(BaseException):
    """The cell's time is over. No Exception: `except Exception` must not hold it up."""


def allow(seconds: float) -> None:
    """Raise TimeUp in this process after so many seconds of its processor time, or PATIENCE times as many on the clock.

    The alarm comes again each second: code that swallows the first one meets the next. `disallow` ends it.
    """
    for number, clock, after in (
        (signal.SIGPROF, signal.ITIMER_PROF, seconds),
        (signal.SIGALRM, signal.ITIMER_REAL, PATIENCE * seconds),
    ):
        signal.signal(number, _time_up)
        signal.setitimer(clock, after, 1.0)


def disallow() -> None:
    """No alarm from here on."""
    for _ in range(5):
        try:
            for number, clock in ((signal.SIGPROF, signal.ITIMER_PROF), (signal.SIGALRM, signal.ITIMER_REAL)):
                signal.setitimer(clock, 0)
                signal.signal(number, signal.SIG_IGN)
            break
        except TimeUp:
            continue


def _time_up(*_: Any) -> None:
    raise TimeUp("the time for this is over")


class Printed(io.TextIOBase):
    """What a cell prints: the first part is kept, the rest is counted."""

    def __init__(self, limit: int) -> None:
        self.limit, self.kept, self.lost = limit, [], 0

    def writable(self) -> bool:
        return True

    def write(self, text: str) -> int:
        room = max(0, self.limit)
        self.kept.append(text[:room])
        self.limit -= len(text)
        self.lost += max(0, len(text) - room)
        return len(text)

    def __str__(self) -> str:
        return "".join(self.kept) + (f"\n[{self.lost} more characters]" if self.lost else "")


def confine(limits: dict[str, int]) -> None:
    """Lower this process's limits for good and, if it starts as root, become nobody in particular."""
    memory = limits["memory_mb"] * 2**20
    for which, most in (
        (resource.RLIMIT_AS, memory),
        (resource.RLIMIT_CPU, limits["total_seconds"] + 30),
        (resource.RLIMIT_CORE, 0),
        (resource.RLIMIT_FSIZE, limits["file_mb"] * 2**20),
        (resource.RLIMIT_NOFILE, 512),
        (resource.RLIMIT_NPROC, limits["processes"]),
    ):
        resource.setrlimit(which, (most, most))
    try:
        with open("/proc/self/oom_score_adj", "w") as file:  # where memory runs out, this process goes first
            file.write("1000")
    except OSError:
        pass
    if os.geteuid() == 0 and limits.get("uid"):
        os.setgroups([])
        os.setresgid(limits["uid"], limits["uid"], limits["uid"])
        os.setresuid(limits["uid"], limits["uid"], limits["uid"])


class Shell:
    """What `get_ipython()` gives: `%time` and its like run their statement, and what needs a terminal does nothing."""

    def __init__(self, namespace: dict[str, Any]) -> None:
        self.user_ns = namespace

    def run_line_magic(self, name: str, line: str, *_: Any, **__: Any) -> Any:
        return self._line(name, line, sys._getframe(1).f_locals)

    def run_cell_magic(self, name: str, line: str, cell: str) -> None:
        if name in ("time", "prun", "capture"):
            run_cell(cell, f"<%%{name}>", self.user_ns)

    def magic(self, line: str) -> Any:
        name, _, rest = line.lstrip("%").partition(" ")
        return self._line(name, rest, sys._getframe(1).f_locals)

    def _line(self, name: str, line: str, local: Any) -> Any:
        return run(line, f"<%{name}>", self.user_ns, local) if name in ("time", "prun") else None

    def getoutput(self, *_: Any, **__: Any) -> list[str]:
        from IPython.utils.text import SList

        return SList()

    def __getattr__(self, name: str) -> Any:
        return lambda *_, **__: None


def parsed(source: str, name: str) -> ast.Module:
    """A cell's syntax tree; what is IPython's and no Python goes through IPython's own transformer first."""
    try:
        tree = ast.parse(source, name)
    except SyntaxError:
        from IPython.core.inputtransformer2 import TransformerManager

        source = TransformerManager().transform_cell(source)
        tree = ast.parse(source, name)
    linecache.cache[name] = (len(source), None, source.splitlines(keepends=True), name)
    return tree


def run(source: str, name: str, namespace: dict[str, Any], local: Any = None) -> Any:
    """Execute a cell or a magic's statement. Returns the last line's value where that line is an expression."""
    tree = parsed(source, name)
    last = tree.body.pop() if tree.body and isinstance(tree.body[-1], ast.Expr) else None
    exec(compile(tree, name, "exec"), namespace, local)  # noqa: S102
    return None if last is None else eval(compile(ast.Expression(last.value), name, "eval"), namespace, local)


def run_cell(source: str, name: str, namespace: dict[str, Any]) -> None:
    """Execute one cell as a notebook would: the last value is printed."""
    value = run(source, name, namespace)
    if value is not None:
        print(repr(value)[:10_000])


def described(error: BaseException) -> dict[str, Any]:
    """An error as the student should read it: its line in the notebook, no frames of this file."""
    try:
        text = str(error)[:2000]
    except BaseException:  # noqa: BLE001 - a hostile __str__
        text = "(its message could not be read)"
    frames = [f for f in traceback.extract_tb(error.__traceback__) if f.filename.startswith("<")] if error.__traceback__ else []
    where = [f"{f.filename}, line {f.lineno}: {f.line}"[:300] for f in frames[-6:]]
    return {"type": type(error).__name__[:100], "text": text, "where": where}


class Runner:
    """The loop. step(request) -> reply."""

    def __init__(self, limits: dict[str, int]) -> None:
        self.limits = limits
        self.module = ModuleType("__main__")
        self.module.__dict__["display"] = lambda *values, **_: print(*values)
        shell = Shell(self.module.__dict__)
        self.module.__dict__["get_ipython"] = lambda: shell
        sys.modules["__main__"] = self.module

    def step(self, request: dict[str, Any]) -> dict[str, Any]:
        printed = Printed(self.limits["output_kb"] * 1024)
        before, begun = (sys.stdout, sys.stderr, sys.stdin), time.process_time()
        sys.stdout = sys.stderr = printed
        sys.stdin = io.StringIO()
        reply: dict[str, Any] = {}
        try:
            allow(request["seconds"])
            reply["value"] = getattr(self, "do_" + request["do"])(request)
        except BaseException as error:  # noqa: BLE001 - a student's code may raise anything
            reply["error"] = described(error)
        finally:
            disallow()
            sys.stdout, sys.stderr, sys.stdin = before
        return reply | {"printed": str(printed), "seconds": round(time.process_time() - begun, 3)}

    def do_cell(self, request: dict[str, Any]) -> None:
        run_cell(request["source"], request["name"], self.module.__dict__)

    def do_value(self, request: dict[str, Any]) -> Any:
        return encode(self._answer(request["answer"]))

    def do_call(self, request: dict[str, Any]) -> list[dict[str, Any]]:
        """Every probe, each with its own error: one bad input does not hide what the others gave."""
        function = self._answer(request["answer"])
        if not callable(function):
            raise TypeError(f"{request['answer']} is a {type(function).__name__}; expected a function.")
        found = []
        for arguments in request["probes"]:
            try:
                found.append({"value": encode(function(*decode(arguments)))})
            except TimeUp:
                raise
            except BaseException as error:  # noqa: BLE001
                found.append({"error": described(error)})
        return found

    def do_bet(self, request: dict[str, Any]) -> dict[str, Any]:
        bet = self._answer("work").bets.get(request["item"])
        if bet is None:
            raise LookupError("no bet was locked.")
        return {"low": float(bet.low), "high": float(bet.high), "confidence": float(bet.confidence), "receipt": str(bet.receipt)}

    def _answer(self, name: str) -> Any:
        if name not in self.module.__dict__:
            raise NameError(f"there is no {name} when this cell is done; define it in the cell that asks for it.")
        return self.module.__dict__[name]


def main() -> None:
    """Take the channel away from the usual descriptors, confine, then answer requests."""
    requests, replies = os.fdopen(os.dup(0), "rb"), os.fdopen(os.dup(1), "wb")
    nothing = os.open(os.devnull, os.O_RDWR)
    for standard in (0, 1, 2):
        os.dup2(nothing, standard)
    limits = json.loads(requests.readline())
    confine(limits)
    runner, dumps, loads = Runner(limits), json.dumps, json.loads
    replies.write(b'{"value": "ready"}\n')
    replies.flush()
    for line in requests:
        replies.write(dumps(runner.step(loads(line))).encode() + b"\n")
        replies.flush()


if __name__ == "__main__":
    builtins.exit = builtins.quit = sys.exit
    main()
    os._exit(0)  # threads that a cell left running end here
