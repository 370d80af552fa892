"""The password store and KV store.

Splunk REST API reference, "storage/passwords" and "KV store endpoint descriptions".
"""

import json
import re
from typing import Any, List, Optional

from werkzeug.wrappers import Response

from ..refusal import Refusal
from ..stores.conf import NOBODY, Settings
from ..stores.kvstore import MAX_BATCH_SAVE_BYTES, MAX_QUERIES_PER_BATCH, READY, Collection, check_definition
from ..stores.secrets import Secret
from . import objects
from .entries import Entry, json_response
from .objects import Kind
from .routing import ANY, Call, route

_PASSWORDS, _COLLECTIONS = "storage/passwords", "storage/collections/config"
_DATA = "storage/collections/data/<collection>"
_COLLECTION_NAME = re.compile(r"[A-Za-z0-9_\-.]{1,80}")


def _password(call: Call, secret: Secret) -> Entry:
    return Entry(
        _PASSWORDS,
        secret.name,
        {
            "clear_password": call.splunkd.secrets.clear(secret),
            "encr_password": secret.encrypted,
            "password": "********",
            "realm": secret.realm,
            "username": secret.username,
        },
        secret.app,
        sharing="app",
        removable=True,
    )


@route("GET", _PASSWORDS, capability="list_storage_passwords")
def passwords(call: Call) -> Response:
    return call.feed([_password(call, secret) for secret in call.splunkd.secrets.list(call.app)])


@route("POST", _PASSWORDS, "name", "password", "realm", capability="edit_storage_passwords")
def create_password(call: Call) -> Response:
    secret = call.splunkd.secrets.create(
        call.app, call.argument("name"), call.argument("realm", ""), call.argument("password")
    )
    return call.entry(_password(call, secret), 201)


@route("GET", _PASSWORDS + "/<name>", capability="list_storage_passwords")
def password(call: Call, name: str) -> Response:
    return call.entry(_password(call, call.splunkd.secrets.get(call.app, name)))


@route("POST", _PASSWORDS + "/<name>", "password", capability="edit_storage_passwords")
def change_password(call: Call, name: str) -> Response:
    call.splunkd.secrets.change(call.app, name, call.argument("password"))
    return call.entry(_password(call, call.splunkd.secrets.get(call.app, name)))


@route("DELETE", _PASSWORDS + "/<name>", capability="edit_storage_passwords")
def remove_password(call: Call, name: str) -> Response:
    call.splunkd.secrets.remove(call.app, name)
    return call.done()


_CONFIG = Kind(_COLLECTIONS, "collections", objects.content)
_CONFIG_ARGUMENTS = ("field.*", "accelerated_fields.*", "enforceTypes", "replicate", "disabled")


def _checked_definition(call: Call, before: Optional[Settings]) -> Settings:
    if call.owner != NOBODY:
        raise Refusal(
            400,
            "Must use user context of 'nobody' when interacting with collection configurations "
            "(used user='%s')" % call.owner,
        )
    if before is None and not _COLLECTION_NAME.fullmatch(call.argument("name")):
        raise Refusal(400, "Invalid collection name '%s'." % call.argument("name"))
    settings = call.settings("name")
    check_definition({**(before or {}), **settings})
    return settings


def _check_owner(call: Call) -> None:
    if call.namespaced and call.owner not in (NOBODY, ANY):
        raise Refusal(
            400,
            "Must use user context of 'nobody' when interacting with collection configurations "
            "(used user='%s')" % call.owner,
        )


@route("GET", _COLLECTIONS)
def definitions(call: Call) -> Response:
    _check_owner(call)
    return _CONFIG.feed(call, objects.visible(call, "collections"))


@route("GET", _COLLECTIONS + "/<name>")
def definition(call: Call, name: str) -> Response:
    _check_owner(call)
    return objects.named(call, _CONFIG, name)


objects.writing(_CONFIG, _CONFIG_ARGUMENTS, _checked_definition)
objects.switching(_CONFIG)
objects.permissions(_CONFIG)


@route("DELETE", _COLLECTIONS + "/<name>")
def remove_collection(call: Call, name: str) -> Response:
    app = objects.one(call, "collections", name).app
    answer = objects.remove(call, "collections", name)
    call.splunkd.kvstore.drop(app, name)
    return answer


def _opened(call: Call, name: str, right: str) -> Collection:
    if not call.namespaced or ANY in (call.owner, call.app):
        raise Refusal(400, "KV store needs a namespace with an owner and an app.")
    if call.owner not in (NOBODY, call.session.user) and not call.is_admin:
        call.forbid()
    opened = call.splunkd.kvstore.collection(call.app, name, call.owner)
    if not call.may_read("collections", name, opened.app):
        raise Refusal(404, "Could not find collection with name=%s in app=%s" % (name, call.app))
    if right == "write":
        call.check_write("collections", name, opened.app)
    return opened


def _query(call: Call) -> Any:
    return _parsed(call.arguments.get("query", "{}"))


def _parsed(text: str) -> Any:
    try:
        return json.loads(text or "{}")
    except ValueError:
        raise Refusal(400, "JSON in the query is invalid. ( JSON parse error )") from None


@route("GET", _DATA, "query", "fields", "limit", "skip", "sort")
def find(call: Call, collection: str) -> Response:
    found = _opened(call, collection, "read").find(
        _query(call),
        sort=call.argument("sort", ""),
        fields=call.argument("fields", ""),
        skip=call.whole("skip", 0),
        limit=call.whole("limit", 0),
    )
    return json_response(found)


@route("POST", _DATA, raw_body=True)
def insert(call: Call, collection: str) -> Response:
    return json_response({"_key": _opened(call, collection, "write").insert(call.body_json())}, 201)


@route("DELETE", _DATA, "query")
def delete(call: Call, collection: str) -> Response:
    _opened(call, collection, "write").delete(_query(call))
    return Response(status=200)


@route("POST", _DATA + "/batch_save", raw_body=True)
def batch_save(call: Call, collection: str) -> Response:
    if len(call.request.get_data()) > MAX_BATCH_SAVE_BYTES:
        raise Refusal(400, "The request exceeds the limit that max_size_per_batch_save_mb in limits.conf sets.")
    return json_response(_opened(call, collection, "write").save(call.body_json()))


@route("POST", _DATA + "/batch_find", raw_body=True)
def batch_find(call: Call, collection: str) -> Response:
    queries: List[Any] = call.body_json()
    if not isinstance(queries, list) or len(queries) > MAX_QUERIES_PER_BATCH:
        raise Refusal(400, "batch_find takes an array of at most %d queries." % MAX_QUERIES_PER_BATCH)
    opened = _opened(call, collection, "read")
    options = ("query", "fields", "sort", "limit", "skip")
    for query in queries:
        for name in query:
            if name not in options:
                raise Refusal(400, "Unknown option '%s' of a query." % name)
    return json_response([opened.find(**query) for query in queries])


@route("GET", _DATA + "/<key>")
def document(call: Call, collection: str, key: str) -> Response:
    return json_response(_opened(call, collection, "read").get(key))


@route("POST", _DATA + "/<key>", raw_body=True)
def replace(call: Call, collection: str, key: str) -> Response:
    _opened(call, collection, "write").replace(key, call.body_json())
    return json_response({"_key": key})


@route("DELETE", _DATA + "/<key>")
def delete_document(call: Call, collection: str, key: str) -> Response:
    _opened(call, collection, "write").delete_one(key)
    return Response(status=200)


@route("GET", "kvstore/status")
def status(call: Call) -> Response:
    state = call.splunkd.kvstore.status
    return call.feed(
        [
            Entry(
                "kvstore/status",
                "status",
                {
                    "current": {
                        "status": state,
                        "replicationStatus": "KV store captain" if state == READY else "Startup",
                        "standalone": True,
                        "disabled": False,
                    }
                },
            )
        ]
    )
