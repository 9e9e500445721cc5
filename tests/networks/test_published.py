"""Networks against the published ones: how many numbers they learn, and what they compute."""

import math
from collections.abc import Callable
from functools import partial

import pytest
import torch
from torch import nn

from ganforge.layers.heads import ClassHead, CodeHead
from ganforge.networks import (
    acgan,
    biggan,
    infogan,
    patchgan,
    progan,
    r3gan,
    resnet,
    rrdb,
    sagan,
    sngan,
    sngan_cnn,
    srresnet,
    stargan,
    stylegan2,
    unet,
    vgg_style,
)

from ..verdicts import output, projection


def patches(inputs: int, receptive_field: int, normalization: str = "batch") -> nn.Module:
    return patchgan.Discriminator(256, inputs, receptive_field=receptive_field, normalization=normalization)


CODES = partial(CodeHead, codes={"categorical": [10], "continuous": 2})


@pytest.mark.parametrize(
    ("build", "parameters"),
    [
        (lambda: unet.Generator(3, 3, 256), 54_413_955),
        (lambda: unet.Generator(3, 3, 128), 41_828_995),
        (lambda: unet.Generator(1, 3, 32), 16_657_027),
        (lambda: unet.Generator(1, 3, 32, width=32), 4_166_979),
        (lambda: patches(6, 1), 9_024),
        (lambda: patches(6, 16), 139_585),
        (lambda: patches(6, 34), 666_433),
        (lambda: patches(6, 70), 2_768_705),
        (lambda: patches(3, 16, "unscaled_instance"), 136_385),
        (lambda: patches(3, 34, "unscaled_instance"), 662_977),
        (lambda: patches(3, 70, "unscaled_instance"), 2_764_737),
        (lambda: resnet.Generator(3, 3), 11_378_179),
        (lambda: resnet.Generator(3, 3, blocks=6), 7_837_699),
        (lambda: resnet.Generator(1, 3, width=32, blocks=6), 1_961_923),
        (lambda: stargan.Generator(3, 5), 8_430_528),
        (lambda: stargan.Discriminator(128, 3, 5), 44_762_048),
        (lambda: stargan.Generator(3, 10, width=32, blocks=3), 1_239_680),
        (lambda: stargan.Discriminator(32, 3, 10), 2_781_632),
        (lambda: sngan.Generator(128, 32, 3), 4_276_739),
        (lambda: sngan.Discriminator(32, 3), 1_053_825),
        (lambda: sngan.Discriminator(32, 3, spectral_norm=False), 1_053_825),
        (lambda: sngan.Generator(128, 32, 3, num_classes=10), 4_304_387),
        (lambda: sngan.Discriminator(32, 3, head=projection(10)), 1_055_105),
        (lambda: acgan.Generator(100, 32, 3, num_classes=10), 1_593_888),
        (lambda: acgan.Discriminator(32, 3, head=partial(ClassHead, num_classes=10)), 1_663_867),
        (lambda: infogan.Generator(74, 28, 1), 6_652_481),
        (lambda: infogan.Discriminator(28, 1), 6_559_169),
        (lambda: infogan.Discriminator(28, 1, head=CODES), 6_559_169 + 131_456 + 129 * 12),
        (lambda: sagan.Generator(128, 32, 3, num_classes=10), 4_386_308),
        (lambda: sagan.Discriminator(32, 3, head=projection(10)), 1_075_586),
        (lambda: biggan.Generator(128, 32, 3, 64, 10, shared=None, hierarchical=False), 4_304_387),
        (lambda: biggan.Discriminator(32, 3, head=projection(10)), 4_207_361),
        (lambda: biggan.Generator(128, 32, 3, 64, 10), 4_373_251),
        (lambda: biggan.Generator(128, 32, 3, 96, 10), 9_360_899),
        (lambda: biggan.Discriminator(32, 3, 96, head=projection(10)), 9_456_769),
        (lambda: biggan.Generator(80, 32, 3, 96, 10, attention=16), 9_416_196),
        (lambda: biggan.Discriminator(32, 3, 48, 16, head=projection(10)), 2_415_170),
        (lambda: sngan_cnn.Generator(128, 32, 3), 3_813_379),
        (lambda: sngan_cnn.Discriminator(32, 3), 5_860_865),
        (lambda: stylegan2.Generator(512, 32, 3, mapping_layers=2).mapping, 525_312),
        (lambda: stylegan2.Generator(512, 32, 3, mapping_layers=2).synthesis, 19_422_227),
        (lambda: stylegan2.Generator(512, 32, 3, mapping_layers=2), 19_947_539),
        (lambda: stylegan2.Generator(512, 32, 3, mapping_layers=2, num_classes=10), 20_215_315),
        (lambda: stylegan2.Discriminator(32, 3, "orig"), 20_720_641),
        (lambda: stylegan2.Discriminator(32, 3, "resnet"), 21_507_073),
        (lambda: stylegan2.Discriminator(32, 3, "orig", head=projection(10)), 23_089_664),
        (lambda: stylegan2.Discriminator(32, 3, "resnet", head=projection(10)), 23_876_096),
        *(
            (partial(stylegan2.Generator, 128, 32, 3, 128, 2, channel_max=width, num_classes=10), parameters)
            for width, parameters in ((64, 401_939), (128, 1_269_139), (256, 4_551_827))
        ),
        *(
            (partial(stylegan2.Discriminator, 32, 3, channel_max=width, head=projection(10)), parameters)
            for width, parameters in ((64, 375_360), (128, 1_496_192), (256, 5_974_272))
        ),
        (lambda: r3gan.Generator(64, 32, 3), 20_732_160),
        (lambda: r3gan.Discriminator(32, 3), 20_683_776),
        (lambda: r3gan.Generator(64, 32, 3, num_classes=10), 20_781_952),
        (lambda: r3gan.Discriminator(32, 3, head=projection(10)), 21_280_512),
        (lambda: r3gan.Generator(64, 64, 3), 22_429_824),
        (lambda: r3gan.Discriminator(64, 3), 22_381_440),
        (lambda: r3gan.Generator(64, 32, 3, 1536, group_width=32, num_classes=1000), 82_914_304),
        (lambda: r3gan.Discriminator(32, 3, 1536, group_width=32, head=projection(1000)), 86_548_992),
        (lambda: r3gan.Generator(64, 32, 3, 64, num_classes=10), 290_624),
        (lambda: r3gan.Discriminator(32, 3, 64, head=projection(10)), 286_528),
        (lambda: r3gan.Generator(64, 32, 3, 128, num_classes=10), 842_752),
        (lambda: r3gan.Discriminator(32, 3, 128, head=projection(10)), 843_392),
        (lambda: r3gan.Generator(64, 32, 3, 128, blocks=1, num_classes=10), 431_104),
        (lambda: r3gan.Discriminator(32, 3, 128, blocks=1, head=projection(10)), 431_744),
        (lambda: r3gan.Generator(64, 32, 3, 256, blocks=1, num_classes=10), 1_385_856),
        (lambda: r3gan.Discriminator(32, 3, 256, blocks=1, head=projection(10)), 1_420_544),
        (lambda: progan.Generator(512, 32, 3), 20_719_628),
        (lambda: progan.Generator(512, 32, 3, num_classes=10), 20_801_548),
        (lambda: progan.Discriminator(32, 3), 20_726_785),
        (lambda: progan.Generator(128, 32, 3, fmap_base=1024, fmap_max=128), 1_112_268),
        (lambda: progan.Discriminator(32, 3, fmap_base=1024, fmap_max=128), 1_114_049),
        (lambda: progan.Generator(512, 1024, 3), 23_079_115),
        (lambda: progan.Discriminator(1024, 3), 23_087_249),
        (lambda: srresnet.Generator(3, 3, 4), 1_549_462),
        (lambda: srresnet.Generator(3, 3, 4, blocks=5), 734_219),
        (lambda: srresnet.Generator(3, 3, 2, blocks=5), 586_506),
        (lambda: rrdb.Generator(3, 3, 4), 16_697_987),
        (lambda: vgg_style.Discriminator(128, 3, kernel_size=4, hidden=100), 14_499_401),
    ],
)
def test_parameters_are_as_many_as_published(build: Callable[[], nn.Module], parameters: int) -> None:
    with torch.device("meta"):
        network = build()
    assert sum(weight.numel() for weight in network.parameters()) == parameters


def sines(shape: tuple[int, ...], first: int = 1) -> torch.Tensor:
    """sin(n^2) for n = first, first + 1, ..."""
    return torch.arange(first, first + math.prod(shape), dtype=torch.float64).square().sin().view(shape)


def fill(network: nn.Module) -> None:
    """Parameters in the order of the layers, numbered through: kernels of He's deviation, scales about 1.

    What spectral norms remember is numbered from 1 in each.
    """
    first = 1
    for name, weight in network.named_parameters():
        numbers = sines(weight.shape, first)
        first += weight.numel()
        if weight.ndim > 1:
            numbers = numbers * math.sqrt(2 / math.prod(weight.shape[1:]))
        else:
            numbers = numbers / 10 + name.endswith("weight")
        weight.data.copy_(numbers)
    for name, buffer in network.named_buffers():
        if name.endswith("norm.u"):
            buffer.copy_(sines(buffer.shape))


@pytest.mark.parametrize(
    ("network", "shape", "training", "evaluating"),
    [
        pytest.param(
            lambda: unet.Generator(1, 3, 32, width=4, dropout_stages=0),
            (2, 1, 32, 32),
            [0.0129993, 0.0641733, -0.1591719, 0.075388, -0.2205371],
            [0.046411, -0.2747833, -0.1293592, -0.0207285, -0.1943894],
            id="unet",
        ),
        pytest.param(
            lambda: unet.Generator(3, 1, 64, width=4, dropout_stages=0, normalization="unscaled_instance"),
            (2, 3, 64, 64),
            [0.6249085, -0.5910804, -0.0191657, -0.4993836, 0.1339732],
            [0.6249085, -0.5910804, -0.0191657, -0.4993836, 0.1339732],
            id="unet of instances",
        ),
        pytest.param(
            lambda: patchgan.Discriminator(8, 1, 3, width=4, receptive_field=1),
            (2, 4, 8, 8),
            [0.3978235, -0.7302404, -0.3022027, 0.7451948, 0.5183223],
            [0.0280509, -0.7453085, -0.3615265, 0.2785191, 0.0926588],
            id="patchgan 1",
        ),
        pytest.param(
            lambda: patchgan.Discriminator(32, 1, 3, width=4, receptive_field=16),
            (2, 4, 32, 32),
            [-0.9537028, 0.5515255, -0.2162568, 1.0077935, -0.7049791],
            [-0.5258342, 0.2947391, -0.1056431, 0.4423313, -0.2385077],
            id="patchgan 16",
        ),
        pytest.param(
            lambda: patchgan.Discriminator(32, 1, 0, 4, 34, "unscaled_instance"),
            (2, 1, 32, 32),
            [-0.6763981, 1.7772674, 1.225844, 0.0478168, 0.1204144],
            [-0.6763981, 1.7772674, 1.225844, 0.0478168, 0.1204144],
            id="patchgan 34",
        ),
        pytest.param(
            lambda: patchgan.Discriminator(32, 3, 3, width=4, receptive_field=70),
            (2, 6, 32, 32),
            [-0.920251, -0.5612955, -0.2955275, 0.7635564, -0.4162747],
            [-0.0999353, -0.0720176, -0.0790801, 0.1603432, -0.0703476],
            id="patchgan 70",
        ),
        pytest.param(
            lambda: patchgan.Discriminator(64, 1, 0, 4, 142, "unscaled_instance"),
            (2, 1, 64, 64),
            [0.51856, 0.5957331, 0.0092708, 0.3214907, 1.2845736],
            [0.51856, 0.5957331, 0.0092708, 0.3214907, 1.2845736],
            id="patchgan 142",
        ),
        pytest.param(
            lambda: resnet.Generator(1, 3, width=4, blocks=3),
            (2, 1, 32, 32),
            [0.8196082, 0.4243568, 0.6389531, -0.7809312, 0.1480079],
            [0.8196082, 0.4243568, 0.6389531, -0.7809312, 0.1480079],
            id="resnet",
        ),
        pytest.param(
            lambda: resnet.Generator(3, 1, width=4, blocks=2, normalization="batch"),
            (2, 3, 28, 28),
            [0.7394074, -0.3849047, 0.1978726, -0.0755397, 0.0936446],
            [0.19722, -0.119085, 0.0110879, -0.1781732, 0.0001764],
            id="resnet of batches",
        ),
    ],
)
def test_outputs_are_those_of_the_authors_code(
    network: Callable[[], nn.Module], shape: tuple[int, ...], training: list[float], evaluating: list[float]
) -> None:
    """Five outputs, evenly spaced, of a batch of `sines` in train mode and then in eval mode.

    The numbers are those of the networks of CUT (github.com/taesungp/contrastive-unpaired-translation, BSD), which are
    in the PyTorch code of authors of pix2pix and CycleGAN: without their blurs, filled by `fill`, in double precision.
    """
    translator = network().double()
    fill(translator)
    for mode, expected in ((True, training), (False, evaluating)):
        outputs = output(translator.train(mode), sines(shape)).flatten()
        places = torch.linspace(0, len(outputs) - 1, 5).long()
        assert outputs[places].tolist() == pytest.approx(expected, abs=1e-5)


@pytest.mark.parametrize(
    ("network", "shape", "training", "evaluating"),
    [
        pytest.param(
            lambda: srresnet.Generator(3, 3, 2, blocks=5),
            (2, 3, 7, 9),
            [-1.1598386, 0.6562558, 0.1758725, -0.2392054, -1.2288665],
            [-1.0747803, 0.5284042, 0.6227906, 0.2195862, -1.2813284],
            id="srresnet 2",
        ),
        pytest.param(
            lambda: srresnet.Generator(3, 3, 4, blocks=5),
            (2, 3, 7, 9),
            [0.0751632, -0.1565426, -0.4450578, -0.2391811, 0.1495972],
            [0.0297479, -0.0449514, -0.5315364, -0.4969603, 0.1174033],
            id="srresnet 4",
        ),
        pytest.param(
            lambda: rrdb.Generator(3, 3, 4, width=8, blocks=2, growth=4),
            (2, 3, 7, 9),
            [0.0595808, -0.039211, 0.0402213, 0.2896036, -0.0157769],
            [0.0595808, -0.039211, 0.0402213, 0.2896036, -0.0157769],
            id="rrdb",
        ),
        pytest.param(
            lambda: vgg_style.Discriminator(128, 3, width=4, kernel_size=4, hidden=100),
            (3, 3, 128, 128),
            [-0.1161075, -0.5562521, 0.4583903],
            [-0.0410906, -0.0436925, -0.0185641],
            id="discriminator of esrgan",
        ),
    ],
)
def test_outputs_of_super_resolution_are_those_of_references(
    network: Callable[[], nn.Module], shape: tuple[int, ...], training: list[float], evaluating: list[float]
) -> None:
    """Outputs, evenly spaced, of a batch of `sines` in train mode and then in eval mode, in double precision.

    The numbers of SRResNet are those of github.com/leftthomas/SRGAN (MIT) before its hyperbolic tangent, the others
    those of BasicSR (github.com/XPixelGroup/BasicSR, Apache-2.0), filled by `fill` in the order of our layers.
    """
    player = network().double()
    fill(player)
    for mode, expected in ((True, training), (False, evaluating)):
        outputs = output(player.train(mode), sines(shape)).flatten()
        places = torch.linspace(0, len(outputs) - 1, len(expected)).long()
        assert outputs[places].tolist() == pytest.approx(expected, abs=1e-6)


TRANSLATION: dict[str, tuple[Callable[..., nn.Module], dict[str, object]]] = {
    "unet": (unet.Generator, {"source_channels": 1, "channels": 1, "image_size": 32, "width": 2, "dropout_stages": 1}),
    "patchgan": (patchgan.Discriminator, {"image_size": 32, "channels": 1, "width": 2, "receptive_field": 16}),
    "resnet": (resnet.Generator, {"source_channels": 1, "channels": 1, "width": 2, "blocks": 1}),
}


@pytest.mark.parametrize("name", TRANSLATION)
def test_a_network_without_memory_takes_the_weights_of_its_like(name: str) -> None:
    network, choices = TRANSLATION[name]
    first = network(**choices).eval()
    with torch.device("meta"):
        second = network(**choices).eval()
    second.load_state_dict(first.state_dict(), assign=True)
    images = torch.randn(2, 1, 32, 32)
    assert torch.equal(output(first, images), output(second, images))


@pytest.mark.parametrize("name", TRANSLATION)
def test_pixels_before_channels_in_memory_changes_nothing(name: str) -> None:
    network, choices = TRANSLATION[name]
    translator, images = network(**choices).double().eval(), torch.randn(2, 1, 32, 32, dtype=torch.float64)
    expected = output(translator, images)
    last = torch.channels_last
    assert torch.allclose(
        output(translator.to(memory_format=last), images.to(memory_format=last)), expected, atol=1e-12
    )


@pytest.mark.parametrize(
    ("network", "inputs", "training", "evaluating"),
    [
        pytest.param(
            lambda: sngan.Generator(6, 32, 3, width=4, upsampling="bilinear"),
            (2, 6),
            [-0.2219712, -0.5202746, -0.1181099, -0.3014341, 0.0302766],
            [-0.453006, 0.1242184, -0.1043118, 0.4596106, -0.1179746],
            id="generator",
        ),
        pytest.param(
            lambda: sngan.Generator(6, 32, 3, width=4, num_classes=3, upsampling="bilinear"),
            (2, 6),
            [-0.7211453, 0.2119953, 0.1511116, 0.1007404, -0.1717033],
            [-0.0412235, 0.1117449, 0.0780816, 0.1095309, 0.0184689],
            id="generator of classes",
        ),
        pytest.param(
            lambda: sngan.Discriminator(32, 3, width=4),
            (5, 3, 32, 32),
            [5.7064214, 5.1696478, 4.9705743, 5.6869555, 5.1660974],
            [5.9775697, 5.5249201, 5.3675192, 6.0284344, 5.5655121],
            id="discriminator",
        ),
        pytest.param(
            lambda: sngan.Discriminator(32, 3, width=4, head=projection(3)),
            (5, 3, 32, 32),
            [29.0413021, 15.3732244, 0.204754, 28.9260487, 14.6962298],
            [26.7350066, 14.3443999, 0.4926984, 26.6214825, 13.7503906],
            id="discriminator of classes",
        ),
        pytest.param(
            lambda: sagan.Generator(6, 32, 3, width=8, num_classes=3, upsampling="bilinear"),
            (2, 6),
            [0.5534414, 0.0528692, 0.0130802, 0.8684587, 0.3289971],
            [0.2420364, 0.0795005, 0.0609445, 0.1485487, 0.1024021],
            id="sagan generator",
        ),
        pytest.param(
            lambda: sagan.Discriminator(32, 3, width=8, attention=8, head=projection(3)),
            (5, 3, 32, 32),
            [3.9197569, 0.8720903, 0.0329446, 4.6590228, 1.3755417],
            [2.8000366, 0.6998219, 0.002803, 3.3303152, 1.0034695],
            id="sagan discriminator",
        ),
        pytest.param(
            lambda: biggan.Generator(6, 32, 3, 2, 3, shared=None, hierarchical=False),
            (2, 6),
            [0.4813127, 0.3722037, 0.455989, 0.5204872, -0.1655234],
            [0.1492545, 0.3319633, -0.1810915, 0.3574349, 0.0442473],
            id="biggan generator",
        ),
        pytest.param(
            lambda: biggan.Generator(10, 32, 3, 2, 3, shared=5, hierarchical=True, attention=16),
            (2, 10),
            [0.5699374, 0.0608787, 0.4612055, 0.3072077, 0.1494852],
            [0.0330936, 0.451636, 0.1229806, 0.1487673, 0.015929],
            id="biggan generator of shared classes, hierarchy and attention",
        ),
        pytest.param(
            lambda: biggan.Discriminator(32, 3, 2, head=projection(3)),
            (5, 3, 32, 32),
            [0.6211804, 1.6393464, -5.8725096, 1.1656012, 1.9532775],
            [0.4246855, 1.0383185, -6.217539, 0.8692944, 1.3392952],
            id="biggan discriminator",
        ),
        pytest.param(
            lambda: biggan.Discriminator(32, 3, 2, 16, head=projection(3)),
            (5, 3, 32, 32),
            [15.0898749, 14.2086516, 8.6708174, 16.5361445, 14.0291443],
            [11.6920375, 11.0976927, 7.1502299, 12.8523167, 11.0690524],
            id="biggan discriminator with attention",
        ),
    ],
)
def test_outputs_are_those_of_a_reference(
    network: Callable[[], nn.Module], inputs: tuple[int, ...], training: list[float], evaluating: list[float]
) -> None:
    """Five outputs, evenly spaced, of a batch of `sines` in train mode, which is remembered, and then in eval mode.

    The numbers are those of mimicry (github.com/kwotsin/mimicry, MIT), with its own spectral norm and with rectifiers
    that are not in place, as in the authors' code; those of BigGAN are of github.com/ajbrock/BigGAN-PyTorch (MIT), with
    attention after the first of its discriminator's blocks. They were filled by `fill`, in the order of our layers, in
    double precision.
    """
    player = network().double()
    fill(player)
    label = torch.tensor([2, 0] if len(inputs) == 2 else [0, 1, 2, 0, 1])
    for mode, expected in ((True, training), (False, evaluating)):
        outputs = output(player.train(mode), sines(inputs), label).flatten()
        places = torch.linspace(0, len(outputs) - 1, 5).long()
        assert outputs[places].tolist() == pytest.approx(expected, abs=1e-6)


def test_outputs_of_acgan_are_those_of_a_reference() -> None:
    """Five outputs, evenly spaced, of a batch of `sines` in train mode without dropout, and then in eval mode.

    The numbers are those of the networks for CIFAR-10 of ACGAN-PyTorch (github.com/clvrai/ACGAN-PyTorch, MIT) below
    their sigmoid and softmax, filled by `fill`, in double precision.
    """
    generator = acgan.Generator(100, 32, 3, num_classes=10).double()
    discriminator = acgan.Discriminator(32, 3, dropout=0.0, head=partial(ClassHead, num_classes=10)).double()
    fill(generator)
    fill(discriminator)
    label = torch.tensor([2, 0])
    of_mode = {
        True: [
            [-0.3245484, -0.3614275, -0.5173525, 0.0159046, -0.152081],
            [0.3639255, -0.8083777, 1.3449945, 0.1151742, -0.6211428],
            [-1.0423196, -1.0728165, 1.0764965, 0.9368082, 0.4320875],
        ],
        False: [
            [-0.0615438, -0.0616161, -0.0066652, -0.0039058, 0.0156843],
            [0.105205, 0.0267309, 0.0908429, 0.0374965, 0.0006464],
            [-0.0339801, -0.0763254, 0.1336497, 0.0269717, 0.1130048],
        ],
    }
    for mode, expected in of_mode.items():
        images = generator.train(mode)(sines((2, 100)), label)
        said = discriminator.train(mode)(sines((5, 3, 32, 32)))
        for found, numbers in zip((images, said.logits, said.classes), expected, strict=True):
            places = torch.linspace(0, found.numel() - 1, 5).long()
            assert found.flatten()[places].tolist() == pytest.approx(numbers, abs=1e-6)


@pytest.mark.parametrize(
    ("level", "images", "logits"),
    [
        (0.0, [1.6755385, 0.6867374, 0.1857759, -1.5944229, 0.275804], [-0.221412, -0.1599476, -0.3119286, 0.074743]),
        (0.4, [1.1485291, 0.1928812, 0.5273339, -0.8027864, 0.3736004], None),
        (
            1.0,
            [0.3580149, -0.5479032, 1.0396709, 0.3846685, 0.520295],
            [-0.1333687, -0.0984615, -0.2056646, -0.1144882],
        ),
        (
            1.3,
            [0.5070383, -0.015532, 0.8483756, 0.8528674, 0.3245575],
            [-0.1083504, -0.0434231, -0.1530682, -0.1117599],
        ),
        (
            1.75,
            [0.7305734, 0.7830247, 0.5614327, 1.5551658, 0.0309512],
            [-0.0129179, 0.0178903, -0.0313273, -0.0618603],
        ),
        (2.0, [0.8547595, 1.2266674, 0.4020199, 1.9453315, -0.1321634], [0.0416526, 0.0670539, 0.0015455, -0.0270563]),
    ],
)
def test_growing_networks_compute_what_pytorch_gan_zoo_does(
    level: float, images: list[float], logits: list[float] | None
) -> None:
    """Numbers of its networks with as many scales, images repeated to the full size; its `alpha` is the missing share.

    It scales biases with the weights, and has a gain of sqrt(2) in every layer: its weights were those numbers over its
    factor. Its deviations of a group were divided by 4 in the place of 3. It has no fade of the first level in D.
    """
    generator = progan.Generator(5, 16, 3, fmap_base=32, fmap_max=8).double()
    discriminator = progan.Discriminator(16, 3, fmap_base=32, fmap_max=8, fused=False).double()
    for network in (generator, discriminator):
        network.grow(level)
        first = 1
        for name, weight in network.named_parameters():
            numbers = sines(weight.shape, first)
            first += weight.numel()
            weight.data.copy_(numbers / 10 if name.endswith("bias") else math.sqrt(2) * numbers)
    made = generator(sines((4, 5))).flatten()[::577][:5]
    assert torch.allclose(made, torch.tensor(images, dtype=torch.float64), atol=1e-6)
    if logits is not None:
        judged = discriminator(sines((4, 3, 16, 16))).logits
        assert torch.allclose(judged, torch.tensor(logits, dtype=torch.float64), atol=1e-6)
