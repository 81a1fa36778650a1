"""Import the weights that the paper's authors published: a model for every command that takes one.

murauer import weights FILE.pth --out model.safetensors
murauer import weights FILE.pth --discriminator DISCRIMINATOR.pth --labels 100 --out model.safetensors

FILE holds a state dict of the published code, tensors by name, as torch.save or safetensors wrote it; a file
that holds anything else is refused. The model cuts hands out as that code does, in whole pixels of the image;
--crop exact leaves that away.
"""

import argparse
from pathlib import Path

from murauer.arguments import positive_int
from murauer.errors import UserError


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument("file", type=Path, metavar="FILE", help="weights of f, m, p and g")
    parser.add_argument("--out", type=Path, required=True, metavar="FILE.safetensors", help="file to write")
    parser.add_argument("--discriminator", type=Path, metavar="FILE", help="weights of h, to train on with")
    parser.add_argument(
        "--crop",
        choices=("published", "exact"),
        default="published",
        help="how hands are cut out (default: published)",
    )
    parser.add_argument(
        "--labels",
        type=positive_int,
        metavar="N",
        help="labelled real frames that they were trained with, for tables and figures",
    )


def run(args: argparse.Namespace) -> None:
    """Carry the command out."""
    from murauer.nets.published_weights import import_published  # start-up

    if args.out.suffix != ".safetensors":
        raise UserError(f"a model is written as .safetensors, not as {args.out}; choose such a name")
    counts = import_published(args.file, args.out, args.discriminator, box=args.crop, labels=args.labels)
    print(f"{args.out}: parameters of {', '.join(f'{name} {count:,}' for name, count in counts.items())}")
