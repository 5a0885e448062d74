"""A whole local stack: the embedded AWS with the desk deployed to it, the outside world, the console. Up, down, what
runs.

    .local/
      processes.json   what we started          deployed.json   what is deployed, by the digest of what made it
      ports.json       those of the last `up`   prices.json, exchange.json, mixin.json, …   the outside's
      state/           the embedded AWS's: services/, whole, and journal/, what has changed since
      logs/            of every process         cdk.out/        the template

`up` does only what is not done, in this order; each step finds out by itself whether it is.
"""

from __future__ import annotations

import contextlib
import fcntl
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from typing import Protocol

import httpx

from local import deployment, seed
from local.deployment import Deployment
from local.environment import ROOT, LocalEnvironment
from local.processes import Book, PortTaken, Process, free_port_after, start, stop, taken_by
from local.seed import Desk

AWS, PRICES, EXCHANGE, CUSTODY, BANK = "embedded AWS", "price source", "exchange", "custody", "bank"
CAMPAIGNS, BILLING = "campaigns", "billing system"
DOCS = "docs page"  # and the console: local/front.py
TAKE_PAYMENTS = "cryptodesk-billing-take-payments"  # the function: Kafka waits for it until it is there
OPENAPI = ROOT / "docs" / "openapi.json"
WEB = ROOT / "web"
SITE = ROOT / "build" / "site"
# The embedded AWS before whom its functions ask; the custody and the campaigns before the exchange that they ask.
STOPPING_ORDER = (DOCS, AWS, BANK, BILLING, CAMPAIGNS, CUSTODY, EXCHANGE, PRICES)


class Busy(RuntimeError):
    """Another `up` or `down` of the same folder is at work."""


class Progress(Protocol):
    """Told what is being done; what is done quickly or already is told in few words."""

    def step(self, what: str) -> AbstractContextManager[Callable[[str], None]]:
        """A step that may take a while; call what it gives with the outcome."""
        ...


class Silent:
    """Progress that nobody watches."""

    @contextmanager
    def step(self, what: str) -> Iterator[Callable[[str], None]]:  # noqa: ARG002
        yield lambda _: None


@dataclass(frozen=True)
class LocalStack:
    environment: LocalEnvironment

    def up(self, progress: Progress) -> Desk:
        """Raises PortTaken, DidNotStart, DeploymentFailed, SeedingFailed, CanNotBundle, Busy."""
        with self._alone():
            self._must_be_free()
            self.environment.remember()
            self._start(progress, AWS)
            self._start(progress, PRICES)
            self._start(progress, EXCHANGE)
            self._start(progress, CUSTODY)
            self._start(progress, CAMPAIGNS)
            self._start(progress, BILLING)
            desk = Desk(self.environment, self._deploy(progress))
            self._start(progress, BANK, desk.api_url)
            self._start(
                progress,
                DOCS,
                desk.api_url,
                desk.deployment.console_client_id,
                desk.deployment.operator_console_client_id,
            )
            with progress.step("seed") as tell:
                done = seed.seed(desk)
                tell(", ".join(done) if done else "all there")
            return desk

    def down(self, progress: Progress) -> list[str]:
        """Stop what `up` started, and nothing else; returns what that was. Raises Busy."""
        with self._alone():
            running, stopped = self._book.read(), []
            for name in STOPPING_ORDER:
                if name in running:
                    with progress.step(f"stop the {name}") as tell:
                        tell("stopped" if stop(running[name]) else "did not stop; killed")
                    stopped.append(name)
                    self._book.remove(name)
            return stopped

    def running(self) -> dict[str, Process]:
        return self._book.read()

    def desk(self) -> Desk | None:
        """The desk that is up, if one is; the code may have changed since."""
        found = deployment.deployed(self.environment) if AWS in self.running() else None
        return None if found is None else Desk(self.environment, found)

    @property
    def _book(self) -> Book:
        return Book(self.environment.folder / "processes.json")

    @contextmanager
    def _alone(self) -> Iterator[None]:
        self.environment.folder.mkdir(parents=True, exist_ok=True)
        with (self.environment.folder / "lock").open("w") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise Busy(f"another up or down of {self.environment.folder} is at work; wait for it") from None
            yield

    def _must_be_free(self) -> None:
        """All ports, before anything is started, or stopped to be started elsewhere. Raises PortTaken."""
        ports, running = self.environment.ports, self._book.read()
        ours = {process.port for process in running.values()}
        clashes, instead = [], dict(ports)
        chosen: dict[int, str] = {}
        for setting, port in ports.items():
            owner = chosen.get(port) or (None if port in ours else taken_by(port))
            chosen.setdefault(port, setting.upper())
            if owner is not None:
                clashes.append(f"  {setting.upper()}={port} is taken by {owner}")
                instead[setting] = free_port_after(port, {*instead.values(), *ours})
        if clashes:
            without = LocalEnvironment.remembered(self.environment.folder).ports
            told = [f"{s.upper()}={port}" for s, port in instead.items() if port != without[s]]
            raise PortTaken("\n".join(["ports are taken:", *clashes, f"Stop those, or: make up {' '.join(told)}"]))

    def _start(self, progress: Progress, name: str, *more: str) -> None:
        arguments, port, url = self._told(name, *more)
        running = self._book.read().get(name)
        if running is not None and running.port == port and _same(running, arguments):
            return
        with progress.step(f"start the {name}") as tell:
            if running is not None:  # on another port, or with other settings
                stop(running)
            process = start(
                name,
                arguments,
                port=port,
                answers=lambda: _answers(url),
                log=self.environment.folder / "logs" / f"{name.replace(' ', '-').lower()}.log",
                cwd=ROOT,
                environment=self.environment.environment(),
            )
            self._book.add(name, process)
            tell(f"on port {port}")

    def _told(self, name: str, api_url: str = "", *clients: str) -> tuple[list[str], int, str]:
        """How a process is started, on which port, and where it answers."""
        environment, folder = self.environment, self.environment.folder
        match name:
            case "embedded AWS":
                port, url = environment.port, f"{environment.aws_url}/_ministack/ready"
                arguments = ["local.embedded_aws", "--state", str(folder / "state")]
            case "price source":
                port, url = environment.prices_port, f"{environment.prices_url}/sandbox/state"
                arguments = ["sandbox.prices", "--state", str(folder / "prices.json")]
            case "exchange":
                port, url = environment.exchange_port, f"{environment.exchange_url}/api/v3/ping"
                arguments = ["sandbox.exchange", "--state", str(folder / "exchange.json")]
                arguments += ["--prices-url", environment.prices_url]
            case "custody":
                port, url = environment.mixin_port, f"{environment.mixin_url}/sandbox/state"
                arguments = ["sandbox.mixin", "--state", str(folder / "mixin.json")]
                arguments += ["--exchange-url", environment.exchange_url]
            case "campaigns":
                port, url = environment.hufi_port, f"{environment.hufi_url}/sandbox/state"
                arguments = ["sandbox.hufi", "--state", str(folder / "hufi.json")]
                arguments += ["--exchange-url", environment.exchange_url]
            case "billing system":
                port, url = environment.billing_port, f"{environment.billing_url}/sandbox/state"
                arguments = ["sandbox.billing", "--state", str(folder / "billing.json")]
                arguments += ["--function", TAKE_PAYMENTS, "--aws-url", environment.aws_url]
            case "bank":
                port, url = environment.bank_port, f"{environment.bank_url}/sandbox/state"
                arguments = ["sandbox.bank", "--state", str(folder / "bank.json")]
                arguments += ["--webhook-url", f"{api_url}/webhooks/baas"]
            case _:
                port, url = environment.docs_port, environment.docs_url
                customers, operators = clients
                arguments = ["local.front", "--web", str(WEB), "--openapi", str(OPENAPI), "--site", str(SITE)]
                arguments += ["--api-url", api_url, "--aws-url", environment.aws_url]
                arguments += ["--customers", customers, "--operators", operators]
        return [arguments[0], "--port", str(port), *arguments[1:]], port, url

    def _deploy(self, progress: Progress) -> Deployment:
        with progress.step("build the functions"):
            wanted = deployment.digest(self.environment)
        found = deployment.deployed(self.environment, wanted)
        if found is not None:
            return found
        if not deployment.bootstrapped(self.environment):
            with progress.step("cdk bootstrap"):
                deployment.bootstrap(self.environment)
        with progress.step("cdk deploy"):
            return deployment.deploy(self.environment, wanted)


def _same(running: Process, arguments: list[str]) -> bool:
    return running.command.endswith(" ".join(arguments))


def _answers(url: str) -> bool:
    with contextlib.suppress(httpx.TransportError):
        return httpx.get(url, timeout=2).is_success
    return False
