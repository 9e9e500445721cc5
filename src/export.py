"""Export a trained network in formats that others can run.

usage: python src/export.py run=FOLDER [format=FORMAT] [output=FOLDER]

Examples:

  python src/export.py run=outputs/train/my_run
      weights, configuration, sample grid and model card, as the Hugging Face
      Hub expects them, in outputs/export/my_run
  python src/export.py run=latest
      the same of the run that was written to last
  python src/export.py run=outputs/train/my_run 'format=[onnx,pt2]'
      the same with graphs for other runtimes
  python src/export.py weights=generator.safetensors output=for_you
      from a file of weights alone; the card knows less about the scores
  python src/export.py run=outputs/train/my_run direction=b_to_a
      the other generator of model=cyclegan
  python src/export.py weights=outputs/train/my_run/encoder.safetensors
      the encoder of an autoencoder; run= exports its decoder
  python src/export.py weights=outputs/train/my_run/classifier.safetensors
      what a semi-supervised run learned to classify with

Formats:

  safetensors    always there; from_pretrained of ganforge.pretrained loads it
  onnx           ONNX Runtime and others; pip install 'ganforge[export]'
  torchscript    libtorch and older PyTorch
  pt2            torch.export.load

Graphs take latents z (B, latent_dim), and label (B,) where the generator knows
classes; or source (B, C, H, W) where it translates, with H and W as the card
says, and label (B,) where there are several domains; or images where it
encodes, classifies or detects. Images are in [-1, 1], dropout is off. Every
file is loaded again in its own runtime and compared with the source: a
difference above 1e-4 is an error.
"""

from ganforge.process.start import documentation  # first of all, and before what takes time

from functools import partial
from pathlib import Path

import hydra
from omegaconf import DictConfig, OmegaConf

from ganforge.launch.main import main, run_tool
from ganforge.launch.messages import shown
from ganforge.process.quiet import quiet


def export_run(config: DictConfig) -> None:
    """Export, and show how far each file is from the source."""
    if (config.run is None) == (config.weights is None):
        raise ValueError("say what to export: run=<a run folder>, or weights=<a .safetensors file>")
    quiet()
    from ganforge.inference.exporting import export
    from ganforge.inference.requests import checked_direction

    direction = checked_direction(config.direction)
    source = Path(config.run or config.weights)
    name = source.resolve().name.removesuffix(".safetensors")
    backward = "_b_to_a" if direction == "b_to_a" else ""
    output = Path(config.output or f"{config.paths.outputs}/export/{name}{backward}")
    formats = config.format if OmegaConf.is_list(config.format) else [config.format]
    for file, difference in export(source, list(formats), output, direction).items():
        print(f"{file:18} differs from the source by {difference:.2g} at most")
    print(f"with a model card in {shown(output)}")


@hydra.main(version_base="1.3", config_path="../conf", config_name="export")
def entry(config: DictConfig) -> None:
    run_tool(config, export_run)


if __name__ == "__main__":
    main(entry, "export", partial(documentation, __file__))
