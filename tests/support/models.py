"""Models of every bad kind, made from the shipped one, and a small signed repository that offers them."""

import copy
import hashlib
import json
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any, Literal

import numpy as np
from securesystemslib.signer import CryptoSigner
from tuf.api.metadata import Metadata, MetaFile, Root, Snapshot, TargetFile, Targets, Timestamp

from stressvision_contracts.fleet import DesiredModel

SHIPPED = Path(__file__).parents[2] / "models" / "stressvision"
FACTORY = json.loads((SHIPPED / "manifest.json").read_text())
CONTENT = (SHIPPED / FACTORY["file"]).read_bytes()

Kind = Literal["good", "constant", "nan", "crashing", "slow", "broken"]


@cache
def make_model(kind: Kind = "good", number: int = 0, repeats: int = 2000) -> bytes:
    """A model file. `number` tells good ones apart; a slow one does its largest layer's work `repeats` times over."""
    if kind == "good":
        return CONTENT + bytes(16 * (number + 1))
    if kind == "broken":
        return b"no model" * 100
    # heavy: only for those who ask
    from ai_edge_litert.tools import flatbuffer_utils as buffers

    model = copy.deepcopy(buffers.read_model_from_bytearray(bytearray(CONTENT)))
    graph = model.subgraphs[0]
    names = [buffers.opcode_to_name(model, operator.opcodeIndex) for operator in graph.operators]
    if kind == "constant":
        weights = graph.tensors[graph.operators[names.index("FULLY_CONNECTED")].inputs[1]]
        buffer = model.buffers[weights.buffer]
        buffer.data = np.zeros(len(buffer.data), np.uint8)
    elif kind == "crashing":
        graph.tensors[graph.outputs[0]].quantization.scale = np.array([np.nan], np.float32)
    elif kind == "slow":
        pairs = [index for index in range(len(names) - 1) if names[index : index + 2] == ["CONV_2D"] * 2]
        at = max(pairs, key=lambda index: _multiplications(graph, graph.operators[index]))  # of the last, copies cost 0
        graph.operators[at:at] = [graph.operators[at]] * repeats
    else:
        _end_in_nan(model, graph)
    return bytes(buffers.convert_object_to_bytearray(model))


def _multiplications(graph: Any, convolution: Any) -> int:
    """Return them for one picture: each output pixel takes every weight once."""
    (_, height, width, _), weights = (graph.tensors[at].shape for at in (convolution.outputs[0], convolution.inputs[1]))
    return int(height * width * np.prod(weights))


def _end_in_nan(model: Any, graph: Any) -> None:
    """Have the last layer give floats, which are all made NaN."""
    from ai_edge_litert import schema_py_generated as schema

    def tensor(kind: int, buffer: int = 0) -> int:
        made = schema.TensorT()
        made.shape, made.type, made.buffer, made.name = [1, 5], kind, buffer, f"made{len(graph.tensors)}".encode()
        graph.tensors.append(made)
        return len(graph.tensors) - 1

    def operator(code: int, inputs: list[int], output: int) -> Any:
        opcode = schema.OperatorCodeT()
        opcode.builtinCode, opcode.deprecatedBuiltinCode, opcode.version = code, code, 2
        model.operatorCodes.append(opcode)
        made = schema.OperatorT()
        made.opcodeIndex, made.inputs, made.outputs = len(model.operatorCodes) - 1, inputs, [output]
        return made

    numbers = schema.BufferT()
    numbers.data = np.frombuffer(np.full(5, np.nan, np.float32).tobytes(), np.uint8)
    model.buffers.append(numbers)
    constant = tensor(schema.TensorType.FLOAT32, len(model.buffers) - 1)
    floats, output = tensor(schema.TensorType.FLOAT32), tensor(schema.TensorType.FLOAT32)
    last = graph.operators.pop()
    graph.operators.append(operator(schema.BuiltinOperator.DEQUANTIZE, [last.inputs[0]], floats))
    added = operator(schema.BuiltinOperator.ADD, [floats, constant], output)
    added.builtinOptionsType, added.builtinOptions = schema.BuiltinOptions.AddOptions, schema.AddOptionsT()
    graph.operators.append(added)
    graph.outputs = [output]
    for signature in model.signatureDefs or []:
        signature.outputs[0].tensorIndex = output


def manifest_of(content: bytes, version: str, **changes: Any) -> dict[str, Any]:
    """The shipped model's manifest, for `content`."""
    return {
        **FACTORY,
        "version": version,
        "file": f"{version}.tflite",
        "digest": hashlib.sha256(content).hexdigest(),
        "size_bytes": len(content),
        "scores": {},
        "provenance": {},
        **changes,
    }


@dataclass
class SmallRepository:
    """A signed repository in `files`, by the names that devices ask for; `now` is when it is signed."""

    files: dict[str, bytes] = field(default_factory=dict)
    now: datetime = field(default_factory=lambda: datetime.now(UTC))
    lifetime: timedelta = timedelta(days=1)
    targets: dict[str, TargetFile] = field(default_factory=dict)
    version: int = 0
    keys: dict[str, CryptoSigner] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.keys = {role: CryptoSigner.generate_ed25519() for role in ("root", "targets", "snapshot", "timestamp")}
        root = Root(version=1, expires=self._expiry(365), consistent_snapshot=True)
        for role, key in self.keys.items():
            root.add_key(key.public_key, role)
        self.root = self._signed(root, "root")
        self.files["metadata/1.root.json"] = self.root
        self.publish()

    def add(self, content: bytes, version: str, **changes: Any) -> DesiredModel:
        """Offer `content`; `changes` are of the manifest. Return what a server would wish for."""
        digest = hashlib.sha256(content).hexdigest()
        manifest = json.dumps(manifest_of(content, version, **changes))
        custom = {"custom": {"manifest": manifest}}
        self.targets[f"{version}.tflite"] = TargetFile(
            len(content), {"sha256": digest}, f"{version}.tflite", unrecognized_fields=custom
        )
        self.files[f"targets/{digest}.{version}.tflite"] = content
        self.publish()
        return DesiredModel(version=version, digest=digest)

    def publish(self) -> None:
        """Sign the next version of targets, snapshot and timestamp."""
        self.version += 1
        expires = self._expiry()
        targets = self._signed(Targets(version=self.version, expires=expires, targets=dict(self.targets)), "targets")
        meta = {"targets.json": MetaFile.from_data(self.version, targets, ["sha256"])}
        snapshot = self._signed(Snapshot(version=self.version, expires=expires, meta=meta), "snapshot")
        about = MetaFile.from_data(self.version, snapshot, ["sha256"])
        timestamp = self._signed(Timestamp(version=self.version, expires=expires, snapshot_meta=about), "timestamp")
        self.files |= {
            f"metadata/{self.version}.targets.json": targets,
            f"metadata/{self.version}.snapshot.json": snapshot,
            "metadata/timestamp.json": timestamp,
        }

    def export(self, folder: Path) -> Path:
        """Write it as files, as for a device without a network."""
        for name, content in self.files.items():
            path = folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
        return folder

    def _expiry(self, days: float | None = None) -> datetime:
        lifetime = self.lifetime if days is None else timedelta(days=days)
        return (self.now + lifetime).replace(microsecond=0)

    def _signed(self, signed: Any, role: str) -> bytes:
        metadata = Metadata(signed)
        metadata.sign(self.keys[role])
        return bytes(metadata.to_bytes())
