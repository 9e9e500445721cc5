"""The page that introduces an exported network, with the front matter that the Hugging Face Hub reads.

A file of weights may come from anybody, and says of itself what it likes. Its texts are made `inert` before anything
is written, and those that are not our own stand in code spans.
"""

from copy import copy
from typing import Any

import yaml

from ganforge.interfaces import Codes
from ganforge.pretrained import (
    Pretrained,
    PretrainedClassifier,
    PretrainedDetector,
    PretrainedEncoder,
    PretrainedGenerator,
    PretrainedTranslator,
)

DATASETS = {
    "ganforge.data.digits.Digits": ("digits", "handwritten digits that scikit-learn ships"),
    "ganforge.data.coloured_digits.ColouredDigits": (
        "coloured_digits",
        "handwritten digits that scikit-learn ships, in ten colours",
    ),
    "ganforge.data.benchmarks.MNIST": ("ylecun/mnist", "MNIST"),
    "ganforge.data.benchmarks.FashionMNIST": ("zalando-datasets/fashion_mnist", "Fashion-MNIST"),
    "ganforge.data.benchmarks.SVHN": ("ufldl-stanford/svhn", "SVHN"),
    "ganforge.data.benchmarks.CIFAR10": ("uoft-cs/cifar10", "CIFAR-10"),
    "ganforge.data.patches.Photographs": (
        "photographs",
        "photographs that scikit-learn and matplotlib ship",
    ),
    "ganforge.data.mixture2d.Mixture2d": ("mixture2d", "a mixture of Gaussians in the plane"),
}
"""Public data by its `_target_`: an identifier (the Hub's own where it has a slash), and what it is called."""
OWN_IMAGES = ("own_images", "images of the author's own")
"""What is said of any other data."""
PLAYERS = ("generator", "discriminator", "autoencoder", "encoder")
COMPARABLE = "Scores compare only with scores that were measured with the same:"
TASKS = {
    PretrainedGenerator: "unconditional-image-generation",
    PretrainedTranslator: "image-to-image",
    PretrainedEncoder: "image-feature-extraction",
    PretrainedClassifier: "image-classification",
    PretrainedDetector: "image-feature-extraction",
}
"""The Hub's names for what a network does."""


def model_card(pretrained: Pretrained, differences: dict[str, float]) -> str:
    """README.md of an exported network.

    `differences`: how far what each file makes is from what the source makes at most, by the file's name.
    """
    pretrained = copy(pretrained)
    pretrained.config, pretrained.facts = inert(pretrained.config), inert(pretrained.facts)
    front = yaml.safe_dump(front_matter(pretrained), sort_keys=False)
    started_from = "latents" if isinstance(pretrained, PretrainedGenerator) else "pictures"
    sections = [
        f"---\n{front}---",
        f"# {title(pretrained)}",
        *introduction(pretrained),
        f"With ganforge installed, in this folder:\n\n{snippet('model.safetensors', pretrained)}",
        *ranges(pretrained, differences),
        "## Training",
        table(["what", "how"], training(pretrained)),
        "## Scores",
        *scores(pretrained.facts),
        "## Files",
        f"Each was loaded again in its own runtime and given the same {started_from} as the source.",
        table(["file", "largest difference from the source"], [[code(f), f"{d:.2g}"] for f, d in differences.items()]),
        *(f"{code(file)}:\n\n{snippet(file, pretrained)}" for file in differences if file != "model.safetensors"),
    ]
    return "\n\n".join(sections) + "\n"


def introduction(pretrained: Pretrained) -> list[str]:
    about = kind(pretrained)[1]
    if isinstance(pretrained, PretrainedGenerator):
        return [
            f"{about}, trained with ganforge. The first 64 images of seed 0:",
            "![64 generated images](samples.png)",
        ]
    if isinstance(pretrained, PretrainedEncoder | PretrainedClassifier | PretrainedDetector):
        return [f"{about}, trained with ganforge."]
    start, end = ends(pretrained)
    way = f"between domains of {end}" if pretrained.domains else f"from {start} to {end}"
    return [f"{about}, trained with ganforge: {way}."]


def ends(translator: PretrainedTranslator) -> tuple[str, str]:
    """What it translates from, and what to."""
    _, name = dataset(translator.config)
    view = translator.config.get("view")
    a, b = (f"{code(described(view))} of {name}", name) if view else (f"the sources of {name}", f"the images of {name}")
    return (a, b) if translator.direction == "a_to_b" else (b, a)


def ranges(pretrained: Pretrained, differences: dict[str, float]) -> list[str]:
    """Paragraphs: the shapes of what goes in and what comes out, and what the graphs do not do."""
    shape = ", ".join(map(str, pretrained.image_shape))
    if isinstance(pretrained, PretrainedGenerator):
        return [f"Images are (B, {shape}) in [-1, 1]."]
    if isinstance(pretrained, PretrainedEncoder):
        latents = f"(B, {pretrained.latent_dim})"
        return [f"Images are (B, {shape}) in [-1, 1]; mean and log variance of their latents are {latents}."]
    if isinstance(pretrained, PretrainedClassifier):
        names = ", ".join(map(code, map(inert, pretrained.class_names or [])))
        called = f": {names}" if names else ""
        return [f"Images are (B, {shape}) in [-1, 1]; probabilities are (B, {pretrained.num_classes}){called}."]
    if isinstance(pretrained, PretrainedDetector):
        return [f"Images and reconstructions are (B, {shape}) in [-1, 1], scores (B,): larger ones are more abnormal."]
    channels, (made, height, width) = pretrained.source_channels, pretrained.image_shape
    times = "" if pretrained.scale == 1 else f"{pretrained.scale} "
    sentences = [f"Sources are (B, {channels}, H, W) and images (B, {made}, {times}H, {times}W), in [-1, 1]."]
    sentences += [f"It was trained at {width}x{height}; {code('translate')} takes any height and width."]
    multiple = pretrained.multiple
    if any(file != "model.safetensors" for file in differences):
        sentences += [f"Those that the graphs take are multiples of {multiple}."]
    if "model.pt2" in differences:
        if any_size_in_pt2(pretrained):
            sentences += [f"Of {code('model.pt2')} they are at least {2 * multiple}."]
        else:
            sentences += [f"{code('model.pt2')} takes {width}x{height} alone, which it halves to a single pixel."]
    if pretrained.domains:
        names = ", ".join(f"{number} {code(inert(name))}" for number, name in enumerate(pretrained.domains))
        sentences += [f"Labels (B,) are the domains to translate to: {names}."]
    if pretrained.is_noisy:
        sentences += ["Its noise is dropout, which stays on: a translation depends on a seed. The graphs are without."]
    return [" ".join(sentences)]


def any_size_in_pt2(translator: PretrainedTranslator) -> bool:
    """Whether torch.export can leave height and width open: not where the training size is halved to one pixel.

    It treats a size of one as unlike all others.
    """
    return translator.source_shape[-1] >= 2 * translator.multiple


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


def front_matter(pretrained: Pretrained) -> dict[str, Any]:
    """The Hub's metadata; without scores it has no model-index, and no licence is made up."""
    identifier, name = dataset(pretrained.config)
    task = TASKS[type(pretrained)]
    about = "image-generation" if isinstance(pretrained, PretrainedGenerator) else task
    about = "anomaly-detection" if isinstance(pretrained, PretrainedDetector) else about
    metadata: dict[str, Any] = {
        "library_name": "ganforge",
        "pipeline_tag": task,
        "tags": list(dict.fromkeys([kind(pretrained)[0], architecture(pretrained.config), about])),
    }
    if "/" in identifier:
        metadata["datasets"] = [identifier]
    if pretrained.facts.get("scores"):
        result = {
            "task": {"type": task},
            "dataset": {"type": identifier, "name": name},
            "metrics": [
                {"type": key, "name": key, "value": value} for key, value in pretrained.facts["scores"].items()
            ],
        }
        metadata["model-index"] = [{"name": title(pretrained), "results": [result]}]
    return metadata


def kind(pretrained: Pretrained) -> tuple[str, str]:
    """The Hub's tag for it, and what it is in words."""
    if isinstance(pretrained, PretrainedEncoder):
        return "vae", "The encoder of a variational autoencoder"
    if isinstance(pretrained, PretrainedClassifier):
        return (
            "gan",
            "A classifier that learned from few labels, as the discriminator of a generative adversarial network",
        )
    if isinstance(pretrained, PretrainedDetector):
        return "gan", f"A detector of abnormal images ({pretrained.network.method})"
    if isinstance(pretrained, PretrainedTranslator):
        if "adversarial" not in pretrained.config["loss"]:
            return "super-resolution", "A network that enlarges images"
        return "gan", "The generator of a generative adversarial network that translates images"
    if "adversarial" in pretrained.config["loss"]:
        return "gan", "A generative adversarial network"
    return "vae", "The decoder of a variational autoencoder"


def title(pretrained: Pretrained) -> str:
    identifier, _ = dataset(pretrained.config)
    _, height, width = pretrained.image_shape
    backward = isinstance(pretrained, PretrainedTranslator) and pretrained.direction == "b_to_a"
    end = " backwards" if backward else ""
    return f"{architecture(pretrained.config)} {identifier.rpartition('/')[2]} {width}x{height}{end}"


def architecture(config: dict[str, Any]) -> str:
    """`dcgan` for ganforge.networks.dcgan.Generator."""
    return network(config)["_target_"].split(".")[-2]


def network(config: dict[str, Any]) -> dict[str, Any]:
    """The node of what was exported, or of the first part of it."""
    return config["model"][part(config)]


def part(config: dict[str, Any]) -> str:
    return next(name for name in ("encoder", "classifier", "generator") if name in config["model"])


def dataset(config: dict[str, Any]) -> tuple[str, str]:
    return DATASETS.get(config["data"]["_target_"], OWN_IMAGES)


def training(pretrained: Pretrained) -> list[list[str]]:
    """What was trained on what, and how; a row for each choice."""
    config, loss = pretrained.config, pretrained.config["loss"]
    trained = pretrained.network.parts[0] if isinstance(pretrained, PretrainedDetector) else part(config)
    parts = {trained: network(config), "loss": loss.get("adversarial", None if "terms" in loss else loss)}
    parts |= {f"penalty {code(name)}": node for name, node in (loss.get("penalties") or {}).items()}
    parts |= {"constraint": loss.get("constraint")}
    parts |= {f"content {code(name)}": node for name, node in (pretrained.config.get("content") or {}).items()}
    parts |= {f"optimizer of the {player}": config["optimizer"].get(player) for player in PLAYERS}
    weights = sum(parameter.numel() for parameter in pretrained.network.parameters())
    return [
        ["data", dataset(config)[1]],
        *start(pretrained),
        ["network", f"{architecture(config)}, {weights:,} weights"],
        *([name, code(described(node))] for name, node in parts.items() if node),
        *(
            [["turns", f"{loss['n_critic']:d} of the discriminator for each of the generator"]]
            if "n_critic" in loss
            else []
        ),
        ["budget", f"{config['images']:,} real images shown; this is after {pretrained.facts['images_seen']:,}"],
        ["seed", f"{config['seed']:d}"],
    ]


def start(pretrained: Pretrained) -> list[list[str]]:
    """Rows: what the network starts from."""
    if isinstance(pretrained, PretrainedTranslator):
        if pretrained.domains:
            return [["domains", str(len(pretrained.domains))]]
        return [["direction", " to ".join(ends(pretrained))]]
    if isinstance(pretrained, PretrainedEncoder):
        return [["latent", f"{pretrained.latent_dim} dimensions"]]
    if isinstance(pretrained, PretrainedClassifier):
        return [["classes", f"{pretrained.num_classes}"]]
    if isinstance(pretrained, PretrainedDetector):
        return [["normal", f"class {pretrained.config['data'].get('normal')}"]]
    latent, classes = pretrained.latent, pretrained.num_classes
    return [
        ["latent", f"{latent.dim} dimensions, {latent.distribution}"],
        *([["codes", coded(latent.codes)]] if latent.codes is not None else []),
        ["classes", "none to choose from" if classes is None else f"{classes}, chosen by labels (B,) from 0"],
    ]


def coded(codes: Codes) -> str:
    """What the last numbers of a latent are."""
    kinds = [f"one of {values} one-hot" for values in codes.categorical]
    kinds += [f"{codes.continuous} in [-1, 1]"] if codes.continuous else []
    return f"its last {codes.size} numbers: {', '.join(kinds)}"


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
    if facts.get("real") is None:
        rows = [[code(name), f"{value:.4g}"] for name, value in facts["scores"].items()]
        return [table(["score", "measured"], rows), COMPARABLE, stamp_table(facts["stamp"])]
    real = facts["real"]
    of_real = {name: f"{value:.4g}" for name, value in real["scores"].items()}
    rows = [[code(name), f"{value:.4g}", of_real.get(name, "")] for name, value in facts["scores"].items()]
    return [
        table(["score", "generated", f"{real['images']:,} real images"], rows),
        f"The last column is what real images score in the generator's place. {COMPARABLE}",
        stamp_table(facts["stamp"]),
    ]


def stamp_table(stamp: dict[str, Any]) -> str:
    return table(["stamp", ""], [[code(name), code(stamped(value))] for name, value in stamp.items()])


def stamped(value: Any) -> str:
    return ", ".join(f"{key} {part}" for key, part in value.items()) if isinstance(value, dict) else str(value)


def table(header: list[str], rows: list[list[str]]) -> str:
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)


def snippet(file: str, pretrained: Pretrained) -> str:
    """The Python that makes 16 images, or encodes them, with `file`."""
    if isinstance(pretrained, PretrainedGenerator):
        lines = drawing(pretrained)[file]
    elif isinstance(pretrained, PretrainedTranslator):
        count = len(pretrained.domains)
        shape = (16, *pretrained.source_shape)
        lines = starting_from_images(shape, "images", "source", "translator", "translate", count)[file]
    else:
        shape = (16, *pretrained.image_shape)
        made, subject, verb = ("mean, log_variance", "encoder", "encode")
        if isinstance(pretrained, PretrainedClassifier):
            made, subject, verb = ("probabilities", "classifier", "classify")
        if isinstance(pretrained, PretrainedDetector):
            made, subject, verb = ("scores, reconstructions", "detector", "detect")
        lines = starting_from_images(shape, made, "images", subject, verb)[file]
    return "\n".join(["```python", *lines, "```"])


def drawing(generator: PretrainedGenerator) -> dict[str, list[str]]:
    latent, classes = generator.latent, generator.num_classes
    size, normal = f"16, {latent.noise_dim}", latent.distribution == "normal"
    draw = f"torch.randn({size})" if normal else f"torch.rand({size}) * 2 - 1"
    random = f"numpy.random.default_rng(0).{f'standard_normal(({size}))' if normal else f'uniform(-1, 1, ({size}))'}"
    if latent.codes is not None:
        one_hot = "".join(f", {{0}}.eye({values})[{{0}}.arange(16) % {values}]" for values in latent.codes.categorical)
        size = f"16, {latent.codes.continuous}"
        draw = f"torch.cat([{draw}{one_hot.format('torch')}, torch.rand({size}) * 2 - 1], 1)"
        uniform = f"numpy.random.default_rng(1).uniform(-1, 1, ({size}))"
        random = f"numpy.concatenate([{random}{one_hot.format('numpy')}, {uniform}], 1)"
    choose = "" if classes is None else f"arange(16) % {classes}"
    return {
        "model.safetensors": [
            *(["import torch"] if choose else []),
            "from ganforge.pretrained import from_pretrained",
            'generator = from_pretrained(".")',
            f"images = generator.sample(16, seed=0{choose and f', labels=torch.{choose}'})",
        ],
        "model.onnx": [
            "import numpy, onnxruntime",
            f'inputs = {{"z": {random}.astype("float32")}}',
            *([f'inputs["label"] = numpy.{choose}'] if choose else []),
            'images, = onnxruntime.InferenceSession("model.onnx").run(None, inputs)',
        ],
        "model.pt": ["import torch", f'images = torch.jit.load("model.pt")({draw}{choose and f", torch.{choose}"})'],
        "model.pt2": [
            "import torch",
            f'images = torch.export.load("model.pt2").module()({draw}{choose and f", torch.{choose}"})',
        ],
    }


def starting_from_images(
    shape: tuple[int, ...], made: str, name: str, subject: str, verb: str, domains: int = 0
) -> dict[str, list[str]]:
    """With noise in the place of the user's own pictures; `name` is that of the graph's input.

    Of several `domains` the targets are one after the other, or the first one.
    """
    pictures = f"pictures = torch.rand{shape} * 2 - 1"
    label = f"arange({shape[0]}) % {domains}" if domains else ""
    return {
        "model.safetensors": [
            "import torch",
            "from ganforge.pretrained import from_pretrained",
            f'{subject} = from_pretrained(".")',
            pictures,
            f"{made} = {subject}.{verb}(pictures{', target=0' if domains else ''})",
        ],
        "model.onnx": [
            "import numpy, onnxruntime",
            f'pictures = numpy.random.default_rng(0).uniform(-1, 1, {shape}).astype("float32")',
            f'inputs = {{"{name}": pictures}}',
            *([f'inputs["label"] = numpy.{label}'] if label else []),
            f'{made if "," in made else f"{made},"} = onnxruntime.InferenceSession("model.onnx").run(None, inputs)',
        ],
        "model.pt": [
            "import torch",
            pictures,
            f'{made} = torch.jit.load("model.pt")(pictures{label and f", torch.{label}"})',
        ],
        "model.pt2": [
            "import torch",
            pictures,
            f'{made} = torch.export.load("model.pt2").module()(pictures{label and f", torch.{label}"})',
        ],
    }
