"""Diagram of the model: `python docs/figures/model.py` writes model.svg beside this file.

Numbers are those of the default settings (ViT-B, 16 frames of 224 x 224, mask ratio 0.9); a test
compares them with the code. No font is embedded: boxes leave room for wide ones.
"""

import math
from pathlib import Path

WIDTH, HEIGHT = 1120, 450
CELLS, SIDE = 7, 77.0
CELL = SIDE / CELLS
VISIBLE = {(0, 4), (2, 5), (3, 1), (4, 3), (6, 2)}
"""(row, column) of the visible cells of the drawing: 5 of 49, as 20 of 196."""
INK, GRAY, MASK, FUSED = "#24292f", "#57606a", "#b9c0c8", "#b79be0"
VIDEO, AUDIO, FUSION, DECODER, HEAD = "#2f6db5", "#c8731a", "#7a4fb3", "#1f8a70", "#b03a5b"
TINTS = {VIDEO: "#e6f0fb", AUDIO: "#fdf0e0", FUSION: "#f1eafa", DECODER: "#e3f4ef", HEAD: "#fbe8ee"}
SHADES = ((253, 53), (236, 121), (214, 188))
"""Red, green and blue of the lowest MFCC, and how much less the highest has."""
FONT = "-apple-system, 'Segoe UI', Helvetica, Arial, sans-serif"


def rect(
    x: float, y: float, w: float, h: float, fill: str, stroke: str = "none", **more: float
) -> str:
    """Return a rectangle; `more` are attributes such as rx."""
    extra = "".join(f' {name.replace("_", "-")}="{value:g}"' for name, value in more.items())
    place = f'x="{x:g}" y="{y:g}" width="{w:g}" height="{h:g}"'
    return f'<rect {place} fill="{fill}" stroke="{stroke}"{extra}/>'


def text(
    x: float, y: float, content: str, *, size: float = 13, fill: str = INK, bold: bool = False
) -> str:
    """Return a centered line of text; T_v, T_a and T_con get a subscript."""
    for name in ("con", "v", "a"):
        small = f'<tspan dy="3" font-size="{size * 0.75:g}">{name}</tspan>'
        content = content.replace(f"T_{name}", f'T{small}<tspan dy="-3">\u200b</tspan>')
    weight = ' font-weight="600"' if bold else ""
    place = f'x="{x:g}" y="{y:g}" font-size="{size:g}"'
    return f'<text {place} fill="{fill}"{weight}>{content}</text>'


def caption(x: float, y: float, title: str, *lines: str) -> str:
    """Return a title and smaller lines below it."""
    parts = [text(x, y, title, bold=True)]
    parts += [text(x, y + 16 * n, line, size=12, fill=GRAY) for n, line in enumerate(lines, 1)]
    return "\n".join(parts)


def box(x: float, y: float, w: float, h: float, color: str, title: str, *lines: str) -> str:
    """Return a rounded box with a caption in its middle."""
    outline = rect(x, y, w, h, TINTS[color], color, rx=8, stroke_width=1.6)
    return f"{outline}\n{caption(x + w / 2, y + h / 2 - 8 * len(lines) + 5, title, *lines)}"


def arrow(*points: tuple[float, float], color: str = INK) -> str:
    """Return a line through `points` with a head at its end."""
    path = " ".join(f"{x:g},{y:g}" for x, y in points)
    style = f'fill="none" stroke="{color}" stroke-width="1.8" stroke-linejoin="round"'
    return f'<polyline points="{path}" {style} marker-end="url(#head{color[1:]})"/>'


def dot(x: float, y: float, color: str) -> str:
    """Return the mark of a line that branches."""
    return f'<circle cx="{x:g}" cy="{y:g}" r="3.2" fill="{color}"/>'


def tokens(x: float, y: float, colors: list[str]) -> str:
    """Return a column of tokens."""
    return "\n".join(
        rect(x, y + 14 * n, 11, 11, color, INK, rx=2) for n, color in enumerate(colors)
    )


def panel(x: float, y: float, h: float, color: str, title: str) -> list[str]:
    """Return the background and the title of a training stage."""
    return [
        rect(x, y, 322, h, "#fbfcfd", color, rx=10, stroke_width=1.2, stroke_dasharray=5),
        text(x + 161, y + 23, title, bold=True, size=15, fill=color),
    ]


def definitions() -> str:
    """Return arrowheads, and the four frames of the drawn video: a ball over hills."""
    size = 'viewBox="0 0 8 8" refX="7" refY="4" markerWidth="8" markerHeight="8" orient="auto"'
    parts = [
        f'<marker id="head{color[1:]}" {size} markerUnits="userSpaceOnUse">'
        f'<path d="M0,0 L8,4 L0,8 z" fill="{color}"/></marker>'
        for color in (INK, *TINTS)
    ]
    parts.append(f'<clipPath id="edge"><rect width="{SIDE:g}" height="{SIDE:g}"/></clipPath>')
    for time in range(4):
        x, y = ball(time)
        parts.append(
            f'<g id="frame{time}" clip-path="url(#edge)">'
            f"{rect(0, 0, SIDE, SIDE, '#cfe6fb')}"
            f'<path d="M0,58 Q17,43 35,54 T77,50 V77 H0 z" fill="#7fb77a"/>'
            f'<circle cx="{x:g}" cy="{y:g}" r="12" fill="#e8704a"/></g>'
        )
    return f"<defs>{''.join(parts)}</defs>"


def ball(time: int) -> tuple[float, float]:
    """Return the center of the ball in frame `time`."""
    return round(18 + 16 * time, 1), round(36 - 14 * math.sin(math.pi * time / 3), 1)


def color_at(x: float, y: float, time: int) -> str:
    """Return the color of the drawn video around a point, as a coarse prediction has it."""
    ball_x, ball_y = ball(time)
    if math.hypot(x - ball_x, y - ball_y) < 14:
        return "#e38a6a"
    return "#93c08d" if y > 60 - 6 * math.sin(x / 13) else "#d3e5f5"


def frames(x: float, y: float, kind: str) -> str:
    """Return four frames, the first in front: `input`, `masked` or `predicted`."""
    cells = [(row, column) for row in range(CELLS) for column in range(CELLS)]
    hidden = [cell for cell in cells if cell not in VISIBLE]
    grid = "".join(f"M{CELL * n:g},0v{SIDE:g}M0,{CELL * n:g}h{SIDE:g}" for n in range(1, CELLS))
    parts = []
    for time in reversed(range(4)):
        inner = [f'<use href="#frame{time}"/>']
        if kind == "masked":
            squares = "".join(
                f"M{CELL * column:g},{CELL * row:g}h{CELL:g}v{CELL:g}h-{CELL:g}z"
                for row, column in hidden
            )
            inner.append(f'<path d="{squares}" fill="{MASK}"/>')
        if kind == "predicted":
            for row, column in hidden:
                fill = color_at(CELL * (column + 0.5), CELL * (row + 0.5), time)
                inner.append(rect(CELL * column, CELL * row, CELL, CELL, fill))
        if kind != "input":
            inner.append(f'<path d="{grid}" stroke="#fff" stroke-width="0.8"/>')
        inner.append(rect(0, 0, SIDE, SIDE, "none", INK))
        parts.append(f'<g transform="translate({x + 10 * time:g},{y - 8 * time:g})">')
        parts.append("".join(inner) + "</g>")
    return "\n".join(parts)


def waveform(x: float, y: float) -> str:
    """Return a waveform 100 wide around the height `y`."""
    bars = []
    for n in range(34):
        envelope = math.sin(0.35 * n) * math.sin(0.12 * n + 0.4) + 0.2 * math.sin(2.3 * n)
        height = 6 + 22 * abs(envelope)
        bars.append(f"M{x + 3 * n:g},{y - height:.1f}V{y + height:.1f}")
    return f'<path d="{"".join(bars)}" stroke="{AUDIO}" stroke-width="1.8" stroke-linecap="round"/>'


def mfcc(x: float, y: float) -> str:
    """Return a map of 16 steps by 9 coefficients, 6 x 7 each."""
    parts = []
    for step in range(16):
        for row in range(9):
            wave = math.sin(0.55 * step + 0.9 * row) * math.cos(0.31 * step * (1 + row % 3))
            red, green, blue = (round(a - b * (1 + wave) / 2) for a, b in SHADES)
            fill = f"#{red:02x}{green:02x}{blue:02x}"
            parts.append(rect(x + 6 * step, y + 7 * row, 6.2, 7.2, fill))
    return "\n".join([*parts, rect(x, y, 96, 63, "none", INK)])


def scores(x: float, y: float) -> str:
    """Return bars of class probabilities, the second being the answer."""
    bars = [
        rect(x, y + 12 * n, w, 9, HEAD if n == 1 else "#eab9c6", rx=2)
        for n, w in enumerate((18, 62, 11, 26, 7))
    ]
    return "\n".join(bars)


def draw() -> str:
    """Return the SVG document."""
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 26 {WIDTH} {HEIGHT}" width="{WIDTH}" '
        f'height="{HEIGHT}" font-family="{FONT}" text-anchor="middle">',
        "<title>AV-MaskEnhancer as avme implements it</title>",
        definitions(),
        rect(0, 26, WIDTH, HEIGHT, "#fff", rx=10),
        # Video
        frames(18, 92, "input"),
        caption(71, 194, "Video", "16 frames", "224 x 224"),
        arrow((128, 116), (148, 116), color=VIDEO),
        frames(154, 92, "masked"),
        caption(207, 194, "Tube mask", "90 %, the same cells", "in every frame"),
        arrow((264, 116), (284, 116), color=VIDEO),
        tokens(289, 83, ["#8fb8e8"] * 5),
        arrow((304, 116), (322, 116), color=VIDEO),
        box(324, 76, 118, 80, VIDEO, "Video encoder", "ViT-B", "12 blocks"),
        text(474, 104, "T_v", bold=True),
        text(474, 134, "160 x 768", size=12, fill=GRAY),
        # Audio
        waveform(22, 376),
        caption(71, 432, "Audio", "16 kHz", "same time span"),
        arrow((128, 376), (152, 376), color=AUDIO),
        mfcc(158, 344),
        caption(207, 432, "MFCC", "256 x 13, four rows", "per source frame"),
        arrow((258, 376), (322, 376), color=AUDIO),
        box(324, 336, 118, 80, AUDIO, "Audio encoder", "SE-ResNet34", "(TalkNet)"),
        text(474, 364, "T_a", bold=True),
        text(474, 394, "64 x 768", size=12, fill=GRAY),
        # Fusion
        rect(510, 40, 214, 420, "#faf8fd", FUSION, rx=10, stroke_width=1.6),
        text(617, 63, "Cross-attention fusion", bold=True, size=15, fill=FUSION),
        box(558, 78, 152, 76, VIDEO, "Cross-attention", "Q = T_v;  K, V = T_a", "residual, MLP"),
        box(558, 338, 152, 76, AUDIO, "Cross-attention", "Q = T_a;  K, V = T_v", "residual, MLP"),
        box(558, 190, 152, 46, FUSION, "Concatenate", "channels"),
        box(558, 264, 152, 46, AUDIO, "Align", "mean per time slot"),
        arrow((442, 116), (556, 116), color=VIDEO),
        arrow((526, 116), (526, 400), (556, 400), color=VIDEO),
        arrow((442, 376), (556, 376), color=AUDIO),
        arrow((540, 376), (540, 140), (556, 140), color=AUDIO),
        dot(526, 116, VIDEO),
        dot(540, 376, AUDIO),
        arrow((634, 154), (634, 188), color=VIDEO),
        arrow((634, 338), (634, 312), color=AUDIO),
        arrow((634, 264), (634, 238), color=AUDIO),
        text(634, 434, "T_con: 160 x 1536, one", size=12, fill=GRAY),
        text(634, 450, "per visible video token", size=12, fill=GRAY),
        *panel(784, 40, 206, DECODER, "Pretraining"),
        *panel(784, 264, 196, HEAD, "Fine-tuning"),
        arrow((710, 213), (762, 213), (762, 132), (796, 132), color=FUSION),
        arrow((762, 213), (762, 356), (796, 356), color=FUSION),
        dot(762, 213, FUSION),
        text(741, 201, "T_con", bold=True),
        # Pretraining
        tokens(801, 84, [FUSED, MASK, MASK, FUSED, MASK, MASK, MASK]),
        arrow((816, 132), (836, 132), color=DECODER),
        box(838, 92, 108, 80, DECODER, "Decoder", "4 blocks", "width 384"),
        arrow((946, 132), (972, 132), color=DECODER),
        frames(978, 108, "predicted"),
        caption(872, 206, "160 visible tokens", "1408 mask tokens"),
        caption(1031, 206, "Reconstruction", "MSE of masked pixels"),
        # Fine-tuning
        box(798, 326, 92, 60, HEAD, "Mean pool", "all tokens"),
        arrow((890, 356), (910, 356), color=HEAD),
        box(912, 326, 100, 60, HEAD, "Classifier", "norm, linear"),
        arrow((1012, 356), (1032, 356), color=HEAD),
        scores(1037, 327),
        text(945, 420, "no mask: 1568 video tokens, no decoder", size=12, fill=GRAY),
        text(945, 437, "one modality alone: no fusion", size=12, fill=GRAY),
    ]
    return "\n".join([*parts, "</svg>"]) + "\n"


if __name__ == "__main__":
    Path(__file__).with_suffix(".svg").write_text(draw(), encoding="utf-8")
