"""The region's one HTTP port: who a request is for is told by its signature's scope, for every AWS client."""

from __future__ import annotations

import logging
import uuid
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Protocol

from aurora_lab.region.api.codec.faults import Style, guess_style, write_error
from aurora_lab.region.api.codec.http import HttpRequest, HttpResponse, read_body, read_head, write
from aurora_lab.region.api.codec.select import codec_for
from aurora_lab.region.api.context import RequestContext, is_waiter
from aurora_lab.region.api.dispatch import answer
from aurora_lab.region.api.errors import AwsError, internal_failure, not_implemented
from aurora_lab.region.api.models import protocol_of
from aurora_lab.region.api.moto_mount import MotoMount
from aurora_lab.region.api.signature import Scope, read_scope
from aurora_lab.region.api.waiting import Holds
from aurora_lab.region.home import ACCOUNT, DEFAULT_REGION

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

log = logging.getLogger(__name__)

Refusal = Callable[[AwsError], HttpResponse]

BOTOCORE_NAMES = {"monitoring": "cloudwatch"}
"""Services whose signing name is not botocore's name for them."""

GLOBAL_SERVICES = {"iam": "us-east-1", "sts": "us-east-1", "s3": "us-east-1"}
"""Services that clients may sign for this Region wherever they are themselves."""


class Fallback(Protocol):
    """Services that are not the region's own."""

    def serves(self, service: str) -> bool:
        """Whether it has a service, by botocore's name."""
        ...

    def respond(self, service: str, environ: WSGIEnvironment) -> HttpResponse:
        """Answer a request. Raises AwsError."""
        ...


class Application:
    """The WSGI application. `providers` are by botocore's name of their service."""

    def __init__(
        self,
        providers: Mapping[str, object],
        fallback: Fallback,
        lab: WSGIApplication | None,
        *,
        region: str,
        account: str,
        holds: Holds,
    ) -> None:
        self._providers = dict(providers)
        self._fallback = fallback
        self._lab = lab
        self._region = region
        self._account = account
        self._holds = holds

    def __call__(self, environ: WSGIEnvironment, start: StartResponse) -> Iterable[bytes]:
        path = environ.get("PATH_INFO", "")
        if self._lab is not None and (path == "/_lab" or path.startswith("/_lab/")):
            return self._lab(environ, start)
        response = self._respond(environ, str(uuid.uuid4()))
        return write(response, start, head=environ["REQUEST_METHOD"] == "HEAD")

    def close(self) -> None:
        """Let go of the answers that are held for waiters; the region is about to stop."""
        self._holds.close()

    def _respond(self, environ: WSGIEnvironment, request_id: str) -> HttpResponse:
        request = read_head(environ)
        style = guess_style(request)
        refuse: Refusal = lambda error: write_error(error, style, request_id)  # noqa: E731
        try:
            scope = read_scope(request)
            service = BOTOCORE_NAMES.get(scope.service, scope.service)
            refuse = self._refusal(service, style, request_id)
            own = service in self._providers
            if not own and not self._fallback.serves(service):
                raise not_implemented(f"The service {scope.service}")
            self._check_region(scope, service)
            if own:
                return self._own(service, request, environ, request_id)
            return self._fallback.respond(service, environ)
        except AwsError as error:
            return refuse(error)
        except Exception:
            log.exception("request %s failed: %s %s", request_id, request.method, request.path)
            return refuse(internal_failure("the request"))

    def _refusal(self, service: str, guessed: Style, request_id: str) -> Refusal:
        """How the clients of a service read an error."""
        if service in self._providers:
            codec = codec_for(service)
            return lambda error: codec.error(error, request_id)
        # Forms and XML look alike from outside; the other protocols tell themselves by their headers.
        known = protocol_of(service) if guessed is Style.QUERY else None
        style = Style(known) if known in set(Style) else guessed
        return lambda error: write_error(error, style, request_id)

    def _check_region(self, scope: Scope, service: str) -> None:
        if scope.region not in ("", self._region, GLOBAL_SERVICES.get(service)):
            raise AwsError(
                "SignatureDoesNotMatch",
                f"Credential should be scoped to a valid Region, not '{scope.region}'. This local Aurora region "
                f"is {self._region}: set AWS_REGION and AWS_DEFAULT_REGION to it.",
                403,
            )

    def _own(
        self, service: str, head: HttpRequest, environ: WSGIEnvironment, request_id: str
    ) -> HttpResponse:
        _refuse_web_pages(head)
        codec = codec_for(service)
        request = replace(head, body=read_body(environ, codec.body_limit))
        operation = codec.operation(request)
        agent = request.header("user-agent")
        context = RequestContext(
            service=service,
            region=self._region,
            account=self._account,
            operation=operation.name,
            request_id=request_id,
            user_agent=agent,
            waiter=is_waiter(agent),
            holds=self._holds,
        )
        try:
            return answer(codec, self._providers[service], operation, request, context)
        except AwsError:
            raise
        except Exception as error:
            log.exception("request %s failed: %s of %s", request_id, operation.name, service)
            raise internal_failure(operation.name) from error


def _refuse_web_pages(request: HttpRequest) -> None:
    """Any page in the learner's browser can send requests to this port; no AWS client is a page."""
    if request.header("origin") or request.header("sec-fetch-site") in ("cross-site", "same-site"):
        raise AwsError("AccessDenied", "The local Aurora region takes no requests from web pages.", 403)


def make_app(
    providers: Mapping[str, object],
    fallback: Fallback | None = None,
    lab: WSGIApplication | None = None,
    *,
    region: str = DEFAULT_REGION,
    account: str = ACCOUNT,
    held_answers: int = 32,
) -> Application:
    """The WSGI application for one region.

    `providers` has an object for each of the region's own services, by botocore's name: a method for each
    operation it implements, `def describe_db_clusters(self, context, *, DBClusterIdentifier=None, ...)`, that
    returns the output as a dict and raises AwsError. `fallback` has the services of others (default: moto's).
    `lab` answers what is below `/_lab/`. `held_answers` is how many answers `hold` may keep at once; the HTTP
    server must have more threads than that.
    """
    return Application(
        providers, fallback or MotoMount(), lab, region=region, account=account, holds=Holds(held_answers)
    )
