"""Classify pictures with what a semi-supervised run has learned.

usage: python src/classify.py run=FOLDER | weights=FILE input=PICTURES
                              [key=value ...]

Examples:

  python src/classify.py run=outputs/train/my_run input=photo.jpg
      outputs/classify/my_run/photo.csv
  python src/classify.py run=outputs/train/my_run input=photos output=table.csv
      every picture below a folder, a row for each
  python src/classify.py run=latest input=images.npz
      the images of an archive by their numbers; if it has labels, these stand
      beside the answers, and it is said how many differ

Each row has the file, the label, the name of the class if the training data
had names, and the probability of each class. Pictures are cut to a square and
resized as in training, and become gray or coloured, as the network takes
them. Files of a folder that cannot be read are left out with a warning.

All keys and their values: python src/classify.py --cfg job
"""

from ganforge.process.start import documentation  # first of all, and before what takes time

from functools import partial
from pathlib import Path

import hydra
from omegaconf import DictConfig

from ganforge.launch.main import main, run_tool
from ganforge.launch.messages import shown
from ganforge.process.quiet import quiet


def classify_pictures(config: DictConfig) -> None:
    """Write what is asked for and say where it is."""
    from ganforge.inference.classification import classify, requested

    quiet()
    place, what = classify(requested(config), Path(config.paths.outputs) / "classify")
    print(f"{what} in {shown(place)}")


@hydra.main(version_base="1.3", config_path="../conf", config_name="classify")
def entry(config: DictConfig) -> None:
    run_tool(config, classify_pictures)


if __name__ == "__main__":
    main(entry, "classify", partial(documentation, __file__))
