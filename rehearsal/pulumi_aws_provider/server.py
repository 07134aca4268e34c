"""The provider protocol of Pulumi over gRPC.

The engine opens one connection for each provider instance of a program, so the connection tells instances apart. It
calls Cancel at the end of every run, so Cancel ends what is waited for and not this process.
"""

from __future__ import annotations

import functools
import logging
from typing import TYPE_CHECKING, Any, NoReturn, TypeVar

import grpc
from botocore.exceptions import BotoCoreError, ClientError
from google.protobuf import any_pb2, empty_pb2
from pulumi.runtime.proto import plugin_pb2, provider_pb2, provider_pb2_grpc, status_pb2

from rehearsal.pulumi_aws_provider.account import Account, CancelledError, ConfigurationError, connect
from rehearsal.pulumi_aws_provider.catalog import RESOURCES
from rehearsal.pulumi_aws_provider.managed import made
from rehearsal.pulumi_aws_provider.resources import AlreadyThereError, PartlyMadeError, Properties, Resource
from rehearsal.pulumi_aws_provider.shapes import NotServedError
from rehearsal.pulumi_aws_provider.structs import UNKNOWN, to_dict, to_struct
from rehearsal.pulumi_aws_provider.tagging import with_default_tags

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import TypeAlias


log = logging.getLogger(__name__)

VERSION = "7.51.1"
"""The version of pulumi_aws that the resources were written after."""

_Request = TypeVar("_Request")
_Answer = TypeVar("_Answer")
if TYPE_CHECKING:
    _Method: TypeAlias = Callable[["AwsProvider", _Request, grpc.ServicerContext], _Answer]


def _answering(method: _Method[_Request, _Answer]) -> _Method[_Request, _Answer]:
    """Turn what AWS and boto3 raise into the protocol's errors; anything else is a defect, and gRPC says UNKNOWN."""

    @functools.wraps(method)
    def answer(self: AwsProvider, request: _Request, context: grpc.ServicerContext) -> _Answer:
        log.info("%s %s", method.__name__, getattr(request, "urn", "") or getattr(request, "id", ""))
        try:
            return method(self, request, context)
        except PartlyMadeError as error:
            _abort_partly_made(request, context, error)
        except ClientError as error:
            code = error.response["Error"]["Code"]
            _abort(context, _STATUS.get(code, grpc.StatusCode.UNKNOWN), f"{code}: {error}")
        except AlreadyThereError as error:
            _abort(context, grpc.StatusCode.ALREADY_EXISTS, str(error))
        except NotServedError as error:
            _abort(context, grpc.StatusCode.INVALID_ARGUMENT, str(error))
        except (BotoCoreError, CancelledError, TimeoutError, ConfigurationError) as error:
            _abort(context, grpc.StatusCode.UNKNOWN, str(error))

    return answer


_STATUS = {
    "AlreadyExistsException": grpc.StatusCode.ALREADY_EXISTS,
    "ConflictException": grpc.StatusCode.ALREADY_EXISTS,
    "EntityAlreadyExists": grpc.StatusCode.ALREADY_EXISTS,
    "QueueAlreadyExists": grpc.StatusCode.ALREADY_EXISTS,
    "ResourceAlreadyExistsException": grpc.StatusCode.ALREADY_EXISTS,
    "ResourceConflictException": grpc.StatusCode.ALREADY_EXISTS,
    "NoSuchEntity": grpc.StatusCode.NOT_FOUND,
    "NotFoundException": grpc.StatusCode.NOT_FOUND,
    "ResourceNotFoundException": grpc.StatusCode.NOT_FOUND,
    "InvalidParameterValueException": grpc.StatusCode.INVALID_ARGUMENT,
    "ValidationException": grpc.StatusCode.INVALID_ARGUMENT,
    "AccessDeniedException": grpc.StatusCode.PERMISSION_DENIED,
    "ServiceQuotaExceededException": grpc.StatusCode.RESOURCE_EXHAUSTED,
}


class AwsProvider(provider_pb2_grpc.ResourceProviderServicer):
    """The types of the catalog, by the names and rules of pulumi_aws."""

    def __init__(self) -> None:
        self._resources: dict[str, Resource] = {resource.token: resource for resource in RESOURCES}
        self._accounts: dict[str, Account] = {}

    def Handshake(
        self, request: provider_pb2.ProviderHandshakeRequest, context: grpc.ServicerContext
    ) -> provider_pb2.ProviderHandshakeResponse:
        """Say what this provider understands."""
        del request, context
        return provider_pb2.ProviderHandshakeResponse(
            accept_secrets=False, accept_resources=True, accept_outputs=True, supports_autonaming_configuration=True
        )

    def Attach(self, request: plugin_pb2.PluginAttach, context: grpc.ServicerContext) -> empty_pb2.Empty:
        """The engine tells its own address, which is not needed."""
        del request, context
        return empty_pb2.Empty()

    def GetPluginInfo(self, request: empty_pb2.Empty, context: grpc.ServicerContext) -> plugin_pb2.PluginInfo:
        """Name the version."""
        del request, context
        return plugin_pb2.PluginInfo(version=VERSION)

    def Cancel(self, request: empty_pb2.Empty, context: grpc.ServicerContext) -> empty_pb2.Empty:
        """End what this provider instance waits for."""
        del request
        if account := self._accounts.pop(context.peer(), None):
            account.cancelled.set()
        return empty_pb2.Empty()

    def CheckConfig(
        self, request: provider_pb2.CheckRequest, context: grpc.ServicerContext
    ) -> provider_pb2.CheckResponse:
        """Take the configuration as it is; Configure judges it."""
        del context
        return provider_pb2.CheckResponse(inputs=request.news)

    def DiffConfig(self, request: provider_pb2.DiffRequest, context: grpc.ServicerContext) -> provider_pb2.DiffResponse:
        """Another Region makes everything anew; nothing else does."""
        del context
        old, new = to_dict(request.old_inputs), to_dict(request.news)
        changed = sorted(name for name in {*old, *new} - {"version"} if old.get(name) != new.get(name))
        return provider_pb2.DiffResponse(
            changes=_some(changed), diffs=changed, replaces=[name for name in changed if name == "region"]
        )

    @_answering
    def Configure(
        self, request: provider_pb2.ConfigureRequest, context: grpc.ServicerContext
    ) -> provider_pb2.ConfigureResponse:
        """Keep what this provider instance is to use."""
        self._accounts[context.peer()] = connect(to_dict(request.args))
        return provider_pb2.ConfigureResponse(
            acceptSecrets=False, supportsPreview=True, acceptResources=True, acceptOutputs=True
        )

    @_answering
    def Check(self, request: provider_pb2.CheckRequest, context: grpc.ServicerContext) -> provider_pb2.CheckResponse:
        """Refuse what the real provider refuses, and add the default tags."""
        resource, inputs = self._resource(request.urn, context), to_dict(request.news)
        if resource.taggable:
            inputs = with_default_tags(inputs, self._account(context).default_tags)
        failures = [
            provider_pb2.CheckFailure(property=failure.path, reason=failure.reason)
            for failure in resource.check(inputs)
        ]
        return provider_pb2.CheckResponse(inputs=to_struct(inputs), failures=failures)

    @_answering
    def Diff(self, request: provider_pb2.DiffRequest, context: grpc.ServicerContext) -> provider_pb2.DiffResponse:
        """Say what differs and whether that makes the resource anew."""
        resource = self._resource(request.urn, context)
        ignored = set(request.ignoreChanges)
        found = [
            each
            for each in resource.diff(to_dict(request.old_inputs), to_dict(request.news))
            if each.path not in ignored
        ]
        kinds = provider_pb2.PropertyDiff.Kind
        detail = {
            each.path: provider_pb2.PropertyDiff(
                kind=kinds.Value(f"{each.kind.value}_REPLACE" if each.replaces else each.kind.value), inputDiff=True
            )
            for each in found
        }
        replaces = sorted({each.path.partition(".")[0] for each in found if each.replaces})
        return provider_pb2.DiffResponse(
            changes=_some(found),
            diffs=sorted({each.path.partition(".")[0] for each in found}),
            replaces=replaces,
            deleteBeforeReplace=bool(replaces) and resource.name_is_taken,
            detailedDiff=detail,
            hasDetailedDiff=True,
        )

    @_answering
    def Create(self, request: provider_pb2.CreateRequest, context: grpc.ServicerContext) -> provider_pb2.CreateResponse:
        """Make a resource; in a preview say which properties will be known only then."""
        resource, inputs = self._resource(request.urn, context), to_dict(request.properties)
        if request.preview:
            # Unknown, not missing: a missing one would be taken for empty by what depends on it.
            unknown = dict.fromkeys(resource.computed, UNKNOWN)
            return provider_pb2.CreateResponse(properties=to_struct({**unknown, **inputs}))
        account = self._account(context)
        resource_id = resource.create(account, inputs)
        with made(resource_id):
            outputs = self._outputs(resource, account, resource_id, inputs)
        return provider_pb2.CreateResponse(id=resource_id, properties=to_struct(outputs))

    @_answering
    def Read(self, request: provider_pb2.ReadRequest, context: grpc.ServicerContext) -> provider_pb2.ReadResponse:
        """The resource as it is. An empty id means that it is gone."""
        found = self._resource(request.urn, context).read(self._account(context), request.id, to_dict(request.inputs))
        if found is None:
            return provider_pb2.ReadResponse()
        return provider_pb2.ReadResponse(
            id=request.id, properties=to_struct(found.outputs), inputs=to_struct(found.inputs)
        )

    @_answering
    def Update(self, request: provider_pb2.UpdateRequest, context: grpc.ServicerContext) -> provider_pb2.UpdateResponse:
        """Change a resource in place."""
        resource, new = self._resource(request.urn, context), to_dict(request.news)
        old = to_dict(request.old_inputs)
        if request.preview:
            unknown = dict.fromkeys(resource.unsettled(old, new), UNKNOWN)
            return provider_pb2.UpdateResponse(properties=to_struct({**to_dict(request.olds), **new, **unknown}))
        account = self._account(context)
        resource.update(account, request.id, old, new)
        return provider_pb2.UpdateResponse(properties=to_struct(self._outputs(resource, account, request.id, new)))

    @_answering
    def Delete(self, request: provider_pb2.DeleteRequest, context: grpc.ServicerContext) -> empty_pb2.Empty:
        """Delete a resource."""
        outputs = to_dict(request.properties)
        self._resource(request.urn, context).delete(self._account(context), request.id, outputs)
        return empty_pb2.Empty()

    @staticmethod
    def _outputs(resource: Resource, account: Account, resource_id: str, inputs: Properties) -> Properties:
        found = resource.read(account, resource_id, inputs)
        if found is None:
            raise PartlyMadeError(f"{resource_id} is gone right after it was written", resource_id=resource_id)
        return found.outputs

    def _resource(self, urn: str, context: grpc.ServicerContext) -> Resource:
        token = urn.split("::")[2].rpartition("$")[2]
        if token not in self._resources:
            served = ", ".join(self._resources)
            _abort(context, grpc.StatusCode.UNIMPLEMENTED, f"{token} is not served; the attached provider has {served}")
        return self._resources[token]

    def _account(self, context: grpc.ServicerContext) -> Account:
        account = self._accounts.get(context.peer())
        if account is None:
            _abort(context, grpc.StatusCode.FAILED_PRECONDITION, "this provider instance is not configured")
        return account


def _some(changed: list[Any]) -> provider_pb2.DiffResponse.DiffChanges.ValueType:
    return provider_pb2.DiffResponse.DIFF_SOME if changed else provider_pb2.DiffResponse.DIFF_NONE


def _abort(context: grpc.ServicerContext, code: grpc.StatusCode, message: str) -> NoReturn:
    context.abort(code, message)
    raise AssertionError("abort() returned")


def _abort_partly_made(request: object, context: grpc.ServicerContext, error: PartlyMadeError) -> NoReturn:
    """Tell the engine that the resource is there though the call failed, so that the next run goes on from it."""
    inputs = to_struct(to_dict(getattr(request, "properties", None) or getattr(request, "news", None)))
    detail = any_pb2.Any()
    detail.Pack(
        provider_pb2.ErrorResourceInitFailed(
            id=error.resource_id, properties=inputs, inputs=inputs, reasons=[str(error)]
        )
    )
    code = grpc.StatusCode.UNKNOWN
    status = status_pb2.Status(code=code.value[0], message=str(error), details=[detail])
    context.set_trailing_metadata((("grpc-status-details-bin", status.SerializeToString()),))
    _abort(context, code, str(error))
