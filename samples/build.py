"""Make the PDF and DOCX documents of the sample matters from their sources: `python -m samples.build`.

The TXT, MD and EML documents are their own sources. With `--out FOLDER` the documents go there instead.
"""

import argparse
from pathlib import Path

from samples import markup, typeset, word

HERE = Path(__file__).parent
BUILDERS = {"pdf": typeset.build, "docx": word.build}


def build(out: Path) -> list[Path]:
    """Build every source to `out`/<matter>/<name>.<format>; returns what was written."""
    return [_one(path, out) for path in sorted((HERE / "sources").glob("*/*.md"))]


def _one(path: Path, out: Path) -> Path:
    source = markup.read(path)
    target = out / path.parent.name / f"{path.stem}.{source.facts['format']}"
    target.parent.mkdir(parents=True, exist_ok=True)
    BUILDERS[source.facts["format"]](source, target)
    return target


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=HERE, help="folder for the documents")
    build(parser.parse_args().out)
