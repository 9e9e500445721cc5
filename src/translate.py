"""Translate pictures with a trained network: pix2pix, CycleGAN either way, or
larger ones with SRResNet, SRGAN and ESRGAN; to any domain with StarGAN.

usage: python src/translate.py run=FOLDER | weights=FILE input=PICTURES
                               [key=value ...]

Examples:

  python src/translate.py run=outputs/train/my_run input=photo.jpg
      outputs/translate/my_run/photo.png
  python src/translate.py run=outputs/train/my_run input=photos output=drawn
      every picture below a folder, as a PNG at its place in drawn/images, and
      drawn/comparison.png with the first of them beside their translations
  python src/translate.py run=outputs/train/my_run input=images.npz
      the images of an archive, with their labels if there are any
  python src/translate.py run=FOLDER input=photos apply_view=true
      photographs for a run that was trained with view=edges, or another
  python src/translate.py run=latest input=photos direction=b_to_a
      the other way, for model=cyclegan
  python src/translate.py run=FOLDER input=photo.png target=red
      to one domain of model=stargan; without target=, or with target=all, to
      every one: a folder for each in images, and comparison.png with a row
      for each picture

Pictures keep their sizes, whatever these are, or become larger by the scale
of super-resolution, large ones in tiles (tile=512) that make the same picture;
size=256 cuts and resizes them to a square first, as training does. They become
gray or coloured, as the network takes them. Files of a folder that cannot be
read are left out with a warning. But for rounding, a picture becomes the same
whatever else is translated with it.

All keys and their values: python src/translate.py --cfg job
"""

from ganforge.process.start import documentation  # first of all, and before what takes time

from functools import partial
from pathlib import Path

import hydra
from omegaconf import DictConfig

from ganforge.launch.main import main, run_tool
from ganforge.launch.messages import shown
from ganforge.process.quiet import quiet


def translate_pictures(config: DictConfig) -> None:
    """Write what is asked for and say where it is."""
    from ganforge.inference.translation import requested, translate

    quiet()
    place, what = translate(requested(config), Path(config.paths.outputs) / "translate")
    print(f"{what} in {shown(place)}")


@hydra.main(version_base="1.3", config_path="../conf", config_name="translate")
def entry(config: DictConfig) -> None:
    run_tool(config, translate_pictures)


if __name__ == "__main__":
    main(entry, "translate", partial(documentation, __file__))
