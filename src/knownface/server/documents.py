"""What requests and answers look like, with an example of each, for the OpenAPI description."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from knownface.server.problems import MEDIA, Busy, Problem

LARGEST_ID = 2**53  # numbers up to it are exact in every reader of JSON, and in SQLite
Id = Annotated[int, Field(ge=1, le=LARGEST_ID)]
Name = Annotated[str, StringConstraints(min_length=1, max_length=100)]
Token = Annotated[str, StringConstraints(min_length=1, max_length=64)]
Date = Annotated[str, StringConstraints(pattern=r"^(\d{4}-\d{2}-\d{2})?$")]


class Document(BaseModel):
    """The body of a request; what it does not know is refused."""

    model_config = ConfigDict(extra="forbid")


class PersonChange(Document):
    """Exactly one change of somebody. split: the faces that become `to`."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"name": "Ann"}]})
    name: Name | None = None
    born: Date | None = Field(None, description="YYYY-MM-DD; empty: none.")
    featured: Id | None = Field(None, description="The face to show.")
    merge_into: Name | None = Field(None, description="Who this person is, too.")
    split: Split | None = None


class Split(Document):
    faces: list[Id] = Field(min_length=1, max_length=10_000)
    to: Name


class UnknownChange(Document):
    """Who an unknown person is."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"name": "Bob"}]})
    name: Name


class NeverSame(Document):
    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"examples": [{"one": "Ann", "other": "Bob"}]}
    )
    one: Name
    other: Name


class Feedback(Document):
    """Of a face that was recognised in the last hour: whose it is, whose it is not, or nobody's."""

    model_config = ConfigDict(
        extra="forbid",
        populate_by_name=True,
        json_schema_extra={"examples": [{"face": "ptUPRKlFoi7dPe5-", "is": "Ann"}]},
    )
    face: Token
    is_: Name | None = Field(None, alias="is")
    not_: Name | None = Field(None, alias="not")
    nobody: bool = False


class Named(Document):
    """CompreFace's body for a subject; its client sends the address besides."""

    model_config = ConfigDict(extra="ignore", json_schema_extra={"examples": [{"subject": "Ann"}]})
    subject: Name


class Undo(Document):
    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"change": 7}]})
    change: Id | None = Field(None, description="Default: the last change.")


PersonChange.model_rebuild()

# ---------------------------------------------------------------- examples of answers
STANDING = {"dir": 0.95, "far": 0.01, "known": 40, "strangers": 100, "threshold": 0.47}
CHANGE = {
    "id": 7, "verb": "enroll", "text": "Ann has 1 photo more", "warnings": [], "before": STANDING,
    "after": STANDING, "cause": None,
}  # fmt: skip
PERSON = {
    "id": 1, "name": "Ann", "state": "known", "photos": 10, "added": 1795676762.3, "born": None,
    "featured": 1, "quality": 0.913, "alike": [{"name": "Bea", "similarity": 0.44}], "seen": 0,
    "first_seen": None, "last_seen": None,
}  # fmt: skip
UNKNOWN = PERSON | {"id": 9, "name": None, "state": "unknown", "photos": 3, "seen": 4}
FACE = {
    "id": 1, "person": 1, "box": [47.4, 16.1, 195.4, 267.1], "size": "300x300", "quality": 0.9,
    "source": "001.jpg", "digest": "8c5f…", "added": 1795676762.3, "said": True,
}  # fmt: skip
RECOGNIZED = {
    "photos": [{
        "path": "001.jpg", "error": None, "faces": [{
            "box": [47.4, 16.1, 195.4, 267.1], "name": "Ann", "similarity": 0.7128, "reason": None,
            "detail": None, "nearest": "Ann", "confidence": 0.9991, "face": "ptUPRKlFoi7dPe5-",
        }],
    }],
    "seconds": 0.031, "device": "CPU (OpenVINO, bfloat16)",
}  # fmt: skip
RECEIPT = {
    "at": 1795676762.3, "faces": 10, "photos": 10, "sightings": 0,
    "erased": ["gallery.sqlite: faces, templates, corrections, history, sightings, free pages"],
    "remains": [], "searched": {"files": 6, "bytes": 4_200_000, "found": 0}, "written_again": [],
}  # fmt: skip
ENTRY = {
    "id": 7, "at": 1795676762.3, "actor": "http", "verb": "enroll", "text": "Ann has 1 photo more",
    "undone": False, "undoes": True,
}  # fmt: skip

SENTENCES = {
    400: "There was an error parsing the body",
    401: "A valid key is needed: send it as `Authorization: Bearer KEY`",
    403: "This key may recognise only; use one that may manage",
    404: "nobody is called 'Ann'; known are Bea, Bob",
    408: "The request took longer than 60 s to come",
    409: "Ann and Bob were said to be two people, so they are not merged",
    413: "A photo may have 25 MiB; send a smaller one",
    415: "Send a photo as multipart/form-data, in the field `photo`",
    421: "'example.org' is no name of this server",
    422: "001.jpg: no face was found; left out",
    429: "128 of your photos are waiting already, and 128 may; wait for their answers",
    503: "256 photos are waiting; ask again in a moment",
}
ALWAYS = (400, 401, 403, 408, 413, 421, 422, 503)
PROBLEM_SCHEMA = {
    "type": "object",
    "title": "Problem",
    "description": "RFC 9457",
    "required": ["type", "title", "status", "detail"],
    "properties": {
        "type": {"type": "string"}, "title": {"type": "string"},
        "status": {"type": "integer"}, "detail": {"type": "string"},
    },
}  # fmt: skip

COMPREFACE_SCHEMA = {
    "type": "object",
    "required": ["message", "code"],
    "properties": {"message": {"type": "string"}, "code": {"type": "integer"}},
}


def answers(
    example: Any, *statuses: int, media: str = "application/json", success: int = 200,
    as_compreface: bool = False,
) -> dict[Any, Any]:  # fmt: skip
    """The `responses` of a route: an example of success, and of each problem that it may have.

    as_compreface: problems have its shape, and 400 stands for 422.
    """
    said: dict[Any, Any] = {success: {"content": {media: {"example": example}}}}
    for status in sorted({*ALWAYS, *statuses}):
        said[status] = _problem(status, as_compreface)
    return said


def _problem(status: int, as_compreface: bool) -> dict[str, Any]:
    retry = {"Retry-After": {"schema": {"type": "integer"}, "description": "Seconds."}}
    problem = Problem(status, SENTENCES[status])
    shown: dict[str, Any] = {MEDIA: {"schema": PROBLEM_SCHEMA, "example": problem.to_json()}}
    if as_compreface:
        document = {"message": problem.detail, "code": 0}
        shown = {"application/json": {"schema": COMPREFACE_SCHEMA, "example": document}}
    headers = {"headers": retry} if status in Busy.STATUSES else {}
    return {"description": problem.title, "content": shown} | headers


def photo_body(
    *fields: str,
    field: str = "photo",
    several: bool = True,
    body: bool = True,
    base64: bool = False,
) -> dict[str, Any]:
    """The `openapi_extra` of a route that takes photos in a form.

    fields: of the form besides the photos' own `field`. body: a photo may be the body; base64: it
    may be in JSON.
    """
    photo: dict[str, Any] = {"type": "string", "format": "binary"}
    photos = {"type": "array", "items": photo, "minItems": 1} if several else photo
    properties = {field: photos} | {each: {"type": "string"} for each in fields}
    form = {"type": "object", "required": [field], "properties": properties}
    content: dict[str, Any] = {"multipart/form-data": {"schema": form}}
    if body:
        content |= {kind: {"schema": photo} for kind in ("image/jpeg", "application/octet-stream")}
    if base64:
        text = {"type": "string", "format": "byte"}
        document = form | {"properties": {field: text}}
        content["application/json"] = {"schema": document}
    return {"requestBody": {"required": True, "content": content}}
