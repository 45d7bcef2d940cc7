"""XMP files beside photos that say where in them who is, as digiKam, Lightroom and others read it.

Face regions of the Metadata Working Group (Guidelines for Handling Image Metadata, 2.0, section
5.9): areas by their centre and size, as shares of the width and height of the upright photo.
"""

from __future__ import annotations

import logging
import re
from pathlib import Path
from typing import TYPE_CHECKING
from xml.etree import ElementTree
from xml.etree.ElementTree import Element, SubElement

from knownface.files.whole import whole_file

if TYPE_CHECKING:
    from knownface.recognition.result import Recognition, RecognizedFace

log = logging.getLogger(__name__)

NAMESPACES = {
    "x": "adobe:ns:meta/",
    "rdf": "http://www.w3.org/1999/02/22-rdf-syntax-ns#",
    "dc": "http://purl.org/dc/elements/1.1/",
    "mwg-rs": "http://www.metadataworkinggroup.com/schemas/regions/",
    "stArea": "http://ns.adobe.com/xmp/sType/Area#",
    "stDim": "http://ns.adobe.com/xap/1.0/sType/Dimensions#",
    "Iptc4xmpExt": "http://iptc.org/std/Iptc4xmpExt/2008-02-29/",
}
TOOLKIT = "knownface"
NOT_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
PACKET = '<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?>\n{}\n<?xpacket end="w"?>\n'


def write_sidecar(recognition: Recognition, photo: Path) -> None:
    """Write `photo.jpg.xmp` beside `photo.jpg` for its faces; the photo is not touched.

    It may be read by whoever may read the photo.
    An earlier one of ours is replaced; one of another program stays, and a line says so.
    """
    if not recognition.faces or recognition.size is None:
        return
    path = photo.with_name(f"{photo.name}.xmp")
    if path.exists() and f'xmptk="{TOOLKIT}"'.encode() not in path.read_bytes():
        log.warning("%s: another program's, left as it is; faces are not written there", path)
        return
    with whole_file(path, like=photo) as part:
        part.write_text(to_xmp(recognition.faces, recognition.size), encoding="utf-8")


def to_xmp(faces: tuple[RecognizedFace, ...], size: tuple[int, int]) -> str:
    """An XMP packet; size: width and height of the photo. Unknown faces are areas without a name.

    People's names are keywords, too.
    """
    for prefix, address in NAMESPACES.items():
        ElementTree.register_namespace(prefix, address)
    packet = Element(_name("x:xmpmeta"), {_name("x:xmptk"): TOOLKIT})
    rdf = SubElement(packet, _name("rdf:RDF"))
    about = SubElement(rdf, _name("rdf:Description"), {_name("rdf:about"): ""})
    names = sorted({_text(face.name) for face in faces if face.name})
    for kind in ("dc:subject", "Iptc4xmpExt:PersonInImage") if names else ():
        bag = SubElement(SubElement(about, _name(kind)), _name("rdf:Bag"))
        for name in names:
            SubElement(bag, _name("rdf:li")).text = name
    resource = {_name("rdf:parseType"): "Resource"}
    regions = SubElement(about, _name("mwg-rs:Regions"), resource)
    width, height = size
    dimensions = {"w": str(width), "h": str(height), "unit": "pixel"}
    _add_fields(regions, "mwg-rs:AppliedToDimensions", "stDim", dimensions)
    listed = SubElement(SubElement(regions, _name("mwg-rs:RegionList")), _name("rdf:Bag"))
    for face in faces:
        region = SubElement(listed, _name("rdf:li"), resource)
        if face.name:
            SubElement(region, _name("mwg-rs:Name")).text = _text(face.name)
        SubElement(region, _name("mwg-rs:Type")).text = "Face"
        _add_fields(region, "mwg-rs:Area", "stArea", _area(face, width, height))
    ElementTree.indent(packet, " ")
    return PACKET.format(ElementTree.tostring(packet, encoding="unicode"))


def _area(face: RecognizedFace, width: int, height: int) -> dict[str, str]:
    """The part of the face's box that lies in the photo."""
    left, top, right, bottom = face.corners(width, height)
    shares = {
        "x": (left + right) / 2 / width, "y": (top + bottom) / 2 / height,
        "w": (right - left) / width, "h": (bottom - top) / height,
    }  # fmt: skip
    return {key: f"{value:.6f}" for key, value in shares.items()} | {"unit": "normalized"}


def _add_fields(parent: Element, kind: str, prefix: str, fields: dict[str, str]) -> None:
    SubElement(parent, _name(kind), {_name(f"{prefix}:{k}"): v for k, v in fields.items()})


def _name(name: str) -> str:
    prefix, local = name.split(":")
    return f"{{{NAMESPACES[prefix]}}}{local}"


def _text(name: str) -> str:
    """A person's name without what XML cannot hold."""
    return NOT_XML.sub("\ufffd", name)
