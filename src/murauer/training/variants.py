"""The variants of the paper (table 1, figures 3 and 4): which data and which losses a training uses.

Two are ideas that the paper builds on, with this paper's networks: "feature_mapping" (Rad et al. 2018) learns
m from corresponding frames alone, "preview" (Poier et al. 2018) predicts views of real frames alone.
"""

import msgspec

from murauer.errors import UserError


class Variant(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a training uses; nothing else distinguishes the variants.

    Attributes:
        title: Name in tables and figures, as in the paper.
        synthetic: Labelled synthetic frames, eq. (5), and pre-training on them.
        real: The n labelled real frames, eq. (5).
        mapping: The mapping m with the correspondence loss, eq. (8), on labelled frames and synthetic pairs.
        view_prediction: Eq. (10) on unlabelled pairs of views, of each domain that is used.
        matching: Eqs. (12) and (13) on unlabelled frames.
    """

    title: str
    synthetic: bool = True
    real: bool = True
    mapping: bool = False
    view_prediction: bool = False
    matching: bool = False


VARIANTS: dict[str, Variant] = {
    "synth_only": Variant("Synth only", real=False),
    "real_only": Variant("Real only", synthetic=False),
    "real_and_synth": Variant("Real&Synth"),
    "feature_mapping": Variant("Real&Synth | Feature Mapping", mapping=True),
    "distr_match": Variant("Real&Synth | Distr. Match", mapping=True, matching=True),
    "view_pred": Variant("Real&Synth | View Pred.", mapping=True, view_prediction=True),
    "full": Variant("Real&Synth | Full", mapping=True, view_prediction=True, matching=True),
    "preview": Variant("PreView", synthetic=False, view_prediction=True),
}


def find_variant(name: str) -> Variant:
    """Look a variant up by its name.

    Raises:
        UserError: There is none of that name.
    """
    try:
        return VARIANTS[name]
    except KeyError:
        raise UserError(f"unknown variant '{name}'; choose one of {', '.join(VARIANTS)}") from None
