"""A generator seen from w: the same images, tables of mixed styles, and what is refused where there are none."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from ganforge.artifacts.images import read_image, to_uint8
from ganforge.artifacts.tensors import save_generator
from ganforge.inference.generation import generate, write_images
from ganforge.inference.projection import psnr
from ganforge.inference.styles import from_styles, has_styles, mixing_table, seen_from, styles_of
from ganforge.networks import stylegan2
from ganforge.pretrained import BLOCK, PretrainedGenerator
from ganforge.sampling.latent import Latent

from .test_generation import REQUEST, plain, run_folder

ARGUMENTS = {
    "latent_dim": 6, "image_size": 16, "channels": 1, "w_dim": 8, "mapping_layers": 2, "channel_base": 64,
    "channel_max": 8,
}  # fmt: skip


def styled(num_classes: int | None = None) -> PretrainedGenerator:
    network = stylegan2.Generator(**ARGUMENTS, num_classes=num_classes)
    torch.nn.init.normal_(network.average)
    return PretrainedGenerator(network, Latent(6), {}, {})


@pytest.mark.parametrize("num_classes", [None, 3])
@pytest.mark.parametrize("psi", [1.0, 0.5])
def test_w_gives_the_image_of_its_latent(num_classes: int | None, psi: float) -> None:
    generator = styled(num_classes)
    generator.network.psi = psi
    z, labels = generator.latents(BLOCK + 2), generator.classes(BLOCK + 2)
    drawer, points, none = seen_from("w", generator, z, labels)
    assert points.shape == (BLOCK + 2, 8)
    assert none is None
    torch.testing.assert_close(drawer.images_from(points), generator.images_from(z, labels))
    assert seen_from("z", generator, z, labels) == (generator, z, labels)


def test_at_psi_0_all_is_the_average() -> None:
    generator = styled()
    generator.network.psi = 0.0
    w = styles_of(generator, generator.latents(3), None)
    assert torch.equal(w, generator.network.average.expand(3, -1))


def test_a_table_mixes_the_layers_of_its_rows_with_those_of_its_columns() -> None:
    generator = styled()
    styles = styles_of(generator, generator.latents(5), None)
    rows, columns = styles[:2], styles[2:]
    picture = mixing_table(generator, rows, columns)
    cells = picture[:1].unfold(1, 17, 17).unfold(2, 17, 17)[0, ..., 1:, 1:]  # make_grid puts a pixel between images
    assert cells.shape[:2] == (3, 4)
    alone = to_uint8(from_styles(generator).images_from(styles))[:, 0]
    assert torch.equal(cells[1:, 0], alone[:2])
    assert torch.equal(cells[0, 1:], alone[2:])
    layers = generator.network.synthesis.layers
    by_hand = torch.stack([rows[1]] * (layers // 2) + [columns[2]] * (layers - layers // 2))
    with torch.no_grad():
        expected = to_uint8(generator.network.synthesis(by_hand[None]))[0, 0]
    assert (cells[2, 3].int() - expected.int()).abs().max() <= 1
    assert torch.equal(mixing_table(generator, rows, rows)[:, 18:34, 18:34], picture[:, 18:34, 1:17])


def test_files_of_a_generator_with_styles(tmp_path: Path) -> None:
    write_images(styled(3), replace(REQUEST, count=2, directions=3, psi=0.7), tmp_path)
    written = {path.name for path in tmp_path.iterdir() if path.is_file()}
    assert written == {
        "grid.png",
        "classes.png",
        "mixing.png",
        "directions.png",
        "interpolation.gif",
        "interpolation.png",
    }
    assert read_image(tmp_path / "directions.png", (1, 3 * 17 + 1, 7 * 17 + 1)).shape[1:] == (52, 120)


def test_psi_changes_what_is_drawn(tmp_path: Path) -> None:
    model = {
        "generator": {"_target_": "ganforge.networks.stylegan2.Generator", **ARGUMENTS},
        "latent": {"_target_": "ganforge.sampling.latent.Latent", "dim": 6, "distribution": "normal"},
    }
    network = stylegan2.Generator(**ARGUMENTS)
    save_generator(tmp_path / "generator.safetensors", network, {"model": model}, {})
    drawn = {}
    for psi in (None, 1.0, 0.0):
        request = replace(REQUEST, run=str(tmp_path), count=2, psi=psi, output=str(tmp_path / f"psi_{psi}"))
        folder, _ = generate(request, tmp_path)
        drawn[psi] = [(folder / "images" / f"{number:06d}.png").read_bytes() for number in range(2)]
    assert drawn[None] == drawn[1.0] != drawn[0.0]
    assert drawn[0.0][0] == drawn[0.0][1]


@pytest.mark.parametrize("choice", [{"psi": 0.5}, {"space": "w"}])
def test_without_styles_there_is_no_w(tmp_path: Path, choice: dict[str, object]) -> None:
    assert not has_styles(plain())
    run_folder(tmp_path)
    with pytest.raises(ValueError, match="for generators with styles, such as model=stylegan2"):
        generate(replace(REQUEST, run=str(tmp_path), output=str(tmp_path / "out"), **choice), tmp_path)
    assert not (tmp_path / "out").exists()


@pytest.mark.slow
def test_an_image_is_projected_to_its_w(tmp_path: Path) -> None:
    generator = styled()
    for layer in generator.network.synthesis.to_image:
        layer.convolution.weight.mul_(0.2)  # no pixel is beyond what a picture can hold
    model = {
        "generator": {"_target_": "ganforge.networks.stylegan2.Generator", **ARGUMENTS},
        "latent": {"_target_": "ganforge.sampling.latent.Latent", "dim": 6, "distribution": "normal"},
    }
    save_generator(tmp_path / "generator.safetensors", generator.network, {"model": model}, {})
    generate(replace(REQUEST, run=str(tmp_path), count=1, seed=5, output=str(tmp_path / "drawn")), tmp_path)
    picture = tmp_path / "drawn" / "images" / "000000.png"
    folder, _ = generate(
        replace(REQUEST, run=str(tmp_path), project=str(picture), output=str(tmp_path / "p")), tmp_path
    )
    found = load_file(folder / "latent.safetensors")
    assert set(found) == {"w"}
    target = read_image(picture, (1, 16, 16)) / 127.5 - 1
    assert psnr(from_styles(generator).images_from(found["w"])[0], target) > 35
