import re
from pathlib import Path

import project.framework

README = Path(project.framework.__file__).with_name("README.md")


def test_the_code_of_the_readme_runs():
    blocks = re.findall(r"^```python\n(.*?)^```", README.read_text(encoding="utf-8"), re.M | re.S)
    assert len(blocks) >= 2
    exec(compile("\n".join(blocks), str(README), "exec"), {})
