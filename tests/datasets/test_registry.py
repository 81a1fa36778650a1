import subprocess
import sys

import pytest

from murauer.datasets import DATASETS
from murauer.errors import UserError


def test_names_cost_no_reader():
    program = "import sys, murauer.datasets as d; print(*d.DATASETS, 'torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.split() == [*DATASETS, "False"]


@pytest.mark.parametrize("name", DATASETS)
def test_a_folder_of_something_else_is_refused_in_one_sentence(tmp_path, name):
    (tmp_path / "holiday.jpg").write_text("sea")
    with pytest.raises(UserError) as error:
        DATASETS[name](tmp_path)
    assert str(tmp_path) in str(error.value)
    assert "\n" not in str(error.value)
