"""A generator for use elsewhere: a folder of formats, each loaded in its own runtime and compared with the source."""

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

from ganforge.artifacts.evaluations import RECORDS
from ganforge.artifacts.files import replacing
from ganforge.artifacts.folders import whole_folder
from ganforge.artifacts.images import grid, save_png
from ganforge.artifacts.records import read_lines, write_json
from ganforge.artifacts.tensors import portable, save_generator
from ganforge.inference.model_card import DATASETS, model_card
from ganforge.pretrained import PretrainedGenerator, from_pretrained
from ganforge.suggestions import suggestion

TOLERANCE = 1e-4
RECORDED, COMPARED = 2, (1, 5)
"""The batch that a graph is recorded with, and those that it is compared with."""
Draw = Callable[..., Tensor]
"""Latents (B, latent_dim), and labels (B,) where there are classes -> images."""


class Format(NamedTuple):
    file: str
    packages: tuple[str, ...]
    write: Callable[[PretrainedGenerator, Path], None]
    load: Callable[[Path], Draw]


def export(source: Path, formats: list[str], output: Path) -> dict[str, float]:
    """Fill the folder `output`; returns the largest difference from the source for each file with weights.

    ValueError, and no folder, where the source cannot be read, a package is missing or a difference is too large.
    """
    refuse_impossible_formats(formats)
    with whole_folder(output) as folder:
        generator = published(source)
        differences = {
            FORMATS[name].file: write_and_compare(generator, name, folder)
            for name in dict.fromkeys(["safetensors", *formats])
        }
        images = generator.images_from(*inputs(generator, 64))
        save_png(folder / "samples.png", grid(images))
        write_json(folder / "config.json", generator.config)
        with replacing(folder / "README.md") as file:
            file.write(model_card(generator, differences).encode())
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


def published(source: Path) -> PretrainedGenerator:
    """The generator with only that part of its configuration and facts that tells nothing of this computer."""
    generator = from_pretrained(source)
    facts = generator.facts
    try:
        config = portable(generator.config)
        known = {"images_seen": facts["images_seen"], "scores": facts["scores"]}
        measured = evaluation(source / RECORDS, known) or facts
        if "stamp" in measured:
            known |= {"real": measured["real"], "stamp": public_stamp(measured["stamp"], config["data"]["_target_"])}
        if not all(isinstance(images, int) for images in (config["images"], known["images_seen"])):
            raise TypeError("images is not a number")
    except (LookupError, TypeError, AttributeError) as error:
        raise ValueError(f"{source} does not say how its generator was trained: {error!r}") from error
    generator = PretrainedGenerator(generator.network, generator.latent, config, known)
    refuse_what_no_card_can_say(generator, source)
    return generator


def refuse_what_no_card_can_say(generator: PretrainedGenerator, source: Path) -> None:
    """A text where a number belongs, or something missing, before anything is written."""
    try:
        model_card(generator, {})
    except (LookupError, TypeError, ValueError, AttributeError) as error:
        raise ValueError(f"{source} does not say how its generator was trained: {error!r}") from error


def evaluation(records: Path, facts: dict[str, Any]) -> dict[str, Any] | None:
    """The line that scored these very weights, which is the best one unless a run ended between the two files."""
    return next((line for line in read_lines(records) if facts.items() <= line.items()), None)


def public_stamp(stamp: dict[str, Any], target: str) -> dict[str, Any]:
    """The stamp without the name of a file or folder of the user's own, which only the data's hash stands for."""
    if target in DATASETS:
        return stamp
    return stamp | {"data": stamp["data"].rpartition(":")[2], "split": stamp["split"].partition(" of ")[0]}


def inputs(generator: PretrainedGenerator, count: int) -> tuple[Tensor, ...]:
    """The first latents of seed 0, and the classes in turn where there are any."""
    latents = generator.latents(count)
    if generator.num_classes is None:
        return (latents,)
    return latents, torch.arange(count) % generator.num_classes


def write_and_compare(generator: PretrainedGenerator, name: str, folder: Path) -> float:
    """The largest difference of a written format from `generator`; ValueError where it exceeds TOLERANCE."""
    file = folder / FORMATS[name].file
    FORMATS[name].write(generator, file)
    draw = FORMATS[name].load(file)
    batches = [inputs(generator, count) for count in COMPARED]
    difference = max((draw(*batch) - generator(*batch)).abs().max().item() for batch in batches)
    if not difference <= TOLERANCE:
        raise ValueError(f"format={name} draws other images: they differ by {difference:.2g}, and may by {TOLERANCE:g}")
    return difference


def write_safetensors(generator: PretrainedGenerator, path: Path) -> None:
    save_generator(path, generator.network, generator.config, generator.facts)


def load_safetensors(path: Path) -> Draw:
    return from_pretrained(path.parent)


def contiguous(network: nn.Module) -> nn.Module:
    """A copy with weights in the order that every runtime reads."""
    return deepcopy(network).to(memory_format=torch.contiguous_format)


def program(generator: PretrainedGenerator) -> ExportedProgram:
    """The graph for any batch; without the stack traces, which name the folders of this computer."""
    example = inputs(generator, RECORDED)
    batch = torch.export.Dim("batch", min=1)
    exported = torch.export.export(
        contiguous(generator.network), example, dynamic_shapes=tuple({0: batch} for _ in example)
    )
    for node in exported.graph.nodes:
        node.meta.pop("stack_trace", None)
    return exported


def write_pt2(generator: PretrainedGenerator, path: Path) -> None:
    with replacing(path) as file:
        torch.export.save(program(generator), file)


def load_pt2(path: Path) -> Draw:
    return torch.export.load(path).module()


def write_onnx(generator: PretrainedGenerator, path: Path) -> None:
    names = ["z", "label"][: len(inputs(generator, RECORDED))]
    exported = torch.onnx.export(
        program(generator), dynamo=True, input_names=names, output_names=["images"], verbose=False
    )
    assert exported is not None
    with replacing(path) as file:
        file.write(exported.model_proto.SerializeToString())


def load_onnx(path: Path) -> Draw:
    import onnxruntime

    session = onnxruntime.InferenceSession(path)
    names = [tensor.name for tensor in session.get_inputs()]

    def draw(*tensors: Tensor) -> Tensor:
        (images,) = session.run(None, {name: tensor.numpy() for name, tensor in zip(names, tensors, strict=True)})
        return torch.from_numpy(images)

    return draw


def write_torchscript(generator: PretrainedGenerator, path: Path) -> None:
    """Without its `.debug_pkl` records, which name the folders of this computer."""
    recorded = io.BytesIO()
    torch.jit.save(torch.jit.trace(contiguous(generator.network), inputs(generator, RECORDED)), recorded)
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
