"""What the client, the receiver and the pipeline survive: freezes, forks, interruptions, and hostile pages."""

from __future__ import annotations

import ctypes
import json
import multiprocessing
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

from apikley import Apikley, CreateOutcomeUnknown, Hailuo02ImageToVideoPro
from apikley.receiver import Inbox
from contract_tests.client.test_connections import Server
from contract_tests.conftest import KEY
from contract_tests.pipeline.pages import ACME, PAGES, copy_project
from contract_tests.receiver.kills import wait_until_handled
from contract_tests.receiver.load import callbacks, send
from contract_tests.receiver.receiver_process import LEASE, log_lines, running
from scripts.benchmarks.table import Row, count_row
from scripts.pipeline import node
from scripts.pipeline.io import ROOT

FREEZES, FORKS, CREATES, INTERRUPTIONS, PAGES_TRIED = 20, 8, 50, 300, 200
_MODEL, _IMAGE = "hailuo/02-image-to-video-pro", "https://files.example.com/a.png"


def run() -> list[Row]:
    """Measure."""
    return [*freezes(), *forks(), *interruptions(), *hostile_pages()]


def freezes() -> list[Row]:
    """Freeze one of two receivers of an inbox for longer than its lease, again and again, under load."""
    chance = random.Random(3)  # noqa: S311 - not a secret
    acknowledged: list[str] = []
    with tempfile.TemporaryDirectory() as name:
        inbox, log = str(Path(name) / "inbox.db"), Path(name) / "log"  # both append to one log, so its order is real
        with running(inbox, log) as (first, _), running(inbox, log) as (_, other):
            for number in range(FREEZES):
                task_ids = [f"task_{number}_{each}" for each in range(300)]
                with ThreadPoolExecutor(1) as pool:
                    deliver = partial(send, other, callbacks(task_ids), connections=8)
                    sending = pool.submit(deliver, acknowledged=acknowledged.append)
                    time.sleep(chance.uniform(0.02, 0.2))
                    first.send_signal(signal.SIGSTOP)
                    time.sleep(2 * LEASE)
                    first.send_signal(signal.SIGCONT)
                    sending.result()
            wait_until_handled(inbox)
            time.sleep(LEASE)
        with Inbox(inbox) as opened:
            stored = {row.task_id for row in opened.rows(limit=1_000_000)}
        ended: set[str] = set()
        again = 0
        for what, event_id in log_lines(log):
            if what == "end":
                ended.add(event_id)
            again += what == "begin" and event_id in ended
    what = f"{FREEZES} freezes for two leases, {len(acknowledged):,} callbacks acknowledged"
    return [
        count_row(f"events begun again after success ({what})", again),
        count_row("events lost after their acknowledgement", len({*acknowledged} - stored)),
    ]


def forks() -> list[Row]:
    """Fork a process that has used its client, and create and poll in all of its children."""
    server, fork = Server(), multiprocessing.get_context("fork")
    results: Any = fork.SimpleQueue()
    with Apikley(KEY, base_url=server.url) as api:
        api.get_credits()

        def child(number: int) -> None:
            wrong = 0
            for _ in range(CREATES):
                task = api.create_raw({"model": _MODEL, "input": {"prompt": f"c{number}", "image_url": _IMAGE}})
                wrong += not task.id.endswith(f"-c{number}") or api.get_task(task.id).id != task.id
            results.put(wrong)

        children = [fork.Process(target=child, args=(number,)) for number in range(FORKS)]
        for process in children:
            process.start()
        wrong = sum(results.get() for _ in children)
        for process in children:
            process.join()
    server.close()
    return [count_row(f"creates and polls of {FORKS * CREATES} in {FORKS} forks that got another one's task", wrong)]


class _Thrown(Exception):
    """Thrown into a thread, like the time limit of a task queue."""


def interruptions() -> list[Row]:
    """Throw an exception into a thread at a random moment of a create."""
    server, chance = Server(delay=0.004), random.Random(4)  # noqa: S311 - not a secret
    silent = sent = 0
    with Apikley(KEY, base_url=server.url, max_retries=0) as api:
        for number in range(INTERRUPTIONS):
            kind: type[BaseException] = KeyboardInterrupt if number % 2 else _Thrown
            errors: list[BaseException] = []
            before = len(server.used)
            thread = threading.Thread(target=_create, args=(api, errors))
            thread.start()
            time.sleep(chance.uniform(0, 0.01))
            ctypes.pythonapi.PyThreadState_SetAsyncExc(ctypes.c_ulong(thread.ident or 0), ctypes.py_object(kind))
            thread.join()
            for error in errors if len(server.used) > before else ():
                sent += 1
                notes = " ".join(getattr(error, "__notes__", ()))
                silent += not isinstance(error, CreateOutcomeUnknown) and "created and paid" not in notes
    server.close()
    what = f"{INTERRUPTIONS} exceptions thrown into a create, {sent} of them after it was sent"
    return [count_row(f"interruptions that hid a task ({what})", silent)]


def _create(api: Apikley, errors: list[BaseException]) -> None:
    try:
        try:
            api.create(Hailuo02ImageToVideoPro(prompt="a ship", image_url=_IMAGE))
        except BaseException as error:  # noqa: BLE001 - counted
            errors.append(error)
    except BaseException:  # noqa: BLE001, S110 - it came after the create
        pass


def hostile_pages() -> list[Row]:
    """Update from pages with code, templates, paths and escapes in random places, and import the client."""
    node.install()
    chance = random.Random(5)  # noqa: S311 - not a secret
    text = PAGES[ACME].read_text(encoding="utf-8")
    with tempfile.TemporaryDirectory() as name:
        folder, marker = Path(name), Path(name) / "executed"
        project, pages = copy_project(folder / "project"), folder / "pages"
        pages.mkdir()
        code = f"__import__('pathlib').Path({str(marker)!r}).touch()"
        payloads = [
            *(code, f'"""\n{code}\n"""', f"'); {code} #", f"{{{{ {code} }}}}", f"{{% set x = {code} %}}"),
            *(f"\\\n{code}\n", "../../../../etc/passwd", "\x1b]0;owned\x07", "\u202egnp.exe", "$(touch executed)"),
        ]
        for number in range(PAGES_TRIED):
            page = text.replace("acme/1-fast", f"acme/h-{number}")
            for _ in range(chance.randrange(1, 4)):
                place, payload = chance.randrange(len(page)), chance.choice(payloads)
                page = page[:place] + payload + page[place:]
            (pages / f"{number}.page.txt").write_text(page, encoding="utf-8")
        before = {path for path in folder.rglob("*") if "project" not in path.parts}
        update = "from pathlib import Path; from scripts.pipeline.update import Options, Project, update; import sys; "
        update += "update(Project(Path(sys.argv[1])), Options((sys.argv[2],)))"
        updated = _python("-c", update, str(project.root), str(pages))
        accepted = json.loads((project.openapi / "vendored" / "sources.json").read_text(encoding="utf-8"))
        imported = _python(
            "-c", "import apikley_client, apikley_client.models, apikley_contract", path=str(project.generated)
        )
        written = {path for path in folder.rglob("*") if "project" not in path.parts} - before
        shutil.rmtree(pages)
    failed = Counter("Traceback" in run.stderr for run in (updated, imported))[True]
    what = f"{PAGES_TRIED} hostile pages, {len(accepted) - 1} accepted"
    return [
        count_row(f"files written by code or paths on a page ({what})", len(written)),
        count_row("tracebacks of the update and of the import of its client", failed),
    ]


def _python(*arguments: str, path: str = "") -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, (path, str(ROOT))))}
    command = [sys.executable, *arguments]
    return subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
