"""Dropouts: lost packets of audio, replaced by silence.

Shape letters: n samples.
"""

from typing import Final

import numpy as np
from jaxtyping import Int16

_PACKET_SAMPLES: Final = 320
"""20 ms at 16 kHz, a usual packet of telephony."""
_MIN_PACKETS: Final = 20


def dropouts(
    samples: Int16[np.ndarray, " n"], fraction: float, draw: np.random.Generator
) -> Int16[np.ndarray, " n"]:
    """Set random packets of 20 ms to zero; those of a severity are among those of the next.

    Args:
        samples: Mono samples at 16 kHz. Less than 400 ms are split into 20 packets.
        fraction: Fraction of packets that are lost.
        draw: Random generator of the clip.
    """
    length = max(1, min(_PACKET_SAMPLES, len(samples) // _MIN_PACKETS))
    packet = np.arange(len(samples)) // length
    num_packets = -(-len(samples) // length)
    lost = np.zeros(num_packets, dtype=bool)
    lost[draw.permutation(num_packets)[: round(fraction * num_packets)]] = True
    return np.where(lost[packet], np.int16(0), samples)
