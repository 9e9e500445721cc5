"""Train a generative adversarial network: any model x loss x data x trainer.

usage: python src/train.py [group=option | key=value ...] [-m]

What can be chosen (group=option; the first is what you get without):

{groups}

Examples:

  python src/train.py
      a DCGAN on handwritten digits; no download, about two minutes
  python src/train.py model=mlp loss=wgan_gp data=mnist images=500_000
      another network, game, data set and budget
  python src/train.py experiment=dcgan_svhn trainer=gpu
      a published recipe on a GPU
  python src/train.py data=folder data.path=photos metrics=none
      your own images
  python src/train.py data=folder data.path=photos init_from=outputs/train/run
      another run's weights to begin with
  python src/train.py -m model=mlp,dcgan loss=hinge,lsgan seed=1,2,3
      every combination, then a ranked table; with hydra/launcher=joblib in
      parallel
  python src/train.py resume=latest
      go on with a run, or a sweep, that was stopped or killed; resume= also
      takes its folder, and images= with it a larger budget

Keys most often set:

  images=200_000              the budget: real images shown
  seed=1                      initial weights, order of the data, latents
  evaluate_every=20_000       images between scores and checkpoints
  sample_every=5_000          images between sample grids
  data.batch_size=128         images in one turn, over all processes
  loss.n_critic=2             discriminator turns before a generator turn
  penalty=gradient_penalty    with any loss; so is constraint=weight_clipping
  optimizer.generator.lr=1e-4
  trainer.precision=bf16-mixed

All keys and their values: python src/train.py --cfg job
Hydra's own flags: python src/train.py --hydra-help
"""

from ganforge.process.start import documentation  # first of all, and before what takes time

from functools import partial

import hydra
from omegaconf import DictConfig

from ganforge.launch.job import Job, run_job
from ganforge.launch.main import main
from ganforge.process.quiet import importing, quiet
from ganforge.process.terminal import keep_output_from_failing


def train(config: DictConfig, job: Job) -> float | None:
    """Build the experiment, train it, show what came out; returns the best monitored score."""
    with importing():
        from ganforge.launch.run import fit, show_summary

    quiet()
    fit(config, job)
    return show_summary(config, job)


def resume(overrides: list[str], multirun: bool) -> list[str] | None:
    from ganforge.launch.resume import go_on

    return go_on(overrides, multirun, train)


@hydra.main(version_base="1.3", config_path="../conf", config_name="train")
def entry(config: DictConfig) -> float | None:
    return run_job(config, train)


if __name__ == "__mp_main__":  # one of the processes of trainer=ddp
    keep_output_from_failing()
    with importing():
        import lightning  # noqa: F401  # it sets the level of its own log when it is imported

    quiet()
elif __name__ == "__main__":
    main(entry, "train", partial(documentation, __file__), resume)
