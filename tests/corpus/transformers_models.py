"""Every model type of transformers, tiny: sizes of its own configuration class are replaced."""

import os
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

from corpus.cases import Case

_WIDTHS = ("hidden_size", "d_model", "n_embd", "embed_dim", "dim")
_DEPTHS = (
    *("num_hidden_layers", "n_layer", "num_layers", "n_layers", "encoder_layers"),
    *("decoder_layers", "num_encoder_layers", "num_decoder_layers"),
)
_HEADS = (
    *("num_attention_heads", "n_head", "num_heads", "n_heads", "encoder_attention_heads"),
    *("decoder_attention_heads", "num_key_value_heads"),
)
_INNER = (
    *("intermediate_size", "ffn_dim", "d_ff", "n_inner", "encoder_ffn_dim", "decoder_ffn_dim"),
)
_EXPERTS = ("num_experts", "num_local_experts", "n_routed_experts")
_SIZES = {
    **dict.fromkeys(_WIDTHS, 32),
    **dict.fromkeys(_DEPTHS, 2),
    **dict.fromkeys(_HEADS, 4),
    **dict.fromkeys(_INNER, 64),
    **dict.fromkeys(_EXPERTS, 4),
    **{"moe_intermediate_size": 32, "head_dim": 8, "vocab_size": 128, "image_size": 32},
    **{"max_position_embeddings": 64, "patch_size": 8},
    **{"pad_token_id": 0, "bos_token_id": 1, "eos_token_id": 2},
}


def _own(config: Any, name: str) -> Any:
    """A setting of a configuration; None where it has none, or one for each layer."""
    try:
        return getattr(config, name, None)
    except (ValueError, NotImplementedError):  # as classes with a setting for each layer raise
        return None


def _smaller(config: Any, sizes: dict[str, int]) -> dict[str, Any]:
    """Arguments that make a configuration like this one tiny."""
    computed = getattr(type(config), "attribute_map", {})
    given: dict[str, Any] = {
        name: size
        for name, size in sizes.items()
        if type(_own(config, name)) is int and name not in computed
    }
    for name in getattr(type(config), "sub_configs", {}):
        part = _own(config, name)
        if hasattr(part, "model_type"):
            given[name] = {"model_type": part.model_type, **_smaller(part, sizes)}
    return given


def _configurations(config_class: Any) -> Iterator[Callable[[], Any]]:
    """Configurations from tiny to what the class has by itself; some classes refuse the first."""
    depths = dict.fromkeys(_DEPTHS, 2)
    for sizes in (_SIZES, {**dict.fromkeys(_WIDTHS, 64), **depths}, depths):
        yield lambda sizes=sizes: config_class(**_smaller(config_class(), sizes))
    yield config_class


def _build(config_class: Any, mapping: Any) -> Any:
    model_class = mapping[config_class]
    if isinstance(model_class, tuple):
        model_class = model_class[0]
    errors: list[Exception] = []
    for configuration in _configurations(config_class):
        try:
            return model_class(configuration())
        except TimeoutError:
            raise
        except Exception as error:  # of whatever type a class's own checks raise
            errors.append(error)
    raise errors[0]


def _feed(model: Any) -> Any:
    return model.eval()(**model.dummy_inputs)


def cases() -> Iterator[Case]:
    """One case for each configuration class: its language model, where there is one."""
    os.environ.setdefault("HF_HUB_OFFLINE", "1")
    from transformers.models.auto import modeling_auto as auto

    mappings = (
        (auto.MODEL_FOR_CAUSAL_LM_MAPPING, "gpt2"),
        (auto.MODEL_FOR_MASKED_LM_MAPPING, "bert"),
        (auto.MODEL_FOR_SEQ_TO_SEQ_CAUSAL_LM_MAPPING, "bert"),
        (auto.MODEL_MAPPING, "bert"),
    )
    seen = set()
    for mapping, recipe in mappings:
        for config_class in mapping.keys():  # noqa: SIM118 (its iterator is another thing)
            if config_class in seen:
                continue
            seen.add(config_class)
            build = partial(_build, config_class, mapping)
            yield Case("transformers", config_class.model_type, build, recipe, _feed)
