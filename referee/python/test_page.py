"""The Python of the simulator's page runs as it stands."""

import contextlib
import io
import pathlib
import re
import unittest

from simulator import Simulator

PAGE = pathlib.Path(__file__).parents[2] / "docs" / "simulator.md"


class Page(unittest.TestCase):
    def test_python(self):
        simulator = Simulator()
        self.addCleanup(simulator.stop)
        examples = re.findall(r"^```python\n(.*?)^```", PAGE.read_text(), re.DOTALL | re.MULTILINE)
        self.assertEqual(len(examples), 1)
        said = io.StringIO()
        with contextlib.redirect_stdout(said):
            exec(examples[0].replace("http://127.0.0.1:8787", simulator.url), {})
        self.assertIn("machine learning", said.getvalue())
        self.assertEqual(simulator.truth(1)[0]["status"], 200)
