"""A finished network from its file, with neither Hydra nor Lightning.

from ganforge.pretrained import from_pretrained
generator = from_pretrained("outputs/train/my_run")
images = generator.sample(16, seed=0)
translator = from_pretrained("outputs/train/my_translation")
images = translator.translate(pictures)                    # target="red", of a network for several domains
classifier = from_pretrained("outputs/train/my_run/classifier.safetensors")
probabilities = classifier.classify(pictures)
detector = from_pretrained("outputs/train/my_ganomaly")
scores, reconstructions = detector.detect(pictures)
"""

from ganforge.pretrained.blocks import BLOCK, filled_blocks
from ganforge.pretrained.files import (
    BACKWARD_WEIGHTS,
    CLASSIFIER_WEIGHTS,
    DETECTOR_WEIGHTS,
    WEIGHTS,
    Direction,
    classifier_file,
    known_as,
    weights_file,
)
from ganforge.pretrained.finished import (
    FromImages,
    Pretrained,
    PretrainedClassifier,
    PretrainedDetector,
    PretrainedEncoder,
    PretrainedGenerator,
)
from ganforge.pretrained.reading import discriminator_of, from_pretrained
from ganforge.pretrained.translator import PretrainedTranslator

__all__ = [
    "BACKWARD_WEIGHTS",
    "BLOCK",
    "CLASSIFIER_WEIGHTS",
    "DETECTOR_WEIGHTS",
    "WEIGHTS",
    "Direction",
    "FromImages",
    "Pretrained",
    "PretrainedClassifier",
    "PretrainedDetector",
    "PretrainedEncoder",
    "PretrainedGenerator",
    "PretrainedTranslator",
    "classifier_file",
    "discriminator_of",
    "filled_blocks",
    "from_pretrained",
    "known_as",
    "weights_file",
]
