"""Search for good values of any keys, one training run per trial.

usage: python src/search.py [override ...] [search.key=value ...]

An override with several values is searched; the others hold for all trials:

  loss=hinge,lsgan                                       one of these
  'loss.n_critic=range(1,6)'                             1, 2, 3, 4 or 5
  'loss.label_smoothing=interval(0,0.3)'                 between these
  'optimizer.generator.lr=tag(log,interval(1e-5,1e-2))'  by its logarithm
  'model.generator.width=int(interval(16,64))'           a whole number

Without such an override both learning rates are searched. Trials are scored by
metrics.monitor; those that do worse than the median of others are ended early.

Examples:

  python src/search.py model=dcgan loss=r1 search.trials=20
  python src/search.py loss=r1,hinge 'loss.n_critic=range(1,4)'
  python src/search.py data=mnist trainer=gpu search.jobs=2
  python src/search.py resume=outputs/search/<date>_<time> search.trials=40
      goes on after Ctrl-C, a crash, or with more trials

Keys of the search:

  search.trials=20              in all
  search.jobs=1                 trials at once
  search.seed=0                 of the values that are tried
  search.pruner=median          or none: all trials run to their end
  search.prune_after_trials=5   finished ones, before the first is ended
  search.prune_after_images=0   that a trial may see in any case
  search.folder=my_search       a new folder
"""

from ganforge.process.start import documentation  # first of all, and before what takes time

import sys
from functools import partial

import hydra
from omegaconf import DictConfig

from ganforge.launch.main import main, run_tool
from ganforge.launch.messages import complain

training_overrides: list[str] = []


def search(config: DictConfig, overrides: list[str]) -> None:
    """Run the trials of a new search or the rest of an old one, then show the best."""
    try:
        from ganforge.search.study import run
    except ModuleNotFoundError as error:
        raise ValueError(f"a search needs {error.name}: pip install 'ganforge[search]'") from error
    run(config, overrides)


@hydra.main(version_base="1.3", config_path="../conf", config_name="search")
def entry(config: DictConfig) -> None:
    run_tool(config, partial(search, overrides=training_overrides))


def is_for_training(argument: str) -> bool:
    """Whether an argument is an override of src/train.py; paths are for both, flags are not."""
    key = argument.partition("=")[0].lstrip("+~")
    ours = key in ("resume", "search") or key.startswith("search.")
    return not ours and not argument.startswith("-") and ("=" in argument or argument.startswith("~"))


if __name__ == "__main__":
    arguments = sys.argv[1:]
    if {"-m", "--multirun"} & set(arguments):
        sys.exit(complain(ValueError("a search chooses between values without -m: leave it out")))
    training_overrides = [argument for argument in arguments if is_for_training(argument)]
    sys.argv[1:] = [word for word in arguments if word not in training_overrides or word.startswith("paths.")]
    main(entry, "search", partial(documentation, __file__))
