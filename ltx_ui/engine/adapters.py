"""LoRAs in a transformer: layers beside its own, whose weights stay as they are.

So they can be taken out again, beside weights of 8 and 4 bits too, and whether the blocks are
streamed or not. Nothing is compiled or recorded while there are some.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from peft.tuners.lora import LoraLayer
from torch import Tensor, nn

from ltx_ui.engine.loras import UnusableLora, check_fits, read_header, read_weights
from ltx_ui.engine.streaming import renew, settle
from ltx_ui.errors import ModelUnavailable
from ltx_ui.inputs import LoraData

_LORA, _LEADS = "lora_", "ic_lora_"
"""How the names begin that LoRAs have in a transformer, and IC-LoRAs."""


def add(
    transformer: Any,
    name: str,
    weights: Mapping[str, Tensor],
    metadata: Mapping[str, Any] | None = None,
) -> None:
    """Add a LoRA's layers to a transformer, beside those of others that are in it.

    Args:
        name: what :func:`remove` takes it out by; without a dot.
        weights: by the names of the transformer's layers.
        metadata: what peft's configuration is made from; None to make it from the weights.
    """
    dtype = transformer.dtype
    # Sorted: diffusers takes what does not begin with a lora_A for another format. Given the
    # pipeline, it would also apply offloading to all other parts again.
    transformer.load_lora_adapter(
        dict(sorted(weights.items())),
        prefix=None,
        adapter_name=name,
        low_cpu_mem_usage=True,
        metadata=metadata,
    )
    for key, parameter in transformer.named_parameters():
        # Beside float8 weights it was converted to float8 as well, which it can't be computed in.
        if f".{name}." in key and parameter.dtype != dtype:
            exact = weights[key.replace(f".{name}", "")]
            parameter.data = exact.to(parameter.device, dtype)
    for module in transformer.modules():
        # Layers that had one before go on with that one alone.
        if isinstance(module, LoraLayer):
            module.set_adapter([*module.lora_A], inference_mode=True)
    renew(transformer)


def remove(transformer: Any, name: str) -> None:
    """Take a LoRA's layers out of a transformer, which is as before once the last one is out."""
    if set(_names(transformer)) <= {name}:
        transformer.unload_lora()
    else:
        transformer.delete_adapters(name)
    settle(transformer)


def linear_shapes(transformer: Any) -> dict[str, tuple[int, int]]:
    """How wide the inputs and the outputs of a transformer's linear layers are, by their names,
    while it has no LoRA."""
    return {
        name: (module.in_features, module.out_features)
        for name, module in transformer.named_modules()
        if isinstance(module, nn.Linear)
    }


@contextmanager
def at_rest(transformer: Any) -> Iterator[None]:
    """Let IC-LoRAs add nothing inside the block."""
    layers = [module for module in transformer.modules() if isinstance(module, LoraLayer)]
    before = [dict(layer.scaling) for layer in layers]
    for layer in layers:
        layer.scaling |= {name: 0.0 for name in layer.scaling if name.startswith(_LEADS)}
    try:
        yield
    finally:
        for layer, scaling in zip(layers, before, strict=True):
            layer.scaling |= scaling


class Adapters:
    """The LoRAs that recipes name, in one transformer. They stay in it until a clip is made with
    others, or with none.

    Args:
        transformer: has no LoRA yet.
        title: the model's, for errors.

    Attributes:
        shapes: of the transformer's linear layers, as of :func:`linear_shapes`.
    """

    def __init__(self, transformer: Any, title: str = "this model") -> None:
        self._transformer, self._title = transformer, title
        self._loaded: dict[str, str] = {}
        self.shapes = linear_shapes(transformer)

    def use(self, loras: Sequence[LoraData]) -> None:
        """Have exactly these in the transformer, with their strengths.

        Raises:
            ModelUnavailable: a file can't be used; the transformer has none then.
        """
        if [lora.sha256 for lora in loras] != [*self._loaded]:
            self.remove()
            try:
                for lora in loras:
                    self._add(lora)
            except BaseException:
                self.remove()
                raise
        for lora in loras:
            for module in self._transformer.modules():
                if isinstance(module, LoraLayer):
                    module.set_scale(self._loaded[lora.sha256], lora.strength)

    def remove(self) -> None:
        """Have none in the transformer."""
        if self._loaded:
            self._transformer.unload_lora()
            settle(self._transformer)
            self._loaded = {}

    def _add(self, lora: LoraData) -> None:
        name = f"{_LEADS if lora.leads else _LORA}{len(self._loaded)}"
        try:
            check_fits(read_header(lora.path), self.shapes, self._title)
            weights = read_weights(lora.path)
        except UnusableLora as error:
            raise ModelUnavailable(f"The LoRA {lora.name} {error}.") from None
        known = {k: v for k, v in weights.items() if k.rpartition(".lora_")[0] in self.shapes}
        self._loaded[lora.sha256] = name
        add(self._transformer, name, known)


def _names(transformer: Any) -> list[str]:
    return list(getattr(transformer, "peft_config", {}))
