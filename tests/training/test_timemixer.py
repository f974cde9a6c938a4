from __future__ import annotations

import io

import numpy as np
import onnxruntime
import pytest
import torch

from training.export_network import network_to_onnx
from training.timemixer import EarlyWarning, Forecaster, Ladder, Shape, averaging, scales_of

LENGTH = 128  # quarter-hours of a window; 32 hours
SMALL = Shape(length=32, coarser=2, width=8, inner=8, blocks=2, moving_average=5)


@pytest.fixture(scope="module")
def network() -> EarlyWarning:
    torch.manual_seed(0)
    return EarlyWarning((2, 1), 6, 4, SMALL).eval()


def test_each_scale_is_the_average_of_pairs_of_the_finer() -> None:
    series = torch.randn(2, 3, 8)
    fine, middle, coarse = scales_of(series, 2)
    torch.testing.assert_close(middle[..., 1], fine[..., 2:4].mean(2))
    torch.testing.assert_close(coarse[..., 0], fine[..., :4].mean(2))


def test_the_trend_is_the_moving_average_with_the_ends_repeated() -> None:
    series = np.random.default_rng(0).normal(size=20)
    padded = np.pad(series, 2, mode="edge")
    expected = np.convolve(padded, np.ones(5) / 5, mode="valid")
    found = torch.tensor(series, dtype=torch.float32) @ averaging(20, 5)
    np.testing.assert_allclose(found.numpy(), expected, atol=1e-6)


def test_a_ladder_leaves_its_first_scale_and_tells_every_later_one_of_all_before() -> None:
    torch.manual_seed(0)
    ladder, scales = Ladder([8, 4, 2]), [torch.zeros(1, 1, n) for n in (8, 4, 2)]
    before = ladder(scales)
    after = ladder([scales[0] + 1, *scales[1:]])
    torch.testing.assert_close(after[0], scales[0] + 1)
    assert all((after[k] - before[k]).abs().max() > 1e-4 for k in (1, 2))


def test_a_length_that_does_not_halve_is_refused() -> None:
    with pytest.raises(ValueError, match="halved 3 times"):
        EarlyWarning((2, 1), 6, 4, Shape(length=100))


def test_a_forecast_follows_the_level_and_the_spread_of_its_window() -> None:
    torch.manual_seed(0)
    forecaster, series = Forecaster(2, 8, SMALL).eval(), torch.randn(4, 32, 2)
    with torch.no_grad():
        torch.testing.assert_close(forecaster(100 + 7 * series), 100 + 7 * forecaster(series), rtol=1e-3, atol=1e-2)


def test_a_variable_of_a_forecast_depends_on_no_other() -> None:
    torch.manual_seed(0)
    forecaster, series = Forecaster(2, 8, SMALL).eval(), torch.randn(4, 32, 2)
    other = series.clone()
    other[..., 1] = torch.randn(4, 32)
    with torch.no_grad():
        torch.testing.assert_close(forecaster(series)[..., 0], forecaster(other)[..., 0])


def test_a_chance_never_falls_with_the_horizon_and_severity_is_a_share(network: EarlyWarning) -> None:
    with torch.no_grad():
        hazard, kind, severity = network(10 * torch.randn(50, LENGTH, 3))
    assert (hazard.diff(dim=1) >= 0).all()
    assert hazard.shape == (50, 6)
    assert kind.shape == (50, 4)
    assert ((severity >= 0) & (severity <= 1)).all()


def test_a_window_is_answered_alone_as_among_others(network: EarlyWarning) -> None:
    windows = torch.randn(5, LENGTH, 3)
    with torch.no_grad():
        together, alone = network(windows), network(windows[2:3])
    for both, one in zip(together, alone, strict=True):
        torch.testing.assert_close(both[2:3], one, rtol=1e-4, atol=1e-5)


def test_the_graph_answers_any_number_of_windows_as_the_network_does(network: EarlyWarning) -> None:
    graph = network_to_onnx(network, LENGTH, 3)
    session = onnxruntime.InferenceSession(graph)
    for count in (1, 7):
        windows = torch.randn(count, LENGTH, 3)
        hazard, kind, severity = session.run(["hazard", "type", "severity"], {"window": windows.numpy()})
        with torch.no_grad():
            expected = network(windows)
        np.testing.assert_allclose(hazard, expected[0].numpy(), atol=1e-4)
        np.testing.assert_allclose(kind, expected[1].numpy(), atol=1e-4)
        np.testing.assert_allclose(severity, expected[2].numpy(), atol=1e-5)


def test_the_graph_names_no_folder_of_the_machine_that_wrote_it(network: EarlyWarning) -> None:
    graph = io.BytesIO(network_to_onnx(network, LENGTH, 3)).getvalue()
    assert b".py" not in graph
