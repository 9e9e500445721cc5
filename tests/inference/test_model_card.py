"""The page of an exported generator, and what a stranger may not put into it."""

import re
from typing import Any

import numpy
import torch
import yaml

from ganforge.inference.model_card import DATASETS, OWN_IMAGES, model_card
from ganforge.networks.mlp import Generator
from ganforge.networks.unet import Generator as UNet
from ganforge.pretrained import PretrainedGenerator, PretrainedTranslator
from ganforge.sampling.latent import Latent

from ..conftest import ROOT

ADAM = {"_target_": "torch.optim.Adam", "_partial_": True, "lr": 0.0002, "betas": [0.5, 0.999]}
FACTS = {
    "images_seen": 160_000,
    "scores": {"fid_classifier": 0.98765, "kid_classifier": 0.01},
    "real": {"images": 898, "scores": {"fid_classifier": 0.3717859, "kid_classifier": -0.006}},
    "stamp": {"extractor": "classifier:7c83", "data": "digits:286e", "versions": {"torch": "2.14.1"}},
}
FILES = {"model.safetensors": 0.0, "model.onnx": 2.4e-7}


def generator(
    facts: dict[str, Any] = FACTS, data: str = "ganforge.data.digits.Digits", classes: int | None = None, **loss: Any
) -> PretrainedGenerator:
    arguments = {"latent_dim": 4, "image_size": 8, "channels": 1, "hidden": [8], "num_classes": classes}
    config = {
        "model": {"generator": {"_target_": "ganforge.networks.mlp.Generator", **arguments}},
        "data": {"_target_": data, "image_size": 8, "channels": 1, "num_classes": 10},
        "loss": {"adversarial": {"_target_": "ganforge.losses.adversarial.Hinge"}, "n_critic": 2, **loss},
        "optimizer": {"generator": ADAM, "discriminator": ADAM | {"lr": 0.0004}},
        "seed": 7,
        "images": 200_000,
    }
    return PretrainedGenerator(Generator(**arguments), Latent(4), config, facts)


def front(card: str) -> dict[str, Any]:
    """What the Hub reads: the YAML between the first two lines of three dashes."""
    empty, matter, _ = card.split("---\n", 2)
    assert empty == ""
    return yaml.safe_load(matter)


def rows(card: str) -> dict[str, list[str]]:
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in card.splitlines() if line[:1] == "|"]
    return {row[0]: row[1:] for row in cells}


def test_front_matter_is_what_the_hub_requires() -> None:
    matter = front(model_card(generator(), FILES))
    assert matter["library_name"] == "ganforge"
    assert matter["pipeline_tag"] == "unconditional-image-generation"
    assert {"gan", "mlp"} <= set(matter["tags"])
    assert "license" not in matter
    assert "datasets" not in matter, "digits are not on the Hub"
    ((index,),) = [matter["model-index"]]
    (result,) = index["results"]
    assert index["name"] == "mlp digits 8x8"
    assert result["task"] == {"type": "unconditional-image-generation"}
    assert set(result["dataset"]) == {"type", "name"}
    assert {metric["type"]: metric["value"] for metric in result["metrics"]} == FACTS["scores"]


def test_public_data_goes_by_its_name_on_the_hub_and_no_other_data_has_a_name() -> None:
    matter = front(model_card(generator(data="ganforge.data.benchmarks.CIFAR10"), FILES))
    assert matter["datasets"] == ["uoft-cs/cifar10"]
    assert matter["model-index"][0]["results"][0]["dataset"] == {"type": "uoft-cs/cifar10", "name": "CIFAR-10"}
    card = model_card(generator(data="ganforge.data.folder.Folder"), FILES)
    assert "datasets" not in front(card)
    assert rows(card.partition("## Scores")[0])["data"] == [OWN_IMAGES[1]]


def test_every_public_data_set_of_the_configuration_has_a_name() -> None:
    """The others read a path, whose name tells of its owner, or are made of others."""
    configured = {path.stem: yaml.safe_load(path.read_text()) for path in (ROOT / "conf" / "data").glob("*.yaml")}
    own = {"path", "source"}
    public = {node["_target_"] for node in configured.values() if "_target_" in node and not own & set(node)}
    assert public == set(DATASETS)


def test_tables_say_how_it_was_trained() -> None:
    penalty = {"_target_": "ganforge.regularizers.gradient_penalties.R1", "weight": 0.5, "interval": 16}
    clipping = {"_target_": "ganforge.regularizers.weight_constraints.WeightClipping", "bound": 0.01}
    known = rows(model_card(generator(penalties={"r1": penalty}, constraint=clipping), FILES))
    assert known["network"] == [f"mlp, {4 * 8 + 8 + 8 * 64 + 64:,} weights"]
    assert known["loss"] == ["`Hinge()`"]
    assert known["penalty `r1`"] == ["`R1(weight=0.5, interval=16)`"]
    assert known["constraint"] == ["`WeightClipping(bound=0.01)`"]
    assert known["optimizer of the discriminator"] == ["`Adam(lr=0.0004, betas=[0.5, 0.999])`"]
    assert known["turns"] == ["2 of the discriminator for each of the generator"]
    assert known["budget"] == ["200,000 real images shown; this is after 160,000"]
    assert known["seed"] == ["7"]
    assert "constraint" not in rows(model_card(generator(penalties={}, constraint=None), FILES))


def test_a_decoder_says_that_it_is_one() -> None:
    decoder = generator()
    elbo = {"_target_": "ganforge.losses.elbo.Elbo", "beta": 1.0, "likelihood": "bernoulli"}
    decoder.config |= {"loss": elbo, "optimizer": {"autoencoder": ADAM}}
    card = model_card(decoder, FILES)
    assert "The decoder of a variational autoencoder, trained with ganforge." in card
    assert front(card)["tags"] == ["vae", "mlp", "image-generation"]
    known = rows(card)
    assert known["loss"] == ["`Elbo(beta=1.0, likelihood=bernoulli)`"]
    assert "optimizer of the autoencoder" in known
    assert "turns" not in known


def test_scores_stand_beside_those_of_real_images_with_their_stamp() -> None:
    known = rows(model_card(generator(), FILES))
    assert known["score"] == ["generated", "898 real images"]
    assert known["`fid_classifier`"] == ["0.9877", "0.3718"]
    assert known["`extractor`"] == ["`classifier:7c83`"]
    assert known["`versions`"] == ["`torch 2.14.1`"]


def test_scores_without_a_stamp_say_so() -> None:
    card = model_card(generator({key: FACTS[key] for key in ("images_seen", "scores")}), FILES)
    assert rows(card)["`fid_classifier`"] == ["0.9877"]
    assert "was not recorded" in card


def test_generator_without_scores_claims_none() -> None:
    card = model_card(generator({"images_seen": 64, "scores": {}}), FILES)
    assert "model-index" not in front(card)
    assert "None were measured." in card


def test_differences_are_in_the_card_and_snippets_are_of_the_files_that_are_there() -> None:
    card = model_card(generator(), FILES)
    assert rows(card)["`model.onnx`"] == ["2.4e-07"]
    assert card.count("```python") == 2
    assert "torch.jit" not in card


def test_snippets_of_a_conditional_generator_choose_classes() -> None:
    card = model_card(generator(classes=10), FILES)
    assert "import torch\nfrom ganforge.pretrained import from_pretrained" in card
    assert "labels=torch.arange(16) % 10" in card
    assert 'inputs["label"] = numpy.arange(16) % 10' in card
    assert rows(card)["classes"] == ["10, chosen by labels (B,) from 0"]


def test_snippets_draw_codes_as_the_latent_has_them() -> None:
    made, latent = generator(), Latent(9, "uniform", {"categorical": [3, 2], "continuous": 1})
    drawer = PretrainedGenerator(Generator(9, 8, 1, [8]), latent, made.config, made.facts)
    card = model_card(drawer, {**FILES, "model.pt": 0.0})
    assert rows(card)["codes"] == ["its last 6 numbers: one of 3 one-hot, one of 2 one-hot, 1 in [-1, 1]"]
    (ours,) = re.findall(r'model.pt"\)\((torch.cat.*)\)', card)
    (numpys,) = re.findall(r'"z": (.*)\.astype', card)
    for z in (eval(ours, {"torch": torch}), torch.from_numpy(eval(numpys, {"numpy": numpy}))):
        (three, two), uniform = latent.codes.split(z[:, 3:])  # type: ignore[union-attr]
        assert z.shape == (16, 9)
        assert three.argmax(1).tolist() == [n % 3 for n in range(16)]
        assert two.argmax(1).tolist() == [n % 2 for n in range(16)]
        assert three.sum() == two.sum() == 16
        assert -1 <= uniform.min() < uniform.max() <= 1


EVIL = (
    "x`\n```\n<script>alert(1)</script>\n| [a](https://evil.example) ![b](https://evil.example/c.png) *d*\n---\n"
    "```python\nimport os"
)


def infected(tree: Any) -> Any:
    """With `EVIL` in every text and every key that is not the configuration's own."""
    if isinstance(tree, dict):
        return {name: infected(value) for name, value in tree.items()} | {EVIL: EVIL}
    return EVIL if isinstance(tree, str) else tree


def test_metadata_of_anybody_is_no_markup() -> None:
    honest = generator(penalties={"r1": {"_target_": "a.R1"}}, constraint={"_target_": "a.Clip"})
    config, facts = honest.config, honest.facts
    hostile = {
        **config,
        "model": config["model"],
        "data": config["data"],
        "loss": {
            "adversarial": infected(config["loss"]["adversarial"]),
            "n_critic": 2,
            "penalties": {EVIL: infected({"_target_": "a.R1"})},
            "constraint": infected({"_target_": "a.Clip"}),
        },
        "optimizer": infected(config["optimizer"]),
    }
    evil_scores = {EVIL: 1.0}
    known = {
        "images_seen": 5,
        "scores": evil_scores,
        "real": {"images": 9, "scores": evil_scores},
        "stamp": infected(facts["stamp"]),
    }
    card = model_card(PretrainedGenerator(honest.network, honest.latent, hostile, known), FILES)
    plain = model_card(honest, FILES)
    assert "<" not in card
    assert card.count("```") == plain.count("```")
    assert card.count("\n---") == plain.count("\n---")
    _, matter, body = card.split("---\n", 2)
    assert yaml.safe_load(matter)["model-index"][0]["results"][0]["metrics"][0]["value"] == 1.0
    outside = re.sub(r"```.*?```|`[^`\n]*`", "", body, flags=re.DOTALL)
    assert "evil" not in outside and "script" not in outside, "what is left is our own text"
    widths = {len(line.split("|")) for line in body.splitlines() if line[:1] == "|" and "real images" not in line}
    assert widths <= {4, 5}


def test_view_of_anybody_is_no_markup() -> None:
    honest = generator()
    arguments = {"source_channels": 1, "channels": 1, "image_size": 16, "width": 1}
    node = {"_target_": "ganforge.networks.unet.Generator", **arguments}
    known = {"images_seen": 5, "scores": {}}
    for view in ({"_target_": f"a.{EVIL}", EVIL: EVIL}, None):
        config = honest.config | {"model": {"generator": node}, "view": view, "direction": "b_to_a"}
        card = model_card(PretrainedTranslator(UNet(**arguments), (1, 16, 16), config, known), FILES)
        outside = re.sub(r"```.*?```|`[^`\n]*`", "", card, flags=re.DOTALL)
        assert "<" not in card and "evil" not in outside and "script" not in outside
    assert "from the images of handwritten digits that scikit-learn ships to the sources of handwritten digits" in card
