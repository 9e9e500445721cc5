"""Score a trained run again, or the pictures of any other generator.

usage: python src/evaluate.py run=FOLDER [key=value ...]
       python src/evaluate.py fakes=PICTURES data=DATA metrics=SCORES

Examples:

  python src/evaluate.py run=outputs/train/my_run
      the run's own scores of 50,000 images from its best checkpoint
  python src/evaluate.py run=outputs/train/my_run metrics=inception
      other scores; metrics=classifier, self_supervised, inception or mixture
  python src/evaluate.py run=FOLDER metrics=inception reference=train
      against the training images, as FIDs of CIFAR-10 are published
  python src/evaluate.py run=FOLDER weights=live checkpoint=last
      the latest generator, without the average
  python src/evaluate.py run=FOLDER against=ANOTHER
      two runs side by side; evaluate the other one first, in the same way
  python src/evaluate.py run=FOLDER data.path=photos
      a run from another computer; data.root= says where data sets are
  python src/evaluate.py fakes=pictures data=cifar10 metrics=inception
      another tool's generator: a folder of pictures or an .npz with images,
      read as data=folder and data=arrays are
  python src/evaluate.py fakes=pictures run=FOLDER
      the same with the data and the scores of a run, beside the run's scores

The scores are added to metrics.jsonl of the run, or of the folder of fakes
(beside an .npz as NAME.metrics.jsonl; output= names another file), with the
stamp that says what they measured. They are shown beside other scores only
where what measured them is equal: extractor, data, split, counts and size. Two
runs must also draw from the same seed and kind of weights. The same line gives
the same scores, bit for bit. run=latest is the run that was written to last.

All keys and their values: python src/evaluate.py --cfg job
"""

from ganforge.process.start import documentation  # first of all, and before what takes time

from functools import partial

import hydra
from omegaconf import DictConfig

from ganforge.launch.main import main, run_tool
from ganforge.process.quiet import quiet


def evaluate(config: DictConfig) -> None:
    from ganforge.launch.rescoring import requested, rescore

    quiet()
    rescore(requested(config), config)


@hydra.main(version_base="1.3", config_path="../conf", config_name="evaluate")
def entry(config: DictConfig) -> None:
    run_tool(config, evaluate)


if __name__ == "__main__":
    main(entry, "evaluate", partial(documentation, __file__))
