"""Training goes without torch._dynamo; whoever compiles has the real one, and no second one."""

from tests.lean_imports.new_pythons import modules_after

REAL = "torch._dynamo.eval_frame"
TRAIN_A_STEP = (
    "import project.training.fit, torch",
    "net = torch.nn.Linear(3, 1)",
    "optimizer = torch.optim.Adadelta(net.parameters())",
    "net(torch.ones(2, 3)).sum().backward()",
    "optimizer.step()",
    "optimizer.zero_grad()",
)
ONE_DYNAMO = (
    "import torch._dynamo as dynamo",
    "assert dynamo is torch._dynamo is sys.modules['torch._dynamo']",
    "assert dynamo.eval_frame is sys.modules['torch._dynamo.eval_frame']",
    "assert dynamo.OptimizedModule is dynamo.eval_frame.OptimizedModule",
    "assert dynamo.eval_frame.__spec__.origin.endswith('eval_frame.py')",
)


def test_lightning_and_a_step_of_an_optimizer_do_without() -> None:
    found = modules_after(
        *TRAIN_A_STEP,
        # Whoever looks through all modules means nothing by it.
        "import inspect",
        "assert inspect.getmodule(type('Unknown', (), {})) is sys.modules['__main__']",
        "[getattr(each, '__version__', None) for each in list(sys.modules.values())]",
    )
    assert {"pytorch_lightning", "torch._dynamo"} <= found
    assert REAL not in found


def test_without_this_projects_help_lightning_brings_it() -> None:
    """Fails on the day when this module is no longer needed."""
    assert REAL in modules_after("import pytorch_lightning")


def test_who_compiles_has_the_real_one_which_lightning_recognises() -> None:
    found = modules_after(
        *TRAIN_A_STEP,
        "@torch.compiler.disable",
        "def total(tensor):",
        "    assert not torch.compiler.is_compiling()",
        "    return tensor.sum().item()",
        "assert total(torch.ones(3)) == 3",
        "from lightning_fabric.wrappers import OptimizedModule",
        "assert not isinstance(net, OptimizedModule)",
        f"assert '{REAL}' not in sys.modules",
        "compiled = torch.compile(net, backend='eager')",
        "assert torch.equal(compiled(torch.ones(2, 3)), net(torch.ones(2, 3)))",
        "assert isinstance(compiled, OptimizedModule) and not isinstance(net, OptimizedModule)",
        # What was kept from being compiled before is so now.
        "plus_total = torch.compile(lambda tensor: tensor + total(tensor), backend='eager')",
        "assert plus_total(torch.ones(3)).tolist() == [4, 4, 4]",
        "optimizer.step()",
        *ONE_DYNAMO,
    )
    assert REAL in found


def test_asked_for_by_one_of_its_modules_it_is_imported_once() -> None:
    found = modules_after(
        "import project.training.fit, torch",
        "import torch._dynamo.eval_frame as eval_frame",
        "assert eval_frame is sys.modules['torch._dynamo.eval_frame']",
        *ONE_DYNAMO,
    )
    assert REAL in found
