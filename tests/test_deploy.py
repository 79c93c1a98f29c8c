"""The files in ``deploy/``, as far as they can be looked at without a cluster."""

from __future__ import annotations

import json
import re
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
import yaml
from jsonschema import validate
from sources import ROOT

from ltx_ui.flags import read_settings

DEPLOY = ROOT / "deploy"


def loaded(name: str) -> Any:
    return yaml.safe_load((DEPLOY / name).read_text("utf-8"))


def test_the_cluster_is_as_ray_reads_it() -> None:
    ray = find_spec("ray")
    if ray is None or ray.origin is None:
        pytest.skip("an optional extra: pip install ray")
    schema = Path(ray.origin).parent / "autoscaler" / "ray-schema.json"
    cluster = loaded("ray-cluster.yaml")
    validate(cluster, json.loads(schema.read_text("utf-8")))
    assert cluster["head_node_type"] in cluster["available_node_types"]


def test_the_version_of_ray_is_the_one_that_is_tested() -> None:
    (pin,) = re.findall(r"^ray==(\S+)$", (ROOT / "constraints.txt").read_text("utf-8"), re.M)
    for file in ("ray-cluster.yaml", "Dockerfile"):
        assert re.findall(r"ray\[default\]==([\d.]+)", (DEPLOY / file).read_text("utf-8")) == [pin]
    assert loaded("kuberay.yaml")["spec"]["rayVersion"] == pin


def test_the_studio_is_started_with_flags_that_it_knows() -> None:
    group = loaded("kuberay.yaml")["spec"]["headGroupSpec"]
    (container,) = group["template"]["spec"]["containers"]
    (flags,) = re.findall(r"exec ltx-ui (.*)", container["args"][0])
    settings = read_settings(flags.split(), "ltx-ui", {})
    assert (settings.ray_address, settings.device) == ("auto", "cuda")
