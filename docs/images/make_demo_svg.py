#!/usr/bin/env python3
"""Draws demo.svg, the terminal in the README, from demo.txt, the output of `quorate demo --kill-leader`."""
import pathlib
import xml.sax.saxutils as xml

here = pathlib.Path(__file__).parent
lines = (here / "demo.txt").read_text(encoding="utf-8").splitlines()
width, line_height, top = max(map(len, lines)) * 7.85 + 40, 20, 52


def colour(line):
    for start, name in (("$", "#7ee787"), ("[ROUND", "#e6edf3"), ("LEADER", "#f2cc60"), ("  ", "#79c0ff"), ("The two", "#7ee787"),
                        ("accuracy", "#7ee787")):
        if line.startswith(start):
            return name
    return "#9da7b3"


parts = [f'<svg xmlns="http://www.w3.org/2000/svg" width="{width:.0f}" height="{top + line_height * len(lines) + 12}" role="img" '
         'aria-label="quorate demo on a terminal">',
         '<rect width="100%" height="100%" rx="10" fill="#0d1117"/>']
parts += [f'<circle cx="{22 + 20 * i}" cy="22" r="6" fill="{c}"/>' for i, c in enumerate(("#ff5f56", "#ffbd2e", "#27c93f"))]
parts.append('<g font-family="ui-monospace, DejaVu Sans Mono, Menlo, Consolas, monospace" font-size="13" xml:space="preserve">')
parts += [f'<text x="20" y="{top + line_height * i + 8}" fill="{colour(line)}">{xml.escape(line)}</text>' for i, line in enumerate(lines)]
parts += ["</g>", "</svg>"]
(here / "demo.svg").write_text("\n".join(parts) + "\n", encoding="utf-8")
