"""Batch endpoints at half price: the same requests through OpenAI's and Anthropic's batch APIs.

Read in this order: `run` (all requests of a call), `group` (those of one model: submit, wait,
collect, send again what is missing), `purse` (what that may cost), `ledger` (which batches are
out), `lost` (those whose ids were lost), `api` (what both providers have in common),
`openai_batches`, `anthropic_batches`.
"""

from inference.batch_api.run import ask_in_batches

__all__ = ["ask_in_batches"]
