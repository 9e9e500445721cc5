"""Draw images with a trained generator, or find the latent behind an image.

usage: python src/generate.py run=FOLDER | weights=FILE [key=value ...]

Examples:

  python src/generate.py run=outputs/train/my_run
      64 images, a grid, and a loop through the latents as GIF and APNG, in
      outputs/generate/my_run_seed_0
  python src/generate.py run=outputs/train/my_run count=50_000 output=fakes
      a data set; fakes/images can be trained on with data=folder
  python src/generate.py weights=generator.safetensors seed=7 truncation=0.7
      other latents, nearer to the middle
  python src/generate.py run=outputs/train/my_run labels=[3,5]
      two classes in turn, for a generator that learned classes; all without
  python src/generate.py run=outputs/train/my_run project=photo.png
      the latent whose image comes nearest to a photo, and how near
  python src/generate.py run=outputs/train/my_run directions=8
      also a picture of the eight directions in which images change the most
  python src/generate.py run=outputs/train/my_stylegan2 psi=0.7
      nearer to the average style; with styles there is a table that mixes them

Image number i of a seed is the same whatever else is asked for: count=1000 and
then first=1000 count=1000 make 2000 different ones. Of a generator of points
there are a table and a scatter plot instead. run=latest is the run that
was written to last.

All keys and their values: python src/generate.py --cfg job
"""

from ganforge.process.start import documentation  # first of all, and before what takes time

from functools import partial
from pathlib import Path

import hydra
from omegaconf import DictConfig

from ganforge.launch.main import main, run_tool
from ganforge.launch.messages import shown
from ganforge.process.quiet import quiet


def draw(config: DictConfig) -> None:
    """Write what is asked for and say where it is."""
    from ganforge.inference.generation import generate, requested

    quiet()
    folder, what = generate(requested(config), Path(config.paths.outputs) / "generate")
    print(f"{what} in {shown(folder)}")


@hydra.main(version_base="1.3", config_path="../conf", config_name="generate")
def entry(config: DictConfig) -> None:
    run_tool(config, draw)


if __name__ == "__main__":
    main(entry, "generate", partial(documentation, __file__))
