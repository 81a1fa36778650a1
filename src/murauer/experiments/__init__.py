"""The paper's tables and figures, each one command: `murauer experiment NAME ...`.

An experiment is a module here with `add_arguments(parser)` and `run(args)`, like a command, and a line below.
It is imported only when it is chosen.
"""

EXPERIMENTS = {
    "figure1": "test frames as a baseline and as another run sees them",
    "table1": "errors of published prediction files and of runs, with published figures beside them",
    "figure3": "error over the number of labels, against semi-supervised methods",
    "figure4": "error over the number of labels for the paper's variants: trains all of them",
    "figure5": "t-SNE of corresponding real and synthetic latents, with depth images",
    "figure6": "how far corresponding real and synthetic latents lie apart",
    "figure7": "views predicted from real and from synthetic input",
    "worst": "best and worst frames with the nearest training poses (Figures S3, S4, S5)",
    "views": "errors of predicted views, as the supplement measures them on NYU-CS",
    "ablation": "the variants on a simulated store, with tables for the documentation",
    "selection": "frames that 'murauer select' proposes against random ones, as labels",
}
"""What each module of this package shows, by its name."""
