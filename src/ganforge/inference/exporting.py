"""A finished network for use elsewhere: a folder of formats, each loaded in its runtime and compared to the source."""

import io
import zipfile
from collections.abc import Callable
from copy import deepcopy
from importlib.util import find_spec
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.export import ExportedProgram

from ganforge.artifacts.evaluations import RECORDS, lines_by
from ganforge.artifacts.files import replacing
from ganforge.artifacts.folders import whole_folder
from ganforge.artifacts.images import grid, save_png
from ganforge.artifacts.records import read_lines, write_json
from ganforge.artifacts.tensors import portable, save_generator
from ganforge.inference.model_card import DATASETS, any_size_in_pt2, model_card
from ganforge.pretrained import (
    Direction,
    FromImages,
    Pretrained,
    PretrainedClassifier,
    PretrainedDetector,
    PretrainedEncoder,
    PretrainedGenerator,
    PretrainedTranslator,
    from_pretrained,
)
from ganforge.randomness import derived_generator
from ganforge.suggestions import suggestion

TOLERANCE = 1e-4
RECORDED, COMPARED = 2, (1, 5)
"""The batch that a graph is recorded with, and those that it is compared with."""
PARTS: dict[type, str] = {
    PretrainedEncoder: "encoder", PretrainedClassifier: "classifier", PretrainedDetector: "detector",
}  # fmt: skip
"""What a run calls the files of those that are no generators."""
Outputs = Tensor | tuple[Tensor, ...]
Draw = Callable[..., Outputs]
"""What `inputs` makes -> images, or of an encoder mean and log variance, or of a classifier probabilities."""


class Format(NamedTuple):
    file: str
    packages: tuple[str, ...]
    write: Callable[[Pretrained, Path], None]
    load: Callable[[Path], Draw]


def export(source: Path, formats: list[str], output: Path, direction: Direction | None = None) -> dict[str, float]:
    """Fill the folder `output`; returns the largest difference from the source for each file with weights.

    ValueError, and no folder, where the source cannot be read, a package is missing or a difference is too large.
    """
    refuse_impossible_formats(formats)
    with whole_folder(output) as folder:
        pretrained = published(source, direction)
        differences = {
            FORMATS[name].file: write_and_compare(pretrained, name, folder)
            for name in dict.fromkeys(["safetensors", *formats])
        }
        if isinstance(pretrained, PretrainedGenerator):
            save_png(folder / "samples.png", grid(pretrained.images_from(*inputs(pretrained, 64))))
        write_json(folder / "config.json", pretrained.config)
        with replacing(folder / "README.md") as file:
            file.write(model_card(pretrained, differences).encode())
    return differences


def refuse_impossible_formats(formats: list[str]) -> None:
    for name in formats:
        if name not in FORMATS:
            known = list(FORMATS)
            meant = suggestion(str(name), known)
            raise ValueError(f"format={name} does not exist{meant} (there are: {', '.join(known)})")
        missing = [package for package in FORMATS[name].packages if find_spec(package) is None]
        if missing:
            raise ValueError(f"format={name} needs {', '.join(missing)}: pip install 'ganforge[export]'")


def published(source: Path, direction: Direction | None = None) -> Pretrained:
    """The network with only that part of its configuration and facts that tells nothing of this computer.

    Scores are those of what the run draws, so that an encoder or the generator of the other direction has none.
    """
    pretrained: Pretrained = from_pretrained(source, direction)
    facts = pretrained.facts
    try:
        config = portable(pretrained.config, PARTS.get(type(pretrained), "generator"))
        known = {"images_seen": facts["images_seen"], "scores": facts["scores"] if was_scored(pretrained) else {}}
        measured = (evaluation(source / RECORDS, known) or facts) if known["scores"] else {}
        if isinstance(pretrained, PretrainedClassifier):
            known["class_names"] = pretrained.class_names
            measured = measured_by("test_error", source, known["images_seen"]) or facts
        if isinstance(pretrained, PretrainedDetector):
            measured = measured_by("detection", source, known["images_seen"]) or facts
        if "stamp" in measured:
            known |= {key: measured[key] for key in ("scores", "real") if key in measured}
            known["stamp"] = public_stamp(measured["stamp"], config["data"]["_target_"])
        if not all(isinstance(images, int) for images in (config["images"], known["images_seen"])):
            raise TypeError("images is not a number")
    except (LookupError, TypeError, AttributeError) as error:
        raise ValueError(f"{source} does not say how its generator was trained: {error!r}") from error
    pretrained.config, pretrained.facts = config, known
    refuse_what_no_card_can_say(pretrained, source)
    return pretrained


def was_scored(pretrained: Pretrained) -> bool:
    if isinstance(pretrained, PretrainedTranslator):
        return pretrained.direction == "a_to_b"
    return isinstance(pretrained, PretrainedGenerator)


def refuse_what_no_card_can_say(pretrained: Pretrained, source: Path) -> None:
    """A text where a number belongs, or something missing, before anything is written."""
    try:
        model_card(pretrained, {})
    except (LookupError, TypeError, ValueError, AttributeError) as error:
        raise ValueError(f"{source} does not say how its generator was trained: {error!r}") from error


def evaluation(records: Path, facts: dict[str, Any]) -> dict[str, Any] | None:
    """The line that scored these very weights, which is the best one unless a run ended between the two files."""
    return next((line for line in read_lines(records) if facts.items() <= line.items()), None)


def measured_by(what: str, source: Path, images_seen: int) -> dict[str, Any] | None:
    """The line that another callback than the evaluation wrote at this moment of the training."""
    lines = lines_by(source if source.is_dir() else source.parent, what)
    return next((line for line in lines if line.get("images_seen") == images_seen), None)


def public_stamp(stamp: dict[str, Any], target: str) -> dict[str, Any]:
    """The stamp without the name of a file or folder of the user's own, which only the data's hash stands for."""
    if target in DATASETS:
        return stamp
    return stamp | {"data": stamp["data"].rpartition(":")[2], "split": stamp["split"].partition(" of ")[0]}


def inputs(pretrained: Pretrained, count: int) -> tuple[Tensor, ...]:
    """The first latents of seed 0, and the classes in turn where there are any; or pictures of noise to start from."""
    if not isinstance(pretrained, PretrainedGenerator):
        return starts(pretrained, count, *started_from(pretrained)[1:])
    latents = pretrained.latents(count)
    if pretrained.num_classes is None:
        return (latents,)
    return latents, torch.arange(count) % pretrained.num_classes


def starts(pretrained: FromImages, count: int, height: int, width: int) -> Any:
    """Pictures (count, C, H, W) in [-1, 1] of noise, and target domains in turn where there are any."""
    shape = (count, started_from(pretrained)[0], height, width)
    pictures = torch.rand(shape, generator=derived_generator("export", *shape)) * 2 - 1
    if isinstance(pretrained, PretrainedTranslator) and pretrained.domains:
        return pictures, torch.arange(count) % len(pretrained.domains)
    return (pictures,)


def started_from(pretrained: FromImages) -> tuple[int, ...]:
    """(C, H, W) of the pictures that it was trained on."""
    return pretrained.source_shape if isinstance(pretrained, PretrainedTranslator) else pretrained.image_shape


def names(pretrained: Pretrained) -> tuple[list[str], list[str]]:
    """Of the inputs and of the outputs of a graph."""
    if isinstance(pretrained, PretrainedGenerator):
        return ["z", "label"][: 1 if pretrained.num_classes is None else 2], ["images"]
    if isinstance(pretrained, PretrainedTranslator):
        return ["source", "label"][: 2 if pretrained.domains else 1], ["images"]
    if isinstance(pretrained, PretrainedDetector):
        return ["images"], ["scores", "reconstructions"]
    return ["images"], ["mean", "log_variance"] if isinstance(pretrained, PretrainedEncoder) else ["probabilities"]


def write_and_compare(pretrained: Pretrained, name: str, folder: Path) -> float:
    """The largest difference of a written format from `pretrained`; ValueError where it exceeds TOLERANCE.

    Where values exceed 1, such as scores that are sums over pixels, it is their share of the largest one.
    Where a translator's file takes other sizes, one of these is compared too.
    """
    file = folder / FORMATS[name].file
    FORMATS[name].write(pretrained, file)
    draw, source = FORMATS[name].load(file), recordable(pretrained)
    batches = [inputs(pretrained, count) for count in COMPARED]
    if isinstance(pretrained, PretrainedTranslator) and (name != "pt2" or any_size_in_pt2(pretrained)):
        multiple, (_, height, width) = pretrained.multiple, pretrained.source_shape
        batches.append(starts(pretrained, COMPARED[-1], height + multiple, width + 2 * multiple))
    difference = torch.stack(
        [
            (one - other).abs().max() / other.abs().max().clamp_min(1)
            for batch in batches
            for one, other in zip(as_tuple(draw(*batch)), as_tuple(source(*batch)), strict=True)
        ]
    )
    largest = difference.max().item()
    if not largest <= TOLERANCE:
        raise ValueError(f"format={name} draws other images: they differ by {largest:.2g}, and may by {TOLERANCE:g}")
    return largest


def as_tuple(outputs: Outputs) -> tuple[Tensor, ...]:
    return (outputs,) if isinstance(outputs, Tensor) else tuple(outputs)


def recordable(pretrained: Pretrained) -> nn.Module:
    """A copy of the network with weights in the order that every runtime reads, and without dropout.

    Of a classifier it ends with probabilities, which its network does not.
    """
    whole = isinstance(pretrained, PretrainedClassifier)
    network = deepcopy(pretrained if whole else pretrained.network).to(memory_format=torch.contiguous_format)
    for layer in network.modules():
        if isinstance(layer, nn.Dropout):
            layer.p = 0.0
    return Plain(network) if isinstance(pretrained, PretrainedDetector) else network


class Plain(nn.Module):
    """A network whose outputs have names, which not every format can write, without them."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, images: Tensor) -> tuple[Tensor, ...]:
        return tuple(self.network(images))


def write_safetensors(pretrained: Pretrained, path: Path) -> None:
    save_generator(path, pretrained.network, pretrained.config, pretrained.facts)


def load_safetensors(path: Path) -> Draw:
    return recordable(from_pretrained(path.parent))


def program(pretrained: Pretrained, *, any_size: bool) -> ExportedProgram:
    """The graph for any batch, and with `any_size` for any height and width that a translator takes.

    It is without the stack traces, which name the folders of this computer.
    """
    example = inputs(pretrained, RECORDED)
    batch: dict[int, Any] = {0: torch.export.Dim("batch", min=1)}
    free = dict(batch)
    if any_size and isinstance(pretrained, PretrainedTranslator):
        multiple, side = pretrained.multiple, max(pretrained.source_shape[-1], 2 * pretrained.multiple)
        example = starts(pretrained, RECORDED, side, side)
        free |= {2: multiple * torch.export.Dim("height", min=1), 3: multiple * torch.export.Dim("width", min=1)}
    exported = torch.export.export(
        recordable(pretrained), example, dynamic_shapes=(free, *(batch for _ in example[1:]))
    )
    for node in exported.graph.nodes:
        node.meta.pop("stack_trace", None)
    return exported


def write_pt2(pretrained: Pretrained, path: Path) -> None:
    any_size = isinstance(pretrained, PretrainedTranslator) and any_size_in_pt2(pretrained)
    with replacing(path) as file:
        torch.export.save(program(pretrained, any_size=any_size), file)


def load_pt2(path: Path) -> Draw:
    return torch.export.load(path).module()


def write_onnx(pretrained: Pretrained, path: Path) -> None:
    given, made = names(pretrained)
    exported = torch.onnx.export(
        program(pretrained, any_size=True), dynamo=True, input_names=given, output_names=made, verbose=False
    )
    assert exported is not None
    with replacing(path) as file:
        file.write(exported.model_proto.SerializeToString())


def load_onnx(path: Path) -> Draw:
    import onnxruntime

    session = onnxruntime.InferenceSession(path)
    names = [tensor.name for tensor in session.get_inputs()]

    def draw(*tensors: Tensor) -> tuple[Tensor, ...]:
        made = session.run(None, {name: tensor.numpy() for name, tensor in zip(names, tensors, strict=True)})
        return tuple(map(torch.from_numpy, made))

    return draw


def write_torchscript(pretrained: Pretrained, path: Path) -> None:
    """Without its `.debug_pkl` records, which name the folders of this computer."""
    recorded = io.BytesIO()
    torch.jit.save(torch.jit.trace(recordable(pretrained), inputs(pretrained, RECORDED)), recorded)
    with replacing(path) as file, zipfile.ZipFile(recorded) as archive, zipfile.ZipFile(file, "w") as stripped:
        for name in archive.namelist():
            if not name.endswith(".debug_pkl"):
                stripped.writestr(name, archive.read(name))


FORMATS = {
    "safetensors": Format("model.safetensors", (), write_safetensors, load_safetensors),
    "onnx": Format("model.onnx", ("onnx", "onnxscript", "onnxruntime"), write_onnx, load_onnx),
    "torchscript": Format("model.pt", (), write_torchscript, torch.jit.load),
    "pt2": Format("model.pt2", (), write_pt2, load_pt2),
}
