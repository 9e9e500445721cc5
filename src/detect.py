"""Tell abnormal pictures, with a network that has learned normal ones alone.

usage: python src/detect.py run=FOLDER | weights=FILE [input=PICTURES]
                            [key=value ...]

Examples:

  python src/detect.py run=outputs/train/my_run input=photos
      scores.csv, with the most abnormal of the pictures below a folder first,
      comparison.png, where these are beside what they were compared with, and
      what each picture was compared with in reconstructions/, all of it in
      outputs/detect/my_run_photos
  python src/detect.py run=outputs/train/my_run input=photo.jpg output=here
      a single picture
  python src/detect.py run=outputs/train/my_run input=images.npz
      the images of an archive; with their labels, and a run that was trained
      with data.normal=, also how well the others are told (AUROC)
  python src/detect.py run=outputs/train/my_run
      the images that a run with data.normal= held out; the AUROC is added to
      its metrics.jsonl

Runs of model=bigan, ganomaly and f_anogan have a detector. A GAN from noise is
inverted for each picture (AnoGAN), which takes steps=500 steps of descent.
Pictures are cut and resized to the square that the network was trained on.

All keys and their values: python src/detect.py --cfg job
"""

from ganforge.process.start import documentation  # first of all, and before what takes time

from functools import partial
from pathlib import Path

import hydra
from omegaconf import DictConfig

from ganforge.launch.main import main, run_tool
from ganforge.launch.messages import shown
from ganforge.process.quiet import quiet


def detect_pictures(config: DictConfig) -> None:
    """Write what is asked for and say where it is."""
    from ganforge.inference.detection import Given, chosen_detector, detect, output_folder, requested, told_apart

    quiet()
    request = requested(config)
    detector, folder = chosen_detector(request), output_folder(request, Path(config.paths.outputs) / "detect")
    if request.input is not None:
        found = detect(detector, request, folder)
        print(f"{found.words} in {shown(folder)}")
        if measured := told_apart(detector, found):
            print(measured)
        return
    from ganforge.launch.held_out import add_record, held_out_of

    run = Path(request.run or ".")
    own = held_out_of(run, config)
    names = [f"{label}/{number}.png" for number, label in enumerate(own.labels.tolist())]
    found = detect(detector, request, folder, Given(own.images, names, own.labels))
    print(f"{found.words} in {shown(folder)}")
    print(add_record(run, own, found.scores, detector.network, detector.facts["images_seen"]))


@hydra.main(version_base="1.3", config_path="../conf", config_name="detect")
def entry(config: DictConfig) -> None:
    run_tool(config, detect_pictures)


if __name__ == "__main__":
    main(entry, "detect", partial(documentation, __file__))
