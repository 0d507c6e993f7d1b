import json

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from project.framework import Adam, BatchNorm1d, Linear, Sequential, load, save
from tests.framework.parity import CLAIM

FLOATS = {
    torch.float32: st.floats(width=32, allow_nan=False),
    torch.float64: st.floats(width=64, allow_nan=False),
}
BITS = {torch.float32: torch.int32, torch.float64: torch.int64}


@pytest.mark.parametrize("dtype", FLOATS)
@CLAIM
@given(data=st.data())
def test_every_number_comes_back_from_the_file_bit_for_bit(tmp_path_factory, dtype, data):
    values = torch.tensor(data.draw(st.lists(FLOATS[dtype], max_size=20)), dtype=dtype)
    path = tmp_path_factory.getbasetemp() / "state.json"
    save({"values": values}, path)
    loaded = load(path)["values"]
    assert loaded.dtype == dtype
    assert torch.equal(loaded.view(BITS[dtype]), values.view(BITS[dtype]))


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.int64])
@pytest.mark.parametrize("shape", [(), (0,), (3,), (2, 3), (2, 0, 4)])
def test_names_shapes_and_dtypes_come_back_from_the_file(tmp_path, dtype, shape):
    state = {"b": torch.ones(shape, dtype=dtype), "a": torch.zeros(shape, dtype=dtype)}
    save(state, tmp_path / "state.json")
    loaded = load(tmp_path / "state.json")
    assert list(loaded) == ["b", "a"]
    assert all(torch.equal(loaded[name], tensor) for name, tensor in state.items())
    assert all(loaded[name].dtype == dtype for name in state)


def test_not_a_number_stays_one(tmp_path):
    save({"x": torch.tensor([float("nan"), 1.0])}, tmp_path / "state.json")
    assert load(tmp_path / "state.json")["x"].isnan().tolist() == [True, False]


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_a_net_loaded_from_a_file_answers_bit_for_bit_alike(tmp_path, dtype):
    def net(seed: int) -> Sequential:
        generator = torch.Generator().manual_seed(seed)
        return Sequential(
            Linear(3, 4, generator=generator, dtype=dtype), BatchNorm1d(4, dtype=dtype)
        )

    trained, fresh, x = net(0), net(1), torch.rand(9, 3, dtype=dtype)
    trained.forward(x)
    save(trained.state(), tmp_path / "net.json")
    fresh.load_state(load(tmp_path / "net.json"))
    assert torch.equal(fresh.eval().forward(x), trained.eval().forward(x))


def test_a_state_is_a_copy_and_loading_it_copies():
    layer = Linear(2, 2)
    state = layer.state()
    kept = state["weight"].clone()
    layer.weight.add_(1)
    assert torch.equal(state["weight"], kept)
    layer.load_state(state)
    layer.weight.add_(1)
    assert torch.equal(state["weight"], kept)


def test_the_state_of_an_optimizer_has_the_same_form(tmp_path):
    optimizer = Adam(Linear(2, 2).param())
    optimizer.step()
    save(optimizer.state(), tmp_path / "adam.json")
    loaded = load(tmp_path / "adam.json")
    assert {name: (t.shape, t.dtype) for name, t in loaded.items()} == {
        "mean": ((6,), torch.float32),
        "square": ((6,), torch.float32),
        "steps": ((), torch.int64),
    }
    assert loaded["steps"].item() == 1


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        ({"bias": None}, ValueError, r"missing \['bias'\], unknown \[\]"),
        ({"scale": torch.ones(1)}, ValueError, r"missing \[\], unknown \['scale'\]"),
        ({"bias": torch.ones(3)}, ValueError, r"bias must be \(2,\), got \(3,\) in the state"),
        ({"bias": torch.ones(2).double()}, TypeError, r"bias must be torch\.float32, got torch\."),
    ],
)
def test_a_state_that_does_not_fit_is_refused_and_changes_nothing(change, error, message):
    layer = Linear(2, 2)
    before = layer.state()
    state = {"weight": torch.zeros(2, 2), "bias": torch.zeros(2), **change}
    with pytest.raises(error, match=message):
        layer.load_state({name: t for name, t in state.items() if t is not None})
    assert all(torch.equal(before[name], tensor) for name, tensor in layer.state().items())


def test_a_dtype_that_the_file_does_not_know_is_refused_and_the_old_file_kept(tmp_path):
    save({"x": torch.ones(1)}, tmp_path / "state.json")
    with pytest.raises(TypeError, match="x must be one of float32, float64, int64, got float16"):
        save({"x": torch.ones(1).half()}, tmp_path / "state.json")
    assert load(tmp_path / "state.json")["x"].item() == 1
    assert [path.name for path in tmp_path.iterdir()] == ["state.json"]


@pytest.mark.parametrize(
    "content",
    [
        "not json",
        "[1, 2]",
        json.dumps({"x": 1}),
        json.dumps({"x": {"dtype": "complex64", "shape": [1], "values": [1.0]}}),
        json.dumps({"x": {"dtype": "float32", "shape": [2], "values": [1.0]}}),
    ],
)
def test_a_file_of_another_kind_is_refused_by_name(tmp_path, content):
    path = tmp_path / "other.json"
    path.write_text(content)
    with pytest.raises(ValueError, match=r"other\.json is not a state written by save"):
        load(path)
