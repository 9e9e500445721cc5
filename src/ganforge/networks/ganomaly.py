"""The generator of GANomaly (Akcay et al. 2018, arXiv:1805.06725).

Its discriminator is DCGAN's, as is its decoder.
"""

from torch import Tensor, nn

from ganforge.networks import dcgan
from ganforge.networks.encoder import Encoder


class Generator(nn.Module):
    """images (B, channels, image_size, image_size) -> their reconstructions, through `latent_dim` numbers."""

    def __init__(self, latent_dim: int, image_size: int, channels: int, width: int = 64) -> None:
        super().__init__()
        self.encoder = Encoder(latent_dim, image_size, channels, width)
        self.decoder = dcgan.Generator(latent_dim, image_size, channels, width)
        self.second_encoder = Encoder(latent_dim, image_size, channels, width)

    def reencoded(self, image: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """The reconstruction, the latent (B, latent_dim) of the image, and that of the reconstruction."""
        latent = self.encoder(image)
        made = self.decoder(latent)
        return made, latent, self.second_encoder(made)

    def forward(self, image: Tensor, label: Tensor | None = None) -> Tensor:
        return self.decoder(self.encoder(image))
