"""Sheet of degraded frames: `python docs/figures/degradations.py VIDEO` writes degradations.png.

The PNG in this folder shows v_BunnyForest_g01_c01 of a cut of Big Buck Bunny, (c) 2008 Blender
Foundation, CC BY 3.0. Any other video may be given.
"""

import sys
from pathlib import Path

import av
import numpy as np

from avme.figures.degradation_sheet import degrade_rows, draw_degradation_sheet

SIDE, NUM_FRAMES, STRIDE = 80, 16, 4
TITLE = "{name}: 16 frames of 80 x 80, severities 1 to 5, PSNR of the window"


def read_window(path: Path) -> np.ndarray:
    """Read the window's frames, scaled and cropped to the middle square."""
    frames = []
    with av.open(str(path)) as container:
        for index, frame in enumerate(container.decode(video=0)):
            if index % STRIDE == 0 and len(frames) < NUM_FRAMES:
                scale = SIDE / min(frame.height, frame.width)
                size = {"width": round(scale * frame.width), "height": round(scale * frame.height)}
                small = frame.reformat(**size, format="rgb24", interpolation="AREA").to_ndarray()
                top, left = (small.shape[0] - SIDE) // 2, (small.shape[1] - SIDE) // 2
                frames.append(small[top : top + SIDE, left : left + SIDE])
    return np.stack(frames)


def draw(video: Path, path: Path) -> None:
    """Write the sheet of a video."""
    rows = degrade_rows(read_window(video), video.stem)
    draw_degradation_sheet(path, rows, TITLE.format(name=video.stem))


if __name__ == "__main__":
    draw(Path(sys.argv[1]), Path(__file__).with_suffix(".png"))
