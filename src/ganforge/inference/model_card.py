"""The page that introduces an exported generator, with the front matter that the Hugging Face Hub reads.

A file of weights may come from anybody, and says of itself what it likes. Its texts are made `inert` before anything
is written, and those that are not our own stand in code spans.
"""

from typing import Any

import yaml

from ganforge.pretrained import PretrainedGenerator

DATASETS = {
    "ganforge.data.digits.Digits": ("digits", "handwritten digits that scikit-learn ships"),
    "ganforge.data.benchmarks.MNIST": ("ylecun/mnist", "MNIST"),
    "ganforge.data.benchmarks.FashionMNIST": ("zalando-datasets/fashion_mnist", "Fashion-MNIST"),
    "ganforge.data.benchmarks.SVHN": ("ufldl-stanford/svhn", "SVHN"),
    "ganforge.data.benchmarks.CIFAR10": ("uoft-cs/cifar10", "CIFAR-10"),
    "ganforge.data.mixture2d.Mixture2d": ("mixture2d", "a mixture of Gaussians in the plane"),
}
"""Public data by its `_target_`: an identifier (the Hub's own where it has a slash), and what it is called."""
OWN_IMAGES = ("own_images", "images of the author's own")
"""What is said of any other data."""
PLAYERS = ("generator", "discriminator", "autoencoder")
TASK = "unconditional-image-generation"


def model_card(generator: PretrainedGenerator, differences: dict[str, float]) -> str:
    """README.md of an exported generator.

    `differences`: how far the images of each file are from the source's at most, by the file's name.
    """
    generator = PretrainedGenerator(
        generator.network, generator.latent, inert(generator.config), inert(generator.facts)
    )
    front = yaml.safe_dump(front_matter(generator), sort_keys=False)
    shape = ", ".join(map(str, generator.image_shape))
    sections = [
        f"---\n{front}---",
        f"# {title(generator)}",
        f"{kind(generator.config)[1]}, trained with ganforge. The first 64 images of seed 0:",
        "![64 generated images](samples.png)",
        f"With ganforge installed, in this folder:\n\n{snippet('model.safetensors', generator)}",
        f"Images are (B, {shape}) in [-1, 1].",
        "## Training",
        table(["what", "how"], training(generator)),
        "## Scores",
        *scores(generator.facts),
        "## Files",
        "Each was loaded again in its own runtime and given the same latents as the source.",
        table(["file", "largest difference from the source"], [[code(f), f"{d:.2g}"] for f, d in differences.items()]),
        *(f"{code(file)}:\n\n{snippet(file, generator)}" for file in differences if file != "model.safetensors"),
    ]
    return "\n\n".join(sections) + "\n"


def inert(value: Any) -> Any:
    """Text inside `value` on one line, without what could end a code span or a cell, or begin a tag."""
    if isinstance(value, str):
        return "".join("\ufffd" if c in "`|<" or not c.isprintable() else c for c in value)
    if isinstance(value, dict):
        return {inert(key): inert(one) for key, one in value.items()}
    return [inert(one) for one in value] if isinstance(value, list) else value


def code(text: Any) -> str:
    """A code span, inside which Markdown knows neither links nor emphasis."""
    return f"`{str(text).strip() or ' '}`"


def front_matter(generator: PretrainedGenerator) -> dict[str, Any]:
    """The Hub's metadata; without scores it has no model-index, and no licence is made up."""
    identifier, name = dataset(generator.config)
    metadata: dict[str, Any] = {
        "library_name": "ganforge",
        "pipeline_tag": TASK,
        "tags": list(dict.fromkeys([kind(generator.config)[0], architecture(generator.config), "image-generation"])),
    }
    if "/" in identifier:
        metadata["datasets"] = [identifier]
    if generator.facts.get("scores"):
        result = {
            "task": {"type": TASK},
            "dataset": {"type": identifier, "name": name},
            "metrics": [{"type": key, "name": key, "value": value} for key, value in generator.facts["scores"].items()],
        }
        metadata["model-index"] = [{"name": title(generator), "results": [result]}]
    return metadata


def kind(config: dict[str, Any]) -> tuple[str, str]:
    """The Hub's tag for it, and what it is in words."""
    if "adversarial" in config["loss"]:
        return "gan", "A generative adversarial network"
    return "vae", "The decoder of a variational autoencoder"


def title(generator: PretrainedGenerator) -> str:
    identifier, _ = dataset(generator.config)
    _, height, width = generator.image_shape
    return f"{architecture(generator.config)} {identifier.rpartition('/')[2]} {width}x{height}"


def architecture(config: dict[str, Any]) -> str:
    """`dcgan` for ganforge.networks.dcgan.Generator."""
    return config["model"]["generator"]["_target_"].split(".")[-2]


def dataset(config: dict[str, Any]) -> tuple[str, str]:
    return DATASETS.get(config["data"]["_target_"], OWN_IMAGES)


def training(generator: PretrainedGenerator) -> list[list[str]]:
    """What was trained on what, and how; a row for each choice."""
    config, latent = generator.config, generator.latent
    loss = config["loss"]
    parts = {"generator": config["model"]["generator"], "loss": loss.get("adversarial", loss)}
    parts |= {f"penalty {code(name)}": node for name, node in (loss.get("penalties") or {}).items()}
    parts |= {"constraint": loss.get("constraint")}
    parts |= {f"optimizer of the {player}": config["optimizer"].get(player) for player in PLAYERS}
    weights = sum(parameter.numel() for parameter in generator.network.parameters())
    classes = generator.num_classes
    return [
        ["data", dataset(config)[1]],
        ["latent", f"{latent.dim} dimensions, {latent.distribution}"],
        ["classes", "none to choose from" if classes is None else f"{classes}, chosen by labels (B,) from 0"],
        ["network", f"{architecture(config)}, {weights:,} weights"],
        *([name, code(described(node))] for name, node in parts.items() if node),
        *(
            [["turns", f"{loss['n_critic']:d} of the discriminator for each of the generator"]]
            if "n_critic" in loss
            else []
        ),
        ["budget", f"{config['images']:,} real images shown; this is after {generator.facts['images_seen']:,}"],
        ["seed", f"{config['seed']:d}"],
    ]


def described(node: dict[str, Any]) -> str:
    """`Adam(lr=0.0002)` for a node of the configuration that names a `_target_`."""
    arguments = ", ".join(f"{key}={value}" for key, value in node.items() if not key.startswith("_"))
    return f"{node['_target_'].rpartition('.')[2]}({arguments})"


def scores(facts: dict[str, Any]) -> list[str]:
    """Paragraphs: each score beside that of real images, and what it was measured with."""
    if not facts.get("scores"):
        return ["None were measured."]
    if "stamp" not in facts:
        rows = [[code(name), f"{value:.4g}"] for name, value in facts["scores"].items()]
        return [table(["score", "generated"], rows), "What they were measured with was not recorded with the weights."]
    real = facts["real"]
    rows = [[code(name), f"{value:.4g}", f"{real['scores'][name]:.4g}"] for name, value in facts["scores"].items()]
    return [
        table(["score", "generated", f"{real['images']:,} real images"], rows),
        "The last column is what real images score in the generator's place. "
        "Scores compare only with scores that were measured with the same:",
        table(["stamp", ""], [[code(name), code(stamped(value))] for name, value in facts["stamp"].items()]),
    ]


def stamped(value: Any) -> str:
    return ", ".join(f"{key} {part}" for key, part in value.items()) if isinstance(value, dict) else str(value)


def table(header: list[str], rows: list[list[str]]) -> str:
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)


def snippet(file: str, generator: PretrainedGenerator) -> str:
    """The Python that draws 16 images from `file`."""
    size, classes = f"16, {generator.latent.dim}", generator.num_classes
    normal = generator.latent.distribution == "normal"
    draw = f"torch.randn({size})" if normal else f"torch.rand({size}) * 2 - 1"
    random = f"standard_normal(({size}))" if normal else f"uniform(-1, 1, ({size}))"
    choose = "" if classes is None else f"arange(16) % {classes}"
    lines = {
        "model.safetensors": [
            *(["import torch"] if choose else []),
            "from ganforge.pretrained import from_pretrained",
            'generator = from_pretrained(".")',
            f"images = generator.sample(16, seed=0{choose and f', labels=torch.{choose}'})",
        ],
        "model.onnx": [
            "import numpy, onnxruntime",
            f'inputs = {{"z": numpy.random.default_rng(0).{random}.astype("float32")}}',
            *([f'inputs["label"] = numpy.{choose}'] if choose else []),
            'images, = onnxruntime.InferenceSession("model.onnx").run(None, inputs)',
        ],
        "model.pt": ["import torch", f'images = torch.jit.load("model.pt")({draw}{choose and f", torch.{choose}"})'],
        "model.pt2": [
            "import torch",
            f'images = torch.export.load("model.pt2").module()({draw}{choose and f", torch.{choose}"})',
        ],
    }
    return "\n".join(["```python", *lines[file], "```"])
