"""The page around the results: one HTML file that needs nothing else and runs no script."""

import base64
import html
import io
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from PIL import Image


@dataclass(frozen=True)
class Section:
    """One part of the report.

    Attributes:
        anchor: name within the page.
        title: heading.
        shown: what is shown, one sentence or two.
        look_for: what to look for.
        body: HTML.
    """

    anchor: str
    title: str
    shown: str
    look_for: str
    body: str

    def render(self) -> str:
        """Lay the section out: heading, caption, content."""
        return (
            f'<section id="{self.anchor}"><h2>{html.escape(self.title)}</h2>'
            f'<p class="caption">{html.escape(self.shown)}<br>'
            f"<b>Look for:</b> {html.escape(self.look_for)}</p>{self.body}</section>"
        )


def render_page(title: str, lead: str, sections: Sequence[Section]) -> str:
    """Put the sections on one page, with links to them at its top."""
    links = "".join(f'<a href="#{section.anchor}">{html.escape(section.title)}</a>' for section in sections)
    content = "\n".join(section.render() for section in sections)
    return (
        '<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        '<meta name="color-scheme" content="light dark">'
        f"<title>{html.escape(title)}</title><style>{STYLE}</style></head>\n<body><main>"
        f'<header><h1>{html.escape(title)}</h1><p class="lead">{html.escape(lead)}</p>'
        f"<nav>{links}</nav></header>\n{content}\n</main></body></html>\n"
    )


def data_uri(picture: Image.Image) -> str:
    """Encode a picture as PNG within a URI."""
    file = io.BytesIO()
    picture.save(file, format="PNG", optimize=True)
    return "data:image/png;base64," + base64.b64encode(file.getvalue()).decode()


def picture(image: Image.Image, description: str, pixelated: bool = False) -> str:
    """Embed a picture; `pixelated` enlarges it without blur, to show the pixels that a network sees."""
    kind = ' class="pixels"' if pixelated else ""
    return (
        f'<img{kind} src="{data_uri(image)}" width="{image.width}" height="{image.height}" '
        f'alt="{html.escape(description)}">'
    )


def picture_grid(heads: Sequence[str], rows: Iterable[Sequence[str]], caption: str = "") -> str:
    """Lay pictures out in rows under column heads.

    Args:
        heads: what each column shows.
        rows: pictures as HTML.
        caption: a line of text below.
    """
    cells = "".join(f"<span>{html.escape(text)}</span>" for text in heads)
    cells += "".join(image for row in rows for image in row)
    below = f"<figcaption>{html.escape(caption)}</figcaption>" if caption else ""
    return f'<figure><div class="grid" style="--columns: {len(heads)}">{cells}</div>{below}</figure>'


def panel(content: str, wide: bool = False) -> str:
    """Frame a figure; a wide one takes what the page has."""
    return f'<div class="panel{" wide" if wide else ""}">{content}</div>'


def cards(panels: Iterable[str], least_rem: int) -> str:
    """Place panels side by side as far as the page has room for their least width, in heights of the text."""
    return f'<div class="cards" style="--least: {least_rem}rem">{"".join(panels)}</div>'


def numbers(text: str) -> str:
    """Add results in words below a figure."""
    return f'<p class="numbers">{html.escape(text)}</p>'


def data_table(heads: Sequence[str], rows: Sequence[Sequence[str]], best: int | None = None) -> str:
    """Make a table whose first column names the rows; cells are HTML, `best` marks a row."""
    head = "".join(f'<th scope="col">{html.escape(text)}</th>' for text in heads)
    body = "".join(
        f'<tr{" class=best" if index == best else ""}><th scope="row">{first}</th>'
        + "".join(f"<td>{cell}</td>" for cell in rest)
        + "</tr>"
        for index, (first, *rest) in enumerate(rows)
    )
    return f'<div class="scroll"><table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>'


def fact_list(facts: Iterable[tuple[str, str]]) -> str:
    """List facts by name."""
    items = "".join(f"<dt>{html.escape(name)}</dt><dd>{html.escape(text)}</dd>" for name, text in facts)
    return f"<dl>{items}</dl>"


STYLE = """
:root { color-scheme: light dark;
  --paper: #f7f6f3; --card: #ffffff; --ink: #1c1f26; --soft: #5c6370; --rule: #dcd9d2; --accent: #0a6b9e;
  --accent-soft: #0a6b9e26; --blue: #0072b2; --orange: #d55e00; }
@media (prefers-color-scheme: dark) { :root {
  --paper: #14161b; --card: #1c1f26; --ink: #e8e6e1; --soft: #a2a8b4; --rule: #353a45; --accent: #6bb8e6;
  --accent-soft: #6bb8e633; --blue: #56b4e9; --orange: #f0803c; } }
* { box-sizing: border-box; }
body { margin: 0; background: var(--paper); color: var(--ink); -webkit-text-size-adjust: 100%;
  font: 1.0625rem/1.6 Charter, "Bitstream Charter", "Sitka Text", Cambria, Georgia, serif; }
main { max-width: 68rem; margin: 0 auto; padding: 3rem 1.25rem 4rem; }
h1, h2, nav, table, dl, figcaption, .grid, svg {
  font-family: system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", Arial, sans-serif; }
h1 { font-size: clamp(1.7rem, 5vw, 2.5rem); line-height: 1.15; letter-spacing: -0.02em; margin: 0 0 1rem;
  text-wrap: balance; }
h2 { font-size: 1.35rem; line-height: 1.25; letter-spacing: -0.01em; margin: 0 0 .5rem; }
.lead { font-size: 1.2rem; line-height: 1.5; margin: 0 0 1.5rem; max-width: 48rem; text-wrap: pretty; }
nav { display: flex; flex-wrap: wrap; gap: .4rem 1.1rem; font-size: .9rem; padding: .8rem 0;
  border-block: 1px solid var(--rule); }
a { color: var(--accent); text-decoration: none; }
a:hover { text-decoration: underline; }
section { margin-top: 3.25rem; scroll-margin-top: 1rem; }
.caption { margin: 0 0 1.25rem; max-width: 48rem; color: var(--soft); text-wrap: pretty; }
.caption b { color: var(--ink); font-weight: 600; }
.scroll { overflow-x: auto; background: var(--card); border: 1px solid var(--rule); border-radius: .6rem; }
table { border-collapse: collapse; width: 100%; font-size: .92rem; font-variant-numeric: tabular-nums; }
th, td { padding: .6rem .8rem; text-align: right; vertical-align: top; }
thead th { font-size: .8rem; line-height: 1.3; font-weight: 500; color: var(--soft); vertical-align: bottom; }
tbody tr { border-top: 1px solid var(--rule); }
th:first-child { text-align: left; font-weight: 500; position: sticky; left: 0; background: var(--card);
  white-space: nowrap; }
.cards + .scroll { margin-top: 1rem; }
.best td, .best th { font-weight: 650; }
.bar { display: block; height: .3rem; margin-top: .3rem; border-radius: .15rem;
  background: var(--accent-soft); }
.bar i { display: block; height: 100%; border-radius: inherit; background: var(--accent); }
.grid { display: grid; gap: .45rem; min-width: calc(var(--columns) * 5.2rem);
  grid-template-columns: repeat(var(--columns), minmax(0, 1fr)); }
.grid span { font-size: .78rem; line-height: 1.25; color: var(--soft); align-self: end; }
.cards { display: grid; gap: 1rem;
  grid-template-columns: repeat(auto-fit, minmax(min(100%, var(--least)), 1fr)); }
figure { margin: 0; }
figcaption { font-size: .85rem; line-height: 1.4; margin-top: .55rem; font-variant-numeric: tabular-nums; }
img { display: block; width: 100%; height: auto; border-radius: .35rem; background: #181b22; }
.pixels { image-rendering: pixelated; }
.panel { background: var(--card); border: 1px solid var(--rule); border-radius: .6rem;
  padding: .9rem; min-width: 0; overflow-x: auto; }
.panel svg { display: block; width: 100%; height: auto; max-width: 34rem; margin: 0 auto; color: var(--ink); }
.panel.wide svg { max-width: 56rem; }
svg text { fill: currentColor; }
.numbers { margin: 1rem 0 0; font-size: .95rem; color: var(--soft); max-width: 48rem; }
dl { display: grid; grid-template-columns: minmax(9rem, 16rem) 1fr; margin: 0; font-size: .9rem;
  background: var(--card); border: 1px solid var(--rule); border-radius: .6rem; padding: .4rem 1rem; }
dt, dd { padding: .4rem 0; margin: 0; }
dt { color: var(--soft); padding-right: 1rem; }
dd { overflow-wrap: anywhere; font-variant-numeric: tabular-nums; }
@media (max-width: 36rem) {
  main { padding-top: 1.75rem; }
  .lead { font-size: 1.08rem; }
  dl { grid-template-columns: 1fr; }
  dt { padding-bottom: 0; } dd { padding-top: 0; }
}
@media print { nav { display: none; } section { break-inside: avoid-page; } }
"""
