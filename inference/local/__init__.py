"""Models that run here: vLLM engines, LoRA adapters on top of them, and the prompts they get.

Read in this order: `names` (what `vllm/...` and `hf_local:...` mean), `sources` (folders and Hub
repositories), `adapters`, `options` (`--vllm_options`), `prompts`, `loras` (an engine's adapters),
`engine` (one vLLM engine), `turn` (one engine a device), `engines` (the thread that runs one engine
after another and outlives a call of `ask`). Nothing of this imports vLLM before an engine is to be
started; all but `engine`, `loras` and `guard` is tested without it.
"""

from inference.local.engines import announce, close_engines, engine_reports
from inference.local.names import local_model
from inference.local.needs import require_vllm

__all__ = ["announce", "close_engines", "engine_reports", "local_model", "require_vllm"]
